"""The kind of experiment of a command line: stated by options, configs or a checkpoint."""

import dataclasses

import pytest
from command_lines import parsed, program, refused

from mamlrl.errors import UserError
from mamlrl.experiments.build import KINDS, extends
from mamlrl.experiments.classifier import ClassifierConfig, ClassifierExperiment
from mamlrl.experiments.command_line import load_config
from mamlrl.experiments.files import config_path
from mamlrl.experiments.policy import PolicyExperiment
from mamlrl.experiments.supervised import SupervisedExperiment
from mamlrl.networks.build import PolicyConfig
from mamlrl.sampling.build import EnvConfig


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ([], PolicyExperiment),
        (["--config=navigation2d"], PolicyExperiment),
        (["--config=sinusoid"], SupervisedExperiment),
        (["--config", "sinusoid"], SupervisedExperiment),
        (["--kind=supervised"], SupervisedExperiment),
        (["--kind", "supervised"], SupervisedExperiment),
        (["--kind", "supervised", "--config", "sinusoid"], SupervisedExperiment),
        (["--config", "sinusoid", "--kind", "supervised"], SupervisedExperiment),
        (["--config=sinusoid", "--config=first_order"], SupervisedExperiment),
        (["--config=first_order", "--config=sinusoid"], SupervisedExperiment),
        (["--kind=policy", "--kind=supervised"], SupervisedExperiment),  # as with all options, the last counts
        (["--kind=classifier"], ClassifierExperiment),
        (["--kind=classifier", "--config=sinusoid"], ClassifierExperiment),  # which extends supervised
        (["--config=sinusoid", "--config=pretrained_classes"], ClassifierExperiment),
        (["--config=pretrained_classes", "--config=sinusoid"], ClassifierExperiment),
        (["--config=pretrained_classes", "--kind=classifier"], ClassifierExperiment),
    ],
)
def test_configs_and_options_say_the_kind(arguments, kind):
    _, config = parsed("--output=x", *arguments)
    assert type(config) is kind
    assert type(load_config(config_path("first_order"), arguments)) is kind


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--config=sinusoid", "--kind=policy"],
         "config sinusoid is of kind supervised, --kind is of kind policy"),
        (["--kind=supervised", "--config=navigation2d"],
         "--kind is of kind supervised, config navigation2d is of kind policy"),
        (["--config=navigation2d", "--config", "sinusoid"],
         "config navigation2d is of kind policy, config sinusoid is of kind supervised"),
        (["--config=navigation2d", "--config=pretrained_classes"],
         "config navigation2d is of kind policy, config pretrained_classes is of kind classifier"),
        (["--config=sinusoid", "--config=pretrained_classes", "--kind=supervised"],
         "config sinusoid is of kind supervised, config pretrained_classes is of kind classifier, "
         "--kind is of kind supervised"),
    ],
)  # fmt: skip
def test_kinds_that_disagree_are_named(arguments, said):
    assert refused("--output=x", *arguments) == f"kind: {said}; take one kind of experiment"
    with pytest.raises(UserError, match="take one kind of experiment"):
        load_config("first_order", arguments)


OTHERS = {
    "--kind=policy": "--kind is of kind policy",
    "--config=navigation2d": "config navigation2d is of kind policy",
    "--config=pretrained_classes": "config pretrained_classes is of kind classifier",
}


@pytest.mark.parametrize("option", OTHERS)
def test_the_kind_of_a_checkpoint_stays(option):
    saved = SupervisedExperiment(seed=5)
    said = f"the checkpoint is of kind supervised, {OTHERS[option]}"
    assert refused("--output=x", option, saved=saved) == f"kind: {said}; take one kind of experiment"
    assert parsed("--output=x", "--kind=supervised", saved=saved)[1] == saved
    assert parsed("--output=x", "--config=sinusoid", saved=saved)[1].data == load_config("sinusoid").data


def test_a_checkpoint_of_a_kind_that_extends_another_takes_configs_of_that():
    saved = ClassifierExperiment(seed=5, classifier=ClassifierConfig(batch_size=7))
    found = parsed("--output=x", "--config=sinusoid", saved=saved)[1]
    assert (type(found), found.kind) == (ClassifierExperiment, "classifier")
    assert (found.classifier.batch_size, found.data) == (7, load_config("sinusoid").data)


def test_what_is_printed_is_of_the_kind_that_extends_the_others(capsys):
    for configs in (["sinusoid", "pretrained_classes"], ["pretrained_classes", "sinusoid"]):
        with pytest.raises(SystemExit):
            parsed("--output=x", *(f"--config={name}" for name in configs), "--print_config")
        assert "kind: classifier\n" in capsys.readouterr().out


def test_a_kind_extends_itself_and_those_whose_settings_it_has(monkeypatch):
    assert [(kind, other) for kind in KINDS for other in KINDS if extends(kind, other)] == [
        ("policy", "policy"),
        ("supervised", "supervised"),
        ("classifier", "supervised"),
        ("classifier", "classifier"),
    ]
    monkeypatch.setattr(KINDS, "_entries", {**KINDS, "same": PolicyExperiment})
    assert not extends("same", "policy")  # of the same class, so that neither is more than the other
    assert not extends("policy", "same")


def test_a_kind_that_a_config_states_and_there_is_not_is_blamed_on_the_config(tmp_path):
    (tmp_path / "bad.yaml").write_text("kind: superviced\n")
    option = f"--config={tmp_path}/bad.yaml"
    message = "kind must be one of policy, supervised, classifier, got superviced; did you mean supervised?"
    assert refused("--output=x", option) == f"config {tmp_path}/bad.yaml: {message}"
    assert refused("--output=x", option, saved=SupervisedExperiment()).endswith(message)


@pytest.mark.parametrize(
    "saved",
    [
        PolicyExperiment(),
        PolicyExperiment(env=EnvConfig(kwargs={"horizon": 3}), policy=PolicyConfig(hidden_sizes=())),
        load_config("navigation2d", ["--seed=5", "--policy.hidden_sizes=[3]", "--env.kwargs.horizon=7"]),
        load_config("navigation2d", ["--evaluation.first_step_size=0.3", "--env.wrappers=[task_observation]"]),
        SupervisedExperiment(),
        load_config("sinusoid", ["--network.hidden_sizes=[3]", "--compile=true", "--data.folder=here"]),
    ],
)
def test_a_saved_experiment_gives_what_the_command_line_does_not(saved):
    command_line = program()
    command_line.parse(["--output=x"])
    assert command_line.experiment(saved) == saved
    command_line.parse(["--output=x", "--seed=6", "--adaptation.step_size=0.7"])
    expected = dataclasses.replace(saved, seed=6, adaptation=dataclasses.replace(saved.adaptation, step_size=0.7))
    assert command_line.experiment(saved) == expected


def test_options_are_added_to_the_environment_arguments_of_a_saved_experiment():
    saved = load_config("navigation2d", ["--env.kwargs.horizon=7"])
    _, config = parsed("--output=x", "--env.kwargs.goal_range=2", saved=saved)
    assert config == dataclasses.replace(saved, env=EnvConfig(saved.env.id, {**saved.env.kwargs, "goal_range": 2}))
    _, config = parsed("--output=x", '--env.kwargs={"horizon": 2}', saved=saved)
    assert config.env.kwargs == {"horizon": 2}


def test_one_command_line_serves_saved_experiments_of_several_kinds_and_mixes_nothing():
    command_line = program()
    command_line.parse(["--output=x", "--evaluation.steps=1"])
    first = load_config("navigation2d", ["--evaluation.first_step_size=0.3"])
    second = load_config("sinusoid", ["--network.hidden_sizes=[3]"])
    for saved in (first, second, PolicyExperiment(), first, SupervisedExperiment()):
        evaluation = dataclasses.replace(saved.evaluation, steps=1)
        assert command_line.experiment(saved) == dataclasses.replace(saved, evaluation=evaluation)


def test_a_setting_of_one_kind_is_refused_for_a_saved_experiment_of_another():
    command_line = program()
    command_line.parse(["--output=x", "--data.shots=3"])
    assert command_line.experiment(SupervisedExperiment()).data.shots == 3
    with pytest.raises(
        UserError, match=r"data\.shots is a setting of experiments of kind supervised or classifier, and this one"
    ):
        command_line.experiment(PolicyExperiment())
