import itertools
import os
from typing import NamedTuple

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.envs.registration import load_env_creator
from gymnasium.spaces import Box
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from mamlrl import envs
from mamlrl.envs.locomotion.body import LocomotionVectorEnv
from mamlrl.experiments.experiment import PolicyConfig, SamplingConfig
from mamlrl.networks.mlp import make_policy
from mamlrl.sampling.sampler import Sampler

HORIZON = 20
NUM_ENVS = 6


class Case(NamedTuple):
    """A registered id, and the family of papers where it has several."""

    id: str
    kwargs: dict[str, str]

    def __str__(self):
        return " ".join([self.id.removeprefix(f"{envs.NAMESPACE}/"), *self.kwargs.values()])


def cases():
    for name in sorted(name for name in gymnasium.registry if name.startswith(f"{envs.NAMESPACE}/")):
        env_class = load_env_creator(gymnasium.spec(name).vector_entry_point)
        several = [{"family": family} for family in getattr(env_class, "families", [])]
        yield from (Case(name, kwargs) for kwargs in several or [{}])


CASES = list(cases())

every_case = pytest.mark.parametrize("case", CASES, ids=str)


def make_batch(case, num_envs=NUM_ENVS, **kwargs):
    return gymnasium.make_vec(case.id, num_envs=num_envs, **{"horizon": HORIZON, **case.kwargs, **kwargs})


def make_single(case, **kwargs):
    return gymnasium.make(case.id, **{"horizon": HORIZON, **case.kwargs, **kwargs}).unwrapped


def sample_actions(env, steps=HORIZON, seed=0):
    env.action_space.seed(seed)
    return [env.action_space.sample() for _ in range(steps)]


def record(env, actions):
    """Steps through the actions: observations, rewards, terminations and truncations over time."""
    steps = [env.step(action)[:4] for action in actions]
    return [np.array(parts) for parts in zip(*steps, strict=True)]


def assert_same(first, second):
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def mask_of(*indices):
    return np.isin(np.arange(NUM_ENVS), indices)


def some_tasks(env, num_tasks, seed=0):
    return env.sample_tasks(np.random.default_rng(seed), num_tasks)


def test_registry_holds_task_families():
    assert {case.kwargs.get("family") for case in CASES} == {None, "rllab", "gymnasium"}


@every_case
@pytest.mark.filterwarnings("ignore:.*A Box observation space m.*infinity")  # simulated bodies have no bounds
def test_gymnasium_checker_passes(case):
    check_env(make_single(case))


@every_case
@pytest.mark.filterwarnings("ignore:.*A Box observation space m.*infinity")
def test_wrapped_by_gymnasium_make_an_episode_runs_without_warnings(case):
    env = gymnasium.make(case.id, horizon=HORIZON, **case.kwargs)
    env.reset(seed=0)
    for action in sample_actions(env):
        _, _, terminated, truncated, _ = env.step(action)
        if terminated or truncated:
            break
    assert terminated or truncated


@every_case
def test_default_horizon_can_be_left_out(case):
    env = gymnasium.make_vec(case.id, num_envs=2, **case.kwargs)
    single = gymnasium.make(case.id, **case.kwargs).unwrapped
    assert env.horizon == single.vector_env.horizon > HORIZON


@every_case
def test_batch_follows_vector_conventions(case):
    env = make_batch(case)
    assert isinstance(env, VectorEnv)
    assert env.num_envs == NUM_ENVS
    assert env.metadata["autoreset_mode"] is AutoresetMode.DISABLED
    assert env.observation_space == batch_space(env.single_observation_space, NUM_ENVS)
    assert env.action_space == batch_space(env.single_action_space, NUM_ENVS)

    observations, info = env.reset(seed=0)
    assert env.observation_space.contains(observations)
    assert isinstance(info, dict)
    for actions in sample_actions(env):
        observations, rewards, terminated, truncated, info = env.step(actions)
        assert env.observation_space.contains(observations)
        assert isinstance(info, dict)
        assert (rewards.shape, rewards.dtype) == ((NUM_ENVS,), np.float64)
        assert (terminated.shape, terminated.dtype) == ((NUM_ENVS,), np.bool_)
        assert (truncated.shape, truncated.dtype) == ((NUM_ENVS,), np.bool_)
    env.close()


@every_case
def test_single_env_has_the_spaces_of_one_sub_environment(case):
    single, batch = make_single(case), make_batch(case)
    assert single.observation_space == batch.single_observation_space
    assert single.action_space == batch.single_action_space


@every_case
def test_same_seed_gives_the_same_episodes(case):
    env, twin = make_batch(case), make_batch(case)
    actions = sample_actions(env)
    first = [env.reset(seed=5)[0], env.tasks.copy(), *record(env, actions)]
    assert_same(first, [twin.reset(seed=5)[0], twin.tasks.copy(), *record(twin, actions)])
    assert_same(first, [env.reset(seed=5)[0], env.tasks.copy(), *record(env, actions)])


@every_case
def test_other_seeds_and_unseeded_resets_give_other_episodes(case):
    env = make_batch(case)
    actions = sample_actions(env)
    rewards = []
    for seed in (5, 6, None):
        env.reset(seed=seed)
        rewards.append(record(env, actions)[1])
    for one, other in [(0, 1), (0, 2), (1, 2)]:
        assert not np.array_equal(rewards[one], rewards[other])


@every_case
def test_sampled_tasks_have_the_shape_of_the_task_space_and_lie_in_it(case):
    env = make_batch(case)
    tasks = some_tasks(env, 50)
    assert tasks.shape == (50, *env.task_space.shape)
    assert all(env.task_space.contains(task.astype(env.task_space.dtype)) for task in tasks)


@every_case
def test_sampled_tasks_depend_on_the_generator_alone(case):
    env, other = make_batch(case), make_batch(case)
    env.reset(seed=0)
    other.reset(seed=1)
    np.random.seed(0)  # noqa: NPY002 (the global state must not matter)
    first = some_tasks(env, 50)
    np.random.seed(1)  # noqa: NPY002
    np.testing.assert_array_equal(first, some_tasks(other, 50))
    assert not np.array_equal(first, some_tasks(env, 50, seed=1))


@every_case
def test_sampling_tasks_advances_the_generator_and_sets_nothing(case):
    env, rng = make_batch(case), np.random.default_rng(0)
    env.reset(seed=0)
    before = env.tasks.copy()
    first, second = env.sample_tasks(rng, 50), env.sample_tasks(rng, 50)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(env.tasks, before)


@every_case
@pytest.mark.parametrize("num_tasks", [1, 2, 3, NUM_ENVS])
def test_set_tasks_gives_equal_consecutive_groups_the_same_task(case, num_tasks):
    env = make_batch(case)
    tasks = some_tasks(env, num_tasks)
    env.set_tasks(tasks)
    env.reset(seed=0)
    for index in range(NUM_ENVS):
        np.testing.assert_array_equal(env.tasks[index], tasks[index // (NUM_ENVS // num_tasks)])


@every_case
def test_set_tasks_copies(case):
    env = make_batch(case)
    tasks = some_tasks(env, NUM_ENVS)
    env.set_tasks(tasks)
    expected = tasks.copy()
    tasks += 1
    np.testing.assert_array_equal(env.tasks, expected)


@every_case
def test_each_sub_environment_samples_a_task_of_its_own(case):
    env = make_batch(case)
    distinct = []
    for seed in range(5):
        env.reset(seed=seed)
        distinct.append(len(np.unique(env.tasks, axis=0)))
    assert max(distinct) > 1


@every_case
def test_tasks_once_set_survive_resets_and_until_then_each_reset_samples(case):
    env = make_batch(case)
    sampled = []
    for seed in range(5):
        env.reset(seed=seed)
        assert all(env.task_space.contains(task.astype(env.task_space.dtype)) for task in env.tasks)
        sampled.append(env.tasks.copy())
    assert any(not np.array_equal(sampled[0], tasks) for tasks in sampled[1:])

    tasks = some_tasks(env, NUM_ENVS)
    env.set_tasks(tasks)
    env.reset(seed=0)
    env.reset()
    np.testing.assert_array_equal(env.tasks, tasks)


@every_case
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda tasks: tasks[None], "shape"),
        (lambda tasks: tasks[:0], "shape"),
        (lambda tasks: np.zeros((3, 7, 7)), "shape"),
        (lambda tasks: np.concatenate([tasks, tasks])[:4], "divide"),
        (lambda tasks: np.concatenate([tasks] * 4), "divide"),
        (lambda tasks: np.full_like(tasks, np.nan), "task 0.*outside"),
        (lambda tasks: ["north"], "tasks must be an array of numbers.*north"),
        (lambda tasks: [1.0, [2.0]], "tasks must be an array of numbers"),
    ],
)
def test_unfit_tasks_are_refused_and_change_nothing(case, spoil, message):
    env = make_batch(case)
    tasks = some_tasks(env, 3)
    env.set_tasks(tasks)
    with pytest.raises(ValueError, match=message):
        env.set_tasks(spoil(some_tasks(env, 3, seed=1)))
    np.testing.assert_array_equal(env.tasks, np.repeat(tasks, 2, axis=0))


@every_case
def test_an_unfit_task_of_a_single_environment_is_refused(case):
    single = make_single(case)
    task = some_tasks(single.vector_env, 1)[0]
    for wrong in (task[:-1], task[None], 0.5):
        with pytest.raises(ValueError, match=r"the task must have shape \(\d,\), got \("):
            single.set_task(wrong)
    with pytest.raises(ValueError, match="the task must be an array of numbers, got north"):
        single.set_task("north")
    with pytest.raises(ValueError, match=r"task 0, .*outside"):
        single.set_task(np.full_like(task, 1e6))
    single.set_task(task)


@every_case
@pytest.mark.parametrize("bound", ["low", "high"])
def test_a_task_outside_the_task_space_is_refused_by_its_index(case, bound):
    env = make_batch(case)
    tasks = some_tasks(env, 3)
    tasks[2] = getattr(env.task_space, bound) + (1 if bound == "high" else -1)
    if not np.isfinite(tasks).all():
        pytest.skip("the task space is unbounded")
    with pytest.raises(ValueError, match=r"task 2.*outside"):
        env.set_tasks(tasks)


@every_case
def test_episodes_are_truncated_at_the_horizon_and_not_before(case):
    env = make_batch(case)
    env.reset(seed=0)
    _, _, terminated, truncated = record(env, sample_actions(env))
    assert not truncated[:-1].any()
    assert (truncated[-1] | terminated[-1]).all()
    assert truncated[-1].any()


@every_case
def test_finished_episodes_stay_finished(case):
    env = make_batch(case)
    env.reset(seed=0)
    actions = sample_actions(env, 2 * HORIZON)
    observations, _, terminated, truncated = record(env, actions[:HORIZON])
    assert (terminated[-1] | truncated[-1]).all()
    later = record(env, actions[HORIZON:])
    for one_observations, rewards, one_terminated, one_truncated in zip(*later, strict=True):
        np.testing.assert_array_equal(one_observations, observations[-1])
        np.testing.assert_array_equal(rewards, 0.0)
        np.testing.assert_array_equal(one_terminated, terminated[-1])
        np.testing.assert_array_equal(one_truncated, truncated[-1])


@every_case
def test_flags_never_fall_back_and_end_rewards(case):
    env = make_batch(case)
    env.reset(seed=0)
    _, rewards, terminated, truncated = record(env, sample_actions(env, 2 * HORIZON))
    ended = terminated | truncated
    assert (ended[:-1] <= ended[1:]).all()
    np.testing.assert_array_equal(rewards[1:][ended[:-1]], 0.0)


@every_case
def test_rollouts_mask_what_comes_after_the_end(case, monkeypatch):
    """One episode is made to end in its fifth step; some of the others may end by themselves."""
    env, steps = make_batch(case), itertools.count(1)
    advance = env._advance

    def end_early(actions, running):
        rewards, terminated = advance(actions, running)
        return rewards, terminated | (mask_of(3) & (next(steps) == 5))

    monkeypatch.setattr(env, "_advance", end_early)
    env.set_tasks(some_tasks(env, 3))
    policy = make_policy(env.single_observation_space, env.single_action_space, PolicyConfig(hidden_sizes=(4,)))
    sampler = Sampler([env], policy, SamplingConfig(env.num_envs // 3), torch.device("cpu"))
    generator = torch.Generator().manual_seed(0)
    rollouts = sampler.sample(policy.init(generator), np.random.default_rng(0), generator)
    lengths = rollouts.mask.sum(dim=2)
    assert lengths[1, 1] == 5
    assert lengths.max() == HORIZON
    assert rollouts.transitions == lengths.sum()
    assert (rollouts.mask.diff(dim=2) <= 0).all()
    over = rollouts.mask == 0
    assert not rollouts.rewards[over].any()
    assert not rollouts.observations[over].any()


@every_case
def test_what_a_family_returns_for_finished_episodes_is_ignored(case, monkeypatch):
    env, twin = make_batch(case), make_batch(case)
    advance = twin._advance

    def advance_with_garbage(actions, running):
        rewards, terminated = advance(actions, running)
        return np.where(running, rewards, 99.0), np.where(running, terminated, ~twin._terminated)

    monkeypatch.setattr(twin, "_advance", advance_with_garbage)
    env.reset(seed=0)
    twin.reset(seed=0)
    actions = sample_actions(env, 2 * HORIZON)
    assert_same(record(env, actions), record(twin, actions))


@every_case
@pytest.mark.parametrize("garbage", [None, 1e6, np.inf, np.nan])
def test_actions_of_finished_episodes_are_ignored(case, garbage):
    env, twin = make_batch(case), make_batch(case)
    if garbage is not None and not isinstance(env.single_action_space, Box):
        pytest.skip("the actions are discrete")
    restarted = mask_of(0, 2, 3)
    for each in (env, twin):
        each.reset(seed=0)
        record(each, sample_actions(each))
        each.reset(seed=1, options={"reset_mask": restarted})
    actions, others = sample_actions(env, seed=1), sample_actions(env, seed=2)
    for other, action in zip(others, actions, strict=True):
        if garbage is not None:
            other[:] = garbage
        other[restarted] = action[restarted]
    assert_same(record(env, actions), record(twin, others))


@every_case
def test_reset_mask_restarts_only_the_chosen_episodes(case):
    env = make_batch(case)
    env.reset(seed=0)
    observations, _, terminated, _ = record(env, sample_actions(env))
    tasks = env.tasks.copy()
    chosen = mask_of(1, 4)
    restarted, _ = env.reset(options={"reset_mask": chosen})
    np.testing.assert_array_equal(restarted[~chosen], observations[-1][~chosen])
    assert not np.array_equal(restarted[chosen], observations[-1][chosen])
    np.testing.assert_array_equal(env.tasks[~chosen], tasks[~chosen])

    later, rewards, later_terminated, later_truncated = record(env, sample_actions(env, seed=1))
    np.testing.assert_array_equal(rewards[:, ~chosen], 0.0)
    np.testing.assert_array_equal(later[-1][~chosen], observations[-1][~chosen])
    assert rewards[0, chosen].all()
    assert not later_truncated[:-1, chosen].any()
    assert (later_terminated | later_truncated)[-1].all()
    np.testing.assert_array_equal(later_terminated[-1][~chosen], terminated[-1][~chosen])


@every_case
def test_reset_mask_leaves_the_clock_of_running_episodes_alone(case):
    env, early = make_batch(case), HORIZON // 4
    env.reset(seed=0)
    actions = sample_actions(env)
    _, _, terminated, _ = record(env, actions[:early])
    chosen = mask_of(0, 5)
    env.reset(options={"reset_mask": chosen})
    _, _, terminated, truncated = record(env, actions[early:])
    np.testing.assert_array_equal(truncated[-1], ~chosen & ~terminated[-1])


@every_case
def test_returned_arrays_share_no_memory(case):
    env = make_batch(case)
    returned = [env.reset(seed=0)[0]]
    for actions in sample_actions(env, 4):
        returned += [part for part in env.step(actions) if isinstance(part, np.ndarray)]
    returned.append(env.reset()[0])
    for index, array in enumerate(returned):
        assert not any(np.shares_memory(array, other) for other in returned[index + 1 :])


@every_case
def test_overwriting_what_the_environment_returned_or_took_changes_nothing(case):
    env, twin = make_batch(case), make_batch(case)
    actions = sample_actions(env)
    untouched = [env.reset(seed=0)[0], *record(env, actions)]
    replay = [twin.reset(seed=0)[0].copy()]
    steps = []
    for action in actions:
        passed = action.copy()
        returned = twin.step(passed)[:4]
        np.testing.assert_array_equal(passed, action)
        steps.append([part.copy() for part in returned])
        for part in returned:
            part[...] = 1
        passed[...] = 0
    replay += [np.array(parts) for parts in zip(*steps, strict=True)]
    assert_same(untouched, replay)


@every_case
def test_rendering_gives_one_picture_a_sub_environment(case):
    env = make_batch(case, num_envs=2, render_mode="rgb_array")
    if isinstance(env, LocomotionVectorEnv) and os.environ.get("MUJOCO_GL") not in ("egl", "osmesa"):
        pytest.skip("MuJoCo has nothing here to draw with")
    env.reset(seed=0)
    frames = env.render()
    assert len(frames) == 2
    for frame in frames:
        assert frame.dtype == np.uint8
        assert frame.shape == frames[0].shape
        assert frame.shape[2:] == (3,)
        assert len(np.unique(frame)) > 1
    env.close()

    single = make_single(case, render_mode="rgb_array")
    single.reset(seed=0)
    assert single.render().shape == frames[0].shape
    single.close()


@every_case
def test_without_a_render_mode_there_is_no_picture(case):
    for env in (make_batch(case), make_single(case)):
        env.reset(seed=0)
        assert env.render_mode is None
        assert env.render() is None


@every_case
def test_stepping_before_the_first_reset_is_refused(case):
    for env in (make_batch(case), make_single(case)):
        with pytest.raises(gymnasium.error.ResetNeeded, match="reset"):
            env.step(env.action_space.sample())


@every_case
def test_actions_of_another_shape_are_refused(case):
    env, single = make_batch(case), make_single(case)
    env.reset(seed=0)
    single.reset(seed=0)
    actions = env.action_space.sample()
    for wrong in (actions[:-1], actions[0], actions[..., None], actions[None]):
        with pytest.raises(ValueError, match="actions must have shape"):
            env.step(wrong)
    with pytest.raises(ValueError, match="actions must have shape"):
        single.step(actions)


@every_case
@pytest.mark.parametrize("name", ["num_envs", "horizon"])
@pytest.mark.parametrize("value", [0, -1])
def test_sizes_below_one_are_refused_by_name(case, name, value):
    with pytest.raises(ValueError, match=f"{name} must"):
        make_batch(case, **{name: value})


@every_case
def test_unknown_render_mode_is_refused_by_name(case):
    env = make_batch(case)
    with pytest.raises(ValueError, match="render_mode must"):
        type(env)(num_envs=1, render_mode="hologram")


def simulated_states(env):
    """States of all bodies, None where there are none."""
    if not isinstance(env, LocomotionVectorEnv):
        return None
    return env.simulator.positions.copy(), env.simulator.velocities.copy()


def start_in(single, states, index):
    """Lets the episodes of a single environment begin in one of the states."""
    if states is not None:
        state = tuple(part[[index]] for part in states)
        single.vector_env.body.sample_states = lambda rng, number: state


@every_case
def test_batch_equals_the_same_episodes_run_one_by_one(case):
    env = make_batch(case)
    tasks = some_tasks(env, 3)
    env.set_tasks(tasks)
    start, _ = env.reset(seed=0)
    states, actions = simulated_states(env), sample_actions(env)
    batch = record(env, actions)
    for index in range(NUM_ENVS):
        single = make_single(case)
        single.set_task(tasks[index // 2])
        start_in(single, states, index)
        np.testing.assert_array_equal(single.reset(seed=0)[0], start[index])
        alone = record(single, [action[index] for action in actions])
        for one, all_of_them in zip(alone, batch, strict=True):
            np.testing.assert_allclose(one, all_of_them[:, index], rtol=1e-12, atol=1e-12)


@every_case
def test_batch_of_one_equals_the_single_env(case):
    env, single = make_batch(case, num_envs=1), make_single(case)
    start, _ = env.reset(seed=3)
    single_start, _ = single.reset(seed=3)
    np.testing.assert_array_equal(start[0], single_start)
    actions = sample_actions(env)
    batch, alone = record(env, actions), record(single, [action[0] for action in actions])
    assert_same([part[:, 0] for part in batch], alone)


@every_case
def test_sub_environments_do_not_influence_one_another(case):
    env, twin = make_batch(case), make_batch(case)
    actions, others = sample_actions(env, seed=0), sample_actions(env, seed=1)
    kept = mask_of(0, 3)
    for other, action in zip(others, actions, strict=True):
        other[kept] = action[kept]
    env.reset(seed=0)
    twin.reset(seed=0)
    first, second = record(env, actions), record(twin, others)
    assert_same([part[:, kept] for part in first], [part[:, kept] for part in second])
    assert not np.array_equal(first[0][:, ~kept], second[0][:, ~kept])
