from dataclasses import replace

import pytest
import torch

from mamlrl.outer.trust_region import TrustRegion, TrustRegionConfig, line_search, search_direction

CONFIG = TrustRegionConfig(max_kl=0.02, damping=0.1, cg_iterations=50, cg_tolerance=1e-24)


def quadratic_problem(size=6):
    generator = torch.Generator().manual_seed(0)
    root = torch.randn(size, size, generator=generator, dtype=torch.float64)
    return root @ root.T + torch.eye(size, dtype=torch.float64), torch.randn(
        size, generator=generator, dtype=torch.float64
    )


def test_direction_is_the_natural_gradient_on_the_boundary():
    matrix, gradient = quadratic_problem()
    damped = matrix + CONFIG.damping * torch.eye(len(matrix), dtype=torch.float64)
    direction = search_direction(gradient, lambda v: matrix @ v, CONFIG)
    natural = -torch.linalg.solve(damped, gradient)
    assert torch.nn.functional.cosine_similarity(direction.vector, natural, dim=0) == pytest.approx(1)
    assert float(direction.vector @ damped @ direction.vector) / 2 == pytest.approx(CONFIG.max_kl)
    assert direction.cg_residual < 1e-10


def test_direction_of_a_zero_gradient_is_zero():
    direction = search_direction(torch.zeros(3), lambda v: v, CONFIG)
    assert torch.equal(direction.vector, torch.zeros(3))
    assert direction.cg_iterations == 0


def test_residual_is_reported_relative_to_the_gradient():
    matrix, gradient = quadratic_problem()
    config = replace(CONFIG, cg_iterations=2)
    small, large = (search_direction(scale * gradient, lambda v: matrix @ v, config) for scale in (1, 1e4))
    assert small.cg_residual == pytest.approx(large.cg_residual)
    assert small.cg_residual > 1e-3


def search(evaluate, **changes):
    return line_search(torch.zeros(1), torch.ones(1), evaluate, replace(CONFIG, **changes))


def test_line_search_takes_the_first_length_that_improves_within_the_bound():
    result = search(lambda x: (-float(x), 0.05 * float(x) ** 2), line_search_decay=0.5)
    assert result.accepted
    assert float(result.params) == 0.5
    assert (result.tried, result.improvement, result.kl) == (2, 0.5, pytest.approx(0.0125))


def test_line_search_takes_no_step_that_does_not_improve():
    result = search(lambda x: (float(x), 0.0), line_search_steps=4)
    assert not result.accepted
    assert float(result.params) == 0.0
    assert (result.tried, result.improvement, result.kl) == (4, 0.0, 0.0)


def test_line_search_refuses_values_that_are_not_finite():
    assert not search(lambda x: (float("nan") if x else 0.0, 0.0)).accepted


def test_a_trust_region_has_no_state():
    assert TrustRegion(CONFIG, torch.zeros(60)).state_dict() == {}


@pytest.mark.parametrize(("size", "warned"), [(50, False), (49, True)])
def test_more_iterations_than_meta_parameters_are_warned_of(caplog, size, warned):
    TrustRegion(CONFIG, torch.zeros(size))
    found = [("trust_region.cg_iterations: 50" in each, "49 parameters" in each) for each in caplog.messages]
    assert found == ([(True, True)] if warned else [])
