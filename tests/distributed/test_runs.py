"""Runs of several processes: what they write, and how they end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from marks import slow
from programs import TESTS, TINY, deterministic_rows, run
from teams import free_port, program_team, refusal_of, start_team

from mamlrl.distributed import waiting
from mamlrl.learners.policy import MetaLearner
from mamlrl.outer.objective import MetaObjective
from mamlrl.runs.saved import latest_checkpoint

RUN = ["train", *TINY, "--meta_batch_size=3"]


def at_iteration(number, action):
    """Has a process do something when it begins a meta-iteration."""
    step = MetaLearner.step

    def interrupted(learner):
        if learner.iteration == number - 1:
            action(learner)
        step(learner)

    MetaLearner.step = interrupted


def test_the_first_process_alone_writes_and_any_number_resumes(tmp_path):
    first, second = program_team(2, *RUN, "--iterations=2", "--evaluation.every=2", "--output", tmp_path)
    assert (first.status, second.status) == (0, 0)
    assert "2 meta-iterations" in first.error
    assert second.output + second.error == ""
    for size, iterations in ((3, 4), (1, 5)):
        ended = program_team(size, "train", "--resume", f"--iterations={iterations}", "--output", tmp_path)
        assert [each.status for each in ended] == [0] * size, list(map(str, ended))
    rows = deterministic_rows(tmp_path)
    assert [row["iteration"] for row in rows] == ["1", "2", "3", "4", "5"]
    assert [float(row["env_steps"]) for row in rows] == sorted(float(row["env_steps"]) for row in rows)
    assert 4.8 < float(rows[-1]["env_steps"]) / float(rows[0]["env_steps"]) <= 5.2


def test_a_killed_process_ends_the_run_on_all(tmp_path):
    def die(rank):
        if rank == 1:
            at_iteration(3, lambda learner: os.kill(os.getpid(), signal.SIGKILL))

    began = time.monotonic()
    ended = program_team(3, *RUN, "--iterations=50", "--output", tmp_path, prepare=die)
    assert time.monotonic() - began < 60
    assert ended.pop(1).status == -signal.SIGKILL
    line = refusal_of(ended)
    assert line == (
        "mamlrl: of 3 processes, 1 has ended, or cannot be reached; the last checkpoint is kept, "
        f"{latest_checkpoint(tmp_path)}"
    )
    assert torch.load(latest_checkpoint(tmp_path), weights_only=True)["state"]["iteration"] == 2
    assert program_team(1, "train", "--resume", "--iterations=3", "--output", tmp_path)[0].status == 0


@pytest.mark.slow
def test_without_the_first_process_another_tells(tmp_path):
    def die(rank):
        if rank == 0:
            at_iteration(2, lambda learner: os.kill(os.getpid(), signal.SIGKILL))

    killed, second, third = program_team(3, *RUN, "--iterations=50", "--output", tmp_path, prepare=die)
    assert (killed.status, second.status, third.status) == (-signal.SIGKILL, 2, 2)
    lines = [line for each in (second, third) for line in each.lines if line.startswith("mamlrl")]  # PyTorch's own
    assert lines == ["mamlrl: of 3 processes, 0 has ended, or cannot be reached"]


@pytest.mark.parametrize("rank", [*slow(0), 1])
def test_a_signal_to_one_process_stops_all_after_the_meta_iteration(rank, tmp_path):
    def stop(each):
        if each == rank:
            at_iteration(3, lambda learner: signal.raise_signal(signal.SIGTERM))

    first, second = program_team(2, *RUN, "--iterations=50", "--output", tmp_path, prepare=stop)
    assert (first.status, second.status) == (128 + signal.SIGTERM,) * 2
    assert "stopped; continue with: mamlrl train" in first.error
    assert second.output + second.error == ""
    assert torch.load(latest_checkpoint(tmp_path), weights_only=True)["state"]["iteration"] == 3


def test_an_error_of_one_process_is_told_by_the_first(tmp_path):
    def spoil(rank):
        def raise_error(learner):
            learner.sampler.env.step = lambda actions: 1 / 0

        if rank == 1:
            at_iteration(2, raise_error)

    line = refusal_of(program_team(2, *RUN, "--iterations=5", "--output", tmp_path, prepare=spoil))
    assert "process 1 of 2: iteration 2: environment mamlrl/Navigation2D-v0: step raised ZeroDivisionError" in line
    assert "in task 2 (parameters" in line
    assert line.endswith(f"the last checkpoint is kept, {latest_checkpoint(tmp_path)}")


def test_a_benchmark_of_several_processes_is_printed_by_the_first():
    first, second = program_team(2, "benchmark", *TINY, "--repeats=1")
    assert (first.status, second.status) == (0, 0), f"{first} {second}"
    assert "cpu, 2 processes, 1 threads" in first.output
    assert "numbers summed" in first.output
    assert second.output + second.error == ""


@pytest.mark.parametrize(("size", "failing"), [(3, 0), (2, 1)])
def test_an_error_between_two_sums_is_told_by_the_first(size, failing, tmp_path):
    def fail(rank):
        if rank == failing:
            at_iteration(2, lambda learner: setattr(MetaObjective, "gradient_sum", raise_memory_error))

    line = refusal_of(program_team(size, *RUN, "--iterations=5", "--output", tmp_path, prepare=fail))
    place = f"process {failing} of {size}: " if failing else ""
    assert line.startswith(f"mamlrl: {place}not enough memory (here); lower meta_batch_size")


def raise_memory_error(objective):
    raise MemoryError("here")


def test_a_process_that_waits_in_vain_ends_when_it_is_asked_to(tmp_path):
    def work(rank):
        waiting.GRACE = 0.3
        if rank == 1:
            at_iteration(2, lambda learner: os.kill(os.getpid(), signal.SIGSTOP))
        return run(*RUN, "--iterations=50", "--output", tmp_path)

    first, second = start_team(2, work)
    os.waitid(os.P_PID, second.pid, os.WSTOPPED)
    first.send(signal.SIGTERM)
    ended = first.wait()
    second.send(signal.SIGKILL)
    assert second.wait().status == -signal.SIGKILL
    assert ended.status == 128 + signal.SIGTERM
    assert ended.error.endswith(
        "mamlrl: stopped while it waited for another process; the last checkpoint is kept\n"
    )
    assert latest_checkpoint(tmp_path).exists()


@pytest.mark.slow
@pytest.mark.parametrize("launcher", [["-m", "mamlrl"], [str(Path(sys.executable).with_name("mamlrl"))]], ids=str)
def test_torchrun_starts_the_command(launcher, tmp_path):
    """As users do: the module, and the console command where it is installed."""
    if launcher[0] != "-m" and not Path(launcher[0]).exists():
        pytest.skip("the command is not installed")
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", f"--master-port={free_port()}"]
    arguments = [*command, *launcher, *RUN, "--iterations=2", "--output", str(tmp_path)]
    ended = subprocess.run(arguments, capture_output=True, text=True, check=False, cwd=TESTS)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.count("2 meta-iterations") == 1
    assert [row["iteration"] for row in deterministic_rows(tmp_path)] == ["1", "2"]
