"""Products of rounded factors, as tensor cores compute them."""

import pytest
import torch
from programs import TINY

from mamlrl.benchmarks.rounded_products import FORMATS, RoundedProducts
from mamlrl.experiments.command_line import load_config
from mamlrl.learners.policy import MetaLearner


def test_factors_are_rounded_as_pytorch_rounds_to_bfloat16():
    values = torch.randn(50, 40, generator=torch.Generator().manual_seed(0)) * torch.logspace(-20, 20, 40)
    rounded = RoundedProducts("bfloat16").of(lambda: values @ torch.eye(40))
    assert torch.equal(rounded, values.bfloat16().float())


def test_tf32_has_ten_bits():
    one = torch.ones(1, 1)
    for bits, kept in ((10, True), (11, False)):
        product = RoundedProducts("TF32").of(lambda bits=bits: (one + 2.0**-bits) @ one)
        assert (product == one + 2.0**-bits).item() == kept


@pytest.mark.parametrize("product", [torch.mm, torch.matmul, lambda a, b: torch.addmm(torch.zeros(3), a, b)])
def test_all_kinds_of_products_are_rounded_and_nothing_else(product):
    left, right = torch.randn(2, 4), torch.randn(4, 3)
    found = RoundedProducts("bfloat16").of(lambda: product(left, right))
    torch.testing.assert_close(found, left.bfloat16().float() @ right.bfloat16().float(), rtol=1e-6, atol=1e-6)
    assert torch.equal(RoundedProducts("bfloat16").of(lambda: left + left), left + left)


def test_a_meta_gradient_changes_by_the_precision_of_the_format():
    learner = MetaLearner(load_config("navigation2d", TINY[1:]))
    adapted = learner.collect()

    def gradient():
        return learner.objective(adapted).gradient()

    exact = gradient()
    tf32, bfloat16 = (RoundedProducts(name).of(gradient) for name in FORMATS)
    assert torch.equal(gradient(), exact)
    errors = [float((rounded - exact).norm() / exact.norm()) for rounded in (tf32, bfloat16)]
    assert 1e-6 < errors[0] < errors[1] / 2 < 0.1
