"""Environments without tasks, with spaces that no policy serves, or with methods that do what they must not."""

from pathlib import Path

import gymnasium
import numpy as np
import pytest
from fake_envs import PLANE, FakeEnv
from gymnasium.spaces import Box, Dict, Discrete, Text, Tuple
from programs import deterministic_rows, run

from mamlrl.envs.wrappers.build import WRAPPERS
from mamlrl.errors import UserError
from mamlrl.runs.checkpoints import load_checkpoint
from mamlrl.runs.saved import latest_checkpoint


def test_an_environment_without_tasks(refused):
    Path("config.yaml").write_text("env:\n  id: CartPole-v1\n")
    words = ["env.id", "CartPole-v1", "not a task environment", "mamlrl/Navigation2D-v0"]
    refused("train", "--config=config.yaml", "--output=run", words=words)


@pytest.mark.parametrize(
    ("spaces", "words"),
    [
        ({"observations": Box(0, 255, (8, 8, 3), np.uint8)}, ["observations", "(8, 8, 3)", "flatten_space"]),
        ({"observations": Dict(position=PLANE)}, ["observations", "Dict", "flatten_space"]),
        ({"observations": Discrete(5)}, ["observations", "Discrete(5)", "flatten_space"]),
        ({"observations": Box(-1, 1, (0,), np.float64)}, ["observations", "(0,)"]),
        ({"actions": Dict(move=PLANE)}, ["action", "Dict", "Box", "Discrete", "MultiDiscrete", "MultiBinary"]),
        ({"actions": Tuple((PLANE, Discrete(3)))}, ["action", "Tuple", "Box", "Discrete"]),
        ({"actions": Text(3)}, ["action", "Text", "Box", "Discrete"]),
    ],
    ids=str,
)
def test_spaces_that_no_policy_serves(refused, register, spaces, words):
    options = register(type("OtherEnv", (FakeEnv,), spaces))
    refused("train", *options, "--iterations=1", "--output=run", words=words)


SQUARE = np.zeros((6, 2))
FAULTS = {  # what a method of an environment does -> what the message says
    "sample_tasks": [
        (OSError(28, "No space left on device"), "sample_tasks raised OSError"),
        (np.zeros((5, 2)), "sample_tasks returned tasks of shape (5, 2) and type float64; expected numbers of"),
        (np.full((2, 2), np.inf), "sample_tasks returned tasks that are not finite"),
        (np.full((2, 2), 7.0), "set_tasks raised ValueError: task 0, [7.0, 7.0], lies outside"),
        (None, "sample_tasks returned tasks of shape () and type object"),
    ],
    "set_tasks": [
        (OSError("gone"), "set_tasks raised OSError: gone"),
        (SystemExit(0), "set_tasks raised SystemExit: 0"),
    ],
    "reset": [
        (MemoryError(), "reset raised MemoryError in tasks 0 to 1 (parameters ["),
        (SystemExit(0), "reset raised SystemExit: 0 in tasks 0 to 1"),
        (SystemExit(), "reset raised SystemExit"),
        (UserWarning("careful"), "reset raised UserWarning: careful"),
        (SQUARE, "reset returned shape (6, 2) and type float64; expected (observations, info)"),
        ((SQUARE[:5], {}), "reset returned observations of shape (5, 2)"),
        ((SQUARE[:, :1], {}), "expected numbers of shape (6, 2)"),
        ((SQUARE.astype(object), {}), "type object"),
        ((SQUARE * np.nan, {}), "observation of task 0 (parameters ["),
    ],
    "step": [
        (OSError(28, "No space left on device"), "step raised OSError: [Errno 28] No space left on device"),
        (MemoryError("Unable to allocate"), "step raised MemoryError: Unable to allocate"),
        (SystemExit(0), "step raised SystemExit: 0"),
        (SystemExit("two\nlines"), "step raised SystemExit: two lines"),
        (RuntimeError("CUDA error:\n no device"), "step raised RuntimeError: CUDA error: no device"),
        (StopIteration(), "step raised StopIteration"),
        (UserError("mine"), "step raised UserError: mine"),
        (None, "step returned type NoneType; expected (observations, rewards"),
        ((SQUARE, 0.0, False, {}), "step returned a tuple of 4"),
        ((SQUARE, 0.0, False, False, {}), "step returned rewards of shape ()"),
        (
            (SQUARE, SQUARE[:, 0], SQUARE[:, 0], SQUARE[:, 0] > 0, {}),
            "terminations of shape (6,) and type float64",
        ),
        ((SQUARE[:, :1], SQUARE[:, 0], SQUARE[:, 0] > 0, SQUARE[:, 0] > 0, {}), "observations of shape (6, 1)"),
        ((SQUARE, SQUARE[:, 0] * np.nan, SQUARE[:, 0] > 0, SQUARE[:, 0] > 0, {}), "reward of task 0"),
    ],
}


def doing(env_class, method, what):
    """A subclass whose method raises or returns something."""

    def replacement(self, *args, **kwargs):
        if isinstance(what, BaseException):
            raise what
        return what

    return type("FaultyEnv", (env_class,), {method: replacement})


@pytest.mark.parametrize(
    ("method", "what", "words"),
    [(method, *case) for method, cases in FAULTS.items() for case in cases],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_faults_of_environments(stopped, register, method, what, words):
    options = register(doing(FakeEnv, method, what))
    words = ["iteration 1: environment fake/Fake-v0: ", words, "the last checkpoint is kept"]
    stopped(*options, "--iterations=2", "--output=run", words=words)
    assert load_checkpoint(latest_checkpoint(Path("run")))[1]["iteration"] == 0


@pytest.mark.parametrize("what", [OSError("gone"), MemoryError(), SystemExit(0), None], ids=str)
@pytest.mark.parametrize("method", ["set_tasks", "reset", "step"])
def test_faults_of_environments_in_threads(stopped, register, method, what):
    options = register(doing(FakeEnv, method, what if method != "set_tasks" else what or OSError("gone")))
    words = [f"iteration 1: environment fake/Fake-v0: {method} r"]
    stopped(*options, "--iterations=2", "--sampling.groups=2", "--output=run", words=words)


@pytest.mark.parametrize(
    ("method", "what", "words"),
    [
        ("__init__", OSError("no such model"), ["cannot be made for 6 episodes", "OSError: no such model"]),
        ("__init__", SystemExit(0), ["cannot be made", "SystemExit: 0"]),
        ("__init__", MemoryError(), ["cannot be made for 6 episodes", "MemoryError"]),
        ("__init__", AttributeError("x"), ["cannot be made", "AttributeError: x"]),
    ],
    ids=str,
)
def test_environments_that_cannot_be_made(refused, register, method, what, words):
    options = register(doing(FakeEnv, method, what))
    refused("train", *options, "--output=run", words=["env.id: fake/Fake-v0", *words])


class CloneEnv(FakeEnv):
    """Has another number of sub-environments than it was asked for."""

    def __init__(self, num_envs=1, **kwargs):
        super().__init__(num_envs + 1, **kwargs)


@pytest.mark.parametrize("horizon", [0, -3, 2.5, None, True])
def test_a_horizon_that_is_none(refused, register, horizon):
    def init(self, *args, **kwargs):
        FakeEnv.__init__(self, *args, **kwargs)
        self.horizon = horizon

    options = register(type("HorizonEnv", (FakeEnv,), {"__init__": init}))
    refused("train", *options, "--output=run", words=["fake/Fake-v0", f"horizon {horizon}", "whole number"])


def test_another_number_of_episodes_than_asked_for(refused, register):
    refused("train", *register(CloneEnv), "--output=run", words=["fake/Fake-v0", "num_envs 7", "asked for 6"])


@pytest.mark.parametrize(
    ("actions", "words"),
    [
        (Box(np.array([-1, 0.5]), np.array([1, 0.5]), dtype=np.float64), ["dimension 1", "from 0.5 to 0.5"]),
        (Box(0, 0, (2,), np.float32), ["dimension 0", "from 0.0 to 0.0"]),
        (Discrete(1), ["Discrete(1)", "one action only"]),
    ],
    ids=str,
)
def test_action_spaces_without_room(refused, register, actions, words):
    options = register(type("NarrowEnv", (FakeEnv,), {"actions": actions}))
    words = ["env.id: fake/Fake-v0 leaves nothing to choose", *words]
    refused("train", *options, "--iterations=1", "--output=run", words=words)


@pytest.mark.parametrize(
    "code", ["raise SystemExit(0)", "1 / 0", "import sys; sys.exit()", "def", "import nothing_here"]
)
def test_modules_that_cannot_be_imported(refused, monkeypatch, code):
    monkeypatch.syspath_prepend(".")
    Path("faulty_module.py").write_text(code)
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    words = ["env.id: faulty_module:fake/Fake-v0 cannot be"]
    refused("train", "--config=navigation2d", "--env.id=faulty_module:fake/Fake-v0", "--output=run", words=words)


def test_an_error_of_an_environment_on_its_way_keeps_what_was_trained(stopped, register, monkeypatch):
    class LateEnv(FakeEnv):
        broken_after = 4

        def _advance(self, actions, running):
            if self.resets > self.broken_after:
                raise OSError(28, "No space left on device")
            return super()._advance(actions, running)

    options = [*register(LateEnv), "--iterations=4"]
    stopped(*options, "--output=run", words=["iteration 3: environment fake/Fake-v0: step raised OSError"])
    assert load_checkpoint(latest_checkpoint(Path("run")))[1]["iteration"] == 2
    monkeypatch.setattr(LateEnv, "broken_after", np.inf)
    assert run("train", *options, "--output=whole") == 0
    assert run("train", "--output=run", "--resume") == 0
    assert deterministic_rows(Path("run")) == deterministic_rows(Path("whole"))


@pytest.mark.parametrize("what", [OSError("gone"), SystemExit(0), None], ids=str)
def test_faults_of_environments_in_an_evaluation(refused, register, what):
    options = register(FakeEnv)
    assert run("train", *options, "--iterations=1", "--output=run") == 0
    gymnasium.registry["fake/Fake-v0"].vector_entry_point = doing(FakeEnv, "step", what)
    words = ["environment fake/Fake-v0: step r"]
    refused("evaluate", "run", "--json=e.json", words=words)


def test_an_interrupt_in_an_environment_stays_one(register, capsys):
    options = register(doing(FakeEnv, "step", KeyboardInterrupt()))
    assert run("train", *options, "--iterations=2", "--output=run") == 130
    assert "raised" not in capsys.readouterr().err


@pytest.mark.parametrize("error", [OSError("gone"), SystemExit(0), ValueError("no vectors")], ids=str)
def test_wrappers_that_do_not_fit(refused, register, monkeypatch, error):
    def wrap(env):
        raise error

    monkeypatch.setitem(WRAPPERS._entries, "faulty", wrap)
    options = register(FakeEnv)
    words = ["env.wrappers: faulty does not fit fake/Fake-v0: ", error]
    refused("train", *options, "--env.wrappers=[faulty]", "--output=run", words=words)
