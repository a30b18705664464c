"""The kinds of experiment by name."""

from mamlrl.experiments.experiment import Experiment
from mamlrl.experiments.policy import PolicyExperiment
from mamlrl.experiments.supervised import SupervisedExperiment
from mamlrl.settings.choices import Registry

KINDS: Registry[type[Experiment]] = Registry(
    "kind", {"policy": PolicyExperiment, "supervised": SupervisedExperiment}
)
DEFAULT_KIND = "policy"
