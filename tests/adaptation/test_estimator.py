from dataclasses import replace

import pytest
import torch
from problems import make_policy

from mamlrl.adaptation.build import AdaptationConfig, make_estimator
from mamlrl.adaptation.proximal import ProximalConfig
from mamlrl.adaptation.step_sizes import adapted_mask
from mamlrl.errors import UserError

IMAML = AdaptationConfig(estimator="imaml", proximal=ProximalConfig(weight=2.0))


@pytest.mark.parametrize("size", [0, 1, 100])
def test_parameters_of_another_policy_do_not_fit(size):
    policy = make_policy()
    estimator = make_estimator(AdaptationConfig(learned_step_size="one"), policy)
    estimator.check_fits(torch.zeros(policy.num_parameters + 1))
    with pytest.raises(UserError, match=rf"{size}.*\({policy.num_parameters + 1},\)"):
        estimator.check_fits(torch.zeros(size))


def test_meta_parameters_are_the_networks_then_the_rules():
    policy = make_policy()
    params = torch.randn(policy.num_parameters, dtype=torch.float64)
    config = AdaptationConfig(learned_step_size="per_layer", step_size=0.25)
    estimator = make_estimator(config, policy)
    network_params, step_sizes = estimator.split(estimator.init(params))
    assert torch.equal(network_params, params)
    assert step_sizes.tolist() == [0.25] * 4  # three layers and the log standard deviation
    weight = make_estimator(replace(IMAML, proximal=replace(IMAML.proximal, learned=True)), policy)
    assert float(weight.init(params)[-1].exp()) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (AdaptationConfig(estimator="imaml"), "proximal.weight.*above 0.*0.0"),
        (
            replace(IMAML, learned_step_size="one"),
            "imaml does not support learned_step_size one.*maml, first_order",
        ),
        (AdaptationConfig(proximal=ProximalConfig(learned=True)), "maml does not support proximal.learned.*imaml"),
        (AdaptationConfig(adapted="context"), "adapted.*context.*policy.context_size"),
    ],
)
def test_options_that_an_estimator_does_not_support(config, message):
    with pytest.raises(UserError, match=message):
        make_estimator(config, make_policy())


@pytest.mark.parametrize("adapted", ["all", "biases"])
def test_more_iterations_than_adapted_parameters_are_warned_of(caplog, adapted):
    policy = make_policy()
    size = int(adapted_mask(policy, adapted).sum())
    for iterations, messages in [(size, 0), (size + 1, 1)]:
        proximal = replace(IMAML.proximal, cg_iterations=iterations)
        make_estimator(replace(IMAML, adapted=adapted, proximal=proximal), policy)
        assert len(caplog.messages) == messages
    assert f"adaptation.proximal.cg_iterations: {size + 1}" in caplog.text
    assert f"{size} parameters" in caplog.text
