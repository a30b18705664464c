"""A package that looks like Meta-World 3.1.1 to the adapter, with a hand that moves at once, without physics."""

import pickle
import sys
from types import ModuleType, SimpleNamespace
from typing import NamedTuple

import gymnasium
import mujoco
import numpy as np
from gymnasium.spaces import Box

from mamlrl.envs import metaworld

GOALS = 50  # of each environment
NAMES = ["reach-v3", "push-v3", "pick-place-v3", *(f"task-{number}-v3" for number in range(47))]
WELD, CONNECT = int(mujoco.mjtEq.mjEQ_WELD), int(mujoco.mjtEq.mjEQ_CONNECT)


class Task(NamedTuple):
    env_name: str
    data: bytes


class SawyerMocapBase(gymnasium.Env):
    def __init__(self):
        self.model = SimpleNamespace(eq_type=np.array([CONNECT, WELD]), eq_data=np.ones((2, 12)))
        self.reset_mocap_welds()

    def reset_mocap_welds(self):
        raise ValueError("could not broadcast input array from shape (11,) into shape (12,)")


class SawyerXYZEnv(SawyerMocapBase):
    """The hand moves to a hidden goal; reward 10 at the goal, success within 5 cm of it."""

    metadata = {"render_modes": ["human", "rgb_array"], "render_fps": 80}  # noqa: RUF012

    def __init__(self, render_mode=None, reward_function_version=None, camera_name=None):
        super().__init__()
        self.render_mode, self.camera_name, self.version = render_mode, camera_name, reward_function_version
        self.observation_space = Box(-np.inf, np.inf, (39,), np.float64)
        self.action_space = Box(-1.0, 1.0, (4,), np.float32)
        self.goal, self.steps = None, 0

    def set_task(self, task):
        data = pickle.loads(task.data)
        assert isinstance(self, data["env_cls"])
        self.goal = data["rand_vec"]

    def reset(self, *, seed=None, options=None):
        assert self.goal is not None, "set_task comes first"
        self.hand, self.steps = np.zeros(3), 0
        return self._observe(), {}

    def step(self, action):
        assert action.shape == (4,)
        if self.steps >= 500:
            raise ValueError("You must reset the env manually once truncate==True")
        self.steps += 1
        self.hand = self.hand + 0.1 * action[:3]
        distance = np.linalg.norm(self.hand - self.goal)
        reward = 10 * np.exp(-distance) if self.version == "v2" else -distance
        return self._observe(), reward, False, self.steps == 500, {"success": float(distance < 0.05)}

    def render(self):
        assert self.camera_name is not None
        picture = np.full((240, 240, 3), 200, np.uint8)
        picture[:5, :5] = 0  # black at the top left, where it hangs upside down
        return picture

    def _observe(self):
        return np.concatenate([self.hand, np.zeros(36)])


CLASSES = {name: type(f"Env{number}", (SawyerXYZEnv,), {}) for number, name in enumerate(NAMES)}
for each in CLASSES.values():  # so that tasks can be pickled
    setattr(sys.modules[__name__], each.__name__, each)


def make_tasks(names, seed):
    rng = np.random.default_rng(seed)
    return [
        Task(name, pickle.dumps({"env_cls": CLASSES[name], "rand_vec": rng.uniform(-0.5, 0.5, 3)}))
        for name in names
        for _ in range(GOALS)
    ]


class ML1:
    ENV_NAMES = NAMES

    def __init__(self, env_name, seed=None):
        self.train_tasks, self.test_tasks = make_tasks([env_name], seed), make_tasks([env_name], seed + 1)


class ML10:
    def __init__(self, seed=None):
        self.train_tasks, self.test_tasks = make_tasks(NAMES[:10], seed), make_tasks(NAMES[10:15], seed)


class ML45:
    def __init__(self, seed=None):
        self.train_tasks, self.test_tasks = make_tasks(NAMES[5:], seed), make_tasks(NAMES[:5], seed)


def forget():
    """Lets the adapter import Meta-World again."""
    metaworld._library.cache_clear()
    metaworld._benchmark.cache_clear()


def use_fake_metaworld(monkeypatch):
    """Puts the package where Meta-World is imported from."""
    package = ModuleType("metaworld")
    package.ML1, package.ML10, package.ML45 = ML1, ML10, ML45
    package.env_dict = SimpleNamespace(ALL_V3_ENVIRONMENTS=CLASSES)
    base = ModuleType("metaworld.sawyer_xyz_env")
    base.SawyerMocapBase = SawyerMocapBase
    monkeypatch.setitem(sys.modules, "metaworld", package)
    monkeypatch.setitem(sys.modules, "metaworld.sawyer_xyz_env", base)
    original = SawyerMocapBase.reset_mocap_welds
    monkeypatch.setattr(SawyerMocapBase, "reset_mocap_welds", original)  # restored in the end
    forget()
