"""Few-shot regression of sine waves, small enough for tests."""

from mamlrl.experiments.command_line import load_config

TINY_SINUSOID = [
    "--config=sinusoid",
    "--compile=false",
    "--network.hidden_sizes=[8, 6]",
    "--meta_batch_size=4",
    "--data.validation_tasks=5",
    "--evaluation.tasks=6",
    "--evaluation.queries=9",
    "--evaluation.steps=3",
    "--iterations=12",
    "--save_every=4",
]

IMAML = ["--adaptation.estimator=imaml", "--adaptation.proximal.weight=5", "--adaptation.gradient_steps=3"]


def tiny(*overrides):
    return load_config("sinusoid", [*TINY_SINUSOID[1:], *overrides])
