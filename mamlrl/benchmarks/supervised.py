"""Times a supervised meta-iteration against the same written with plain autograd in a loop over tasks."""

from __future__ import annotations

from statistics import median

import torch
from torch import Tensor

from mamlrl.experiments.supervised import SupervisedExperiment
from mamlrl.learners.supervised import SupervisedLearner
from mamlrl.losses.batches import LabelledBatch
from mamlrl.supervised.tasks import Examples
from mamlrl.timing import seconds_of

ROUNDS_PER_REPEAT = 20
ITERATIONS_PER_ROUND = 10  # for each of the loop over tasks, which takes longer
WARM_UP = 5


class LoopOverTasks:
    """MAML with Adam as one writes it with PyTorch's autograd, for one task after the other.

    Args:
        learner: Whose meta-parameters, those of a ReLU network for regression, and settings it starts from.

    Attributes:
        params: Weight and bias of each layer.
    """

    def __init__(self, learner: SupervisedLearner) -> None:
        self._adaptation = learner.config.adaptation
        tensors = learner.network.unflatten(learner.params).values()
        self.params = [tensor.clone().requires_grad_() for tensor in tensors]
        self._optimizer = torch.optim.Adam(self.params, lr=learner.config.adam.learning_rate)

    def step(self, examples: Examples) -> None:
        """Takes a step on a meta-batch."""
        count = len(examples.query)
        loss = torch.stack([self._adapted_loss(examples, task) for task in range(count)]).mean()
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()

    def _adapted_loss(self, examples: Examples, task: int) -> Tensor:
        params = self.params
        for _ in range(self._adaptation.steps):
            gradients = torch.autograd.grad(_loss(params, examples.support, task), params, create_graph=True)
            params = [p - self._adaptation.step_size * g for p, g in zip(params, gradients, strict=True)]
        return _loss(params, examples.query, task)


def _loss(params: list[Tensor], batch: LabelledBatch, task: int) -> Tensor:
    """Mean squared error of a ReLU network on the examples of a task."""
    hidden = batch.observations[task]
    for weight, bias in zip(params[:-2:2], params[1:-2:2], strict=True):
        hidden = torch.relu(hidden @ weight + bias)
    return torch.nn.functional.mse_loss(hidden @ params[-2] + params[-1], batch.targets[task])


def benchmark_supervised(config: SupervisedExperiment, repeats: int) -> None:
    """Prints the times of a meta-iteration's phases, of the loop, and their ratio, measured in turns.

    Args:
        config: The experiment.
        repeats: Times are medians of a multiple of this number of measurements.
    """
    learner = SupervisedLearner(config)
    print(
        f"{config.data.dataset}: {config.meta_batch_size} tasks x {config.data.shots} shots, "
        f"{config.adaptation.steps} inner steps, {len(learner.params)} parameters, {config.device}, "
        f"{torch.get_num_threads()} threads; medians of {ROUNDS_PER_REPEAT * repeats}"
    )
    print(f"{'first meta-iteration':<34}{seconds_of(learner.step, learner.device):9.3f} s")
    loop = LoopOverTasks(learner)
    for _ in range(WARM_UP):
        _take_turns(loop, learner)
    turns = [_take_turns(loop, learner) for _ in range(ROUNDS_PER_REPEAT * repeats)]
    looped = [slow for slow, _, _ in turns]
    whole = [seconds for _, fast, _ in turns for seconds in fast]
    phases = [row for _, _, rows in turns for row in rows]
    for phase in phases[0]:
        print(f"{phase:<34}{1e3 * median(row[phase] for row in phases):9.3f} ms")
    print(f"{'meta-iteration':<34}{1e3 * median(whole):9.3f} ms")
    print(f"{'plain autograd, loop over tasks':<34}{1e3 * median(looped):9.3f} ms")
    print(f"{'loop over tasks / meta-iteration':<34}{median(looped) / median(whole):9.1f}")


def _take_turns(
    loop: LoopOverTasks, learner: SupervisedLearner
) -> tuple[float, list[float], list[dict[str, float]]]:
    """Seconds of the loop, then of some meta-iterations and of their phases."""
    slow = seconds_of(lambda: loop.step(learner.sample()), learner.device)
    fast, phases = [], []
    for _ in range(ITERATIONS_PER_ROUND):
        fast.append(seconds_of(learner.step, learner.device))
        phases.append(learner.seconds)
    return slow, fast, phases
