"""The camera of a film: what it shows of a rollout while the sampler acts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mamlrl.envs import TaskEnv
from mamlrl.envs.arrays import on_host
from mamlrl.envs.task_env import Frame
from mamlrl.figures.page import Page
from mamlrl.figures.style import steps_label
from mamlrl.figures.video_file import AddFrame
from mamlrl.sampling.checked_env import CheckedEnv


class Camera:
    """Draws the steps of a rollout; episodes that have ended stay as they were.

    Args:
        env: Environment to draw.
        page: Page to draw on.
        mean_returns: Mean return to show in each row and column, shape (row, column).
        stride: Steps from one frame to the next.
        add_frame: Adds a frame to the film.

    Attributes:
        returns: Returns of the episodes so far, shape (num_envs,).
    """

    def __init__(
        self,
        env: TaskEnv,
        page: Page,
        mean_returns: NDArray[np.float64],
        stride: int,
        add_frame: AddFrame,
    ) -> None:
        self.returns = np.zeros(env.num_envs)
        self._env = env
        self._checked = CheckedEnv(env)
        self._page = page
        self._mean_returns = mean_returns
        self._stride = stride
        self._add_frame = add_frame
        self._time = 0
        self._running = np.ones(env.num_envs, dtype=np.bool_)
        self._pictures: list[Frame] = [np.zeros(0, np.uint8)] * env.num_envs

    def watch(self, rewards: NDArray[np.float64], running: NDArray[np.bool_]) -> None:
        """Takes what a `Sampler` reports after each reset and each step."""
        self.returns += rewards
        is_shown = self._time % self._stride == 0
        if is_shown or not np.array_equal(running, self._running):
            self._draw()
        if is_shown:
            self.hold(1)
        self._running = running
        self._time += 1

    def _draw(self) -> None:
        """Draws the episodes that the step belonged to; the state of a simulation that diverged means nothing."""
        pictures = self._checked.render()
        for index in np.flatnonzero(self._running & ~on_host(self._env.diverged)):
            self._pictures[index] = pictures[index]

    def hold(self, frames: int) -> None:
        """Shows the pictures last drawn for a number of frames."""
        columns = self._mean_returns.shape[1]
        captions = [
            (steps_label(index % columns), f"return {so_far:.1f} (mean {mean:.1f})")
            for index, (so_far, mean) in enumerate(zip(self.returns, self._mean_returns.flat, strict=True))
        ]
        page = self._page.compose(self._pictures, captions)
        for _ in range(frames):
            self._add_frame(page)
