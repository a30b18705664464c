PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo

.PHONY: demo test test-slow test-attacks docs format clean

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

SOURCES := setup.cfg pyproject.toml constraints.txt $(shell find mamlrl envs configs scripts docs/results -name '*.py' -o -name '*.yaml' -o -name '*.pt')
INSTALL := rm -rf build && $(BIN)/python -m pip install --quiet --constraint constraints.txt

$(VENV)/installed: $(SOURCES) | $(BIN)/python
	$(INSTALL) .
	touch $@

$(VENV)/installed-test: $(SOURCES) | $(BIN)/python
	$(INSTALL) '.[test]'
	touch $@

# Meta-train 2D navigation, adapt to held-out tasks, draw and film it. Interrupted, it goes on where it was.
demo: $(VENV)/installed
	@test -e $(DEMO)/run/checkpoints/latest.pt && resume=--resume; \
	$(BIN)/mamlrl train --config navigation2d_tuned --output $(DEMO)/run $$resume
	$(BIN)/mamlrl evaluate $(DEMO)/run/checkpoints/latest.pt --json $(DEMO)/evaluation.json
	$(BIN)/mamlrl plot curves $(DEMO)/run --output $(DEMO)/learning_curve.png
	$(BIN)/mamlrl plot adaptation $(DEMO)/evaluation.json --output $(DEMO)/adaptation.png
	$(BIN)/mamlrl plot paths $(DEMO)/run/checkpoints/latest.pt --output $(DEMO)/paths.png
	$(BIN)/mamlrl video $(DEMO)/run --output $(DEMO)/adaptation.gif

test: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	cd tests && ../$(BIN)/mypy --config-file ../setup.cfg  # from here, the package is the installed one
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -n 2 -m 'not slow and not attack'  # two workers, a thread each

# Statistical checks that train policies; minutes to hours.
test-slow: $(VENV)/installed-test
	$(BIN)/pytest -q -m slow

# Kills, damage, full disks and wrong input by the hundred; 20 minutes.
test-attacks: $(VENV)/installed-test
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -n 2 -m attack tests/attacks

# The page of all settings, from their docstrings; the cards of published checkpoints, from their evaluations.
docs: $(VENV)/installed-test
	$(BIN)/python -m mamlrl.experiments.settings_page > docs/settings.md
	$(BIN)/python docs/cards.py

format: $(VENV)/installed-test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) $(DEMO) build dist *.egg-info
