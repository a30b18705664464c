"""What `mamlrl benchmark` prints of each kind of experiment."""

import itertools
import re

import pytest
from programs import TINY, run

import mamlrl.timing
from mamlrl.benchmarks.build import BENCHMARKS
from mamlrl.experiments.build import KINDS

ROWS = {
    "sampling": "s",
    "advantages": "s",
    "adaptation": "s",
    "gradient": "s",
    "cg": "s",
    "line_search": "s",
    "meta-iteration": "s",
    "sampling, environment steps": "/ s",
    "forward pass of the policy": "ms",
    "curvature product": "ms",
    "curvature product / forward pass": "",
    "outer step / forward pass": "",
    "matrix products of the outer step": "s",
    "outer step / its matrix products": "",
    "memory traffic of the outer step": "MB",
    "copies of as many bytes": "s",
    "outer step / products and copies": "",
    "bandwidth of a large copy": "GB/s",
    "gradient, error in TF32": "",
    "product, error in TF32": "",
    "gradient, error in bfloat16": "",
    "product, error in bfloat16": "",
    "peak memory": "GiB",
}
PHYSICS_ROWS = {"bare physics, environment steps": "/ s", "sampling / bare physics": ""}
HALF_CHEETAH = ["--config=half_cheetah_direction", *TINY[1:]]
SUPERVISED_ROWS = {
    "first meta-iteration": "s",
    "sampling": "ms",
    "step": "ms",
    "meta-iteration": "ms",
    "plain autograd, loop over tasks": "ms",
    "loop over tasks / meta-iteration": "",
    "peak memory": "GiB",
}


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes on by a second each time it is read."""
    seconds = itertools.count()
    monkeypatch.setattr(mamlrl.timing, "perf_counter", lambda: float(next(seconds)))


def benchmark(capsys, *options, config=TINY):
    assert run("benchmark", *config, *options) == 0
    title, *lines = capsys.readouterr().out.splitlines()
    rows = [re.fullmatch(r"(\S.*?) {2,}(\S+)(?: (.+))?", line) for line in lines]
    assert all(rows)
    return title, {row[1]: (float(row[2]), row[3] or "") for row in rows}


@pytest.mark.usefixtures("clock")
def test_every_phase_is_printed_with_a_positive_number(capsys):
    title, rows = benchmark(capsys, "--repeats=1")
    assert {name: unit for name, (_, unit) in rows.items()} == ROWS
    assert all(value > 0 for value, _ in rows.values())
    assert "2 tasks x 3 episodes x 10 steps" in title
    assert "medians of 1" in title


@pytest.mark.usefixtures("clock")
def test_numbers_follow_from_the_clock(capsys):
    _, rows = benchmark(capsys, "--repeats=2")
    phases = ["sampling", "advantages", "adaptation", "gradient", "cg", "line_search"]
    assert rows["meta-iteration"][0] == sum(rows[phase][0] for phase in phases)
    assert rows["sampling, environment steps"][0] == 2 * 3 * 10  # that many steps within one tick
    assert rows["forward pass of the policy"][0] == rows["curvature product"][0] == 1000
    assert rows["curvature product / forward pass"][0] == 1
    assert rows["outer step / forward pass"][0] == 3  # gradient, cg and line search, a tick each


@pytest.mark.usefixtures("clock")
def test_sampling_is_measured_against_bare_physics_where_there_is_any(capsys):
    _, rows = benchmark(capsys, "--repeats=1", config=HALF_CHEETAH)
    assert {name: unit for name, (_, unit) in rows.items()} == ROWS | PHYSICS_ROWS
    assert rows["bare physics, environment steps"][0] == 2 * 3 * 10
    assert rows["sampling / bare physics"][0] == 1


def test_it_runs_by_the_clock_of_the_machine(capsys):
    _, rows = benchmark(capsys, "--repeats=1", "--adaptation.steps=2", "--trust_region.curvature_fraction=0.5")
    assert rows.keys() == ROWS.keys()
    assert all(value >= 0 for value, _ in rows.values())


def test_nothing_is_written(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    benchmark(capsys, "--repeats=1")
    assert not list(tmp_path.iterdir())


TINY_SINUSOID = ["--config=sinusoid", "--compile=false", "--network.hidden_sizes=[4]", "--meta_batch_size=2"]


@pytest.mark.usefixtures("clock")
def test_a_supervised_meta_iteration_is_measured_against_a_loop_over_tasks(capsys):
    title, rows = benchmark(capsys, "--repeats=1", config=TINY_SINUSOID)
    assert title.startswith("sinusoid: 2 tasks x 10 shots, 1 inner steps, 13 parameters, cpu")
    assert {name: unit for name, (_, unit) in rows.items()} == SUPERVISED_ROWS
    # the clock goes on once in a phase, and before and after each of them
    assert rows["sampling"][0] == rows["step"][0] == 1000
    assert rows["meta-iteration"][0] == 5000
    assert rows["plain autograd, loop over tasks"][0] == 1000
    assert rows["loop over tasks / meta-iteration"][0] == 0.2


def test_a_supervised_benchmark_runs_by_the_clock_of_the_machine(capsys):
    _, rows = benchmark(capsys, "--repeats=1", "--adaptation.steps=2", config=TINY_SINUSOID)
    assert rows.keys() == SUPERVISED_ROWS.keys()
    assert all(value >= 0 for value, _ in rows.values())


@pytest.mark.parametrize("kind", ["policy", "supervised"])
def test_the_benchmark_is_that_of_the_kind(kind, monkeypatch, capsys):
    seen = []
    monkeypatch.setattr(
        BENCHMARKS, "_entries", {kind: lambda experiment, repeats: seen.append((experiment, repeats))}
    )
    assert run("benchmark", f"--kind={kind}", "--repeats=7") == 0
    assert seen == [(KINDS[kind](), 7)]
    assert re.fullmatch(r"peak memory +\d+\.\d\d GiB\n", capsys.readouterr().out)


def test_a_kind_without_a_benchmark_gives_one_line(monkeypatch, capsys):
    monkeypatch.setattr(BENCHMARKS, "_entries", {"policy": None})
    assert run("benchmark", "--kind=supervised") == 2
    message = "there is no benchmark of this experiment: its kind must be one of policy, got supervised"
    assert capsys.readouterr() == ("", f"mamlrl: {message}\n")
