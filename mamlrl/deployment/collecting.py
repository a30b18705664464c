"""Collecting episodes with a policy: in an ordinary Gymnasium environment, or in copies of one task."""

from __future__ import annotations

from dataclasses import replace
from secrets import randbits
from typing import Any, cast

import gymnasium
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mamlrl.deployment.acting import Acting
from mamlrl.deployment.episodes import Episode
from mamlrl.deployment.recorder import Recorder
from mamlrl.envs import TaskEnv
from mamlrl.envs.arrays import on_host
from mamlrl.envs.single_task_env import SingleTaskEnv
from mamlrl.errors import DivergenceError, UserError
from mamlrl.randomness import Randomness
from mamlrl.sampling.checked_env import CheckedEnv
from mamlrl.sampling.rollouts import Rollouts
from mamlrl.sampling.sampler import Sampler
from mamlrl.sampling.settings import SamplingConfig

MOST_STEPS = 100_000  # of an episode


def collect(
    acting: Acting, env: Any, episodes: int, randomness: Randomness, sampling: SamplingConfig
) -> list[Episode]:
    """Collects episodes of one task; those whose simulation diverged are left out, as in training.

    Args:
        acting: The policy.
        env: An ordinary environment, or a task environment whose sub-environments all have one task.
        episodes: How many.
        randomness: Randomness of the environment and of the actions.
        sampling: How the policy's episodes were collected in training.

    Raises:
        UserError: If the environment does not fit the policy, or its episodes are of different tasks.
        RunError: If it raises an error or returns what it should not, or every simulation diverged.
    """
    if isinstance(env, TaskEnv):
        acting.interface.check_fits(CheckedEnv(env).name, env.single_observation_space, env.single_action_space)
        return _in_copies(acting, env, episodes, randomness, sampling)
    checked = CheckedEnv(cast(TaskEnv, _OneEnv(env)))
    acting.interface.check_fits(checked.name, env.observation_space, env.action_space)
    return _one_by_one(acting, env, checked, episodes, randomness)


def is_env(source: object) -> bool:
    """Returns whether episodes can be collected in something.

    Raises:
        UserError: If it is a vector environment of unrelated copies.
    """
    if isinstance(source, gymnasium.vector.VectorEnv) and not isinstance(source, TaskEnv):
        raise UserError(
            f"adapt: {type(source).__name__} is a vector environment; give one environment, or a task environment"
        )
    return isinstance(source, gymnasium.Env | TaskEnv)


def seeded(seed: Any) -> Randomness:
    """Returns the randomness of a seed, or of one that differs each time if it is None.

    Raises:
        UserError: If it is no seed.
    """
    if seed is None:
        seed = randbits(63)
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**63:
        raise UserError(f"seed must be a whole number from 0 and below 2^63, got {seed!r}")
    return Randomness.from_seed(int(seed), torch.device("cpu"))


def _in_copies(
    acting: Acting, env: TaskEnv, episodes: int, randomness: Randomness, sampling: SamplingConfig
) -> list[Episode]:
    """Collects in all sub-environments at once, as often as it takes."""
    config = replace(sampling, episodes_per_task=env.num_envs, unit="episodes", groups=1, compile=False)
    sampler = Sampler([env], acting.network, config, acting.params.device)
    sampler.normalizer = acting.interface.normalizer
    collected, task = list[Episode](), None
    for _ in range(-(-episodes // env.num_envs)):
        rollouts = sampler.sample(acting.params[None], randomness)
        tasks = on_host(env.tasks) if task is None else np.concatenate([task, on_host(env.tasks)])
        task = _only(tasks, "env.set_tasks(task[None])")
        collected += episodes_of(rollouts, acting, env.horizon)
    return collected[:episodes]


def episodes_of(rollouts: Rollouts, acting: Acting, horizon: int) -> list[Episode]:
    """Returns the episodes in rollouts of one task; those that are masked are left out.

    Args:
        rollouts: Rollouts of one task.
        acting: The policy that acted.
        horizon: Steps after which its environment truncates an episode.
    """
    with torch.inference_mode():
        log_probs = acting.network.distribution.log_prob(rollouts.outputs, rollouts.actions)
        actions = acting.to_env(rollouts.actions)
    found = []
    for index, steps in enumerate(rollouts.mask[0].sum(dim=1).int().tolist()):

        def values(tensor: Tensor, at: tuple[Any, ...] = (0, index, slice(steps))) -> NDArray[Any]:
            return tensor[at].numpy().copy()

        if steps:
            terminated = steps < horizon if rollouts.terminated is None else bool(rollouts.terminated[0, index])
            last = rollouts.last_observations
            episode = Episode(
                observations=values(rollouts.observations),
                actions=acting.as_space(actions[0, index, :steps]),
                rewards=values(rollouts.rewards),
                terminated=terminated,
                truncated=not terminated,
                policy_actions=values(rollouts.actions),
                log_probs=values(log_probs),
                last_observation=None if last is None else values(last, (0, index)),
            )
            found.append(episode)
    return found


def _one_by_one(
    acting: Acting, env: gymnasium.Env[Any, Any], checked: CheckedEnv, episodes: int, randomness: Randomness
) -> list[Episode]:
    recorder = Recorder(acting, randomness.generator)
    kept: list[Episode] = []
    tasks = []
    for _ in range(episodes):
        _run_episode(recorder, checked, int(randomness.rng.integers(2**31)))
        if not checked.diverged()[0]:
            kept.append(recorder.episodes[-1])
        if isinstance(env.unwrapped, SingleTaskEnv):
            tasks.append(env.unwrapped.vector_env.tasks[0].copy())
            _only(np.stack(tasks), "env.unwrapped.set_task(task)")
    if not kept:
        raise DivergenceError(f"environment {checked.name}: all {episodes} simulations diverged")
    return kept


def _run_episode(recorder: Recorder, checked: CheckedEnv, seed: int) -> None:
    observation = checked.reset(seed)[0]
    for _ in range(MOST_STEPS):
        try:
            action = recorder.act(observation)
            observations, rewards, terminated, truncated = checked.step(np.asarray(action)[None])
            observation = observations[0]
            recorder.reward(rewards[0], terminated[0], truncated[0], observation)
        except UserError as error:
            if str(error).startswith("environment"):
                raise
            raise UserError(f"environment {checked.name}: {error}") from error
        if terminated[0] or truncated[0]:
            return
    raise UserError(
        f"environment {checked.name}: an episode has not ended after {MOST_STEPS} steps; wrap the environment in "
        "gymnasium.wrappers.TimeLimit"
    )


def _only(tasks: NDArray[np.float64], remedy: str) -> NDArray[np.float64]:
    """Returns the task that all of some are, shape (1, ...).

    Raises:
        UserError: If they differ: an adaptation to several tasks is one to none.
    """
    first = tasks[:1].copy()
    if (tasks != first).any():
        raise UserError(f"adapt: the episodes would be of different tasks; choose one first: {remedy}")
    return first


class _OneEnv:
    """An ordinary environment as a vector of one, for `CheckedEnv` to call."""

    num_envs, xp, device = 1, np, "cpu"

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        self._env = env
        self.unwrapped, self.spec = env.unwrapped, env.spec
        self.single_observation_space = env.observation_space
        self.diverged = np.zeros(1, dtype=np.bool_)

    def reset(self, seed: int) -> Any:
        observation, info = self._env.reset(seed=seed)
        return np.asarray(observation)[None], info

    def step(self, actions: NDArray[Any]) -> Any:
        observation, reward, terminated, truncated, info = self._env.step(actions[0])
        self.diverged = np.array([bool(info.get("diverged", False))])
        ends = np.array([terminated], np.bool_), np.array([truncated], np.bool_)
        return np.asarray(observation)[None], np.asarray(reward)[None], *ends, info
