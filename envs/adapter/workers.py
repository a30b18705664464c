"""All sub-environments of a task environment, stepped in this process or in several."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from math import ceil
from typing import Any

import numpy as np
from gymnasium.vector import AsyncVectorEnv, AutoresetMode
from numpy.typing import NDArray

from mamlrl.envs.adapter.batch import Batch
from mamlrl.envs.adapter.sub_env import Recipe
from mamlrl.envs.task_env import SubEnvError

_LOST = (BrokenPipeError, ConnectionResetError, EOFError)


class Workers:
    """Sub-environments in batches, one for each process.

    Results do not depend on the number of processes: every sub-environment has its own task and seed.

    Args:
        recipe: What sub-environments are made of.
        num_envs: Number of sub-environments.
        workers: Number of processes; 0 for this one alone.

    Raises:
        RuntimeError: From all methods, if a process has ended.
        SubEnvError: From all methods, if an environment raises an error.
    """

    def __init__(self, recipe: Recipe, num_envs: int, workers: int) -> None:
        size = ceil(num_envs / max(1, workers))
        count = ceil(num_envs / size)
        self._num_envs, self._padded = num_envs, size * count  # those added are never reset, and so never made
        owner = os.getpid() if workers else None
        makers = [partial(Batch, recipe, range(index * size, (index + 1) * size), owner) for index in range(count)]
        self._waiting: set[str] = set()  # a reason to kill the processes, if there is one
        self._batch: Batch | None = None
        self._processes: AsyncVectorEnv[Any, Any] | None = None
        if workers:
            mode = AutoresetMode.DISABLED
            self._processes = AsyncVectorEnv(makers, shared_memory=True, copy=False, autoreset_mode=mode)
            # Also when nobody needs this object any more, and when Python exits
            self._end = weakref.finalize(self, _end, self._processes, self._waiting)
        else:
            self._batch = makers[0]()

    def reset(self, chosen: NDArray[np.bool_], tasks: NDArray[np.float64], seeds: NDArray[np.int64]) -> Any:
        """Begins episodes.

        Args:
            chosen: Where, shape (num_envs,).
            tasks: Task of each sub-environment, shape (num_envs, ...).
            seeds: Seed of each, shape (num_envs,).

        Returns:
            Observations of all, which the next call overwrites.
        """
        none = np.zeros(self._padded - self._num_envs, dtype=np.bool_)
        options = {"chosen": np.concatenate([chosen, none]), "tasks": tasks, "seeds": seeds}
        if self._batch is not None:
            observations, info = self._batch.reset(options=options)
        else:
            assert self._processes is not None
            with self._connected():
                observations, info = self._processes.reset(options=options)
        _raise_failure(info)
        return self._joined(observations)

    def step(self, actions: NDArray[Any]) -> tuple[Any, ...]:
        """Steps all whose episodes are not over.

        Args:
            actions: Of all, shape (num_envs, ...).

        Returns:
            Observations, which the next call overwrites, rewards, terminations, truncations, and the numbers of
            info that the recipe names, shape (num_envs, key).
        """
        if self._batch is not None:
            *parts, info = self._batch.step(actions)
        else:
            assert self._processes is not None
            padding = [(0, self._padded - self._num_envs), *[(0, 0)] * (actions.ndim - 1)]
            split = np.pad(actions, padding).reshape(self._processes.num_envs, -1, *actions.shape[1:])
            with self._connected():
                *parts, info = self._processes.step(split)
        _raise_failure(info)
        numbers = self._joined(info["numbers"]) if "numbers" in info else np.zeros((self._num_envs, 0))
        return (*map(self._joined, parts), numbers)

    def pictures(self) -> list[Any]:
        """Draws all sub-environments."""
        if self._batch is not None:
            return self._batch.pictures()
        assert self._processes is not None
        with self._connected():
            batches = self._processes.call("pictures")
        return [picture for batch in batches for picture in batch][: self._num_envs]

    def close(self) -> None:
        """Closes the environments and ends the processes, those that do not answer too."""
        if self._batch is not None:
            self._batch.close()
        else:
            self._end()

    def _joined(self, values: NDArray[Any]) -> NDArray[Any]:
        """Puts the batches of several processes behind each other."""
        if self._batch is not None:
            return values
        return values.reshape(-1, *values.shape[2:])[: self._num_envs]

    @contextmanager
    def _connected(self) -> Iterator[None]:
        """Keeps in mind whether the processes have answered, and says in plain words that one will not."""
        self._waiting.add("no answer yet")
        try:
            yield
        except _LOST as error:
            raise RuntimeError("a worker process has ended, perhaps killed for lack of memory") from error
        self._waiting.clear()


def _end(envs: AsyncVectorEnv[Any, Any], waiting: set[str]) -> None:
    """Ends the processes, by force if they have not answered, which Gymnasium's `close` would wait for."""
    if not waiting:
        envs.close()
        return
    for process in envs.processes:
        process.kill()
        process.join()
    envs.closed = True


def _raise_failure(info: dict[str, Any]) -> None:
    """Raises the first error that an info tells of, whether of one batch or of several."""
    if "failed" in info:
        indices, messages = np.atleast_1d(info["failed"]), np.atleast_1d(info["message"])
        has_failed = np.atleast_1d(info.get("_failed", True))
        first = int(np.flatnonzero(has_failed)[0])
        raise SubEnvError(int(indices[first]), str(messages[first]))
