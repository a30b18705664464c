import pytest
import torch
from problems import make_objective

from mamlrl.benchmarks import memory_traffic
from mamlrl.benchmarks.memory_traffic import MemoryTraffic, copy_bandwidth

A, B = torch.ones(20, 30), torch.ones(30, 40, dtype=torch.float64)


@pytest.mark.parametrize(
    ("work", "moved"),
    [
        (lambda: None, 0),
        (lambda: A + A, 3 * 2400),
        (lambda: A.view(600)[::2].unsqueeze(1).mT, 0),
        (A.clone, 2 * 2400),
        (lambda: A.clone().mul_(2), 4 * 2400),  # twice as many: read and written each time
        (B.double, 0),  # they are already
        (lambda: B.sum(dim=1), 9600 + 30 * 8),
        (lambda: A @ A.mT, 0),
        (lambda: A + A[:1].expand(20, -1), 2 * 2400 + 30 * 4),
        (lambda: torch.cat([A, A]), 4 * 2400),
        (lambda: A.max(dim=0), 2400 + 30 * 4 + 30 * 8),
        (lambda: torch.ones(5), 20),
    ],
)
def test_what_operations_read_and_write_is_counted(work, moved):
    assert MemoryTraffic(work).bytes == moved


@pytest.mark.usefixtures("threads")
def test_as_much_is_copied_again(monkeypatch):
    _, _, objective, _, _ = make_objective()
    traffic = MemoryTraffic(objective.gradient)
    copied = []
    copy = torch.Tensor.copy_
    monkeypatch.setattr(torch.Tensor, "copy_", lambda to, of: (copied.append(of.numel()), copy(to, of))[1])
    traffic.repeat()
    assert len(copied) > 20
    assert 0 <= traffic.bytes - 2 * sum(copied) <= len(copied)  # odd sizes lose a byte


def test_the_bandwidth_is_that_of_the_fastest_of_some_copies(monkeypatch):
    seconds = iter([0.5, 0.25, 1.0, 0.5, 0.5])
    monkeypatch.setattr(memory_traffic, "LARGE", 1000)
    monkeypatch.setattr(memory_traffic, "seconds_of", lambda work, device: (work(), next(seconds))[1])
    assert copy_bandwidth(torch.device("cpu")) == 8000
