"""Benchmarks by kind of experiment."""

from collections.abc import Callable
from typing import Any

from mamlrl.benchmarks.policy import benchmark_policy
from mamlrl.benchmarks.supervised import benchmark_supervised
from mamlrl.settings.choices import Registry

# (experiment of the kind, repeats) -> None; prints what it measures
BENCHMARKS: Registry[Callable[[Any, int], None]] = Registry(
    "benchmark", {"policy": benchmark_policy, "supervised": benchmark_supervised}
)
