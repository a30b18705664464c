"""Times the phases of a meta-iteration against their floors: `mamlrl benchmark --config navigation2d`."""

from __future__ import annotations

import resource
import sys
from collections.abc import Sequence
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, cast

import numpy as np
import torch

from mamlrl.benchmarks.supervised import print_supervised
from mamlrl.envs import TaskVectorEnv
from mamlrl.experiments.experiment import Config, PositiveInt
from mamlrl.experiments.files import build_config, config_parser, parse
from mamlrl.learners.build import make_learner
from mamlrl.learners.policy import MetaLearner
from mamlrl.learners.supervised import SupervisedLearner
from mamlrl.sampling.build import make_task_env
from mamlrl.sampling.rollouts import Rollouts
from mamlrl.sampling.sampler import Sampler
from mamlrl.scripts.main import run_program
from mamlrl.timing import PhaseTimer, seconds_of

if TYPE_CHECKING:  # a benchmark without physics does not need MuJoCo
    from mamlrl.envs.locomotion.body import LocomotionVectorEnv
    from mamlrl.envs.physics.simulator import Simulator

INNER_PHASES = ("seconds/sampling", "seconds/advantages", "seconds/adaptation")


def run(arguments: Sequence[str]) -> int:
    """Benchmarks the experiment that the command line names; returns the exit status."""
    parser = config_parser(prog="mamlrl benchmark", description="Time the phases of a meta-iteration.")
    parser.add_argument("--repeats", type=PositiveInt, default=5, help="Measurements to take the median of.")
    namespace = parse(parser, arguments)
    learner = make_learner(build_config(parser, namespace))
    if isinstance(learner, SupervisedLearner):
        print_supervised(learner, namespace.repeats)
    elif isinstance(learner, MetaLearner):
        _print_policies(learner, namespace.repeats)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{'peak memory':<34}{peak:9.2f} GiB")
    return 0


def _print_policies(learner: MetaLearner, repeats: int) -> None:
    config = learner.config
    print(
        f"{config.env.id}: {config.meta_batch_size} tasks x {config.sampling.episodes_per_task} episodes x "
        f"{learner.sampler.horizon} steps, {config.adaptation.steps} inner steps, {learner.policy.num_parameters} "
        f"parameters, {config.device}, {torch.get_num_threads()} threads; medians of {repeats}"
    )
    outer_step = _print_phases(learner, repeats)
    _print_sampling(learner, repeats)
    _print_products(learner, repeats, outer_step)


def _print_phases(learner: MetaLearner, repeats: int) -> float:
    """Whole meta-iterations, after one to warm up; returns the seconds of the outer step."""
    learner.iterate()
    rows = [learner.iterate() for _ in range(repeats)]
    phases = [name for name in rows[0] if name.startswith("seconds/")]
    for name in phases:
        print(f"{name.removeprefix('seconds/'):<34}{median(row[name] for row in rows):9.3f} s")
    print(f"{'meta-iteration':<34}{median(sum(row[name] for name in phases) for row in rows):9.3f} s")
    return median(sum(row[name] for name in phases if name not in INNER_PHASES) for row in rows)


def _print_sampling(learner: MetaLearner, repeats: int) -> None:
    """Sampling by adapted policies against the bare physics of the same episodes, where there is any."""
    config, sampler = learner.config, learner.sampler
    params = learner.collect(PhaseTimer(learner.device)).adaptation.params
    physics = None
    if hasattr(sampler.groups[0].env, "simulator") and config.sampling.unit == "episodes":
        physics = BarePhysics(config, sampler)
    sampled, stepped = [], []
    for seed in range(repeats):
        start = perf_counter()
        rollouts = sampler.sample(params, np.random.default_rng(seed), learner.generator)
        sampled.append(rollouts.transitions / (perf_counter() - start))
        if physics is not None:
            stepped.append(rollouts.transitions / physics.seconds(rollouts, np.random.default_rng(seed)))
    print(f"{'sampling, environment steps':<34}{median(sampled):9.0f} / s")
    if stepped:
        print(f"{'bare physics, environment steps':<34}{median(stepped):9.0f} / s")
        ratio = median(s / p for s, p in zip(sampled, stepped, strict=True))
        print(f"{'sampling / bare physics':<34}{ratio:9.2f}")


class BarePhysics:
    """Steps the simulations of all groups of tasks in one simulator, on all CPUs, with given controls.

    Args:
        config: The experiment.
        sampler: Has its tasks set.

    Attributes:
        simulator: Of all episodes.
    """

    def __init__(self, config: Config, sampler: Sampler) -> None:
        self._sampler = sampler
        env = make_task_env(config.env, sampler.num_tasks * config.sampling.episodes_per_task)
        env.set_tasks(np.concatenate([group.env.tasks for group in sampler.groups]))
        env.reset()
        self.simulator = _simulator(env)

    def seconds(self, rollouts: Rollouts, rng: np.random.Generator) -> float:
        """Seconds for the steps of rollouts; `rng` is as it was before they were sampled."""
        self._start(rng)
        steps = range(rollouts.mask.shape[2])
        controls = [self._sampler.groups[0].to_env(rollouts.actions[:, :, step]) for step in steps]
        running = [rollouts.mask[:, :, step].flatten().bool().cpu().numpy() for step in steps]
        start = perf_counter()
        for inputs in zip(controls, running, strict=True):
            self.simulator.advance(*inputs)
        return perf_counter() - start

    def _start(self, rng: np.random.Generator) -> None:
        """Puts the simulations into the initial states that the sampler found."""
        simulators = []
        for group in self._sampler.groups:
            group.env.reset(seed=int(rng.integers(2**31)))
            simulators.append(_simulator(group.env))
        positions = np.concatenate([simulator.positions for simulator in simulators])
        velocities = np.concatenate([simulator.velocities for simulator in simulators])
        self.simulator.reset(np.ones(len(positions), dtype=np.bool_), positions, velocities)


def _simulator(env: TaskVectorEnv) -> Simulator:
    return cast("LocomotionVectorEnv", env).simulator


def _print_products(learner: MetaLearner, repeats: int, outer_step: float) -> None:
    """Curvature products and the whole outer step, in plain forward passes over the same states."""
    adapted = learner.collect(PhaseTimer(learner.device))
    objective = learner.objective(adapted)
    batch, params = adapted.processed[-1].batch, adapted.adaptation.params
    curvature = objective.curvature(learner.config.trust_region.curvature_fraction)
    vector = torch.ones_like(learner.params)
    forward, product = [], []
    for _ in range(2 + 4 * repeats):
        forward.append(seconds_of(lambda: learner.policy(params, batch.observations), learner.device))
        product.append(seconds_of(lambda: curvature(vector), learner.device))
    forward, product = forward[2:], product[2:]
    print(f"{'forward pass of the policy':<34}{1e3 * median(forward):9.1f} ms")
    print(f"{'curvature product':<34}{1e3 * median(product):9.1f} ms")
    ratio = median(p / f for p, f in zip(product, forward, strict=True))
    print(f"{'curvature product / forward pass':<34}{ratio:9.2f}")
    print(f"{'outer step / forward pass':<34}{outer_step / median(forward):9.1f}")


if __name__ == "__main__":
    sys.exit(run_program(run))
