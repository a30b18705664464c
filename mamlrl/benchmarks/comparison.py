"""Meta-gradients of several estimators on the same data: error, peak memory and time.

The reference is the implicit gradient at the minimum of the proximal inner objective, which unrolled gradient
descent on that objective has as its limit, too (Rajeswaran et al. 2019, section 4.1 and figure 2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

from torch import Tensor

from mamlrl.adaptation.build import AdaptationConfig, make_estimator
from mamlrl.adaptation.proximal import CG_RESIDUAL, GRADIENT_NORM, NEGATIVE_CURVATURE
from mamlrl.adaptation.step_sizes import adapted_mask
from mamlrl.benchmarks.memory import peak_memory
from mamlrl.benchmarks.problems import NEWTON_STEPS, Problem
from mamlrl.errors import UserError
from mamlrl.finite import check_finite
from mamlrl.losses.derivatives import task_gradients
from mamlrl.timing import seconds_of

SOLVED = 1e-24  # squared relative residual at which conjugate gradient has nothing left to do in float64
MAX_GRADIENT = 1e-2  # of the inner objective at its minimum, relative to the start


@dataclass(frozen=True)
class Reference:
    """The converged meta-gradient.

    Attributes:
        gradient: Shape (P,).
        inner_gradient: Norm of the inner objective's gradient at the solution, relative to that at the start.
        cg_residual: Relative residual of conjugate gradient.
    """

    gradient: Tensor
    inner_gradient: float
    cg_residual: float


@dataclass(frozen=True)
class Setting:
    """What to measure.

    Attributes:
        estimator: Name of the estimator.
        gradient_steps: Steps on the inner objective.
        cg_iterations: Iterations of conjugate gradient; None for estimators that do without it.
    """

    estimator: str
    gradient_steps: int
    cg_iterations: int | None


@dataclass(frozen=True)
class Measurement(Setting):
    """What was measured.

    Attributes:
        relative_error: Norm of the meta-gradient's difference from the reference, relative to the reference's.
        peak_memory_mib: Peak memory of tensors while adapting and computing the meta-gradient.
        seconds: Time that both take together.
    """

    relative_error: float
    peak_memory_mib: float
    seconds: float


def solve(problem: Problem, config: AdaptationConfig) -> Reference:
    """Computes the implicit gradient at the minimum of the inner objective, by Newton's method, to convergence.

    Raises:
        UserError: If there is no such minimum to be found.
    """
    mask = adapted_mask(problem.network, config.adapted).to(problem.params)
    size = int(mask.sum())
    proximal = replace(config.proximal, optimizer="newton_cg", cg_iterations=size, cg_tolerance=SOLVED)
    solving = replace(config, estimator="imaml", gradient_steps=NEWTON_STEPS, proximal=proximal)
    objective = problem.meta_objective(solving)
    gradient, metrics = objective.gradient(), objective.metrics()
    before = task_gradients(problem.inner, problem.params.expand(len(problem.inner.batch), -1))
    start = float((mask * before).norm(dim=1).mean())
    relative = metrics[GRADIENT_NORM] / start if start else 0.0
    if metrics[NEGATIVE_CURVATURE] or not relative <= MAX_GRADIENT:
        raise UserError(
            f"adaptation.proximal.weight: with {config.proximal.weight}, the inner objective has no minimum that "
            f"Newton's method finds (its gradient falls to {relative:.1e} of that at the start); raise the weight"
        )
    return Reference(gradient, relative, metrics[CG_RESIDUAL])


def settings(
    problem: Problem,
    config: AdaptationConfig,
    estimators: Sequence[str],
    inner_steps: Sequence[int],
    cg_steps: Sequence[int],
) -> list[Setting]:
    """Returns what to measure, once each.

    Args:
        problem: The data.
        config: The inner loop, with the iterations of conjugate gradient.
        estimators: Names of estimators.
        inner_steps: Numbers of inner steps, for all of them.
        cg_steps: Numbers of iterations of conjugate gradient, for implicit estimators with the most inner steps.
    """
    chosen = []
    for estimator in estimators:
        implicit = make_estimator(replace(config, estimator=estimator), problem.network).rule.implicit
        cg_iterations = config.proximal.cg_iterations if implicit else None
        chosen += [Setting(estimator, steps, cg_iterations) for steps in inner_steps]
        if implicit:
            chosen += [Setting(estimator, max(inner_steps), iterations) for iterations in cg_steps]
    return list(dict.fromkeys(chosen))


def compare(
    problem: Problem, config: AdaptationConfig, reference: Reference, setting: Setting, repeats: int
) -> Measurement:
    """Measures one setting.

    Args:
        problem: The data.
        config: The inner loop; the setting replaces estimator and steps.
        reference: What the error is relative to.
        setting: What to measure.
        repeats: Measurements that times are medians of, after one that does not count.
    """
    proximal = replace(config.proximal, cg_tolerance=SOLVED)
    if setting.cg_iterations is not None:
        proximal = replace(proximal, cg_iterations=setting.cg_iterations)
    chosen = replace(config, estimator=setting.estimator, gradient_steps=setting.gradient_steps, proximal=proximal)
    device = reference.gradient.device

    def compute() -> Tensor:
        return problem.meta_objective(chosen).gradient()

    gradient = compute()
    check_finite("the meta-gradient", gradient)
    error = (gradient - reference.gradient).norm() / reference.gradient.norm()
    memory = peak_memory(compute, device)
    seconds = [seconds_of(compute, device) for _ in range(repeats)]
    return Measurement(
        **vars(setting),
        relative_error=float(error),
        peak_memory_mib=memory / 2**20,
        seconds=median(seconds),
    )
