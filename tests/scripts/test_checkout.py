"""A checkout works as it is, where nothing of it is installed, and beside an installed copy."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from programs import ONE

from mamlrl.scripts.main import PROGRAMS

ROOT = Path(__file__).parents[2]
LOCATE = "import mamlrl, {0}; print(*(module.__file__ for module in (mamlrl, {0})))"
END = "-- end of a help --"
RUN_EACH = f"""
import os, runpy, sys
import gymnasium, jsonargparse, torch  # once for all
for script in sys.argv[1:]:
    child = os.fork()
    if not child:
        sys.argv = [script, "--help"]
        runpy.run_path(script, run_name="__main__")
    assert not os.waitpid(child, 0)[1], script
    print({END!r}, flush=True)
"""
PARTS = "mamlrl.envs.navigation, mamlrl.configs, mamlrl.scripts.train, mamlrl.runs.training"


@pytest.fixture(scope="module")
def dependencies(tmp_path_factory):
    """A folder of all installed packages but this one."""
    folder = tmp_path_factory.mktemp("site")
    for path in Path(torch.__file__).parents[1].iterdir():
        if "mamlrl" not in path.name:
            (folder / path.name).symlink_to(path)
    return folder


@pytest.fixture(scope="module")
def installed(dependencies, tmp_path_factory):
    """The same with the package, laid out as setup.cfg installs it."""
    folder = tmp_path_factory.mktemp("installed")
    for path in dependencies.iterdir():
        (folder / path.name).symlink_to(path.resolve())
    shutil.copytree(ROOT / "mamlrl", folder / "mamlrl")
    for part in ("envs", "configs", "scripts"):
        shutil.copytree(ROOT / part, folder / "mamlrl" / part)
    shutil.copytree(ROOT / "docs" / "results", folder / "mamlrl" / "policies")
    return folder


def python(packages, *arguments, cwd):
    """Runs Python on the packages in a folder, and on none of those that are installed."""
    environment = {**os.environ, "PYTHONPATH": str(packages)}
    command = [sys.executable, "-S", *map(str, arguments)]  # without site-packages
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=cwd, check=False)


def test_elsewhere_there_is_nothing_to_import(dependencies, tmp_path):
    result = python(dependencies, "-c", "import torch, gymnasium, mamlrl", cwd=tmp_path)
    assert result.returncode == 1
    assert "No module named 'mamlrl'" in result.stderr


def test_every_script_runs_by_its_path(dependencies, tmp_path):
    scripts = [ROOT / "scripts" / f"{program}.py" for program in PROGRAMS]
    result = python(dependencies, "-c", RUN_EACH, *scripts, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    helps = result.stdout.split(END)[:-1]
    assert len(helps) == len(PROGRAMS)
    for program, text in zip(PROGRAMS, helps, strict=True):
        assert f"mamlrl {program.replace('_', '-')}" in text
        without_settings = program in ("policies", "strokes", "kanji", "reproduce")
        assert ("--help-settings" in text) == (not without_settings)


def test_a_script_trains_with_a_config_of_the_checkout(dependencies, tmp_path):
    script = ROOT / "scripts" / "train.py"
    result = python(dependencies, script, *ONE, "--config=promp", "--output=run", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "run" / "metrics.csv").exists()
    result = python(dependencies, ROOT / "scripts" / "evaluate.py", "run", cwd=tmp_path)
    assert "step 2:" in result.stdout


def test_a_script_refuses_bad_input_in_one_line(dependencies, tmp_path):
    result = python(dependencies, ROOT / "scripts" / "train.py", "--output=run", "--sed=3", cwd=tmp_path)
    assert result.returncode == 2
    assert result.stderr == "mamlrl: unrecognized arguments: --sed=3; did you mean seed?\n"


def test_the_command_is_a_script_too(dependencies, tmp_path):
    result = python(dependencies, ROOT / "scripts" / "main.py", "train", "--help", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "mamlrl train" in result.stdout


def test_it_can_be_imported_in_its_folder(dependencies):
    result = python(dependencies, "-c", LOCATE.format(PARTS), cwd=ROOT)
    assert result.returncode == 0, result.stderr
    files = [Path(file) for file in result.stdout.split()]
    assert [ROOT in file.parents for file in files] == [True] * 5
    result = python(dependencies, "-m", "mamlrl.scripts.main", "--version", cwd=ROOT)
    assert result.returncode == 0, result.stderr


def test_in_its_folder_it_wins_over_an_installed_copy(installed, tmp_path):
    for folder, home in [(ROOT, ROOT), (tmp_path, installed)]:
        result = python(installed, "-c", LOCATE.format(PARTS), cwd=folder)
        assert result.returncode == 0, result.stderr
        files = [Path(file) for file in result.stdout.split()]
        assert [home in file.parents for file in files] == [True] * 5


def test_a_script_of_a_checkout_wins_over_an_installed_copy(installed, tmp_path):
    (installed / "mamlrl" / "configs" / "navigation" / "navigation2d.yaml").write_text("kind: policy\n")
    script = ROOT / "scripts" / "train.py"
    result = python(installed, script, *ONE, "--print_config", "--output=run", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "distance: euclidean" in result.stdout


def test_an_installed_copy_finds_nothing_beside_it(installed, tmp_path):
    result = python(installed, "-c", "import mamlrl; print(*mamlrl.__path__)", cwd=tmp_path)
    assert result.stdout == f"{installed / 'mamlrl'}\n"


def test_published_checkpoints_are_found_in_a_checkout_and_in_an_installed_copy(dependencies, installed, tmp_path):
    locate = "from mamlrl.runs.published import published_checkpoint; print(published_checkpoint('sinusoid'))"
    result = python(dependencies, "-c", locate, cwd=ROOT)
    assert result.stdout == f"{ROOT / 'docs' / 'results' / 'sinusoid' / 'maml_seed0.pt'}\n", result.stderr
    result = python(installed, "-c", locate, cwd=tmp_path)
    assert result.stdout == f"{installed / 'mamlrl' / 'policies' / 'sinusoid' / 'maml_seed0.pt'}\n", result.stderr
