"""Runs that are killed: whatever was reached is kept, and the end is the same to the last bit."""

import random
import shutil
import signal
import tempfile
import time
from functools import partial

import pytest
from file_operations import KILLS, FileOperations, number_of_operations, signals_at
from forks import Fork, forked
from programs import TINY, run, start

pytestmark = pytest.mark.attack

ITERATIONS = 3
OPTIONS = [*TINY, f"--iterations={ITERATIONS}"]
ENDS = {  # as the signal comes too late, before there is a handler, or in time
    signal.SIGKILL: (-signal.SIGKILL,),
    signal.SIGTERM: (0, -signal.SIGTERM, 128 + signal.SIGTERM),
    signal.SIGINT: (0, -signal.SIGINT, 128 + signal.SIGINT),
}


def operations_of(arguments, folder):
    """Number of file operations of a training that nobody disturbs."""
    with tempfile.TemporaryFile("w+") as report:
        operations = FileOperations(folder, lambda count, name: None, report)
        ended = forked(*arguments, prepare=operations.install)
        assert ended.status == 0, ended
        return number_of_operations(report)


def killed_at_every_operation(arguments, prepare, folder, completes, expected):
    """Kills a training at every operation, by one signal or all; returns the number of kills and the faults."""
    prepare()
    count, kills, faults = operations_of(arguments, folder), 0, []
    for place in range(1, count + 1):
        for number in KILLS if place % 4 == 0 else KILLS[:1]:
            prepare()
            ended = forked(*arguments, prepare=FileOperations(folder, signals_at(place, number)).install)
            kills += 1
            fault = "" if ended.status in ENDS[number] and "Traceback" not in ended.error else f"ended {ended}"
            fault = fault or completes(folder, expected, OPTIONS)
            if fault:
                faults.append(f"{signal.Signals(number).name} at operation {place} of {count}: {fault}")
    return kills, faults


def test_kills_at_every_file_operation_of_a_start(tmp_path, whole, completes, counted):
    folder = tmp_path / "run"
    prepare = partial(shutil.rmtree, folder, ignore_errors=True)
    arguments = ["train", *OPTIONS, "--output", folder]
    kills, faults = killed_at_every_operation(arguments, prepare, folder, completes, whole(ITERATIONS))
    counted("kills at file operations of a start", kills, 60, faults)


def test_kills_at_every_file_operation_of_a_resume(tmp_path, whole, copy_of, completes, counted):
    half = tmp_path / "half"
    stop = FileOperations(half, stops_after_rows(half, 1))
    assert forked("train", *OPTIONS, "--output", half, prepare=stop.install).status == 128 + signal.SIGTERM
    arguments = ["train", "--output", tmp_path / "run", "--resume"]
    kills, faults = killed_at_every_operation(
        arguments, partial(copy_of, half), tmp_path / "run", completes, whole(ITERATIONS)
    )
    counted("kills at file operations of a resume", kills, 60, faults)


def stops_after_rows(folder, rows):
    """Ends a training as soon as its metrics have so many rows."""
    metrics, sent = folder / "metrics.csv", []

    def action(count, name):
        if name == "replace" and not sent and metrics.exists() and len(metrics.read_bytes().splitlines()) > rows:
            sent.append(True)
            signals_at(count, signal.SIGTERM)(count, name)

    return action


def test_kills_at_random_times(tmp_path, whole, completes, counted):
    """Again and again in the same run, until it is complete."""
    chance, folder, iterations = random.Random(0), tmp_path / "run", 10
    options, kills, faults = [*TINY, f"--iterations={iterations}"], 0, []
    while kills < 60:
        shutil.rmtree(folder, ignore_errors=True)
        for attempt in range(6):
            resume = ["--resume"] if (folder / "checkpoints" / "latest.pt").exists() else options
            fork = Fork(partial(run, "train", "--output", folder, *resume))
            time.sleep(chance.uniform(0, 0.4))
            number = chance.choice(KILLS)
            hit = fork.send(number)
            ended = fork.wait()
            kills += hit
            if ended.status not in (*ENDS[number], 0) or "Traceback" in ended.error:
                faults.append(f"attempt {attempt}, {signal.Signals(number).name}: {ended}")
            if not hit:
                break
        fault = completes(folder, whole(iterations), options)
        if fault:
            faults.append(fault)
    counted("kills at random times", kills, 60, faults)


def test_kills_of_processes_at_random_times(tmp_path, whole, completes, counted):
    """As a user does it, from the first import on."""
    chance, folder, iterations = random.Random(1), tmp_path / "run", 10
    options, faults, kills = [*TINY, f"--iterations={iterations}"], [], 0
    while kills < 20:
        if not kills % 5:
            shutil.rmtree(folder, ignore_errors=True)
        resume = ["--resume"] if (folder / "checkpoints" / "latest.pt").exists() else options
        process = start("train", "--output", folder, *resume)
        time.sleep(chance.uniform(0.1, 5))
        number = KILLS[kills % 3]
        process.send_signal(number)
        _, error = process.communicate()
        kills += 1
        if process.returncode not in (*ENDS[number], 0) or "Traceback" in error:
            faults.append(f"{signal.Signals(number).name}: status {process.returncode}, {error[-600:]!r}")
        if kills % 5 == 0:
            fault = completes(folder, whole(iterations), options)
            faults += [fault] if fault else []
    counted("kills of processes", kills, 20, faults)
