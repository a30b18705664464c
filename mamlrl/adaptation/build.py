"""The estimators by name, from settings, and which options each supports."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

from mamlrl.adaptation.estimator import Estimator
from mamlrl.adaptation.gradient_descent import FirstOrder, GradientDescent
from mamlrl.adaptation.linearized import LinearizedProximalPoint
from mamlrl.adaptation.proximal import ProximalConfig, ProximalPoint
from mamlrl.adaptation.step_sizes import Adapted, LearnedStepSize, StepSizes, adapted_mask
from mamlrl.adaptation.update_rule import UpdateRule
from mamlrl.conjugate_gradient import warn_of_surplus_iterations
from mamlrl.errors import UserError
from mamlrl.losses.build import INNER_LOSSES
from mamlrl.losses.output_loss import OutputLoss
from mamlrl.networks.distribution import Distribution
from mamlrl.networks.network import Network
from mamlrl.settings.choices import Registry, named
from mamlrl.settings.numbers import NonNegativeFinite, NonNegativeInt, PositiveInt
from mamlrl.settings.section import Section

RuleMaker = Callable[["AdaptationConfig", Network], UpdateRule]
ESTIMATORS: Registry[RuleMaker] = Registry("estimator", contract=(UpdateRule,))

if not TYPE_CHECKING:  # the parser reads what the type checker does not
    EstimatorName = ESTIMATORS.name_type("EstimatorName")
    InnerLossName = INNER_LOSSES.name_type("InnerLossName")
else:
    EstimatorName = str | UpdateRule | RuleMaker
    InnerLossName = str | OutputLoss | Callable[[Distribution], OutputLoss]


@dataclass(frozen=True)
class AdaptationConfig(Section):
    """The inner loop.

    Attributes:
        estimator: Meta-gradient: `maml` differentiates through the inner steps, `first_order` takes their
            Jacobian for the identity, `imaml` differentiates the minimum of the proximal inner objective, and
            `linearized_imaml` that of the objective with the loss linearised in the network's outputs.
        steps: Adaptation steps; of policies, each is on freshly sampled episodes. With 0, training has no inner
            loop: it is plain learning of all tasks at once, each episode of a policy having a task of its own.
        gradient_steps: Steps of gradient descent, or of another optimizer, in each adaptation step.
        step_size: Step size of the inner loop; where it is learned, the initial one.
        learned_step_size: Which step sizes are meta-parameters: `none`, `one`, one `per_layer`, or one
            `per_parameter` (Meta-SGD, Li et al. 2017).
        adapted: Which parameters are adapted: all, those of the `last_layer` (with the standard deviation),
            all `biases`, or the `context` vector.
        proximal: The proximal inner objective.
    """

    estimator: EstimatorName = "maml"
    steps: NonNegativeInt = 1
    gradient_steps: PositiveInt = 1
    step_size: NonNegativeFinite = 0.1
    learned_step_size: LearnedStepSize = "none"
    adapted: Adapted = "all"
    proximal: ProximalConfig = field(default_factory=ProximalConfig)

    def on_fixed_data(self) -> Self:
        """Returns the inner loop with a loss that holds at any parameters, whichever sampled the data."""
        return self


@dataclass(frozen=True)
class PolicyAdaptationConfig(AdaptationConfig):
    """The inner loop of a policy.

    Attributes:
        loss: Inner loss: `reinforce`, or `likelihood_ratio`, the same gradient with a Hessian of lower variance
            (Rothfuss et al. 2018), which also stays valid for several gradient steps on the same episodes.
    """

    loss: InnerLossName = "reinforce"

    def on_fixed_data(self) -> Self:
        """See `AdaptationConfig.on_fixed_data`."""
        return replace(self, loss="likelihood_ratio")


def _unrolled(rule: type[GradientDescent]) -> RuleMaker:
    def build(config: AdaptationConfig, network: Network) -> UpdateRule:
        if config.proximal.learned:
            raise _unsupported(config, "proximal.learned", _IMPLICIT)
        step_sizes = StepSizes(network, config.adapted, config.step_size, config.learned_step_size)
        return rule(step_sizes, config.gradient_steps, config.proximal.weight)

    return build


def _implicit(rule: type[ProximalPoint]) -> RuleMaker:
    def build(config: AdaptationConfig, network: Network) -> UpdateRule:
        if config.learned_step_size != "none":
            raise _unsupported(config, f"learned_step_size {config.learned_step_size}", _UNROLLED)
        if config.proximal.weight <= 0:
            raise UserError(
                f"adaptation.proximal.weight: estimator {named(config.estimator)} needs a weight above 0, got "
                f"{config.proximal.weight}; 1 / (step size of maml) is a good first value"
            )
        mask = adapted_mask(network, config.adapted)
        key = "adaptation.proximal.cg_iterations"
        warn_of_surplus_iterations(key, config.proximal.cg_iterations, int(mask.sum()))
        return rule(mask, config.proximal, config.gradient_steps, config.step_size)

    return build


def _unsupported(config: AdaptationConfig, option: str, supporting: Collection[str]) -> UserError:
    return UserError(
        f"adaptation.estimator: {named(config.estimator)} does not support {option}; {', '.join(supporting)} "
        f"do{'es' if len(supporting) == 1 else ''}"
    )


def register_estimator(name: str, rule: UpdateRule | RuleMaker) -> None:
    """Makes an estimator usable by name, as `adaptation.estimator`.

    Args:
        name: The name, without a colon.
        rule: The update rule that the inner loop repeats, or what makes it from the inner loop's settings and the
            network whose parameters are adapted.

    Raises:
        ValueError: If the name is taken, or the rule is something else.
    """
    ESTIMATORS.register(name, rule)


_UNROLLED = {"maml": _unrolled(GradientDescent), "first_order": _unrolled(FirstOrder)}
_IMPLICIT = {"imaml": _implicit(ProximalPoint), "linearized_imaml": _implicit(LinearizedProximalPoint)}
for _name, _maker in (_UNROLLED | _IMPLICIT).items():
    register_estimator(_name, _maker)


def make_estimator(
    config: AdaptationConfig, network: Network, scales: tuple[float, ...] | None = None
) -> Estimator:
    """Builds the estimator that a config names.

    Args:
        config: The inner loop.
        network: Whose parameters are adapted.
        scales: Factor on the step size in each step; 1 in each of `config.steps` by default.

    Raises:
        UserError: If the estimator does not support the options.
    """
    rule = ESTIMATORS.choose("adaptation.estimator:", config.estimator)(config, network)
    scales = (1.0,) * config.steps if scales is None else scales
    rule.check_scales(scales)
    return Estimator(rule, network.num_parameters, scales)
