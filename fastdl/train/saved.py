"""A trainer's state, to save it, and a saved one, checked as a whole before any of it is taken over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from typing import Any, NamedTuple

import numpy as np

from fastdl.errors import CheckpointError
from fastdl.train.history import EpochRecord, History
from fastdl.train.place import Place

_SETTINGS = ("seed", "batch_size")


class Saved(NamedTuple):
    """What a checked state says."""

    seed: int
    place: Place
    history: History
    callbacks: Mapping[str, Any]


def state_of(seed: int, batch_size: int, place: Place, history: History, callbacks: Iterable[object]) -> dict[str, Any]:
    """Return what a trainer needs to go on.

    Parameters
    ----------
    seed, batch_size : int
        The trainer's.
    place : Place
        Where it is.
    history : History
        Its course so far.
    callbacks : iterable
        Those that have a ``state_dict`` are asked for it.

    Returns
    -------
    dict
        Of numbers, ``losses``, an array, and ``callbacks``, dicts by class and number.
    """
    return {
        "seed": seed,
        "batch_size": batch_size,
        **asdict(place),
        "losses": np.array(history.losses, np.float64),
        "epochs": [asdict(record) for record in history.epochs],
        "callbacks": {name: each.state_dict() for name, each in _with_state(callbacks).items()},
    }


def validate(state: Any, batch_size: int) -> Saved:
    """Return what :func:`state_of` was given, checked.

    Parameters
    ----------
    state : dict
        What was saved.
    batch_size : int
        That of the trainer which is to go on.

    Returns
    -------
    Saved

    Raises
    ------
    CheckpointError
        If anything in it is missing, unknown, out of range or of another batch size.
    """
    names = [*_SETTINGS, *(each.name for each in fields(Place)), "losses", "epochs", "callbacks"]
    if not isinstance(state, Mapping) or set(state) != set(names):
        got = list(state) if isinstance(state, Mapping) else type(state).__qualname__
        raise _misfit("state_dict", f"a dict with the keys {names}", str(got))
    if state["batch_size"] != batch_size:
        raise _misfit("batch_size", str(batch_size), repr(state["batch_size"]))
    for name in ("seed", "epoch", "left", "rows"):
        _check_count(name, state[name], 0)
    if state["taken"] is not None:
        _check_count("taken", state["taken"], 1)
    losses = state["losses"]
    if type(losses) is not np.ndarray or losses.dtype != np.float64 or losses.ndim != 1:
        raise _misfit("losses", "an array of float64, one a step", type(losses).__qualname__)
    if (state["taken"] or 0) > len(losses):
        raise _misfit("taken", f"at most the {len(losses)} steps with a loss", str(state["taken"]))
    if not isinstance(state["epochs"], list):
        raise _misfit("epochs", "a list of records", type(state["epochs"]).__qualname__)
    if not isinstance(state["callbacks"], Mapping):
        raise _misfit("callbacks", "a dict", type(state["callbacks"]).__qualname__)
    place = Place(state["epoch"], state["taken"], state["left"], state["rows"])
    records = [_record(record) for record in state["epochs"]]
    return Saved(state["seed"], place, History(losses.tolist(), records), state["callbacks"])


def load_callbacks(states: Mapping[str, Any], callbacks: Iterable[object]) -> None:
    """Give callbacks the states that :func:`state_of` asked them for.

    Parameters
    ----------
    states : mapping
        From class and number.
    callbacks : iterable
        The trainer's.

    Raises
    ------
    CheckpointError
        If there are others, or one's state does not fit; nothing has changed then.
    """
    own = _with_state(callbacks)
    if set(states) != set(own):
        raise _misfit("callbacks", f"the states of {list(own)}", f"those of {list(states)}")
    before = {name: each.state_dict() for name, each in own.items()}
    try:
        for name, each in own.items():
            each.load_state_dict(states[name])
    except CheckpointError:
        for name, each in own.items():
            each.load_state_dict(before[name])
        raise


def _with_state(callbacks: Iterable[object]) -> dict[str, Any]:
    """The callbacks that have a state, by class and number."""
    have = [each for each in callbacks if hasattr(each, "state_dict")]
    return {f"{type(each).__name__} {number}": each for number, each in enumerate(have, 1)}


def _record(record: Any) -> EpochRecord:
    """A record of an epoch."""
    optional = {"validation_loss", "validation_accuracy"}
    kinds = {each.name: int if each.type == "int" else float for each in fields(EpochRecord)}
    if not isinstance(record, Mapping) or set(record) != set(kinds):
        raise _misfit("epochs", f"records of {list(kinds)}", repr(record)[:80])
    for name, value in record.items():
        if type(value) is not kinds[name] and not (value is None and name in optional):
            raise _misfit(f"epochs: {name}", kinds[name].__name__, repr(value)[:80])
    return EpochRecord(**record)


def _check_count(name: str, value: Any, low: int) -> None:
    if type(value) is not int or value < low:
        raise _misfit(name, f"an integer of {low} or more", repr(value)[:80])


def _misfit(arg: str, expected: str, got: str) -> CheckpointError:
    return CheckpointError("does not fit", op="Trainer", arg=arg, expected=expected, got=got)
