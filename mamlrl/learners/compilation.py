"""Outer steps of supervised learners as compiled functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from mamlrl.adaptation.estimator import Estimator
from mamlrl.devices import missing_compiler
from mamlrl.errors import UserError
from mamlrl.experiments.supervised import SupervisedExperiment
from mamlrl.networks.network import Network


def check_compiles(
    config: SupervisedExperiment, estimator: Estimator, network: Network, device: torch.device
) -> None:
    """Raises a UserError if the inner loop or the network cannot be compiled, or there is no compiler."""
    if not estimator.rule.compiles:
        raise UserError(
            f"compile: estimator {config.adaptation.estimator} cannot be compiled; set compile to false"
        )
    if not network.compiles:
        raise UserError(f"compile: the network for {config.data.dataset} cannot be compiled; set it to false")
    compiler = missing_compiler(device)
    if compiler:
        raise UserError(f"compile: there is no C++ compiler {compiler} here; install one, or set compile to false")


def compiled(function: Callable[..., Any], device: torch.device) -> Callable[..., Any]:
    """Compiles a function of tensors of fixed shapes on a device."""
    options: dict[str, Any] = {"cpp_wrapper": device.type == "cpu"}  # calls from Python would take a fifth of it
    return torch.compile(function, dynamic=False, fullgraph=True, options=options)
