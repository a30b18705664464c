"""A problem that several files compare estimators on."""

import pytest
import torch
from comparisons import smooth

from mamlrl.benchmarks import memory_traffic
from mamlrl.benchmarks.comparison import solve
from mamlrl.benchmarks.problems import sample_problem


@pytest.fixture(scope="session")
def config():
    return smooth()


@pytest.fixture(scope="session")
def problem(config):
    return sample_problem(config)


@pytest.fixture(scope="session")
def reference(config, problem):
    return solve(problem, config.adaptation)


@pytest.fixture(autouse=True)
def _small_copies(monkeypatch):
    """The bandwidth of memory is not what tests are about."""
    monkeypatch.setattr(memory_traffic, "LARGE", 2**26)


@pytest.fixture(params=[1, 3])
def threads(request):
    """PyTorch has so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)
