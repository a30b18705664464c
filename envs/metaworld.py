"""Meta-World's benchmarks ML1, ML10 and ML45: a Sawyer arm, goals that it cannot observe (Yu et al. 2019)."""

from __future__ import annotations

from functools import cache, partial
from importlib import import_module
from typing import Any

import gymnasium
import numpy as np
from gymnasium.error import DependencyNotInstalled

from mamlrl.envs.adapter.vector_env import GymnasiumVectorEnv
from mamlrl.envs.arguments import check_choice, check_whole_number
from mamlrl.envs.gymnasium_adapter import GymnasiumFamily
from mamlrl.envs.metaworld_tasks import BenchmarkTasks
from mamlrl.envs.single_task_env import SingleTaskEnv
from mamlrl.errors import suggestion

ID = "mamlrl/MetaWorld-v0"
BENCHMARKS = ("ML1", "ML10", "ML45")
HORIZON = 500  # an environment refuses to take more steps
REWARDS = ("v1", "v2")  # v2 is in [0, 10] at every step
CAMERA = "corner2"
WELD_SIZE = 11  # numbers of a weld that Meta-World sets; MuJoCo 4 has one more, which stays as it is


class MetaWorldFamily(GymnasiumFamily):
    """Makes task environments of Meta-World, as a vector entry point of Gymnasium does."""

    def __init__(self) -> None:
        super().__init__(_make_env, ID)

    def __call__(
        self,
        num_envs: int = 1,
        *,
        benchmark: str = "ML1",
        name: str | None = None,
        seed: int = 0,
        validation_goals: int = 0,
        horizon: int | None = HORIZON,
        **kwargs: Any,
    ) -> GymnasiumVectorEnv:
        """Makes a task environment.

        Observation, shape (39,): hand, gripper and objects now and a step before, and zeros for the hidden goal.
        Action, shape (4,): displacement of the hand and force of the gripper, in [-1, 1]. Tasks are numbers of
        goals, first those to train on. Episodes do not end at success, which `info` tells of.

        Args:
            num_envs: Number of sub-environments.
            benchmark: `ML1`, `ML10` or `ML45`.
            name: Environment of ML1, such as `reach-v3`; it trains on the goals of `seed` and is evaluated on
                those of `seed` + 1.
            seed: Seed of the goals, 50 for each environment.
            validation_goals: How many of the goals of each environment to train on are kept for validation, see
                `evaluation.every`, and never trained on.
            horizon: Steps after which an episode is truncated, at most 500.
            **kwargs: `reward_function_version`, `v1` or `v2`, and see `GymnasiumFamily.__call__`.

        Raises:
            ValueError: If an argument is unusable; the message names it.
            gymnasium.error.DependencyNotInstalled: If Meta-World is not installed.
        """
        check_whole_number("horizon", HORIZON if horizon is None else horizon, least=1)
        check_choice("reward_function_version", kwargs.get("reward_function_version", "v2"), REWARDS)
        if (horizon or 0) > HORIZON:
            raise ValueError(f"horizon must be at most {HORIZON}, got {horizon}")
        check_whole_number("validation_goals", validation_goals, least=0)
        source = BenchmarkTasks(_benchmark(benchmark, name, seed), validation_goals)
        family = GymnasiumFamily(partial(_make_env, env_name=source.first_name), ID, lambda _: source)
        made = family(num_envs, horizon=horizon or HORIZON, **kwargs)
        made.spec = gymnasium.spec(ID)
        return made


@cache
def _benchmark(benchmark: str, name: str | None, seed: int) -> Any:
    """Returns a benchmark of Meta-World, whose tasks it takes ML45 half a minute to list."""
    check_choice("benchmark", benchmark, BENCHMARKS)
    check_whole_number("seed", seed, least=0)
    library = _library()
    if benchmark != "ML1":
        if name is not None:
            raise ValueError(f"name must be left out: {benchmark} has environments of its own")
        return getattr(library, benchmark)(seed=seed)
    if name not in library.ML1.ENV_NAMES:
        nearest = suggestion(name, library.ML1.ENV_NAMES)
        raise ValueError(f"name must be an environment of Meta-World, such as reach-v3, got {name!r}{nearest}")
    return library.ML1(name, seed=seed)


def _make_env(env_name: str, render_mode: str | None = None, **kwargs: Any) -> gymnasium.Env[Any, Any]:
    """Makes an environment of Meta-World, which needs a task before it can be reset."""
    env_class = _library().env_dict.ALL_V3_ENVIRONMENTS[env_name]
    kwargs = {"reward_function_version": "v2", **kwargs}
    if render_mode is None:
        return env_class(**kwargs)
    return _Upright(env_class(render_mode=render_mode, camera_name=CAMERA, **kwargs))


class _Upright(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Turns pictures, since the camera hangs upside down."""

    def render(self) -> Any:
        return np.ascontiguousarray(np.rot90(np.asarray(self.env.render()), 2))


@cache
def _library() -> Any:
    """Imports Meta-World, and lets it run on MuJoCo 4.

    Raises:
        gymnasium.error.DependencyNotInstalled: If it is not installed.
    """
    try:
        library = import_module("metaworld")
    except ModuleNotFoundError as error:
        raise DependencyNotInstalled(
            f"Meta-World cannot be imported ({error}): pip install 'mamlrl[metaworld]', or see docs/metaworld.md"
        ) from error
    import_module("metaworld.sawyer_xyz_env").SawyerMocapBase.reset_mocap_welds = _reset_mocap_welds
    return library


def _reset_mocap_welds(env: Any) -> None:
    """Does what Meta-World's method of this name does, which MuJoCo 4 refuses for want of a twelfth number."""
    mujoco = import_module("mujoco")
    welds = env.model.eq_type == mujoco.mjtEq.mjEQ_WELD
    env.model.eq_data[welds, :WELD_SIZE] = [0, 0, 0, 0, 0, 0, -1, 0, 0, 0, 5]


MetaWorldVectorEnv = MetaWorldFamily()


class MetaWorldEnv(SingleTaskEnv):
    """An ordinary Gymnasium environment of one task; see `MetaWorldFamily`."""

    vector_env_class = MetaWorldVectorEnv
