"""Importing the package takes little more than importing PyTorch; what takes long is imported where it is used."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import mamlrl

PACKAGE = Path(mamlrl.__file__)
HEAVY = ("absl", "jsonargparse", "matplotlib", "mujoco", "scipy", "sympy", "tensorboard", "torch", "yaml")
ADDED = f"""
added = [name for name in {HEAVY} if name in sys.modules and name not in before]
assert not added, added
"""


def python(*statements):
    """Runs statements in a process of its own; returns what they print."""
    command = [sys.executable, "-c", "\n".join(statements)]
    result = subprocess.run(command, capture_output=True, text=True, cwd=PACKAGE.parents[1], check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_package_imports_nothing_that_takes_long():
    python("import sys", "before = ()", "import mamlrl", ADDED)


def test_all_public_names_import_no_more_than_training_needs():
    allowed = "before = {*sys.modules, 'jsonargparse', 'yaml'}"
    python("import sys, torch", allowed, "from mamlrl import *", "import mamlrl.runs.training", ADDED)


def test_environments_are_registered_at_once_and_import_no_torch():
    python(
        "import sys, gymnasium",
        "env = gymnasium.make('mamlrl.envs:mamlrl/Navigation2D-v0')",
        "assert env.reset(seed=0)[0].shape == (2,)",
        "before = ()",
        ADDED,
    )


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], []])
def test_the_command_answers_without_torch(arguments):
    python(
        "import sys",
        f"sys.argv = ['mamlrl', *{arguments}]",
        "from mamlrl.scripts.main import main",
        f"assert main() == {0 if arguments else 2}",
        "before = ()",
        ADDED,
    )


def test_every_public_name_has_one_home_that_type_checkers_know():
    assert sorted(mamlrl.__all__) == sorted(["__version__", *mamlrl._HOMES])
    tree = ast.parse(PACKAGE.read_text())
    (checked,) = (
        node for node in tree.body if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
    )
    homes = {}
    for node in checked.body:
        for alias in node.names:
            original = f":{alias.name}" if alias.asname not in (None, alias.name) else ""
            homes[alias.asname or alias.name] = f"{node.module}{original}"
    assert homes == mamlrl._HOMES
    for name in mamlrl._HOMES:
        assert getattr(mamlrl, name) is not None
        assert name in dir(mamlrl)


def test_what_is_not_there_is_named():
    with pytest.raises(AttributeError, match=r"^module 'mamlrl' has no attribute 'trian'$"):
        mamlrl.trian  # noqa: B018
