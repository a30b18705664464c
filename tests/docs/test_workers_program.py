"""The program that measures worker processes steps the same episodes, whatever their number."""

import csv
import importlib.util
import os
import sys
import time
from pathlib import Path

import pytest
from fake_metaworld import forget, use_fake_metaworld

PROGRAM = Path(__file__).parents[2] / "docs" / "results" / "metaworld" / "workers.py"


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads CPU times from /proc")


@pytest.fixture
def program():
    spec = importlib.util.spec_from_file_location("workers", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_steps_are_counted_and_results_compared(program, monkeypatch, capsys):
    use_fake_metaworld(monkeypatch)
    monkeypatch.setattr(program, "cpu_seconds", lambda pid: 0.0)
    program.main(["--tasks=2", "--episodes=2", "--steps=20", "--repetitions=1"])
    forget()
    lines = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert [line["workers"] for line in lines] == ["0", "1", "2"]
    assert all(line["same_results"] == "True" for line in lines)
    assert all(float(line["steps_per_second"]) > 0 for line in lines)


def test_a_process_has_used_cpu_time(program):
    assert abs(program.cpu_seconds(os.getpid()) - time.process_time()) < 1
