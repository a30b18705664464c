"""The kinds of experiment by name."""

from mamlrl.errors import UserError
from mamlrl.experiments.classifier import ClassifierExperiment
from mamlrl.experiments.experiment import Experiment
from mamlrl.experiments.policy import PolicyExperiment
from mamlrl.experiments.supervised import SupervisedExperiment
from mamlrl.settings.choices import Registry, shown

KINDS: Registry[type[Experiment]] = Registry(
    "kind",
    {"policy": PolicyExperiment, "supervised": SupervisedExperiment, "classifier": ClassifierExperiment},
)
DEFAULT_KIND = "policy"


def extends(kind: str, other: str) -> bool:
    """Returns whether experiments of a kind have all settings of another one, or are of that one.

    Args:
        kind: A name in `KINDS`.
        other: Another one, or the same.

    Raises:
        UserError: If there is no such kind.

    Example:
        >>> extends("classifier", "supervised"), extends("supervised", "classifier")
        (True, False)
    """
    mine, theirs = KINDS.choose("kind", kind), KINDS.choose("kind", other)
    return kind == other or (mine is not theirs and issubclass(mine, theirs))


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
