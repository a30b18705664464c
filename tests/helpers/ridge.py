"""Ridge regression: a linear network with squared errors, whose adaptation has a closed form."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from mamlrl.adaptation.build import AdaptationConfig
from mamlrl.adaptation.proximal import ProximalConfig
from mamlrl.losses.batches import LabelledBatch
from mamlrl.losses.likelihood import negative_log_likelihood
from mamlrl.losses.task_losses import TaskLosses
from mamlrl.networks.gaussian import IsotropicGaussian
from mamlrl.networks.mlp import MlpPolicy

TASKS, SAMPLES, INPUTS, OUTPUTS = 3, 12, 5, 2
WEIGHT = 0.5
NETWORK = MlpPolicy(INPUTS, IsotropicGaussian(OUTPUTS), hidden_sizes=())
EFFORT = {"gradient_descent": (400, 0.1), "line_search": (400, 0.1), "adam": (400, 0.1), "newton_cg": (3, 0.0)}


@dataclass(frozen=True)
class Ridge:
    """Squared errors of x^T W + b, the bias being the last row of the matrix of parameters."""

    batch: LabelledBatch

    @property
    def losses(self):
        return TaskLosses(NETWORK, negative_log_likelihood(NETWORK.distribution), self.batch)

    @property
    def design(self):
        return torch.cat([self.batch.observations, torch.ones(TASKS, SAMPLES, 1, dtype=torch.float64)], dim=-1)

    @property
    def hessian(self):
        """Of each task, in one column of the parameters; variance 1/2 makes the loss the squared error."""
        return 2 * self.design.mT @ (self.batch.weights[..., None] * self.design)

    def minima(self, params: Tensor, weight: Tensor, adapted: slice = slice(None)) -> Tensor:
        """The proximal objective's minima over some rows of the parameters, from the normal equations."""
        start = params.view(1, INPUTS + 1, OUTPUTS).expand(TASKS, -1, -1)
        residual = self.batch.targets - self.design @ start
        descent = 2 * (self.design.mT @ (self.batch.weights[..., None] * residual))[:, adapted]
        hessian = self.hessian[:, adapted, adapted]
        shift = torch.linalg.solve(hessian + weight * torch.eye(hessian.shape[1], dtype=torch.float64), descent)
        moved = start.clone()
        moved[:, adapted] = moved[:, adapted] + shift
        return moved.flatten(1)

    def mean_error(self, params: Tensor) -> Tensor:
        residual = self.batch.targets - self.design @ params.view(TASKS, INPUTS + 1, OUTPUTS)
        return (self.batch.weights * residual.square().sum(dim=-1)).sum(dim=1).mean()


def make_ridge(seed, scale=1.0):
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    weights = torch.rand(TASKS, SAMPLES, generator=generator, dtype=torch.float64)
    weights = weights / weights.sum(dim=1, keepdim=True)
    scales = torch.logspace(0, scale, INPUTS, dtype=torch.float64)
    return Ridge(LabelledBatch(normal(TASKS, SAMPLES, INPUTS) * scales, weights, normal(TASKS, SAMPLES, OUTPUTS)))


def solved(**changes):
    """An inner loop that solves its objective and the implicit equation to the end."""
    proximal = ProximalConfig(weight=WEIGHT, optimizer="newton_cg", cg_iterations=12, cg_tolerance=1e-28)
    steps, step_size = EFFORT[changes.get("optimizer", "newton_cg")]
    return AdaptationConfig(
        estimator="imaml",
        gradient_steps=steps,
        step_size=step_size,
        proximal=replace(proximal, **changes),
    )
