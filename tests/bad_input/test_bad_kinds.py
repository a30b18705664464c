"""Kinds of experiment that there are not, that disagree, or that lack a setting; and what a kind cannot do."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from programs import ONE, TINY, run
from sinusoids import TINY_SINUSOID

from mamlrl.experiments.build import KINDS
from mamlrl.experiments.experiment import Experiment
from mamlrl.runs.checkpoints import save_checkpoint

OF_POLICIES = "is a setting of experiments of kind policy, and this one is of kind supervised"
OF_SUPERVISED = "is a setting of experiments of kind supervised or classifier, and this one is of kind policy"


@pytest.fixture(scope="session")
def trained_sinusoid(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained") / "sinusoid"
    assert run("train", *TINY_SINUSOID, "--output", folder) == 0
    return folder


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--data.shots=3"], ["--data.shots=3", f"data.shots {OF_SUPERVISED}"]),
        (["--data.dataset", "sinusoid"], [f"data.dataset {OF_SUPERVISED}"]),
        (['--data={"shots": 3}'], [f"data {OF_SUPERVISED}"]),
        (["--network.hidden_sizes=[3]"], [f"network.hidden_sizes {OF_SUPERVISED}"]),
        (["--compile=true"], [f"compile {OF_SUPERVISED}"]),
        (["--compile"], [f"compile {OF_SUPERVISED}"]),
        (["--evaluation.shots=3"], [f"evaluation.shots {OF_SUPERVISED}"]),
        (["--evaluation.queries=3"], [f"evaluation.queries {OF_SUPERVISED}"]),
        (['--evaluation={"queries": 3}'], [f"evaluation.queries {OF_SUPERVISED}"]),
        (["--kind=supervised"], ["config navigation2d is of kind policy", "--kind is of kind supervised"]),
        (["--config=sinusoid"], ["config navigation2d is of kind policy, config sinusoid is of"]),
        (["--kind=polisy"], ["policy, supervised, classifier, got polisy; did you mean policy?"]),
        (["--kind="], ["kind must be one of policy, supervised, classifier"]),
        (["--kind"], ["--kind", "expected one argument"]),
        (["--kind=no_such_module:kind"], ["kind no_such_module:kind cannot be imported", "PYTHONPATH"]),
        (["--adaptation.estimator=no_such_module:rule"], ["adaptation.estimator", "cannot be imported"]),
        (["--outer_optimizer=json:sgd"], ["outer_optimizer", "trust_region, adam, promp", "json:sgd"]),
        (["--env.wrappers=[observation]"], ["env.wrappers", "task_observation"]),
        (["--policy.architecture=cnn"], ["policy.architecture", "mlp", "cnn"]),
    ],
)  # fmt: skip
def test_kinds_of_a_policy_s_experiment(refused, options, words):
    refused("train", *ONE, *options, "--output=run", words=words)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--env.id=mamlrl/AntGoal-v0"], [f"env.id {OF_POLICIES}"]),
        (["--env.kwargs.horizon=3"], [f"env.kwargs {OF_POLICIES}"]),
        (["--policy.hidden_sizes=[3]"], [f"policy.hidden_sizes {OF_POLICIES}"]),
        (["--sampling.episodes_per_task=3"], [f"sampling.episodes_per_task {OF_POLICIES}"]),
        (["--advantages.discount=0.9"], [f"advantages.discount {OF_POLICIES}"]),
        (["--trust_region.max_kl=1"], [f"trust_region.max_kl {OF_POLICIES}"]),
        (["--promp.clip=0.1"], [f"promp.clip {OF_POLICIES}"]),
        (["--adaptation.loss=reinforce"], [f"adaptation.loss {OF_POLICIES}"]),
        (["--evaluation.episodes_per_task=3"], [f"evaluation.episodes_per_task {OF_POLICIES}"]),
        (["--outer_optimizer=promp"], ["outer_optimizer must be one of adam, got promp"]),
        (["--config=promp"], ["config promp", "outer_optimizer"]),
        (["--config=navigation2d"], ["config sinusoid is of kind supervised, config navigation2d is of"]),
        (["--data.dataset=none"], ["data.dataset", "sinusoid", "none"]),
        (["--data.shot=3"], ["--data.shot=3", "did you mean data.shots?"]),
    ],
)  # fmt: skip
def test_kinds_of_a_supervised_experiment(refused, options, words):
    refused("train", *TINY_SINUSOID, *options, "--output=run", words=words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("data:\n  dataset: sinusoid\n", ["config config.yaml", f"data.dataset {OF_SUPERVISED}"]),
        ("kind: supervised\nenv:\n  id: x\n", ["config config.yaml", f"env.id {OF_POLICIES}"]),
        ("kind: supervised\npolicy: {min_std: 1}\n", ["config config.yaml", f"policy.min_std {OF_POLICIES}"]),
        ("kind: superviced\n", ["config config.yaml: kind must be one of", "did you mean supervised?"]),
        ("kind: null\n", ["config config.yaml: kind must be one of policy, supervised, classifier, got null"]),
        ("kind: [policy]\n", ["config config.yaml: kind must be text"]),
        ("kind: no_such_module:kind\n", ["config config.yaml: kind no_such_module:kind cannot be imported"]),
        ("kind: policy\nkind: policy\n", ["config config.yaml", "line 2", "kind", "line 1"]),
        (
            "adaptation: {estimator: reptile}\n",
            ["config config.yaml", "adaptation.estimator", "maml"],
        ),
        ("adaptation: {proximal: {optimizer: sgd}}\n", ["config config.yaml", "adaptation.proximal.optimizer"]),
        ("env: {wrappers: [nothing]}\n", ["config config.yaml", "env.wrappers", "task_observation"]),
    ],
)
def test_kinds_in_config_files(refused, text, words):
    Path("config.yaml").write_text(text)
    refused("train", "--config=config.yaml", "--output=run", words=words)
    Path("above.yaml").write_text(text)
    below = "--config=sinusoid" if text.startswith(("kind: s", "data")) else "--config=navigation2d"
    if text.startswith("data"):  # which is an overlay for supervised experiments
        return
    words = [word.replace("config.yaml", "above.yaml") for word in words]
    refused("train", below, "--config=above.yaml", "--output=run", words=words)


@pytest.mark.parametrize(
    ("program", "arguments", "words"),
    [
        ("evaluate", ["good", "--kind=supervised"], ["the checkpoint is of kind policy", "--kind is of kind"]),
        ("evaluate", ["good", "--config=sinusoid"], ["the checkpoint is of kind policy", "config sinusoid"]),
        ("evaluate", ["good", "--data.shots=3"], [f"data.shots {OF_SUPERVISED}"]),
        ("evaluate", ["{0}", "--kind=policy"], ["the checkpoint is of kind supervised, --kind is of kind"]),
        ("evaluate", ["{0}", "--env.kwargs.horizon=3"], [f"env.kwargs {OF_POLICIES}"]),
        ("evaluate", ["good", "{0}", "--policy.min_std=1"], [f"policy.min_std {OF_POLICIES}"]),
        ("evaluate", ["good", "{0}", "--evaluation.shots=3"], [f"evaluation.shots {OF_SUPERVISED}"]),
        ("evaluate", ["good", "--jason=e.json"], ["--jason=e.json", "did you mean json?"]),
        ("evaluate", ["--jason=e.json"], ["--jason=e.json", "did you mean json?"]),
        ("train", ["--resume", "--output=good", "--kind=supervised"], ["is of kind policy", "--kind is of kind"]),
        ("train", ["--resume", "--output=good", "--config=sinusoid"], ["is of kind policy", "config sinusoid"]),
        ("train", ["--outptu=run"], ["--outptu=run", "did you mean output?"]),
        ("plot", ["paths", "{0}", "--output=x.png"], ["paths can be drawn of 2D navigation only"]),
        ("plot", ["fits", "good", "--output=x.png"], ["fits can be drawn of regression"]),
        ("plot", ["fits", "{0}", "--output=x.png", "--env.id=x"], [f"env.id {OF_POLICIES}"]),
        ("video", ["{0}", "--output=x.gif"], ["cannot be filmed", "kind must be one of policy, got supervised"]),
        ("compare", ["--checkpoint=good/checkpoints/best.pt", "--kind=supervised", "--output=c"],
         ["the checkpoint is of kind policy", "--kind is of kind supervised"]),
        ("benchmark", ["--kind=polisy"], ["kind must be one of policy, supervised, classifier, got polisy"]),
    ],
)  # fmt: skip
def test_kinds_of_saved_experiments(refused, good, trained_sinusoid, program, arguments, words):
    refused(program, *(argument.format(trained_sinusoid) for argument in arguments), words=words)


def test_both_kinds_are_trained_and_evaluated_with_what_is_theirs(trained_sinusoid, good):
    """What is refused above is refused for its kind alone."""
    assert run("evaluate", good, "--policy.min_std=1e-7", "--evaluation.steps=0") == 0
    assert run("evaluate", trained_sinusoid, "--evaluation.shots=3", "--evaluation.steps=0") == 0
    assert run("train", *TINY, "--kind=policy", "--iterations=1", "--output=run") == 0


@pytest.fixture
def checkpoint_of_a_bare_kind(tmp_path, monkeypatch):
    """A kind of experiment that nothing but `KINDS` knows, and a checkpoint of it."""

    @dataclass(frozen=True)
    class Bare(Experiment):
        """Without a learner, an evaluation, a film and a benchmark."""

        kind: str = "bare"

    monkeypatch.setattr(KINDS, "_entries", {**KINDS, "bare": Bare})
    save_checkpoint(tmp_path / "bare.pt", Bare(), {"params": torch.zeros(3), "iteration": 1})


@pytest.mark.usefixtures("checkpoint_of_a_bare_kind")
@pytest.mark.parametrize(
    ("program", "arguments", "words"),
    [
        ("train", ["--kind=bare", "--output=run"], ["kind", "policy, supervised, classifier, got bare"]),
        ("evaluate", ["bare.pt"], ["bare.pt", "kind", "policy, supervised, classifier, got bare"]),
        (
            "plot",
            ["paths", "bare.pt", "--output=x.png"],
            ["bare.pt", "kind", "policy, supervised, classifier, got bare"],
        ),
        ("video", ["bare.pt", "--output=x.gif"], ["bare.pt", "cannot be filmed", "kind", "policy, got bare"]),
        ("benchmark", ["--kind=bare"], ["there is no benchmark", "kind", "policy, supervised, got bare"]),
        ("compare", ["--kind=bare", "--output=c"], ["kind", "bare", "no meta-gradients"]),
        ("compare", ["--checkpoint=bare.pt", "--output=c"], ["kind", "bare", "no meta-gradients"]),
        ("train", ["--kind=bare", "--output=run", "--adaptation.steps=2"], ["adaptation.steps", "of kind bare"]),
    ],
)
def test_a_kind_that_a_program_does_not_know(refused, program, arguments, words):
    refused(program, *arguments, words=words)
