"""What holds for the rule of every estimator."""

from dataclasses import replace

import pytest
import torch
from problems import make_batch, make_inner_losses, make_params, make_policy, relative_error

from mamlrl.adaptation.build import ESTIMATORS, AdaptationConfig
from mamlrl.adaptation.proximal import ProximalConfig
from mamlrl.errors import UserError
from mamlrl.losses.output_loss import OutputLoss
from mamlrl.losses.policy_losses import Surrogate
from mamlrl.losses.task_losses import TaskLosses

TASKS = 3
POLICY = make_policy()
CONFIG = AdaptationConfig(step_size=0.3, proximal=ProximalConfig(weight=4.0))

every_estimator = pytest.mark.parametrize("estimator", ESTIMATORS)


class SpyLoss(OutputLoss):
    """The surrogate, which remembers the outputs that it is given."""

    def __init__(self):
        self.seen = []

    def __call__(self, outputs, batch):
        self.seen.append(outputs.detach().clone())
        return Surrogate(POLICY.distribution)(outputs, batch)


@pytest.fixture
def params():
    return make_params(POLICY, tasks=TASKS)


def make_rule(estimator, **changes):
    return ESTIMATORS[estimator](replace(CONFIG, estimator=estimator, **changes), POLICY)


def rule_params_of(rule):
    return rule.init().double()


@every_estimator
@pytest.mark.parametrize("gradient_steps", [1, 2])
def test_a_rule_says_whether_it_takes_the_losses_at_other_parameters_than_those_before_the_update(
    estimator, gradient_steps, params
):
    rule, loss, batch = make_rule(estimator, gradient_steps=gradient_steps), SpyLoss(), make_batch(POLICY, params)
    update = rule.update(rule_params_of(rule), params, TaskLosses(POLICY, loss, batch), 1.0)
    jacobian = rule.linearize(update, 1.0)
    jacobian.pushforward(torch.ones_like(params), rule_params_of(rule))
    jacobian.pullback(torch.ones_like(params))
    before = POLICY(params, batch.observations)
    elsewhere = [not torch.allclose(outputs, before) for outputs in loss.seen]
    assert len(elsewhere) >= gradient_steps
    assert any(elsewhere) == rule.revisits


@every_estimator
def test_a_rule_says_whether_its_derivative_is_exact(estimator, params):
    solved = ProximalConfig(weight=4.0, optimizer="newton_cg", cg_iterations=200, cg_tolerance=1e-26)
    steps = 12 if estimator == "imaml" else 2
    rule = make_rule(estimator, gradient_steps=steps, proximal=solved)
    (losses,) = make_inner_losses(POLICY, params, steps=1)
    v = torch.randn(params.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ahead, here, behind = (
        rule.update(rule_params_of(rule), params + change * v, losses, 1.0) for change in (1e-5, 0, -1e-5)
    )
    expected = (ahead.params - behind.params) / 2e-5
    computed = rule.linearize(here, 1.0).pushforward(v, torch.zeros(rule.num_parameters))
    assert (relative_error(computed, expected) < 1e-6) == rule.exact


@every_estimator
@pytest.mark.parametrize("learned", ["none", "one"])
def test_a_rule_says_whether_the_configured_step_size_is_that_of_every_update(estimator, learned, params):
    try:
        rule, other = (make_rule(estimator, learned_step_size=learned, step_size=size) for size in (0.3, 0.1))
    except UserError:  # not every estimator learns step sizes
        pytest.skip("imaml has none to learn")
    (losses,) = make_inner_losses(POLICY, params, steps=1)
    moves = [each.update(rule_params_of(rule), params, losses, 1.0).params - params for each in (rule, other)]
    if rule.fixed_step_size:
        torch.testing.assert_close(moves[0], 3 * moves[1])
    elif rule.num_parameters:
        assert torch.equal(*moves)
    assert rule.fixed_step_size == (learned == "none" and estimator != "imaml")


@every_estimator
def test_a_rule_refuses_the_scale_zero_or_stays_where_it_is(estimator, params):
    rule = make_rule(estimator)
    (losses,) = make_inner_losses(POLICY, params, steps=1)
    rule.check_scales((1.0, 0.5))
    try:
        rule.check_scales((1.0, 0.0))
    except UserError as error:
        assert "evaluation.later_step_factor" in str(error)
    else:
        assert torch.equal(rule.update(rule_params_of(rule), params, losses, 0.0).params, params)


@every_estimator
def test_a_rule_that_compiles_is_one_graph(estimator, params):
    rule = make_rule(estimator, gradient_steps=2)
    (losses,) = make_inner_losses(POLICY, params, steps=1)

    def update_and_pull_back(params):
        update = rule.update(rule_params_of(rule), params, losses, 1.0)
        return update.params, rule.linearize(update, 1.0).pullback(update.params)[0]

    if rule.compiles:
        compiled = torch.compile(update_and_pull_back, backend="eager", fullgraph=True)
        for value, expected in zip(compiled(params), update_and_pull_back(params), strict=True):
            torch.testing.assert_close(value, expected)
