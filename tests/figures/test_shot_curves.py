"""Curves over the number of shots: what is drawn, and from which files."""

import json

import numpy as np
import pytest
from intervals import interval

from mamlrl.errors import UserError
from mamlrl.figures.evaluation_files import records_by_label, records_by_shots
from mamlrl.figures.shot_curves import shot_curves


def some_records(shots, count=1, steps=2, seed=0, **others):
    chance = np.random.default_rng((seed, int(shots or 0)))
    return [
        {
            "metric": "return",
            "env": "mamlrl/Navigation2D-v0",
            "shots": shots,
            **others,
            "steps": [
                {"step": k, "mean": chance.normal(), "interval_95": 1.0 + k + int(shots or 0)}
                for k in range(steps + 1)
            ],
        }
        for _ in range(count)
    ]


def drawn(container):
    """Points of a line and the ends of its error bars."""
    line, _, (bars,) = container.lines
    return line.get_xdata(), line.get_ydata(), np.array([s[:, 1] for s in bars.get_segments()]).T


def test_a_line_for_each_number_of_steps_against_shots():
    groups = {shots: some_records(shots) for shots in (20, 1, 5)}
    [panel] = shot_curves({"file": groups}).axes
    labels = [container.get_label() for container in panel.containers]
    assert labels == ["before adaptation", "after 1 step", "after 2 steps"]
    for step, container in enumerate(panel.containers):
        shots, means, ends = drawn(container)
        rows = [groups[count][0]["steps"][step] for count in (1, 5, 20)]
        np.testing.assert_array_equal(shots, [1, 5, 20])
        np.testing.assert_allclose(means, [row["mean"] for row in rows])
        np.testing.assert_allclose(ends[1] - ends[0], [2 * row["interval_95"] for row in rows])
    assert panel.get_legend().get_title().get_text() == "95% intervals over tasks"
    assert panel.get_xlabel() == "episodes to adapt on, in every step"
    assert panel.get_ylabel() == "mean return on held-out tasks"
    assert list(panel.get_xticks()) == [1, 5, 20]


def test_several_checkpoints_have_their_mean_and_its_interval():
    groups = {shots: some_records(shots, count=4) for shots in (1, 5)}
    [panel] = shot_curves({"file": groups}).axes
    for step, container in enumerate(panel.containers):
        _, means, ends = drawn(container)
        for place, shots in enumerate((1, 5)):
            values = np.array([[record["steps"][step]["mean"]] for record in groups[shots]])
            assert means[place] == pytest.approx(values.mean())
            np.testing.assert_allclose(ends[:, place], np.ravel(interval(values)))
    assert panel.get_legend().get_title().get_text() == "95% intervals over 4 checkpoints"


def test_every_file_has_a_panel_and_examples_are_called_so():
    one = {1: some_records(1, env=None), 2: some_records(2, env=None)}
    for records in one.values():
        del records[0]["env"]
        records[0]["dataset"] = "sinusoid"
    left, right = shot_curves({"$a": one, "b": one}).axes
    assert (left.get_title(), right.get_title()) == (r"\$a", "b")
    assert left.get_xlabel() == "examples to adapt on"


def written(path, *records):
    path.write_text(json.dumps([each for group in records for each in group]))
    return path


def test_files_are_read_by_number_of_shots(tmp_path):
    one, five = some_records(1, count=2), some_records(5, count=2)
    path = written(tmp_path / "shots.json", one, five)
    assert records_by_shots([path]) == {"shots": {1: one, 5: five}}


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        ([some_records(None)], "evaluation 1 does not say its shots; evaluate with --shots"),
        ([some_records(0)], "evaluation 1 does not say its shots"),
        ([some_records(1), some_records(True)], "evaluation 2 does not say its shots"),
        ([some_records(1, count=2), some_records(5)], "there are 2 of 1 shots and 1 of 5 shots evaluations"),
        ([some_records(1), some_records(5, env="other")], "evaluations 1 and 2 differ in env"),
        ([some_records(1), some_records(5, deterministic=True)], "evaluations 1 and 2 differ in deterministic"),
        ([some_records(1), some_records(5, steps=3)], "evaluations 1 and 2 differ in steps"),
        ([some_records(1), some_records(1)], "evaluation 2 is a copy of another"),
    ],
)
def test_evaluations_that_make_no_curve_are_refused(tmp_path, records, reason):
    path = written(tmp_path / "shots.json", *records)
    with pytest.raises(UserError, match=f"^{path} is not a file from `mamlrl evaluate --json` to draw: {reason}"):
        records_by_shots([path])


def test_evaluations_with_several_shots_are_no_adaptation_curve(tmp_path):
    path = written(tmp_path / "shots.json", some_records(1), some_records(5))
    with pytest.raises(UserError, match="evaluations 1 and 2 differ in shots"):
        records_by_label([path])
