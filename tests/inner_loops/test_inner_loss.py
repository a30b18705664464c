"""Which losses an inner loop may descend."""

import pytest
from problems import make_policy

from mamlrl.adaptation.build import ESTIMATORS, PolicyAdaptationConfig, make_estimator
from mamlrl.adaptation.proximal import ProximalConfig
from mamlrl.errors import UserError
from mamlrl.inner_loops.policy import make_inner_loss
from mamlrl.losses.build import INNER_LOSSES

POLICY = make_policy()


def inner_loss(config):
    return make_inner_loss(config, POLICY, make_estimator(config, POLICY))


def config_for(estimator, loss, gradient_steps):
    proximal = ProximalConfig(weight=2.0)
    return PolicyAdaptationConfig(estimator, gradient_steps=gradient_steps, proximal=proximal, loss=loss)


@pytest.mark.parametrize("loss", INNER_LOSSES)
@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("gradient_steps", [1, 2])
def test_a_loss_that_holds_on_policy_only_needs_a_rule_that_stays_there(estimator, loss, gradient_steps):
    config = config_for(estimator, loss, gradient_steps)
    made = INNER_LOSSES[loss](POLICY.distribution)
    if made.on_policy and make_estimator(config, POLICY).rule.revisits:
        message = f"adaptation.loss: {loss} .*{estimator} with gradient_steps {gradient_steps} .*likelihood_ratio"
        with pytest.raises(UserError, match=message):
            inner_loss(config)
    else:
        assert inner_loss(config) == made


@pytest.mark.parametrize(("estimator", "gradient_steps"), [("maml", 2), ("first_order", 2), ("imaml", 1)])
def test_reinforce_does_not_hold_for_several_steps_on_the_same_episodes(estimator, gradient_steps):
    with pytest.raises(UserError, match="choose likelihood_ratio"):
        inner_loss(config_for(estimator, "reinforce", gradient_steps))


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_on_fixed_data_every_estimator_has_a_loss_that_holds(estimator):
    config = config_for(estimator, "reinforce", gradient_steps=3).on_fixed_data()
    assert not inner_loss(config).on_policy
