"""Meta-learning with batched tasks, exact meta-gradients and trust-region outer steps."""

from mamlrl._version import __version__
from mamlrl.checkpoints import load_checkpoint
from mamlrl.config import Config
from mamlrl.config_files import load_config
from mamlrl.envs import register_environments
from mamlrl.evaluation import Evaluation
from mamlrl.experiments import evaluate, make_learner
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
    "make_learner",
    "train",
]

register_environments()
