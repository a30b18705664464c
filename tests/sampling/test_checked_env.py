"""What an environment raises, or returns against its contract, becomes one line that names it."""

import gymnasium
import numpy as np
import pytest
from fake_envs import FakeEnv
from samplers import ENV_ID, ClockEnv, make_sampler, sample

from mamlrl.envs.wrappers.wrapper import TaskWrapper
from mamlrl.errors import TaskEnvError
from mamlrl.sampling.checked_env import CheckedEnv
from mamlrl.sampling.sampler import Sampler

TASKS = np.array([[0.5, 0.25], [-0.5, -0.25]])
RNG = np.random.default_rng(0)


def env_with(**methods):
    """An environment of two tasks with two episodes each, whose methods are replaced."""
    env = FakeEnv(4)
    env.set_tasks(TASKS)
    for name, method in methods.items():
        setattr(env, name, method)
    return env


def raising(error):
    def method(*args, **kwargs):
        raise error

    return method


def returning(value):
    return lambda *args, **kwargs: value


def call_all(env):
    """Calls everything that samplers and films call."""
    checked = CheckedEnv(env, first_task=3, episodes_per_task=2)
    checked.sample_tasks(RNG, 2)
    checked.sample_test_tasks(RNG, 2)
    checked.set_tasks(TASKS)
    checked.describe_task(TASKS[0])
    checked.reset(0)
    for _ in range(2):
        checked.step(np.zeros((4, 2)))
    checked.render()
    checked.close()


METHODS = ["sample_test_tasks", "sample_tasks", "set_tasks", "describe_task", "reset", "step", "render", "close"]
ERRORS = [
    OSError(5, "Input/output error"),
    MemoryError(),
    SystemExit(0),
    SystemExit("bye"),
    RuntimeError("two\nlines\r\nof it"),
    ValueError("x" * 10_000 + " end"),
    StopIteration(3),
    AssertionError(),
    KeyError("missing"),
    RecursionError("too deep"),
    gymnasium.error.ResetNeeded("call reset()"),
]


@pytest.mark.parametrize("error", ERRORS, ids=repr)
@pytest.mark.parametrize("method", METHODS)
def test_errors_become_one_line_that_names_the_method_and_keep_their_cause(method, error):
    env = env_with(**{"_draw": returning(np.zeros((4, 4, 3), np.uint8)), "render_mode": "rgb_array"})
    setattr(env, method, raising(error))
    with pytest.raises(TaskEnvError) as caught:
        call_all(env)
    message = str(caught.value)
    assert message.startswith(f"environment FakeEnv: {method} raised {type(error).__name__}")
    assert "\n" not in message
    assert len(message) < 800
    assert caught.value.__cause__ is error


def test_the_tasks_that_are_set_and_the_time_step_are_named():
    env = env_with(step=raising(OSError("gone")))
    words = r"step raised OSError: gone in tasks 3 to 4 \(parameters \[0.5, 0.25\], \[-0.5, -0.25\]\), time step 0"
    with pytest.raises(TaskEnvError, match=words):
        call_all(env)
    one = CheckedEnv(env, first_task=7, episodes_per_task=4)
    with pytest.raises(TaskEnvError, match=r"in task 7 \(parameters \[0.5, 0.25\]\), time step 0"):
        one.step(np.zeros((4, 2)))
    env.render_mode, env._draw = "rgb_array", returning(np.zeros((4, 4, 3), np.uint8))
    del env.step
    one.reset(0)
    one.step(np.zeros((4, 2)))
    env.step = raising(OSError("gone"))
    with pytest.raises(TaskEnvError, match="time step 1"):
        one.step(np.zeros((4, 2)))


def test_of_many_tasks_some_are_named():
    env = FakeEnv(40)
    env.reset = raising(OSError("gone"))
    with pytest.raises(TaskEnvError, match=r"tasks 0 to 39 \(parameters (\[[^]]*\], ){3}\.\.\.\)"):
        CheckedEnv(env).reset(0)


def test_an_environment_without_tasks_to_name():
    env = env_with(reset=raising(OSError("gone")), tasks=None)
    with pytest.raises(TaskEnvError, match=r"OSError: gone in tasks 0 to 3 \(parameters unknown"):
        CheckedEnv(env).reset(0)


@pytest.mark.parametrize("method", METHODS)
def test_an_interrupt_stays_one(method):
    env = env_with(_draw=returning(np.zeros((4, 4, 3), np.uint8)), render_mode="rgb_array")
    setattr(env, method, raising(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        call_all(env)


def test_names_of_registered_and_of_wrapped_environments():
    assert CheckedEnv(gymnasium.make_vec(ENV_ID, num_envs=2)).name == ENV_ID
    assert CheckedEnv(TaskWrapper(FakeEnv(2))).name == "FakeEnv"


PLANE, ROW, FLAGS = np.zeros((4, 2)), np.zeros(4), np.zeros(4, np.bool_)
PICTURE = np.zeros((4, 4, 3), np.uint8)
WRONG = {
    "reset": [
        (PLANE, "type|shape (4, 2)", "(observations, info)"),
        (None, "NoneType", "(observations, info)"),
        ((PLANE, {}, {}), "a tuple of 3", "(observations, info)"),
        ((PLANE[:3], {}), "observations of shape (3, 2)", "shape (4, 2)"),
        ((PLANE[:, :1], {}), "observations of shape (4, 1)", "shape (4, 2)"),
        ((PLANE[0], {}), "observations of shape (2,)", "shape (4, 2)"),
        ((PLANE.astype(object), {}), "type object", "numbers of shape (4, 2)"),
        ((PLANE.astype(np.complex128), {}), "type complex128", "numbers"),
        ((PLANE.astype("datetime64[s]"), {}), "type datetime64[s]", "numbers"),
        ((PLANE.astype(str), {}), "type <U32", "numbers"),
        (([[1.0], [1.0, 2.0]], {}), "observations of a list of 2", "numbers of shape (4, 2)"),
        (({"position": PLANE}, {}), "type object", "numbers of shape (4, 2)"),
        ((None, {}), "type object", "numbers of shape (4, 2)"),
    ],
    "step": [
        (None, "NoneType", "(observations, rewards, terminations, truncations, info)"),
        ((PLANE, ROW, FLAGS, {}), "a tuple of 4", "truncations"),
        ((PLANE[:, :1], ROW, FLAGS, FLAGS, {}), "observations of shape (4, 1)", "shape (4, 2)"),
        ((PLANE, ROW[:3], FLAGS, FLAGS, {}), "rewards of shape (3,)", "shape (4,)"),
        ((PLANE, ROW[:, None], FLAGS, FLAGS, {}), "rewards of shape (4, 1)", "shape (4,)"),
        ((PLANE, 0.0, FLAGS, FLAGS, {}), "rewards of shape ()", "shape (4,)"),
        ((PLANE, [None] * 4, FLAGS, FLAGS, {}), "type object", "numbers"),
        ((PLANE, ROW, False, FLAGS, {}), "terminations of shape ()", "booleans of shape (4,)"),
        ((PLANE, ROW, FLAGS.astype(int), FLAGS, {}), "terminations of shape (4,) and type int64", "booleans"),
        ((PLANE, ROW, FLAGS, ROW, {}), "truncations of shape (4,) and type float64", "booleans"),
        ((PLANE, ROW, FLAGS, None, {}), "truncations of", "booleans"),
    ],
    "sample_tasks": [
        (None, "type object", "numbers of shape (2, 2)"),
        (TASKS[0], "shape (2,)", "shape (2, 2)"),
        (np.zeros((3, 2)), "shape (3, 2)", "shape (2, 2)"),
        (TASKS.astype(str), "type <U32", "numbers"),
        (np.full((2, 2), np.nan), "tasks that are not finite", "finite"),
    ],
    "render": [
        (None, "NoneType", "a tuple of 4 pictures"),
        (PICTURE, "shape (4, 4, 3)", "a tuple of 4 pictures"),
        ((PICTURE,) * 3, "a tuple of 3", "a tuple of 4 pictures"),
        ((PICTURE.astype(np.float64),) * 4, "type float64", "uint8"),
        ((PICTURE[..., 0],) * 4, "shape (4, 4)", "(height, width, 3)"),
        ((None,) * 4, "NoneType", "uint8"),
    ],
}
WRONG["sample_test_tasks"] = WRONG["sample_tasks"]


@pytest.mark.parametrize(
    ("method", "value", "came", "expected"),
    [(method, *case) for method, cases in WRONG.items() for case in cases],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_came_and_what_was_expected_are_named(method, value, came, expected):
    env = env_with(_draw=returning(PICTURE), render_mode="rgb_array")
    setattr(env, method, returning(value))
    with pytest.raises(TaskEnvError) as caught:
        call_all(env)
    message = str(caught.value)
    assert message.startswith(f"environment FakeEnv: {method} returned ")
    assert any(each in message for each in came.split("|"))
    assert expected in message.partition("; expected ")[2]
    assert "\n" not in message


def test_a_task_outside_of_the_space_is_the_fault_of_the_environment():
    env = env_with(sample_tasks=returning(np.full((2, 2), 5.0)))
    sampler = make_sampler(env, 2)
    with pytest.raises(TaskEnvError, match=r"set_tasks raised ValueError: task 0, \[5.0, 5.0\], lies outside"):
        sampler.set_tasks(sampler.sample_tasks(RNG))


@pytest.mark.parametrize("diverged", [None, np.zeros(3, np.bool_), np.zeros(4)])
def test_a_record_of_diverged_episodes_that_is_none(diverged):
    env = env_with()
    sampler = make_sampler(env, 2)
    env._start = lambda chosen: setattr(env, "diverged", diverged)
    env.reset = lambda **kwargs: (env._start(None), (PLANE, {}))[1]
    env.step = returning((PLANE, ROW, FLAGS, FLAGS, {}))
    with pytest.raises(TaskEnvError, match="diverged returned"):
        sample(sampler)


@pytest.mark.parametrize("failing", [0, 1, 2])
@pytest.mark.parametrize("error", [OSError("gone"), MemoryError(), SystemExit(0)], ids=repr)
def test_errors_in_the_threads_of_groups_name_their_tasks(failing, error):
    envs = [FakeEnv(2) for _ in range(3)]
    first = make_sampler(envs[0], 1)
    sampler = Sampler(envs, first.policy, first._config, first.groups[0]._device)
    sampler.set_tasks(np.array([[0.0, 0.1], [0.1, 0.2], [0.2, 0.3]]))
    envs[failing].step = raising(error)
    words = rf"step raised {type(error).__name__}.* in task {failing} \(parameters \[0.{failing}, "
    with pytest.raises(TaskEnvError, match=words) as caught:
        sample(sampler)
    assert caught.value.__cause__ is error


def test_an_environment_that_takes_one_seed_gets_that_of_its_first_task():
    class OneSeed(ClockEnv):
        takes_task_seeds = False

        def reset(self, *, seed=None, options=None):
            self.seeds = [*getattr(self, "seeds", []), seed]
            return super().reset(seed=seed, options=options)

    env, both = OneSeed(2), TaskWrapper(OneSeed(2))
    CheckedEnv(env).reset([5, 6])
    CheckedEnv(both).reset([7, 8])
    assert (env.seeds, both.env.seeds) == ([5], [7])
    OneSeed.takes_task_seeds = True
    CheckedEnv(both).reset([7, 8])
    assert both.env.seeds == [7, [7, 8]]


def test_long_tasks_are_cut():
    env = FakeEnv(2)
    env.tasks = np.zeros((2, 10_000))
    text = CheckedEnv(env).task_text(0)
    assert text.startswith("task 0 (parameters [0.0, 0.0, ")
    assert text.endswith(" ...)")
    assert len(text) < 250
