"""Every command on a page, in a script, a config or a help text is one: the programs take its options."""

import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest

from mamlrl import load_config
from mamlrl.scripts.main import PROGRAMS

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SCRIPTS = [*sorted((ROOT / "docs" / "results").rglob("*.sh")), *sorted((ROOT / "configs").rglob("*.yaml"))]
WHOLE = re.compile(r"--config \w|\.pt\b")  # rather than the mention of an option
KINDS = {"sinusoid": "sinusoid", "strokes": "strokes", "omniglot": "strokes", "kanji": "strokes"}


def commands():
    """The text of each command, and where it stands."""
    for path in [*PAGES, *SCRIPTS]:
        text = re.sub(r"\\\n[#\s]*", " ", path.read_text())
        found = re.findall(r"^(?:    |#     )?(?:\w+=\w+ )*(mamlrl (?!trains).*)$", text, flags=re.MULTILINE)
        if path in PAGES:  # inside sentences, too
            inside = re.findall(r"`(?:\w+=\w+ )?(mamlrl [a-z][^`]+)`", re.sub(r"\n(?=\S)", " ", text))
            found += [command for command in inside if WHOLE.search(command)]
        for name, value in re.findall(r"^ *(\w+)=['\"](.*)['\"]$", text, flags=re.MULTILINE):
            found = [command.replace(f"${name}", value) for command in found]
        yield from ((str(path.relative_to(ROOT)), command) for command in found if "my_" not in command)
    for name in PROGRAMS:
        yield from ((name, example) for example in import_module(f"mamlrl.scripts.{name}").EXAMPLES)


COMMANDS = sorted(set(commands()))


def test_there_are_commands_in_every_kind_of_place():
    places = {place for place, _ in COMMANDS}
    assert places >= {"README.md", "docs/results/README.md", "docs/results/navigation2d/evaluate.sh", "train"}


@pytest.mark.parametrize(("place", "command"), COMMANDS, ids=lambda text: text.replace("/", "_")[:80])
def test_a_command_is_taken(place, command):
    _, program, *arguments = shlex.split(command.replace("$", ""), comments=True)
    line = import_module(f"mamlrl.scripts.{program.replace('-', '_')}").command_line()
    if {"--help", "--help-settings"} & set(arguments):
        return
    line.parse(arguments)
    if line.settings:
        line.experiment(None if line.configs() else saved_experiment(command + place))


def saved_experiment(text):
    """An experiment of the kind that the run has, whose settings a command changes."""
    config = next((name for word, name in KINDS.items() if word in text), "navigation2d")
    return load_config(config, ["--data.folder=data"] if config == "strokes" else [])
