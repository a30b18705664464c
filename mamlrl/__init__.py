"""Meta-learning with batched tasks, exact meta-gradients and trust-region outer steps."""

from pathlib import Path

if not (
    Path(__file__).parent / "envs"
).is_dir():  # in a checkout, they lie beside this folder
    __path__.append(str(Path(__file__).parents[1]))

from mamlrl._version import __version__
from mamlrl.envs import register_environments
from mamlrl.evaluation.evaluation import Evaluation
from mamlrl.experiments.experiment import Config
from mamlrl.experiments.files import load_config
from mamlrl.learners.build import evaluate, make_learner
from mamlrl.learners.policy import MetaLearner
from mamlrl.runs.checkpoints import load_checkpoint
from mamlrl.runs.training import train

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
