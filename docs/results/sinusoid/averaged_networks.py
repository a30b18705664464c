"""Multi-task baselines of Finn et al. 2017, Table 2: a network for each of many sine waves, averaged.

Writes a checkpoint for `mamlrl evaluate`: `python averaged_networks.py mean 0.1 averaged_to_mean.pt`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mamlrl import load_config
from mamlrl.losses.batches import LabelledBatch
from mamlrl.losses.derivatives import task_gradients
from mamlrl.losses.likelihood import negative_log_likelihood
from mamlrl.losses.task_losses import TaskLosses
from mamlrl.networks.network import Network
from mamlrl.runs.checkpoints import save_checkpoint
from mamlrl.supervised.sinusoid import Sinusoid

NUM_TASKS = 500
EXAMPLES = 200  # of each wave, drawn once
BATCH = 10
STEPS = 3000


def main(arguments: Sequence[str] | None = None) -> None:
    """Trains all networks at once, averages them, saves the average."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "regularisation", choices=["none", "l2", "mean"], help="pulls to nothing, 0, or their mean"
    )
    parser.add_argument("weight", type=float, help="of the regularisation")
    parser.add_argument("output", type=Path, help="checkpoint to write")
    options = parser.parse_args(arguments)
    config = load_config("sinusoid", ["--config=first_order"])
    tasks = Sinusoid()
    network = tasks.make_network(config.network)
    rng = np.random.default_rng(config.seed)
    data = tasks.sample(rng, NUM_TASKS, EXAMPLES, 1).support
    generator = torch.Generator().manual_seed(config.seed)
    params = torch.stack([network.init(generator) for _ in range(NUM_TASKS)])
    params = train(network, params, data, rng, options.regularisation, options.weight)
    losses = TaskLosses(network, negative_log_likelihood(network.distribution), data)
    print(f"mean squared error of the networks: {float(losses(params).mean()) - np.log(np.pi) / 2:.3f}")
    save_checkpoint(options.output, config, {"params": params.mean(dim=0), "iteration": STEPS})


def train(
    network: Network,
    params: Tensor,
    data: LabelledBatch,
    rng: np.random.Generator,
    regularisation: str,
    weight: float,
) -> Tensor:
    """Trains a network for each task with Adam on batches of its examples; returns parameters, (task, P)."""
    params = params.requires_grad_()
    optimizer = torch.optim.Adam([params], lr=1e-3, fused=True)
    loss = negative_log_likelihood(network.distribution)
    for _ in range(STEPS):
        chosen = torch.from_numpy(rng.integers(EXAMPLES, size=BATCH))
        batch = LabelledBatch(
            data.observations[:, chosen], data.weights[:, chosen] * EXAMPLES / BATCH, data.targets[:, chosen]
        )
        here = params.detach()
        centre = here.mean(dim=0) if regularisation == "mean" else torch.zeros_like(here[0])
        pull = 0.0 if regularisation == "none" else 2 * weight
        params.grad = task_gradients(TaskLosses(network, loss, batch), here) + pull * (here - centre)
        optimizer.step()
    return params.detach()


if __name__ == "__main__":
    main()
