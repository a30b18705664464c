"""Value baselines: the contract, and the linear one of Duan et al. 2016, fitted to every task at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from mamlrl.errors import UserError
from mamlrl.losses.derivatives import task_blocks
from mamlrl.threads import map_blocks

MAX_RIDGE_INCREASES = 5
ROUNDING = 10 * torch.finfo(torch.float64).eps  # of a mean, relative to the numbers


class ValueBaseline(ABC):
    """Predicts the returns of a batch of episodes, to be subtracted from what followed."""

    @abstractmethod
    def fit(self, observations: Tensor, returns: Tensor, mask: Tensor) -> Tensor:
        """Fits the returns of every task, from its own episodes alone, and predicts them.

        Args:
            observations: Shape (task, episode, time, D).
            returns: Discounted returns to fit, shape (task, episode, time), float64.
            mask: 1 while the episode was running, else 0, shape (task, episode, time).

        Returns:
            Predicted returns, shape (task, episode, time), float64; those of masked steps are not used.
        """

    def final_values(
        self, observations: Tensor, returns: Tensor, mask: Tensor, last_observations: Tensor, weights: Tensor
    ) -> Tensor:
        """Predicts the values of what was observed after the last step of each episode, as if it had gone on.

        Values are those of the observation alone, whatever the time, and fit returns + weights * the value of the
        episode's last observation. A baseline without them serves unless `advantages.bootstrap_at_time_limits`.

        Args:
            observations: Shape (task, episode, time, D).
            returns: Discounted returns until the end of the episode, shape (task, episode, time), float64.
            mask: 1 while the episode was running, else 0, shape (task, episode, time).
            last_observations: After the last step, shape (task, episode, D).
            weights: How much of the last observation's value each step gets: its discount, or 0 where the episode
                reached its own end, shape (task, episode, time).

        Returns:
            Shape (task, episode), float64.

        Raises:
            UserError: If the baseline does not predict them.
        """
        raise UserError(
            f"advantages.bootstrap_at_time_limits: the value baseline {type(self).__name__} has no final_values; "
            "write them, or choose linear"
        )


@dataclass(frozen=True)
class LinearFeatureBaseline(ValueBaseline):
    """Ridge regression on features of observation and time, see `baseline_features`.

    Attributes:
        ridge: Regularisation, see `fit_values`.
    """

    ridge: float = 1e-5

    def fit(self, observations: Tensor, returns: Tensor, mask: Tensor) -> Tensor:
        """See `ValueBaseline.fit`."""

        def fit_block(block: slice) -> Tensor:
            return fit_values(baseline_features(observations[block]), returns[block], mask[block], self.ridge)

        return torch.cat(map_blocks(fit_block, task_blocks(mask.flatten(1))))

    def final_values(
        self, observations: Tensor, returns: Tensor, mask: Tensor, last_observations: Tensor, weights: Tensor
    ) -> Tensor:
        """See `ValueBaseline.final_values`: a fixed point of least squares, on features of observations alone.

        With phi the features of a step, phi' those of its episode's last observation, R its return and w its
        weight, the coefficients c solve (sum phi (phi - w phi')^T + ridge I) c = sum phi R (least-squares temporal
        differences, Bradtke & Barto 1996).
        """
        features, last = (
            torch.cat([clipped, clipped**2, torch.ones_like(clipped[..., :1])], dim=-1)
            for clipped in (x.double().clamp(-10, 10) for x in (observations, last_observations))
        )
        design = features * mask[..., None]
        flat = design.flatten(1, 2)
        weighted = (design * weights[..., None]).sum(dim=2)  # (task, episode, F)
        matrix = flat.mT @ flat - weighted.mT @ last
        coefficients = ridge_solution(matrix, flat.mT @ returns.double().flatten(1, 2)[..., None], self.ridge)
        return (last @ coefficients)[..., 0]


def baseline_features(observations: Tensor) -> Tensor:
    """Computes the features of Duan et al. 2016, Benchmarking Deep RL, supplement 2.

    Args:
        observations: Shape (task, episode, time, D).

    Returns:
        Clipped observations, their squares, t/100 to the powers 1 to 3, and 1, in float64,
        shape (task, episode, time, 2 D + 4).
    """
    clipped = observations.double().clamp(-10, 10)
    time = torch.arange(observations.shape[2], dtype=torch.float64, device=observations.device) / 100
    powers = torch.stack([time, time**2, time**3, torch.ones_like(time)], dim=-1)
    return torch.cat([clipped, clipped**2, powers.expand(*observations.shape[:2], -1, -1)], dim=-1)


def fit_values(features: Tensor, returns: Tensor, mask: Tensor, ridge: float = 1e-5) -> Tensor:
    """Fits returns by ridge regression, for every task by itself, and predicts them.

    Args:
        features: Shape (task, episode, time, F), float64.
        returns: Discounted returns to fit, shape (task, episode, time).
        mask: 1 where a step counts, else 0, shape (task, episode, time).
        ridge: Regularisation; raised tenfold, at most 5 times, for tasks whose solution is not finite.

    Returns:
        Predicted returns, 0 where masked, shape (task, episode, time), float64.
    """
    design = (features * mask[..., None]).flatten(1, 2)
    gram = design.mT @ design
    moment = design.mT @ returns.double().flatten(1, 2)[..., None]
    identity = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
    penalty = gram.new_full((len(gram), 1, 1), ridge)
    for _ in range(MAX_RIDGE_INCREASES + 1):
        factor, failed = torch.linalg.cholesky_ex(gram + penalty * identity)
        weights = torch.cholesky_solve(moment, factor)
        finite = weights.isfinite().all(dim=1, keepdim=True) & (failed == 0)[:, None, None]
        if bool(finite.all()):
            break
        penalty = torch.where(finite, penalty, 10 * penalty)
    weights = torch.where(finite, weights, 0.0)
    return (design @ weights).view_as(mask)


def ridge_solution(matrix: Tensor, moment: Tensor, ridge: float) -> Tensor:
    """Solves (matrix + ridge I) x = moment of every task, 0 where the solution is not finite.

    Args:
        matrix: Shape (task, F, F), not necessarily symmetric.
        moment: Shape (task, F, 1).
        ridge: Regularisation.
    """
    identity = torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)
    solution, _ = torch.linalg.solve_ex(matrix + ridge * identity, moment)
    return torch.where(solution.isfinite().all(dim=1, keepdim=True), solution, 0.0)


def rounding_noise(mask: Tensor, *numbers: Tensor) -> Tensor:
    """Returns the standard deviation up to which sums over time may differ by rounding alone, shape (task,).

    Args:
        mask: 1 where a step counts, else 0, shape (task, episode, time).
        *numbers: Sums over time, such as returns, of that shape.
    """
    largest = sum((x * mask).abs().amax(dim=(1, 2)) for x in numbers)
    return ROUNDING * mask.shape[2] * torch.as_tensor(largest)


def explained_variance(values: Tensor, returns: Tensor, mask: Tensor) -> Tensor:
    """Fraction of the returns' variance that the values explain, over the steps of each task.

    Args:
        values: Predicted returns, shape (task, episode, time).
        returns: Returns, same shape.
        mask: 1 where a step counts, else 0, same shape.

    Returns:
        Shape (task,); NaN for tasks whose returns do not vary but for rounding: there is nothing to explain.
    """
    count = mask.sum(dim=(1, 2))

    def variance(x: Tensor) -> Tensor:
        mean = (x * mask).sum(dim=(1, 2)) / count
        return ((x - mean[:, None, None]) ** 2 * mask).sum(dim=(1, 2)) / count

    varied = variance(returns)
    explained = 1 - variance(returns - values) / varied
    return torch.where(varied.sqrt() > rounding_noise(mask, returns), explained, torch.nan)
