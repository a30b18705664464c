"""Simulators of a body by name."""

from __future__ import annotations

from collections.abc import Callable

from mamlrl.envs.arguments import check_choice
from mamlrl.envs.arrays import choose_module
from mamlrl.envs.locomotion.body import Body
from mamlrl.envs.physics.batch_simulator import BatchSimulator
from mamlrl.envs.physics.simulator import Simulator


def make_simulator(
    name: str,
    body: Body,
    num_simulations: int,
    num_threads: int = 0,
    device: str = "cpu",
    array_module: str | None = None,
) -> Simulator:
    """Makes simulations of a body.

    Args:
        name: `batch` for MuJoCo's batch engine, or `warp` for MuJoCo Warp, the extra `gpu`.
        body: The body.
        num_simulations: Number of simulations.
        num_threads: Threads of the batch engine; 0 stands for one per CPU.
        device: Device of MuJoCo Warp, such as `cuda`; the batch engine always runs on the CPU.
        array_module: `numpy` or `torch`; None stands for NumPy on the CPU, torch on a GPU.

    Raises:
        ValueError: If there is no such simulator or device.
        gymnasium.error.DependencyNotInstalled: If MuJoCo Warp is not installed.
    """
    check_choice("simulator", name, SIMULATORS)
    device = device_of(name, device)
    module = choose_module(array_module, device)
    return SIMULATORS[name](body, num_simulations, num_threads, device, module)


def device_of(name: str, device: str) -> str:
    """Returns where the arrays of a simulator live whose experiment is on a device."""
    return device if name == "warp" else "cpu"


def _batch(body: Body, num_simulations: int, num_threads: int, device: str, module: str) -> Simulator:
    physics = (body.model, num_simulations, body.substeps, body.fields, body.forward)
    return BatchSimulator(*physics, num_threads, module)


def _warp(body: Body, num_simulations: int, num_threads: int, device: str, module: str) -> Simulator:
    from mamlrl.envs.physics.warp_simulator import WarpSimulator  # noqa: PLC0415 (an extra)

    physics = (body.without_plugins(), num_simulations, body.substeps, body.fields, body.forward)
    return WarpSimulator(*physics, device, module)


SIMULATORS: dict[str, Callable[[Body, int, int, str, str], Simulator]] = {"batch": _batch, "warp": _warp}
