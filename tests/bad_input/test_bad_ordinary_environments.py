"""Ordinary environments that cannot be trained in: one line, nothing written, and no process left."""

import multiprocessing

import gymnasium
import pytest
from ordinary_envs import Faulty, FewTasks, Point
from programs import TINY

from mamlrl.runs.checkpoints import load_checkpoint
from mamlrl.runs.saved import latest_checkpoint

SPEED = '--env.tasks={"speed": {"uniform": [1, 2]}}'


@pytest.fixture
def ordinary():
    """Registers an ordinary environment; returns the options that choose it."""
    name = "ordinary/Bad-v0"

    def add(env_class):
        gymnasium.register(id=name, entry_point=env_class)
        return [*TINY, f"--env.id={name}", '--env.kwargs={"horizon": 10}']

    yield add
    gymnasium.registry.pop(name, None)


@pytest.mark.parametrize(
    ("tasks", "words"),
    [
        ('{"sped": {"uniform": [1, 2]}}', ["env.tasks: sped", "no attribute sped", "did you mean speed?"]),
        ('{"fixed": {"uniform": [1, 2]}}', ["env.tasks: fixed", "cannot be set"]),
        ('{"speed": {"uniform": [2, 1]}}', ["env.tasks: speed", "increasing order", "[2, 1]"]),
        ('{"speed": {"choice": [slow, fast]}}', ["env.tasks: speed", "cannot become a text"]),
        ("{}", ["not a task environment", "--env.tasks", "sample_tasks(n)", "mamlrl.task_env"]),
    ],
)
def test_tasks_that_there_are_not(refused, ordinary, tasks, words):
    refused("train", *ordinary(Point), f"--env.tasks={tasks}", "--output=run", words=words)


@pytest.mark.parametrize("workers", [0, 2])
def test_an_environment_that_never_ends(refused, ordinary, workers):
    options = [*ordinary(Point), "--env.kwargs={}", SPEED, f"--env.workers={workers}"]
    refused("train", *options, "--output=run", words=["ordinary/Bad-v0 has no time limit", "horizon"])
    assert not multiprocessing.active_children()


def test_a_list_of_tasks_that_is_too_short(refused, ordinary):
    words = ["ordinary/Bad-v0 has 5 tasks, and 9 different ones are needed", "meta_batch_size"]
    refused("train", *ordinary(FewTasks), "--meta_batch_size=9", "--output=run", words=words)


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_on_the_way_names_environment_task_and_error(stopped, ordinary, workers, tmp_path):
    options = [*ordinary(Faulty), f"--env.workers={workers}", "--iterations=50"]
    words = ["environment ordinary/Bad-v0: step raised OutOfPlaceError: out of place at 7 in task ", "time step 2"]
    stopped(*options, "--output=run", words=[*words, "the last checkpoint is kept"])
    load_checkpoint(latest_checkpoint(tmp_path / "run"))
    assert not multiprocessing.active_children()
