"""Damaged files of a run: the same result, or one line and status 2, and no other file changes."""

import csv
import random
from io import BytesIO
from pathlib import Path

import pytest
import torch
from forks import forked
from programs import TIMES
from states import is_equal

pytestmark = pytest.mark.attack

ITERATIONS = 2
EVALUATE = ["evaluate", "run"]
EVALUATE_BEST = ["evaluate", "run/checkpoints/best.pt"]
RESUME = ["train", "--output=run", "--resume", f"--iterations={ITERATIONS + 1}"]
CURVES = ["plot", "curves", "run", "--output=figure.png"]
PATHS = ["plot", "paths", "run", "--output=figure.png", "--evaluation.steps=1"]
LATEST, BEST, METRICS, CONFIG = "checkpoints/latest.pt", "checkpoints/best.pt", "metrics.csv", "config.yaml"


def flip(data, chance):
    """Flips a bit."""
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def cut(data, chance):
    """Drops the end."""
    del data[chance.randrange(len(data)) :]


def zero(data, chance):
    """Sets a block to zero, as file systems do after a crash."""
    start, size = chance.randrange(len(data)), chance.choice([1, 16, 512, 4096])
    data[start : start + size] = bytes(len(data[start : start + size]))


def snapshot(folder):
    """Everything in a folder but events, whose names hold the time."""
    files = [path for path in folder.rglob("*") if path.is_file() and "tensorboard" not in path.parts]
    return {path.relative_to(folder): path.read_bytes() for path in files}


def figure():
    path = Path("figure.png")
    return path.read_bytes() if path.exists() else None


def tried(command, run):
    """What a command leads to: its end, its output, its figure, and the run it leaves."""
    Path("figure.png").unlink(missing_ok=True)
    ended = forked(*command)
    return ended, figure(), snapshot(run)


def is_as_good(command, file, before, result, good):
    """Says what is wrong; empty if the result is that of an undamaged run, or a refusal that changes nothing."""
    ended, drawn, after = result
    if ended.is_refusal:
        return "" if after == before and drawn is None else "refused, but files changed"
    if ended.status != 0 or "Traceback" in ended.error:
        return str(ended)
    if command is RESUME:
        return resumed_as_good(file, before, after, good[2])
    if after != before:
        return "files changed"
    if ended.output != good[0].output:
        return f"another output {ended.output!r}"
    return "" if drawn == good[1] or (file == METRICS and drawn) else "another figure"


def resumed_as_good(file, before, after, good):
    """The same of a run that went on: a damaged file is replaced, or as it was."""
    if set(after) != set(good):
        return f"files {set(after) ^ set(good)}"
    for path in set(good) - {Path(METRICS)}:
        as_it_was = path == Path(file) and after[path] == before[path]
        if not as_it_was and not (after[path] == good[path] or is_same_state(path, after[path], good[path])):
            return f"another {path}"
    return other_rows(*(list(csv.DictReader(each[Path(METRICS)].decode().splitlines())) for each in (after, good)))


def is_same_state(path, one, other):
    """Whether two checkpoints to resume from are the same but for the checksum of rows that hold times."""
    if path != Path(LATEST):
        return False
    contents = [torch.load(BytesIO(data), weights_only=True) for data in (one, other)]
    for content in contents:
        del content["state"]["metrics_checksum"]
    return is_equal(*contents)


def other_rows(rows, expected):
    """Compares rows, without times."""
    if len(rows) != len(expected):
        return f"{len(rows)} rows"
    for row, good in zip(rows, expected, strict=True):
        for name in row.keys() | good.keys():
            if not name.startswith(TIMES) and row.get(name) != good.get(name):
                return f"another {name} of iteration {good['iteration']}"
    return ""


@pytest.mark.parametrize(
    ("file", "commands", "flips", "blocks"),
    [
        (LATEST, [EVALUATE, RESUME, PATHS], 400, 60),
        (BEST, [EVALUATE_BEST, RESUME], 240, 40),
        (METRICS, [RESUME, CURVES], 220, 40),
        (CONFIG, [RESUME, CURVES], 160, 40),
    ],
    ids=[LATEST, BEST, METRICS, CONFIG],
)
def test_damaged_files(tmp_path, whole, copy_of, counted, file, commands, flips, blocks):
    chance, faults, run = random.Random(file), [], tmp_path / "run"
    good = {}
    for index, command in enumerate(commands):
        copy_of(whole(ITERATIONS))
        good[index] = tried(command, run)
        assert good[index][0].status == 0, good[index][0]
    for attempt in range(flips + 2 * blocks):
        damage = flip if attempt < flips else cut if attempt < flips + blocks else zero
        index = attempt % len(commands)
        copy_of(whole(ITERATIONS))
        data = bytearray((run / file).read_bytes())
        damage(data, chance)
        (run / file).write_bytes(data)
        before = snapshot(run)
        result = tried(commands[index], run)
        fault = is_as_good(commands[index], file, before, result, good[index])
        if fault:
            kept = bytes(data[:60]) if file in (METRICS, CONFIG) else ""
            faults.append(f"{damage.__name__} {attempt} of {file}, {commands[index][0]}: {fault} {kept}")
    counted(f"damages of {file}", flips + 2 * blocks, flips + 2 * blocks, faults)
