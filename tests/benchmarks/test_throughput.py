"""Throughput against the number of episodes, up to saturation."""

import csv
from dataclasses import replace
from math import isnan, nan

import pytest
import torch
from programs import TINY, run

from mamlrl.benchmarks import throughput as module
from mamlrl.benchmarks.throughput import Throughput, sweep, throughput
from mamlrl.errors import UserError
from mamlrl.experiments.command_line import load_config
from mamlrl.figures.throughput import throughput_figure

CONFIG = load_config(TINY[0].partition("=")[2], TINY[1:])
CHEETAH = ["--config=half_cheetah_direction", *TINY[1:], "--env.kwargs.num_threads=1"]


def test_rollouts_of_all_tasks_are_measured():
    measured = throughput(CONFIG, repeats=1)
    assert (measured.device, measured.simulator, measured.episodes) == ("cpu", "", 2 * 3)
    assert measured.steps_per_second > 0
    assert isnan(measured.physics_steps_per_second)
    with_physics = throughput(load_config("half_cheetah_direction", CHEETAH[1:]), repeats=1)
    assert with_physics.simulator == "batch"
    assert with_physics.physics_steps_per_second > 0


def swept(rates, monkeypatch):
    """What a sweep measures of rates, one for each number of episodes, and what it says in the end."""
    said, given = [], iter(rates)

    def measure(experiment, repeats):
        rate = next(given)
        if isinstance(rate, Exception):
            raise rate
        episodes = experiment.meta_batch_size * experiment.sampling.episodes_per_task
        return Throughput("cpu", "", episodes, rate, nan)

    monkeypatch.setattr(module, "throughput", measure)
    return [(m.episodes, m.steps_per_second) for m in sweep(CONFIG, 1, said.append)], said


def test_it_goes_on_until_twice_as_many_are_twice_no_faster(monkeypatch):
    found, said = swept([100.0, 190.0, 191.0, 250.0, 255.0, 256.0, 999.0], monkeypatch)
    assert found == [(2, 100.0), (4, 190.0), (8, 191.0), (16, 250.0), (32, 255.0), (64, 256.0)]
    assert said == ["saturated: more episodes are not faster"]


@pytest.mark.parametrize("kind", [UserError, MemoryError, torch.OutOfMemoryError])
def test_it_ends_where_memory_does(kind, monkeypatch):
    error = kind("too many")
    found, said = swept([100.0, error], monkeypatch)
    assert found == [(2, 100.0)]
    assert said[0].startswith("no more episodes: ")
    assert said[0].endswith("too many")
    with pytest.raises(kind, match="too many"):
        swept([error], monkeypatch)


def test_the_program_prints_and_writes_a_table_and_a_figure(tmp_path, capsys, monkeypatch):
    rates = iter([100.0, 200.0, 201.0, 202.0] * 2)
    monkeypatch.setattr(
        module,
        "throughput",
        lambda experiment, repeats: Throughput(
            experiment.device,
            experiment.env.kwargs["simulator"],
            experiment.meta_batch_size * experiment.sampling.episodes_per_task,
            next(rates),
            300.0,
        ),
    )
    folder = tmp_path / "new"
    assert run("benchmark", *CHEETAH, "--sweep", "--simulators", "batch", "warp", "--output", folder) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "mamlrl/HalfCheetahDirection-v0: 2 tasks, cpu, simulator batch"
    assert " ".join(lines[1].split()) == "2 episodes 100 steps / s 300 / s by the bare physics"
    assert lines[6] == "mamlrl/HalfCheetahDirection-v0: 2 tasks, cpu, simulator warp"
    with open(folder / "throughput.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["simulator"], int(row["episodes"])) for row in rows] == [
        (name, episodes) for name in ("batch", "warp") for episodes in (2, 4, 8, 16)
    ]
    assert [float(row["steps_per_second"]) for row in rows] == [100.0, 200.0, 201.0, 202.0] * 2
    assert (folder / "throughput.png").read_bytes().startswith(b"\x89PNG")


def test_the_figure_has_a_line_for_each_place_and_for_its_physics():
    measured = [Throughput("cpu", "batch", episodes, 10.0 * episodes, 20.0 * episodes) for episodes in (1, 2)] + [
        Throughput("cuda", "", episodes, 100.0, nan) for episodes in (1, 2)
    ]
    (panel,) = throughput_figure(measured, "a title").axes
    lines = {line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in panel.get_lines()}
    assert lines == {
        "cpu batch": ([1, 2], [10.0, 20.0]),
        "cpu batch, bare physics": ([1, 2], [20.0, 40.0]),
        "cuda": ([1, 2], [100.0, 100.0]),
    }
    assert panel.get_title() == "a title"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--output=out"], "output: only --sweep writes files; add it, or leave --output out"),
        (["--simulators", "warp"], "simulators: mamlrl/Navigation2D-v0 has none to choose from; leave them out"),
        (["--devices", "cuda"], "device: there is no cuda here; there are: cpu"),
        (["--device", "cuda"], "device: there is no cuda here; there are: cpu"),
        (["--devices", "gpu"], "device: there is no gpu here; there are: cpu"),
    ],
)
def test_bad_options_are_one_line(options, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("benchmark", *TINY, *options) == 2
    assert capsys.readouterr() == ("", f"mamlrl: {message}\n")
    assert not list(tmp_path.iterdir())


def test_supervised_experiments_have_no_episodes_to_sweep(capsys):
    assert run("benchmark", "--config=sinusoid", "--sweep") == 2
    assert "sweep: experiments of kind supervised have no episodes" in capsys.readouterr().err


def test_simulators_that_there_are_not_are_one_line(capsys):
    assert run("benchmark", *CHEETAH, "--simulators", "wrap") == 2
    assert capsys.readouterr().err.endswith("got 'wrap'; did you mean warp?\n")


def test_the_benchmark_runs_on_tensors(capsys):
    config = replace(CONFIG, env=replace(CONFIG.env, kwargs={**CONFIG.env.kwargs, "array_module": "torch"}))
    assert throughput(config, repeats=1).steps_per_second > 0
    assert run("benchmark", *CHEETAH, "--env.kwargs.array_module=torch", "--repeats=1") == 0
    assert "sampling / bare physics" in capsys.readouterr().out
