import contextlib
import threading
from dataclasses import fields

import gymnasium
import numpy as np
import pytest
import torch
from budgets import kept_by_simulation
from gymnasium.spaces import Box, Discrete

from mamlrl import envs
from mamlrl.errors import NonFiniteError
from mamlrl.experiments.experiment import AdvantageConfig, PolicyConfig, SamplingConfig
from mamlrl.networks.mlp import make_policy
from mamlrl.sampling.advantages import process
from mamlrl.sampling.rollouts import Rollouts
from mamlrl.sampling.sampler import Sampler

ENV_ID = "mamlrl/Navigation2D-v0"
KWARGS = {"goal_range": 0.04, "horizon": 30}  # goals so close that some episodes end early
TASKS, EPISODES = 3, 5
CPU = torch.device("cpu")
FIELDS = [field.name for field in fields(Rollouts)]


class FakeEnv(envs.TaskVectorEnv):
    """Observes the time; pays it too; ends when told; yields a given number once; remembers its actions."""

    def __init__(self, num_envs=6, horizon=8, lengths=None, action_space=None, spoilt=None, value=np.nan):
        box = Box(-np.inf, np.inf, (2,))
        action_space = action_space or Box(-1.0, 1.0, (2,))
        super().__init__(num_envs, box, action_space, Box(0.0, 9.0, (1,)), horizon)
        self.lengths = np.full(num_envs, horizon + 1) if lengths is None else np.asarray(lengths)
        self.spoilt, self.value = spoilt, value
        self.received = []

    def sample_tasks(self, rng, num_tasks):
        return rng.uniform(0, 9, (num_tasks, 1))

    def _start(self, chosen):
        self.time = 0

    def _advance(self, actions, running):
        self.received.append(actions.copy())
        rewards = self._spoil("reward", np.full(self.num_envs, float(self.time)))
        self.time += 1
        return rewards, self.time >= self.lengths

    def _observe(self):
        return self._spoil("observation", np.full((self.num_envs, 2), float(self.time)))

    def _draw(self, index):
        return np.zeros((4, 4, 3), np.uint8)

    def _spoil(self, what, array):
        for kind, index, time in self.spoilt or ():
            if (kind, time) == (what, self.time):
                array[index] = self.value
        return array


class ScriptedPolicy:
    """Always answers with the same actions."""

    def __init__(self, actions):
        self.actions = actions
        self.distribution = self

    def bind(self, params):
        return lambda observations: observations

    def noise(self, shape, generator, dtype):
        return torch.zeros(shape, dtype=dtype)

    def sample(self, outputs, noise):
        return self.actions


def make_env(num_tasks=TASKS, episodes=EPISODES, **kwargs):
    env = gymnasium.make_vec(ENV_ID, num_envs=num_tasks * episodes, **(KWARGS | kwargs))
    env.set_tasks(env.sample_tasks(np.random.default_rng(7), num_tasks))
    return env


def make_sampler(env, num_tasks=TASKS, policy=None, **config):
    settings = PolicyConfig(hidden_sizes=(8,), initial_std=0.3)
    policy = policy or make_policy(env.single_observation_space, env.single_action_space, settings)
    return Sampler([env], policy, SamplingConfig(env.num_envs // num_tasks, **config), CPU)


def generators(seed=0, actions_seed=None):
    actions_seed = seed if actions_seed is None else actions_seed
    return np.random.default_rng(seed), torch.Generator().manual_seed(actions_seed)


def init(sampler, seed=0, dtype=torch.float64):
    return sampler.policy.init(torch.Generator().manual_seed(seed), dtype)


def sample(sampler, params=None, **seeds):
    return sampler.sample(init(sampler) if params is None else params, *generators(**seeds))


def sample_fake(env, num_tasks=2, unit="episodes", actions=None):
    shape = (num_tasks, env.num_envs // num_tasks, *env.single_action_space.shape)
    policy = ScriptedPolicy(torch.zeros(shape) if actions is None else actions)
    sampler = make_sampler(env, num_tasks, policy, unit=unit)
    return sampler.sample(torch.zeros(1, dtype=torch.float64), *generators())


def in_bounds(actions, space):
    return np.clip(space.low + (actions + 1) / 2 * (space.high - space.low), space.low, space.high)


def test_axes_are_task_episode_time_feature():
    rollouts = sample(make_sampler(make_env()))
    time = rollouts.mask.shape[2]
    assert rollouts.observations.shape == (TASKS, EPISODES, time, 2)
    assert rollouts.actions.shape == (TASKS, EPISODES, time, 2)
    assert rollouts.rewards.shape == rollouts.mask.shape == (TASKS, EPISODES, time)
    assert rollouts.outputs.shape == (TASKS, EPISODES, time, 4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_policy_data_have_the_parameters_precision_and_rewards_are_double(dtype):
    sampler = make_sampler(make_env())
    rollouts = sample(sampler, init(sampler, dtype=dtype))
    assert rollouts.observations.dtype == rollouts.actions.dtype == rollouts.outputs.dtype == dtype
    assert rollouts.rewards.dtype == rollouts.mask.dtype == torch.float64
    assert not any(getattr(rollouts, name).requires_grad for name in FIELDS)


def test_batched_rollouts_equal_the_same_episodes_run_one_by_one():
    env = make_env()
    rollouts = sample(make_sampler(env))
    lengths = rollouts.mask.sum(dim=2).int()
    assert lengths.min() < env.horizon  # some end early, so that the mask matters
    for task in range(TASKS):
        for episode in range(EPISODES):
            single = gymnasium.make(ENV_ID, **KWARGS).unwrapped
            single.set_task(env.tasks[task * EPISODES])
            observation, _ = single.reset(seed=0)
            actions = in_bounds(rollouts.actions[task, episode].numpy(), env.single_action_space)
            ended = False
            for time, action in enumerate(actions):
                assert rollouts.mask[task, episode, time] == (not ended)
                expected = 0.0
                if not ended:
                    np.testing.assert_allclose(rollouts.observations[task, episode, time], observation, atol=1e-12)
                    observation, expected, terminated, truncated, _ = single.step(action)
                    ended = terminated or truncated
                assert float(rollouts.rewards[task, episode, time]) == pytest.approx(expected, abs=1e-12)
            assert ended


def test_every_sub_environment_lands_at_its_task_and_episode():
    env = FakeEnv(num_envs=6, horizon=8, lengths=[1, 2, 3, 4, 5, 6])
    rollouts = sample_fake(env, num_tasks=2)
    assert rollouts.mask.sum(dim=2).tolist() == [[1, 2, 3], [4, 5, 6]]
    assert rollouts.rewards[1, 2].tolist() == [0, 1, 2, 3, 4, 5]
    assert rollouts.rewards[0, 1].tolist() == [0, 1, 0, 0, 0, 0]
    assert rollouts.observations[1, 2, :, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert rollouts.transitions == 21
    torch.testing.assert_close(
        rollouts.task_returns(), torch.tensor([(0 + 1 + 3) / 3, (6 + 10 + 15) / 3], dtype=torch.float64)
    )


def test_time_is_as_long_as_the_longest_episode():
    assert sample_fake(FakeEnv(horizon=8, lengths=[3, 1, 2, 2, 2, 2])).mask.shape[2] == 3
    assert sample_fake(FakeEnv(horizon=8)).mask.shape[2] == 8


def test_rewards_sum_to_the_returns_of_the_environment():
    env = make_env()
    rollouts = sample(make_sampler(env))
    positions = rollouts.observations.numpy() + in_bounds(rollouts.actions.numpy(), env.single_action_space)
    goals = env.tasks[::EPISODES][:, None, None]
    rewards = -np.linalg.norm(positions - goals, axis=-1) * rollouts.mask.numpy()
    returns = rewards.sum(axis=2).mean(axis=1)
    np.testing.assert_allclose(rollouts.task_returns().numpy(), returns, atol=1e-10)
    assert rollouts.transitions == int(rollouts.mask.sum())


@pytest.mark.parametrize("each_task_its_own", [False, True])
def test_outputs_are_the_policys_at_the_recorded_observations(each_task_its_own):
    sampler = make_sampler(make_env())
    params = init(sampler)
    if each_task_its_own:
        params = torch.stack([init(sampler, seed) for seed in range(TASKS)])
    rollouts = sample(sampler, params)
    for task in range(TASKS):
        own = params[task] if each_task_its_own else params
        outputs = sampler.policy(own, rollouts.observations[task])
        torch.testing.assert_close(rollouts.outputs[task], outputs, rtol=0, atol=1e-12)


def test_actions_scatter_around_the_outputs_as_the_distribution_says():
    sampler = make_sampler(make_env(episodes=200))
    rollouts = sample(sampler)
    mean, log_std = rollouts.outputs.chunk(2, dim=-1)
    noise = (rollouts.actions - mean) / log_std.exp()
    assert float(noise.mean()) == pytest.approx(0.0, abs=0.02)
    assert float(noise.std()) == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize(
    ("rescale", "bound", "action", "expected"),
    [
        (True, 1.0, [-1.0, 1.0], [-2.0, 0.5]),
        (True, 1.0, [0.0, 0.0], [2.0, 0.25]),
        (True, 1.0, [0.5, -0.5], [4.0, 0.125]),
        (True, 1.0, [3.0, -3.0], [6.0, 0.0]),
        (True, 10.0, [-10.0, 10.0], [-2.0, 0.5]),
        (True, 10.0, [5.0, -1.0], [4.0, 0.225]),
        (True, 0.5, [0.25, -7.0], [4.0, 0.0]),
        (False, 1.0, [3.0, 0.25], [3.0, 0.25]),
        (False, 10.0, [7.0, -0.1], [6.0, 0.0]),
        (False, 1.0, [-7.0, 0.6], [-2.0, 0.5]),
    ],
)
def test_actions_are_rescaled_and_clipped_to_the_bounds(rescale, bound, action, expected):
    bounds = Box(np.array([-2.0, 0.0]), np.array([6.0, 0.5]), dtype=np.float64)
    env = FakeEnv(num_envs=2, horizon=1, action_space=bounds)
    policy = ScriptedPolicy(torch.tensor(action, dtype=torch.float64).expand(1, 2, 2))
    sampler = make_sampler(env, 1, policy, rescale_actions=rescale, action_bound=bound)
    rollouts = sampler.sample(torch.zeros(1), *generators())
    np.testing.assert_allclose(env.received[0], [expected, expected], atol=1e-12)
    assert rollouts.actions[0, 0, 0].tolist() == action


@pytest.mark.parametrize("rescale", [True, False])
def test_actions_without_bounds_reach_the_environment_as_they_are(rescale):
    env = FakeEnv(num_envs=2, horizon=1, action_space=Box(-np.inf, np.inf, (2,)))
    policy = ScriptedPolicy(torch.tensor([0.5, -30.0], dtype=torch.float64).expand(1, 2, 2))
    make_sampler(env, 1, policy, rescale_actions=rescale).sample(torch.zeros(1), *generators())
    assert env.received[0].tolist() == [[0.5, -30.0]] * 2


def test_discrete_actions_reach_the_environment_as_they_are():
    env = FakeEnv(num_envs=6, horizon=1, action_space=Discrete(7))
    actions = torch.tensor([[0, 1, 2], [3, 4, 6]])
    rollouts = sample_fake(env, actions=actions)
    assert env.received[0].tolist() == [0, 1, 2, 3, 4, 6]
    assert torch.equal(rollouts.actions[:, :, 0], actions)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("what", ["observation", "reward"])
def test_non_finite_numbers_are_reported_with_their_place(what, value):
    env = FakeEnv(num_envs=6, spoilt=[(what, 5, 3)], value=value)
    env.set_tasks(np.array([[2.0], [7.25]]))
    with pytest.raises(NonFiniteError) as caught:
        sample_fake(env, num_tasks=2)
    for part in ("FakeEnv", what, "task 1", "7.25", "episode 2", "step 3"):
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_non_finite_error_names_the_id_of_a_registered_environment():
    env = FakeEnv(spoilt=[("reward", 0, 0)])
    env.spec = gymnasium.spec(ENV_ID)
    with pytest.raises(NonFiniteError, match=ENV_ID):
        sample_fake(env)


def test_the_first_of_several_non_finite_numbers_is_reported():
    env = FakeEnv(spoilt=[("reward", 1, 4), ("reward", 3, 2), ("reward", 4, 2)])
    with pytest.raises(NonFiniteError, match=r"task 1 .*episode 0, step 2"):
        sample_fake(env)


@pytest.mark.parametrize("what", ["observation", "reward"])
def test_non_finite_numbers_after_the_end_of_an_episode_stay_out_of_the_batch(what):
    env = FakeEnv(lengths=[3, 8, 8, 8, 8, 8], spoilt=[(what, 0, time) for time in range(3, 9)])
    rollouts = sample_fake(env)
    assert rollouts.mask.sum(dim=2)[0, 0] == 3
    for name in FIELDS:
        assert getattr(rollouts, name).isfinite().all(), name
    processed = process(rollouts, AdvantageConfig())
    assert processed.batch.advantages.isfinite().all()
    assert processed.batch.observations.isfinite().all()


@pytest.mark.parametrize("spoilt", [None, [("reward", 0, 3)]])
def test_torch_has_one_thread_while_sampling_and_its_own_number_again_afterwards(spoilt, monkeypatch):
    numbers = []
    advance = FakeEnv._advance

    def count_threads(env, actions, running):
        numbers.append(torch.get_num_threads())
        return advance(env, actions, running)

    monkeypatch.setattr(FakeEnv, "_advance", count_threads)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with pytest.raises(NonFiniteError) if spoilt else contextlib.nullcontext():
            sample_fake(FakeEnv(spoilt=spoilt))
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    assert set(numbers) == {1}


@pytest.mark.parametrize("unit", ["episodes", "transitions"])
def test_same_seeds_give_identical_rollouts(unit):
    first, second = (sample(make_sampler(make_env(), unit=unit)) for _ in range(2))
    for name in FIELDS:
        assert torch.equal(getattr(first, name), getattr(second, name))


def test_rollouts_depend_on_both_generators_and_leave_the_global_ones_alone():
    def of_fresh_tasks(**seeds):
        env = gymnasium.make_vec(ENV_ID, num_envs=TASKS * EPISODES, **KWARGS)  # samples tasks in each reset
        return sample(make_sampler(env), **seeds)

    torch.manual_seed(0)
    first = of_fresh_tasks(seed=0)
    torch.manual_seed(1)
    again = of_fresh_tasks(seed=0)
    assert torch.equal(first.rewards, again.rewards)
    other_env, other_actions = of_fresh_tasks(seed=1, actions_seed=0), of_fresh_tasks(seed=0, actions_seed=1)
    assert torch.equal(first.actions[:, :, 0], other_env.actions[:, :, 0])
    assert not torch.equal(first.rewards[:, :, 0], other_env.rewards[:, :, 0])
    assert not torch.equal(first.actions[:, :, 0], other_actions.actions[:, :, 0])


def test_successive_samples_differ():
    sampler, (rng, generator) = make_sampler(make_env()), generators()
    first = sampler.sample(init(sampler), rng, generator)
    second = sampler.sample(init(sampler), rng, generator)
    assert not torch.equal(first.actions[:, :, 0], second.actions[:, :, 0])


def rounds_of_episodes(number):
    """The rounds that a sampler with seed 0 collects, one after another."""
    sampler, (rng, generator) = make_sampler(make_env()), generators()
    params = init(sampler)
    return [sampler.sample(params, rng, generator) for _ in range(number)]


def test_sampling_by_transitions_collects_the_budget_and_keeps_what_the_simulation_completes():
    env = make_env()
    rollouts = sample(make_sampler(env, unit="transitions"))
    budget = EPISODES * env.horizon
    assert (rollouts.mask.sum(dim=(1, 2)) >= budget).all()

    number = rollouts.mask.shape[1] // EPISODES
    assert number > 1
    rounds = rounds_of_episodes(number)
    lengths = np.stack([r.mask.sum(dim=2).int().numpy() for r in rounds])
    expected = kept_by_simulation(lengths, budget)
    assert kept_by_simulation(lengths[:-1], budget) is None
    np.testing.assert_array_equal(rollouts.mask[:, :, 0].bool().numpy(), expected)
    assert not expected.all()


def test_sampling_by_transitions_keeps_whole_episodes_as_they_were():
    rollouts = sample(make_sampler(make_env(), unit="transitions"))
    number = rollouts.mask.shape[1] // EPISODES
    for index, one_round in enumerate(rounds_of_episodes(number)):
        episodes = slice(index * EPISODES, (index + 1) * EPISODES)
        kept = rollouts.mask[:, episodes, 0].bool()
        time = one_round.mask.shape[2]
        for name in FIELDS:
            joined, alone = getattr(rollouts, name)[:, episodes], getattr(one_round, name)
            assert torch.equal(joined[kept][:, :time], alone[kept])
        assert not rollouts.mask[:, episodes][kept][:, time:].any()
        assert not rollouts.mask[:, episodes][~kept].any()
        assert not rollouts.rewards[:, episodes][~kept].any()


def test_where_no_episode_ends_early_both_units_collect_the_same():
    by_episodes, by_transitions = (
        sample(make_sampler(make_env(goal_range=50.0), unit=unit)) for unit in ("episodes", "transitions")
    )
    assert by_episodes.mask.all()
    for name in FIELDS:
        assert torch.equal(getattr(by_episodes, name), getattr(by_transitions, name))


def test_watchers_are_told_of_every_reset_and_step():
    env, told = FakeEnv(num_envs=2, lengths=[1, 3]), []
    policy = ScriptedPolicy(torch.zeros(2, 1, 2))

    def watch(rewards, running):
        told.append((env.time, rewards.tolist(), running.tolist()))

    Sampler([env], policy, SamplingConfig(1), CPU, watch).sample(torch.zeros(1), *generators())
    assert told == [
        (0, [0, 0], [True, True]),
        (1, [0, 0], [False, True]),
        (2, [0, 1], [False, True]),
        (3, [0, 2], [False, False]),
    ]


def group_of_fakes(*envs):
    """A sampler with an environment a group, three episodes a task."""
    policy = make_policy(envs[0].single_observation_space, envs[0].single_action_space, PolicyConfig((4,)))
    return Sampler(envs, policy, SamplingConfig(3), CPU)


@pytest.mark.parametrize("unit", ["episodes", "transitions"])
@pytest.mark.parametrize("sizes", [(1, 2), (2, 1), (1, 1, 1)])
def test_groups_sample_what_one_environment_does(sizes, unit):
    """2D navigation has no randomness of its own: which group a task is in does not matter."""
    whole = make_sampler(make_env(), unit=unit)
    envs = [gymnasium.make_vec(ENV_ID, num_envs=size * EPISODES, **KWARGS) for size in sizes]
    grouped = Sampler(envs, whole.policy, SamplingConfig(EPISODES, unit=unit), CPU)
    assert grouped.num_tasks == TASKS
    grouped.set_tasks(whole.groups[0].env.tasks[::EPISODES])
    params = torch.stack([init(whole, seed) for seed in range(TASKS)])
    expected, rollouts = (sampler.sample(params, *generators()) for sampler in (whole, grouped))
    for name in FIELDS:
        torch.testing.assert_close(getattr(rollouts, name), getattr(expected, name), rtol=0, atol=1e-12)
    shared = [sampler.sample(params[0], *generators()).actions for sampler in (whole, grouped)]
    torch.testing.assert_close(*shared, rtol=0, atol=1e-12)


def test_groups_may_take_different_times():
    sampler = group_of_fakes(FakeEnv(3, lengths=[1, 2, 2]), FakeEnv(6, lengths=[3, 1, 1, 1, 4, 1]))
    rollouts = sample(sampler)
    assert rollouts.mask.sum(dim=2).tolist() == [[1, 2, 2], [3, 1, 1], [1, 4, 1]]
    assert rollouts.rewards[2, 1].tolist() == [0, 1, 2, 3]


def test_tasks_are_drawn_and_set_for_all_groups():
    envs = FakeEnv(3), FakeEnv(6)
    sampler = group_of_fakes(*envs)
    tasks = sampler.sample_tasks(np.random.default_rng(0))
    assert tasks.shape == (3, 1)
    sampler.set_tasks(tasks)
    assert envs[0].tasks[:, 0].tolist() == [tasks[0, 0]] * 3
    assert envs[1].tasks[:, 0].tolist() == [tasks[1, 0]] * 3 + [tasks[2, 0]] * 3


def test_groups_start_from_different_seeds():
    envs = [gymnasium.make_vec(ENV_ID, num_envs=3, **KWARGS) for _ in range(2)]  # sample tasks in each reset
    sample(group_of_fakes(*envs))
    assert not np.isclose(envs[0].tasks, envs[1].tasks).any()


def test_groups_step_at_the_same_time(monkeypatch):
    both_are_stepping = threading.Barrier(2, timeout=60)
    advance = FakeEnv._advance

    def wait_for_the_other(env, actions, running):
        both_are_stepping.wait()
        return advance(env, actions, running)

    monkeypatch.setattr(FakeEnv, "_advance", wait_for_the_other)
    assert sample(group_of_fakes(FakeEnv(3, horizon=4), FakeEnv(3, horizon=4))).transitions == 2 * 3 * 4


def test_non_finite_numbers_are_reported_by_the_number_of_the_task_in_all_groups():
    sampler = group_of_fakes(FakeEnv(3), FakeEnv(6, spoilt=[("reward", 4, 2)]))
    with pytest.raises(NonFiniteError, match=r"task 2 .*episode 1, step 2"):
        sample(sampler)


def test_diverged_simulations_of_all_groups_are_counted():
    envs = FakeEnv(3), FakeEnv(6)
    sampler = group_of_fakes(*envs)
    for env in envs:
        env._start = lambda chosen, env=env: (setattr(env, "time", 0), env.diverged.__setitem__(1, True))
    sample(sampler)
    assert sampler.diverged == 2
