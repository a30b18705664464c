"""Runs of several processes that cannot begin: one line from the first, and status 2 of all."""

import os
import signal

import pytest
import torch
from programs import TINY
from teams import program_team, refusal_of

from mamlrl.distributed import joining

RUN = ["train", *TINY, "--meta_batch_size=3"]


@pytest.mark.parametrize(
    ("size", "options", "of_rank", "expected"),
    [
        (3, ["--meta_batch_size=2"], (), "meta_batch_size: 2 tasks cannot be shared by 3 processes"),
        (2, [], ["--iterations=7"], "iterations: process 1 has 7, and process 0 1; start all processes with"),
        (2, [], ["--iteration=7"], "process 1 of 2: "),
        (2, ["--device=cuda"], (), "device: there is no cuda here"),
        (2, ["--device=nowhere"], (), "device: there is no nowhere here"),
        (2, ["--seeds", "0", "1"], (), "seeds: several processes train one seed together"),
    ],
)
def test_bad_input_is_told_by_the_first_process(size, options, of_rank, expected, tmp_path):
    ended = program_team(
        size,
        *RUN,
        "--iterations=1",
        *options,
        of_rank=lambda rank: of_rank if rank == 1 else (),
        prepare=lambda rank: os.chdir(tmp_path),
    )
    assert refusal_of(ended).startswith(f"mamlrl: {expected}")
    assert not list(tmp_path.rglob("*.pt"))


def test_processes_of_different_versions_are_refused(tmp_path):
    def update(rank):
        joining.__version__ = f"9.{rank}"

    line = refusal_of(program_team(2, *RUN, "--output", tmp_path, prepare=update))
    assert line == (
        "mamlrl: mamlrl: process 1 has 9.1, and process 0 9.0; start the same program on machines of the same kind"
    )


@pytest.mark.parametrize("rank", [0, 1])
def test_a_process_that_cannot_reach_the_others_says_so(rank, tmp_path):
    (ended,) = program_team(2, *RUN, "--output", tmp_path, ranks=[rank], MAMLRL_JOIN_TIMEOUT="1")
    assert ended.status == 2
    (line,) = (line for line in ended.lines if line.startswith("mamlrl"))  # there are PyTorch's own besides
    assert line.startswith(f"mamlrl: processes: process {rank} of 2 did not meet the others at 127.0.0.1:")


def test_without_a_place_to_meet_torchrun_is_named(tmp_path):
    (ended,) = program_team(2, *RUN, "--output", tmp_path, ranks=[0], MASTER_ADDR="")
    assert (
        refusal_of([ended]) == "mamlrl: processes: MASTER_ADDR is not set in the environment; start with torchrun"
    )


def die_before_the_process_group_is_made(rank):
    if rank == 1:
        torch.distributed.init_process_group = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)


def be_told_of_three(rank):
    os.environ["WORLD_SIZE"] = str(2 + rank)


@pytest.mark.parametrize(
    ("prepare", "variables", "expected"),
    [
        (
            die_before_the_process_group_is_made,
            {},
            "processes: process 0 of 2 did not meet the others at 127.0.0.1:",
        ),
        (be_told_of_three, {}, "WORLD_SIZE: process 1 has 3, and process 0 2; start all with the same"),
        (
            None,
            {"MASTER_PORT": "99999"},
            "processes: RANK must be from 0 to WORLD_SIZE - 1, MASTER_PORT a port, and",
        ),
        (None, {"MASTER_PORT": "x"}, "processes: RANK, WORLD_SIZE, MASTER_PORT and MAMLRL_JOIN_TIMEOUT must be"),
    ],
)
def test_a_start_that_fails_ends_on_all(prepare, variables, expected, tmp_path):
    variables = {"MAMLRL_JOIN_TIMEOUT": "1"} | variables
    prepare = prepare or (lambda rank: None)
    ended = program_team(2, *RUN, "--output", tmp_path, prepare=prepare, **variables)
    if prepare is die_before_the_process_group_is_made:
        assert ended.pop().status == -signal.SIGKILL
    assert refusal_of(ended).startswith(f"mamlrl: {expected}")
