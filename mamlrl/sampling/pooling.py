"""Episodes of all tasks that count as those of one task, some of them in other processes."""

from __future__ import annotations

from dataclasses import replace

import torch

from mamlrl.distributed.exchange import gather
from mamlrl.distributed.team import team
from mamlrl.sampling.advantages import AdvantageConfig, ProcessedRollouts, process
from mamlrl.sampling.normalization import ObservationNormalizer
from mamlrl.sampling.rollouts import Rollouts, join
from mamlrl.sampling.value_baseline import ValueBaseline


def process_pooled(
    rollouts: Rollouts,
    config: AdvantageConfig,
    baseline: ValueBaseline | None = None,
    normalizer: ObservationNormalizer | None = None,
) -> ProcessedRollouts:
    """Computes advantages as `process` does, of the episodes of all processes as those of one task.

    Args:
        rollouts: Pooled episodes of this process, see `Rollouts.pooled`.
        config: How advantages are computed.
        baseline: The value baseline; that of the config by default.
        normalizer: What the policy saw observations through, if it did.

    Returns:
        The samples of this process alone, whose weights sum to 1, and the explained variance of all.

    Raises:
        UserError: See `process`.
    """
    mine = team()
    if mine is None:
        return process(rollouts, config, baseline, normalizer)
    device = rollouts.mask.device
    parts = [part.to(device) for part in gather(rollouts.to(torch.device("cpu")))]
    whole = process(join(parts, dim=1), config, baseline, normalizer)
    start = sum(part.transitions for part in parts[: mine.rank])
    batch = whole.batch.samples(slice(start, start + rollouts.transitions))
    return replace(whole, batch=replace(batch, weights=batch.weights / batch.weights.sum()))
