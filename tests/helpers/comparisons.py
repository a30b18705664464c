"""A comparison of meta-gradients that is smooth, and small enough for tests."""

from dataclasses import replace

from programs import TINY

from mamlrl.benchmarks.problems import comparable
from mamlrl.experiments.command_line import load_config

SMOOTH = [
    "--policy.activation=tanh",
    "--sampling.episodes_per_task=10",
    "--adaptation.proximal.weight=10",
    "--adaptation.step_size=0.05",
]


def smooth(*overrides):
    return comparable(load_config("navigation2d", [*TINY[1:], *SMOOTH, *overrides]))


def gradient(problem, config, estimator, steps):
    return problem.meta_objective(replace(config.adaptation, estimator=estimator, gradient_steps=steps)).gradient()
