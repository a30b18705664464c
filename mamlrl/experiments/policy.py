"""Experiments of meta-reinforcement learning."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Self

from mamlrl.adaptation.build import PolicyAdaptationConfig
from mamlrl.experiments.experiment import EvaluationConfig, GradientExperiment
from mamlrl.networks.build import PolicyConfig
from mamlrl.outer.adam import AdamConfig
from mamlrl.outer.build import OuterOptimizerName
from mamlrl.outer.promp import PrompConfig
from mamlrl.outer.trust_region import TrustRegionConfig
from mamlrl.sampling.advantages import AdvantageConfig
from mamlrl.sampling.env_settings import EnvConfig
from mamlrl.sampling.settings import SamplingConfig
from mamlrl.settings.numbers import NonNegativeFinite, NonNegativeInt, PositiveInt


@dataclass(frozen=True)
class PolicyEvaluationConfig(EvaluationConfig):
    """Adaptation of policies to held-out tasks.

    Attributes:
        episodes_per_task: Fresh episodes of each task before every adaptation step, and after the last, whose
            returns are reported.
        adaptation_episodes: Episodes of each task to adapt on before every step; 0 takes those whose returns are
            reported, other numbers are collected beside them.
        deterministic: Whether reported episodes take the most likely actions, such as the mean of a normal
            distribution. Episodes to adapt on are always sampled, since policy gradients need the noise, and are
            then collected beside those that are reported.
        every: Meta-iterations of training between evaluations on validation tasks, by whose return `best.pt` is
            chosen; with 0, there are none, and `best.pt` is chosen by the returns of single meta-batches.
        validation_tasks: Validation tasks, which are neither trained on nor those of an evaluation afterwards.
    """

    episodes_per_task: PositiveInt = 20
    adaptation_episodes: NonNegativeInt = 0
    deterministic: bool = False
    every: NonNegativeInt = 0
    validation_tasks: PositiveInt = 20

    def with_shots(self, shots: int) -> Self:
        """See `EvaluationConfig.with_shots`; the data are episodes."""
        return replace(self, adaptation_episodes=shots)


@dataclass(frozen=True)
class PolicyExperiment(GradientExperiment):
    """An experiment of meta-reinforcement learning.

    Attributes:
        env: Which task family.
        policy: The policy network.
        sampling: How episodes are collected.
        advantages: Value baseline and advantages.
        adaptation: The inner loop.
        outer_optimizer: What improves the meta-parameters.
        trust_region: Settings of `trust_region`.
        adam: Settings of `adam`.
        promp: Settings of `promp`.
        exploration_weight: Weight of E-MAML's term in the outer objective (Stadie et al. 2018), which credits the
            episodes before adaptation with the rewards after it; 0 is MAML, 1 is E-MAML.
        evaluation: Adaptation to held-out tasks.
    """

    kind: str = "policy"
    env: EnvConfig = field(default_factory=EnvConfig)
    policy: PolicyConfig = field(default_factory=PolicyConfig)
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    advantages: AdvantageConfig = field(default_factory=AdvantageConfig)
    adaptation: PolicyAdaptationConfig = field(default_factory=PolicyAdaptationConfig)
    outer_optimizer: OuterOptimizerName = "trust_region"
    trust_region: TrustRegionConfig = field(default_factory=TrustRegionConfig)
    adam: AdamConfig = field(default_factory=AdamConfig)
    promp: PrompConfig = field(default_factory=PrompConfig)
    exploration_weight: NonNegativeFinite = 0.0
    evaluation: PolicyEvaluationConfig = field(default_factory=PolicyEvaluationConfig)
