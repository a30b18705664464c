"""Environment steps per second against the number of episodes at the same time."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from matplotlib.figure import Figure

from mamlrl.benchmarks.throughput import Throughput


def throughput_figure(measured: Sequence[Throughput], title: str) -> Figure:
    """Draws throughput, solid, and that of the bare physics, dashed, with a colour for each device and simulator.

    Args:
        measured: Measurements of any devices and simulators.
        title: What was measured.
    """
    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    panel = figure.subplots()
    panel.set_title(title, fontsize="medium")
    for number, (device, simulator) in enumerate(dict.fromkeys((m.device, m.simulator) for m in measured)):
        chosen = [m for m in measured if (m.device, m.simulator) == (device, simulator)]
        name, episodes = f"{device} {simulator}".strip(), [m.episodes for m in chosen]
        panel.loglog(episodes, [m.steps_per_second for m in chosen], f"C{number}-o", label=name)
        if all(isfinite(m.physics_steps_per_second) for m in chosen):
            physics = [m.physics_steps_per_second for m in chosen]
            panel.loglog(episodes, physics, f"C{number}--", label=f"{name}, bare physics")
    panel.set_xlabel("episodes at the same time")
    panel.set_ylabel("environment steps per second")
    panel.grid(alpha=0.3)
    panel.legend()
    return figure
