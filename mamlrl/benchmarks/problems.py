"""Fixed data that several estimators compute the same meta-gradient on."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from mamlrl.adaptation.build import make_estimator
from mamlrl.errors import UserError
from mamlrl.experiments.experiment import AdaptationConfig, Config
from mamlrl.learners.build import is_supervised, make_learner
from mamlrl.learners.policy import MetaLearner
from mamlrl.learners.supervised import SupervisedLearner
from mamlrl.losses.batches import Samples
from mamlrl.losses.policy_losses import TaskLosses, negative_log_likelihood, surrogate
from mamlrl.networks.network import Network
from mamlrl.outer.objective import MetaObjective
from mamlrl.timing import PhaseTimer

NEWTON_STEPS = 50  # more than Newton's method takes to a minimum


@dataclass(frozen=True)
class Problem:
    """Data that fix what a meta-gradient is of.

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
        """Whose parameters they are."""
        return self.inner.network

    def meta_objective(self, config: AdaptationConfig) -> MetaObjective:
        """Adapts as a config says and returns the objective of the outcome."""
        estimator = make_estimator(config, self.network)
        adaptation = estimator.adapt(self.params, len(self.inner.batch), lambda step, params: self.inner)
        return MetaObjective(estimator, adaptation, self.outer)


def comparable(config: Config) -> Config:
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
    adaptation = replace(adaptation, steps=1)
    if not is_supervised(config):
        adaptation = replace(adaptation, loss="likelihood_ratio")
    return replace(config, adaptation=adaptation)


def sample_problem(config: Config, params: Tensor | None = None) -> Problem:
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
    learner = make_learner(replace(config, adaptation=solving, compile=False))
    if params is not None:
        learner.estimator.check_fits(params)
        learner.params = params.to(learner.device)
    batches: tuple[Samples, Samples]
    if isinstance(learner, SupervisedLearner):
        network, examples = learner.network, learner.sample()
        batches = (examples.support, examples.query)
        loss = negative_log_likelihood(network.distribution)
    else:
        assert isinstance(learner, MetaLearner)
        network, processed = learner.policy, learner.collect(PhaseTimer(learner.device)).processed
        batches, loss = (processed[0].batch, processed[1].batch), surrogate(network.distribution)
    inner, outer = (TaskLosses(network, loss, _double(batch)) for batch in batches)
    return Problem(learner.params.double(), inner, outer)


def _double(data: Samples) -> Samples:
    pieces = {name: piece.double() if piece.is_floating_point() else piece for name, piece in vars(data).items()}
    return replace(data, **pieces)
