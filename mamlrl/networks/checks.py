"""Whether a policy of one's own keeps its contract: checked once, before anything is trained."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from mamlrl.errors import FOREIGN_ERRORS, UserError, one_line
from mamlrl.networks.network import Network

TASKS, SAMPLES = 2, 5
ROUNDING = 1e-4  # of float32, in networks of any depth that somebody might use


def check_policy(policy: Network, observation_size: int) -> None:
    """Checks that a policy can be evaluated and differentiated, for one and for several tasks.

    Args:
        policy: The policy.
        observation_size: Number of observation features D.

    Raises:
        UserError: If its outputs have another shape or type, are not finite, are random, or depend on earlier
            evaluations or on other samples; or if it has no second derivatives.
    """
    name = str(getattr(policy, "name", f"policy {type(policy).__name__}"))
    generator = torch.Generator().manual_seed(0)
    observations = torch.randn(SAMPLES, observation_size, generator=generator)
    with explained(name, "cannot be evaluated"):
        params = policy.init(torch.Generator().manual_seed(0))
        outputs = policy(params, observations)
        again = policy(params, observations)
        alone = torch.cat([policy(params, one[None]) for one in observations])
    _check_outputs(name, outputs, policy.distribution.output_size)
    if not torch.equal(outputs, again):
        raise UserError(f"{name} is random, or changes when it is evaluated: twice the same gives other outputs")
    if not torch.allclose(outputs, alone, ROUNDING, ROUNDING):
        raise UserError(f"{name} gives a sample other outputs when it is evaluated with others")
    tasks = params.expand(TASKS, -1)
    with explained(name, "cannot be evaluated for several tasks at once (torch.func.vmap)"):
        each = policy(tasks, observations.expand(TASKS, -1, -1))
    if each.shape != (TASKS, *outputs.shape) or not torch.allclose(each[0], outputs, ROUNDING, ROUNDING):
        raise UserError(f"{name} gives other outputs when it is evaluated for several tasks at once")
    with explained(name, "cannot be differentiated twice"):
        moved = _differentiate(policy, tasks, observations.expand(TASKS, -1, -1))
    if not moved:
        raise UserError(f"{name} has outputs whose derivatives in its parameters are all 0")


def _check_outputs(name: str, outputs: Tensor, size: int) -> None:
    if outputs.shape != (SAMPLES, size):
        raise UserError(f"{name} has outputs of shape {tuple(outputs.shape)} for {SAMPLES} samples, not of {size}")
    if not outputs.is_floating_point():
        raise UserError(f"{name} has outputs of {outputs.dtype}")
    if not bool(outputs.isfinite().all()):
        raise UserError(f"{name} has outputs that are not finite at its initial parameters")


def _differentiate(policy: Network, params: Tensor, observations: Tensor) -> bool:
    """Takes all derivatives; returns whether outputs move with the parameters, other than a free variance."""
    network = policy.linearize(params, observations)
    vectors = torch.ones_like(params)
    if "log_std" in policy.shapes:
        policy.unflatten(vectors)["log_std"].zero_()
    network.vjp(torch.ones_like(network.outputs))
    network.hessian(torch.ones_like(network.outputs), lambda tangents: tangents)(vectors)
    return bool(network.jvp(vectors).any())


@contextmanager
def explained(name: str, what: str) -> Iterator[None]:
    """Turns what the block raises into a UserError.

    Args:
        name: Of the policy.
        what: What it cannot, such as `cannot be evaluated`.
    """
    try:
        yield
    except (UserError, MemoryError):
        raise
    except FOREIGN_ERRORS as error:
        hint = ""
        if "random" in str(error):
            hint = "; is something in training mode, such as dropout? call its eval() first"
        raise UserError(f"{name} {what}: {one_line(error)}{hint}") from error
