import pytest
import torch

from mamlrl import timing


def test_phases_add_up_and_a_nested_phase_does_not_count_for_the_outer_one(monkeypatch):
    clock = iter([0.0, 1.0, 3.0, 7.0, 10.0, 20.0])
    monkeypatch.setattr(timing, "perf_counter", lambda: next(clock))
    timer = timing.PhaseTimer(torch.device("cpu"))
    with timer.phase("outer"), timer.phase("inner"):  # 0 to 1 outer, 1 to 3 inner, 3 to 7 outer
        pass
    with timer.phase("inner"):  # 10 to 20
        pass
    assert timer.seconds == pytest.approx({"outer": 5.0, "inner": 12.0})
