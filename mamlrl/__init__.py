"""Meta-learning with batched tasks, exact meta-gradients and trust-region outer steps."""

from pathlib import Path

if not (Path(__file__).parent / "envs").is_dir():  # in a checkout, they lie beside this folder
    __path__.append(str(Path(__file__).parents[1]))

from mamlrl._version import __version__
from mamlrl.envs import register_environments
from mamlrl.evaluation.build import evaluate
from mamlrl.evaluation.evaluation import Evaluation
from mamlrl.experiments.command_line import load_config
from mamlrl.experiments.experiment import Experiment
from mamlrl.experiments.policy import PolicyExperiment
from mamlrl.experiments.supervised import SupervisedExperiment
from mamlrl.learners.build import make_learner
from mamlrl.learners.policy import MetaLearner
from mamlrl.runs.checkpoints import load_checkpoint
from mamlrl.runs.training import train

__all__ = [
    "Config",
    "Evaluation",
    "Experiment",
    "MetaLearner",
    "PolicyExperiment",
    "SupervisedExperiment",
    "__version__",
    "evaluate",
    "load_checkpoint",
    "load_config",
    "make_learner",
    "train",
]

Config = PolicyExperiment  # its name before there were kinds of experiments

register_environments()
