"""The baseline of the strokes table: a network pretrained to tell all training characters apart, with a new head.

    python docs/results/strokes/pretrain.py FOLDER

writes FOLDER/zero_head_seed0.pt and FOLDER/random_head_seed0.pt, for `mamlrl evaluate` to fine-tune. It sees as
many images as the meta-training runs beside it: 2000 iterations x 8 tasks x 5 classes x 6 images.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from tqdm import trange

from mamlrl.experiments.experiment import Config
from mamlrl.experiments.files import load_config
from mamlrl.losses.batches import LabelledBatch
from mamlrl.losses.derivatives import task_gradients
from mamlrl.losses.policy_losses import TaskLosses, negative_log_likelihood
from mamlrl.networks.convolution import ConvolutionalNetwork
from mamlrl.networks.distributions import Categorical
from mamlrl.outer.optimizer import Adam
from mamlrl.runs.checkpoints import save_checkpoint
from mamlrl.supervised.build import make_supervised_tasks
from mamlrl.supervised.image_sets import ImageSet

BATCH_SIZE = 64


def pretrain(network: ConvolutionalNetwork, images: ImageSet, config: Config) -> torch.Tensor:
    """Trains a classifier of all classes with Adam; returns its parameters, shape (P,)."""
    data = config.data
    seen = config.iterations * config.meta_batch_size * data.ways * (data.shots + data.queries)
    rng = np.random.default_rng(config.seed)
    params = network.init(torch.Generator().manual_seed(config.seed))
    classes = np.repeat(np.arange(len(images.counts)), images.counts)
    optimizer = Adam(config.adam)
    for _ in trange(seen // BATCH_SIZE):
        chosen = rng.integers(len(classes), size=BATCH_SIZE)
        batch = LabelledBatch(
            observations=torch.from_numpy(images.images[chosen])[None],
            weights=torch.full((1, BATCH_SIZE), 1 / BATCH_SIZE),
            targets=torch.from_numpy(classes[chosen])[None],
        )
        losses = TaskLosses(network, negative_log_likelihood(network.distribution), batch)
        params = optimizer.descend(params, task_gradients(losses, params[None])[0])
    return params


def main() -> None:
    """Pretrains and writes the checkpoints."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    config = load_config("strokes", ["--adaptation.estimator=first_order"])
    tasks = make_supervised_tasks(config.data, "train")
    network = tasks.make_network(config.policy)
    classifier = replace(network, distribution=Categorical(len(tasks.images.counts)))
    pretrained = classifier.unflatten(pretrain(classifier, tasks.images, config))
    fresh = network.unflatten(network.init(torch.Generator().manual_seed(config.seed)))
    head = f"layer{len(network.filters)}."
    for name, factor in {"zero_head": 0.0, "random_head": 1.0}.items():
        tensors = [factor * fresh[key] if key.startswith(head) else pretrained[key] for key in network.shapes]
        params = torch.cat([tensor.flatten() for tensor in tensors])
        path = folder / f"{name}_seed{config.seed}.pt"
        save_checkpoint(path, config, {"params": params, "iteration": int(config.iterations)})


if __name__ == "__main__":
    main()
