"""Sampling in environments of torch tensors, as on a GPU: the same rollouts, without waiting for a time step."""

import gymnasium
import numpy as np
import pytest
import torch
from fake_envs import FakeEnv
from no_waiting import NoWaiting, meta_device
from samplers import (
    CPU,
    ENV_ID,
    EPISODES,
    KWARGS,
    TASKS,
    ScriptedPolicy,
    assert_close,
    init,
    make_sampler,
    randomness,
    sample,
)

from mamlrl.envs.arrays import namespace
from mamlrl.envs.wrappers.task_observation import TaskObservation
from mamlrl.envs.wrappers.wrapper import TaskWrapper
from mamlrl.errors import DivergenceError, NonFiniteError, TaskEnvError
from mamlrl.networks.build import PolicyConfig, make_policy
from mamlrl.sampling import task_group
from mamlrl.sampling.conformance import check_task_env
from mamlrl.sampling.sampler import Sampler
from mamlrl.sampling.settings import SamplingConfig

CASES = {
    "navigation": (ENV_ID, KWARGS),
    "half-cheetah": ("mamlrl/HalfCheetahDirection-v0", {"horizon": 8, "num_threads": 1}),
    "ant": ("mamlrl/AntGoal-v0", {"horizon": 8, "num_threads": 1, "family": "gymnasium"}),
}
SEEDS = 0
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def make(case, wrapper=None, **kwargs):
    name, fixed = case
    env = gymnasium.make_vec(name, num_envs=TASKS * EPISODES, **fixed, **kwargs)
    env.set_tasks(env.sample_tasks(np.random.default_rng(0), TASKS))
    return wrapper(env) if wrapper else env


@every_case
@pytest.mark.parametrize("wrapper", [None, TaskObservation])
@pytest.mark.parametrize("rescale", [True, False])
def test_rollouts_are_those_of_numpy_arrays(case, wrapper, rescale):
    samplers = [
        make_sampler(make(case, wrapper, **kwargs), rescale_actions=rescale)
        for kwargs in ({}, {"array_module": "torch"})
    ]
    for seed in range(2):
        assert_close(*(sample(sampler, seed=seed) for sampler in samplers))


@pytest.mark.parametrize("look_every", [1, 4, 1000])
def test_how_often_a_device_is_asked_changes_nothing(look_every, monkeypatch):
    plain, sampler = (make_sampler(make(CASES["navigation"], array_module=module)) for module in (None, "torch"))
    monkeypatch.setattr(task_group, "LOOK_EVERY", look_every)
    expected = sample(plain)
    assert expected.mask.sum(dim=2).min() < KWARGS["horizon"]
    assert_close(sample(sampler), expected)
    rollouts = []
    for each in (plain, sampler):  # everybody stands at the goal at once
        each.set_tasks(np.zeros((TASKS, 2)))
        rollouts.append(each.sample(init(each).mul(0), randomness(), deterministic=True))
    assert rollouts[0].mask.shape[2] == 1
    assert_close(*rollouts)


@every_case
def test_a_time_step_waits_for_nothing(case):
    sampler = make_sampler(make(case, array_module="torch"))
    group, params = sampler.groups[0], init(sampler, dtype=torch.float32)
    noise = torch.zeros((8, TASKS, EPISODES, *group.env.single_action_space.shape))
    steps = group._steps(params, noise, SEEDS)
    with torch.inference_mode():
        next(steps)  # resets, which copies states to the device once
        with NoWaiting():
            assert len(list(steps)) == 7


@pytest.mark.slow  # compiles kernels of MuJoCo Warp
@pytest.mark.parametrize("name", ["half-cheetah", "ant"])
def test_a_time_step_waits_for_nothing_with_mujoco_warp(name):
    pytest.importorskip("mujoco_warp")
    env_id, kwargs = CASES[name]
    test_a_time_step_waits_for_nothing((env_id, {**kwargs, "simulator": "warp"}))


def test_policy_and_environment_stay_on_one_device(monkeypatch):
    with meta_device(monkeypatch):
        env = make(CASES["navigation"], TaskObservation, device="meta")
        policy = make_policy(env.single_observation_space, env.single_action_space, PolicyConfig((4,)))
        device = torch.device("meta")
        group = Sampler([env], policy, SamplingConfig(EPISODES), device).groups[0]
        params = torch.zeros(policy.num_parameters, device=device)
        noise = torch.zeros((9, TASKS, EPISODES, 2), device=device)
        with torch.inference_mode():
            steps = list(group._steps(params, noise, SEEDS))
    assert len(steps) == 9
    assert {part.device for step in steps for part in step} == {device}


def test_groups_and_watchers_get_what_they_do_with_numpy_arrays():
    seen = []
    for module in ("numpy", "torch"):
        envs = [gymnasium.make_vec(ENV_ID, num_envs=EPISODES, **KWARGS, array_module=module) for _ in range(2)]
        policy = make_policy(envs[0].single_observation_space, envs[0].single_action_space, PolicyConfig((4,)))
        told = []
        watch = lambda rewards, running, told=told: told.append((rewards, running))  # noqa: E731
        sampler = Sampler(envs, policy, SamplingConfig(EPISODES), CPU, watch)
        sampler.set_tasks(np.array([[0.02, 0.02], [0.01, 0.0]]))
        seen.append((told, sample(sampler)))
    (plain_told, plain), (told, rollouts) = seen
    assert_close(rollouts, plain)
    assert {type(array) for pair in told for array in pair} == {np.ndarray}
    for part in range(2):
        totals = [sum(pair[part].sum() for pair in each) for each in (told, plain_told)]
        assert totals[0] == pytest.approx(totals[1])


class TensorEnv(TaskWrapper):
    """The fake environment on tensors; `spoil` changes what a step returns, `start` what a reset does."""

    xp, device = namespace("torch"), torch.device("cpu")

    def __init__(self, horizon=10, spoil=None, start=None):
        super().__init__(FakeEnv(4, horizon=horizon))
        self.spoil, self.start = spoil or (lambda parts: parts), start or (lambda parts: parts)

    @property
    def unwrapped(self):
        return self

    @property
    def diverged(self):
        return torch.from_numpy(self.env.diverged)

    def reset(self, **kwargs):
        observations, info = self.env.reset(**kwargs)
        return self.start(torch.from_numpy(observations)), info

    def step(self, actions):
        assert isinstance(actions, torch.Tensor)
        *parts, info = self.env.step(actions.numpy())
        return *self.spoil([torch.from_numpy(part) for part in parts]), info


def changed(index, change):
    return lambda parts: [change(part) if at == index else part for at, part in enumerate(parts)]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (
            changed(0, lambda x: x.numpy()),
            r"observations of shape \(4, 2\) and type float64; expected a tensor of",
        ),
        (changed(0, lambda x: x.to("meta")), r"observations .* on meta; expected .* of shape \(4, 2\) on cpu"),
        (changed(0, lambda x: x[:3]), r"observations of shape \(3, 2\) .*numbers of shape \(4, 2\)"),
        (changed(1, lambda x: x[:, None]), r"rewards of shape \(4, 1\)"),
        (changed(1, lambda x: x.to(torch.complex64)), r"rewards .*complex64.*numbers"),
        (changed(2, lambda x: x.double()), r"terminations .*float64.*booleans"),
        (changed(3, lambda x: None), r"truncations of type NoneType"),
        (changed(3, lambda x: x.tolist()), r"truncations of a list of 4"),
    ],
)
def test_other_tensors_than_promised_are_one_line(spoil, words):
    policy = ScriptedPolicy(torch.zeros(2, 2, 2))
    with pytest.raises(TaskEnvError, match=rf"^environment TensorEnv: step returned {words}"):
        make_sampler(TensorEnv(spoil=spoil), 2, policy).sample(torch.zeros(1), randomness())


@pytest.mark.parametrize("what", ["observation", "reward"])
def test_numbers_that_are_not_finite_are_found_after_the_rollout_with_task_and_step(what):
    times = iter(range(100))

    def spoil(parts):
        if next(times) == 3:
            parts[["observation", "reward"].index(what)][3] = torch.nan
        return parts

    policy = ScriptedPolicy(torch.zeros(2, 2, 2))
    step = {"observation": 4, "reward": 3}[what]  # the observation is that of the next step
    words = (
        rf"TensorEnv: {what} of task 1 \(parameters .*\), episode 1, step {step} is not finite: step returned nan"
    )
    with pytest.raises(NonFiniteError, match=words):
        make_sampler(TensorEnv(spoil=spoil), 2, policy).sample(torch.zeros(1), randomness())
    endless = make_sampler(TensorEnv(start=lambda observations: observations + torch.inf), 2, policy)
    with pytest.raises(NonFiniteError, match="episode 0, step 0 is not finite: reset returned inf"):
        endless.sample(torch.zeros(1), randomness())


def test_simulations_that_diverge_are_left_out():
    samplers = [make_sampler(make(CASES["half-cheetah"], array_module=module)) for module in (None, "torch")]
    for sampler in samplers:
        env = sampler.env.unwrapped
        start = env._start

        def poison(chosen, env=env, start=start):
            start(chosen)
            env.simulator.velocities[1] = 1e12

        env._start = poison
    rollouts = [sample(sampler) for sampler in samplers]
    assert_close(*rollouts)
    assert [sampler.diverged for sampler in samplers] == [1, 1]
    assert not rollouts[1].mask[0, 1].any()
    env._start = lambda chosen: (start(chosen), env.simulator.velocities[:EPISODES].fill_(1e12))
    with pytest.raises(DivergenceError, match="all 5 simulations of task 0"):
        sample(samplers[1])


def test_conformance_checks_tell_what_is_wrong_with_tensors():
    check_task_env(TensorEnv(horizon=3))
    with pytest.raises(Exception, match="an episode that is over earns rewards"):
        check_task_env(TensorEnv(horizon=3, spoil=changed(1, lambda rewards: rewards + 1)))


def test_sampling_needs_no_more_operations_a_step_than_it_did():
    """What a GPU would launch for a time step of 2D navigation, views included."""
    sampler = make_sampler(make(CASES["navigation"], array_module="torch"))
    params = init(sampler, dtype=torch.float32)
    steps = sampler.groups[0]._steps(params, torch.zeros((8, TASKS, EPISODES, 2)), SEEDS)
    with torch.inference_mode(), NoWaiting() as mode:
        counts = [len(mode.operations) for _ in steps]
    assert counts[-1] - counts[-2] <= 70
