import pytest
import torch
from problems import make_objective

from mamlrl.outer.adam import Adam, AdamConfig
from mamlrl.timing import PhaseTimer

RATE = 0.05


def test_adam_is_pytorchs_on_the_meta_gradient():
    _, params, *_ = make_objective()
    timer = PhaseTimer(torch.device("cpu"))
    optimizer = Adam(AdamConfig(RATE), torch.zeros_like(params))
    expected = torch.nn.Parameter(params.clone())
    reference = torch.optim.Adam([expected], lr=RATE)
    for seed in range(3):
        objective = make_objective(seed)[2]
        params, metrics = optimizer.step(params, objective, timer)
        expected.grad = objective.gradient()
        reference.step()
        torch.testing.assert_close(params, expected.detach())
        assert metrics["gradient_norm/meta"] == pytest.approx(float(expected.grad.norm()))
