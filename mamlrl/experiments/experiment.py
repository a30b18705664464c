"""Typed configuration: one dataclass a part, each value with its type, default and range."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from jsonargparse.typing import restricted_number_type

if TYPE_CHECKING:
    PositiveInt = int
    NonNegativeInt = int
    PositiveFinite = float
    NonNegativeFinite = float
    ClosedUnitInterval = float
    PositiveFraction = float
    Seed = int
else:
    FINITE = ("<", float("inf"))
    from jsonargparse.typing import ClosedUnitInterval, NonNegativeInt, PositiveInt

    PositiveFinite = restricted_number_type("PositiveFinite", float, [(">", 0), FINITE])
    NonNegativeFinite = restricted_number_type("NonNegativeFinite", float, [(">=", 0), FINITE])
    PositiveFraction = restricted_number_type("PositiveFraction", float, [(">", 0), ("<=", 1)])
    Seed = restricted_number_type("Seed", int, [(">=", 0), ("<", 2**63)])


@dataclass(frozen=True)
class EnvConfig:
    """Which task family.

    Attributes:
        id: Gymnasium id of a task environment.
        kwargs: Keyword arguments for the environment, such as its horizon.
    """

    id: str = "mamlrl/Navigation2D-v0"
    kwargs: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DataConfig:
    """Supervised tasks. With a data set, `env`, `sampling` and `advantages` do not apply.

    Attributes:
        dataset: Where the tasks come from; `none` for reinforcement learning.
        folder: Where the data set lies, if it is one that is read from files.
        ways: Classes of a task.
        shots: Examples of each task to adapt on; for classification, of each class.
        queries: Examples of each task, or of each of its classes, to judge the adapted network on.
        validation_tasks: Tasks that a run is judged by whenever it reports metrics, the same each time.
    """

    dataset: Literal["none", "sinusoid", "omniglot", "mini_imagenet", "strokes"] = "none"
    folder: str | None = None
    ways: PositiveInt = 5
    shots: PositiveInt = 1
    queries: PositiveInt = 15
    validation_tasks: PositiveInt = 100


@dataclass(frozen=True)
class PolicyConfig:
    """The policy network.

    Attributes:
        hidden_sizes: Units of each hidden layer; for images, filters of each block of convolutions.
        activation: Nonlinearity between layers.
        initial_std: Initial standard deviation of Gaussian actions, in units of the policy's output.
        min_std: Floor under the standard deviation of Gaussian actions.
        context_size: Length of a vector of free parameters that is appended to the observation, 0 for none.
    """

    hidden_sizes: tuple[PositiveInt, ...] = (100, 100)
    activation: Literal["relu", "tanh"] = "relu"
    initial_std: PositiveFinite = 1.0
    min_std: PositiveFinite = 1e-6
    context_size: NonNegativeInt = 0


@dataclass(frozen=True)
class SamplingConfig:
    """How episodes are collected.

    Attributes:
        episodes_per_task: Episodes of each task for every gradient step.
        unit: `episodes` collects exactly that many episodes; `transitions` collects episodes in order of
            completion until they hold episodes_per_task x horizon transitions, as the original code does.
        rescale_actions: Whether the policy's output is read in [-action_bound, action_bound] and rescaled to the
            bounds of the action space; otherwise it is used as it is. The environment clips in both cases.
        action_bound: Output that stands for the bounds of the action space. A larger one makes actions smaller
            and, unlike a smaller policy.initial_std, does not make the inner steps larger.
        groups: Groups of tasks that are sampled at the same time, each in an environment and a thread of its own:
            one's physics overlap with another's policy (double-buffered sampling, Petrenko et al. 2020).
    """

    episodes_per_task: PositiveInt = 20
    unit: Literal["episodes", "transitions"] = "episodes"
    rescale_actions: bool = True
    action_bound: PositiveFinite = 1.0
    groups: PositiveInt = 1


@dataclass(frozen=True)
class AdvantageConfig:
    """Baseline and advantages.

    Attributes:
        discount: Discount of future rewards.
        gae_lambda: Exponential weight of generalised advantage estimation (Schulman et al. 2016).
        standardize: Whether the advantages of each task are scaled to mean 0 and standard deviation 1.
        ridge: Regularisation of the linear feature baseline's least squares.
    """

    discount: ClosedUnitInterval = 0.99
    gae_lambda: ClosedUnitInterval = 1.0
    standardize: bool = True
    ridge: PositiveFinite = 1e-5


@dataclass(frozen=True)
class ProximalConfig:
    """The proximal inner objective, loss(phi) + weight / 2 |phi - theta|^2, and iMAML's solution of it.

    Attributes:
        weight: Weight of the proximal term (lambda); `imaml` needs one above 0.
        learned: Whether the weight is one of the meta-parameters (`imaml` only).
        optimizer: What minimises the inner objective (`imaml` only): `gradient_descent`; `line_search`, the same
            with each step halved until it decreases the task's objective; `adam`; or `newton_cg`.
        curvature: Second derivative of the loss that `imaml` takes: `hessian`, which may be indefinite, or
            `fisher`, the Gauss-Newton matrix, which is not.
        cg_iterations: Most iterations of conjugate gradient in a product with the inverse curvature.
        cg_tolerance: Squared norm of the residual, relative to the right-hand side's, at which it stops.
        damping: Added to the weight where the solution is differentiated, not where it is sought: with more of
            it, the system stays definite in spite of some negative curvature.
    """

    weight: NonNegativeFinite = 0.0
    learned: bool = False
    optimizer: Literal["gradient_descent", "line_search", "adam", "newton_cg"] = "gradient_descent"
    curvature: Literal["hessian", "fisher"] = "hessian"
    cg_iterations: PositiveInt = 10
    cg_tolerance: NonNegativeFinite = 1e-10
    damping: NonNegativeFinite = 0.0


@dataclass(frozen=True)
class AdaptationConfig:
    """The inner loop.

    Attributes:
        estimator: Meta-gradient: `maml` differentiates through the inner steps, `first_order` takes their
            Jacobian for the identity, `imaml` differentiates the minimum of the proximal inner objective.
        steps: Adaptation steps, each on freshly sampled episodes.
        gradient_steps: Steps of gradient descent, or of another optimizer, in each of them.
        step_size: Step size of the inner loop; where it is learned, the initial one.
        learned_step_size: Which step sizes are meta-parameters: `none`, `one`, one `per_layer`, or one
            `per_parameter` (Meta-SGD, Li et al. 2017).
        adapted: Which parameters are adapted: all, those of the `last_layer` (with the standard deviation),
            all `biases`, or the `context` vector.
        loss: Inner loss: `reinforce`, or `likelihood_ratio`, the same gradient with a Hessian of lower variance
            (Rothfuss et al. 2018), which also stays valid for several gradient steps on the same episodes.
        proximal: The proximal inner objective.
    """

    estimator: Literal["maml", "first_order", "imaml"] = "maml"
    steps: PositiveInt = 1
    gradient_steps: PositiveInt = 1
    step_size: NonNegativeFinite = 0.1
    learned_step_size: Literal["none", "one", "per_layer", "per_parameter"] = "none"
    adapted: Literal["all", "last_layer", "biases", "context"] = "all"
    loss: Literal["reinforce", "likelihood_ratio"] = "reinforce"
    proximal: ProximalConfig = field(default_factory=ProximalConfig)


@dataclass(frozen=True)
class TrustRegionConfig:
    """The outer optimizer `trust_region`: TRPO (Schulman et al. 2015).

    Attributes:
        max_kl: Bound on the mean KL divergence between adapted policies before and after the step.
        cg_iterations: Most iterations of conjugate gradient.
        cg_tolerance: Squared norm of the residual, relative to the gradient's, at which conjugate gradient stops.
        damping: Multiple of the identity added to the curvature.
        line_search_steps: Most step lengths tried.
        line_search_decay: Factor between successive step lengths.
        curvature_fraction: Fraction of the states that the curvature is computed on.
    """

    max_kl: PositiveFinite = 0.01
    cg_iterations: PositiveInt = 10
    cg_tolerance: NonNegativeFinite = 1e-10
    damping: NonNegativeFinite = 1e-5
    line_search_steps: PositiveInt = 15
    line_search_decay: PositiveFraction = 0.8
    curvature_fraction: PositiveFraction = 1.0


@dataclass(frozen=True)
class AdamConfig:
    """The outer optimizer `adam`, and the one within `promp`.

    Attributes:
        learning_rate: Step size.
    """

    learning_rate: PositiveFinite = 1e-3


@dataclass(frozen=True)
class PrompConfig:
    """The outer optimizer `promp`: proximal meta-policy search (Rothfuss et al. 2018).

    Attributes:
        epochs: Steps of Adam on each meta-batch.
        clip: Likelihood ratios are clipped to [1 - clip, 1 + clip].
        inner_kl_weight: Weight of the mean KL divergence between the policies before adaptation, old and new.
    """

    epochs: PositiveInt = 5
    clip: PositiveFraction = 0.3
    inner_kl_weight: NonNegativeFinite = 5e-4


@dataclass(frozen=True)
class EvaluationConfig:
    """Adaptation to held-out tasks.

    Attributes:
        steps: Gradient steps; returns, or losses, are reported after 0, 1, ..., steps.
        tasks: Held-out tasks.
        episodes_per_task: Fresh episodes of each task before every gradient step, and after the last.
        shots: Of supervised tasks, examples to adapt on; 0 takes `data.shots`.
        queries: Of supervised tasks, examples to judge on; 0 takes `data.queries`.
        first_step_size: Step size of the first step; null takes the inner loop's.
        later_step_factor: All later steps use the first step size times this.
        seed: Seed of the held-out tasks and of the episodes.
    """

    steps: NonNegativeInt = 3
    tasks: PositiveInt = 40
    episodes_per_task: PositiveInt = 20
    shots: NonNegativeInt = 0
    queries: NonNegativeInt = 0
    first_step_size: NonNegativeFinite | None = None
    later_step_factor: NonNegativeFinite = 0.5
    seed: Seed = 1000003


@dataclass(frozen=True)
class Config:
    """An experiment.

    Attributes:
        env: Which task family.
        data: Supervised tasks, instead of an environment's.
        policy: The policy network.
        sampling: How episodes are collected.
        advantages: Baseline and advantages.
        adaptation: The inner loop.
        outer_optimizer: What improves the meta-parameters.
        trust_region: Settings of `trust_region`.
        adam: Settings of `adam`.
        promp: Settings of `promp`.
        evaluation: Adaptation to held-out tasks.
        meta_batch_size: Tasks in a meta-iteration.
        iterations: Meta-iterations.
        save_every: Meta-iterations between checkpoints, and between rows of metrics.
        seed: Seed of everything random in training.
        device: Where the policy runs, such as `cpu` or `cuda`.
        compile: Whether supervised meta-gradients are compiled, for which a C++ compiler is needed.
    """

    env: EnvConfig = field(default_factory=EnvConfig)
    data: DataConfig = field(default_factory=DataConfig)
    policy: PolicyConfig = field(default_factory=PolicyConfig)
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    advantages: AdvantageConfig = field(default_factory=AdvantageConfig)
    adaptation: AdaptationConfig = field(default_factory=AdaptationConfig)
    outer_optimizer: Literal["trust_region", "adam", "promp"] = "trust_region"
    trust_region: TrustRegionConfig = field(default_factory=TrustRegionConfig)
    adam: AdamConfig = field(default_factory=AdamConfig)
    promp: PrompConfig = field(default_factory=PrompConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    meta_batch_size: PositiveInt = 20
    iterations: PositiveInt = 500
    save_every: PositiveInt = 1
    seed: Seed = 0
    device: str = "cpu"
    compile: bool = False
