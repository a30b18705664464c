"""Task environments for simulated bodies: a body, a task, and many simulations at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

from mamlrl.envs.arguments import check_choice, check_weight, check_whole_number
from mamlrl.envs.locomotion.tasks import Motion, Task
from mamlrl.envs.physics.engine import mujoco
from mamlrl.envs.physics.simulator import BatchSimulator, FloatArray, Simulator
from mamlrl.envs.pictures.rendering import ModelRenderer, View
from mamlrl.envs.task_env import Frame, TaskVectorEnv


class Body(ABC):
    """A body as one family of papers uses it: physics, initial states, observations, rewards, ends.

    Everything is computed for all simulations at once; leading axes are (num_simulations,).

    Attributes:
        model: The body and its world.
        substeps: MuJoCo steps an action.
        fields: Derived fields that the methods read from the simulator.
        observation_size: Number of features.
        view: Where pictures are taken from.
        ctrl_cost_weight: Of |a|^2 in the reward.
    """

    model: mujoco.MjModel
    substeps: ClassVar[int]
    fields: ClassVar[tuple[str, ...]] = ()
    observation_size: ClassVar[int]
    view: ClassVar[View] = View()
    ctrl_cost_weight: float

    @abstractmethod
    def sample_states(self, rng: np.random.Generator, number: int) -> tuple[FloatArray, FloatArray]:
        """Draws initial positions and velocities, shapes (number, nq) and (number, nv)."""

    def look(self, simulator: Simulator) -> None:  # noqa: B027 (not every body needs it)
        """Computes what several of the other methods need, once after every reset and step: here, nothing."""

    @abstractmethod
    def observe(self, simulator: Simulator) -> FloatArray:
        """Returns observations, shape (num_simulations, observation_size), in fresh memory."""

    @abstractmethod
    def position(self, simulator: Simulator) -> FloatArray:
        """Returns a copy of where the bodies are in the coordinates that tasks judge, (num_simulations, D)."""

    def motion(self, simulator: Simulator, before: FloatArray) -> Motion:
        """Returns how the bodies moved: here, the velocity is the displacement divided by the time it took.

        Args:
            simulator: After the step.
            before: `position` before the step.
        """
        after = self.position(simulator)
        return Motion(after, (after - before) / simulator.time_step)

    @abstractmethod
    def reward(self, simulator: Simulator, actions: FloatArray) -> FloatArray:
        """Returns what does not depend on the task: bonuses minus costs, shape (num_simulations,)."""

    def ended(self, simulator: Simulator) -> NDArray[np.bool_]:
        """Returns which bodies may not go on, shape (num_simulations,): here, none."""
        return np.zeros(len(simulator.positions), dtype=np.bool_)

    def set_weights(self, **weights: float | None) -> None:
        """Replaces weights of the reward, attributes of the body, where they are not None.

        Raises:
            ValueError: If one is negative or not a number.
        """
        for name, weight in weights.items():
            if weight is not None:
                check_weight(name, weight)
                setattr(self, name, weight)


class LocomotionVectorEnv(TaskVectorEnv):
    """A body solves tasks of moving.

    Actions are clipped to [-1, 1], the range of the actuators. A simulation that diverges ends its episode:
    the observation stays the last finite one, the step earns 0, and `diverged` tells.

    Args:
        num_envs: Number of sub-environments.
        task: What to do.
        family: Whose body it is, a key of `families`.
        horizon: Steps after which an episode is truncated.
        ctrl_cost_weight: Weight of |a|^2 in the reward; None stands for the family's.
        num_threads: Threads for the physics; 0 stands for one a CPU. Results do not depend on it.
        render_mode: None or `rgb_array`.

    Attributes:
        families: The body as each family has it; set by subclasses.
        body: The one in use.
        simulator: One simulation a sub-environment; its arrays may be written to between steps.
    """

    families: ClassVar[Mapping[str, Callable[[], Body]]]

    def __init__(
        self,
        num_envs: int = 1,
        *,
        task: Task,
        family: str = "rllab",
        horizon: int = 200,
        ctrl_cost_weight: float | None = None,
        num_threads: int = 0,
        render_mode: str | None = None,
    ) -> None:
        check_choice("family", family, self.families)
        check_whole_number("num_threads", num_threads, least=0)
        body = self.families[family]()
        body.set_weights(ctrl_cost_weight=ctrl_cost_weight)
        super().__init__(
            num_envs,
            observation_space=Box(-np.inf, np.inf, (body.observation_size,), np.float64),
            action_space=Box(-1.0, 1.0, (body.model.nu,), np.float64),
            task_space=task.space,
            horizon=horizon,
            render_mode=render_mode,
        )
        self.task = task
        self.family = family
        self.body = body
        self.simulator: Simulator = BatchSimulator(body.model, num_envs, body.substeps, body.fields, num_threads)
        self.metadata = {**self.metadata, "render_fps": round(1 / self.simulator.time_step)}
        body.look(self.simulator)
        self._positions = body.position(self.simulator)
        self._observations = np.zeros((num_envs, body.observation_size))
        self._renderer: ModelRenderer | None = None

    def sample_tasks(self, rng: np.random.Generator, num_tasks: int) -> FloatArray:
        """Draws tasks, shape (num_tasks, *task_space.shape)."""
        return self.task.sample(rng, num_tasks)

    def _start(self, chosen: NDArray[np.bool_]) -> None:
        states = self.body.sample_states(self.np_random, int(chosen.sum()))
        self.task.configure(self.simulator, chosen, self.tasks[chosen])
        self.simulator.reset(chosen, *states)
        self.body.look(self.simulator)
        self._positions[chosen] = self.body.position(self.simulator)[chosen]
        self._observations[chosen] = self.body.observe(self.simulator)[chosen]

    def _advance(self, actions: NDArray[Any], running: NDArray[np.bool_]) -> tuple[FloatArray, NDArray[np.bool_]]:
        simulator, body = self.simulator, self.body
        diverged = simulator.step(actions, running)
        self.diverged |= diverged
        with np.errstate(invalid="ignore", over="ignore"):  # diverged simulations, whose values are not used
            body.look(simulator)
            motion = body.motion(simulator, self._positions)
            rewards = self.task.reward(motion, self.tasks) + body.reward(simulator, actions)
            observations = body.observe(simulator)
        stopped = diverged | ~running
        if stopped.any():
            observations[stopped] = self._observations[stopped]
        self._observations, self._positions = observations, motion.position
        return np.where(diverged, 0.0, rewards), diverged | body.ended(simulator)

    def _observe(self) -> FloatArray:
        return self._observations.copy()

    def describe_task(self, task: FloatArray) -> str:
        """See `TaskVectorEnv.describe_task`."""
        return self.task.describe(task)

    def _draw(self, index: int) -> Frame:
        if self._renderer is None:
            self._renderer = ModelRenderer(self.body.model, self.frame_size, self.body.view)
        torso = self._renderer.pose(self.simulator.positions[index])
        return self._renderer.draw(self.task.markers(self.tasks[index], torso))

    def close_extras(self, **kwargs: Any) -> None:
        """Frees the picture's graphics context."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None


def gymnasium_model(file_name: str) -> mujoco.MjSpec:
    """Loads a model that comes with Gymnasium, to be changed and compiled."""
    assets = Path(gymnasium.__file__).parent / "envs" / "mujoco" / "assets"
    return mujoco.MjSpec.from_file(str(assets / file_name))
