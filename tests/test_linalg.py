import pytest
import torch
from problems import make_batch, make_inner_losses, make_params, make_policy, relative_error

from mamlrl import linalg
from mamlrl.linalg import FisherProduct, HessianProduct, conjugate_gradient, task_gradients


@pytest.fixture(params=[False, True], ids=["gaussian", "categorical"])
def policy(request):
    return make_policy(discrete=request.param)


def test_task_gradients_are_autograds(policy):
    params = make_params(policy, tasks=3)
    (losses,) = make_inner_losses(policy, params, steps=1)
    expected = torch.func.grad(lambda p: losses(p).sum())(params)
    assert relative_error(task_gradients(losses, params), expected) < 1e-12


def test_hessian_product_is_the_explicit_hessian(policy):
    params = make_params(policy, tasks=3)
    (losses,) = make_inner_losses(policy, params, steps=1)
    vectors = torch.randn_like(params)
    product = HessianProduct(losses, params)(vectors)
    for task in range(3):
        one = losses.tasks(slice(task, task + 1))
        hessian = torch.func.hessian(lambda p, one=one: one(p[None])[0])(params[task])
        assert relative_error(product[task], hessian @ vectors[task]) < 1e-10


def test_fisher_product_is_the_hessian_of_the_mean_kl(policy):
    params = make_params(policy, tasks=3)
    batch = make_batch(policy, params)
    vectors = torch.randn_like(params)
    product = FisherProduct(policy, params, batch)(vectors)

    def kl(p, task):
        outputs = policy(p[None], batch.observations[task : task + 1])[0]
        return (batch.weights[task] * policy.distribution.kl(batch.outputs[task], outputs)).sum()

    for task in range(3):
        hessian = torch.func.hessian(kl)(params[task], task)
        assert relative_error(product[task], hessian @ vectors[task]) < 1e-8


def test_products_do_not_depend_on_the_blocks(policy, monkeypatch):
    params = make_params(policy, tasks=3)
    batch = make_batch(policy, params)
    (losses,) = make_inner_losses(policy, params, steps=1)
    vectors = torch.randn_like(params)

    def products():
        return torch.cat(
            [
                task_gradients(losses, params),
                HessianProduct(losses, params)(vectors),
                FisherProduct(policy, params, batch)(vectors),
            ]
        )

    whole = products()
    monkeypatch.setattr(linalg, "BLOCK_SAMPLES", 1)
    assert [block.stop - block.start for block in linalg.task_blocks(batch)] == [1, 1, 1]
    torch.testing.assert_close(products(), whole, rtol=1e-12, atol=1e-12)


def test_conjugate_gradient_is_a_direct_solve():
    generator = torch.Generator().manual_seed(0)
    root = torch.randn(12, 12, generator=generator, dtype=torch.float64)
    matrix = root @ root.T + torch.eye(12, dtype=torch.float64)
    b = torch.randn(12, generator=generator, dtype=torch.float64)
    result = conjugate_gradient(lambda v: matrix @ v, b, max_iterations=40, tolerance=1e-24)
    assert relative_error(result.solution, torch.linalg.solve(matrix, b)) < 1e-10
    assert result.iterations < 40
    torch.testing.assert_close(result.residual, b - matrix @ result.solution, rtol=0, atol=1e-10)


def test_conjugate_gradient_stops_at_its_limit_and_at_zero():
    matrix = torch.diag(torch.arange(1.0, 11.0, dtype=torch.float64))
    b = torch.ones(10, dtype=torch.float64)
    assert conjugate_gradient(lambda v: matrix @ v, b, max_iterations=3).iterations == 3
    nothing = conjugate_gradient(lambda v: matrix @ v, 0 * b)
    assert nothing.iterations == 0
    assert torch.equal(nothing.solution, 0 * b)
