"""Meta-reinforcement learning with batched tasks, exact meta-gradients and trust-region outer steps."""

from mamlrl._version import __version__
from mamlrl.checkpoints import load_checkpoint
from mamlrl.config import Config, load_config
from mamlrl.envs import register_environments
from mamlrl.evaluation import Evaluation, evaluate
from mamlrl.learner import MetaLearner
from mamlrl.training import train

__all__ = [
    "Config",
    "Evaluation",
    "MetaLearner",
    "__version__",
    "evaluate",
    "load_checkpoint",
    "load_config",
    "train",
]

register_environments()
