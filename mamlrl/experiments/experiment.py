"""What the experiments of all kinds of learner have in common."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, Self

from mamlrl.adaptation.build import AdaptationConfig
from mamlrl.errors import UserError
from mamlrl.settings.numbers import NonNegativeFinite, NonNegativeInt, PositiveInt, Seed
from mamlrl.settings.section import Section

VALIDATION_SEED = 2000003  # of validation tasks and episodes in them; evaluations have others


@dataclass(frozen=True)
class EvaluationConfig(Section):
    """Adaptation to held-out tasks.

    Attributes:
        steps: Adaptation steps; metrics are reported after 0, 1, ..., steps.
        tasks: Held-out tasks.
        first_step_size: Step size of the first step; null takes the inner loop's.
        later_step_factor: All later steps use the first step size times this.
        seed: Seed of the held-out tasks and of what is sampled in them.
    """

    steps: NonNegativeInt = 3
    tasks: PositiveInt = 40
    first_step_size: NonNegativeFinite | None = None
    later_step_factor: NonNegativeFinite = 0.5
    seed: Seed = 1000003

    def on_validation_tasks(self, tasks: int) -> Self:
        """Returns the evaluation with validation tasks, which are drawn with a seed of their own.

        Args:
            tasks: Number of validation tasks.

        Raises:
            UserError: If the seed is that of this evaluation, too.
        """
        if self.seed == VALIDATION_SEED:
            raise UserError(f"evaluation.seed: {VALIDATION_SEED} is that of the validation tasks; take another")
        return replace(self, tasks=tasks, seed=VALIDATION_SEED)

    def with_shots(self, shots: int) -> Self:
        """Returns the evaluation with so much data of each task to adapt on, and everything else the same.

        Args:
            shots: Number of episodes, or examples, at least 1.

        Raises:
            UserError: If the kind of experiment does not adapt on a number of anything.
        """
        raise UserError(f"shots: {type(self).__name__} has no number of episodes, or examples, to adapt on")


@dataclass(frozen=True)
class Experiment(Section):
    """An experiment: everything that a run depends on.

    Each kind of learner has a subclass with the sections that the kind has, and no others.

    Attributes:
        kind: Kind of learner, which decides what other settings there are.
        evaluation: Adaptation to held-out tasks.
        meta_batch_size: Tasks in a meta-iteration.
        iterations: Meta-iterations; with 0, a run holds the initial parameters alone.
        save_every: Meta-iterations between checkpoints, and between rows of metrics.
        checkpoint_every: Meta-iterations between checkpoints that are kept, `iteration_N.pt`; null keeps none.
        seed: Seed of everything random in training.
        device: Where networks run, such as `cpu` or `cuda`.
        precision: How exact matrix products are, by PyTorch's names: `highest` is single precision throughout;
            `high` allows TF32, and `medium` bfloat16, on devices that are faster in them.
    """

    kind: str = ""
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    meta_batch_size: PositiveInt = 20
    iterations: NonNegativeInt = 500
    save_every: PositiveInt = 1
    checkpoint_every: PositiveInt | None = None
    seed: Seed = 0
    device: str = "cpu"
    precision: Literal["highest", "high", "medium"] = "highest"


@dataclass(frozen=True)
class GradientExperiment(Experiment):
    """An experiment of a learner that has an inner loop and differentiates it.

    Attributes:
        adaptation: The inner loop.
    """

    adaptation: AdaptationConfig = field(default_factory=AdaptationConfig)

    def on_fixed_data(self) -> Self:
        """Returns the experiment with an inner loop that any estimator can run on the same data."""
        return replace(self, adaptation=self.adaptation.on_fixed_data())


def gradient_experiment(experiment: Experiment) -> GradientExperiment:
    """Returns an experiment that has an inner loop.

    Raises:
        UserError: If it has none.
    """
    if not isinstance(experiment, GradientExperiment):
        raise UserError(f"kind: experiments of kind {experiment.kind} have no meta-gradients")
    return experiment
