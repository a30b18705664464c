"""Task environments for simulated bodies: a body, a distribution of tasks, and many simulations at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
from gymnasium.spaces import Box

from mamlrl.envs.arguments import check_choice, check_whole_number
from mamlrl.envs.arrays import Array, may_be_any, on_host, quiet
from mamlrl.envs.locomotion.body import Body
from mamlrl.envs.locomotion.build import device_of, make_simulator
from mamlrl.envs.locomotion.task_distribution import Motion, TaskDistribution
from mamlrl.envs.physics.simulator import FloatArray
from mamlrl.envs.pictures.rendering import ModelRenderer
from mamlrl.envs.task_env import Frame
from mamlrl.envs.task_vector_env import TaskVectorEnv

AXES = ("x", "y")


class LocomotionVectorEnv(TaskVectorEnv):
    """Simulated bodies that solve tasks of one distribution.

    Actions are clipped to [-1, 1], the range of the actuators. A simulation that diverges ends its episode:
    the observation stays the last finite one, the step earns 0, and `diverged` says so. Info: `x_position` and
    `x_velocity`, in the plane also `y_position` and `y_velocity`, and what the task tells.

    Args:
        num_envs: Number of sub-environments.
        task: Distribution of the tasks, with their rewards.
        family: Family of papers whose body it is, a key of `bodies`.
        horizon: Steps after which an episode is truncated.
        max_episode_steps: Gymnasium's name of the horizon, which `make_vec` takes from specs; the smaller counts.
        ctrl_cost_weight: Weight of |a|^2 in the reward; None stands for the family's.
        num_threads: Threads for the physics; 0 stands for one per CPU. Results do not depend on it.
        simulator: `batch` for MuJoCo's batch engine, in double precision on the CPU; `warp` for MuJoCo Warp, in
            single precision, made for GPUs.
        device: Device of MuJoCo Warp, where rewards and observations are computed, too: `cpu` or a GPU, `cuda`.
        array_module: `numpy` or `torch`; None stands for NumPy on the CPU, torch on a GPU.
        render_mode: None or `rgb_array`.

    Attributes:
        bodies: The body as each family of papers has it; set by subclasses.
        body: The body in use.
        simulator: One simulation per sub-environment; its arrays may be written to between steps.
    """

    bodies: ClassVar[Mapping[str, Callable[[], Body]]]

    def __init__(
        self,
        num_envs: int = 1,
        *,
        task: TaskDistribution,
        family: str = "rllab",
        horizon: int = 200,
        max_episode_steps: int | None = None,
        ctrl_cost_weight: float | None = None,
        num_threads: int = 0,
        simulator: str = "batch",
        device: str = "cpu",
        array_module: str | None = None,
        render_mode: str | None = None,
    ) -> None:
        check_choice("family", family, self.bodies)
        check_whole_number("num_threads", num_threads, least=0)
        body = self.bodies[family]()
        body.set_weights(ctrl_cost_weight=ctrl_cost_weight)
        super().__init__(
            num_envs,
            observation_space=Box(-np.inf, np.inf, (body.observation_size,), np.float64),
            action_space=Box(-1.0, 1.0, (body.model.nu,), np.float64),
            task_space=task.space,
            horizon=horizon,
            max_episode_steps=max_episode_steps,
            render_mode=render_mode,
            device=device_of(simulator, device),
            array_module=array_module,
        )
        self.task = task
        self.family = family
        self.body = body
        self.simulator = make_simulator(simulator, body, num_envs, num_threads, device, array_module)
        self.metadata = {**self.metadata, "render_fps": round(1 / self.simulator.time_step)}
        body.look(self.simulator)
        self._positions = body.position(self.simulator)
        self._observations = self.xp.zeros_like(body.observe(self.simulator))
        self._told: tuple[Motion, dict[str, Array]]
        self._renderer: ModelRenderer | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Copies and pickles draw in a graphics context of their own, made when they need it."""
        return {**self.__dict__, "_renderer": None}

    def sample_tasks(self, rng: np.random.Generator, num_tasks: int) -> FloatArray:
        """See `TaskEnv.sample_tasks`."""
        return self.task.sample(rng, num_tasks)

    def sample_test_tasks(self, rng: np.random.Generator, num_tasks: int) -> FloatArray:
        """See `TaskEnv.sample_test_tasks`."""
        return self.task.sample_test(rng, num_tasks)

    def _start(self, chosen: Array) -> None:
        xp, simulator, body = self.xp, self.simulator, self.body
        restarted = on_host(chosen)
        states = self._draw_states(chosen, body.sample_states)
        self.task.configure(simulator, chosen, on_host(self.tasks)[restarted])
        simulator.reset(chosen, *states)
        body.look(simulator)
        self._positions = xp.where(chosen[:, None], body.position(simulator), self._positions)
        self._observations = xp.where(chosen[:, None], body.observe(simulator), self._observations)

    def _advance(self, actions: Array, running: Array) -> tuple[Array, Array]:
        xp, simulator, body = self.xp, self.simulator, self.body
        diverged = simulator.step(actions, running)
        with quiet(xp):  # diverged simulations, whose values are not used
            body.look(simulator)
            motion = body.motion(simulator, self._positions)
            rewards = self.task.reward(motion, self.tasks) + body.reward(simulator, actions)
            self._told = motion, self.task.info(motion, self.tasks)
            observations = body.observe(simulator)
        stopped = diverged | ~running
        if may_be_any(stopped):
            observations = xp.where(stopped[:, None], self._observations, observations)
        self._observations, self._positions = observations, motion.position
        self.diverged = self.diverged | diverged
        rewards = xp.where(diverged, 0.0, xp.asarray(rewards, dtype=xp.float64))
        return rewards, diverged | body.ended(simulator)

    def _observe(self) -> Array:
        return self.xp.asarray(self._observations, dtype=self.xp.float64, copy=True)

    def _info(self) -> dict[str, Array]:
        motion, numbers = self._told
        for index, axis in zip(range(motion.position.shape[1]), AXES, strict=False):
            numbers[f"{axis}_position"] = motion.position[:, index]
            numbers[f"{axis}_velocity"] = motion.velocity[:, index]
        return {key: self.xp.asarray(each, dtype=self.xp.float64, copy=True) for key, each in numbers.items()}

    def describe_task(self, task: FloatArray) -> str:
        """See `TaskEnv.describe_task`."""
        return self.task.describe(task)

    def _draw(self, index: int) -> Frame:
        if self._renderer is None:
            self._renderer = ModelRenderer(self.body.model, self.frame_size, self.body.view)
        torso = self._renderer.pose(on_host(self.simulator.positions[index]))
        return self._renderer.draw(self.task.markers(on_host(self.tasks[index]), torso))

    def close_extras(self, **kwargs: Any) -> None:
        """Frees the graphics context that pictures are drawn in."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None
