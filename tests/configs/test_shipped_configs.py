"""What shipped experiments in environments promise: the family, its papers' settings, and that they run."""

import re

import gymnasium
import numpy as np
import pytest
import torch
from env_cases import IDS, METAWORLD
from fake_metaworld import forget, use_fake_metaworld

from mamlrl.envs import NAMESPACE
from mamlrl.envs.locomotion.locomotion_env import LocomotionVectorEnv
from mamlrl.experiments.command_line import load_config
from mamlrl.experiments.files import config_names
from mamlrl.learners.policy import MetaLearner
from mamlrl.sampling.build import make_task_env

TINY = ["--meta_batch_size=2", "--sampling.episodes_per_task=2", "--env.kwargs.horizon=4"]


def families(env_id):
    """Families that a registered id has, none if it is not a body's."""
    env = gymnasium.make_vec(env_id, num_envs=1)
    return list(env.bodies) if isinstance(env, LocomotionVectorEnv) else []


@pytest.fixture(autouse=True)
def fake(monkeypatch):
    use_fake_metaworld(monkeypatch)
    yield
    forget()


BODY_TASKS = [(env_id, family) for env_id in IDS for family in families(env_id)]
POLICIES = [name for name in config_names() if load_config(name).kind == "policy"]
LOCOMOTION = [name for name in POLICIES if "family" in load_config(name).env.kwargs]

every_config = pytest.mark.parametrize("name", POLICIES)
every_body_config = pytest.mark.parametrize("name", LOCOMOTION)


def task_of(config):
    """`HalfCheetah` or `Ant`, and the name of the task."""
    return re.fullmatch(rf"{NAMESPACE}/(HalfCheetah|Ant)(\w+)-v0", config.env.id).groups()


def test_every_task_of_every_family_has_a_config_of_its_name():
    assert len(BODY_TASKS) > 10
    for env_id, family in BODY_TASKS:
        body, task = re.fullmatch(rf"{NAMESPACE}/(HalfCheetah|Ant)(\w+)-v0", env_id).groups()
        words = re.findall("[A-Z][a-z]+", body + task) + ([family] if family != "rllab" else [])
        config = load_config("_".join(words).lower())
        assert (config.env.id, config.env.kwargs["family"]) == (env_id, family)


def test_every_id_has_a_config():
    with_configs = {load_config(name).env.id for name in POLICIES}
    assert {env_id for env_id in with_configs if env_id.startswith(f"{NAMESPACE}/")} == {*IDS, METAWORLD}


@every_config
def test_the_environment_is_the_one_that_is_stated(name):
    config = load_config(name)
    env = make_task_env(config.env, 2)
    assert env.spec.id == config.env.id
    assert env.horizon == config.env.kwargs["horizon"]
    assert getattr(env, "family", None) == config.env.kwargs.get("family")
    env.close()


@every_config
def test_a_meta_iteration_runs(name):
    config = load_config(name, TINY)
    learner = MetaLearner(config)
    activations = {"relu": torch.relu, "tanh": torch.tanh}
    values = torch.linspace(-2, 2, 5)
    assert learner.policy.hidden_sizes == config.policy.hidden_sizes
    assert torch.equal(learner.policy.activate(values), activations[config.policy.activation](values))
    metrics = learner.iterate()
    assert all(np.isfinite(value) for value in metrics.values())
    assert metrics["env_steps"] <= (config.adaptation.steps + 1) * 2 * 2 * 4
    assert f"return/step_{config.adaptation.steps}" in metrics
    assert metrics["diverged_simulations"] == 0
    for group in learner.sampler.groups:
        group.env.close()


@every_config
def test_settings_that_all_papers_share(name):
    config = load_config(name)
    is_tabular = config.env.id in ("mamlrl/Bandit-v0", "mamlrl/TabularMDP-v0")
    assert config.advantages.discount == (0.95 if is_tabular else 0.99)
    assert (config.advantages.standardize, config.advantages.ridge) == (True, 1e-5)
    assert (config.adaptation.estimator, config.sampling.rescale_actions) == ("maml", True)
    floor = {"navigation2d": 0.4, "navigation2d_tuned": 0.25}.get(name, 1e-6)
    assert (config.policy.initial_std, config.policy.min_std) == (1, floor)
    assert config.trust_region.cg_tolerance == 1e-10
    assert (config.trust_region.line_search_steps, config.trust_region.line_search_decay) == (15, 0.8)
    factor = 0.4 if name == "navigation2d_tuned" else 0.5
    assert (config.evaluation.tasks, config.evaluation.later_step_factor) == (40, factor)


@every_body_config
def test_settings_are_those_of_the_family(name):
    config = load_config(name)
    family, (body, task) = config.env.kwargs["family"], task_of(config)
    directions = task in ("Direction", "RandomDirection")
    scale = config.policy.initial_std / config.sampling.action_bound
    assert config.meta_batch_size == 40
    # not the papers', but what learns
    gae_lambda = 0.98 if name == "half_cheetah_velocity" else 0.95
    assert (config.advantages.gae_lambda, config.adaptation.loss) == (gae_lambda, "likelihood_ratio")
    assert (config.trust_region.max_kl, config.trust_region.cg_iterations) == (0.05, 4)
    assert config.evaluation.episodes_per_task == config.sampling.episodes_per_task
    if family == "rllab":
        assert (config.policy.hidden_sizes, config.policy.activation) == ((100, 100), "tanh")  # relu in the paper
        assert (config.env.kwargs["horizon"], config.iterations) == (200, 500)
        assert scale == {"Ant": 0.25, "HalfCheetah": 0.2 if task == "Velocity" else 1}[body]  # 1 in the paper
        assert config.sampling.episodes_per_task == (40 if body == "Ant" and directions else 20)
        assert (config.adaptation.steps, config.adaptation.step_size) == (1, 0.1)
    else:
        assert (config.policy.hidden_sizes, config.policy.activation) == ((64, 64), "tanh")
        learns = (body, task) == ("Ant", "Direction")  # not the paper's, but what has been trained
        assert config.env.kwargs["horizon"] == (100 if directions and not learns else 200)
        assert (config.iterations, scale) == (1000, 0.25 if learns else 0.1)
        assert config.sampling.episodes_per_task == 20
        assert config.adaptation.steps == (2 if task == "Goal" else 1)
        assert config.adaptation.step_size == (0.05 if task == "Parameters" else 0.1)


@every_body_config
def test_task_ranges_are_those_of_the_family_s_paper(name):
    config = load_config(name)
    body, task = task_of(config)
    fastest = 2 if (body, config.env.kwargs["family"]) == ("HalfCheetah", "rllab") else 3
    ranges = {"Velocity": (0, fastest), "Goal": (-3, 3), "Parameters": (1 / 2, 2), "Crippled": (0, 1)}
    space = make_task_env(config.env, 1).task_space
    assert (space.low.min(), space.high.max()) == ranges.get(task, (-1, 1))
