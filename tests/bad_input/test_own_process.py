"""As a user sees it: in a process of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from damage import malicious_pickle
from programs import TESTS, start

from mamlrl.runs.saved import latest_checkpoint


@pytest.mark.parametrize(
    ("stub", "backend", "words"),
    [
        ("raise ModuleNotFoundError(name='mujoco')", "", ["MuJoCo is not installed", "pip install"]),
        ("__version__ = '3.3.0'", "", ["needs MuJoCo 4, found 3.3.0", "pip install", "'mujoco>=4"]),
        (None, "typewriter", ["typewriter", "unset", "MUJOCO_GL", "libegl1", "libosmesa6"]),
    ],
    ids=["missing", "old", "without a drawing backend"],
)
def test_mujoco_that_cannot_be_used(tmp_path, stub, backend, words):
    """In the program and in Python."""
    if stub is not None:
        Path("mujoco").mkdir()
        Path("mujoco/__init__.py").write_text(stub)
    Path("use.py").write_text(
        "import sys, gymnasium, mamlrl.scripts.main\n"
        "sys.argv = ['mamlrl', 'train', '--config=ant_goal', '--output=run']\n"
        "assert mamlrl.scripts.main.main() == 2\n"
        "gymnasium.make('mamlrl/AntGoal-v0')\n"
    )
    environment = {**os.environ, "MUJOCO_GL": backend}
    command = [sys.executable, "use.py"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    lines = result.stderr.splitlines()
    assert result.returncode == 1
    assert lines[0].startswith("mamlrl: env.id: mamlrl/AntGoal-v0 cannot be made: ")
    assert lines[1].startswith("Traceback")
    assert lines[-1].startswith("gymnasium.error.DependencyNotInstalled: ")
    for word in words:
        assert word in lines[0]
        assert word in lines[-1]
    assert not Path("run").exists()


def test_a_process_of_its_own_prints_one_line_and_no_warnings(good):
    malicious_pickle(4)(latest_checkpoint(good))
    process = start("evaluate", good)
    _, error = process.communicate()
    assert process.returncode == 2
    assert re.fullmatch(r"mamlrl: [^\r\n]+\n", error), error
    assert not list(TESTS.glob("created.txt"))
