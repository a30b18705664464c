"""Returns and advantages that differ by rounding alone mean nothing: no statistic and no step is made of them."""

from dataclasses import replace

import pytest
import torch
from random_rollouts import EPISODES, NO_NOISE, TASKS, TIME, make_mask, make_rollouts, normal

from mamlrl.learners.policy_metrics import mean_of_defined
from mamlrl.sampling.advantages import AdvantageConfig, process, standardize


def test_advantages_below_the_noise_become_zero_in_their_task_alone():
    mask, advantages = make_mask(), normal(TASKS, EPISODES, TIME)
    noise = torch.tensor([0.0, 10.0, 0.0, 0.0], dtype=torch.float64)
    expected = standardize(advantages, mask, NO_NOISE)
    expected[1] = 0
    assert torch.equal(standardize(advantages, mask, noise), expected)


@pytest.mark.parametrize("scale", [1.0, 1e6, 1e12])
@pytest.mark.parametrize("gae_lambda", [1.0, 0.9])
def test_where_no_return_differs_nothing_is_learned(scale, gae_lambda):
    """A reward for the last step alone, without discount; or, with discount 0, always the same one."""
    rollouts = make_rollouts()
    last = rollouts.mask - torch.nn.functional.pad(rollouts.mask[..., 1:], (0, 1))
    for rewards, discount in ((last, 1.0), (rollouts.mask, 0.0)):
        processed = process(
            replace(rollouts, rewards=scale * rewards / 3),
            AdvantageConfig(discount=discount, gae_lambda=gae_lambda),
        )
        assert processed.batch.advantages.abs().max() == 0
        assert processed.explained_variance.isnan().all()


def test_small_but_true_differences_of_rewards_are_learned_from():
    rollouts = make_rollouts()
    plain, small = (
        process(replace(rollouts, rewards=scale * rollouts.rewards), AdvantageConfig()).batch.advantages
        for scale in (1, 1e-6)
    )
    torch.testing.assert_close(small, plain, rtol=0.1, atol=0.1)  # but for the constant that avoids division by 0


def test_means_are_over_the_tasks_that_have_a_number():
    assert mean_of_defined(torch.tensor([1.0, torch.nan, 2.0])) == 1.5
    assert torch.tensor(mean_of_defined(torch.tensor([torch.nan, torch.nan]))).isnan()
