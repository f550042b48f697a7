"""The kinds of settings that schedules have, and the range of each."""

from __future__ import annotations

import math
import numbers
import operator
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Annotated, Any, NamedTuple


class Kind(NamedTuple):
    """A kind of setting: how it reads in an error, how a value becomes one, and whether that is within range."""

    expected: str
    convert: Callable[[Any], Any]
    holds: Callable[[Any, Any], bool]  # (converted value, the schedule, with the settings before this one)


def as_number(value: Any) -> float:
    """Return a real number as a float; anything else is a TypeError."""
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise TypeError
    return float(value)


def as_whole(value: Any) -> int:
    """Return an integer as an int; anything else is a TypeError."""
    if isinstance(value, bool):
        raise TypeError
    return operator.index(value)


NotNegative = Annotated[float, Kind("a finite number >= 0", as_number, lambda x, of: 0 <= x < math.inf)]
Positive = Annotated[float, Kind("a finite number > 0", as_number, lambda x, of: 0 < x < math.inf)]
Share = Annotated[float, Kind("a number in [0, 1]", as_number, lambda x, of: 0 <= x <= 1)]
ProperShare = Annotated[float, Kind("a number in [0, 1)", as_number, lambda x, of: 0 <= x < 1)]
Factor = Annotated[float, Kind("a number in (0, 1]", as_number, lambda x, of: 0 < x <= 1)]
Minimum = Annotated[float, Kind("a number in [0, lr]", as_number, lambda x, of: 0 <= x <= of.lr)]
CountOrZero = Annotated[int, Kind("a whole number >= 0", as_whole, lambda n, of: n >= 0)]
Count = Annotated[int, Kind("a whole number >= 1", as_whole, lambda n, of: n >= 1)]
Several = Annotated[int, Kind("a whole number >= 2", as_whole, lambda n, of: n >= 2)]
Increasing = Annotated[
    Sequence[int],
    Kind(
        "whole numbers >= 1, each greater than the one before",
        lambda values: tuple(map(as_whole, values)),
        lambda values, of: all(before < value for before, value in pairwise((0, *values))),
    ),
]
Mode = Annotated[str, Kind("'min' or 'max'", str, lambda mode, of: mode in ("min", "max"))]
