"""What processes leave for each other in a store, and how long they wait."""

import threading

import pytest
import torch.distributed as dist

from mamlrl.distributed import store as stores
from mamlrl.distributed.store import missing, part, tell_error, told_errors
from mamlrl.distributed.team import Team
from mamlrl.distributed.waiting import call_within


class EndedStore:
    """What is left of a store when the process that kept it has ended."""

    def set(self, key, value):
        raise RuntimeError("connection reset by peer")

    def check(self, keys):
        raise RuntimeError("connection reset by peer")


@pytest.fixture
def members():
    store = dist.HashStore()
    return [Team(rank, 3, store) for rank in range(3)]


def test_errors_are_found_by_rank(members):
    first, second, third = members
    assert told_errors(first) == {}
    tell_error(third, ValueError("no data"))
    tell_error(second, ValueError("no memory"))
    assert told_errors(first) == told_errors(third) == {1: "no memory", 2: "no data"}


def test_a_roll_call_names_who_does_not_answer(members, monkeypatch):
    monkeypatch.setattr(stores, "ROLL_CALL", 0.0)
    assert missing(members[0]) == [1, 2]
    assert missing(members[2]) == [1]
    assert missing(members[1]) == []


def test_without_a_store_nobody_is_known_to_be_missing():
    alone = Team(0, 2)
    assert (missing(alone), told_errors(alone)) == ([], {})


def test_the_first_process_leaves_last(members):
    first, second, third = members
    part(third)
    leaving = threading.Thread(target=part, args=(first,), daemon=True)
    leaving.start()
    leaving.join(0.2)
    assert leaving.is_alive()
    part(second)
    leaving.join(10)
    assert not leaving.is_alive()


def test_a_store_that_has_ended_means_that_the_first_process_has():
    ended = Team(1, 2, EndedStore())
    assert missing(ended) == [0]
    tell_error(ended, ValueError("no data"))
    part(ended)
    assert told_errors(ended) == {}


def test_calls_that_take_too_long_are_left_alone():
    done = threading.Event()
    call_within(10, done.set)
    assert done.is_set()
    with pytest.raises(ZeroDivisionError):
        call_within(10, lambda: 1 / 0)
    never = threading.Event()
    with pytest.raises(TimeoutError, match=r"not done within 0.01 s"):
        call_within(0.01, never.wait)
    never.set()
