"""Blocks of tasks in threads; that results do not depend on their number is in `outer/test_side_by_side.py`."""

import os
import signal
import threading

import pytest
import torch

from mamlrl.threads import map_blocks, one_thread_per_operation

SECONDS = 20  # after which threads that wait for each other have waited too long


@pytest.fixture(autouse=True)
def _number_of_threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def thread_of(block):
    del block
    return threading.current_thread().name


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_results_are_in_the_order_of_the_blocks(threads):
    torch.set_num_threads(threads)
    assert map_blocks(lambda x, y: 10 * x + y, range(5), [5, 6, 7, 8, 9]) == [5, 16, 27, 38, 49]
    assert map_blocks(lambda x: x, []) == []


def test_as_many_blocks_run_at_the_same_time_as_there_are_threads():
    torch.set_num_threads(3)
    together = threading.Barrier(3)
    map_blocks(lambda block: together.wait(SECONDS), range(6))


def test_one_thread_or_one_block_stays_where_it_is():
    here = threading.current_thread().name
    torch.set_num_threads(1)
    assert map_blocks(thread_of, range(3)) == [here] * 3
    torch.set_num_threads(3)
    assert map_blocks(thread_of, range(1)) == [here]
    assert here not in map_blocks(thread_of, range(3))


@pytest.mark.parametrize("blocks", [1, 4])
def test_operations_have_one_thread_meanwhile_and_as_many_as_before_afterwards(blocks):
    torch.set_num_threads(3)
    assert map_blocks(lambda block: torch.get_num_threads(), range(blocks)) == [1] * blocks
    assert torch.get_num_threads() == 3
    others = []
    thread = threading.Thread(target=lambda: others.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert others == [3]


def test_blocks_still_have_all_threads_where_operations_have_one():
    torch.set_num_threads(2)
    together = threading.Barrier(2)
    with one_thread_per_operation() as outer, one_thread_per_operation() as inner:
        assert (outer, inner, torch.get_num_threads()) == (2, 2, 1)
        map_blocks(lambda block: together.wait(SECONDS), range(2))
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize("threads", [1, 2])
def test_the_error_is_that_of_the_first_block_that_has_one(threads):
    torch.set_num_threads(threads)

    def fail_late(block):
        if block > 1:
            raise ValueError(f"block {block}")

    with pytest.raises(ValueError, match="block 2"):
        map_blocks(fail_late, range(5))
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_blocks_record_graphs_where_the_caller_does(mode):
    torch.set_num_threads(2)
    x = torch.ones(2, requires_grad=True)
    with mode():
        expected = (2 * x).requires_grad, torch.is_inference_mode_enabled()
        found = map_blocks(lambda block: ((2 * x).requires_grad, torch.is_inference_mode_enabled()), range(3))
    assert found == [expected] * 3


def test_blocks_of_a_block_are_its_own():
    torch.set_num_threads(2)
    inner = map_blocks(lambda block: (thread_of(block), map_blocks(thread_of, range(3))), range(4))
    assert all(names == [name] * 3 for name, names in inner)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # Python 3.12 warns of any copy with threads
def test_a_copy_of_the_process_has_threads_of_its_own():
    torch.set_num_threads(2)
    map_blocks(thread_of, range(2))
    child = os.fork()
    if child == 0:
        signal.alarm(SECONDS)
        os._exit(0 if map_blocks(abs, [-1, -2]) == [1, 2] else 1)
    assert os.waitpid(child, 0)[1] == 0
