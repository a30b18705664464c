"""About how long the runs of a comparison will take, by a few measurements on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import median
from time import perf_counter

from mamlrl.experiments.experiment import Experiment
from mamlrl.experiments.supervised import SupervisedExperiment
from mamlrl.learners.build import make_learner
from mamlrl.metric_names import ITERATION, WALL_TIME
from mamlrl.reproduction.plan import PlannedRun

FEW_TASKS = 4  # of a policy's meta-batch, timed in the place of a whole one
FEW_ROWS = 3  # of metrics that say how long iterations take


def training_seconds(planned: Sequence[PlannedRun]) -> dict[str, float]:
    """Estimates how long each run will go on, one run at a time.

    Where a run of the method has begun, its metrics tell. Otherwise a meta-iteration is timed, of policies with a
    few of the tasks, after one to warm up. It is not compiled; runs that are take less.

    Args:
        planned: The runs.

    Returns:
        Seconds by name of the run; nothing for those that are done.
    """
    per_iteration: dict[str, float] = {}
    for run in planned:
        rows = run.metrics() if run.left and run.iteration is not None else []
        if len(rows) > FEW_ROWS:
            per_iteration[run.method] = _recorded([(row[ITERATION], row[WALL_TIME]) for row in rows])
    for run in planned:
        if run.left and run.method not in per_iteration:
            per_iteration[run.method] = _measured(run.experiment)
    return {run.name: run.left * per_iteration[run.method] for run in planned if run.left}


def _recorded(rows: Sequence[tuple[float, float]]) -> float:
    """The median time of an iteration: of those around an interruption, the time is none of theirs."""
    return median((after[1] - before[1]) / (after[0] - before[0]) for before, after in pairwise(rows))


def _measured(experiment: Experiment) -> float:
    tasks = min(FEW_TASKS, experiment.meta_batch_size)
    if isinstance(experiment, SupervisedExperiment):  # all tasks together take hardly longer than a few
        tasks = experiment.meta_batch_size
        experiment = replace(experiment, compile=False)  # it would take longer than what is measured
    learner = make_learner(replace(experiment, meta_batch_size=tasks))
    learner.step()
    start = perf_counter()
    learner.step()
    return (perf_counter() - start) * experiment.meta_batch_size / tasks
