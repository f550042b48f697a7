"""The check that every integer argument of this package goes through."""

from __future__ import annotations

import operator

from fastdl.errors import HyperparameterError


def integer(value: object, *, op: str, arg: str, low: int, high: int | None = None) -> int:
    """Return ``value`` as an int, or raise HyperparameterError: no bool, and within ``low`` to ``high``."""
    try:
        number = None if isinstance(value, bool) else operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = None
    if number is None or number < low or (high is not None and number > high):
        bounds = f"of {low} or more" if high is None else f"from {low} to {high}"
        raise HyperparameterError(
            "not an integer in its range", op=op, arg=arg, expected=f"an integer {bounds}", got=repr(value)
        )
    return number
