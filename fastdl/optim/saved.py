"""The saved state of an optimizer: how it is made, and how it is checked as a whole before any of it is taken over."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastdl.errors import CheckpointError, HyperparameterError
from fastdl.kernels import CompiledRule, RuleSpec
from fastdl.kernels.placement import placed_state
from fastdl.optim.binding import Binding, bind
from fastdl.optim.groups import Groups
from fastdl.optim.hyperparameters import checked
from fastdl.optim.schedules import Schedule
from fastdl.optim.state_dtypes import REDUCED, is_seed, stored_kind

if TYPE_CHECKING:
    from fastdl.optim.optimizer import Optimizer

Rows = dict[Hashable, NDArray[Any]]

_LR = object()  # in place of a group's pattern: what all the other parameters have


class Checkpoint(NamedTuple):
    """A saved state that fits its optimizer."""

    hyperparameters: dict[str, float]
    schedules: Mapping[str, Any]
    seed: int | None  # of the rounding of a state that is stored in bfloat16 or uint8
    bound: Binding | None  # with copies of the arrays; None before the first step


def collected(optimizer: Optimizer, bound: Binding | None) -> dict[str, Any]:
    """Return what :meth:`Optimizer.state_dict` does.

    Parameters
    ----------
    optimizer : Optimizer
        Which is to be saved.
    bound : Binding or None
        What it keeps for its parameters, None before the first step.

    Returns
    -------
    dict
    """
    numbers = optimizer.hyperparameters | {"weight_decay": optimizer.weight_decay}
    rows = {} if bound is None else bound.stored_state(optimizer.spec.state)
    parts = {
        "rule": optimizer.spec.name,
        "hyperparameters": {name: value for name, value in numbers.items() if not callable(value)},
        "steps": {} if bound is None else bound.by_key(bound.steps.tolist()),
        "state": {name: _copies(row) for name, row in rows.items()},
        "averages": _copies(optimizer.averages),
        "schedules": schedules(optimizer.lr, optimizer.groups),
    }
    if optimizer.state_dtype in REDUCED:
        shapes = {} if bound is None else bound.by_key(bound.shapes)
        parts["rounding"] = {"state_dtype": optimizer.state_dtype, "seed": optimizer.seed, "shapes": shapes}
    return parts


def validate(
    state_dict: Any, rule: RuleSpec | CompiledRule, has_averages: bool, state_dtype: str | None, op: str
) -> Checkpoint:
    """Return a saved state, checked.

    Parameters
    ----------
    state_dict : dict
        What is to be loaded.
    rule : RuleSpec or CompiledRule
        The rule of the optimizer that loads it.
    has_averages : bool
        Whether that optimizer keeps averages.
    state_dtype : str or None
        How that optimizer stores its state.
    op : str
        What the error calls it.

    Returns
    -------
    Checkpoint

    Raises
    ------
    CheckpointError
        If anything in it is missing, unknown or does not fit together.
    """
    fail = _Fail(op)
    parts = ("rule", "hyperparameters", "steps", "state", "averages", "schedules")
    fail.unless_mapping("state_dict", state_dict)
    is_reduced = state_dtype in REDUCED
    if is_reduced != ("rounding" in state_dict):
        raise fail("state_dtype", f"a state saved with state_dtype={state_dtype!r}", _dtype_in(state_dict))
    fail.unless_names("state_dict", (*parts, "rounding") if is_reduced else parts, state_dict)
    if state_dict["rule"] != rule.name:
        raise fail("rule", repr(rule.name), repr(state_dict["rule"]))
    for part in parts[1:]:
        fail.unless_mapping(part, state_dict[part])

    saved = state_dict["hyperparameters"]
    names = dict.fromkeys((*rule.hyper, "weight_decay"))
    fail.unless_names("hyperparameters", names if "lr" in saved else [name for name in names if name != "lr"], saved)
    try:
        hyperparameters = {name: checked(name, value, op) for name, value in saved.items()}
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
    seed, shapes = fail.unless_rounding(state_dict["rounding"], state_dtype, steps) if is_reduced else (None, {})
    kinds: dict[Hashable, tuple[Any, Any]] = {}
    for name, table in tables.items():
        fail.unless_names(name, steps, table)
        for key in steps:
            if is_reduced and name != "averages":
                fail.unless_stored(f"{name}[{key!r}]", table[key], state_dtype, shapes[key])
            else:
                fail.unless_array(f"{name}[{key!r}]", table[key], kinds.setdefault(key, _kind(table[key])))
    copies = {
        name: [placed_state(table[key], number) for key in steps] for number, (name, table) in enumerate(tables.items())
    }
    fail.unless_names("schedules", ("lr", "groups"), state_dict["schedules"])
    for part in ("lr", "groups"):
        fail.unless_mapping(f"schedules[{part!r}]", state_dict["schedules"][part])
    bound = None
    if steps:
        bound = bind(steps, 0)._replace(
            arrays=[copies[name] for name in rule.state],
            steps=np.array(list(steps.values()), np.int64),
            averages=copies.get("averages"),
            state_dtype=state_dtype,
            shapes=tuple(shapes[key] for key in steps) if is_reduced else (),
        )
    return Checkpoint(hyperparameters, state_dict["schedules"], seed, bound)


def schedules(lr: Any, groups: Groups) -> dict[str, Any]:
    """Return what the schedules among an optimizer's learning rates remember.

    Parameters
    ----------
    lr : float, schedule or callable
        The learning rate.
    groups : mapping
        From a pattern to settings.

    Returns
    -------
    dict
        ``lr``, empty where that is no schedule, and ``groups``, by pattern.
    """
    return {
        "lr": lr.state_dict() if isinstance(lr, Schedule) else {},
        "groups": {pattern: schedule.state_dict() for pattern, schedule in _of_groups(groups).items()},
    }


def load_schedules(memories: Mapping[str, Any], lr: Any, groups: Groups, op: str) -> None:
    """Give the schedules among an optimizer's learning rates what :func:`schedules` returned.

    Parameters
    ----------
    memories : mapping
        ``lr`` and ``groups``.
    lr, groups : object
        The optimizer's.
    op : str
        What the error calls it.

    Raises
    ------
    CheckpointError
        If a schedule's memory does not fit, or there is no schedule for it; nothing has changed then.
    """
    there = _of_groups(groups)
    if isinstance(lr, Schedule):
        there[_LR] = lr
    given = {**memories["groups"], _LR: memories["lr"]}
    for pattern, memory in given.items():
        if memory != {} and pattern not in there:
            place = "lr" if pattern is _LR else f"groups[{pattern!r}]"
            raise _Fail(op)(f"schedules: {place}", "nothing: there is no schedule", repr(memory))
    before = [(schedule, schedule.state_dict()) for schedule in there.values()]
    try:
        for pattern, schedule in there.items():
            schedule.load_state_dict(given.get(pattern, {}))
    except CheckpointError:
        for schedule, memory in before:
            schedule.load_state_dict(memory)
        raise


def _copies(row: Rows) -> Rows:
    return {key: array.copy() for key, array in row.items()}


def _of_groups(groups: Groups) -> dict[Hashable, Schedule]:
    return {pattern: own["lr"] for pattern, own in groups.items() if isinstance(own.get("lr"), Schedule)}


def _dtype_in(state_dict: Mapping[str, Any]) -> str:
    """How a saved state is stored."""
    rounding = state_dict.get("rounding")
    dtype = rounding.get("state_dtype") if isinstance(rounding, Mapping) else None
    return f"one saved with state_dtype={dtype!r}"


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

    def unless_rounding(
        self, rounding: Any, state_dtype: str | None, steps: Mapping[Hashable, int]
    ) -> tuple[int, dict[Hashable, tuple[int, ...]]]:
        """The seed, and the shapes of the parameters."""
        self.unless_names("rounding", ("state_dtype", "seed", "shapes"), rounding)
        if rounding["state_dtype"] != state_dtype:
            raise self("state_dtype", repr(state_dtype), repr(rounding["state_dtype"]))
        if not is_seed(rounding["seed"]):
            raise self("rounding['seed']", "an integer from 0 to 2**64 - 1", repr(rounding["seed"]))
        self.unless_names("rounding['shapes']", steps, rounding["shapes"])
        shapes = {}
        for key in steps:
            shape = rounding["shapes"][key]
            if not isinstance(shape, tuple | list) or not all(type(size) is int and size >= 0 for size in shape):
                raise self(f"rounding['shapes'][{key!r}]", "a shape", repr(shape))
            shapes[key] = tuple(shape)
        return int(rounding["seed"]), shapes

    def unless_stored(self, place: str, array: Any, state_dtype: str | None, shape: tuple[int, ...]) -> None:
        expected = stored_kind(state_dtype, shape)
        if type(array) not in (np.ndarray, np.memmap) or _kind(array) != expected:
            raise self(place, f"shape {expected[0]} and dtype {expected[1]}", str(_kind(array)))

    def unless_array(self, place: str, array: Any, kind: tuple[Any, Any]) -> None:
        if type(array) not in (np.ndarray, np.memmap) or array.dtype not in (np.float32, np.float64):
            got = str(getattr(array, "dtype", type(array).__qualname__))
            raise self(place, "an array of float32 or float64", got)
        if _kind(array) != kind:
            raise self(place, f"shape {kind[0]} and dtype {kind[1]}", f"{array.shape} and {array.dtype}")
