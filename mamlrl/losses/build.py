"""Inner losses by name."""

from collections.abc import Callable

from mamlrl.losses.output_loss import OutputLoss
from mamlrl.losses.policy_losses import Reinforce, Surrogate
from mamlrl.networks.distribution import Distribution
from mamlrl.settings.choices import Registry

INNER_LOSSES: Registry[Callable[[Distribution], OutputLoss]] = Registry(
    "inner loss", {"reinforce": Reinforce, "likelihood_ratio": Surrogate}, (OutputLoss,)
)


def register_inner_loss(name: str, loss: OutputLoss | Callable[[Distribution], OutputLoss]) -> None:
    """Makes an inner loss usable by name, as `adaptation.loss`.

    Args:
        name: The name, without a colon.
        loss: The loss, or what makes it for the distribution of the actions, such as a subclass of `OutputLoss`.

    Raises:
        ValueError: If the name is taken, or the loss is something else.
    """
    INNER_LOSSES.register(name, loss)
