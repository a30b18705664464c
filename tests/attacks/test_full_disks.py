"""Disks that are full: one line, what was there is as it was, and the run can go on when there is room."""

import os
import resource
import shutil
import subprocess
import tempfile
from functools import partial

import pytest
from file_operations import FileOperations, full_from, number_of_operations
from forks import Fork, forked
from programs import TINY, run

pytestmark = pytest.mark.attack

ITERATIONS = 3
OPTIONS = [*TINY, f"--iterations={ITERATIONS}"]
SIZES = (0, 1, 100, 1000, 2000, 4000, 6000, 9000)
WRITERS = {
    "evaluation.json": ["evaluate", "run", "--json=results/evaluation.json", "--evaluation.steps=1"],
    "figure.png": ["plot", "curves", "run", "--output=results/figure.png"],
    "paths.pdf": ["plot", "paths", "run", "--output=results/paths.pdf", "--evaluation.steps=1"],
    "film.gif": ["video", "run", "--output=results/film.gif", "--size=64", "--evaluation.steps=1"],
    "film.mp4": ["video", "run", "--output=results/film.mp4", "--size=64", "--evaluation.steps=1"],
}
REASONS = ("No space left on device", "File too large")


def limit_files(size):
    """Lets no file of this process become larger."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def operations_of(arguments, folder):
    with tempfile.TemporaryFile("w+") as report:
        ended = forked(*arguments, prepare=FileOperations(folder, lambda count, name: None, report).install)
        assert ended.status == 0, ended
        return number_of_operations(report)


def wrong_end(ended):
    """Says what is wrong with how a program ended that had no room."""
    if ended.status == 0:
        return ""  # it needed none
    if not ended.is_refusal:
        return str(ended)
    return "" if any(reason in ended.lines[0] for reason in REASONS) else f"no reason: {ended.lines[0]}"


@pytest.mark.parametrize("resume", [False, True], ids=["start", "resume"])
def test_full_disks_in_training(tmp_path, whole, copy_of, completes, counted, resume):
    folder = tmp_path / "run"
    arguments = ["train", *([] if resume else OPTIONS), "--output", folder]
    arguments += ["--resume", f"--iterations={ITERATIONS}"] if resume else []

    def prepare():
        shutil.rmtree(folder, ignore_errors=True)
        if resume:
            copy_of(whole(1))

    prepare()
    operations = operations_of(arguments, folder)
    full = [FileOperations(folder, full_from(place)).install for place in range(1, operations + 1)]
    full += [partial(limit_files, size) for size in SIZES]
    faults = []
    for place, fill in enumerate(full, start=1):
        prepare()
        ended = forked(*arguments, prepare=fill)
        fault = wrong_end(ended)
        fault = fault or next((f"left {path}" for path in folder.rglob("*.tmp")), "")
        more = [*arguments] if (folder / "checkpoints" / "latest.pt").exists() else None
        if more is not None and resume:
            ended_again = forked(*more)
            fault = fault or ("" if ended_again.status == 0 else f"cannot go on: {ended_again}")
        fault = fault or completes(folder, whole(ITERATIONS), OPTIONS)
        if fault:
            faults.append(f"full from operation {place} of {operations}: {fault}")
    counted(f"full disks in a {'resumed' if resume else 'new'} training", len(full), 30, faults)


@pytest.mark.parametrize("name", WRITERS)
def test_full_disks_for_results(tmp_path, whole, copy_of, counted, name):
    copy_of(whole(1))
    results, arguments = tmp_path / "results", WRITERS[name]
    result = results / name
    results.mkdir()
    operations = operations_of(arguments, results)
    size = result.stat().st_size
    full = [FileOperations(results, full_from(place)).install for place in range(1, operations + 1)]
    full += [partial(limit_files, size * eighths // 8) for eighths in range(8)]
    faults = []
    for place, fill in enumerate(full, start=1):
        for before in (b"earlier", None):
            result.unlink(missing_ok=True)
            if before is not None:
                result.write_bytes(before)
            ended = forked(*arguments, prepare=fill)
            fault = wrong_end(ended)
            after = result.read_bytes() if result.exists() else None
            is_right = after == before if ended.status else after is not None and len(after) == size
            fault = fault or ("" if is_right else f"status {ended.status}, but another file")
            left = [path.name for path in results.iterdir() if path != result]
            fault = fault or (f"left {left}" if left else "")
            if fault:
                faults.append(f"{name}, full from {place} of {operations}: {fault}")
    counted(f"full disks for {name}", 2 * len(full), 16, faults)


@pytest.fixture
def small_disk(tmp_path):
    """A function of a size in KiB: a folder on a disk of that size."""
    mounted = []

    def mount(size):
        folder = tmp_path / f"disk_{size}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", str(folder)]
        if os.geteuid() or not shutil.which("mount") or subprocess.run(command, check=False).returncode:
            pytest.skip("disks cannot be mounted here")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)


def test_small_disks(whole, completes, counted, small_disk):
    """Runs on real disks that become full; room is made, and they go on."""
    faults, sizes = [], (4, 8, 16, 20, 24, 28, 32, 36, 40, 48, 64, 128)
    for size in sizes:
        folder = small_disk(size)
        ended = forked("train", *OPTIONS, "--output", folder / "run")
        fault = wrong_end(ended)
        subprocess.run(["mount", "-o", "remount,size=1m", str(folder)], check=True)
        fault = fault or completes(folder / "run", whole(ITERATIONS), OPTIONS)
        if fault:
            faults.append(f"{size} KiB: {fault}")
    counted("small disks", len(sizes), len(sizes), faults)


def write_to(path):
    """Lets stdout or stderr of this process go to a file."""

    def divert(numbers):
        target = os.open(path, os.O_WRONLY)
        for number in numbers:
            os.dup2(target, number)

    return divert


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_streams_that_are_full(tmp_path, whole, copy_of, difference, counted):
    """Training goes on without words; a table that cannot be printed is an error, but its JSON is written."""
    faults = []
    for numbers in ((1,), (2,), (1, 2)):
        folder = tmp_path / f"run{len(faults)}_{sum(numbers)}"
        fork = Fork(partial(run, "train", *OPTIONS, "--output", folder), partial(write_to("/dev/full"), numbers))
        ended = fork.wait()
        fault = difference(folder, whole(ITERATIONS)) if ended.status in (0, 98) else str(ended)
        faults += [f"train with {numbers} full: {fault}"] if fault else []
    copy_of(whole(1))
    fork = Fork(partial(run, "evaluate", "run", "--json=evaluation.json"), partial(write_to("/dev/full"), (1,)))
    ended = fork.wait()
    if ended.status != 2 or not (tmp_path / "evaluation.json").exists() or "stdout" not in ended.error:
        faults.append(f"evaluate with stdout full: {ended}")
    for path in ("/dev/full",):
        ended = forked("evaluate", "run", f"--json={path}")
        if wrong_end(ended) or ended.status != 2:
            faults.append(f"evaluate --json={path}: {ended}")
    counted("streams that are full", 5, 5, faults)
