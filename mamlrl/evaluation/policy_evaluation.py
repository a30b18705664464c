"""What an evaluation of a policy tells: returns and numbers from the environment on held-out tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from mamlrl.evaluation.evaluation import Evaluation, Paths, row_keys
from mamlrl.experiments.policy import PolicyExperiment
from mamlrl.inner_loops.policy import AdaptedTasks
from mamlrl.metric_names import RETURN, RETURN_STD, WORST_RETURN
from mamlrl.networks.network import Network
from mamlrl.sampling.rollouts import Rollouts
from mamlrl.sampling.sampler import Sampler
from mamlrl.settings.choices import named


@dataclass(frozen=True)
class PolicyEvaluation(Evaluation):
    """Returns on held-out tasks.

    Attributes:
        tasks: Task parameters, shape (task, ...).
        adapted: The adaptation and the episodes that it was on.
        reported: Episodes that the returns are of, by number of steps; those of `adapted` unless
            `evaluation.deterministic` or `evaluation.adaptation_episodes` asks for others.
        sampler: What collected them.
        network: The policy.
    """

    experiment: PolicyExperiment
    decimals: ClassVar[int] = 2

    tasks: NDArray[np.float64]
    adapted: AdaptedTasks
    reported: tuple[Rollouts, ...]
    sampler: Sampler
    network: Network

    @property
    def returns(self) -> NDArray[np.float64]:
        """Mean return of each task after k steps, shape (step + 1, task)."""
        return self.metrics[RETURN]

    def protocol(self) -> dict[str, Any]:
        """See `Evaluation.protocol`."""
        settings = self.experiment.evaluation
        return {
            "env": named(self.experiment.env.id),
            "sampling_unit": self.experiment.sampling.unit,
            "episodes_per_task": settings.episodes_per_task,
            **({"shots": settings.adaptation_episodes} if settings.adaptation_episodes else {}),
            **({"deterministic": True} if settings.deterministic else {}),
            **({"info": self.experiment.env.info} if self.experiment.env.info else {}),
            "tasks": self.tasks.tolist(),
        }

    def sample_size(self) -> str:
        """See `Evaluation.sample_size`."""
        settings, unit = self.experiment.evaluation, self.experiment.sampling.unit
        kind = f"deterministic {unit}" if settings.deterministic else unit
        shots = f" ({settings.adaptation_episodes} to adapt on)" if settings.adaptation_episodes else ""
        return f"{len(self.tasks)} tasks x {settings.episodes_per_task} {kind}{shots}"

    def paths(self) -> Paths:
        """See `Evaluation.paths`; goals are the parameters of the tasks, positions the observations."""
        rollouts = self.reported
        if self.tasks.shape[1:] != (2,) or rollouts[0].observations.shape[-1] != 2:
            return super().paths()
        return Paths(
            goals=self.tasks,
            positions=tuple(episodes.observations.cpu().numpy() for episodes in rollouts),
            masks=tuple(episodes.mask.cpu().numpy() > 0 for episodes in rollouts),
        )

    def summary(self) -> list[dict[str, Any]]:
        """See `Evaluation.summary`; here with spread and values over tasks, such as `returns` and `success_tasks`.

        `return_std` is the standard deviation of the tasks' returns (None for one task), `worst_return` the least.
        """
        rows = super().summary()
        for step, row in enumerate(rows):
            returns, several = self.returns[step], len(self.tasks) > 1
            row[RETURN_STD] = float(returns.std(ddof=1)) if several else None
            row[WORST_RETURN] = float(returns.min())
            row["returns"] = returns.tolist()
            row |= {f"{key}_tasks": self.metrics[key][step].tolist() for key in self.experiment.env.info}
        return rows

    def details(self, row: Mapping[str, Any]) -> str:
        """See `Evaluation.details`."""
        spread = (
            "" if row[RETURN_STD] is None else f"std {row[RETURN_STD]:.2f}, worst task {row[WORST_RETURN]:.2f}"
        )
        return "; ".join(filter(None, [spread, *(number_text(key, row) for key in self.experiment.env.info)]))


def number_text(key: str, row: Mapping[str, Any]) -> str:
    """Writes a number from the environment in a summary's row for people, such as `success 0.40 +- 0.10`."""
    mean_key, interval_key = row_keys(key, RETURN)
    interval = row[interval_key]
    return f"{key} {row[mean_key]:.4g}" + ("" if interval is None else f" +- {interval:.2g}")
