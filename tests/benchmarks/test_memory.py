import pytest
import torch

from mamlrl.benchmarks.memory import peak_memory

CPU = torch.device("cpu")
KIB = 2**10


def zeros(kib):
    return torch.zeros(kib * KIB, dtype=torch.uint8)


def one_after_the_other():
    for _ in range(5):
        zeros(300)


def all_at_once():
    return [zeros(300) for _ in range(5)]


def a_gradient():
    x = zeros(100).double().requires_grad_()  # 100 KiB as bytes, 800 KiB as doubles
    (x * x).sum().backward()


@pytest.mark.parametrize(
    ("work", "kib"),
    [
        (lambda: None, 0),
        (lambda: zeros(300), 300),
        (one_after_the_other, 300),
        (all_at_once, 1500),
        (lambda: zeros(200) + zeros(200), 600),
        (lambda: (zeros(200).add_(1), zeros(100)), 300),
    ],
)
def test_the_peak_is_what_was_held_at_once(work, kib):
    assert peak_memory(work, CPU) / KIB == pytest.approx(kib, abs=0.5)


def test_gradients_count():
    assert peak_memory(a_gradient, CPU) / KIB >= 1600


def test_what_was_there_before_does_not_count():
    held = all_at_once()
    assert peak_memory(lambda: held[0] + held[1], CPU) == 300 * KIB


def test_nothing_is_printed(capfd):
    peak_memory(lambda: zeros(1), CPU)
    assert capfd.readouterr() == ("", "")
