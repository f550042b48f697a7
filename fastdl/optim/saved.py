"""Checks a saved state of an optimizer as a whole, before any of it is taken over."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastdl.errors import CheckpointError, HyperparameterError
from fastdl.kernels import RuleSpec
from fastdl.optim.hyperparameters import checked

Bound = tuple[tuple[Hashable, ...], list[list[NDArray[Any]]], NDArray[np.int64]]


def validate(state_dict: Mapping[str, Any], rule: RuleSpec) -> tuple[dict[str, float], Bound | None]:
    """Return the hyper-parameters, and keys, state arrays and step counts (None where no step had been taken).

    Parameters
    ----------
    state_dict : dict
        What is to be loaded.
    rule : RuleSpec
        The rule of the optimizer that loads it.

    Returns
    -------
    hyperparameters : dict of str to float
    bound : tuple or None
        The arrays are copies.

    Raises
    ------
    CheckpointError
        If anything does not fit.
    """
    parts = ("rule", "hyperparameters", "steps", "state")
    if not isinstance(state_dict, Mapping):
        raise _error(rule, "state_dict", "a dict", type(state_dict).__qualname__)
    _check_names(rule, "state_dict", parts, state_dict)
    if state_dict["rule"] != rule.name:
        raise _error(rule, "rule", repr(rule.name), repr(state_dict["rule"]))
    for part in parts[1:]:
        if not isinstance(state_dict[part], Mapping):
            raise _error(rule, part, "a dict", type(state_dict[part]).__qualname__)
    _check_names(rule, "hyperparameters", rule.hyper, state_dict["hyperparameters"])
    try:
        hyperparameters = {name: checked(name, state_dict["hyperparameters"][name], rule.name) for name in rule.hyper}
    except HyperparameterError as error:
        raise _error(rule, f"hyperparameters[{error.arg!r}]", error.expected, error.got) from error

    steps, state = state_dict["steps"], state_dict["state"]
    if not steps and not any(state.values()):
        return hyperparameters, None
    for key, count in steps.items():
        if type(count) is not int or not 0 <= count < 2**53:
            raise _error(rule, f"steps[{key!r}]", "an integer from 0 to 2**53 - 1", repr(count))
    _check_names(rule, "state", rule.state, state)
    shapes: dict[Hashable, tuple[Any, ...]] = {}
    for name in rule.state:
        if not isinstance(state[name], Mapping):
            raise _error(rule, f"state[{name!r}]", "a dict", type(state[name]).__qualname__)
        _check_names(rule, f"state[{name!r}]", steps, state[name])
        for key in steps:
            _check_array(
                rule,
                f"state[{name!r}][{key!r}]",
                state[name][key],
                shapes.setdefault(key, _kind(state[name][key])),
            )
    arrays = [[np.array(state[name][key], order="C") for key in steps] for name in rule.state]
    return hyperparameters, (tuple(steps), arrays, np.array(list(steps.values()), np.int64))


def _check_names(rule: RuleSpec, place: str, expected: Any, got: Mapping[Any, Any]) -> None:
    if set(got) != set(expected):
        raise _error(rule, place, f"the keys {list(expected)}", str(list(got)))


def _check_array(rule: RuleSpec, place: str, array: Any, kind: tuple[Any, ...]) -> None:
    if not isinstance(array, np.ndarray) or array.dtype not in (np.float32, np.float64):
        raise _error(
            rule,
            place,
            "an array of float32 or float64",
            str(getattr(array, "dtype", type(array).__qualname__)),
        )
    if _kind(array) != kind:
        raise _error(rule, place, f"shape {kind[0]} and dtype {kind[1]}", f"{array.shape} and {array.dtype}")


def _kind(array: Any) -> tuple[Any, ...]:
    return getattr(array, "shape", None), getattr(array, "dtype", None)


def _error(rule: RuleSpec, place: str, expected: str, got: str) -> CheckpointError:
    return CheckpointError("does not fit", op=rule.name, arg=place, expected=expected, got=got)
