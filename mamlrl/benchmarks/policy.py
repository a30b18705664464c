"""Times the phases of a policy's meta-iteration against their floors."""

from __future__ import annotations

from statistics import median

import torch
from torch import Tensor

from mamlrl.benchmarks.matrix_products import MatrixProducts
from mamlrl.benchmarks.memory_traffic import MemoryTraffic, copy_bandwidth
from mamlrl.benchmarks.messages import counted_messages, of_processes
from mamlrl.benchmarks.rounded_products import FORMATS, RoundedProducts
from mamlrl.benchmarks.sampling import sampling_rates
from mamlrl.benchmarks.variants import place
from mamlrl.experiments.policy import PolicyExperiment
from mamlrl.learners.policy import MetaLearner
from mamlrl.metric_names import SECONDS
from mamlrl.settings.choices import named
from mamlrl.threads import one_thread_per_operation
from mamlrl.timing import PhaseTimer, seconds_of

INNER_PHASES = tuple(f"{SECONDS}{phase}" for phase in ("sampling", "advantages", "adaptation"))


def benchmark_policy(config: PolicyExperiment, repeats: int) -> None:
    """Prints the times of a meta-iteration's phases, of sampling and of curvature products, against their floors.

    Args:
        config: The experiment.
        repeats: Measurements that times are medians of.
    """
    learner = MetaLearner(config)
    print(
        f"{named(config.env.id)}: {config.meta_batch_size} tasks x {config.sampling.episodes_per_task} episodes x "
        f"{learner.sampler.horizon} steps, {config.adaptation.steps} inner steps, {learner.policy.num_parameters} "
        f"parameters, {place(config)}{of_processes()}, {torch.get_num_threads()} threads; medians of {repeats}"
    )
    outer_step = _print_phases(learner, repeats)
    _print_sampling(learner, repeats)
    _print_products(learner, repeats, outer_step)
    _print_floors(learner, repeats)
    _print_precision(learner)


def _print_phases(learner: MetaLearner, repeats: int) -> float:
    """Whole meta-iterations, after one to warm up; returns the seconds of the outer step."""
    learner.iterate()
    with counted_messages(repeats):
        rows = [learner.iterate() for _ in range(repeats)]
    phases = [name for name in rows[0] if name.startswith(SECONDS)]
    for name in phases:
        print(f"{name.removeprefix(SECONDS):<34}{median(row[name] for row in rows):9.3f} s")
    print(f"{'meta-iteration':<34}{median(sum(row[name] for name in phases) for row in rows):9.3f} s")
    return median(sum(row[name] for name in phases if name not in INNER_PHASES) for row in rows)


def _print_sampling(learner: MetaLearner, repeats: int) -> None:
    """Sampling by adapted policies against the bare physics of the same episodes, where there is any."""
    params = learner.collect().adaptation.phi
    sampled, stepped = sampling_rates(learner.config, learner.sampler, params, repeats)
    print(f"{'sampling, environment steps':<34}{median(sampled):9.0f} / s")
    if stepped:
        print(f"{'bare physics, environment steps':<34}{median(stepped):9.0f} / s")
        ratio = median(s / p for s, p in zip(sampled, stepped, strict=True))
        print(f"{'sampling / bare physics':<34}{ratio:9.2f}")


def _print_products(learner: MetaLearner, repeats: int, outer_step: float) -> None:
    """Curvature products and the whole outer step, in plain forward passes over the same states."""
    adapted = learner.collect()
    objective = learner.objective(adapted)
    batch, params = adapted.processed[-1].batch, adapted.adaptation.phi
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


def _print_floors(learner: MetaLearner, repeats: int) -> None:
    """The outer step against its bare matrix products and its bare memory traffic, in turns on the same data."""
    adapted = learner.collect()

    @one_thread_per_operation()  # as in `MetaLearner.step`
    def step() -> None:
        learner.optimizer.step(learner.params, learner.objective(adapted), PhaseTimer(learner.device))

    products, traffic = MatrixProducts(step), MemoryTraffic(step)
    works = (step, products.repeat, traffic.repeat)
    rows = [[seconds_of(work, learner.device) for work in works] for _ in range(repeats)]
    _, multiplying, copying = (median(column) for column in zip(*rows, strict=True))
    print(f"{'matrix products of the outer step':<34}{multiplying:9.3f} s")
    print(f"{'outer step / its matrix products':<34}{median(row[0] / row[1] for row in rows):9.2f}")
    print(f"{'memory traffic of the outer step':<34}{1e-6 * traffic.bytes:9.1f} MB")
    print(f"{'copies of as many bytes':<34}{copying:9.3f} s")
    print(f"{'outer step / products and copies':<34}{median(row[0] / sum(row[1:]) for row in rows):9.2f}")
    print(f"{'bandwidth of a large copy':<34}{1e-9 * copy_bandwidth(learner.device):9.1f} GB/s")


def _print_precision(learner: MetaLearner) -> None:
    """How much less precise matrix products change the meta-gradient and a curvature product."""
    adapted = learner.collect()

    def products() -> Tensor:
        objective = learner.objective(adapted)
        gradient = objective.gradient()
        curvature = objective.curvature(learner.config.trust_region.curvature_fraction)
        return torch.stack([gradient, curvature(vector)])

    vector = torch.ones_like(learner.params)
    exact = products()
    for name in FORMATS:
        rounded = RoundedProducts(name).of(products)
        errors = ((rounded - exact).norm(dim=1) / exact.norm(dim=1)).tolist()
        for what, error in zip(("gradient", "product"), errors, strict=True):
            print(f"{f'{what}, error in {name}':<34}{error:9.1e}")
