"""What a search may choose: ranges, choices and constants, by the name of the hyper-parameter.

A space is a mapping of names to a `Range`, a `Choice`, or the one value that a hyper-parameter has:

>>> space = {"lr": Range(1e-6, 1e-2, log=True), "layers": Range(1, 6), "init": Choice("he", 0.01), "units": 50}
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastdl.errors import HyperparameterError

Value = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Range:
    """All numbers between two.

    Parameters
    ----------
    low, high : int or float
        The ends, both within it. Where both are ints, it is of ints.
    log : bool
        Whether all orders of magnitude are equally likely, instead of all numbers.

    Examples
    --------
    >>> Range(1, 100).is_integer, Range(1e-6, 1e-2, log=True).is_integer
    (True, False)
    """

    low: int | float
    high: int | float
    log: bool = False

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            object.__setattr__(self, name, _of_python(getattr(self, name)))
        numbers = (self.low, self.high)
        if any(isinstance(each, bool) or not isinstance(each, int | float) for each in numbers) or not all(
            map(math.isfinite, numbers)
        ):
            raise _refusal("not a range", "two finite numbers", self)
        if self.low > self.high:
            raise _refusal("not a range", "low <= high", self)
        if self.log and self.low <= 0:
            raise _refusal("a logarithmic range", "low > 0", self)

    @property
    def is_integer(self) -> bool:
        """Whether it is of ints."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def width(self) -> float:
        """Its length; of a logarithmic one in powers of ten."""
        return math.log10(self.high / self.low) if self.log else self.high - self.low


@dataclass(frozen=True, slots=True, init=False)
class Choice:
    """One of some values.

    Parameters
    ----------
    *values : str, int, float, bool or None
        At least one.

    Examples
    --------
    >>> Choice("sgd", "adam").values
    ('sgd', 'adam')
    """

    values: tuple[Value, ...]

    def __init__(self, *values: Value) -> None:
        values = tuple(map(_of_python, values))
        if not values or not all(isinstance(each, Value) for each in values):
            raise _refusal("not a choice", "values that are text, numbers, bools or None", values)
        object.__setattr__(self, "values", values)


Space = Mapping[str, Range | Choice | Value]


def checked(space: Space, op: str) -> dict[str, Range | Choice | Value]:
    """Return the space as a dict, or raise HyperparameterError where it is none."""
    if not isinstance(space, Mapping):
        expected, got = 'a dict such as {"lr": Range(1e-6, 1e-2, log=True)}', type(space).__qualname__
        raise HyperparameterError("not a space", op=op, arg="space", expected=expected, got=got)
    result = dict(space)
    for name, values in result.items():
        if not isinstance(name, str) or not isinstance(values, Range | Choice | Value):
            raise HyperparameterError(
                "not what a search can choose from", op=op, arg="space", key=name, expected="Range, Choice or a value",
                got=repr(values),
            )  # fmt: skip
    if not any(isinstance(values, Range | Choice) for values in result.values()):
        raise HyperparameterError("nothing to choose", op=op, arg="space", expected="a Range or a Choice")
    return result


def suggest(space: Space, trial: Any) -> dict[str, Any]:
    """Return a value of each name: Optuna's sampler chooses for this trial."""
    params: dict[str, Any] = {}
    for name, values in space.items():
        if isinstance(values, Choice):
            params[name] = trial.suggest_categorical(name, values.values)
        elif not isinstance(values, Range):
            params[name] = values
        elif values.is_integer:
            params[name] = trial.suggest_int(name, values.low, values.high, log=values.log)
        else:
            params[name] = trial.suggest_float(name, values.low, values.high, log=values.log)
    return params


def to_json(space: Space) -> dict[str, Any]:
    """Return the space in what JSON knows."""
    return {name: _as_json(values) for name, values in space.items()}


def _as_json(values: Range | Choice | Value) -> Any:
    if isinstance(values, Range):
        return {"low": values.low, "high": values.high, "log": values.log}
    return list(values.values) if isinstance(values, Choice) else values


def from_json(content: Mapping[str, Any]) -> dict[str, Range | Choice | Value]:
    """Return the space that `to_json` was given."""
    space: dict[str, Range | Choice | Value] = {}
    for name, values in content.items():
        if isinstance(values, Mapping):
            space[name] = Range(**values)
        else:
            space[name] = Choice(*values) if isinstance(values, list) else values
    return space


def parse(text: str) -> tuple[str, Range | Choice | Value]:
    """Return the name and the values that a text such as ``lr=1e-6..1e-2,log`` stands for.

    Parameters
    ----------
    text : str
        ``NAME=LOW..HIGH``, with ``,log`` for a logarithmic range; ``NAME=ONE|OTHER``; or ``NAME=VALUE``.

    Returns
    -------
    name : str
    values : Range, Choice or a value

    Raises
    ------
    HyperparameterError
        If it is none of these.

    Examples
    --------
    >>> parse("lr=1e-6..1e-2,log")
    ('lr', Range(low=1e-06, high=0.01, log=True))
    >>> parse("optimizer=sgd|adam"), parse("layers=5")
    (('optimizer', Choice(values=('sgd', 'adam'))), ('layers', 5))
    """
    name, sign, values = (part.strip() for part in text.partition("="))
    if not (name and sign and values):
        raise _refusal("cannot be read", "NAME=LOW..HIGH[,log], NAME=ONE|OTHER or NAME=VALUE", text)
    if ".." not in values:
        choices = [_value(each) for each in values.split("|")]
        return name, Choice(*choices) if len(choices) > 1 else choices[0]
    ends, _, scale = values.partition(",")
    low, high = (_value(end) for end in ends.split("..", 1))
    if scale not in ("", "log", "linear") or isinstance(low, str) or isinstance(high, str):
        raise _refusal("cannot be read", "NAME=LOW..HIGH or NAME=LOW..HIGH,log", text)
    return name, Range(low or 0, high or 0, log=scale == "log")


def _of_python(value: Any) -> Any:
    """NumPy's numbers as Python's, which the storage can keep."""
    return value.item() if isinstance(value, np.generic) else value


def _value(text: str) -> str | int | float:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text.strip()


def _refusal(problem: str, expected: str, got: object) -> HyperparameterError:
    return HyperparameterError(problem, op="tune", arg="space", expected=expected, got=repr(got))
