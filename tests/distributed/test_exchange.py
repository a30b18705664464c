"""Processes that share the tasks of a meta-batch, by gloo."""

import os

import pytest
import torch
from programs import TINY
from teams import team

from mamlrl.distributed import team as teams
from mamlrl.distributed.exchange import PeerError, all_sum, from_first, gather, meet
from mamlrl.distributed.joining import joined
from mamlrl.distributed.metrics import combined, of_all_tasks
from mamlrl.distributed.team import (
    Share,
    check_own_gpu,
    is_first,
    processes_here,
    share_if_enough,
    share_of,
    size,
)
from mamlrl.errors import UserError
from mamlrl.experiments.command_line import load_config
from mamlrl.learners.policy import MetaLearner
from mamlrl.sampling.build import EnvConfig, make_task_envs
from mamlrl.sampling.settings import SamplingConfig

HALF_CHEETAH = EnvConfig("mamlrl/HalfCheetahVelocity-v0")


def in_team(size, function, **variables):
    """Runs a function of the rank in processes that have joined; asserts that it raised nothing."""

    def work(rank):
        with joined():
            function(rank)
        return 0

    for ended in team(size, work, **variables):
        assert ended.status == 0, str(ended)


def test_one_process_alone_shares_with_nobody():
    values = torch.arange(3.0)
    assert all_sum(values) is values
    assert (gather(7), from_first(7), meet(7), size(), is_first()) == ([7], 7, 7, 1, True)
    assert share_of("meta_batch_size", 5).tasks == range(5)
    metrics = {"loss": float("nan")}
    assert combined(metrics, 5) is metrics


def test_words_sums_and_values_of_all_processes():
    def work(rank):
        assert size() == 3
        assert is_first() == (rank == 0)
        assert all_sum(torch.tensor([1.0, rank])).tolist() == [3, 3]
        assert (teams.team().messages, teams.team().bytes) == (1, 8)
        assert gather("abc"[rank]) == ["a", "b", "c"]
        assert from_first({"rank": rank}) == {"rank": 0}
        assert [meet(rank), meet(5 - rank)] == [2, 5]

    in_team(3, work)


def test_tasks_are_divided_without_gaps_and_as_equally_as_possible():
    def work(rank):
        for total in (3, 4, 5, 6, 20):
            shares = gather(share_of("meta_batch_size", total))
            assert [task for share in shares for task in share.tasks] == list(range(total))
            sizes = [len(share.tasks) for share in shares]
            assert max(sizes) - min(sizes) <= 1
            assert list(range(total))[shares[rank].part] == list(shares[rank].tasks)
        with pytest.raises(UserError, match=r"meta_batch_size: 2 tasks cannot be shared by 3 processes"):
            share_of("meta_batch_size", 2)
        assert share_if_enough(4).tasks == share_of("meta_batch_size", 4).tasks
        assert share_if_enough(2) == Share(range(2), 2)
        assert share_if_enough(2).is_all
        assert not share_if_enough(3).is_all

    in_team(3, work)


def test_metrics_are_of_the_tasks_of_all_processes():
    def work(rank):
        nan = float("nan")
        mine = {"mean": (1.0, 4.0)[rank], "defined": (nan, 3.0)[rank], "never": nan}
        found = combined(mine, num_tasks=(1, 2)[rank])
        assert (found["mean"], found["defined"]) == (3, 3)
        assert found["never"] != found["never"]
        assert combined({}, 1) == {}
        values = {"return": [torch.tensor([1.0]), torch.tensor([2.0])], "loss": [torch.tensor([3.0])]}
        if rank == 1:
            values = {name: [10 * torch.cat([each, each]) for each in tensors] for name, tensors in values.items()}
        found = of_all_tasks(values)
        assert [each.tolist() for each in found["return"]] == [[1, 10, 10], [2, 20, 20]]
        assert [each.tolist() for each in found["loss"]] == [[3, 30, 30]]
        assert of_all_tasks(values, Share(range(2), 2)) == values

    in_team(2, work)


def test_an_error_of_one_process_is_raised_by_all():
    def work(rank):
        with joined():
            if rank == 1:
                raise UserError("no data here")
            with pytest.raises(PeerError, match=r"^process 1 of 3: no data here$"):
                meet()
            raise PeerError("told")

    for ended in team(3, work):
        assert ended.status == 99
        assert "no data here" in ended.error or "PeerError: told" in ended.error


def test_an_error_after_the_work_is_raised_by_all():
    def work(rank):
        try:
            with joined():
                if rank == 0:
                    raise UserError("at last")
        except UserError as error:
            return 3 + isinstance(error, PeerError) if "at last" in str(error) else 98
        return 0

    assert [ended.status for ended in team(2, work)] == [3, 4]


def test_a_process_group_of_the_caller_is_used_and_kept():
    def work(rank):
        torch.distributed.init_process_group("gloo")
        del os.environ["RANK"]
        with joined():
            assert gather(rank) == [0, 1]
            with joined():
                assert size() == 2
        assert torch.distributed.is_initialized()
        assert size() == 1
        return 0

    assert [ended.status for ended in team(2, work)] == [0, 0]


def test_processes_on_a_machine_share_its_cores_and_need_a_gpu_each():
    def work(rank):
        assert processes_here() == 2
        threads = [env.simulator._arguments[5] for env in make_task_envs(HALF_CHEETAH, 2, SamplingConfig(1))]
        assert threads == [max(1, os.cpu_count() // 2)]
        check_own_gpu("cpu")
        for device, gpus, fault in (
            ("cuda", 1, "2 processes on this machine have 1 GPUs"),
            ("cuda:0", 2, "shared"),
        ):
            torch.cuda.device_count = lambda gpus=gpus: gpus
            with pytest.raises(UserError, match=f"device: .*{fault}"):
                check_own_gpu(device)
        torch.cuda.device_count = lambda: 2
        check_own_gpu("cuda")

    assert processes_here() == 1
    check_own_gpu("cuda:0")
    in_team(2, work)


def test_what_is_summed_in_a_meta_iteration():
    """The gradient, products, losses of the line search, and means of metrics."""

    def work(rank):
        learner = MetaLearner(load_config("navigation2d", TINY[1:]))
        before = teams.team().messages, teams.team().bytes
        metrics = learner.iterate()
        products, tries = int(metrics["cg_iterations"]), 1 + int(metrics["line_search_steps"])
        vectors = (1 + products) * 4 * (len(learner.params) + 1)
        messages, found = teams.team().messages - before[0], teams.team().bytes - before[1]
        assert messages == 1 + products + tries + 1
        means = len(metrics) - list(metrics).index("gradient_norm/meta")
        assert found == vectors + tries * 4 * 3 + means * 16

    in_team(2, work)
