"""From rollouts to the batches that losses are computed on: returns, advantages, packing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mamlrl.errors import NonFiniteError, UserError
from mamlrl.losses.batches import Batch
from mamlrl.sampling.discounting import discounted_sum
from mamlrl.sampling.normalization import ObservationNormalizer
from mamlrl.sampling.rollouts import Rollouts
from mamlrl.sampling.time_limits import bootstrapped_rewards
from mamlrl.sampling.value_baseline import (
    LinearFeatureBaseline,
    ValueBaseline,
    explained_variance,
    rounding_noise,
)
from mamlrl.settings.choices import Registry
from mamlrl.settings.numbers import ClosedUnitInterval, PositiveFinite
from mamlrl.settings.section import Section

BaselineMaker = Callable[["AdvantageConfig"], ValueBaseline]
VALUE_BASELINES: Registry[BaselineMaker] = Registry(
    "value baseline", {"linear": lambda config: LinearFeatureBaseline(config.ridge)}, (ValueBaseline,)
)

if not TYPE_CHECKING:  # the parser reads what the type checker does not
    ValueBaselineName = VALUE_BASELINES.name_type("ValueBaselineName")
else:
    ValueBaselineName = str | ValueBaseline | BaselineMaker


def register_value_baseline(name: str, baseline: ValueBaseline | BaselineMaker) -> None:
    """Makes a value baseline usable by name, as `advantages.value_baseline`.

    Args:
        name: The name, without a colon.
        baseline: The baseline, or what makes it from the settings `advantages`.

    Raises:
        ValueError: If the name is taken, or the baseline is something else.
    """
    VALUE_BASELINES.register(name, baseline)


@dataclass(frozen=True)
class AdvantageConfig(Section):
    """Value baseline and advantages.

    Attributes:
        discount: Discount of future rewards.
        gae_lambda: Exponential weight of generalised advantage estimation (Schulman et al. 2016).
        standardize: Whether the advantages of each task are scaled to mean 0 and standard deviation 1.
        ridge: Regularisation of the value baseline's least squares.
        value_baseline: What predicts returns: `linear` in features of observation and time (Duan et al. 2016),
            fitted to the episodes of each task.
        bootstrap_at_time_limits: Whether what follows an episode that its time limit cut off counts as the value
            that the baseline predicts for its last observation (Pardo et al. 2018), rather than as 0 as in the
            papers.
    """

    discount: ClosedUnitInterval = 0.99
    gae_lambda: ClosedUnitInterval = 1.0
    standardize: bool = True
    ridge: PositiveFinite = 1e-5
    value_baseline: ValueBaselineName = "linear"
    bootstrap_at_time_limits: bool = False


@dataclass(frozen=True)
class ProcessedRollouts:
    """What the learner takes from rollouts.

    Attributes:
        batch: Data for the losses.
        explained_variance: Fraction of the returns' variance that the value baseline explains, shape (task,); NaN
            for tasks whose returns do not vary.
    """

    batch: Batch
    explained_variance: Tensor


def gae(rewards: Tensor, values: Tensor, mask: Tensor, discount: float, gae_lambda: float) -> Tensor:
    """Generalised advantage estimation (Schulman et al. 2016, equation 16), with terminal value 0.

    Args:
        rewards: Shape (task, episode, time).
        values: Predicted returns, same shape.
        mask: 1 while the episode was running, else 0, same shape.
        discount: Discount of the future, in [0, 1].
        gae_lambda: Weight of later terms, in [0, 1]; 1 gives returns minus values.

    Returns:
        Advantages, 0 where masked, same shape.
    """
    masked_values = values * mask
    next_values = torch.cat([masked_values[..., 1:], torch.zeros_like(values[..., :1])], dim=-1)
    deltas = rewards * mask + discount * next_values - masked_values
    return discounted_sum(deltas, discount * gae_lambda) * mask


def standardize(advantages: Tensor, mask: Tensor, noise: Tensor) -> Tensor:
    """Shifts and scales the advantages of each task to mean 0 and standard deviation 1 over its steps.

    Args:
        advantages: Shape (task, episode, time).
        mask: 1 while the episode was running, else 0, same shape.
        noise: Standard deviation up to which they mean nothing and become 0, shape (task,).
    """
    count = mask.sum(dim=(1, 2), keepdim=True)
    centred = (advantages - (advantages * mask).sum(dim=(1, 2), keepdim=True) / count) * mask
    std = (centred.square().sum(dim=(1, 2), keepdim=True) / count).sqrt()
    return torch.where(std > noise[:, None, None], centred / (std + 1e-8), 0.0)


def make_value_baseline(config: AdvantageConfig) -> ValueBaseline:
    """Builds the value baseline that a config names.

    Raises:
        UserError: If there is none of that name.
    """
    return VALUE_BASELINES.choose("advantages.value_baseline:", config.value_baseline)(config)


def process(
    rollouts: Rollouts,
    config: AdvantageConfig,
    baseline: ValueBaseline | None = None,
    normalizer: ObservationNormalizer | None = None,
) -> ProcessedRollouts:
    """Fits the value baseline to the rollouts of each task and computes advantages, once and for all.

    Args:
        rollouts: The rollouts.
        config: How advantages are computed.
        baseline: The value baseline; that of the config by default.
        normalizer: What the policy saw observations through, if it did.

    Raises:
        UserError: If the value baseline predicts numbers that are not finite, or of another shape; see also
            `bootstrapped_rewards`.
    """
    if normalizer is not None:
        rollouts = normalizer.seen(rollouts)
    mask, rewards = rollouts.mask, rollouts.rewards
    baseline = baseline or make_value_baseline(config)
    if config.bootstrap_at_time_limits:
        rewards = bootstrapped_rewards(rollouts, baseline, config.discount)
    returns = discounted_sum(rewards * mask, config.discount)
    values = baseline.fit(rollouts.observations, returns, mask)
    _check_values(values, mask)
    advantages = gae(rewards, values, mask, config.discount, config.gae_lambda)
    if config.standardize:
        advantages = standardize(advantages, mask, rounding_noise(mask, returns, values))
    explained = explained_variance(values, returns, mask)
    advantages = advantages * ~explained.isnan()[:, None, None]  # where no return differs, no action is better
    return ProcessedRollouts(_pack(rollouts, advantages), explained)


def _check_values(values: Tensor, mask: Tensor) -> None:
    if values.shape != mask.shape:
        raise UserError(
            f"advantages.value_baseline: predictions have shape {tuple(values.shape)}, not {tuple(mask.shape)}"
        )
    if not bool(values[mask > 0].isfinite().all()):
        raise NonFiniteError("a prediction of the value baseline is not finite")


def _pack(rollouts: Rollouts, advantages: Tensor) -> Batch:
    """Merges episode and time and drops the steps after the end of episodes, as far as tasks allow."""
    mask = rollouts.mask.flatten(1, 2)
    counts = mask.sum(dim=1, keepdim=True)
    order = mask.argsort(dim=1, descending=True, stable=True)[:, : int(counts.max())]
    tasks = torch.arange(len(mask), device=mask.device)[:, None]
    dtype = rollouts.observations.dtype

    def pack(x: Tensor) -> Tensor:
        return x.flatten(1, 2)[tasks, order]

    return Batch(
        observations=pack(rollouts.observations),
        actions=pack(rollouts.actions),
        advantages=pack(advantages).to(dtype),
        outputs=pack(rollouts.outputs),
        weights=pack(rollouts.mask / counts[..., None]).to(dtype),
    )
