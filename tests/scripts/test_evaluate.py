"""What `mamlrl evaluate` prints and writes."""

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from programs import TINY, run
from scipy import stats
from sinusoids import TINY_SINUSOID

from mamlrl.evaluation.build import evaluate
from mamlrl.runs.checkpoints import load_checkpoint, save_checkpoint
from mamlrl.runs.saved import best_checkpoint, latest_checkpoint


def numbers(table):
    """Steps, means and half widths of the rows of printed tables."""
    rows = re.findall(r"^  step (\d+): +(\S+) \+- (\S+?)(?:;.*)?$", table, flags=re.MULTILINE)
    return [(int(step), float(mean), float(width)) for step, mean, width in rows]


def rounded(rows):
    """What a table shows of JSON rows."""
    return [(row["step"], float(f"{row['mean']:.2f}"), float(f"{row['interval_95']:.2f}")) for row in rows]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    for seed in (0, 1):
        options = [*TINY, "--iterations=2", f"--seed={seed}"]
        assert run("train", *options, "--output", folder / f"run{seed}") == 0
    return folder


def test_json_holds_what_evaluate_returns(trained, tmp_path, capsys):
    options = ["--evaluation.seed=5", "--sampling.unit=transitions", "--json", tmp_path / "new/e.json"]
    assert run("evaluate", trained / "run0", *options) == 0
    [record] = json.loads((tmp_path / "new/e.json").read_text())
    path = latest_checkpoint(trained / "run0")
    config, state = load_checkpoint(path)
    config = replace(
        config,
        evaluation=replace(config.evaluation, seed=5),
        sampling=replace(config.sampling, unit="transitions"),
    )
    evaluation = evaluate(config, state["params"])
    assert record["steps"] == evaluation.summary()
    assert [list(row) for row in record["steps"]] == [
        ["step", "mean", "interval_95", "return_std", "worst_return", "returns"]
    ] * 3
    assert record["tasks"] == evaluation.tasks.tolist()
    assert record["step_scales"] == list(evaluation.step_scales)
    expected = {
        "checkpoint": str(path),
        "iteration": state["iteration"],
        "seed": 0,
        "env": "mamlrl/Navigation2D-v0",
        "sampling_unit": "transitions",
        "episodes_per_task": 2,
        "evaluation_seed": 5,
    }
    assert expected.items() <= record.items()
    assert numbers(capsys.readouterr().out) == rounded(record["steps"])


def test_json_of_a_single_task_is_valid(trained, tmp_path):
    assert run("evaluate", trained / "run0", "--evaluation.tasks=1", "--json", tmp_path / "e.json") == 0

    def refuse(name):
        raise AssertionError(f"{name} is not JSON (RFC 8259)")

    json.loads((tmp_path / "e.json").read_text(), parse_constant=refuse)


def test_a_table_is_printed_for_one_checkpoint(trained, capsys):
    assert run("evaluate", trained / "run0") == 0
    output, error = capsys.readouterr()
    lines = output.splitlines()
    assert lines[0].startswith(f"{latest_checkpoint(trained / 'run0')}, meta-iteration ")
    assert "3 tasks x 2 episodes" in lines[0]
    assert [step for step, _, _ in numbers(output)] == [0, 1, 2]
    assert len(lines) == 4
    assert error == ""


def test_several_checkpoints_have_a_table_each_and_one_over_them(trained, tmp_path, capsys):
    runs = [trained / "run0", trained / "run1"]
    assert run("evaluate", *runs, "--json", tmp_path / "e.json") == 0
    records = json.loads((tmp_path / "e.json").read_text())
    assert [record["seed"] for record in records] == [0, 1]
    assert records[0]["tasks"] == records[1]["tasks"]
    output = capsys.readouterr().out
    rows = numbers(output)
    assert len(rows) == 9
    assert rows[:3] + rows[3:6] == rounded(records[0]["steps"] + records[1]["steps"])
    for step, (_, mean, half_width) in enumerate(rows[6:]):
        means = [record["steps"][step]["mean"] for record in records]
        low, high = stats.t.interval(0.95, 1, np.mean(means), stats.sem(means))
        assert (mean, half_width) == pytest.approx(((low + high) / 2, (high - low) / 2), abs=0.0051)


def test_a_file_and_a_folder_name_the_same_checkpoint(trained, capsys):
    assert run("evaluate", trained / "run0") == 0
    by_folder = capsys.readouterr().out
    assert run("evaluate", latest_checkpoint(trained / "run0")) == 0
    assert capsys.readouterr().out == by_folder
    assert "meta-iteration 2" in by_folder
    assert run("evaluate", best_checkpoint(trained / "run0")) == 0
    assert "best.pt, meta-iteration" in capsys.readouterr().out


def changed(source, target, change, state=lambda state: state):
    """A copy of a run whose latest checkpoint has another experiment, and perhaps another state."""
    shutil.copytree(source, target)
    path = latest_checkpoint(target)
    config, saved = load_checkpoint(path)
    save_checkpoint(path, change(config), state(saved))
    return target


def test_a_checkpoint_is_evaluated_with_the_settings_saved_in_it(trained, tmp_path):
    other = changed(
        trained / "run1", tmp_path / "other", lambda c: replace(c, env=replace(c.env, kwargs={"horizon": 4}))
    )
    assert run("evaluate", other, "--json", tmp_path / "e.json") == 0
    [record] = json.loads((tmp_path / "e.json").read_text())
    config, state = load_checkpoint(latest_checkpoint(other))
    assert config.env.kwargs == {"horizon": 4}
    assert record["steps"] == evaluate(config, state["params"]).summary()


CHANGES = {
    "env.kwargs.horizon is 10 there and 4 here": lambda c: replace(c, env=replace(c.env, kwargs={"horizon": 4})),
    "env.id is mamlrl/Navigation2D-v0 there and mamlrl/Other-v0 here": lambda c: replace(
        c, env=replace(c.env, id="mamlrl/Other-v0")
    ),
    "and 0.2 here": lambda c: replace(c, adaptation=replace(c.adaptation, step_size=0.2)),
    "meta_batch_size is 2 there and 3 here": lambda c: replace(c, meta_batch_size=3),
    "evaluation.steps is 2 there and 1 here": lambda c: replace(c, evaluation=replace(c.evaluation, steps=1)),
    "evaluation.seed is 1000003 there and 5 here": lambda c: replace(c, evaluation=replace(c.evaluation, seed=5)),
    "trained with the same seed (0)": lambda c: replace(c, seed=0),
}


@pytest.mark.parametrize("message", CHANGES)
def test_runs_that_differ_in_more_than_their_seed_are_refused_before_any_work(trained, tmp_path, message, capsys):
    other = changed(trained / "run1", tmp_path / "other", CHANGES[message])
    assert run("evaluate", trained / "run0", other, "--json", tmp_path / "e.json") == 2
    output, error = capsys.readouterr()
    assert output == ""
    assert message in error
    assert str(other) in error
    assert error.count("\n") == 1
    assert not (tmp_path / "e.json").exists()


def test_copies_are_refused(trained, tmp_path, capsys):
    shutil.copytree(trained / "run0", tmp_path / "copy")
    assert run("evaluate", trained / "run0", trained / "run0") == 2
    assert "hold the same parameters" in capsys.readouterr().err
    renamed = changed(trained / "run0", tmp_path / "renamed", lambda c: replace(c, seed=7))
    assert run("evaluate", trained / "run0", renamed) == 2
    assert "hold the same parameters" in capsys.readouterr().err


def test_runs_may_be_after_different_numbers_of_meta_iterations(trained, tmp_path):
    earlier = changed(trained / "run1", tmp_path / "earlier", lambda c: c, lambda s: {**s, "iteration": 1})
    assert run("evaluate", trained / "run0", earlier) == 0
    assert run("evaluate", *(best_checkpoint(trained / name) for name in ("run0", "run1"))) == 0


def test_what_does_not_belong_to_the_training_may_differ(trained, tmp_path, capsys):
    def change(config):
        return replace(config, iterations=3, checkpoint_every=1, evaluation=replace(config.evaluation, tasks=5))

    other = changed(trained / "run1", tmp_path / "other", change)
    assert run("evaluate", trained / "run0", other, "--evaluation.tasks=2") == 0
    assert "all 2 checkpoints" in capsys.readouterr().out


def test_nothing_in_a_run_changes_when_it_is_evaluated(trained):
    before = {path: path.read_bytes() for path in trained.rglob("*") if path.is_file()}
    assert run("evaluate", trained / "run0", trained / "run1") == 0
    assert {path: path.read_bytes() for path in trained.rglob("*") if path.is_file()} == before


@pytest.fixture(scope="module")
def supervised(tmp_path_factory):
    folder = tmp_path_factory.mktemp("supervised") / "run"
    assert run("train", *TINY_SINUSOID, "--output", folder) == 0
    return folder


@pytest.mark.parametrize("order", [1, -1])
def test_checkpoints_of_several_kinds_are_refused(trained, supervised, order, tmp_path, capsys):
    runs = [trained / "run0", supervised][::order]
    assert run("evaluate", *runs, "--json", tmp_path / "e.json") == 2
    output, error = capsys.readouterr()
    kinds = ["policy", "supervised"][::order]
    assert output == ""
    assert f"kind is {kinds[0]} there and {kinds[1]} here" in error
    assert "evaluate them one by one" in error
    assert not (tmp_path / "e.json").exists()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (
            "--data.shots=3",
            "data.shots is a setting of experiments of kind supervised or classifier, and this one is of kind",
        ),
        ("--policy.min_std=1", "policy.min_std is a setting of experiments of kind policy, and this one is of"),
        ("--kind=policy", "kind: the checkpoint is of kind supervised, --kind is of kind policy; take one kind"),
    ],
)
def test_an_option_that_one_of_the_checkpoints_cannot_take_is_refused_before_any_work(
    trained, supervised, option, message, tmp_path, capsys
):
    assert run("evaluate", trained / "run0", supervised, option, "--json", tmp_path / "e.json") == 2
    output, error = capsys.readouterr()
    assert output == ""
    assert message in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_checkpoints_and_options_may_come_in_any_order(trained, tmp_path, capsys):
    first, second = trained / "run0", trained / "run1"
    assert run("evaluate", first, second, "--evaluation.steps=1", "--json", tmp_path / "a.json") == 0
    expected = capsys.readouterr().out
    for arguments in (
        [first, "--evaluation.steps", "1", second, "--json", tmp_path / "b.json"],
        ["--evaluation.steps", "1", first, second, f"--json={tmp_path / 'b.json'}"],
        ["--json", tmp_path / "b.json", "--evaluation.steps=1", first, second],
    ):
        assert run("evaluate", *arguments) == 0
        assert capsys.readouterr().out == expected
        assert (tmp_path / "b.json").read_text() == (tmp_path / "a.json").read_text()
