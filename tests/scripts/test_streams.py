"""Standard streams that cannot be written, and Ctrl-C at any time: nothing is lost, the exit status is true."""

import json
import re
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest
from marks import slow
from programs import ONE, TESTS, TINY, deterministic_rows, run

from mamlrl.console import Stream, is_terminal, note
from mamlrl.experiments.command_line import load_config
from mamlrl.runs.checkpoints import load_checkpoint
from mamlrl.runs.saved import latest_checkpoint
from mamlrl.runs.training import train
from mamlrl.scripts.program import run_program

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
COMMAND = f"{sys.executable} -m mamlrl_command"
NO_TEXT = ["2>&-", "2>/dev/full", "2>&1 | true", ">&- 2>&-", ">/dev/full 2>/dev/full", "<&- >&- 2>&-"]
FEW = ["2>&1 | true", ">&- 2>&-"]  # of these


def shell(line):
    """Runs a command line, whose status is that of its first program."""
    command = ["bash", "-c", f"{line}; exit ${{PIPESTATUS[0]}}"]
    return subprocess.run(command, capture_output=True, text=True, cwd=TESTS, check=False)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained") / "run"
    assert run("train", *ONE, "--output", folder) == 0
    return folder


@pytest.mark.parametrize("streams", [*FEW, *slow(*(each for each in NO_TEXT if each not in FEW))])
def test_training_needs_nobody_to_read_its_words(tmp_path, streams):
    options = " ".join(f"'{option}'" for option in [*TINY, "--iterations=3"])
    result = shell(f"{COMMAND} train {options} --output {tmp_path}/run {streams}")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert [row["iteration"] for row in deterministic_rows(tmp_path / "run")] == ["1", "2", "3"]
    assert load_checkpoint(latest_checkpoint(tmp_path / "run"))[1]["iteration"] == 3


@pytest.mark.parametrize(
    ("streams", "reason"),
    [(">/dev/full", "No space left on device"), (">&-", "Bad file descriptor"), ("| true", "Broken pipe")],
)
def test_evaluations_are_saved_though_they_cannot_be_printed(tmp_path, trained, streams, reason):
    result = shell(f"{COMMAND} evaluate {trained} --json {tmp_path}/e.json {streams}")
    assert result.returncode == 2
    assert re.fullmatch(rf"mamlrl: cannot write to stdout: .*{reason}\n", result.stderr)
    assert json.loads((tmp_path / "e.json").read_text())[0]["steps"]


@pytest.mark.parametrize("arguments", ["--version", "train --help", "plot curves {trained} --output {new}/a.png"])
@pytest.mark.parametrize("streams", [">/dev/full", ">&- 2>&-"])
def test_words_that_cannot_be_printed_are_an_error(tmp_path, trained, arguments, streams):
    result = shell(f"{COMMAND} {arguments.format(trained=trained, new=tmp_path)} {streams}")
    assert result.returncode == 2
    if "2>" not in streams:
        assert re.fullmatch(r"mamlrl: cannot write to stdout: [^\n]*\n", result.stderr)


def test_an_error_that_cannot_be_printed_has_its_status(tmp_path):
    for streams in NO_TEXT[:3]:
        assert shell(f"{COMMAND} train --config=none --output {tmp_path}/run {streams}").returncode == 2
    assert list(tmp_path.iterdir()) == []


def test_paths_that_stdout_cannot_encode_are_printed_with_escapes(tmp_path, trained):
    folder = tmp_path / "läufe"
    trained.rename(folder)
    try:
        result = shell(f"PYTHONUTF8=0 PYTHONIOENCODING=ascii {COMMAND} evaluate {folder}")
    finally:
        folder.rename(trained)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith(f"{tmp_path}/l\\xe4ufe")


@pytest.mark.parametrize("delay", [0.2, 0.7, *slow(2.0, 3.0)])
def test_ctrl_c_while_the_program_starts_is_silent(tmp_path, delay):
    options = [*TINY, "--iterations=1000000", "--output", str(tmp_path / "run")]
    command = [sys.executable, "-m", "mamlrl_command", "train", *options]
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        cwd=TESTS,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 (background jobs ignore it)
    )
    time.sleep(delay)
    process.send_signal(signal.SIGINT)
    try:
        _, error = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode in (128 + signal.SIGINT, -signal.SIGINT)
    assert "Traceback" not in error


def test_training_works_in_any_thread(tmp_path):
    config, results = load_config("navigation2d", [*ONE[1:]]), []
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    thread = threading.Thread(target=lambda: results.append(train(config, tmp_path)))
    thread.start()
    thread.join()
    assert results == [0]
    assert len(deterministic_rows(tmp_path)) == 1
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers


def test_streams_that_are_missing_or_closed(tmp_path, monkeypatch):
    closed = open(tmp_path / "file", "w")  # noqa: SIM115
    closed.close()
    for stream in (None, closed):
        wrapped = Stream(stream)
        assert wrapped.write("text") == 4
        wrapped.flush()
        assert wrapped.failure is not None
        assert not is_terminal(stream)
        monkeypatch.setattr(sys, "stderr", stream)
        note("text")
        monkeypatch.undo()


def test_errors_of_several_lines_become_one(capsys):
    def fail(arguments):
        load_config("navigation2d", ["--seed=\n3\nx"])

    assert run_program(fail, []) == 2
    assert capsys.readouterr().err.count("\n") == 1
