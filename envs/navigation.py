"""2D navigation: a point moves to a goal it cannot observe (Finn et al. 2017, section 5.3)."""

from __future__ import annotations

from typing import Literal

import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from mamlrl.envs.arguments import check_choice, check_number, check_whole_number
from mamlrl.envs.arrays import Array, on_host
from mamlrl.envs.held_out import check_wider, sample_shell
from mamlrl.envs.single_task_env import single_task_env
from mamlrl.envs.task_env import Frame
from mamlrl.envs.task_vector_env import TaskVectorEnv

MAX_STEP = 0.1  # largest displacement per step along each axis
GOAL_RADIUS = 0.01  # an episode ends when both coordinates are this close to the goal
VIEW_MARGIN = 1.5  # the picture shows this many goal ranges around the origin


class Navigation2DVectorEnv(TaskVectorEnv):
    """A point in the plane starts at the origin and moves to the task's goal.

    Observation: position (x, y). Action: displacement, clipped to +-0.1 per axis. Task: the goal,
    uniform on [-goal_range, goal_range]^2. Reward: minus the distance to the goal after the step.
    The episode terminates when both |dx| and |dy| are below 0.01. Info: `goal_distance`, and whether the goal is
    reached, `success`.

    Args:
        num_envs: Number of sub-environments.
        horizon: Steps after which an episode is truncated.
        max_episode_steps: Gymnasium's name of the horizon, which `make_vec` takes from specs; the smaller counts.
        goal_range: Half the side of the square that goals are drawn from.
        test_goal_range: The same of goals to evaluate on, which lie outside of the former square; None for inside.
        distance: `euclidean`, as in the original code, or `squared`, as in the paper's text.
        render_mode: None or `rgb_array`.
        device: Where positions, rewards and observations are computed: `cpu`, or a GPU such as `cuda`.
        array_module: `numpy` or `torch`; None stands for NumPy on the CPU, torch on a GPU.
    """

    def __init__(
        self,
        num_envs: int = 1,
        *,
        horizon: int = 100,
        max_episode_steps: int | None = None,
        goal_range: float = 0.5,
        test_goal_range: float | None = None,
        distance: Literal["euclidean", "squared"] = "euclidean",
        render_mode: str | None = None,
        device: str = "cpu",
        array_module: str | None = None,
    ) -> None:
        check_number("goal_range", goal_range, above=0)
        shown = check_wider("test_goal_range", test_goal_range, goal_range)
        check_choice("distance", distance, ("euclidean", "squared"))
        check_whole_number("horizon", horizon, least=1)
        reach = MAX_STEP * (horizon + 1)  # one step more than an episode has, for rounding
        super().__init__(
            num_envs,
            observation_space=Box(-reach, reach, (2,), np.float64),
            action_space=Box(-MAX_STEP, MAX_STEP, (2,), np.float64),
            task_space=Box(-shown, shown, (2,), np.float64),
            horizon=horizon,
            max_episode_steps=max_episode_steps,
            render_mode=render_mode,
            device=device,
            array_module=array_module,
        )
        self.goal_range, self._shown = goal_range, shown
        self.distance = distance
        self._positions = self.asarray(np.zeros((num_envs, 2)))
        self._distances = self.asarray(np.zeros(num_envs))
        self._paths = np.zeros((horizon + 1, num_envs, 2))  # for pictures only

    def sample_tasks(self, rng: np.random.Generator, num_tasks: int) -> NDArray[np.float64]:
        """Draws goals uniformly from the square, shape (num_tasks, 2)."""
        return rng.uniform(-self.goal_range, self.goal_range, (num_tasks, 2))

    def sample_test_tasks(self, rng: np.random.Generator, num_tasks: int) -> NDArray[np.float64]:
        """Draws goals to evaluate on, shape (num_tasks, 2): with `test_goal_range`, from outside of the square."""
        if self._shown == self.goal_range:
            return self.sample_tasks(rng, num_tasks)
        return sample_shell(rng, self.goal_range, self._shown, (num_tasks, 2))

    def _start(self, chosen: Array) -> None:
        self._positions = self.xp.where(chosen[:, None], 0.0, self._positions)

    def _advance(self, actions: Array, running: Array) -> tuple[Array, Array]:
        xp = self.xp
        self._positions = xp.where(running[:, None], self._positions + actions, self._positions)
        if self.render_mode is not None:
            self._remember(on_host(running))
        offsets = self._positions - self.tasks
        squared = xp.sum(xp.square(offsets), axis=1)
        self._distances = xp.sqrt(squared)
        rewards = -squared if self.distance == "squared" else -self._distances
        return rewards, xp.all(xp.abs(offsets) < GOAL_RADIUS, axis=1)

    def _remember(self, running: NDArray[np.bool_]) -> None:
        """Keeps where the running points are, for pictures."""
        self._paths[on_host(self._elapsed)[running] + 1, running] = on_host(self._positions)[running]

    def _observe(self) -> Array:
        return self.asarray(self._positions, copy=True)

    def _info(self) -> dict[str, Array]:
        return {"goal_distance": self._distances, "success": self.asarray(self._terminated, copy=True)}

    def describe_task(self, task: NDArray[np.float64]) -> str:
        """See `TaskEnv.describe_task`."""
        return f"goal ({task[0]:.2f}, {task[1]:.2f})"

    def _draw(self, index: int) -> Frame:
        image = Image.new("RGB", (self.frame_size, self.frame_size), "white")
        canvas = ImageDraw.Draw(image)
        corner = np.full(2, self.goal_range)
        canvas.rectangle([*self._pixel(corner * [-1, 1]), *self._pixel(corner * [1, -1])], outline="lightgray")
        unit = self.frame_size / 120
        path = self._paths[: int(self._elapsed[index]) + 1, index]
        canvas.line([self._pixel(point) for point in path], fill="silver", width=round(unit))
        for places, radius, colour in ((self.tasks, 3, "green"), (self._positions, 2, "black")):
            canvas.circle(self._pixel(on_host(places[index])), radius * unit, fill=colour)
        return np.asarray(image)

    def _pixel(self, point: NDArray[np.float64]) -> tuple[float, float]:
        """Returns the image coordinates of a point of the plane, whose y axis points upwards."""
        centre = self.frame_size / 2
        scale = centre / (VIEW_MARGIN * self._shown)
        return centre + point[0] * scale, centre - point[1] * scale


Navigation2DEnv = single_task_env(Navigation2DVectorEnv)
