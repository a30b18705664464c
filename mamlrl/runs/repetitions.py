"""Whether runs repeat one experiment with other seeds, so that a mean over them has a meaning."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any

import torch

from mamlrl.errors import UserError
from mamlrl.experiments.differences import differences, training_differences
from mamlrl.experiments.experiment import Experiment
from mamlrl.runs.saved import SavedRun

SHOWN = 3  # differences in a message
REMEDY = "evaluate them one by one"


def check_repetitions(runs: Sequence[SavedRun], evaluated: Sequence[Experiment]) -> None:
    """Refuses to take runs together that do not differ in their seed alone.

    They may be after different numbers of meta-iterations: the best of each run is.

    Args:
        runs: What was trained.
        evaluated: The experiment that each is evaluated as.

    Raises:
        UserError: If training or evaluation differs, or two have the same seed or parameters; the message names
            the files and the difference.
    """
    for run, experiment in zip(runs[1:], evaluated[1:], strict=True):
        trained = training_differences(runs[0].experiment, run.experiment)
        protocol = [each for each in differences(evaluated[0], experiment) if each[0].startswith("evaluation.")]
        _refuse(runs[0], run, trained or protocol)
    for one, other in combinations(runs, 2):
        _check_two_samples(one, other)


def check_different(name: str, values: Sequence[Any]) -> None:
    """Refuses values of an option of which one is given twice.

    Raises:
        UserError: If one is; the message names the option.
    """
    if len(set(values)) < len(values):
        raise UserError(f"{name}: {' '.join(map(str, values))} has one of them twice; give each once")


def _refuse(one: SavedRun, other: SavedRun, found: Iterable[tuple[str, Any, Any]]) -> None:
    texts = [f"{key} is {before} there and {now} here" for key, before, now in found]
    if texts:
        more = f", and {len(texts) - SHOWN} more" if len(texts) > SHOWN else ""
        raise UserError(
            f"{other.path} and {one.path} cannot be averaged: {', '.join(texts[:SHOWN])}{more}; {REMEDY}"
        )


def _check_two_samples(one: SavedRun, other: SavedRun) -> None:
    both = f"{one.path} and {other.path}"
    params = one.state["params"], other.state["params"]
    if params[0].shape == params[1].shape and torch.equal(*params):
        raise UserError(f"{both} hold the same parameters, and are no two samples; leave one of them out")
    seed = one.experiment.seed
    if other.experiment.seed == seed:
        raise UserError(
            f"{both} were trained with the same seed ({seed}), and are no two samples; leave one of them out"
        )
