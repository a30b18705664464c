"""Types of numbers with a range, for the parser to check and the type checker to read as plain numbers."""

from typing import TYPE_CHECKING

from jsonargparse.typing import restricted_number_type

if TYPE_CHECKING:
    PositiveInt = int
    NonNegativeInt = int
    PositiveFinite = float
    NonNegativeFinite = float
    ClosedUnitInterval = float
    PositiveFraction = float
    Seed = int
else:
    FINITE = ("<", float("inf"))
    from jsonargparse.typing import ClosedUnitInterval, NonNegativeInt, PositiveInt

    PositiveFinite = restricted_number_type("PositiveFinite", float, [(">", 0), FINITE])
    NonNegativeFinite = restricted_number_type("NonNegativeFinite", float, [(">=", 0), FINITE])
    PositiveFraction = restricted_number_type("PositiveFraction", float, [(">", 0), ("<=", 1)])
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
