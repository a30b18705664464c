"""What holds for the rule of every estimator, on ridge regression."""

from dataclasses import replace

import pytest
import torch
from problems import relative_error
from ridge import NETWORK, TASKS, make_ridge, solved

from mamlrl.adaptation.build import ESTIMATORS, AdaptationConfig
from mamlrl.errors import UserError
from mamlrl.losses.likelihood import negative_log_likelihood
from mamlrl.losses.output_loss import OutputLoss

LOSSES = make_ridge(1, scale=0.0).losses
CONFIGS = {name: AdaptationConfig(name, step_size=0.03, gradient_steps=2) for name in ESTIMATORS}
IMPLICIT = ("imaml", "linearized_imaml")
CONFIGS |= {name: replace(solved(), estimator=name) for name in IMPLICIT}

every_estimator = pytest.mark.parametrize("estimator", ESTIMATORS)


class SpyLoss(OutputLoss):
    """Squared errors, which remember the outputs that they are taken at."""

    def __init__(self):
        self.seen = []

    def __call__(self, outputs, batch):
        self.seen.append(outputs.detach().clone())
        return negative_log_likelihood(NETWORK.distribution)(outputs, batch)


@pytest.fixture
def params():
    """Parameters of each task."""
    generator = torch.Generator().manual_seed(3)
    return torch.randn(TASKS, NETWORK.num_parameters, generator=generator, dtype=torch.float64)


def make_rule(estimator, **changes):
    return ESTIMATORS[estimator](replace(CONFIGS[estimator], **changes), NETWORK)


def update(rule, params, losses=LOSSES, scale=1.0):
    return rule.update(rule.init().double(), params, losses, scale)


@every_estimator
@pytest.mark.parametrize("gradient_steps", [1, 2])
def test_a_rule_says_whether_it_takes_the_losses_at_other_parameters_than_those_before_the_update(
    estimator, gradient_steps, params
):
    rule, loss = make_rule(estimator, gradient_steps=gradient_steps), SpyLoss()
    jacobian = rule.linearize(update(rule, params, replace(LOSSES, output_loss=loss)), 1.0)
    jacobian.pushforward(torch.ones_like(params), rule.init().double())
    jacobian.pullback(torch.ones_like(params))
    before = NETWORK(params, LOSSES.batch.observations)
    elsewhere = [not torch.allclose(outputs, before) for outputs in loss.seen]
    assert len(elsewhere) >= gradient_steps
    assert any(elsewhere) == rule.revisits


@every_estimator
def test_a_rule_says_whether_its_derivative_is_exact(estimator, params):
    rule = make_rule(estimator)
    v = torch.randn(params.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ahead, here, behind = (update(rule, params + change * v) for change in (1e-5, 0, -1e-5))
    expected = (ahead.params - behind.params) / 2e-5
    computed = rule.linearize(here, 1.0).pushforward(v, torch.zeros(rule.num_parameters))
    assert (relative_error(computed, expected) < 1e-6) == rule.exact


@pytest.mark.parametrize(
    ("estimator", "learned"),
    [(name, learned) for name in ESTIMATORS for learned in (["none"] if name in IMPLICIT else ["none", "one"])],
)
def test_a_rule_says_whether_the_configured_step_size_is_that_of_its_updates(estimator, learned, params):
    rule, other = (
        make_rule(estimator, learned_step_size=learned, step_size=size, gradient_steps=1) for size in (0.03, 0.01)
    )
    sizes = rule.init().double()
    moves = [each.update(sizes, params, LOSSES, 1.0).params - params for each in (rule, other)]
    assert moves[0].any()
    assert torch.allclose(moves[0], 3 * moves[1]) == rule.fixed_step_size
    assert torch.equal(*moves) != rule.fixed_step_size


@every_estimator
def test_a_rule_refuses_the_scale_zero_or_stays_where_it_is(estimator, params):
    rule = make_rule(estimator)
    rule.check_scales((1.0, 0.5))
    if rule.implicit:
        with pytest.raises(UserError, match=r"evaluation\.later_step_factor.*above 0"):
            rule.check_scales((1.0, 0.0))
    else:
        rule.check_scales((1.0, 0.0))
        assert torch.equal(update(rule, params, scale=0.0).params, params)


@pytest.mark.parametrize("estimator", [name for name in ESTIMATORS if make_rule(name).compiles])
def test_a_rule_that_compiles_decides_nothing_by_its_data(estimator, params):
    rule = make_rule(estimator)

    def update_and_pull_back(params):
        after = update(rule, params)
        return after.params, rule.linearize(after, 1.0).pullback(after.params)[0]

    compiled = torch.compile(update_and_pull_back, backend="eager", fullgraph=True)
    for value, expected in zip(compiled(params), update_and_pull_back(params), strict=True):
        torch.testing.assert_close(value, expected)
