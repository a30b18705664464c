"""Inner losses by name."""

from collections.abc import Callable

from mamlrl.losses.output_loss import OutputLoss
from mamlrl.losses.policy_losses import Reinforce, Surrogate
from mamlrl.networks.distribution import Distribution
from mamlrl.settings.choices import Registry

INNER_LOSSES: Registry[Callable[[Distribution], OutputLoss]] = Registry(
    "inner loss", {"reinforce": Reinforce, "likelihood_ratio": Surrogate}
)
