"""Several sub-environments in one process, which look like one environment to Gymnasium's `AsyncVectorEnv`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector.utils import batch_space, create_empty_array
from numpy.typing import NDArray

from mamlrl.envs.adapter.sub_env import Recipe, SubEnv
from mamlrl.envs.task_env import SubEnvError

_DISCONNECTED = (BrokenPipeError, ConnectionResetError, EOFError)


class Batch(gymnasium.Env[Any, Any]):
    """Sub-environments that are stepped one by one; rewards and flags are arrays, shape (sub-env,).

    Those whose episodes are over rest: they keep their observation, and earn 0. Gymnasium's `SyncVectorEnv` has to
    restart them before it takes another step.

    `AsyncVectorEnv` has a process for each of its environments. Tasks x episodes would be hundreds of processes;
    with batches as its environments, there are as many as wanted, and all episodes still go on in step.

    Where a sub-environment raises an error, `reset` and `step` return an info with `failed`, its number, and
    `message`; an error that left a process would have to be pickled, which not all can be.

    Args:
        recipe: What sub-environments are made of.
        indices: Their numbers among all.
        owner: Process that the batch is of, if it is not stepped there.
    """

    def __init__(self, recipe: Recipe, indices: Sequence[int], owner: int | None = None) -> None:
        self._is_remote = owner is not None and os.getpid() != owner
        if self._is_remote:  # who interrupts a program means the program, which then lets its last step end
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        self.observation_space = batch_space(recipe.observation_space, len(indices))
        self.action_space = batch_space(recipe.action_space, len(indices))
        self.sub_envs = [SubEnv(recipe, index) for index in indices]
        self._indices = indices
        self._running: list[int] = []  # places of those whose episodes are not over
        self._observations: Any = create_empty_array(recipe.observation_space, n=len(indices), fn=np.zeros)
        self._terminated, self._truncated = (np.zeros(len(indices), dtype=np.bool_) for _ in range(2))
        self._numbers = np.zeros((len(indices), len(recipe.info)))

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begins episodes.

        Args:
            seed: Not used.
            options: `chosen`, `tasks` and `seeds` of all sub-environments, see `Workers.reset`.

        Returns:
            Observations, which the next call overwrites, and an info.
        """
        assert options is not None
        tasks, seeds = options["tasks"], options["seeds"]
        chosen = [place for place, index in enumerate(self._indices) if options["chosen"][index]]
        self._terminated[chosen] = self._truncated[chosen] = False
        try:
            for place in chosen:
                index = self._indices[place]
                self._observations[place] = self.sub_envs[place].reset(tasks[index], int(seeds[index]))
        except SubEnvError as error:
            return self._observations, _failure(error)
        self._running = sorted({*self._running, *chosen})
        return self._observations, {}

    def step(  # type: ignore[override]
        self, action: Any
    ) -> tuple[Any, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Steps those whose episodes are not over; arrays are overwritten by the next call.

        The info has `numbers`, shape (sub-env, key), where the recipe names keys of the environments' own.
        """
        rewards, has_numbers = np.zeros(len(self.sub_envs)), self._numbers.size > 0
        try:
            for place in self._running:
                env = self.sub_envs[place]
                self._observations[place], rewards[place] = env.step(action[place])
                if has_numbers:
                    self._numbers[place] = env.numbers
        except SubEnvError as error:
            return self._observations, rewards, self._terminated, self._truncated, _failure(error)
        for place in [place for place in self._running if self.sub_envs[place].is_over]:
            env = self.sub_envs[place]
            self._terminated[place], self._truncated[place] = env.terminated, env.truncated
            self._running.remove(place)
        info = {"numbers": self._numbers} if has_numbers else {}
        return self._observations, rewards, self._terminated, self._truncated, info

    def pictures(self) -> list[Any]:
        """Draws the sub-environments."""
        return [env.render() for env in self.sub_envs]

    def close(self) -> None:
        """Closes the environments; ends the process, and says nothing, if that whose it is has ended."""
        gone = self._is_remote and isinstance(sys.exception(), _DISCONNECTED)
        try:
            for env in self.sub_envs:
                env.close()
        finally:
            if gone:
                os._exit(1)


def _failure(error: SubEnvError) -> dict[str, Any]:
    return {"failed": error.index, "message": error.message}
