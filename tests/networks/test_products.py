"""Products are those of einsum, for few and many columns, transposed or not."""

import pytest
import torch

from mamlrl.networks.products import FEW_COLUMNS, add_product, affine, outer

TASKS, SAMPLES = 3, 7
COLUMNS = [1, 2, FEW_COLUMNS, FEW_COLUMNS + 1]


def draw(*shape):
    return torch.randn(shape, dtype=torch.float64)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.mark.parametrize("outputs", COLUMNS)
@pytest.mark.parametrize("inputs", [1, 5])
def test_affine(inputs, outputs):
    bias, x, weight = draw(TASKS, 1, outputs), draw(TASKS, SAMPLES, inputs), draw(TASKS, inputs, outputs)
    torch.testing.assert_close(affine(bias, x, weight), torch.einsum("tsi,tio->tso", x, weight) + bias)


@pytest.mark.parametrize("outputs", COLUMNS)
def test_a_product_is_added_in_place(outputs):
    total, x, weight = draw(TASKS, SAMPLES, outputs), draw(TASKS, SAMPLES, 5), draw(TASKS, 5, outputs)
    expected = total + torch.einsum("tsi,tio->tso", x, weight)
    add_product(total, x, weight)
    torch.testing.assert_close(total, expected)


@pytest.mark.parametrize("outputs", COLUMNS)
def test_outer(outputs):
    x, delta = draw(TASKS, SAMPLES, 5), draw(TASKS, SAMPLES, outputs)
    torch.testing.assert_close(outer(x, delta), torch.einsum("tsi,tso->tio", x, delta))
