"""What is said where MuJoCo's batch engine cannot be imported."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys, types
mujoco = types.ModuleType("mujoco")
mujoco.__version__ = {version!r}
sys.modules["mujoco"] = {module}
import gymnasium
try:
    import mamlrl.envs.physics.engine
except gymnasium.error.DependencyNotInstalled as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("version", "module", "message"),
    [
        ("3.3.0", "mujoco", "the batch engine needs MuJoCo 4, found 3.3.0: run pip install"),
        ("4.0.0", "mujoco", "MuJoCo 4.0.0 has no batch engine: run pip install"),
        ("4.0.0", "None", "MuJoCo is not installed: run pip install"),
    ],
)
def test_the_version_that_is_needed_is_named(version, module, message):
    program = PROGRAM.format(version=version, module=module)
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.startswith(message)
    assert result.stdout.count("\n") == 1
