"""TensorBoard's events, read by its own reader: true times after a resume, groups, summaries of other kinds."""

import json
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.tensorboard.summary import text

from mamlrl.errors import UserError
from mamlrl.metric_names import WALL_TIME, grouped
from mamlrl.runs.event_file import append_events
from mamlrl.runs.metrics_file import MetricsWriter, read_metrics

RECORD = Path(__file__).parents[1] / "records" / "behaviour.json"


@pytest.fixture
def clock(monkeypatch):
    """A clock that shows what is set, a second later each time it is read; returns the function that sets it."""
    now = [0.0]

    def read():
        now[0] += 1
        return now[0]

    for module in ("metrics_file", "event_file"):
        monkeypatch.setattr(f"mamlrl.runs.{module}.time", read)
    return lambda seconds: now.__setitem__(0, seconds)


def scalars(folder, tag="value"):
    return EventAccumulator(str(folder / "tensorboard")).Reload().Scalars(tag)


def test_events_keep_their_times_when_they_are_written_anew(tmp_path, clock):
    clock(1000.0)
    writer = MetricsWriter(tmp_path, 0)
    for iteration in (1, 2, 3):
        writer.write({"iteration": iteration, "value": iteration / 2})
    writer.close()
    before = scalars(tmp_path)
    clock(5000.0)
    writer = MetricsWriter(tmp_path, 2)
    writer.write({"iteration": 3, "value": 7.0})
    writer.close()
    after = scalars(tmp_path)
    assert after[:2] == before[:2]
    assert all(1000 < event.wall_time < 1010 for event in before)
    assert (after[2].step, after[2].value, after[2].wall_time > 5000) == (3, 7.0, True)
    rows = read_metrics(tmp_path / "metrics.csv")
    assert [row[WALL_TIME] for row in rows] == [event.wall_time for event in after]


def test_rows_of_a_version_that_wrote_no_times_are_taken_for_new(tmp_path, clock):
    clock(3000.0)
    (tmp_path / "metrics.csv").write_text("iteration,value\n1,0.5\n")
    writer = MetricsWriter(tmp_path, 1)
    writer.write({"iteration": 2, "value": 1.0})
    writer.close()
    assert all(event.wall_time > 3000 for event in scalars(tmp_path))
    assert [list(row) for row in read_metrics(tmp_path / "metrics.csv")] == [["iteration", "value"]] * 2


@pytest.mark.parametrize("name", ["navigation2d_maml", "navigation2d_promp", "navigation2d_imaml", "sinusoid"])
def test_every_metric_but_the_iteration_has_a_group(name):
    metrics = json.loads(RECORD.read_text())["runs"][name]["metrics"][0]
    assert all("/" in grouped(metric) for metric in metrics if metric != "iteration")
    assert len({grouped(metric) for metric in metrics}) == len(metrics)


def test_charts_are_those_of_metrics_by_group(tmp_path):
    writer = MetricsWriter(tmp_path, 0)
    writer.write({"iteration": 1, "env_steps": 80, "return/step_0": -3.0, "kl": 0.25, "mine": 1.0})
    writer.close()
    tags = EventAccumulator(str(tmp_path / "tensorboard")).Reload().Tags()["scalars"]
    assert tags == ["sampling/env_steps", "return/step_0", "outer_step/kl", "mine"]


def test_summaries_of_other_kinds_can_be_appended_while_a_run_goes_on(tmp_path):
    writer = MetricsWriter(tmp_path, 0)
    writer.write({"iteration": 1, "value": 0.5})
    append_events(tmp_path / "tensorboard", 1, [text("config", "seed: 3")])
    writer.write({"iteration": 2, "value": 1.0})
    writer.close()
    (file,) = (tmp_path / "tensorboard").iterdir()
    events = EventAccumulator(str(file)).Reload()
    assert [event.value for event in events.Scalars("value")] == [0.5, 1.0]
    (event,) = events.Tensors("config/text_summary")
    assert (event.step, event.tensor_proto.string_val[0]) == (1, b"seed: 3")


def test_without_events_there_is_nothing_to_append_to(tmp_path):
    with pytest.raises(UserError, match=f"^there are no TensorBoard events of a run in {tmp_path}$"):
        append_events(tmp_path, 1, [])
