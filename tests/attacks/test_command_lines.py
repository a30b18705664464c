"""Wrong command lines of every program: one line, status 2 and no file; what is accepted does its work."""

import random
import shutil
from pathlib import Path

import pytest
from damage import holding
from forks import forked
from programs import ONE

from mamlrl.experiments.build import KINDS
from mamlrl.experiments.parser import setting_names
from mamlrl.runs.checkpoints import load_checkpoint

pytestmark = pytest.mark.attack

LINES = {
    "train": [*ONE, "--output=new"],
    "evaluate": ["run", "--evaluation.tasks=2", "--evaluation.steps=1", "--json=new.json"],
    "plot": ["paths", "run", "--evaluation.steps=1", "--output=new.png"],
    "video": ["run", "--output=new.gif", "--size=32", "--tasks", "0", "--evaluation.steps=1", "--speed=4"],
    "benchmark": [*ONE, "--repeats=1"],
    "compare": [
        *[*ONE, "--adaptation.loss=likelihood_ratio", "--adaptation.proximal.weight=100", "--output=new"],
        *["--estimators=maml", "--inner_steps=1", "--cg_steps=1", "--repeats=1"],
    ],
    "strokes": ["--output=new", "--alphabets=1", "--characters=1", "--images=1", "--seed=0"],
}
OTHERS = [("plot", ["curves", "run", "run", "--output=new.png"]), ("train", ["--output=run", "--resume"])]
BOMB = "{a: &a [x,x,x,x,x,x,x,x,x], b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a], c: [*b,*b,*b,*b,*b,*b,*b,*b,*b]}"
NUMBERS = ["-1", "0", "2.5", "1e300", "1e-320", "1e400", "-1e-9", "9" * 20, "9" * 400, "0x10", "1_0", "٣", "1e9"]
VALUES = [
    *["", " ", "nan", "-inf", "inf", ".nan", "true", "null", "~", "[]", "{}", "[1,2", "{a: 1}", "a: b: c"],
    *["ü☃", "\udcff", "a\nb", "\t", "run/config.yaml", "run", "none.pt", "--", "-", "=", "*", "%s%n", "'", '"'],
    *["[" * 3000, "{a: " * 500, "[" * 40 + "]" * 40, "!!set {a}", "!!python/object/apply:os.mkdir [created]"],
    *["[1000000000]", "[-1]", "[nan]", "[[8]]", "[8, x]", "2020-01-01", "!!binary aGk=", "x" * 5000, "os:system"],
    *["&a [*a]", ":", BOMB],
]
PARTS = ["{x: 1}", "{steps: {a: 1}}", "[{a: 1}]", "3"]
CONFIGS = ["wrong.yaml", "run", "run/metrics.csv", "promp", "imaml"]
SLOW = (
    "iterations",
    "horizon",
    "repeats",
    "episodes",
    "tasks",
    "size",
    "batch",
    "images",
    "characters",
    "alphabets",
)


def misspelt(word, chance):
    """Drops, doubles, swaps or replaces a character of an option's name."""
    place = chance.randrange(2, len(word))
    change = chance.choice([word[place] * 2, "", "x", word[place].upper(), "-", "."])
    return word[:place] + change + word[place + 1 :]


def changed_value(argument, chance):
    name, equals, _ = argument.partition("=")
    value = chance.choice(VALUES + NUMBERS)
    return f"{name}={value}" if equals else value


def mutations(names):
    """Ways to change a command line; each takes its arguments and a generator."""

    def at_random(change):
        def mutate(line, chance):
            place = chance.randrange(len(line))
            line[place : place + 1] = change(line[place], chance)

        return mutate

    def surplus(line, chance):
        name, value = chance.choice(names), chance.choice(VALUES + NUMBERS)
        line.insert(chance.randrange(len(line) + 1), f"--{name}={value}")

    def without_value(line, chance):
        line.append(f"--{chance.choice(names)}")

    def stray(line, chance):
        line.insert(chance.randrange(len(line) + 1), chance.choice(VALUES))

    def unknown(line, chance):
        line.append(f"{misspelt('--' + chance.choice(names), chance)}={chance.choice(['1', '[8]', 'maml'])}")

    def section(line, chance):
        name = chance.choice(names).partition(".")[0]
        line.append(f"--{name}={chance.choice(VALUES + PARTS)}")

    def config(line, chance):
        line.insert(0, f"--config={chance.choice(VALUES + CONFIGS)}")

    return [
        at_random(lambda argument, chance: []),
        at_random(lambda argument, chance: [changed_value(argument, chance)] * 2),
        at_random(lambda argument, chance: [misspelt(argument, chance) if len(argument) > 2 else "x"]),
        at_random(lambda argument, chance: argument.split("=", 1)[:1]),
        *[at_random(lambda argument, chance: [changed_value(argument, chance)])] * 3,
        *[surplus] * 4,
        *[without_value, stray, unknown, unknown, section, config],
    ]


def wrong_yaml(chance):
    """Content of a config file that is none."""
    name = chance.choice(sorted(setting_names("policy")))
    key, _, inner = name.partition(".")
    value = chance.choice([value for value in VALUES + NUMBERS if "\udcff" not in value])
    text = f"{key}:\n  {inner}: {value}\n" if inner else f"{key}: {value}\n"
    return chance.choice([text, text * 2, f"- {value}\n", f"{text}{value}"]).encode()


def snapshot(folder):
    return {
        path.relative_to(folder): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
        if path.name != ".lock"
    }


def asks_for_much(line):
    """Whether a number is so large that the work may last."""
    return any(any(word in argument for word in SLOW) and argument[-1:].isdigit() for argument in line)


def wrong_end(ended, line, before, after):
    """Says what is wrong with how a program ended; empty if it was refused, or did what it was told."""
    new = {path: content for path, content in after.items() if before.get(path, b"") != content}
    if ended.status is None:
        return "" if asks_for_much(line) else "hangs"
    if ended.is_refusal:
        kept = "is kept" in ended.lines[0] and "checkpoint" in ended.lines[0]
        return (
            ""
            if kept or after == before
            else f"refused, but left {list(map(str, new))[:4]}: {ended.lines[0][:200]}"
        )
    if ended.status != 0 or "Traceback" in ended.error:
        return str(ended)
    if any(path not in after for path in before):
        return "files are gone"
    return f"words on stderr: {ended.lines}" if ended.lines else ""


@pytest.mark.parametrize("part", range(4))
def test_wrong_command_lines(tmp_path, whole, counted, part):
    chance, faults, refused, accepted = random.Random(part), [], 0, 0
    original = whole(1)
    while refused < 150:
        program = chance.choice(sorted(LINES))
        line = list(LINES[program])
        if not chance.randrange(6):
            program, line = chance.choice(OTHERS)[0], list(chance.choice(OTHERS)[1])
        names = sorted(setting_names(chance.choice(list(KINDS))))
        for _ in range(chance.choice([1, 1, 1, 2, 3])):
            if line:
                chance.choice(mutations(names))(line, chance)
        for path in tmp_path.iterdir():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        shutil.copytree(original, "run")
        holding(wrong_yaml(chance))(Path("wrong.yaml"))
        before = snapshot(tmp_path)
        ended = forked(program, *line, seconds=20)
        fault = wrong_end(ended, line, before, snapshot(tmp_path))
        if not fault and ended.status == 0 and program == "train" and Path("new").exists():
            load_checkpoint(Path("new/checkpoints/latest.pt"))
        refused, accepted = refused + ended.is_refusal, accepted + (ended.status == 0)
        if fault:
            faults.append(f"{program} {[argument[:100] for argument in line]}\n    {fault}")
        if refused + accepted + len(faults) > 600:
            break
    counted(f"wrong command lines ({accepted} more were right)", refused, 125, faults)
