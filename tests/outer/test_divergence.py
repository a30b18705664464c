"""Outer steps do not take what is not finite, and say what it is."""

from dataclasses import replace
from math import inf, nan

import pytest
import torch
from problems import make_objective

from mamlrl.errors import LearningError
from mamlrl.losses.task_losses import TaskLosses
from mamlrl.outer.adam import Adam, AdamConfig
from mamlrl.outer.objective import MetaObjective
from mamlrl.outer.promp import Promp, PrompConfig
from mamlrl.outer.trust_region import TrustRegion, TrustRegionConfig, line_search, search_direction
from mamlrl.timing import PhaseTimer

CONFIG = TrustRegionConfig()
TIMER = PhaseTimer(torch.device("cpu"))


def make_optimizers(policy, params):
    return {
        "adam": Adam(AdamConfig(), params),
        "promp": Promp(PrompConfig(), AdamConfig(), policy.distribution, params),
        "trust_region": TrustRegion(CONFIG, params),
    }


def spoilt_objective():
    """An objective with an advantage of NaN after adaptation."""
    policy, params, objective, _, batch = make_objective()
    batch.advantages[1, 3] = nan
    losses = TaskLosses(policy, objective._losses.output_loss, batch)
    return policy, params, MetaObjective(objective._estimator, objective._adaptation, losses)


@pytest.mark.parametrize("name", ["adam", "promp", "trust_region"])
def test_a_meta_gradient_that_is_not_finite_is_refused_before_it_is_used(name):
    policy, params, objective = spoilt_objective()
    optimizer = make_optimizers(policy, params)[name]
    with pytest.raises(LearningError, match=r"the meta-gradient.* is not finite"):
        optimizer.step(params, objective, TIMER)
    assert all((values == 0).all() for values in optimizer.tensors.values())
    assert len(optimizer.tensors) == (0 if name == "trust_region" else 2)


@pytest.mark.parametrize("objective", [nan, -inf, inf])
def test_a_line_search_passes_over_objectives_that_are_not_finite(objective):
    def evaluate(x):
        return (objective, 0.0) if float(x) > 0.5 else (-float(x), 0.0)

    result = line_search(torch.zeros(1), torch.ones(1), evaluate, replace(CONFIG, line_search_decay=0.5))
    assert float(result.params) == 0.5
    assert result.improvement == 0.5


@pytest.mark.parametrize("kl", [nan, inf, -inf])
def test_a_line_search_accepts_no_divergence_that_is_not_finite(kl):
    result = line_search(torch.zeros(1), torch.ones(1), lambda x: (-float(x), kl), CONFIG)
    assert not result.accepted
    assert torch.equal(result.params, torch.zeros(1))


@pytest.mark.parametrize("start", [nan, inf, -inf])
def test_a_line_search_does_not_start_from_an_objective_that_is_not_finite(start):
    with pytest.raises(LearningError, match="the surrogate after adaptation is not finite"):
        line_search(torch.zeros(1), torch.ones(1), lambda x: (start, 0.0), CONFIG)


@pytest.mark.parametrize("value", [nan, inf, -inf])
def test_a_curvature_that_is_not_finite_gives_no_direction(value):
    with pytest.raises(LearningError, match="curvature along a direction"):
        search_direction(torch.ones(3), lambda v: v * torch.tensor([1.0, value, 1.0]), CONFIG)


def test_a_direction_that_overflows_is_refused():
    _, params, objective, *_ = make_objective()
    optimizer = TrustRegion(replace(CONFIG, damping=0.0), params)
    objective.curvature = lambda fraction: torch.zeros_like
    with pytest.raises(LearningError, match="the direction of the outer step is not finite") as caught:
        optimizer.step(params, objective, TIMER)
    assert caught.value.outer
