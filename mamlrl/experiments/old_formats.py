"""Experiments as earlier versions wrote them."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

NO_DATASET = "none"

_POLICY_HAS_NOT = ("data", "compile", "evaluation.shots", "evaluation.queries")
_SUPERVISED_HAS_NOT = (
    "env",
    "sampling",
    "advantages",
    "trust_region",
    "promp",
    "policy.initial_std",
    "policy.min_std",
    "adaptation.loss",
    "evaluation.episodes_per_task",
)


def is_old(values: Any) -> bool:
    """Returns whether a config is a whole experiment as it was before there were kinds, with sections of both."""
    if not isinstance(values, dict) or "kind" in values:
        return False
    return all(isinstance(values.get(section), dict) for section in ("env", "data", "policy"))


def with_kind(values: dict[str, Any]) -> dict[str, Any]:
    """Returns a plain experiment in today's form.

    Before there were kinds, one dataclass held the settings of both, and `data.dataset` told them apart.

    Args:
        values: Of `plain_experiment`, or of the same function in an earlier version; they are left as they are.
    """
    if "kind" in values or not isinstance(values.get("data"), dict):
        return values if "kind" in values else {"kind": "policy", **values}
    values = deepcopy(values)
    supervised = values["data"].get("dataset", NO_DATASET) != NO_DATASET
    for key in _SUPERVISED_HAS_NOT if supervised else _POLICY_HAS_NOT:
        *section, name = key.split(".")
        part = values.get(section[0]) if section else values
        if isinstance(part, dict):
            part.pop(name, None)
    if supervised and "policy" in values:
        values["network"] = values.pop("policy")
    return {"kind": "supervised" if supervised else "policy", **values}
