import numpy as np
import pytest
import torch
from sinusoids import tiny

from mamlrl import evaluate, make_learner


def adapted_by_autograd(network, params, support, query, task, step_sizes):
    """Mean squared errors of a task after 0, 1, ... steps."""
    errors = []
    for step_size in (*step_sizes, 0.0):
        outputs = network(params, query.observations[task])
        errors.append(float((outputs - query.targets[task]).square().mean()))
        here = params.detach().requires_grad_()
        loss = (network(here, support.observations[task]) - support.targets[task]).square().mean()
        (gradient,) = torch.autograd.grad(loss, here)
        params = params - step_size * gradient
    return errors


def test_an_evaluation_is_gradient_descent_on_the_support_judged_on_the_query():
    config = tiny("--evaluation.shots=3", "--adaptation.step_size=0.05", "--evaluation.later_step_factor=0.4")
    params = make_learner(config).params
    evaluation = evaluate(config, params)
    examples = evaluation.examples
    assert examples.support.targets.shape == (6, 3, 1)
    assert examples.query.targets.shape == (6, 9, 1)
    for task in range(6):
        batches = examples.support, examples.query
        expected = adapted_by_autograd(evaluation.network, params, *batches, task, (0.05, 0.02, 0.02))
        np.testing.assert_allclose(evaluation.metrics["mse"][:, task], expected, rtol=1e-4)
    np.testing.assert_allclose(
        evaluation.metrics["loss"], evaluation.metrics["mse"] + np.log(np.pi) / 2, rtol=1e-4, atol=1e-5
    )
    for step, row in enumerate(evaluation.summary()):
        assert row["mean"] == pytest.approx(evaluation.metrics["mse"][step].mean())
        assert row["loss"] == pytest.approx(evaluation.metrics["loss"][step].mean())


def test_sizes_of_an_evaluation_default_to_those_of_training():
    config = tiny("--evaluation.shots=0", "--evaluation.queries=0", "--data.shots=2", "--data.queries=7")
    protocol = evaluate(config, make_learner(config).params).protocol()
    assert protocol == {"dataset": "sinusoid", "shots": 2, "queries": 7, "tasks": 6}
