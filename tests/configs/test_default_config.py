"""The config for environments of a user's own: whole but for the environment, which must be given."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from mamlrl.errors import UserError
from mamlrl.experiments.command_line import load_config
from mamlrl.experiments.files import config_names, config_path, method_names, template_names
from mamlrl.experiments.plain import plain_experiment
from mamlrl.experiments.policy import PolicyExperiment
from mamlrl.learners.policy import MetaLearner
from mamlrl.scripts.train import command_line

TEXT = Path(config_path("default")).read_text()
OWN = ["--env.id=mamlrl/Navigation2D-v0", "--env.kwargs.horizon=4"]
TINY = ["--meta_batch_size=2", "--sampling.episodes_per_task=2"]


def test_it_is_no_whole_experiment_and_no_overlay():
    assert template_names() == ["default"]
    assert not {"default"} & {*config_names(), *method_names()}
    with pytest.raises(ValueError, match="for an environment of your own there is: default; "):
        config_path("defalt")


@pytest.mark.parametrize("options", [[], ["--seed=3"], ["--config=promp"], ["--env.kwargs.horizon=4"]])
def test_the_environment_must_be_given(options):
    with pytest.raises(UserError) as raised:
        load_config("default", options)
    assert str(raised.value) == (
        "env.id must have a value, not null; name an environment, such as --env.id my_package:MyEnv-v0"
    )


OF_EXAMPLES = ("oracle_inputs", "pretrained_classes")  # overlays of what is learned from them, not from episodes


@pytest.mark.parametrize("method", [None, *(name for name in method_names() if name not in OF_EXAMPLES)])
def test_a_meta_iteration_runs_in_the_environment_that_is_given(method):
    config = load_config("default", [*OWN, *TINY, *([f"--config={method}"] if method else [])])
    assert config.env.id == "mamlrl/Navigation2D-v0"
    assert MetaLearner(config).iterate()["iteration"] == 1


def test_the_environment_may_stand_in_a_config_of_one_s_own(tmp_path):
    (tmp_path / "mine.yaml").write_text("env: {id: mamlrl/Navigation2D-v0, kwargs: {horizon: 4}}\n")
    assert load_config("default", [f"--config={tmp_path / 'mine.yaml'}"]) == load_config("default", OWN)


def test_its_text_says_how_to_use_it():
    (command,) = re.findall(r"^#     (mamlrl train .*)", TEXT, re.MULTILINE)
    line = command_line()
    line.parse(shlex.split(command)[2:])
    assert line.configs() == ["default"]
    assert line.experiment().env.id == "my_package:MyEnv-v0"
    assert TEXT.endswith("\n# What is not stated is at its default: docs/settings.md\n")


def test_what_it_states_differs_from_the_default_or_has_a_reason():
    default = plain_experiment(PolicyExperiment())
    for section, values in yaml.safe_load(TEXT).items():
        for name, value in values.items() if isinstance(values, dict) else [(section, values)]:
            same = default[section][name] == value if isinstance(values, dict) else default[section] == value
            assert section == "kind" or not same or re.search(rf"^  {name}: .*  # .", TEXT, re.MULTILINE), name
