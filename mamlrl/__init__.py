"""Meta-learning with batched tasks, exact meta-gradients and trust-region outer steps."""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if not (Path(__file__).parent / "envs").is_dir():  # in a checkout, they lie beside this folder
    __path__.append(str(Path(__file__).parents[1]))

from mamlrl._version import __version__
from mamlrl.envs import register_environments

if TYPE_CHECKING:
    from mamlrl.adaptation.build import register_estimator
    from mamlrl.deployment.episodes import Episode
    from mamlrl.deployment.load import load
    from mamlrl.deployment.network import AdaptiveNetwork
    from mamlrl.deployment.policy import AdaptivePolicy
    from mamlrl.deployment.recorder import Recorder
    from mamlrl.envs.gymnasium_adapter import task_env
    from mamlrl.errors import UserError
    from mamlrl.evaluation.build import evaluate
    from mamlrl.evaluation.evaluation import Evaluation
    from mamlrl.evaluation.step_size import choose_step_size
    from mamlrl.experiments.classifier import ClassifierExperiment
    from mamlrl.experiments.command_line import load_config
    from mamlrl.experiments.experiment import Experiment
    from mamlrl.experiments.objects import with_settings
    from mamlrl.experiments.policy import PolicyExperiment
    from mamlrl.experiments.policy import PolicyExperiment as Config
    from mamlrl.experiments.supervised import SupervisedExperiment
    from mamlrl.learners.build import make_learner, register_learner
    from mamlrl.learners.policy import MetaLearner
    from mamlrl.losses.build import register_inner_loss
    from mamlrl.networks.build import register_policy
    from mamlrl.networks.images import register_image_network
    from mamlrl.networks.module import ModulePolicy
    from mamlrl.outer.build import register_outer_optimizer
    from mamlrl.runs.callbacks import Callback, CallbackError
    from mamlrl.runs.checkpoints import load_checkpoint
    from mamlrl.runs.metrics_frame import metrics_frame
    from mamlrl.runs.training import train
    from mamlrl.sampling.advantages import register_value_baseline
    from mamlrl.sampling.conformance import check_task_env
    from mamlrl.supervised.build import register_dataset

__all__ = [
    "AdaptiveNetwork",
    "AdaptivePolicy",
    "Callback",
    "CallbackError",
    "ClassifierExperiment",
    "Config",
    "Episode",
    "Evaluation",
    "Experiment",
    "MetaLearner",
    "ModulePolicy",
    "PolicyExperiment",
    "Recorder",
    "SupervisedExperiment",
    "UserError",
    "__version__",
    "check_task_env",
    "choose_step_size",
    "evaluate",
    "load",
    "load_checkpoint",
    "load_config",
    "make_learner",
    "metrics_frame",
    "register_dataset",
    "register_estimator",
    "register_image_network",
    "register_inner_loss",
    "register_learner",
    "register_outer_optimizer",
    "register_policy",
    "register_value_baseline",
    "task_env",
    "train",
    "with_settings",
]

# Where each public name is defined; it is imported when it is first used, because PyTorch takes seconds
_HOMES = {
    "AdaptiveNetwork": "mamlrl.deployment.network",
    "AdaptivePolicy": "mamlrl.deployment.policy",
    "Callback": "mamlrl.runs.callbacks",
    "CallbackError": "mamlrl.runs.callbacks",
    "ClassifierExperiment": "mamlrl.experiments.classifier",
    "Config": "mamlrl.experiments.policy:PolicyExperiment",  # its name before there were kinds of experiments
    "Episode": "mamlrl.deployment.episodes",
    "Evaluation": "mamlrl.evaluation.evaluation",
    "Experiment": "mamlrl.experiments.experiment",
    "MetaLearner": "mamlrl.learners.policy",
    "ModulePolicy": "mamlrl.networks.module",
    "PolicyExperiment": "mamlrl.experiments.policy",
    "Recorder": "mamlrl.deployment.recorder",
    "SupervisedExperiment": "mamlrl.experiments.supervised",
    "UserError": "mamlrl.errors",
    "check_task_env": "mamlrl.sampling.conformance",
    "choose_step_size": "mamlrl.evaluation.step_size",
    "evaluate": "mamlrl.evaluation.build",
    "load": "mamlrl.deployment.load",
    "load_checkpoint": "mamlrl.runs.checkpoints",
    "load_config": "mamlrl.experiments.command_line",
    "make_learner": "mamlrl.learners.build",
    "metrics_frame": "mamlrl.runs.metrics_frame",
    "register_dataset": "mamlrl.supervised.build",
    "register_estimator": "mamlrl.adaptation.build",
    "register_image_network": "mamlrl.networks.images",
    "register_inner_loss": "mamlrl.losses.build",
    "register_learner": "mamlrl.learners.build",
    "register_outer_optimizer": "mamlrl.outer.build",
    "register_policy": "mamlrl.networks.build",
    "register_value_baseline": "mamlrl.sampling.advantages",
    "task_env": "mamlrl.envs.gymnasium_adapter",
    "train": "mamlrl.runs.training",
    "with_settings": "mamlrl.experiments.objects",
}


def __getattr__(name: str) -> Any:
    """Imports a public name when it is first used (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, original = _HOMES[name].partition(":")
    value = getattr(import_module(module), original or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Lists the public names, those not imported yet included."""
    return sorted({*globals(), *__all__})


register_environments()
