"""The baseline of the strokes table: a network pretrained to tell all training characters apart, with a new head.

    python docs/results/strokes/pretrain.py FOLDER

writes FOLDER/zero_head_seed0.pt and FOLDER/random_head_seed0.pt, for `mamlrl evaluate` to fine-tune. Further
options are settings of the experiment, such as `--data.folder data/strokes`. It sees as many images as the
meta-training runs beside it: 2000 iterations x 8 tasks x 5 classes x 6 images.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from tqdm import trange

from mamlrl import SupervisedExperiment, load_config
from mamlrl.losses.batches import LabelledBatch
from mamlrl.losses.derivatives import task_gradients
from mamlrl.losses.likelihood import negative_log_likelihood
from mamlrl.losses.task_losses import TaskLosses
from mamlrl.networks.categorical import Categorical
from mamlrl.networks.convolution import ConvolutionalNetwork
from mamlrl.outer.adam import Adam
from mamlrl.runs.checkpoints import save_checkpoint
from mamlrl.supervised.build import make_supervised_tasks
from mamlrl.supervised.image_sets import ImageSet
from mamlrl.supervised.trained_classes import as_state

BATCH_SIZE = 64


def pretrain(network: ConvolutionalNetwork, images: ImageSet, config: SupervisedExperiment) -> torch.Tensor:
    """Trains a classifier of all classes with Adam; returns its parameters, shape (P,)."""
    data = config.data
    seen = config.iterations * config.meta_batch_size * data.ways * (data.shots + data.queries)
    rng = np.random.default_rng(config.seed)
    params = network.init(torch.Generator().manual_seed(config.seed))
    classes = np.repeat(np.arange(len(images.counts)), images.counts)
    optimizer = Adam(config.adam, params)
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


def main(arguments: Sequence[str] | None = None) -> None:
    """Pretrains and writes the checkpoints."""
    folder, *options = sys.argv[1:] if arguments is None else arguments
    config = load_config("strokes", ["--config=first_order", *options])
    tasks = make_supervised_tasks(config.data, "train")
    network = tasks.make_network(config.network)
    classifier = replace(network, distribution=Categorical(len(tasks.images.counts)))
    pretrained = classifier.unflatten(pretrain(classifier, tasks.images, config))
    fresh = network.unflatten(network.init(torch.Generator().manual_seed(config.seed)))
    head = f"layer{len(network.filters)}."
    for name, factor in {"zero_head": 0.0, "random_head": 1.0}.items():
        tensors = [factor * fresh[key] if key.startswith(head) else pretrained[key] for key in network.shapes]
        params = torch.cat([tensor.flatten() for tensor in tensors])
        path = Path(folder) / f"{name}_seed{config.seed}.pt"
        path.parent.mkdir(parents=True, exist_ok=True)
        state = {"params": params, "iteration": int(config.iterations), **as_state(tasks.class_names)}
        save_checkpoint(path, config, state)


if __name__ == "__main__":
    main()
