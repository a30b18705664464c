"""Types of numbers with a range, for the parser to check and the type checker to read as plain numbers.

Real numbers are those that float32, which networks compute in, can hold: 0, and 1.2e-38 to 3.4e38. Whole numbers
count things, and end at a thousand million.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from jsonargparse import typing
from jsonargparse.typing import extend_base_type, restricted_number_type

LARGEST_COUNT = 10**9
FINITE = ("<", float("inf"))
SMALLEST, LARGEST = float(np.finfo(np.float32).tiny), float(np.finfo(np.float32).max)


def _real(name: str, *bounds: tuple[str, float]) -> Any:
    """Returns a type of numbers within bounds that float32 can hold."""
    within = restricted_number_type(f"{name}Bounds", float, list(bounds))

    def check(cls: type, value: Any) -> None:
        try:
            number = float(within(value))
        except OverflowError:  # a whole number that no float can hold
            number = float("inf")
        if number and not SMALLEST <= abs(number) <= LARGEST:
            raise ValueError(f"must be of a size from {SMALLEST:.2g} to {LARGEST:.2g}, got {value}")

    return extend_base_type(name, float, check, extra_attrs={"_expression": within._expression})


def _count(name: str, within: Any) -> Any:
    """Returns a type of those whole numbers of another that are at most `LARGEST_COUNT`."""

    def check(cls: type, value: Any) -> None:
        if within(value) > LARGEST_COUNT:
            raise ValueError(f"must be at most {LARGEST_COUNT}, got {value}")

    return extend_base_type(name, int, check, extra_attrs={"_expression": within._expression})


if TYPE_CHECKING:
    PositiveInt = int
    NonNegativeInt = int
    PositiveFinite = float
    NonNegativeFinite = float
    ClosedUnitInterval = float
    PositiveFraction = float
    Seed = int
else:
    PositiveInt = _count("Count", typing.PositiveInt)
    NonNegativeInt = _count("CountOrNone", typing.NonNegativeInt)
    PositiveFinite = _real("PositiveFinite", (">", 0), FINITE)
    NonNegativeFinite = _real("NonNegativeFinite", (">=", 0), FINITE)
    ClosedUnitInterval = typing.ClosedUnitInterval
    PositiveFraction = _real("PositiveFraction", (">", 0), ("<=", 1))
    Seed = restricted_number_type("Seed", int, [(">=", 0), ("<", 2**63)])

__all__ = [
    "ClosedUnitInterval",
    "NonNegativeFinite",
    "NonNegativeInt",
    "PositiveFinite",
    "PositiveFraction",
    "PositiveInt",
    "Seed",
]
