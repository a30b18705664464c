"""Checkpoints name the classes that were trained on, and no evaluation is on them."""

import logging

import pytest

from mamlrl.errors import UserError
from mamlrl.supervised.trained_classes import as_state, check_not_trained_on, resumed


def test_names_survive_in_a_state_and_are_only_there_if_there_are_any(caplog):
    assert as_state(("a", "b")) == {"classes": ["a", "b"]}
    assert as_state(()) == as_state(None) == {}
    check_not_trained_on({}, ())
    assert not caplog.records


def test_an_overlap_is_refused_and_named():
    state = as_state(("a", "b", "c"))
    check_not_trained_on(state, ("d", "e"))
    with pytest.raises(UserError, match="2 of 3 classes for testing are trained on: a, c; take data"):
        check_not_trained_on(state, ("a", "c", "e"))


def test_a_state_without_names_is_accepted_with_a_note(caplog):
    with caplog.at_level(logging.WARNING):
        check_not_trained_on({}, ("a",))
        assert resumed({}, ("a",)) is None
    assert len(caplog.messages) == 2
    assert all("does not name the classes that it was trained on" in message for message in caplog.messages)


def test_a_run_goes_on_with_the_same_classes_only():
    state = as_state(("a", "b"))
    assert resumed(state, ("b", "a")) == ("b", "a")
    with pytest.raises(
        UserError, match=r"data.folder: .*other classes \(b gone and c, d new\); put the data back"
    ):
        resumed(state, ("a", "c", "d"))
    with pytest.raises(UserError, match=r"other classes \(b gone\)"):
        resumed(state, ("a",))


@pytest.mark.parametrize("names", ["ab", [1], None, {"a": 1}])
def test_names_that_are_none_are_damage(names):
    for check in (check_not_trained_on, resumed):
        with pytest.raises(UserError, match="its state is damaged: the names of the classes"):
            check({"classes": names}, ("a",))
