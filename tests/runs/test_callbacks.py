"""What callbacks are told, what they may ask for, and what is left when they fail."""

import threading

import pytest
import torch
from programs import TINY, deterministic_rows, deterministic_state
from sinusoids import tiny

from mamlrl.errors import LearningError, UserError
from mamlrl.experiments.command_line import load_config
from mamlrl.learners.learner import Learner
from mamlrl.learners.policy import MetaLearner
from mamlrl.runs.callbacks import Callback, CallbackError
from mamlrl.runs.checkpoints import load_checkpoint
from mamlrl.runs.metrics_file import read_metrics
from mamlrl.runs.saved import latest_checkpoint
from mamlrl.runs.training import train

METHODS = ("on_start", "on_iteration", "on_checkpoint", "on_end", "on_error")


class Told(Callback):
    """Notes every call, and the thread it came in."""

    def __init__(self, stop_after=None):
        self.calls, self.stop_after, self.threads = [], stop_after, set()

    def note(self, *call):
        self.calls.append(call)
        self.threads.add(threading.current_thread())

    def on_start(self, learner, folder):
        assert isinstance(learner, Learner)
        self.note("start", learner.iteration, folder)

    def on_iteration(self, learner, metrics):
        self.note("iteration", learner.iteration, metrics)
        return learner.iteration == self.stop_after

    def on_checkpoint(self, path):
        load_checkpoint(path)  # it is whole already
        self.note("checkpoint", path.name)

    def on_end(self, learner):
        self.note("end", learner.iteration)

    def on_error(self, error):
        self.note("error", error)

    def named(self, name):
        return [call[1:] for call in self.calls if call[0] == name]


def assert_rows(folder, metrics):
    """Checks that metrics are the rows of the metrics file, but for the times of writing."""
    rows = read_metrics(folder / "metrics.csv")
    assert [{name: row[name] for name in told} for told, row in zip(metrics, rows, strict=True)] == metrics


def config(*overrides):
    return load_config("navigation2d", [*TINY[1:], "--iterations=4", *overrides])


def test_every_event_is_told_in_its_order_with_the_rows_of_the_metrics_file(tmp_path):
    told = Told()
    assert train(config("--save_every=2", "--checkpoint_every=3"), tmp_path, callbacks=[told]) == 0
    assert told.calls[0] == ("start", 0, tmp_path)
    assert told.calls[-1] == ("end", 4)
    names = [call[0] if call[0] != "checkpoint" else call[1] for call in told.calls]
    names = [name for name in names if name != "best.pt"]
    assert names == [
        "start", "iteration", "latest.pt", "iteration", "iteration_3.pt", "iteration", "latest.pt", "iteration",
        "end",
    ]  # fmt: skip
    assert [iteration for iteration, _ in told.named("iteration")] == [1, 2, 3, 4]
    assert_rows(tmp_path, [metrics for _, metrics in told.named("iteration") if metrics])
    assert [bool(metrics) for _, metrics in told.named("iteration")] == [False, True, False, True]
    assert ("best.pt",) in told.named("checkpoint")


def test_callbacks_leave_the_run_as_it_is(tmp_path):
    class Spoiler(Told):
        def on_iteration(self, learner, metrics):
            metrics.clear()
            torch.rand(3)

    train(config(), tmp_path / "alone")
    train(config(), tmp_path / "told", callbacks=(Told(), Spoiler()))
    assert deterministic_rows(tmp_path / "alone") == deterministic_rows(tmp_path / "told")


@pytest.mark.parametrize("save_every", [1, 4])
def test_a_callback_stops_a_run_which_can_be_resumed(tmp_path, save_every):
    settings = config(f"--save_every={save_every}")
    train(settings, tmp_path / "whole")
    told = Told(stop_after=2)
    assert train(settings, tmp_path / "parts", callbacks=[told, Told()]) == 0
    assert told.named("end") == [(2,)]
    assert load_checkpoint(latest_checkpoint(tmp_path / "parts"))[1]["iteration"] == 2
    again = Told()
    train(settings, tmp_path / "parts", resume=True, callbacks=[again])
    assert again.named("start") == [(2, tmp_path / "parts")]
    assert deterministic_rows(tmp_path / "whole") == deterministic_rows(tmp_path / "parts")
    one, other = (deterministic_state(latest_checkpoint(tmp_path / name)) for name in ("whole", "parts"))
    assert torch.equal(one["params"], other["params"])


def test_training_in_another_thread_tells_in_that_thread(tmp_path):
    told = Told()
    thread = threading.Thread(target=train, args=(config(), tmp_path), kwargs={"callbacks": [told]})
    thread.start()
    thread.join()
    assert told.threads == {thread}
    assert told.named("end") == [(4,)]


def test_supervised_runs_tell_too(tmp_path):
    told = Told()
    train(tiny("--iterations=2", "--save_every=1"), tmp_path, callbacks=[told])
    assert_rows(tmp_path, [metrics for _, metrics in told.named("iteration")])


@pytest.mark.parametrize("method", METHODS[:4])
def test_a_callback_that_raises_is_named_and_the_last_checkpoint_stays(tmp_path, method):
    def fail(self, *arguments):
        if method in ("on_start", "on_end") or getattr(arguments[0], "iteration", 2) == 2:
            raise ValueError("no network\nhere")

    told, broken = Told(), type("Broken", (Callback,), {method: fail})()
    with pytest.raises(CallbackError) as raised:
        train(config(), tmp_path, callbacks=[told, broken])
    latest = latest_checkpoint(tmp_path)
    message = f"callback Broken: {method} raised ValueError: no network here"
    assert str(raised.value) == f"{message}; the last checkpoint is kept, {latest}"
    assert isinstance(raised.value, UserError)
    assert isinstance(raised.value.__cause__.__cause__, ValueError)
    assert [str(error) for (error,) in told.named("error")] == [message]
    expected = {"on_start": 0, "on_iteration": 2, "on_checkpoint": 0, "on_end": 4}[method]
    assert load_checkpoint(latest)[1]["iteration"] == expected
    train(config(), tmp_path, resume=True)
    assert [row["iteration"] for row in deterministic_rows(tmp_path)] == ["1", "2", "3", "4"]


def test_an_error_of_the_run_is_told_and_raised_even_if_that_fails(tmp_path, monkeypatch, capsys):
    class Broken(Callback):
        def on_error(self, error):
            raise ValueError("twice")

    def diverge(self):
        raise LearningError("the loss is not finite")

    monkeypatch.setattr(MetaLearner, "step", diverge)
    told = Told()
    with pytest.raises(LearningError, match="the loss is not finite; the last checkpoint is kept"):
        train(config(), tmp_path, callbacks=[Broken(), told])
    assert [type(error) for (error,) in told.named("error")] == [LearningError]
    assert told.named("end") == []
    assert "mamlrl: callback Broken: on_error raised ValueError: twice\n" in capsys.readouterr().err


def test_an_interrupt_in_a_callback_is_an_interrupt(tmp_path):
    class Interrupted(Told):
        def on_iteration(self, learner, metrics):
            raise KeyboardInterrupt

    told = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        train(config(), tmp_path, callbacks=[told])
    assert [type(error) for (error,) in told.named("error")] == [KeyboardInterrupt]


@pytest.mark.parametrize("callback", [Told, 3, print])
def test_what_is_no_callback_is_refused_before_anything_is_written(tmp_path, callback):
    with pytest.raises(UserError, match=r"^callbacks must be instances of mamlrl\.Callback, got "):
        train(config(), tmp_path / "run", callbacks=[callback])
    with pytest.raises(UserError, match=r"^callbacks must be a list of instances of mamlrl\.Callback, got "):
        train(config(), tmp_path / "run", callbacks=callback)
    assert not (tmp_path / "run").exists()


def test_a_callback_may_leave_all_out(tmp_path):
    assert all(hasattr(Callback, method) for method in METHODS)
    assert train(config("--iterations=1"), tmp_path, callbacks=[Callback()]) == 0
