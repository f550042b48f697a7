"""The state that an optimizer keeps for its parameters."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastdl.errors import KeyMismatchError
from fastdl.optim import groups
from fastdl.optim.call import Call

Array = NDArray[Any]


class Origin(NamedTuple):
    """What a piece of a parameter is of."""

    whole: Array  # the parameter
    first: int  # the number, in C order, of the piece's first element: a multiple of 256


class Binding(NamedTuple):
    """What an optimizer keeps for its parameters, all in the order of `keys`."""

    keys: tuple[Hashable, ...]
    arrays: list[list[Array]]  # for each of the rule's state arrays
    steps: NDArray[np.int64]
    averages: list[Array] | None
    groups: dict[Hashable, dict[str, Any]]  # as they were
    own: list[dict[str, Any]]  # each parameter's settings from them
    state_dtype: str | None = None  # how the state is stored
    shapes: tuple[tuple[int, ...], ...] = ()  # of the parameters; not needed where it is stored as it is
    version: int = -1  # of the settings that `call` was worked out from, where they stay
    call: Call = Call([], {})

    def by_key(self, values: Iterable[Any]) -> dict[Hashable, Any]:
        """Return values in the order of `keys`, by key."""
        return dict(zip(self.keys, values, strict=True))

    def stored_state(self, names: Iterable[str]) -> dict[str, dict[Hashable, Array]]:
        """Return the state arrays as they are stored, by the rule's names for them and by key."""
        return {name: self.by_key(row) for name, row in zip(names, self.arrays, strict=True)}


def bind(keys: Iterable[Hashable], step: int) -> Binding:
    """Return what is kept for the parameters of these keys before there are state, averages and groups.

    Parameters
    ----------
    keys : iterable
        The parameters' keys.
    step : int
        The number of steps that count as taken.

    Returns
    -------
    Binding
    """
    keys = tuple(keys)
    return Binding(keys, [], np.full(len(keys), step, np.int64), None, {}, [{} for _ in keys])


def with_groups(binding: Binding, wanted: groups.Groups, op: str) -> Binding:
    """Return the same with these groups.

    Parameters
    ----------
    binding : Binding
        What is kept.
    wanted : mapping
        The groups, checked.
    op : str
        What the error calls the optimizer.

    Returns
    -------
    Binding

    Raises
    ------
    KeyMismatchError
        If a group matches no parameter.
    """
    own = groups.settings_of(wanted, binding.keys, op)
    return binding._replace(groups={key: dict(settings) for key, settings in wanted.items()}, own=own, version=-1)


def averages_of(values: Iterable[Any]) -> list[Array]:
    """Return where the moving averages of parameters start: at the parameters.

    Parameters
    ----------
    values : iterable
        The parameters; one that is no array gets an empty average, and is refused by the step.

    Returns
    -------
    list of ndarray
    """
    return [np.array(value if isinstance(value, np.ndarray) else (), order="C", copy=True) for value in values]


def keys_differ(op: str, arg: str, expected: Mapping[Any, Any], got: Mapping[Any, Any]) -> KeyMismatchError:
    """Return the error for gradients, or parameters, under other keys than those expected."""
    missing = [key for key in expected if key not in got]
    extra = [key for key in got if key not in expected]
    parts = [f"{word} {keys}" for word, keys in (("missing", missing), ("unknown", extra)) if keys]
    hint = (
        "An optimizer keeps its state by key: use a new one for other parameters"
        if arg == "params"
        else "Pass a gradient for every parameter; None leaves one out of the step"
    )
    return KeyMismatchError(
        "keys differ", op=op, arg=arg, expected=str(list(expected)), got="; ".join(parts), hint=hint
    )
