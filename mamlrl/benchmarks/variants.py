"""One experiment on several devices, with several simulators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from mamlrl.devices import make_device
from mamlrl.errors import UserError
from mamlrl.experiments.experiment import Experiment
from mamlrl.experiments.policy import PolicyExperiment
from mamlrl.sampling.creators import argument_names, find_creator
from mamlrl.settings.choices import named

AnyExperiment = TypeVar("AnyExperiment", bound=Experiment)
_ARGUMENT = "simulator"  # of environments that have several


def variants(
    experiment: AnyExperiment, devices: Sequence[str] = (), simulators: Sequence[str] = ()
) -> list[AnyExperiment]:
    """Returns the experiment on every device with every simulator.

    Args:
        experiment: The experiment.
        devices: Such as `cpu` and `cuda`; by default, the experiment's own.
        simulators: Such as `batch` and `warp`; by default, the experiment's own.

    Raises:
        UserError: If a device does not exist here, or the experiment has no simulator to choose.
    """
    for device in devices:
        make_device(device)
    found = [replace(experiment, device=device) for device in devices or [experiment.device]]
    if not simulators:
        return found
    if not isinstance(experiment, PolicyExperiment):
        raise UserError(f"simulators: experiments of kind {experiment.kind} have none; leave them out")
    if simulator_of(experiment) is None:
        raise UserError(f"simulators: {named(experiment.env.id)} has none to choose from; leave them out")
    return [
        replace(each, env=replace(each.env, kwargs={**each.env.kwargs, _ARGUMENT: simulator}))  # type: ignore
        for each in found
        for simulator in simulators
    ]


def simulator_of(experiment: PolicyExperiment) -> str | None:
    """Returns the name of the simulator of an experiment's environment, None if it has none to choose from."""
    if _ARGUMENT not in argument_names(find_creator(experiment.env.id)):
        return None
    return str(experiment.env.kwargs.get(_ARGUMENT, "batch"))


def place(experiment: Experiment) -> str:
    """Says where an experiment runs: its device, and its simulator if it has one to choose."""
    simulator = simulator_of(experiment) if isinstance(experiment, PolicyExperiment) else None
    return experiment.device if simulator is None else f"{experiment.device}, simulator {simulator}"
