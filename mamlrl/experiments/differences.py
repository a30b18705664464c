"""What differs between two experiments, by dotted key, and which settings are of the machine alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mamlrl.experiments.experiment import Experiment
from mamlrl.experiments.plain import plain_experiment

_COMPILED = ("compile", "sampling.compile")
OF_THE_MACHINE = ("device", "precision", *_COMPILED, "env.workers", "env.kwargs.num_threads")
MAY_CHANGE_ON_RESUME = ("iterations", "evaluation", "checkpoint_every", *OF_THE_MACHINE)

_FIRST = ("kind", "env.id", "data.dataset")  # tell most


def differences(one: Experiment, other: Experiment) -> Iterator[tuple[str, Any, Any]]:
    """Yields dotted key, and value in either experiment, of every setting that differs."""
    before, now = dict(leaves(plain_experiment(one))), dict(leaves(plain_experiment(other)))
    for key in sorted(before.keys() | now.keys(), key=lambda key: (key not in _FIRST, key)):
        if before.get(key) != now.get(key):
            yield key, before.get(key), now.get(key)


def training_differences(one: Experiment, other: Experiment) -> list[tuple[str, Any, Any]]:
    """Returns the `differences` that make runs more than repetitions of one another with other seeds."""
    irrelevant = {"seed", *MAY_CHANGE_ON_RESUME}
    found = differences(one, other)
    return [each for each in found if not {each[0], each[0].partition(".")[0]} & irrelevant]


def leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yields dotted key and value of everything in nested dicts that is none."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
