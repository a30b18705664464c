import pytest
import torch
from problems import make_objective

from mamlrl.benchmarks.matrix_products import MatrixProducts

A, B, BATCH = torch.ones(2, 3), torch.ones(3, 4), torch.ones(5, 2, 3)


@pytest.mark.parametrize(
    ("work", "flops"),
    [
        (lambda: A + A, 0),
        (lambda: A @ B, 2 * 2 * 3 * 4),
        (lambda: torch.addmm(torch.zeros(4), A, B), 2 * 2 * 3 * 4),
        (lambda: BATCH @ B.expand(5, -1, -1), 5 * 2 * 2 * 3 * 4),
        (lambda: torch.zeros(5, 2, 2).baddbmm_(BATCH, BATCH.mT), 5 * 2 * 2 * 3 * 2),
        (lambda: (A @ B, A @ B), 2 * 2 * 2 * 3 * 4),
    ],
)
def test_all_multiplications_are_counted(work, flops):
    assert MatrixProducts(work).flops == flops


@pytest.mark.usefixtures("threads")
def test_the_same_products_are_taken_again(monkeypatch):
    _, _, objective, _, _ = make_objective()
    products = MatrixProducts(objective.gradient)
    taken = []
    monkeypatch.setattr(MatrixProducts, "_again", lambda self, parts: taken.extend(parts))
    products.repeat()
    shapes = [(tuple(left.shape), tuple(right.shape)) for left, right in taken]
    assert sum(2 * left.numel() * right.shape[-1] for left, right in taken) == products.flops
    assert ((3, 5, 3), (3, 3, 20)) in shapes  # three tasks of twenty samples in the first layer, transposed
