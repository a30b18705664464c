"""Outer optimizers by name, from the sections of an experiment."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import TYPE_CHECKING, Any, TypeVar

from torch import Tensor

from mamlrl.networks.distribution import Distribution
from mamlrl.outer.adam import Adam
from mamlrl.outer.optimizer import GradientOptimizer, OuterOptimizer
from mamlrl.outer.promp import Promp
from mamlrl.outer.trust_region import TrustRegion
from mamlrl.settings.choices import Registry

Optimizer = TypeVar("Optimizer", bound=OuterOptimizer)

# (experiment, of which each takes the sections it needs; distribution of the outputs; theta) -> optimizer
OptimizerMaker = Callable[[Any, Distribution, Tensor], OuterOptimizer]
OUTER_OPTIMIZERS: Registry[OptimizerMaker] = Registry("outer optimizer", contract=(OuterOptimizer,))

# Those of them that need nothing but the meta-gradient, and so no policies
GRADIENT_OPTIMIZERS: Registry[Callable[[Any, Distribution, Tensor], GradientOptimizer]] = Registry(
    "outer optimizer", contract=(GradientOptimizer,)
)

if not TYPE_CHECKING:  # the parser reads what the type checker does not
    OuterOptimizerName = OUTER_OPTIMIZERS.name_type("OuterOptimizerName")
    GradientOptimizerName = GRADIENT_OPTIMIZERS.name_type("GradientOptimizerName")
else:
    OuterOptimizerName = str | OuterOptimizer | OptimizerMaker
    GradientOptimizerName = str | GradientOptimizer | Callable[[Any, Distribution, Tensor], GradientOptimizer]


def register_outer_optimizer(
    name: str, optimizer: OuterOptimizer | OptimizerMaker, of_policies_alone: bool = False
) -> None:
    """Makes an outer optimizer usable by name, as `outer_optimizer`.

    Args:
        name: The name, without a colon.
        optimizer: The optimizer, or what makes it from the experiment, the distribution of the network's outputs,
            and the initial meta-parameters, shape (P + R,).
        of_policies_alone: Whether it is of no use for supervised networks; those take a `GradientOptimizer`.

    Raises:
        ValueError: If the name is taken, or the optimizer is something else.
    """
    OUTER_OPTIMIZERS.register(name, optimizer)
    if GRADIENT_OPTIMIZERS.takes(optimizer) and not of_policies_alone:
        GRADIENT_OPTIMIZERS.register(name, optimizer)


def make_outer_optimizer(
    registry: Registry[Callable[[Any, Distribution, Tensor], Optimizer]],
    experiment: Any,
    distribution: Distribution,
    theta: Tensor,
) -> Optimizer:
    """Builds the outer optimizer of an experiment; one that is given as an object is copied, with its state.

    Args:
        registry: `OUTER_OPTIMIZERS` or `GRADIENT_OPTIMIZERS`.
        experiment: The experiment.
        distribution: Distribution of the network's outputs.
        theta: Initial meta-parameters, shape (P + R,).

    Raises:
        UserError: If there is no such optimizer.
    """
    make = registry.choose("outer_optimizer:", experiment.outer_optimizer)
    return deepcopy(make(experiment, distribution, theta))


register_outer_optimizer(
    "trust_region",
    lambda experiment, distribution, theta: TrustRegion(experiment.trust_region, theta),
    of_policies_alone=True,
)
register_outer_optimizer("adam", lambda experiment, distribution, theta: Adam(experiment.adam, theta))
register_outer_optimizer(
    "promp",
    lambda experiment, distribution, theta: Promp(experiment.promp, experiment.adam, distribution, theta),
    of_policies_alone=True,
)
