"""A time step as one function that PyTorch's compiler has made: the policy acts, and the environment steps."""

from __future__ import annotations

import warnings
from time import perf_counter

import numpy as np
import torch
from torch._dynamo.exc import TorchDynamoException

from mamlrl.console import note
from mamlrl.devices import missing_compiler
from mamlrl.envs import TaskEnv
from mamlrl.envs.arrays import Array
from mamlrl.errors import TaskEnvError, UserError, one_line
from mamlrl.sampling.checked_env import CheckedEnv, EnvStep
from mamlrl.sampling.time_step import After, Before, Ends, TimeStep


class CompiledStep:
    """Takes time steps in a few kernels instead of a hundred operations.

    The first step of each rollout is not compiled, and checks what the environment returns. The physics of a
    simulator are called as they are. Compiled code is kept in PyTorch's cache folder, for later processes, too.

    Args:
        time_step: Takes steps.
        env: The environment.
        checked: The same, whose calls are checked.

    Raises:
        UserError: If the environment has NumPy arrays, or there is no compiler.
    """

    def __init__(self, time_step: TimeStep, env: TaskEnv, checked: CheckedEnv) -> None:
        self._time_step, self._env, self._checked = time_step, env, checked
        _check_compiles(env, checked.name)
        if hasattr(env, "simulator"):
            env.simulator.step = torch.compiler.disable(env.simulator.step)
        self._compiled = torch.compile(time_step.take, dynamic=False)
        self._is_compiled = False

    def __call__(self, before: Before, ends: Ends) -> After:
        """See `TimeStep.take`."""
        if self._checked.time == 0:
            return self._time_step.take(before, ends)
        if self._is_compiled:
            return self._take(before, ends)
        start = perf_counter()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*lru_cache", UserWarning)  # caches of array-api-compat's
            after = self._take(before, ends)
        self._is_compiled = True
        note(f"compiled the step of {self._checked.name} in {perf_counter() - start:.1f} s")
        return after

    def _take(self, before: Before, ends: Ends) -> After:
        """Takes a step with the compiled function."""
        try:
            with self._checked.stepping():
                return self._compiled(before, ends, self._step)
        except TaskEnvError as error:
            if not isinstance(error.__cause__, TorchDynamoException):
                raise
            reason = one_line(error.__cause__)
            raise UserError(f"sampling.compile: PyTorch fails ({reason}); set it to false") from error

    def _step(self, actions: Array) -> EnvStep:
        """Steps the environment without checks; returns copies."""
        xp = self._env.xp
        observations, rewards, *ends, self._checked.info = self._env.step(actions)
        numbers = (xp.asarray(values, dtype=xp.float64, copy=True) for values in (observations, rewards))
        return *numbers, *(xp.asarray(flags, copy=True) for flags in ends)


def _check_compiles(env: TaskEnv, name: str) -> None:
    if env.xp is np:
        raise UserError(
            f"sampling.compile: {name} works on NumPy arrays, which PyTorch cannot compile; use --device cuda, or "
            "env.kwargs.array_module torch if the environment takes it, or set sampling.compile to false"
        )
    compiler = missing_compiler(torch.device(env.device))
    if compiler:
        raise UserError(
            f"sampling.compile: there is no C++ compiler {compiler} here; install one, or set it to false"
        )
