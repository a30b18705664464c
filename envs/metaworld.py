"""Meta-World's benchmarks ML1, ML10 and ML45: a Sawyer arm, goals that it cannot observe (Yu et al. 2019)."""

from __future__ import annotations

import pickle
from functools import cache, partial
from importlib import import_module
from typing import Any

import gymnasium
import numpy as np
from gymnasium.error import DependencyNotInstalled
from numpy.typing import NDArray

from mamlrl.envs.adapter.own_tasks import ListedTasks
from mamlrl.envs.adapter.vector_env import GymnasiumVectorEnv
from mamlrl.envs.arguments import check_choice, check_whole_number
from mamlrl.envs.gymnasium_adapter import GymnasiumFamily
from mamlrl.envs.single_task_env import SingleTaskEnv
from mamlrl.errors import suggestion

ID = "mamlrl/MetaWorld-v0"
BENCHMARKS = ("ML1", "ML10", "ML45")
HORIZON = 500  # an environment refuses to take more steps
REWARDS = ("v1", "v2")  # v2 is in [0, 10] at every step
CAMERA = "corner2"
WELD_SIZE = 11  # numbers of a weld that Meta-World sets; MuJoCo 4 has one more, which stays as it is


class BenchmarkTasks(ListedTasks):
    """The tasks of a benchmark of Meta-World: an environment each, and a goal in it.

    Args:
        benchmark: Has `train_tasks` and `test_tasks`, ordered by environment.
    """

    def __init__(self, benchmark: Any) -> None:
        super().__init__(benchmark.train_tasks, benchmark.test_tasks, _set_task)
        self._names = [task.env_name for task in self._listed]

    @property
    def first_name(self) -> str:
        """Name of the first environment to train on."""
        return self._names[0]

    def sample(self, rng: np.random.Generator, num_tasks: int) -> NDArray[np.float64]:
        """Draws goals of all environments to train on, as many of each, ordered by environment.

        Where their number does not divide that of the tasks, the rest is of environments drawn at random.
        """
        return self._balanced(rng, 0, self._num_train, num_tasks)

    def sample_test(self, rng: np.random.Generator, num_tasks: int) -> NDArray[np.float64]:
        """Draws goals of all environments to evaluate on; see `sample`."""
        return self._balanced(rng, self._num_train, len(self._names), num_tasks)

    def _balanced(self, rng: np.random.Generator, first: int, end: int, num_tasks: int) -> NDArray[np.float64]:
        names = sorted(set(self._names[first:end]))
        shares = np.full(len(names), num_tasks // len(names))
        shares[rng.choice(len(names), num_tasks % len(names), replace=False)] += 1
        chosen = []
        for name, share in zip(names, shares, strict=True):
            own = [index for index in range(first, end) if self._names[index] == name]
            chosen.append(rng.choice(own, share, replace=share > len(own)))
        return np.concatenate(chosen)[:, None].astype(np.float64)

    def keywords(self, task: NDArray[np.float64]) -> dict[str, Any]:
        """See `TaskSource.keywords`."""
        return {"env_name": self._names[round(task.item())]}

    def describe(self, task: NDArray[np.float64]) -> str:
        """See `TaskSource.describe`."""
        index = round(task.item())
        goal = pickle.loads(self._listed[index].data)["rand_vec"]
        return f"{self._names[index]}, goal {np.array2string(goal, precision=2)}"


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
        source = _tasks(benchmark, name, seed)
        family = GymnasiumFamily(partial(_make_env, env_name=source.first_name), ID, lambda _: source)
        made = family(num_envs, horizon=horizon or HORIZON, **kwargs)
        made.spec = gymnasium.spec(ID)
        return made


@cache
def _tasks(benchmark: str, name: str | None, seed: int) -> BenchmarkTasks:
    """Returns the tasks of a benchmark, which takes ML45 half a minute to list."""
    check_choice("benchmark", benchmark, BENCHMARKS)
    check_whole_number("seed", seed, least=0)
    library = _library()
    if benchmark != "ML1":
        if name is not None:
            raise ValueError(f"name must be left out: {benchmark} has environments of its own")
        return BenchmarkTasks(getattr(library, benchmark)(seed=seed))
    if name not in library.ML1.ENV_NAMES:
        nearest = suggestion(name, library.ML1.ENV_NAMES)
        raise ValueError(f"name must be an environment of Meta-World, such as reach-v3, got {name!r}{nearest}")
    return BenchmarkTasks(library.ML1(name, seed=seed))


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


def _set_task(env: gymnasium.Env[Any, Any], task: Any) -> None:
    env.unwrapped.set_task(task)  # type: ignore[attr-defined]


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
