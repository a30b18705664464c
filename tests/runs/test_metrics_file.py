"""Resuming needs every row up to the checkpoint; nothing is changed where one is missing."""

import math
import re

import pytest
from programs import TINY, deterministic_rows, run
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mamlrl.errors import UserError
from mamlrl.metric_names import WALL_TIME
from mamlrl.runs.metrics_file import EVENTS, METRICS, MetricsWriter, read_metrics

HEADER = "iteration,value\r\n"


def row(iteration):
    return f"{iteration},{iteration / 2}\r\n"


def table(*iterations):
    return HEADER + "".join(map(row, iterations))


def contents(folder):
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def untimed(rows):
    """Rows without the time that they were written at."""
    return [{name: value for name, value in row.items() if name != WALL_TIME} for row in rows]


@pytest.fixture
def events(tmp_path):
    (tmp_path / "tensorboard").mkdir()
    (tmp_path / "tensorboard" / "events.out.tfevents.1.mamlrl").write_bytes(b"earlier")


@pytest.mark.usefixtures("events")
@pytest.mark.parametrize(
    ("text", "save_every", "fault"),
    [
        (None, 1, "lacks the row of iteration 1"),
        ("", 1, "lacks the row of iteration 1"),
        (HEADER, 1, "lacks the row of iteration 1"),
        (table(1, 2), 1, "lacks the row of iteration 3"),
        (table(1, 3, 4), 1, "lacks the row of iteration 2"),
        (table(2, 3, 4), 1, "lacks the row of iteration 1"),
        (table(1, 2, 3)[:-4], 1, "lacks the row of iteration 3"),
        (table(1) + "2\r\n" + row(3), 1, "has a row of iteration 2 that is cut"),
        (table(1, 3, 2), 1, "lacks the row of iteration 2"),
        (table(1, 2, 2, 3), 1, "has the row of iteration 2 after that of 2"),
        (table(1, 2, 3, 1), 1, "has the row of iteration 1 after that of 3"),
        (table(3), 2, "lacks the row of iteration 2"),
        (table(), 3, "lacks the row of iteration 3"),
        (table(4, 5), 1, "lacks the row of iteration 1"),
        (table(0, 1, 2, 3), 1, "has the row of iteration 0 after that of 0"),
    ],
)
def test_a_gap_is_named_and_nothing_is_changed(tmp_path, text, save_every, fault):
    path = tmp_path / "metrics.csv"
    if text is not None:
        path.write_bytes(text.encode())
    before = contents(tmp_path)
    with pytest.raises(UserError) as raised:
        MetricsWriter(tmp_path, 3, save_every)
    assert str(raised.value) == (
        f"{path} {fault}, which the last checkpoint follows; restore the file, "
        "or begin a new run from the checkpoint with --init_from"
    )
    assert contents(tmp_path) == before


@pytest.mark.usefixtures("events")
@pytest.mark.parametrize(
    "text", ["a,b\n1,2\n", "iteration,a\nx,1\n", "iteration,a\n1,x\n2,0\n3,0\n", "\0", "iteration,\n\n"]
)
def test_what_is_no_table_of_metrics_is_refused_and_stays(tmp_path, text):
    (tmp_path / "metrics.csv").write_text(text)
    before = contents(tmp_path)
    with pytest.raises(UserError, match=re.escape(str(tmp_path / "metrics.csv"))):
        MetricsWriter(tmp_path, 3)
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("iterations", "save_every", "kept"),
    [
        ((1, 2, 3), 1, (1, 2, 3)),
        ((1, 2, 3, 4, 5), 1, (1, 2, 3)),
        ((2,), 2, (2,)),
        ((2, 3, 4), 2, (2, 3)),  # the last row of a run that was made longer later
        ((), 5, ()),
    ],
)
def test_rows_up_to_the_checkpoint_are_kept_to_the_letter(tmp_path, iterations, save_every, kept):
    path = tmp_path / "metrics.csv"
    path.write_bytes(table(*iterations).encode())
    MetricsWriter(tmp_path, 3, save_every).close()
    assert path.read_bytes() == table(*kept).encode()


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_lines_may_end_in_any_way(tmp_path, end, mark):
    path = tmp_path / "metrics.csv"
    path.write_bytes((mark + table(1, 2, 3)).replace("\r\n", end).encode())
    writer = MetricsWriter(tmp_path, 3)
    writer.write({"iteration": 4, "value": 2.0})
    writer.close()
    assert [row["iteration"] for row in read_metrics(path)] == [1, 2, 3, 4]
    assert path.read_bytes().endswith(b"3,1.5" + (b"\n" if end == "\n" else b"\r\n") + b"4,2.0\r\n")


def test_nothing_is_needed_before_the_first_iteration(tmp_path):
    (tmp_path / "metrics.csv").write_bytes(table(1).encode())
    MetricsWriter(tmp_path, 0).close()
    assert (tmp_path / "metrics.csv").read_bytes() == b""


def test_a_run_whose_history_was_cut_is_not_resumed_until_it_is_whole(tmp_path, capsys):
    assert run("train", *TINY, "--iterations=3", "--output", tmp_path) == 0
    whole = (tmp_path / "metrics.csv").read_bytes()
    (tmp_path / "metrics.csv").write_bytes(whole[: whole.index(b"\n3,") + 1])
    before = contents(tmp_path)
    capsys.readouterr()
    assert run("train", "--output", tmp_path, "--resume", "--iterations=5") == 2
    assert re.fullmatch(r"mamlrl: [^\n]* lacks the row of iteration 3[^\n]*\n", capsys.readouterr().err)
    assert contents(tmp_path) == before
    (tmp_path / "metrics.csv").write_bytes(whole)
    assert run("train", "--output", tmp_path, "--resume", "--iterations=5") == 0
    assert [row["iteration"] for row in deterministic_rows(tmp_path)] == ["1", "2", "3", "4", "5"]


def test_rows_and_events_are_read_as_they_were_written(tmp_path):
    writer = MetricsWriter(tmp_path, 0)
    rows = [{"iteration": iteration, "value": iteration / 2} for iteration in (1, 2, 3)]
    for each in rows:
        writer.write(each)
    writer.close()
    assert untimed(read_metrics(tmp_path / "metrics.csv")) == rows
    writer = MetricsWriter(tmp_path, 2)
    writer.write({"iteration": 3, "value": 7.0})
    writer.close()
    assert untimed(read_metrics(tmp_path / "metrics.csv")) == [*rows[:2], {"iteration": 3, "value": 7.0}]
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload().Scalars("value")
    assert [(event.step, event.value) for event in events][-3:] == [(1, 0.5), (2, 1.0), (3, 7.0)]


def test_a_last_row_that_a_crash_cut_short_is_left_out(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_bytes(table(1, 2).encode() + b"3,1")
    assert [row["iteration"] for row in read_metrics(path)] == [1, 2]


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match=f"^no metrics at {tmp_path}/none.csv$"):
        read_metrics(tmp_path / "none.csv")


def test_a_run_of_another_version_keeps_its_columns(tmp_path):
    (tmp_path / "metrics.csv").write_text("iteration,old,both\n1,2.0,3.0\n")
    writer = MetricsWriter(tmp_path, iteration=1)
    writer.write({"iteration": 2, "both": 4.0, "new": 5.0})
    writer.close()
    first, second = read_metrics(tmp_path / "metrics.csv")
    assert first == {"iteration": 1, "old": 2, "both": 3}
    assert (second.keys(), second["iteration"], second["both"]) == (first.keys(), 2, 4)
    assert math.isnan(second["old"])


@pytest.mark.usefixtures("events")
def test_altered_rows_are_noticed_and_nothing_is_changed(tmp_path):
    first = tmp_path / "first"
    first.mkdir()
    writer = MetricsWriter(first, 0)
    for iteration in (1, 2):
        writer.write({"iteration": iteration, "value": iteration / 2})
    writer.close()
    text = (first / "metrics.csv").read_bytes()
    MetricsWriter(first, 2, checksum=writer.checksum).close()
    for altered in (text.replace(b"0.5", b"0.7"), text.replace(b"value", b"valve")):
        (tmp_path / "metrics.csv").write_bytes(altered)
        before = contents(tmp_path)
        with pytest.raises(UserError, match=r"metrics\.csv has rows that were altered"):
            MetricsWriter(tmp_path, 2, checksum=writer.checksum)
        assert contents(tmp_path) == before


def test_the_checksum_is_of_rows_not_of_line_ends_or_of_later_rows(tmp_path):
    (tmp_path / "metrics.csv").write_bytes(table(1, 2).encode())
    writer = MetricsWriter(tmp_path, 2)
    writer.close()
    (tmp_path / "metrics.csv").write_bytes(table(1, 2, 3).replace("\r\n", "\n").encode())
    MetricsWriter(tmp_path, 2, checksum=writer.checksum).close()


def test_a_run_whose_history_was_altered_is_not_resumed(tmp_path, capsys):
    options = ["train", *TINY, "--output", tmp_path / "run"]
    assert run(*options, "--iterations", 2) == 0
    path = tmp_path / "run" / "metrics.csv"
    lines = path.read_text().splitlines(keepends=True)
    head, digit = lines[1].rstrip()[:-1], lines[1].rstrip()[-1]
    path.write_text("".join([lines[0], f"{head}{(int(digit) + 1) % 10}\n", *lines[2:]]))
    assert run(*options, "--iterations", 3, "--resume") == 2
    assert "metrics.csv has rows that were altered" in capsys.readouterr().err


def test_what_an_iteration_does_not_measure_is_an_empty_cell(tmp_path):
    writer = MetricsWriter(tmp_path, 0)
    writer.write({"iteration": 1, "a": 2.0}, absent=["b"])
    writer.write({"iteration": 2, "a": 3.0, "b": 4.0})
    writer.close()
    header, first, second = (tmp_path / METRICS).read_text().splitlines()
    assert (header, first[:7], second[:10]) == ("iteration,a,b,wall_time", "1,2.0,,", "2,3.0,4.0,")
    rows = read_metrics(tmp_path / METRICS)
    assert [row["a"] for row in rows] == [2, 3]
    assert math.isnan(rows[0]["b"])
    assert rows[1]["b"] == 4
    resumed = MetricsWriter(tmp_path, 2)  # writes events anew
    resumed.write({"iteration": 3, "a": 5.0}, absent=["b"])
    resumed.close()
    events = EventAccumulator(str(tmp_path / EVENTS)).Reload()
    assert [event.step for event in events.Scalars("b")] == [2]
    assert [event.step for event in events.Scalars("a")] == [1, 2, 3]
