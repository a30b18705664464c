"""Simulators of a body by name."""

from __future__ import annotations

from collections.abc import Callable

from mamlrl.envs.arguments import check_choice
from mamlrl.envs.locomotion.body import Body
from mamlrl.envs.physics.batch_simulator import BatchSimulator
from mamlrl.envs.physics.simulator import Simulator


def make_simulator(
    name: str, body: Body, num_simulations: int, num_threads: int = 0, device: str = "cpu"
) -> Simulator:
    """Makes simulations of a body.

    Args:
        name: `batch` for MuJoCo's batch engine, or `warp` for MuJoCo Warp, the extra `gpu`.
        body: The body.
        num_simulations: Number of simulations.
        num_threads: Threads of the batch engine; 0 stands for one per CPU.
        device: Device of MuJoCo Warp, such as `cuda`; the batch engine always runs on the CPU.

    Raises:
        ValueError: If there is no such simulator or device.
        gymnasium.error.DependencyNotInstalled: If MuJoCo Warp is not installed.
    """
    check_choice("simulator", name, SIMULATORS)
    return SIMULATORS[name](body, num_simulations, num_threads, device)


def _batch(body: Body, num_simulations: int, num_threads: int, device: str) -> Simulator:
    return BatchSimulator(body.model, num_simulations, body.substeps, body.fields, body.forward, num_threads)


def _warp(body: Body, num_simulations: int, num_threads: int, device: str) -> Simulator:
    from mamlrl.envs.physics.warp_simulator import WarpSimulator  # noqa: PLC0415 (an extra)

    model = body.without_plugins()
    return WarpSimulator(model, num_simulations, body.substeps, body.fields, body.forward, device)


SIMULATORS: dict[str, Callable[[Body, int, int, str], Simulator]] = {"batch": _batch, "warp": _warp}
