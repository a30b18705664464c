"""Experiments as plain values, as checkpoints and run folders hold them, and back."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from mamlrl.errors import UserError
from mamlrl.experiments.experiment import Experiment
from mamlrl.experiments.imports import refuse_imports
from mamlrl.experiments.old_formats import with_kind
from mamlrl.experiments.parser import parse_object


def plain_experiment(experiment: Experiment) -> dict[str, Any]:
    """Returns an experiment as nested dicts of plain numbers, strings and lists."""
    plain: dict[str, Any] = json.loads(json.dumps(asdict(experiment)))  # drops the restricted types
    return plain


def restore_experiment(values: Any) -> Experiment:
    """Rebuilds an experiment from what `plain_experiment` returned, now or in an earlier version.

    Raises:
        UserError: If it is no such thing, a value cannot be used, or it names a module that is not imported.
    """
    if not isinstance(values, dict):
        raise UserError(f"an experiment must have keys of its own, got {values!r}")
    refuse_imports(values)
    values = with_kind(values)
    return parse_object(values["kind"], values)
