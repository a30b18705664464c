"""The kinds of experiment by name."""

from mamlrl.errors import UserError
from mamlrl.experiments.experiment import Experiment
from mamlrl.experiments.policy import PolicyExperiment
from mamlrl.experiments.supervised import SupervisedExperiment
from mamlrl.settings.choices import Registry, shown

KINDS: Registry[type[Experiment]] = Registry(
    "kind", {"policy": PolicyExperiment, "supervised": SupervisedExperiment}
)
DEFAULT_KIND = "policy"


def check_kind(experiment: Experiment) -> None:
    """Checks that an experiment is of the class that its kind has.

    Raises:
        UserError: If there is no such kind, it has another class, or this is no experiment.
    """
    if not isinstance(experiment, Experiment):
        raise UserError(f"config must be an experiment, such as load_config returns, got {shown(experiment)}")
    expected = KINDS.choose("kind:", experiment.kind)
    if not isinstance(experiment, expected):
        raise UserError(
            f"kind: experiments of kind {experiment.kind} are of class {expected.__name__}, "
            f"not {type(experiment).__name__}"
        )
