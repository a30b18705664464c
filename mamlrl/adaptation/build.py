"""The estimators by name, and which options each supports."""

from __future__ import annotations

from collections.abc import Callable

from mamlrl.adaptation.estimator import Estimator, UpdateRule
from mamlrl.adaptation.gradient_descent import FirstOrder, GradientDescent
from mamlrl.adaptation.proximal import ProximalPoint
from mamlrl.adaptation.step_sizes import StepSizes, adapted_mask
from mamlrl.errors import UserError
from mamlrl.experiments.experiment import AdaptationConfig
from mamlrl.losses.derivatives import warn_of_surplus_iterations
from mamlrl.networks.network import Network


def _unrolled(rule: type[GradientDescent]) -> Callable[[AdaptationConfig, Network], UpdateRule]:
    def build(config: AdaptationConfig, network: Network) -> UpdateRule:
        if config.proximal.learned:
            raise _unsupported(config, "proximal.learned", ["imaml"])
        return rule(StepSizes(network, config), config.gradient_steps, config.proximal.weight)

    return build


def _implicit(config: AdaptationConfig, network: Network) -> UpdateRule:
    if config.learned_step_size != "none":
        raise _unsupported(config, f"learned_step_size {config.learned_step_size}", ["maml", "first_order"])
    if config.proximal.weight <= 0:
        raise UserError(
            f"adaptation.proximal.weight: estimator imaml needs a weight above 0, got {config.proximal.weight}; "
            "1 / (step size of maml) is a good first value"
        )
    mask = adapted_mask(network, config.adapted)
    key = "adaptation.proximal.cg_iterations"
    warn_of_surplus_iterations(key, config.proximal.cg_iterations, int(mask.sum()))
    return ProximalPoint(mask, config.proximal, config.gradient_steps, config.step_size)


def _unsupported(config: AdaptationConfig, option: str, supporting: list[str]) -> UserError:
    return UserError(
        f"adaptation.estimator: {config.estimator} does not support {option}; {', '.join(supporting)} "
        f"do{'es' if len(supporting) == 1 else ''}"
    )


ESTIMATORS: dict[str, Callable[[AdaptationConfig, Network], UpdateRule]] = {
    "maml": _unrolled(GradientDescent),
    "first_order": _unrolled(FirstOrder),
    "imaml": _implicit,
}


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
    rule = ESTIMATORS[config.estimator](config, network)
    return Estimator(rule, network.num_parameters, (1.0,) * config.steps if scales is None else scales)
