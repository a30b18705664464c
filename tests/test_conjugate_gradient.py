import pytest
import torch
from problems import relative_error

from mamlrl.conjugate_gradient import conjugate_gradient, warn_of_surplus_iterations
from mamlrl.errors import LearningError


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


@pytest.fixture
def systems():
    """Three positive definite systems."""
    generator = torch.Generator().manual_seed(0)
    roots = torch.randn(3, 8, 8, generator=generator, dtype=torch.float64)
    matrices = roots @ roots.mT + torch.eye(8, dtype=torch.float64)
    return matrices, torch.randn(3, 8, generator=generator, dtype=torch.float64)


def product_with(matrices):
    return lambda vectors: (matrices @ vectors[..., None])[..., 0]


def test_conjugate_gradient_solves_several_systems_at_once(systems):
    matrices, b = systems
    together = conjugate_gradient(product_with(matrices), b, max_iterations=30, tolerance=1e-26)
    assert relative_error(together.solution, torch.linalg.solve(matrices, b)) < 1e-10
    assert together.indefinite.tolist() == [False] * 3
    for iterations in (1, 3):
        some = conjugate_gradient(product_with(matrices), b, iterations, tolerance=0.0)
        for index in range(3):
            one = conjugate_gradient(product_with(matrices[index]), b[index], iterations, tolerance=0.0)
            torch.testing.assert_close(some.solution[index], one.solution)


def test_a_system_that_is_solved_waits_for_the_others(systems):
    matrices, b = systems
    matrices[1] = 2 * torch.eye(8)
    b[2] = 0
    result = conjugate_gradient(product_with(matrices), b, max_iterations=30, tolerance=1e-20)
    assert result.iterations >= 8
    assert torch.equal(result.solution[1], b[1] / 2)
    assert torch.equal(result.solution[2], torch.zeros(8))


def test_an_indefinite_system_is_reported_and_leaves_the_others_alone(systems):
    matrices, b = systems
    expected = torch.linalg.solve(matrices[[0, 2]], b[[0, 2]])
    matrices[1] = torch.diag(torch.tensor([4.0, 3, 2, 1, 1, 1, 1, -0.5]))
    b[1] = 1
    result = conjugate_gradient(product_with(matrices), b, max_iterations=30, tolerance=1e-24)
    assert result.indefinite.tolist() == [False, True, False]
    assert relative_error(result.solution[[0, 2]], expected) < 1e-10
    assert float(result.solution[1] @ b[1]) > 0  # still a direction of descent
    torch.testing.assert_close(result.residual[1], b[1] - matrices[1] @ result.solution[1])


def test_a_system_that_curves_downwards_at_once_gives_its_right_hand_side():
    b = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    result = conjugate_gradient(lambda v: torch.tensor([[-1.0], [2.0]]) * v, b)
    assert result.indefinite.tolist() == [True, False]
    torch.testing.assert_close(result.solution, torch.tensor([[1.0, 2.0], [1.5, 2.0]]))


@pytest.mark.parametrize(("iterations", "warned"), [(10, False), (11, True)])
def test_more_iterations_than_unknowns_are_warned_of(caplog, iterations, warned):
    warn_of_surplus_iterations("some.key", iterations, 10)
    assert [("some.key: 11" in message, "10 parameters" in message) for message in caplog.messages] == (
        [(True, True)] if warned else []
    )


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf, 1e30])
def test_right_hand_sides_that_are_not_finite_or_overflow_are_refused(value):
    b = torch.ones(2, 3)
    b[1, 2] = value
    with pytest.raises(LearningError, match="right-hand side"):
        conjugate_gradient(lambda v: v, b)


@pytest.mark.parametrize("after", [1, 2])
def test_a_product_that_is_not_finite_is_refused(after, systems):
    matrices, b = systems
    products = []

    def spoilt(vectors):
        products.append(product_with(matrices)(vectors))
        if len(products) == after:
            products[-1][1, 0] = torch.nan
        return products[-1]

    with pytest.raises(LearningError, match="curvature along a direction"):
        conjugate_gradient(spoilt, b)
