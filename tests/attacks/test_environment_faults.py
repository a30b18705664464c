"""Environments that do wrong: one line names the environment and the method, and the last checkpoint is kept."""

import re
import signal

import gymnasium
import numpy as np
import pytest
from faulty_envs import AliasedEnv, FaultyEnv, ListEnv, SingleEnv
from forks import Fork, forked
from programs import TINY, run

from mamlrl.runs.checkpoints import load_checkpoint
from mamlrl.runs.saved import latest_checkpoint

pytestmark = pytest.mark.attack

ID = "fake/Faulty-v0"
OPTIONS = [*TINY, f"--env.id={ID}", '--env.kwargs={"horizon": 10}', "--iterations=3"]


def raises(error):
    def fault(value):
        raise error

    return fault


def sets(number):
    """Sets one value of an array."""

    def fault(value):
        value = np.array(value, dtype=np.float64)
        value.flat[-1] = number
        return value

    return fault


ERRORS = {
    "OSError": raises(OSError(28, "No space left on device")),
    "MemoryError": raises(MemoryError()),
    "SystemExit": raises(SystemExit(0)),
    "ValueError": raises(ValueError("of two\nlines")),
    "RuntimeError": raises(RuntimeError("of its own")),
    "StopIteration": raises(StopIteration()),
    "RecursionError": raises(RecursionError("too deep")),
}
WRONG = {
    "None": lambda value: None,
    "shape": lambda value: np.asarray(value)[..., None],
    "short": lambda value: np.asarray(value)[:-1],
    "long": lambda value: np.concatenate([value, value]),
    "number": lambda value: 1.0,
    "text": lambda value: np.full(np.shape(value), "x"),
    "objects": lambda value: np.full(np.shape(value), None),
    "complex": lambda value: np.asarray(value, dtype=np.complex128),
    "ragged": lambda value: [[1.0], [2.0, 3.0]],
}
NOT_FINITE = {"NaN": sets(np.nan), "inf": sets(np.inf), "-inf": sets(-np.inf)}
PARTS = {
    "None": lambda parts: None,
    "one": lambda parts: parts[0],
    "less": lambda parts: parts[:-1],
    "more": lambda parts: (*parts, {}),
}
ARRAYS = ("sample_tasks", "reset", "step", "step_rewards", "step_terminations", "step_truncations")
PLACES = {"sample_tasks": (1, 3), "set_tasks": (1, 3), "reset": (1, 5), "reset_parts": (1, 5)}
OF_STEPS = (1, 9, 33)  # two calls in the first meta-iteration and one in the second, which has the 21st to 40th
CASES = [
    *[(method, name, fault) for method in (*ARRAYS, "set_tasks") for name, fault in ERRORS.items()],
    *[(method, name, fault) for method in ARRAYS for name, fault in WRONG.items()],
    *[(method, name, fault) for method in ARRAYS[:4] for name, fault in NOT_FINITE.items()],
    *[(f"{method}_parts", name, fault) for method in ("reset", "step") for name, fault in PARTS.items()],
]
OF_FILMS = [
    *[("render", name, fault) for name, fault in {**ERRORS, "None": WRONG["None"], "text": WRONG["text"]}.items()],
    ("render", "floats", lambda pictures: tuple(picture / 255.0 for picture in pictures)),
    ("render", "grey", lambda pictures: tuple(picture[..., 0] for picture in pictures)),
    ("render", "less", lambda pictures: pictures[:-1]),
    *[("describe_task", name, fault) for name, fault in ERRORS.items()],
]


@pytest.fixture(autouse=True)
def _registered():
    gymnasium.register(id=ID, vector_entry_point=FaultyEnv)
    yield
    del gymnasium.registry[ID]


def plan(method, fault, call):
    """Lets a call go wrong; for the fork."""

    def prepare():
        FaultyEnv.method, FaultyEnv.fault, FaultyEnv.call, FaultyEnv.calls = method, staticmethod(fault), call, 0

    return prepare


def wrong_words(ended, method):
    """Says what is wrong with how a program ended."""
    name = method.split("_")[0] if method.startswith(("reset", "step")) else method
    if not ended.is_refusal:
        return str(ended)
    missing = [word for word in (ID, name) if word not in ended.lines[0]]
    if missing:
        return f"{missing} not in {ended.lines[0]}"
    return "blames the user's settings: " + ended.lines[0] if "meta_batch_size" in ended.lines[0] else ""


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A run with an environment without faults."""
    folder = tmp_path_factory.mktemp("good") / "good"
    gymnasium.register(id=ID, vector_entry_point=FaultyEnv)
    ended = forked("train", *OPTIONS, "--output", folder)
    del gymnasium.registry[ID]
    assert ended.status == 0, ended
    return folder


def test_there_are_enough_faults():
    assert len(CASES) + len(OF_FILMS) >= 50


@pytest.mark.parametrize("method", sorted({method for method, _, _ in CASES}))
def test_faults_in_training(tmp_path, good, completes, counted, method):
    faults, count = [], 0
    for name, fault in [(name, fault) for each, name, fault in CASES if each == method]:
        for call in PLACES.get(method, OF_STEPS):
            folder = tmp_path / f"{name}_{call}"
            ended = forked("train", *OPTIONS, "--output", folder, prepare=plan(method, fault, call))
            wrong = wrong_words(ended, method)
            if not wrong and latest_checkpoint(folder).exists() and "kept" not in ended.lines[0]:
                wrong = f"does not say that the checkpoint is kept: {ended.lines[0]}"
            if not wrong and count % 3 == 0:
                wrong = completes(folder, good, OPTIONS)
            if wrong:
                faults.append(f"{method} {name} at call {call}: {wrong}")
            count += 1
    counted(f"faults of {method} in training", count, 4, faults)


def test_faults_in_evaluation_and_films(tmp_path, good, copy_of, counted):
    copy_of(good, "good")
    film = ["video", "good", "--output=film.gif", "--size=32", "--evaluation.steps=1"]
    evaluation = ["evaluate", "good", "--json=evaluation.json"]
    faults, count = [], 0
    for command, cases in ((film, OF_FILMS), (evaluation, CASES)):
        for method, name, fault in cases:
            ended = forked(*command, prepare=plan(method, fault, 1))
            count += 1
            called = method.replace("sample_tasks", "sample_test_tasks")  # which calls it
            wrong = wrong_words(ended, called)
            if not wrong and ((tmp_path / "film.gif").exists() or (tmp_path / "evaluation.json").exists()):
                wrong = "left a file"
            if wrong:
                faults.append(f"{command[0]}: {method} {name}: {wrong}")
    counted("faults of environments in evaluations and films", count, 30, faults)


def test_an_interrupt_within_an_environment_stops(tmp_path):
    """It comes from a person, whatever runs at the time."""
    prepare = plan("step", raises(KeyboardInterrupt()), 9)
    ended = Fork(lambda: run("train", *OPTIONS, "--output=run"), prepare).wait()
    assert ended.status == 128 + signal.SIGINT
    assert not re.search("Traceback", ended.error)
    load_checkpoint(latest_checkpoint(tmp_path / "run"))


@pytest.mark.parametrize("env_class", [AliasedEnv, ListEnv])
def test_harmless_peculiarities_change_nothing(tmp_path, difference, env_class):
    for name, each in (("good", SingleEnv), ("other", env_class)):
        gymnasium.registry[ID].vector_entry_point = each
        ended = forked("train", *OPTIONS, "--output", name)
        assert ended.status == 0, ended
    assert not difference(tmp_path / "other", tmp_path / "good")
