"""Which classes parameters were trained on: kept in checkpoints, for no evaluation to be on them."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from typing import Any

from mamlrl.errors import UserError
from mamlrl.supervised.splits import check_apart, listed

LOGGER = logging.getLogger(__name__)
KEY = "classes"  # of a learner's state
EARLIER = "earlier_classes"  # of runs that this one began from


def as_state(names: Collection[str] | None, earlier: Collection[str] = ()) -> dict[str, Any]:
    """Returns what a learner's state holds of the trained classes.

    Args:
        names: Names of the classes that it trains on; None if it is not known what its parameters were trained on.
        earlier: Those that other runs trained on before, whose parameters it began with.
    """
    if not names:
        return {}
    return {KEY: list(names), EARLIER: list(earlier)} if earlier else {KEY: list(names)}


def check_not_trained_on(state: Mapping[str, Any], names: Collection[str], purpose: str = "testing") -> None:
    """Checks that a learner was not trained on classes that are kept for something else.

    A state that names no classes, as older versions wrote it, is accepted with a warning.

    Args:
        state: The learner's state.
        names: Names of the classes; none if there are no classes.
        purpose: What they are for.

    Raises:
        UserError: If it was.
    """
    trained = all_named_in(state, names)
    if trained is not None:
        check_apart(trained, names, purpose)


def resumed(state: Mapping[str, Any], names: tuple[str, ...]) -> tuple[str, ...] | None:
    """Returns the classes that a run is trained on which goes on from a state; None if that names none.

    Args:
        state: The learner's state.
        names: Names of the classes that the run goes on with.

    Raises:
        UserError: If they are others than before.
    """
    before = _named_in(state, names)
    if before is None:
        return None
    changes = {"gone": set(before) - set(names), "new": set(names) - set(before)}
    if any(changes.values()):
        found = " and ".join(f"{listed(some)} {what}" for what, some in changes.items() if some)
        raise UserError(
            f"data.folder: the run to resume was trained on other classes ({found}); put the data back as they "
            "were, or begin another run"
        )
    return names


def all_named_in(state: Mapping[str, Any], names: Collection[str]) -> list[str] | None:
    """Returns all classes that a state names, with those of earlier runs; None, with a warning, if there are none.

    Args:
        state: The learner's state.
        names: Names of the classes of the data; none if there are no classes.
    """
    found = _named_in(state, names)
    return None if found is None else [*found, *_checked(state.get(EARLIER, []))]


def _named_in(state: Mapping[str, Any], names: Collection[str]) -> list[str] | None:
    """The classes that a state names; if it does not, although the data have classes, a warning is logged."""
    if KEY in state:
        return _checked(state[KEY])
    if names:
        LOGGER.warning(
            "mamlrl: warning: the checkpoint does not name the classes that it was trained on, for it is of "
            "an earlier version with other splits: classes for testing may be among them; train again to be sure"
        )
    return None


def _checked(found: Any) -> list[str]:
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise UserError("its state is damaged: the names of the classes that it was trained on are not names")
    return found
