"""Sources of randomness that are passed, never global."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256, sha512
from typing import Any, Self

import numpy as np
import torch


@dataclass
class Randomness:
    """A NumPy generator, and a PyTorch generator, on the CPU in learners whatever their device.

    Learners begin every meta-iteration with new streams, which only the seed and the number of the iteration
    determine. What a task draws comes from a stream of its own: its seed is a number that is drawn once for all
    tasks, plus the number of the task. Which tasks are sampled together, and in which process, does not matter.

    Args:
        rng: Draws tasks, the seeds of environments, and examples.
        generator: Draws initial parameters and the seeds of actions.
        seed: Seed of the streams of all iterations.

    Attributes:
        iteration: Meta-iteration that the generators are of; None for those that the object was made with.
    """

    rng: np.random.Generator
    generator: torch.Generator
    seed: int = 0
    iteration: int | None = None

    @classmethod
    def from_seed(cls, seed: int, device: torch.device) -> Self:
        """Returns generators that one seed determines."""
        return cls(np.random.default_rng(seed), torch.Generator(device).manual_seed(seed), seed)

    def begin(self, iteration: int) -> None:
        """Puts both generators at the start of the streams of a meta-iteration.

        Args:
            iteration: Its number; the seed and this number determine everything that follows.
        """
        self.iteration = iteration
        digest = sha512(f"{self.seed}, iteration {iteration}".encode()).digest()
        state, increment, seed = (
            int.from_bytes(digest[part]) for part in (slice(16), slice(16, 32), slice(32, 40))
        )
        self.rng.bit_generator.state = {  # random, which `SeedSequence` would take ten times longer to make
            "bit_generator": "PCG64",
            "state": {"state": state, "inc": increment | 1},
            "has_uint32": 0,
            "uinteger": 0,
        }
        self.generator.manual_seed(seed)

    def env_seeds(self, tasks: range) -> list[int]:
        """Draws the seeds of the next episodes of some tasks, one for each, below 2^32.

        Args:
            tasks: Numbers of the tasks among those of the meta-batch; they do not change what is drawn later.
        """
        return _consecutive(int(self.rng.integers(2**31)), tasks)

    def action_seeds(self, tasks: range) -> list[int]:
        """Draws the seeds of the next actions in some tasks; see `env_seeds`."""
        generator = self.generator
        return _consecutive(int(torch.randint(2**31, (), generator=generator, device=generator.device)), tasks)

    def state_dict(self) -> dict[str, Any]:
        """Returns what the rest depends on, in types that load without running code.

        Those are the states of both generators, but nothing once a meta-iteration was begun: then the next one
        begins anew.
        """
        if self.iteration is not None:
            return {}
        return {"rng": self.rng.bit_generator.state, "generator": self.generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores what `state_dict` returned; raises what Python raises if it is damaged.

        A PyTorch generator on another kind of device cannot go on where the saved one was: the state is its seed.
        """
        if "rng" not in state and "generator" not in state:
            return
        self.rng.bit_generator.state = state["rng"]
        saved = state["generator"].cpu()
        if saved.dtype != torch.uint8:
            raise TypeError(f"the state of a generator is of bytes, not {saved.dtype}")
        if saved.shape == self.generator.get_state().shape:
            self.generator.set_state(saved)
        else:
            self.generator.manual_seed(int.from_bytes(sha256(saved.numpy().tobytes()).digest()[:7]))


def _consecutive(base: int, tasks: range) -> list[int]:
    """Seeds that differ between the tasks even in a generator that takes 32 bits of them, as PyTorch's on CPUs."""
    return [base + task for task in tasks]
