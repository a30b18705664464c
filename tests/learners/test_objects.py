"""Objects in place of names: the same learning, and checkpoints that say what they lack."""

import json
import re

import numpy as np
import pytest
import torch
from programs import TIMES, TINY, deterministic_rows, deterministic_state, run
from torch import nn

import mamlrl
from mamlrl.adaptation.build import ESTIMATORS
from mamlrl.envs.navigation import Navigation2DVectorEnv
from mamlrl.errors import UserError
from mamlrl.losses.output_loss import OutputLoss
from mamlrl.losses.policy_losses import Reinforce
from mamlrl.networks.gaussian import DiagonalGaussian
from mamlrl.networks.mlp import MlpPolicy
from mamlrl.outer.adam import Adam, AdamConfig
from mamlrl.outer.build import OUTER_OPTIMIZERS
from mamlrl.outer.trust_region import TrustRegion, TrustRegionConfig
from mamlrl.runs.saved import latest_checkpoint
from mamlrl.sampling.value_baseline import LinearFeatureBaseline, ValueBaseline
from mamlrl.supervised.sinusoid import Sinusoid

MLP = MlpPolicy(2, DiagonalGaussian(2), (8,))
OBJECTS = {
    "env.id": Navigation2DVectorEnv,
    "policy.architecture": MLP,
    "advantages.value_baseline": LinearFeatureBaseline(1e-5),
    "adaptation.loss": Reinforce(DiagonalGaussian(2)),
    "adaptation.estimator": ESTIMATORS["maml"],
    "outer_optimizer": OUTER_OPTIMIZERS["trust_region"],
}


class Module(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(2, 6), nn.LayerNorm(6), nn.Tanh(), nn.Linear(6, 2))


class Normed(nn.Linear):
    """Divides observations by a buffer."""

    def __init__(self, scale):
        super().__init__(2, 2)
        self.register_buffer("scale", torch.tensor(scale))

    def forward(self, observations):
        return super().forward(observations / self.scale)


class ConstantBaseline(ValueBaseline):
    def fit(self, observations, returns, mask):
        return torch.full_like(returns, 3.0)


def config(*overrides):
    return mamlrl.load_config("navigation2d", [*TINY[1:], "--iterations=2", *overrides])


def trained(settings):
    learner = mamlrl.MetaLearner(settings)
    metrics = [learner.iterate() for _ in range(2)]
    return learner.params, [{k: v for k, v in row.items() if not k.startswith(TIMES)} for row in metrics]


@pytest.fixture(scope="module")
def expected():
    return trained(config())


@pytest.mark.parametrize("key", [*OBJECTS, "all"])
def test_an_object_learns_as_the_name_of_the_same(key, expected):
    objects = OBJECTS if key == "all" else {key: OBJECTS[key]}
    params, metrics = trained(mamlrl.with_settings(config(), objects))
    assert torch.equal(params, expected[0])
    assert metrics == expected[1]


def test_an_environment_that_is_given_is_the_one_that_is_used(expected):
    env = Navigation2DVectorEnv(2 * 3, horizon=10)
    settings = mamlrl.with_settings(config(), {"env.id": env, "env.kwargs": {}})
    learner = mamlrl.MetaLearner(settings)
    assert learner.sampler.env is env
    assert torch.equal(trained(settings)[0], expected[0])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"meta_batch_size": 4}, "has 6 sub-environments; 12 are needed .*give what makes it"),
        ({"sampling.groups": 2}, "has 6 sub-environments; 3 are needed"),
        ({"env.kwargs": {"horizon": 10}}, "is made already"),
    ],
)
def test_an_environment_that_does_not_fit_is_refused(settings, message):
    env = Navigation2DVectorEnv(2 * 3, horizon=10)
    changed = mamlrl.with_settings(config(), {"env.id": env, "env.kwargs": {}, **settings})
    with pytest.raises(UserError, match=f"the environment that was given {message}"):
        mamlrl.MetaLearner(changed)


def test_a_value_baseline_of_one_s_own_is_subtracted():
    params, _ = trained(mamlrl.with_settings(config(), {"advantages.value_baseline": ConstantBaseline()}))
    assert not torch.equal(params, trained(config())[0])

    class Wrong(ValueBaseline):
        def fit(self, observations, returns, mask):
            return returns[0]

    class NotFinite(ValueBaseline):
        def fit(self, observations, returns, mask):
            return returns / 0

    for baseline, message in ((Wrong(), "predictions have shape"), (NotFinite(), "is not finite")):
        learner = mamlrl.MetaLearner(mamlrl.with_settings(config(), {"advantages.value_baseline": baseline}))
        with pytest.raises(UserError, match=message):
            learner.step()


def test_an_optimizer_that_is_given_is_copied_with_its_state():
    theta = torch.zeros(MLP.num_parameters)
    optimizer = Adam(AdamConfig(0.01), theta)
    settings = mamlrl.with_settings(config(), {"outer_optimizer": optimizer})
    assert torch.equal(trained(settings)[0], trained(settings)[0])
    assert optimizer.state_dict()["step"] == 0


def test_supervised_learning_takes_objects_too():
    settings = mamlrl.load_config(
        "sinusoid", ["--network.hidden_sizes=[8]", "--data.validation_tasks=3", "--compile=false"]
    )
    optimizers = {"outer_optimizer": lambda experiment, distribution, theta: Adam(experiment.adam, theta)}
    params = []
    for objects in ({}, {"data.dataset": Sinusoid()}, optimizers):
        learner = mamlrl.make_learner(mamlrl.with_settings(settings, objects))
        learner.step()
        params.append(learner.params)
    assert torch.equal(params[0], params[1])
    assert torch.equal(params[0], params[2])


def test_supervised_learning_takes_no_optimizer_of_policies():
    def trust_region(experiment, distribution, theta):
        return TrustRegion(TrustRegionConfig(), theta)

    settings = mamlrl.with_settings(mamlrl.load_config("sinusoid"), {"outer_optimizer": trust_region})
    with pytest.raises(UserError, match=r"^outer_optimizer: object .* made a TrustRegion; it must make an"):
        mamlrl.make_learner(settings)


@pytest.fixture
def folder(tmp_path):
    """A run with a module as its policy, half done."""
    objects = {"policy.architecture": Module(), "advantages.value_baseline": ConstantBaseline()}
    settings = mamlrl.with_settings(config(), objects)
    mamlrl.train(mamlrl.with_settings(settings, {"iterations": 1}), tmp_path / "run")
    return tmp_path / "run", settings, objects


LOST = re.escape(
    f"policy.architecture: was given as an object, {__name__}.Module, which no file can hold; give it again in "
    "Python (`objects=`), or name one that is registered"
)


def test_a_checkpoint_says_what_it_lacks_and_takes_it_again(folder, capsys):
    path, settings, objects = folder
    saved, state = mamlrl.load_checkpoint(latest_checkpoint(path))
    assert saved.policy.architecture == f"object {__name__}.Module"
    for use in (lambda: mamlrl.make_learner(saved), lambda: mamlrl.evaluate(saved, state["params"])):
        with pytest.raises(UserError, match=LOST):
            use()
    with pytest.raises(UserError, match=LOST):
        mamlrl.load(path)
    capsys.readouterr()
    assert run("evaluate", path) == 2
    assert re.search(LOST, capsys.readouterr().err)
    again, _ = mamlrl.load_checkpoint(latest_checkpoint(path), objects=objects)
    returns = [mamlrl.evaluate(each, state["params"]).returns for each in (again, settings)]
    np.testing.assert_array_equal(*returns)
    assert mamlrl.load(path, objects=objects).experiment.policy.architecture is objects["policy.architecture"]
    json.dumps(mamlrl.evaluate(settings, state["params"]).protocol())


def test_a_policy_from_a_module_is_exported(folder, tmp_path):
    path, _, objects = folder
    policy = mamlrl.load(path, objects=objects)
    observations = np.array([[0.1, 0.2], [0.3, -0.4]], np.float32)
    policy.export(tmp_path / "policy.pt2")
    exported = torch.export.load(tmp_path / "policy.pt2").module()
    actions = exported(torch.from_numpy(observations)).numpy()
    np.testing.assert_allclose(actions, policy(observations), rtol=0, atol=1e-6)


def test_a_run_with_objects_is_resumed_with_the_same(folder, tmp_path):
    path, settings, _ = folder
    other = mamlrl.with_settings(settings, {"policy.architecture": nn.Linear(2, 2)})
    with pytest.raises(
        UserError, match=r"^policy\.architecture: the run to resume has object .*Module, not object"
    ):
        mamlrl.train(other, path, resume=True)
    with pytest.raises(UserError, match=r"^policy\.architecture: the run to resume has object .*Module, not mlp"):
        mamlrl.train(mamlrl.with_settings(settings, {"policy.architecture": "mlp"}), path, resume=True)
    mamlrl.train(settings, path, resume=True)
    mamlrl.train(settings, tmp_path / "whole")
    assert deterministic_rows(path) == deterministic_rows(tmp_path / "whole")
    one, other = (deterministic_state(latest_checkpoint(run)) for run in (path, tmp_path / "whole"))
    assert torch.equal(one["params"], other["params"])


@pytest.mark.parametrize(
    ("objects", "message"),
    [
        ({"policy.architecture": nn.Linear(2, 2)}, "the run had .*Module as policy.architecture, not torch.nn"),
        (
            {"policy.architectur": Module()},
            "had no object as policy.architectur; did you mean",
        ),
        ({"adaptation.loss": Reinforce(DiagonalGaussian(2))}, "the run had no object as adaptation.loss"),
    ],
)
def test_objects_of_another_run_are_refused(folder, objects, message):
    with pytest.raises(UserError, match=f"holds an experiment that cannot be used: objects: .*{message}"):
        mamlrl.load_checkpoint(latest_checkpoint(folder[0]), objects=objects)


def test_a_module_with_other_values_that_are_not_learned_is_another_one(tmp_path):
    settings = mamlrl.with_settings(config("--iterations=1"), {"policy.architecture": Normed(2.0)})
    mamlrl.train(settings, tmp_path)
    mamlrl.load(tmp_path, objects={"policy.architecture": Normed(2.0)})
    with pytest.raises(UserError, match=r"had .*Normed with fixed values \w+ as .*, not .*Normed with fixed"):
        mamlrl.load(tmp_path, objects={"policy.architecture": Normed(3.0)})


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (
            "policy.architecture",
            3,
            "architecture must be one of mlp, got 3; in Python also an instance of Net",
        ),
        (
            "policy.architecture",
            lambda *given: 3,
            "architecture: object .* made a int; it must make an instance",
        ),
        ("policy.architecture", lambda: 3, r"architecture: object .*<lambda> raised TypeError: .*"),
        ("env.id", 3, "id must be text, got 3; in Python also an instance of TaskEnv, or a function that makes"),
        ("env.id", lambda num_envs, **kwargs: 3, "env.id: object .* is not a task environment"),
        ("env.id", lambda num_envs: 3, "env.kwargs: object .* takes no argument"),
        ("env.id", nn.Linear, "env.id: object torch.nn.modules.linear.Linear is not a task environment"),
        ("adaptation.estimator", OutputLoss, "adaptation.estimator: object .*OutputLoss raised TypeError"),
        ("adaptation.los", "x", r"there is no setting adaptation.los; did you mean loss\?"),
        ("seed.x", 1, "there is no setting seed.x: seed is a single value"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line_before_training(key, value, message):
    with pytest.raises(UserError, match=message) as raised:
        mamlrl.MetaLearner(mamlrl.with_settings(config(), {key: value}))
    assert "\n" not in str(raised.value)
