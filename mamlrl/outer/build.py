"""Outer optimizers by name, from the sections of an experiment."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from torch import Tensor

from mamlrl.networks.distribution import Distribution
from mamlrl.outer.adam import Adam
from mamlrl.outer.optimizer import GradientOptimizer, OuterOptimizer
from mamlrl.outer.promp import Promp
from mamlrl.outer.trust_region import TrustRegion
from mamlrl.settings.choices import Registry

# (experiment, of which each takes the sections it needs; distribution of the outputs; theta) -> optimizer
Builder = Callable[[Any, Distribution, Tensor], OuterOptimizer]

# Those that need nothing but the meta-gradient, and so no policies
GRADIENT_OPTIMIZERS: Registry[Callable[[Any, Distribution, Tensor], GradientOptimizer]] = Registry(
    "outer optimizer", {"adam": lambda experiment, distribution, theta: Adam(experiment.adam, theta)}
)
OUTER_OPTIMIZERS: Registry[Builder] = Registry(
    "outer optimizer",
    {
        "trust_region": lambda experiment, distribution, theta: TrustRegion(experiment.trust_region, theta),
        **GRADIENT_OPTIMIZERS,
        "promp": lambda experiment, distribution, theta: Promp(
            experiment.promp, experiment.adam, distribution, theta
        ),
    },
)

if not TYPE_CHECKING:  # the parser reads what the type checker does not
    OuterOptimizerName = OUTER_OPTIMIZERS.name_type("OuterOptimizerName")
    GradientOptimizerName = GRADIENT_OPTIMIZERS.name_type("GradientOptimizerName")
else:
    OuterOptimizerName = str
    GradientOptimizerName = str
