"""What is to run: each method with each seed, begun, done, or taken from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mamlrl.errors import UserError
from mamlrl.experiments.differences import training_differences
from mamlrl.experiments.experiment import Experiment
from mamlrl.metric_names import Metrics
from mamlrl.reproduction.recipe import Recipe
from mamlrl.runs.metrics_file import METRICS, read_metrics
from mamlrl.runs.repetitions import check_different
from mamlrl.runs.run_folder import check_is_free
from mamlrl.runs.saved import SavedRun, latest_checkpoint


@dataclass(frozen=True)
class PlannedRun:
    """A method with a seed.

    Attributes:
        method: Name of the method.
        experiment: What is, or was, trained.
        folder: Folder of the run; of one that is taken from elsewhere, what was found there.
        saved: Its last checkpoint; None if it is not begun.
    """

    method: str
    experiment: Experiment
    folder: Path
    saved: SavedRun | None

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"{self.method} seed {self.experiment.seed}"

    @property
    def iteration(self) -> int | None:
        """Meta-iterations done; None if it is not begun."""
        return None if self.saved is None else int(self.saved.state["iteration"])

    @property
    def left(self) -> int:
        """Meta-iterations to do."""
        return self.experiment.iterations - (self.iteration or 0)

    @property
    def done(self) -> bool:
        """Whether nothing is left to train."""
        return self.iteration is not None and not self.left

    def trained(self) -> PlannedRun:
        """Returns the run after it was trained: with what is its last checkpoint now."""
        return replace(self, saved=SavedRun.load(self.folder))

    def metrics(self) -> list[Metrics]:
        """Returns the rows of its metrics; none if they are not there."""
        path = self.folder / METRICS if self.folder.is_dir() else self.folder.with_suffix(".csv")
        return read_metrics(path) if path.is_file() else []


def plan_runs(
    recipe: Recipe,
    methods: Sequence[str],
    seeds: Sequence[int],
    output: Path,
    quick: bool = False,
    runs: Sequence[str] = (),
) -> list[PlannedRun]:
    """Returns what is to run, and what has run already.

    Args:
        recipe: The comparison.
        methods: Names of its methods.
        seeds: Seeds of each.
        output: Folder whose `METHOD/seedN` are the runs.
        quick: Whether everything is small.
        runs: Folders of complete runs, which are taken where `output` has none: `METHOD/seedN`, `METHOD_seedN`,
            or a checkpoint `METHOD_seedN.pt`; of `METHOD=FOLDER` also `seedN` and `seedN.pt`.

    Raises:
        UserError: If a run was made by other settings, or something is in the way of one; nothing is begun.
    """
    check_different("seeds", seeds)
    planned, places = [], [_place(text, recipe) for text in runs]
    for method in methods:
        first = recipe.experiment(method, seeds[0], quick)
        for seed in seeds:
            experiment, own = replace(first, seed=seed), output / method / f"seed{seed}"
            found = None if latest_checkpoint(own).exists() else _elsewhere(places, method, seed)
            planned.append(_planned(method, experiment, found or own, found is not None))
    return planned


def _place(text: str, recipe: Recipe) -> tuple[str, Path]:
    """Splits `METHOD=FOLDER`; the method is empty where there is a folder alone."""
    method, _, folder = text.rpartition("=")
    if method:
        recipe.choose([method])
    if not Path(folder).is_dir():
        raise UserError(f"runs: there is no folder {folder}")
    return method, Path(folder)


def _elsewhere(places: Sequence[tuple[str, Path]], method: str, seed: int) -> Path | None:
    """The first complete run, or checkpoint, of a method and a seed."""
    for only, place in places:
        names = [f"{method}/seed{seed}", f"{method}_seed{seed}", *([f"seed{seed}"] if only == method else [])]
        for name in names:
            if latest_checkpoint(place / name).exists():
                return place / name
            if (place / f"{name}.pt").exists():
                return place / f"{name}.pt"
    return None


def _planned(method: str, experiment: Experiment, folder: Path, taken: bool) -> PlannedRun:
    if not taken and not latest_checkpoint(folder).exists():
        check_is_free(folder)
        return PlannedRun(method, experiment, folder, None)
    saved = SavedRun.load(folder)
    remedy = "leave --runs out" if taken else "choose another --output"
    for key, before, now in training_differences(saved.experiment, experiment):
        raise UserError(f"{key}: the run at {folder} was made with {before}, not {now}; {remedy}")
    if saved.experiment.seed != experiment.seed:
        raise UserError(
            f"seed: the run at {folder} was made with {saved.experiment.seed}, not {experiment.seed}; {remedy}"
        )
    planned = PlannedRun(method, experiment, folder, saved)
    if planned.left < 0 or (taken and planned.left):
        raise UserError(
            f"iterations: the run at {folder} has done {planned.iteration}, not {experiment.iterations}; {remedy}"
        )
    return planned


def check_complete(planned: Sequence[PlannedRun]) -> None:
    """Raises a UserError for the first run that is missing, or not complete."""
    for run in planned:
        if not run.done:
            done = f"has done {run.iteration} of {run.experiment.iterations} meta-iterations"
            state = "is missing" if run.iteration is None else done
            raise UserError(
                f"the run of {run.name} at {run.folder} {state}; leave --evaluate-only out to train it"
            )
