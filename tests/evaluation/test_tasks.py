"""Tasks that a user names: read from files, and checked against the task space."""

import numpy as np
import pytest
from gymnasium.spaces import Box
from samplers import ClockEnv

from mamlrl.errors import UserError
from mamlrl.evaluation.tasks import checked_tasks, read_tasks
from mamlrl.sampling.build import EnvConfig, make_task_env

TASKS = [[0.3, -0.2], [0.1, 0.4]]
HEADER = b"{'descr': '<f8', 'fortran_order': False, 'shape': (100000000000000,), }"
HUGE = b"\x93NUMPY\x01\x00" + bytes([118, 0]) + HEADER.ljust(117) + b"\n"
NAVIGATION = "a task of mamlrl/Navigation2D-v0 is 2 numbers from -0.5 to 0.5"


@pytest.fixture(scope="module")
def navigation():
    return make_task_env(EnvConfig(), 1)


def with_tasks_in(space):
    env = ClockEnv()
    env.task_space = space
    return env


@pytest.mark.parametrize(
    ("suffix", "text"),
    [
        ("csv", "0.3,-0.2\n0.1,0.4\n"),
        ("csv", "\ufeff0.3, -0.2\n\n0.1, 0.4"),
        ("yaml", "- [0.3, -0.2]\n- [0.1, 0.4]\n"),
        ("yml", "[[0.3, -0.2], [0.1, 0.4]]"),
    ],
)
def test_tasks_are_read_from_text(tmp_path, suffix, text):
    path = tmp_path / f"tasks.{suffix}"
    path.write_text(text, encoding="utf-8")
    assert read_tasks(path) == read_tasks(str(path)) == TASKS


def test_tasks_are_read_from_arrays(tmp_path):
    path = tmp_path / "tasks.npy"
    np.save(path, np.array(TASKS))
    assert read_tasks(path) == TASKS
    np.save(path, np.array([1, -1]))
    assert read_tasks(path) == [1, -1]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("tasks.txt", b"0.3 -0.2", "its suffix must be one of .npy, .csv, .yaml, .yml"),
        (
            "tasks.csv",
            b"x,y\n0.3,-0.2",
            "a row of numbers for each task, all of .* without a header .could not convert string 'x'",
        ),
        ("tasks.csv", b"0.3,-0.2\n0.1\n", "number of columns changed"),
        ("tasks.csv", b"", "holds no list of tasks"),
        ("tasks.npy", b"0.3,-0.2", "cannot read tasks from"),
        ("tasks.npy", b"", "cannot read tasks from"),
        ("tasks.npy", HUGE, "cannot read tasks from .*allocate"),
        ("tasks.yaml", b"[0.3", "cannot read tasks from"),
        ("tasks.yaml", b"goal: 0.3", "holds no list of tasks"),
        ("tasks.yaml", b"", "holds no list of tasks"),
        ("none.yaml", None, "No such file"),
    ],
)
def test_a_file_without_tasks_is_refused_in_one_line(tmp_path, name, content, reason):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=reason) as raised:
        read_tasks(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_files_that_would_run_code_are_refused(tmp_path):
    path = tmp_path / "tasks.npy"
    np.save(path, np.array([{}]), allow_pickle=True)
    with pytest.raises(UserError, match="it must hold an array of numbers with a leading task axis"):
        read_tasks(path)


def test_tasks_of_the_space_become_an_array(navigation):
    found = checked_tasks(TASKS, navigation)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, TASKS)
    np.testing.assert_array_equal(checked_tasks(np.array(TASKS, np.float32), navigation), np.float32(TASKS))
    one = with_tasks_in(Box(-1, 1, (1,)))
    np.testing.assert_array_equal(checked_tasks([1, [-1]], one), [[1], [-1]])
    square = with_tasks_in(Box(0, 9, (2, 2)))
    np.testing.assert_array_equal(
        checked_tasks([[1, 2, 3, 4], [[5, 6], [7, 8]]], square), [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]
    )


@pytest.mark.parametrize(
    ("task", "problem"),
    [
        ([0.3], "does not fit"),
        ([0.3, 0.2, 0.1], "does not fit"),
        ([[0.3], [0.2]], "does not fit"),
        (["0.3", "0.2"], "does not fit"),
        ([True, False], "does not fit"),
        ({"goal": 1}, "does not fit"),
        ([0.3, [0.2, 0.1]], "is no array of numbers"),
        ([0.3, 0.6], "lies outside the task space"),
        ([0.3, np.nan], "lies outside the task space"),
    ],
)
def test_what_is_no_task_is_named_with_what_one_is(navigation, task, problem):
    with pytest.raises(UserError, match=rf"^task 1, .*, {problem}; {NAVIGATION}$") as raised:
        checked_tasks([TASKS[0], task], navigation)
    assert "\n" not in str(raised.value)


def test_numbers_that_are_not_finite_are_refused_where_the_space_is_unbounded():
    env = with_tasks_in(Box(-np.inf, np.inf, (1,)))
    with pytest.raises(UserError, match=r"^task 0, \[inf\], lies outside .* is 1 number from -inf to inf$"):
        checked_tasks([[np.inf]], env)


def test_directions_must_be_of_length_1():
    env = make_task_env(EnvConfig(id="mamlrl/AntRandomDirection-v0"), 1)
    assert checked_tasks([[0.6, 0.8]], env).shape == (1, 2)
    with pytest.raises(UserError, match=r"lies outside .* is 2 numbers, in UnitVectors\(2\)$"):
        checked_tasks([[0.6, 0.6]], env)


def test_no_task_is_refused(navigation):
    with pytest.raises(UserError, match=r"^tasks: there are none; name one at least$"):
        checked_tasks([], navigation)
