"""One experiment on several devices, with several simulators."""

import pytest
import torch

from mamlrl.benchmarks import variants as module
from mamlrl.benchmarks.variants import place, simulator_of, variants
from mamlrl.errors import UserError
from mamlrl.experiments.command_line import load_config

CHEETAH = load_config("half_cheetah_direction")
NAVIGATION = load_config("navigation2d")
SINUSOID = load_config("sinusoid")


def test_every_device_meets_every_simulator(monkeypatch):
    monkeypatch.setattr(module, "make_device", torch.device)
    found = variants(CHEETAH, ["cpu", "cuda"], ["batch", "warp"])
    assert [place(each) for each in found] == [
        "cpu, simulator batch",
        "cpu, simulator warp",
        "cuda, simulator batch",
        "cuda, simulator warp",
    ]
    assert all(each.env.kwargs["family"] == CHEETAH.env.kwargs["family"] for each in found)
    assert [each.device for each in variants(SINUSOID, ["cpu", "cuda"])] == ["cpu", "cuda"]


def test_by_default_an_experiment_runs_where_it_says():
    for config in (CHEETAH, NAVIGATION, SINUSOID):
        assert variants(config) == [config]
    assert [place(config) for config in (CHEETAH, NAVIGATION, SINUSOID)] == ["cpu, simulator batch", "cpu", "cpu"]
    assert simulator_of(NAVIGATION) is None


def test_what_there_is_not_is_one_line():
    with pytest.raises(UserError, match="device: there is no cuda here; there are: cpu"):
        variants(CHEETAH, ["cpu", "cuda"])
    with pytest.raises(UserError, match="simulators: mamlrl/Navigation2D-v0 has none to choose from"):
        variants(NAVIGATION, [], ["warp"])
    with pytest.raises(UserError, match="simulators: experiments of kind supervised have none"):
        variants(SINUSOID, [], ["warp"])
