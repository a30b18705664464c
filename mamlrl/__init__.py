"""Meta-reinforcement learning with batched tasks, exact meta-gradients and trust-region outer steps."""

from mamlrl._version import __version__
from mamlrl.envs import register_environments

__all__ = ["__version__"]

register_environments()
