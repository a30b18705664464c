"""Typed configuration: one dataclass a part, read from YAML with overrides, validated in one step."""

import difflib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_type_hints

from jsonargparse import ActionConfigFile, ArgumentError, ArgumentParser, Namespace
from jsonargparse.typing import restricted_number_type

from mamlrl.errors import UserError

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
class PolicyConfig:
    """The policy network.

    Attributes:
        hidden_sizes: Units of each hidden layer.
        activation: Nonlinearity between layers.
        initial_std: Initial standard deviation of Gaussian actions, in units of the policy's output.
        min_std: Floor under the standard deviation of Gaussian actions.
    """

    hidden_sizes: tuple[PositiveInt, ...] = (100, 100)
    activation: Literal["relu", "tanh"] = "relu"
    initial_std: PositiveFinite = 1.0
    min_std: PositiveFinite = 1e-6


@dataclass(frozen=True)
class SamplingConfig:
    """How episodes are collected.

    Attributes:
        episodes_per_task: Episodes of each task for every gradient step.
        unit: `episodes` collects exactly that many episodes; `transitions` collects episodes in order of
            completion until they hold episodes_per_task x horizon transitions, as the original code does.
        rescale_actions: Whether the policy's output is read in [-1, 1] and rescaled to the bounds of the
            action space; otherwise it is used as it is. The environment clips in both cases.
    """

    episodes_per_task: PositiveInt = 20
    unit: Literal["episodes", "transitions"] = "episodes"
    rescale_actions: bool = True


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
class AdaptationConfig:
    """The inner loop.

    Attributes:
        estimator: Meta-gradient: `maml` differentiates through the inner steps, `first_order` takes their
            Jacobian for the identity.
        steps: Gradient steps, each on freshly sampled episodes.
        step_size: Step size of the inner loop.
    """

    estimator: Literal["maml", "first_order"] = "maml"
    steps: PositiveInt = 1
    step_size: NonNegativeFinite = 0.1


@dataclass(frozen=True)
class TrustRegionConfig:
    """The outer step: TRPO (Schulman et al. 2015).

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
class EvaluationConfig:
    """Adaptation to held-out tasks.

    Attributes:
        steps: Gradient steps; returns are reported after 0, 1, ..., steps.
        tasks: Held-out tasks.
        episodes_per_task: Fresh episodes of each task before every gradient step, and after the last.
        first_step_size: Step size of the first step; null takes the inner loop's.
        later_step_factor: All later steps use the first step size times this.
        seed: Seed of the held-out tasks and of the episodes.
    """

    steps: NonNegativeInt = 3
    tasks: PositiveInt = 40
    episodes_per_task: PositiveInt = 20
    first_step_size: NonNegativeFinite | None = None
    later_step_factor: NonNegativeFinite = 0.5
    seed: Seed = 1000003


@dataclass(frozen=True)
class Config:
    """An experiment.

    Attributes:
        env: Which task family.
        policy: The policy network.
        sampling: How episodes are collected.
        advantages: Baseline and advantages.
        adaptation: The inner loop.
        trust_region: The outer step.
        evaluation: Adaptation to held-out tasks.
        meta_batch_size: Tasks in a meta-iteration.
        iterations: Meta-iterations.
        seed: Seed of everything random in training.
        device: Where the policy runs, such as `cpu` or `cuda`.
    """

    env: EnvConfig = field(default_factory=EnvConfig)
    policy: PolicyConfig = field(default_factory=PolicyConfig)
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    advantages: AdvantageConfig = field(default_factory=AdvantageConfig)
    adaptation: AdaptationConfig = field(default_factory=AdaptationConfig)
    trust_region: TrustRegionConfig = field(default_factory=TrustRegionConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    meta_batch_size: PositiveInt = 20
    iterations: PositiveInt = 500
    seed: Seed = 0
    device: str = "cpu"


def config_names() -> list[str]:
    """Returns the names of the shipped configs."""
    files = resources.files("mamlrl.configs").iterdir()
    return sorted(file.name.removesuffix(".yaml") for file in files if file.name.endswith(".yaml"))


def config_path(source: str) -> str:
    """Returns the path of a shipped config named `source`, else `source` itself.

    Raises:
        ValueError: If there is neither such a config nor such a file, or the file is empty.
    """
    if source in config_names():
        return str(resources.files("mamlrl.configs").joinpath(f"{source}.yaml"))
    if not Path(source).is_file():
        raise ValueError(
            f"no config named {source}, nor a file; the shipped configs are: {', '.join(config_names())}"
        )
    if not Path(source).read_text().strip():
        raise ValueError("the file is empty")
    return source


class ConfigByNameOrPath(ActionConfigFile):
    """Reads a YAML config, a shipped one by its name."""

    def __call__(self, parser: Any, cfg: Any, values: Any, option_string: str | None = None) -> None:
        """Applies the config, as `ActionConfigFile` does."""
        try:
            super().__call__(parser, cfg, config_path(values), option_string)  # type: ignore[no-untyped-call]
        except (ArgumentError, TypeError, ValueError) as error:
            raise ValueError(f"config {values}: {error}") from None


def config_parser(**kwargs: Any) -> ArgumentParser:
    """Returns a parser with `--config` and an option for every field of `Config`, for programs to extend."""
    parser = ArgumentParser(exit_on_error=False, allow_abbrev=False, **kwargs)
    parser.add_argument("--config", action=ConfigByNameOrPath, help="Name of a shipped config, or a YAML file.")
    parser.add_class_arguments(Config)
    return parser


def parse(parser: ArgumentParser, arguments: Sequence[str]) -> Namespace:
    """Parses command-line arguments.

    Raises:
        UserError: If they cannot be used, in one line that names the key.
    """
    try:
        return parser.parse_args(list(arguments))
    except (ArgumentError, ValueError) as error:
        raise UserError(_explain(parser, str(error))) from None


def build_config(parser: ArgumentParser, namespace: Namespace) -> Config:
    """Returns the config that a parsed command line holds."""
    _refuse_null(Config, namespace, "")
    built = parser.instantiate(namespace)
    return Config(**{item.name: built[item.name] for item in fields(Config)})


def _refuse_null(part: Any, values: Namespace, prefix: str) -> None:
    """Raises a UserError for a key that is null and may not be, which the parser lets pass."""
    for name, hint in get_type_hints(part).items():
        value = values[name]
        if is_dataclass(hint):
            if not isinstance(value, Namespace):
                raise UserError(f"{prefix}{name} must have keys of its own, not be {value!r}")
            _refuse_null(hint, value, f"{prefix}{name}.")
        elif value is None and type(None) not in get_args(hint):
            raise UserError(f"{prefix}{name} must have a value, not null")


def set_config_defaults(parser: ArgumentParser, config: Config) -> None:
    """Makes a config's values the defaults of a parser from `config_parser`."""
    parser.set_defaults(plain_config(config))


def load_config(source: str, overrides: Sequence[str] = ()) -> Config:
    """Reads a config and applies overrides.

    Args:
        source: Name of a shipped config, or path of a YAML file.
        overrides: Command-line options such as `["--trust_region.max_kl", "0.02"]`.

    Raises:
        UserError: If the config does not exist or a value in it cannot be used.
    """
    parser = config_parser()
    return build_config(parser, parse(parser, ["--config", source, *overrides]))


def plain_config(config: Config) -> dict[str, Any]:
    """Returns a config as nested dicts of plain numbers, strings and lists."""
    plain: dict[str, Any] = json.loads(json.dumps(asdict(config)))  # drops the restricted number types
    return plain


def restore_config(values: dict[str, Any]) -> Config:
    """Rebuilds a config from what `plain_config` returned.

    Raises:
        UserError: If a value cannot be used.
    """
    parser = config_parser()
    try:
        return build_config(parser, parser.parse_object(values))
    except (ArgumentError, ValueError, TypeError, AttributeError) as error:
        raise UserError(_explain(parser, str(error))) from None


def _explain(parser: ArgumentParser, message: str) -> str:
    """Makes a parser's message one line, and adds the nearest key to an unknown one."""
    line = " ".join(message.split())
    unknown = re.search(r"(?:[Gg]roup '(?P<group>[^']+)' does not accept o|O)ption '(?P<key>[^']+)'", line)
    option = re.search(r"unrecognized arguments: --(?P<key>[\w.]+)", line)
    if unknown:
        key = ".".join(filter(None, [unknown["group"], unknown["key"]]))
    elif option:
        key = option["key"]
    else:
        return line
    nearest = difflib.get_close_matches(key, _keys(parser), n=1, cutoff=0.4)
    return f"{line}; did you mean {nearest[0]}?" if nearest else line


def _keys(parser: ArgumentParser) -> list[str]:
    """Every key that the parser knows, groups included."""
    keys = set(parser.get_defaults().keys(branches=True))
    return sorted(key for key in keys if not key.startswith("env.kwargs."))
