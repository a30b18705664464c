"""Sources of randomness that are passed, never global."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Self

import numpy as np
import torch


@dataclass(frozen=True)
class Randomness:
    """A NumPy generator, and a PyTorch generator on a device.

    Attributes:
        rng: Draws tasks, the seeds of environments, and examples.
        generator: Draws initial parameters and actions.
    """

    rng: np.random.Generator
    generator: torch.Generator

    @classmethod
    def from_seed(cls, seed: int, device: torch.device) -> Self:
        """Returns generators that one seed determines."""
        return cls(np.random.default_rng(seed), torch.Generator(device).manual_seed(seed))

    def state_dict(self) -> dict[str, Any]:
        """Returns the states of both generators, in types that load without running code."""
        return {"rng": self.rng.bit_generator.state, "generator": self.generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores what `state_dict` returned; raises what Python raises if it is damaged.

        A PyTorch generator on another kind of device cannot go on where the saved one was: the state is its seed.
        """
        self.rng.bit_generator.state = state["rng"]
        saved = state["generator"].cpu()
        if saved.dtype != torch.uint8:
            raise TypeError(f"the state of a generator is of bytes, not {saved.dtype}")
        if saved.shape == self.generator.get_state().shape:
            self.generator.set_state(saved)
        else:
            self.generator.manual_seed(int.from_bytes(sha256(saved.numpy().tobytes()).digest()[:7]))
