"""Small random problems in float64 that several tests share."""

import torch

from mamlrl.adaptation.build import AdaptationConfig, make_estimator
from mamlrl.losses.batches import Batch
from mamlrl.losses.policy_losses import Reinforce, Surrogate
from mamlrl.losses.task_losses import TaskLosses
from mamlrl.networks.categorical import Categorical
from mamlrl.networks.context import ContextPolicy
from mamlrl.networks.gaussian import DiagonalGaussian
from mamlrl.networks.mlp import MlpPolicy
from mamlrl.networks.module import ModulePolicy, seeded
from mamlrl.outer.objective import MetaObjective

OBSERVATION_SIZE = 3
STEP_SIZE = 0.3  # of MAML's inner loop


class NormedModule(torch.nn.Module):
    """Two layers with layer normalisation, of inputs that are scaled by a buffer; one parameter is frozen."""

    def __init__(self, outputs):
        super().__init__()
        self.register_buffer("scale", torch.tensor([0.5, 2.0, 1.0]))
        self.shift = torch.nn.Parameter(torch.tensor([0.1, 0.2, 0.3]), requires_grad=False)
        self.hidden = torch.nn.Sequential(
            torch.nn.Linear(OBSERVATION_SIZE, 5), torch.nn.LayerNorm(5), torch.nn.Tanh()
        )
        self.head = torch.nn.Linear(5, outputs)

    def forward(self, observations):
        return 0.3 * self.head(self.hidden(self.scale * observations + self.shift))


def make_policy(discrete=False, activation="tanh", context_size=0, **kwargs):
    distribution = Categorical(4) if discrete else DiagonalGaussian(2)
    if activation == "layer_norm":
        with seeded(0):
            return ModulePolicy(NormedModule(distribution.head_size), OBSERVATION_SIZE, distribution)
    policy = MlpPolicy(OBSERVATION_SIZE, distribution, (5, 4), activation, **kwargs)
    return ContextPolicy(policy, context_size) if context_size else policy


def make_params(policy, seed=0, tasks=None):
    generator = torch.Generator().manual_seed(seed)
    params = policy.init(generator, torch.float64)
    shape = params.shape if tasks is None else (tasks, *params.shape)
    return params + 0.3 * torch.randn(shape, generator=generator, dtype=torch.float64)


def make_batch(policy, params, seed=0, tasks=3, samples=20):
    """A batch as if sampled by parameters of each task, the last samples of the first task being padding."""
    generator = torch.Generator().manual_seed(seed)
    observations = torch.randn(tasks, samples, OBSERVATION_SIZE, generator=generator, dtype=torch.float64)
    outputs = policy(params.expand(tasks, -1), observations)
    weights = torch.rand(tasks, samples, generator=generator, dtype=torch.float64)
    weights[0, -5:] = 0
    noise = policy.distribution.noise((tasks, samples), generator, torch.float64)
    return Batch(
        observations=observations,
        actions=policy.distribution.sample(outputs, noise),
        advantages=torch.randn(tasks, samples, generator=generator, dtype=torch.float64),
        outputs=outputs,
        weights=weights / weights.sum(dim=1, keepdim=True),
    )


def make_inner_losses(policy, params, steps, seed=10):
    """Inner losses of each step, on different data."""
    return [
        TaskLosses(policy, Reinforce(policy.distribution), make_batch(policy, params, seed + step))
        for step in range(steps)
    ]


def make_objective(seed=0, steps=1):
    """A MAML objective, its parameters, and the data of it."""
    policy = make_policy()
    params = make_params(policy)
    estimator = make_estimator(AdaptationConfig(step_size=STEP_SIZE), policy, (1.0,) * steps)
    inner = make_inner_losses(policy, params, steps, seed=seed + 10)
    adaptation = estimator.adapt(params, 3, lambda step, _: inner[step])
    batch = make_batch(policy, adaptation.phi, seed=seed + 5)
    objective = MetaObjective(estimator, adaptation, TaskLosses(policy, Surrogate(policy.distribution), batch))
    return policy, params, objective, inner, batch


def relative_error(value, expected):
    return float((value - expected).norm() / expected.norm())
