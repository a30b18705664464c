"""Fixed data that several estimators compute the same meta-gradient on."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from mamlrl.adaptation.build import AdaptationConfig, make_estimator
from mamlrl.errors import UserError
from mamlrl.experiments.experiment import GradientExperiment
from mamlrl.learners.build import make_gradient_meta_learner
from mamlrl.losses.batches import Samples
from mamlrl.losses.task_losses import TaskLosses
from mamlrl.networks.network import Network
from mamlrl.outer.objective import MetaObjective

NEWTON_STEPS = 50  # more than Newton's method takes to a minimum


@dataclass(frozen=True)
class Problem:
    """Meta-parameters and data that determine a meta-gradient.

    Attributes:
        params: Meta-parameters, shape (P,).
        inner: Losses to adapt with.
        outer: Losses to judge the adapted networks by.
    """

    params: Tensor
    inner: TaskLosses
    outer: TaskLosses

    @property
    def network(self) -> Network:
        """Network that the meta-parameters are of."""
        return self.inner.network

    def meta_objective(self, config: AdaptationConfig) -> MetaObjective:
        """Adapts as a config says and returns the objective of the outcome.

        Raises:
            LearningError: If adaptation diverges.
        """
        estimator = make_estimator(config, self.network)
        adaptation = estimator.adapt(self.params, len(self.inner.batch), lambda step, phi: self.inner)
        adaptation.check_finite()
        return MetaObjective(estimator, adaptation, self.outer)


def comparable(config: GradientExperiment) -> GradientExperiment:
    """Returns a config whose inner loop is one minimisation on fixed data, which several estimators can do.

    Raises:
        UserError: If the inner loop has meta-parameters of its own, or no proximal term.
    """
    adaptation = config.adaptation
    for key, learned in [
        ("learned_step_size", adaptation.learned_step_size != "none"),
        ("proximal.learned", adaptation.proximal.learned),
    ]:
        if learned:
            raise UserError(
                f"adaptation.{key}: estimators can be compared only if they have the same meta-parameters; "
                "let it be fixed"
            )
    if adaptation.proximal.weight == 0:
        raise UserError(
            "adaptation.proximal.weight: what estimators are compared with is the minimum of the proximal inner "
            "objective; set a weight above 0"
        )
    config = config.on_fixed_data()
    return replace(config, adaptation=replace(config.adaptation, steps=1))


def sample_problem(config: GradientExperiment, params: Tensor | None = None) -> Problem:
    """Samples the tasks of a meta-batch, and data to adapt to and to judge the adapted networks on.

    For reinforcement learning, the latter are episodes of the policies that iMAML makes.

    Args:
        config: A comparable experiment.
        params: Meta-parameters, shape (P,); initial ones by default.

    Returns:
        The problem, in double precision.

    Raises:
        UserError: If the experiment cannot be run or the parameters do not fit.
    """
    proximal = replace(config.adaptation.proximal, optimizer="newton_cg")
    solving = replace(config.adaptation, estimator="imaml", gradient_steps=NEWTON_STEPS, proximal=proximal)
    learner = make_gradient_meta_learner(replace(config, adaptation=solving))
    if params is not None:
        learner.check_fits(params)
        learner.params = params.to(learner.device)
    inner, outer = (replace(losses, batch=_double(losses.batch)) for losses in learner.sample_losses())
    return Problem(learner.params.double(), inner, outer)


def _double(data: Samples) -> Samples:
    pieces = {name: piece.double() if piece.is_floating_point() else piece for name, piece in vars(data).items()}
    return replace(data, **pieces)
