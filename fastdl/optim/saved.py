"""Checks a saved state of an optimizer as a whole, before any of it is taken over."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastdl.errors import CheckpointError, HyperparameterError
from fastdl.kernels import CompiledRule, RuleSpec
from fastdl.optim.hyperparameters import checked

Rows = dict[Hashable, NDArray[Any]]


class Checkpoint(NamedTuple):
    """A saved state that fits its optimizer; its arrays are copies, in the order of `steps`."""

    hyperparameters: dict[str, float]
    steps: dict[Hashable, int]
    state: dict[str, Rows]
    averages: Rows


def validate(state_dict: Any, rule: RuleSpec | CompiledRule, has_averages: bool) -> Checkpoint:
    """Return a saved state, checked.

    Parameters
    ----------
    state_dict : dict
        What is to be loaded.
    rule : RuleSpec or CompiledRule
        The rule of the optimizer that loads it.
    has_averages : bool
        Whether that optimizer keeps averages.

    Returns
    -------
    Checkpoint

    Raises
    ------
    CheckpointError
        If anything in it is missing, unknown or does not fit together.
    """
    fail = _Fail(rule.name)
    parts = ("rule", "hyperparameters", "steps", "state", "averages", "schedule")
    fail.unless_names("state_dict", parts, state_dict)
    if state_dict["rule"] != rule.name:
        raise fail("rule", repr(rule.name), repr(state_dict["rule"]))
    for part in parts[1:]:
        fail.unless_mapping(part, state_dict[part])

    saved = state_dict["hyperparameters"]
    fail.unless_names("hyperparameters", rule.hyper if "lr" in saved else [n for n in rule.hyper if n != "lr"], saved)
    try:
        hyperparameters = {name: checked(name, value, rule.name) for name, value in saved.items()}
    except HyperparameterError as error:
        raise fail(f"hyperparameters[{error.arg!r}]", error.expected, error.got) from error

    steps = dict(state_dict["steps"])
    for key, count in steps.items():
        if type(count) is not int or not 0 <= count < 2**53:
            raise fail(f"steps[{key!r}]", "an integer from 0 to 2**53 - 1", repr(count))
    tables = {name: state_dict["state"].get(name) for name in rule.state} if steps else {}
    fail.unless_names("state", tables, state_dict["state"])
    if steps and has_averages:
        tables["averages"] = state_dict["averages"]
    elif state_dict["averages"]:
        raise fail("averages", "none: this optimizer keeps no averages (ema=None)", str(list(state_dict["averages"])))
    shapes: dict[Hashable, tuple[Any, Any]] = {}
    for name, table in tables.items():
        fail.unless_names(name, steps, table)
        for key in steps:
            fail.unless_array(f"{name}[{key!r}]", table[key], shapes.setdefault(key, _kind(table[key])))
    copies: dict[str, Rows] = {
        name: {key: np.array(table[key], order="C") for key in steps} for name, table in tables.items()
    }
    return Checkpoint(
        hyperparameters, steps, {name: copies[name] for name in rule.state if steps}, copies.get("averages", {})
    )


def _kind(array: Any) -> tuple[Any, Any]:
    return getattr(array, "shape", None), getattr(array, "dtype", None)


class _Fail:
    """The errors of one optimizer's checkpoint."""

    def __init__(self, op: str) -> None:
        self.op = op

    def __call__(self, place: str, expected: str, got: str) -> CheckpointError:
        return CheckpointError("does not fit", op=self.op, arg=place, expected=expected, got=got)

    def unless_mapping(self, place: str, value: Any) -> None:
        if not isinstance(value, Mapping):
            raise self(place, "a dict", type(value).__qualname__)

    def unless_names(self, place: str, expected: Any, value: Any) -> None:
        self.unless_mapping(place, value)
        if set(value) != set(expected):
            raise self(place, f"the keys {list(expected)}", str(list(value)))

    def unless_array(self, place: str, array: Any, kind: tuple[Any, Any]) -> None:
        if type(array) not in (np.ndarray, np.memmap) or array.dtype not in (np.float32, np.float64):
            got = str(getattr(array, "dtype", type(array).__qualname__))
            raise self(place, "an array of float32 or float64", got)
        if _kind(array) != kind:
            raise self(place, f"shape {kind[0]} and dtype {kind[1]}", f"{array.shape} and {array.dtype}")
