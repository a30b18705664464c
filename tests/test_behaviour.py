"""Recorded behaviour: runs and evaluations equal those of `behaviour.py` bit for bit."""

import json

import behaviour
import pytest

RECORD = json.loads(behaviour.RECORDS.read_text())
SAME_MACHINE = behaviour.machine() == RECORD["machine"]


def assert_equal(found, recorded, *, first_rows):
    """Bit for bit where processor and libraries are those of the record, else the first rows up to rounding."""
    if SAME_MACHINE:
        assert found == recorded
        return
    for row, expected in zip(found[:first_rows], recorded[:first_rows], strict=True):
        assert row == pytest.approx(expected, rel=2e-2, abs=1e-3)


@pytest.mark.parametrize("name", behaviour.RUNS)
def test_a_run_is_as_recorded(name, tmp_path):
    found, recorded = behaviour.train(name, tmp_path), RECORD["runs"][name]
    assert_equal(found["metrics"], recorded["metrics"], first_rows=1)
    if SAME_MACHINE:
        assert found["params"] == recorded["params"]


@pytest.mark.parametrize("name", behaviour.EVALUATIONS)
def test_the_evaluation_of_a_shipped_checkpoint_is_as_recorded(name, tmp_path):
    found = behaviour.evaluate(name, tmp_path)
    assert_equal(found, RECORD["evaluations"][name], first_rows=1)
