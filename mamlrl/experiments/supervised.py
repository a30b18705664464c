"""Experiments of few-shot supervised learning."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Self

from mamlrl.adaptation.build import AdaptationConfig
from mamlrl.experiments.experiment import EvaluationConfig, GradientExperiment
from mamlrl.networks.images import NetworkConfig
from mamlrl.outer.adam import AdamConfig
from mamlrl.outer.build import GradientOptimizerName
from mamlrl.settings.numbers import NonNegativeInt
from mamlrl.supervised.build import DataConfig


@dataclass(frozen=True)
class SupervisedEvaluationConfig(EvaluationConfig):
    """Adaptation of networks to held-out tasks.

    Attributes:
        shots: Examples to adapt on; 0 takes `data.shots`.
        queries: Examples to judge on; 0 takes `data.queries`.
    """

    shots: NonNegativeInt = 0
    queries: NonNegativeInt = 0

    def with_shots(self, shots: int) -> Self:
        """See `EvaluationConfig.with_shots`; the data are examples, of classification those of each class."""
        return replace(self, shots=shots)


@dataclass(frozen=True)
class SupervisedExperiment(GradientExperiment):
    """An experiment of few-shot supervised learning.

    Attributes:
        data: The distribution of tasks.
        network: The network.
        adaptation: The inner loop.
        outer_optimizer: What improves the meta-parameters.
        adam: Settings of `adam`.
        evaluation: Adaptation to held-out tasks.
        compile: Whether meta-gradients are compiled, for which a C++ compiler is needed.
    """

    kind: str = "supervised"
    data: DataConfig = field(default_factory=DataConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    adaptation: AdaptationConfig = field(default_factory=AdaptationConfig)
    outer_optimizer: GradientOptimizerName = "adam"
    adam: AdamConfig = field(default_factory=AdamConfig)
    evaluation: SupervisedEvaluationConfig = field(default_factory=SupervisedEvaluationConfig)
    compile: bool = False

    def on_fixed_data(self) -> Self:
        """See `GradientExperiment.on_fixed_data`; not every inner loop can be compiled."""
        return replace(super().on_fixed_data(), compile=False)
