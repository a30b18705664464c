import re
import subprocess
import sys
from pathlib import Path

import pytest
from programs import TINY, run

from mamlrl import __version__
from mamlrl.scripts import main
from mamlrl.scripts.main import PROGRAMS

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("program", PROGRAMS)
def test_scripts_are_the_same_programs(program, tmp_path):
    command = [sys.executable, str(ROOT / "scripts" / f"{program}.py"), "--help"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)
    assert f"mamlrl {program}" in result.stdout
    assert "--trust_region.max_kl" in result.stdout


def test_the_command_lists_its_programs(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["mamlrl", "--help"])
    assert main.main() == 0
    text = capsys.readouterr().out
    assert all(program in text for program in PROGRAMS)
    monkeypatch.setattr(sys, "argv", ["mamlrl", "--version"])
    assert main.main() == 0
    assert capsys.readouterr().out.strip() == __version__


@pytest.mark.parametrize("arguments", [[], ["trian"]])
def test_an_unknown_program_is_refused(arguments, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["mamlrl", *arguments])
    assert main.main() == 2
    assert re.search("train, evaluate, plot, benchmark", capsys.readouterr().err)


def test_from_training_to_figures(tmp_path, capsys):
    folder, record = tmp_path / "run", tmp_path / "evaluation.json"
    assert run("train", *TINY, "--iterations=2", "--output", folder) == 0
    assert run("evaluate", folder, "--json", record) == 0
    assert "step 2:" in capsys.readouterr().out
    for figure, source in [("curves", folder), ("adaptation", record), ("paths", folder)]:
        assert run("plot", figure, source, "--output", tmp_path / f"{figure}.png") == 0
        assert (tmp_path / f"{figure}.png").read_bytes().startswith(b"\x89PNG")
