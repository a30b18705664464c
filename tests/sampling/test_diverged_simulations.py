"""Episodes whose simulation diverged are as if they had never been."""

import numpy as np
import pytest
import torch
from samplers import CPU, FIELDS, ClockEnv, ScriptedPolicy, make_sampler, randomness

from mamlrl.errors import DivergenceError, NonFiniteError
from mamlrl.sampling.advantages import AdvantageConfig, process
from mamlrl.sampling.rollouts import Rollouts, without
from mamlrl.sampling.sampler import Sampler
from mamlrl.sampling.settings import SamplingConfig


class DivergingEnv(ClockEnv):
    """Costs 1 a step; some simulations diverge at their third, which costs nothing and ends the episode."""

    def __init__(self, diverging, num_envs=6, value=0.0, ends=True, **kwargs):
        super().__init__(num_envs, **kwargs)
        self.diverging, self.last, self.ends = list(diverging), value, ends

    def _advance(self, actions, running):
        super()._advance(actions, running)
        rewards, ended = np.full(self.num_envs, -1.0), np.zeros(self.num_envs, np.bool_)
        if self.time >= 3:
            self.diverged[self.diverging] = True
            ended[self.diverging] = self.ends
            rewards[self.diverging] = self.last
        return rewards, ended

    def _observe(self):
        observations = super()._observe()
        if self.time >= 3:
            observations[self.diverging] = self.last
        return observations


def collect(env, unit="episodes"):
    actions = torch.arange(12, dtype=torch.float64).view(2, 3, 2)
    sampler = make_sampler(env, 2, ScriptedPolicy(actions), unit=unit)
    return sampler, sampler.sample(torch.zeros(1), randomness())


@pytest.mark.parametrize("ends", [True, False])
@pytest.mark.parametrize("value", [0.0, 100.0, np.nan, np.inf])
def test_a_diverged_episode_counts_for_nothing(value, ends):
    """It would have scored best: it cost less than the others."""
    sampler, rollouts = collect(DivergingEnv([1, 3, 4], value=value, ends=ends))
    assert sampler.diverged == 3
    assert rollouts.task_returns().tolist() == [-8, -8]
    assert rollouts.mask.amax(dim=2).tolist() == [[1, 0, 1], [0, 0, 1]]
    for name in FIELDS:
        values = getattr(rollouts, name)
        assert values.isfinite().all(), name
        assert not values[0, 1].any(), name
        assert not values[1, :2].any(), name


def test_batches_are_those_of_the_valid_episodes_alone():
    _, rollouts = collect(DivergingEnv([1, 4]))
    processed = process(rollouts, AdvantageConfig())
    kept = [[0, 2], [0, 2]]
    valid = Rollouts(
        **{name: torch.stack([getattr(rollouts, name)[task, kept[task]] for task in range(2)]) for name in FIELDS}
    )
    alone = process(valid, AdvantageConfig())
    torch.testing.assert_close(processed.batch.advantages, alone.batch.advantages)
    torch.testing.assert_close(processed.batch.actions, alone.batch.actions)
    torch.testing.assert_close(processed.batch.weights, alone.batch.weights)
    torch.testing.assert_close(processed.explained_variance, alone.explained_variance)


def test_without_divergence_rollouts_are_untouched():
    _, rollouts = collect(DivergingEnv([]))
    assert rollouts.mask.all()
    assert torch.equal(without(rollouts, torch.zeros(2, 3, dtype=torch.bool)).rewards, rollouts.rewards)


def test_episodes_end_in_both_units_without_diverged_ones():
    sampler, rollouts = collect(DivergingEnv([1, 4]), unit="transitions")
    assert sampler.diverged >= 2
    lengths = rollouts.mask.sum(dim=2)
    assert set(lengths.flatten().tolist()) == {0, 8}
    assert (lengths.sum(dim=1) > 0).all()


@pytest.mark.parametrize("unit", ["episodes", "transitions"])
def test_a_task_without_a_valid_episode_stops(unit):
    env = DivergingEnv([0, 3, 4, 5])
    env.set_tasks(np.array([[2.0], [7.25]]))
    with pytest.raises(DivergenceError) as caught:
        collect(env, unit)
    for word in (
        "DivergingEnv",
        "all 3 simulations of task 1 (parameters [7.25]) diverged",
        "adaptation.step_size",
    ):
        assert word in str(caught.value)


def test_tasks_are_counted_over_all_groups():
    envs = [DivergingEnv([1], 3), DivergingEnv([0, 1, 2], 3)]
    sampler = Sampler(envs, ScriptedPolicy(torch.zeros(1, 3, 2)), SamplingConfig(3), CPU)
    with pytest.raises(DivergenceError, match="all 3 simulations of task 1 "):
        sampler.sample(torch.zeros(1), randomness())


@pytest.mark.parametrize("value", [np.nan, 1e30])
def test_the_policy_is_blamed_for_simulations_that_diverged_by_its_actions(value):
    env = DivergingEnv(range(6))
    sampler = make_sampler(env, 2, ScriptedPolicy(torch.full((2, 3, 2), value)))
    with pytest.raises(NonFiniteError, match=r"^the policy's actions"):
        sampler.sample(torch.zeros(1), randomness())
