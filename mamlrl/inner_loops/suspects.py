"""Which setting most likely made learning diverge: the one that is furthest from what is usual."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import log10
from typing import NamedTuple

from mamlrl.distributed.exchange import PeerError
from mamlrl.errors import DivergenceError, LearningError, RunError
from mamlrl.experiments.experiment import Experiment
from mamlrl.settings.choices import named

_OF_ADAPTATION = {  # setting -> usual value
    "adaptation.step_size": 0.1,
    "adaptation.proximal.weight": 1.0,
    "policy.initial_std": 1.0,
    "policy.min_std": 1.0,
}
_ALSO_BAD_IF_SMALL = ("adaptation.proximal.weight", "policy.initial_std")  # what is divided by
_OF_EVALUATION = {"evaluation.first_step_size": 0.1, "evaluation.later_step_factor": 0.5}
_OF_ADAM = {"adam.learning_rate": 1e-3}
_OF_OPTIMIZERS = {
    "trust_region": {"trust_region.max_kl": 0.01, "trust_region.damping": 1e-5},
    "adam": _OF_ADAM,
    "promp": {**_OF_ADAM, "promp.inner_kl_weight": 5e-4},
}


class _Suspect(NamedTuple):
    key: str
    value: float
    usual: float
    outer: bool

    @property
    def decades(self) -> float:
        """How far the value is from the usual one, if it is on the side that makes learning diverge."""
        excess = log10(self.value) - log10(self.usual)
        return abs(excess) if self.key in _ALSO_BAD_IF_SMALL else max(excess, 0.0)


@contextmanager
def blamed(experiment: Experiment, place: str = "", evaluating: bool = False) -> Iterator[None]:
    """Completes the messages of errors that stop a run with their place, and with the setting that is to blame.

    Args:
        experiment: The experiment that runs.
        place: What messages are to begin with, such as `iteration 3: `.
        evaluating: Whether it is evaluated.
    """
    try:
        yield
    except PeerError:  # its message has a place already
        raise
    except RunError as error:
        raise type(error)(f"{place}{error}{_cause(error, experiment, evaluating)}") from error


def _cause(error: RunError, experiment: Experiment, evaluating: bool) -> str:
    """What to append to a message: the setting that is most likely to blame, and its value."""
    suspects = _suspects(experiment, evaluating)
    if not suspects or not isinstance(error, LearningError | DivergenceError):
        return ""
    outer = isinstance(error, LearningError) and error.outer
    worst = max(suspects, key=lambda suspect: (round(suspect.decades), suspect.outer == outer))
    unusual = worst.decades >= 1
    if isinstance(error, DivergenceError) and not unusual:  # its message has the usual remedies
        return ""
    size = "small" if unusual and worst.value < worst.usual else "large"
    return f"; {worst.key} {worst.value:g} {'is most likely' if unusual else 'may be'} too {size}"


def _suspects(experiment: Experiment, evaluating: bool) -> list[_Suspect]:
    of_optimizer = _OF_OPTIMIZERS.get(named(getattr(experiment, "outer_optimizer", "")), {})
    suspects = []
    for usual_values, outer in ((_OF_EVALUATION, False), (_OF_ADAPTATION, False), (of_optimizer, True)):
        if usual_values is _OF_EVALUATION and not evaluating:
            continue
        for key, usual in usual_values.items():
            value = _value(experiment, key)
            if value > 0 and not (evaluating and key == "adaptation.step_size" and _is_replaced(experiment)):
                suspects.append(_Suspect(key, value, usual, outer))
    return suspects


def _value(experiment: Experiment, key: str) -> float:
    """The value of a setting; 0 if the experiment does not have it."""
    value: object = experiment
    for name in key.split("."):
        value = getattr(value, name, None)
    return float(value) if isinstance(value, int | float) else 0.0


def _is_replaced(experiment: Experiment) -> bool:
    return experiment.evaluation.first_step_size is not None
