"""Running normalisation of observations: what policies and value baselines see in place of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import torch
from torch import Tensor

from mamlrl.distributed.exchange import gather
from mamlrl.errors import NonFiniteError, UserError
from mamlrl.sampling.rollouts import Rollouts

KEY = "normalizer"  # of a learner's state
CLIP = 10.0  # largest normalised number
EPSILON = 1e-8  # added to variances, some of which are 0


@dataclass(frozen=True)
class ObservationNormalizer:
    """Shifts and scales each observation feature to mean 0 and standard deviation 1 over all that was observed.

    It does not change: `including` returns another one. Likelihood ratios of a meta-iteration are exact because
    all its policies see observations through the same one. Statistics are kept as sums over samples, so that those
    of several processes can be merged.

    Attributes:
        count: Number of observations so far, shape (), float64; before the first, they stay as they are.
        mean: Their mean, shape (D,), float64.
        squares: Sum of squared deviations from the mean, shape (D,), float64.

    Example:
        >>> seen = torch.tensor([[[[1.0], [3.0]]]])
        >>> normalizer = ObservationNormalizer.empty(1).merged(ObservationNormalizer.of(seen, torch.ones(1, 1, 2)))
        >>> normalizer(torch.tensor([4.0]))
        tensor([2.])
    """

    count: Tensor
    mean: Tensor
    squares: Tensor

    @classmethod
    def empty(cls, size: int) -> Self:
        """Returns that of observations of `size` features, none of which has been made."""
        return cls(*(torch.zeros(shape, dtype=torch.float64) for shape in ((), size, size)))

    @classmethod
    def of(cls, observations: Tensor, mask: Tensor) -> Self:
        """Returns that of some observations alone.

        Args:
            observations: Shape (task, episode, time, D).
            mask: 1 for those that count, else 0, shape (task, episode, time).
        """
        chosen = observations[mask > 0].double().cpu()
        mean = chosen.mean(dim=0) if len(chosen) else chosen.new_zeros(chosen.shape[1])
        return cls(chosen.new_tensor(float(len(chosen))), mean, (chosen - mean).square().sum(dim=0))

    def merged(self, other: Self) -> Self:
        """Returns that of the observations of both (Chan, Golub & LeVeque 1979, equation 2.1)."""
        count = self.count + other.count
        share = other.count / count.clamp(min=1)
        distance = other.mean - self.mean
        squares = self.squares + other.squares + distance.square() * self.count * share
        return type(self)(count, self.mean + distance * share, squares)

    def including(self, rollouts: Iterable[Rollouts]) -> Self:
        """Returns that of the observations so far and those of some rollouts, on all processes.

        Raises:
            NonFiniteError: If a sum over observations is not finite.
        """
        result = self
        for each in rollouts:
            for part in gather(self.of(each.observations, each.mask)):
                result = result.merged(part)
        if not all(bool(values.isfinite().all()) for values in result.state_dict().values()):
            raise NonFiniteError("a mean or variance of the observations is not finite: they are too large")
        return result

    def __call__(self, observations: Tensor) -> Tensor:
        """Normalises observations, shape (..., D), and clips them to +-10."""
        return self.bind(observations)(observations)

    def bind(self, like: Tensor) -> Callable[[Tensor], Tensor]:
        """Returns the same as a function of observations that have a tensor's type and device, for many calls."""
        mean, std = (values.to(like) for values in self.mean_and_std)

        def normalize(observations: Tensor) -> Tensor:
            return ((observations - mean) / std).clamp(-CLIP, CLIP)

        return normalize if self.count else _as_it_is

    def seen(self, rollouts: Rollouts) -> Rollouts:
        """Returns rollouts with the observations that the policy saw."""
        last = rollouts.last_observations
        return replace(
            rollouts,
            observations=self(rollouts.observations),
            last_observations=None if last is None else self(last),
        )

    @property
    def mean_and_std(self) -> tuple[Tensor, Tensor]:
        """What is subtracted, and what is divided by, each of shape (D,), float64."""
        return self.mean, (self.squares / self.count.clamp(min=1) + EPSILON).sqrt()

    def state_dict(self) -> dict[str, Tensor]:
        """Returns copies of the statistics by name."""
        return {field.name: getattr(self, field.name).clone() for field in fields(self)}

    @classmethod
    def restore(cls, state: Mapping[str, Any], size: int) -> Self:
        """Returns that of a learner's state.

        Args:
            state: The learner's state.
            size: Number of observation features.

        Raises:
            UserError: If the state has none, or of another size.
        """
        saved = state.get(KEY)
        if saved is None:
            raise UserError(
                "sampling.normalize_observations: the statistics of the observations are missing; they are in the "
                "learner's state, which `evaluate` takes as `state`"
            )
        expected = cls.empty(size)
        names = [field.name for field in fields(cls)]
        if any(saved[name].shape != getattr(expected, name).shape for name in names):
            raise UserError(
                f"sampling.normalize_observations: the statistics are not of observations of {size} numbers"
            )
        return cls(**{name: saved[name].double().cpu().clone() for name in names})


def _as_it_is(observations: Tensor) -> Tensor:
    return observations
