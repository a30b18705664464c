"""Compares implicit meta-gradients on the same episodes, at given meta-parameters.

    cd docs/results/imaml && python fixed_data.py fixed_data.csv

A row is a candidate at a policy: the mean return of the policies that it adapts (on fresh episodes), how far
adaptation goes, what is left of the gradient, how its Jacobian's pullback of the outer gradient compares with that
of MAML's Jacobian (`jacobian_cosine`, `jacobian_length`), and its meta-gradient with MAML's (`cosine`, `length`).
"""

from __future__ import annotations

import csv
import sys
from dataclasses import replace
from pathlib import Path

import candidates
import numpy as np
import torch
from torch import Tensor

import mamlrl
from mamlrl.adaptation.build import PolicyAdaptationConfig, make_estimator
from mamlrl.adaptation.estimator import Jacobian
from mamlrl.adaptation.proximal import CG_RESIDUAL, GRADIENT_NORM, NEGATIVE_CURVATURE, ProximalConfig
from mamlrl.losses.batches import Batch
from mamlrl.losses.build import INNER_LOSSES
from mamlrl.losses.derivatives import task_gradients, task_values
from mamlrl.losses.policy_losses import KlDivergence, Surrogate
from mamlrl.losses.task_losses import TaskLosses
from mamlrl.randomness import Randomness
from mamlrl.runs.checkpoints import load_checkpoint
from mamlrl.sampling.advantages import make_value_baseline, process

TASKS = 8
RESULTS = Path(__file__).parents[1]
POLICIES = {
    "initial": None,
    "maml": RESULTS / "navigation2d_methods" / "maml_seed0.pt",
}
VARIANTS = ("spectral", "gauss_newton")  # of the derivative, and of all curvature
MAML = PolicyAdaptationConfig(step_size=0.5)


def linearized(implicitness: float, steps: int = 2, optimizer: str = "gradient_descent") -> PolicyAdaptationConfig:
    """What is shipped: `linearized_imaml`."""
    proximal = ProximalConfig(
        2.0, optimizer=optimizer, cg_iterations=8, cg_tolerance=1e-6, implicitness=implicitness
    )
    return replace(MAML, estimator="linearized_imaml", gradient_steps=steps, step_size=0.4, proximal=proximal)


def flow(loss: str) -> PolicyAdaptationConfig:
    """Sixteen short steps that are as long as MAML's one."""
    return replace(MAML, gradient_steps=16, step_size=0.5 / 16, loss=loss)


def candidate(name: str, loss: str) -> PolicyAdaptationConfig:
    """An estimator of `candidates`."""
    return replace(MAML, estimator=name, loss=loss)


CANDIDATES = {
    "maml": MAML,
    "first_order": replace(MAML, estimator="first_order"),
    "gradient flow, log-likelihood": flow("log_likelihood"),
    "gradient flow, ratio": flow("likelihood_ratio"),
    **{f"linearized, implicitness {share}": linearized(share) for share in (0.0, 0.5, 1.0)},
    "linearized, implicitness 0.5, solved": linearized(0.5, 4, "newton_cg"),
    "linearized, implicitness 1, solved": linearized(1.0, 4, "newton_cg"),
    **{
        f"{name}, {loss}": candidate(name, loss)
        for loss in ("likelihood_ratio", "log_likelihood")
        for name in ("point", "point_weight_4", "point_damped", "points_2", "points_4", "points_8", *VARIANTS)
    },
    **{f"point, {loss}": candidate("point", loss) for loss in candidates.LOSSES if loss != "log_likelihood"},
    **{f"natural {a}": candidate(f"natural_{a}", "reinforce") for a in ("1", "0.3", "0.1")},
}


class Data:
    """Episodes of some tasks at meta-parameters."""

    def __init__(self, checkpoint: Path | None) -> None:
        config = mamlrl.load_config("navigation2d", [f"--meta_batch_size={TASKS}"])
        learner = mamlrl.MetaLearner(config)
        params = learner.params if checkpoint is None else load_checkpoint(checkpoint)[1]["params"]
        self.policy, self.sampler, self.advantages = learner.policy, learner.sampler, config.advantages
        self.theta = params.double()
        self.sampler.set_tasks(self.sampler.sample_tasks(np.random.default_rng(7)))
        self.inner, self.before = self.sample(self.theta.expand(TASKS, -1), 11)

    def sample(self, phi: Tensor, seed: int) -> tuple[Batch, float]:
        """A batch of the policies' episodes, and the mean return of twice as many."""
        randomness = Randomness.from_seed(seed, torch.device("cpu"))
        rollouts = [self.sampler.sample(phi.float(), randomness) for _ in range(2)]
        batch = process(rollouts[0], self.advantages, make_value_baseline(self.advantages)).batch
        doubled = {name: piece.double() for name, piece in vars(batch).items()}
        return replace(batch, **doubled), float(torch.stack([each.task_returns() for each in rollouts]).mean())

    def adapt(self, config: PolicyAdaptationConfig) -> tuple[Tensor, Jacobian, dict[str, float]]:
        """Adapted parameters, their Jacobian, and metrics of the adaptation."""
        estimator = make_estimator(config, self.policy)
        loss = INNER_LOSSES[config.loss](self.policy.distribution)
        losses = TaskLosses(self.policy, loss, self.inner)
        adaptation = estimator.adapt(self.theta, TASKS, lambda step, phi: losses)
        (update,) = adaptation.updates
        metrics = dict(estimator.rule.metrics(update))
        if GRADIENT_NORM in metrics:
            metrics[GRADIENT_NORM] /= float(task_gradients(losses, update.path[0]).norm(dim=1).mean())
        return adaptation.phi, estimator.linearize(adaptation), metrics


def measure(
    data: Data, config: PolicyAdaptationConfig, maml: Jacobian, reference: Tensor | None
) -> dict[str, object]:
    """The row of a candidate, and its meta-gradient."""
    phi, jacobian, metrics = data.adapt(config)
    outer, mean = data.sample(phi, 13)
    cotangents = task_gradients(TaskLosses(data.policy, Surrogate(data.policy.distribution), outer), phi)
    gradient, mamls = jacobian.pullback(cotangents), maml.pullback(cotangents)
    metrics |= jacobian.metrics()
    (kl,) = task_values(data.policy, phi, data.inner, KlDivergence(data.policy.distribution))
    reference = gradient if reference is None else reference
    return {
        "gradient": gradient,
        "return": mean,
        "distance": float((phi - data.theta).norm(dim=1).mean()),
        "kl": float(kl.mean()),
        "gradient_left": metrics.get(GRADIENT_NORM, float("nan")),
        "negative_curvature": metrics.get(NEGATIVE_CURVATURE, float("nan")),
        "cg_residual": metrics.get(CG_RESIDUAL, float("nan")),
        "jacobian_cosine": cosine(gradient, mamls),
        "jacobian_length": float(gradient.norm() / mamls.norm()),
        "cosine": cosine(gradient, reference),
        "length": float(gradient.norm() / reference.norm()),
    }


def cosine(x: Tensor, y: Tensor) -> float:
    """Cosine of the angle between two vectors."""
    return float(x @ y / x.norm() / y.norm())


def main(path: str) -> None:
    """Writes the table to a CSV, row by row."""
    rows: list[dict[str, object]] = []
    for policy, checkpoint in POLICIES.items():
        data, reference = Data(checkpoint), None
        _, maml, _ = data.adapt(MAML)
        for name, config in CANDIDATES.items():
            row = measure(data, config, maml, reference)
            gradient = row.pop("gradient")
            reference = gradient if reference is None else reference
            shown = {key: f"{value:.4g}" for key, value in row.items()}
            rows.append({"policy": policy, "before": f"{data.before:.4g}", "candidate": name, **shown})
            print(*rows[-1].values(), sep=", ", flush=True)
            with open(path, "w", newline="") as file:
                writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
                writer.writeheader()
                writer.writerows(rows)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(*sys.argv[1:])
