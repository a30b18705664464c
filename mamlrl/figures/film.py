"""Videos of adaptation: a policy before it adapts to held-out tasks and after each gradient step, side by side."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING

import numpy as np
import torch
from jsonargparse.typing import restricted_number_type
from numpy.typing import NDArray

from mamlrl.envs import TaskEnv
from mamlrl.errors import DivergenceError, TaskEnvError, UserError
from mamlrl.evaluation.policy_evaluation import PolicyEvaluation
from mamlrl.experiments.policy import PolicyExperiment
from mamlrl.figures.camera import Camera
from mamlrl.figures.page import Page
from mamlrl.figures.video_file import AddFrame, video_file
from mamlrl.files import AnyPath
from mamlrl.inner_loops.assembly import assemble_acting
from mamlrl.sampling.build import make_task_env, on_device
from mamlrl.sampling.checked_env import CheckedEnv
from mamlrl.settings.choices import named
from mamlrl.settings.numbers import NonNegativeInt, Seed
from mamlrl.settings.section import Section

if TYPE_CHECKING:
    PictureSize = int
    Speed = float
    FrameRate = float
else:
    PictureSize = restricted_number_type("PictureSize", int, [(">=", 32), ("<=", 2048)])
    Speed = restricted_number_type("Speed", float, [(">=", 0.01), ("<=", 100)])
    FrameRate = restricted_number_type("FrameRate", float, [(">=", 1), ("<=", 120)])

FINAL_SECONDS = 1.0  # that the last frame is held for


@dataclass(frozen=True)
class VideoConfig(Section):
    """What a video shows.

    Attributes:
        tasks: Which of the evaluation's held-out tasks, counted from 0; each becomes a row.
        size: Height and width of each picture, in pixels.
        speed: How many times faster than real time.
        max_fps: Maximum number of frames per second; where the environment makes more steps, some are not shown.
        episode_seed: Seed of the episodes that are filmed.
    """

    tasks: tuple[NonNegativeInt, ...] = (0,)
    size: PictureSize = 240
    speed: Speed = 1.0
    max_fps: FrameRate = 25.0
    episode_seed: Seed = 0


@contextmanager
def filmed_env(config: PolicyExperiment, video: VideoConfig) -> Iterator[TaskEnv]:
    """Makes an environment to film: for each task, an episode for each number of gradient steps.

    Args:
        config: The experiment.
        video: What to show.

    Yields:
        The environment, which is known to be able to draw.

    Raises:
        UserError: If the environment cannot be drawn, or there is no such task.
    """
    last = config.evaluation.tasks - 1
    if not video.tasks or max(video.tasks) > last:
        raise UserError(f"tasks: there are held-out tasks 0 to {last} (evaluation.tasks), got {list(video.tasks)}")
    num_envs = len(video.tasks) * (config.evaluation.steps + 1)
    env = make_task_env(on_device(config.env, config.device), num_envs, render_mode="rgb_array")
    env.frame_size = video.size
    try:
        _check_can_draw(env, named(config.env.id))
        yield env
    finally:
        CheckedEnv(env).close()


def _check_can_draw(env: TaskEnv, name: str) -> None:
    checked = CheckedEnv(env)
    checked.reset(seed=0)
    try:
        checked.render()
    except TaskEnvError as error:
        _, _, what = str(error).partition(f"{name}: ")
        raise UserError(f"env.id: {name} cannot be drawn: {what}") from error


def frame_rate(env: TaskEnv, video: VideoConfig) -> float:
    """Returns the frames per second of an environment's video."""
    return env.metadata["render_fps"] * video.speed / _stride(env, video)


def _stride(env: TaskEnv, video: VideoConfig) -> int:
    """Steps of the environment from one frame to the next."""
    return ceil(env.metadata["render_fps"] * video.speed / video.max_fps)


def film_adaptation(
    config: PolicyExperiment, evaluate: Callable[[], PolicyEvaluation], video: VideoConfig, path: AnyPath
) -> None:
    """Films a policy before it adapts to held-out tasks and after each gradient step.

    Args:
        config: The experiment.
        evaluate: Adapts the policy to the held-out tasks, once it is known that they can be filmed.
        video: What to show.
        path: File to write, `.mp4` or `.gif`.

    Raises:
        UserError: If the environment cannot be drawn, there is no such task, or the file cannot be written.
    """
    with filmed_env(config, video) as env, video_file(path, frame_rate(env, video)) as add_frame:
        film(env, config, evaluate(), video, add_frame)


def film(
    env: TaskEnv, config: PolicyExperiment, evaluation: PolicyEvaluation, video: VideoConfig, add_frame: AddFrame
) -> NDArray[np.float64]:
    """Films one episode of the policy before adaptation, and of those it was adapted to, for each task.

    Args:
        env: Environment from `filmed_env`.
        config: The experiment.
        evaluation: Adaptation of the policy to the held-out tasks.
        video: What to show.
        add_frame: Takes the frames, see `video_file`.

    Returns:
        Returns of the episodes, shape (task, step + 1).

    Raises:
        RunError: If the environment or the policy makes numbers that are not finite, or the environment fails.
    """
    chosen = list(video.tasks)
    phi = torch.stack(evaluation.adapted.adaptation.trajectory, dim=1)[chosen].flatten(0, 1)
    page = Page(
        video.size,
        title=named(config.env.id),
        rows=[f"task {task}: {CheckedEnv(env).describe_task(evaluation.tasks[task])}" for task in chosen],
        columns=len(evaluation.returns),
    )
    camera = Camera(env, page, evaluation.returns[:, chosen].T, _stride(env, video), add_frame)
    sampling = replace(config.sampling, unit="episodes", episodes_per_task=1)
    assembly = assemble_acting(config, [env], video.episode_seed, sampling, camera.watch)
    assembly.sampler.normalizer = evaluation.sampler.normalizer
    assembly.sampler.groups[0].checked.set_tasks(evaluation.tasks[chosen])
    with suppress(DivergenceError):  # it is on the film
        assembly.sampler.sample(phi, assembly.randomness, config.evaluation.deterministic)
    camera.hold(round(FINAL_SECONDS * frame_rate(env, video)))
    return camera.returns.reshape(len(chosen), -1)
