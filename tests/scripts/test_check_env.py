"""`mamlrl check-env`: what each promise is, and whether it is kept."""

import pytest
from programs import run

from mamlrl.sampling.conformance import CHECKS
from mamlrl.scripts.main import PROGRAMS, main

CARTPOLE = ["CartPole-v1", "--env.kwargs.horizon=20", '--env.tasks={"length": {"uniform": [0.5, 1]}}']


def test_every_promise_has_a_line(capsys):
    assert run("check_env", *CARTPOLE) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:-1] == [f"ok  {promise}" for promise in CHECKS]
    assert lines[-1] == f"CartPole-v1 keeps all {len(CHECKS)} promises of a task environment"


def test_the_command_takes_dashes(capsys, monkeypatch):
    assert "check_env" in PROGRAMS
    monkeypatch.setattr("sys.argv", ["mamlrl", "check-env", "mamlrl/Navigation2D-v0"])
    assert main() == 0
    assert "Navigation2D-v0 keeps all" in capsys.readouterr().out


def test_broken_promises_are_listed(capsys, monkeypatch):
    monkeypatch.setattr("mamlrl.envs.navigation.Navigation2DVectorEnv.sample_tasks", lambda self, rng, n: None)
    assert run("check_env", "mamlrl/Navigation2D-v0") == 2
    output, error = capsys.readouterr()
    assert output.count("no  ") == len(CHECKS)
    assert error.startswith("mamlrl: environment mamlrl/Navigation2D-v0 breaks ")
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "name an environment, such as CartPole-v1"),
        (["CartPole-v1"], "CartPole-v1 is not a task environment"),
        (["CartPole-v1", "--num_envs=1"], "num_envs must be 2 at least"),
        ([*CARTPOLE[:2], '--env.tasks={"lenght": {"uniform": [1, 2]}}'], "did you mean length?"),
        (["--config=sinusoid"], "experiments of kind supervised have no environment"),
        (["mamlrl/Navigation2d-v0"], "did you mean mamlrl/Navigation2D-v0?"),
    ],
)
def test_what_cannot_be_checked_is_said_in_one_line(arguments, words, capsys):
    assert run("check_env", *arguments) == 2
    output, error = capsys.readouterr()
    assert output == ""
    assert words in error
    assert len(error.splitlines()) == 1
