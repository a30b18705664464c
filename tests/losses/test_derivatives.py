import itertools

import pytest
import torch
from problems import make_batch, make_inner_losses, make_params, make_policy, relative_error

from mamlrl.losses import derivatives
from mamlrl.losses.derivatives import FisherProduct, HessianProduct, task_gradients


@pytest.fixture(params=itertools.product([False, True], ["tanh", "layer_norm"]), ids=str)
def policy(request):
    discrete, activation = request.param
    return make_policy(discrete, activation)


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
    monkeypatch.setattr(derivatives, "BLOCK_SAMPLES", 1)
    assert [block.stop - block.start for block in derivatives.task_blocks(batch.weights)] == [1, 1, 1]
    torch.testing.assert_close(products(), whole, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("tasks", "samples", "sizes"),
    [
        (20, 409, [20]),  # fits into one
        (20, 2000, [2, 3, 2, 3, 2, 3, 2, 3]),
        (5, 8192, [1] * 5),  # a core cannot have less than a task
        (40, 4000, [1, 2, 2] * 8),
        (3, 10**6, [1] * 3),
    ],
)
def test_blocks_fit_the_cache_and_are_even_for_many_cores(tasks, samples, sizes):
    blocks = derivatives.task_blocks(torch.empty(tasks, samples))
    assert [block.stop - block.start for block in blocks] == sizes
    assert [index for block in blocks for index in range(tasks)[block]] == list(range(tasks))
