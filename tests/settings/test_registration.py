"""Implementations of one's own by name: in configs, command lines and checkpoints, and refused where unknown."""

import gymnasium
import pytest
import torch
from programs import TINY, run
from torch import nn

import mamlrl
from mamlrl.adaptation.build import ESTIMATORS
from mamlrl.errors import UserError
from mamlrl.evaluation.build import EVALUATIONS
from mamlrl.evaluation.policy import evaluate_policy
from mamlrl.experiments.build import KINDS
from mamlrl.experiments.policy import PolicyExperiment
from mamlrl.learners.build import LEARNERS
from mamlrl.losses.build import INNER_LOSSES
from mamlrl.losses.policy_losses import Reinforce, Surrogate
from mamlrl.networks.build import ARCHITECTURES
from mamlrl.networks.gaussian import DiagonalGaussian
from mamlrl.outer.adam import Adam
from mamlrl.outer.build import GRADIENT_OPTIMIZERS, OUTER_OPTIMIZERS
from mamlrl.outer.trust_region import TrustRegion, TrustRegionConfig
from mamlrl.runs.saved import latest_checkpoint
from mamlrl.sampling.advantages import VALUE_BASELINES
from mamlrl.sampling.value_baseline import LinearFeatureBaseline
from mamlrl.supervised.build import DATASETS
from mamlrl.supervised.sinusoid import Sinusoid

REGISTRIES = (
    *(ARCHITECTURES, DATASETS, ESTIMATORS, EVALUATIONS, GRADIENT_OPTIMIZERS, INNER_LOSSES, KINDS, LEARNERS),
    *(OUTER_OPTIMIZERS, VALUE_BASELINES),
)


@pytest.fixture(autouse=True)
def registries(monkeypatch):
    """What is registered is forgotten after the test."""
    for registry in REGISTRIES:
        monkeypatch.setattr(registry, "_entries", dict(registry))


def adam(experiment, distribution, theta):
    return Adam(experiment.adam, theta)


IMPLEMENTATIONS = {  # key: what registers, an instance or None, what makes it
    "policy.architecture": (mamlrl.register_policy, nn.Linear(2, 2), lambda size, *others: nn.Linear(size, 2)),
    "adaptation.loss": (mamlrl.register_inner_loss, Reinforce(DiagonalGaussian(2)), Surrogate),
    "adaptation.estimator": (mamlrl.register_estimator, None, ESTIMATORS["first_order"]),
    "advantages.value_baseline": (
        mamlrl.register_value_baseline, LinearFeatureBaseline(0.1), lambda config: LinearFeatureBaseline(0.1),
    ),
    "outer_optimizer": (mamlrl.register_outer_optimizer, TrustRegion(TrustRegionConfig(), torch.zeros(6)), adam),
}  # fmt: skip
CASES = [(key, given) for key, (_, *both) in IMPLEMENTATIONS.items() for given in both if given is not None]


@pytest.mark.parametrize(("key", "implementation"), CASES, ids=[key for key, _ in CASES])
def test_a_registered_name_trains_and_its_checkpoint_is_evaluated_until_it_is_unknown(
    key, implementation, tmp_path, monkeypatch, capsys
):
    IMPLEMENTATIONS[key][0]("mine", implementation)
    assert run("train", *TINY, "--iterations=1", f"--{key}=mine", "--output", tmp_path / "run") == 0
    assert f"{key.rpartition('.')[2]}: mine" in (tmp_path / "run" / "config.yaml").read_text()
    assert run("evaluate", tmp_path / "run") == 0
    capsys.readouterr()
    for registry in REGISTRIES:
        monkeypatch.setattr(
            registry, "_entries", {name: each for name, each in registry.items() if name != "mine"}
        )
    assert run("evaluate", tmp_path / "run") == 2
    assert f"{key} must be one of " in capsys.readouterr().err
    assert run("train", *TINY, "--iterations=1", f"--{key}=mine", "--output", tmp_path / "other") == 2
    assert not (tmp_path / "other").exists()


def test_an_optimizer_of_gradients_serves_supervised_learning_too():
    mamlrl.register_outer_optimizer("mine", adam)
    mamlrl.register_outer_optimizer("of_policies", adam, of_policies_alone=True)
    mamlrl.register_outer_optimizer("given", TrustRegion(TrustRegionConfig(), torch.zeros(6)))
    learner = mamlrl.make_learner(mamlrl.load_config("sinusoid", ["--outer_optimizer=mine"]))
    assert isinstance(learner.optimizer, Adam)
    for name in ("of_policies", "given", "trust_region"):
        with pytest.raises(UserError, match="outer_optimizer must be one of adam, mine, got "):
            mamlrl.load_config("sinusoid", [f"--outer_optimizer={name}"])


def test_data_of_one_s_own(tmp_path):
    mamlrl.register_dataset("mine", Sinusoid())
    config = mamlrl.load_config("sinusoid", ["--data.dataset=mine", "--iterations=1", "--data.validation_tasks=2"])
    mamlrl.train(config, tmp_path)
    assert mamlrl.load_checkpoint(latest_checkpoint(tmp_path))[0].data.dataset == "mine"


def test_a_kind_of_learner():
    class Mine(PolicyExperiment):
        kind: str = "mine"

    mamlrl.register_learner("mine", Mine, mamlrl.MetaLearner, evaluate_policy)
    mamlrl.register_learner("trains_alone", Mine, mamlrl.MetaLearner)
    assert LEARNERS["mine"] is mamlrl.MetaLearner
    assert KINDS["mine"] is Mine
    assert EVALUATIONS["mine"] is evaluate_policy
    assert "trains_alone" not in EVALUATIONS


@pytest.mark.parametrize(
    "register", [register for register, *_ in IMPLEMENTATIONS.values()] + [mamlrl.register_dataset]
)
@pytest.mark.parametrize("name", ["mine", "module:mine", "object mine", "", 3])
def test_what_cannot_be_registered_is_refused(register, name):
    wrong = 3 if name == "mine" else print
    with pytest.raises(
        ValueError, match=f"^cannot register the .* {name!r}: (it must be an instance of|the name)"
    ):
        register(name, wrong)


def test_a_name_stands_for_one_implementation():
    mamlrl.register_inner_loss("mine", Surrogate)
    mamlrl.register_inner_loss("mine", Surrogate)  # as when a module is imported again
    with pytest.raises(ValueError, match="cannot register the inner loss 'mine': the name is taken"):
        mamlrl.register_inner_loss("mine", Reinforce)


def test_a_text_that_stands_for_an_object_is_none_of_a_name():
    for key in IMPLEMENTATIONS:
        settings = mamlrl.load_config("navigation2d", [*TINY[1:], f"--{key}=object some.Thing"])
        with pytest.raises(
            UserError, match=f"^{key}: was given as an object, some.Thing, which no file can hold; "
        ):
            mamlrl.make_learner(settings)
    settings = mamlrl.load_config("navigation2d", [*TINY[1:], "--env.id=object some.Thing"])
    with pytest.raises(
        UserError, match=r"^env\.id: was given as an object, some\.Thing, which no file can hold; "
    ):
        mamlrl.make_learner(settings)
    assert "object some.Thing" not in gymnasium.registry
