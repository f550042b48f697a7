"""Dicts and lists of numbers, strings and arrays as named arrays and one text of JSON, and back.

In the text an array is ``{"": name}``; no other dict has an empty key. The name is the way to the array, with dots.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastdl.errors import CheckpointError

_DEEPEST = 50


def flatten(tree: Any) -> tuple[dict[str, NDArray[Any]], str]:
    """Return the arrays of a tree by name, and the rest of it as JSON.

    Parameters
    ----------
    tree : dict, list, tuple, str, bool, int, float, None or ndarray
        Of these all the way down; the keys of its dicts are strings. Tuples come back as lists.

    Returns
    -------
    arrays : dict of str to ndarray
    text : str
        Numbers that are not finite are ``NaN``, ``Infinity`` and ``-Infinity``, as Python reads them.

    Raises
    ------
    CheckpointError
        If something else is in it.

    Examples
    --------
    >>> flatten({"step": 3, "params": {"W1": np.zeros(2)}})
    ({'params.W1': array([0., 0.])}, '{"step": 3, "params": {"W1": {"": "params.W1"}}}')
    """
    arrays: dict[str, NDArray[Any]] = {}

    def skeleton(value: Any, way: tuple[str, ...]) -> Any:
        if len(way) > _DEEPEST:
            raise _error("is nested too deeply", way, f"at most {_DEEPEST} levels", "more")
        if value is None or type(value) in (bool, int, float, str):
            return value
        if type(value) in (np.ndarray, np.memmap):
            name = ".".join(way) or "array"
            while name in arrays:  # keys with dots in them may make one name of two ways
                name += "'"
            arrays[name] = value
            return {"": name}
        if isinstance(value, Mapping):
            for key in value:
                if type(key) is not str or not key:
                    raise _error("has a key that cannot be saved", way, "a string, not empty", repr(key))
            return {key: skeleton(each, (*way, key)) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [skeleton(each, (*way, str(number))) for number, each in enumerate(value)]
        if isinstance(value, np.generic):
            return skeleton(value.item(), way)
        raise _error("cannot be saved", way, "numbers, strings, arrays, dicts and lists", type(value).__qualname__)

    return arrays, json.dumps(skeleton(tree, ()))


def rebuild(arrays: Mapping[str, NDArray[Any]], text: str) -> Any:
    """Return the tree that `flatten` took apart.

    Parameters
    ----------
    arrays : mapping of str to ndarray
    text : str

    Returns
    -------
    dict, list, str, bool, int, float, None or ndarray

    Raises
    ------
    CheckpointError
        If the text is no such JSON, or names an array that is not there.

    Examples
    --------
    >>> rebuild({"params.W1": np.zeros(2)}, '{"step": 3, "params": {"W1": {"": "params.W1"}}}')
    {'step': 3, 'params': {'W1': array([0., 0.])}}
    """

    def with_array(members: dict[str, Any]) -> Any:
        if "" not in members:
            return members
        name = members[""]
        if len(members) > 1 or not isinstance(name, str) or name not in arrays:
            raise CheckpointError("names an array that is not there", op="load", got=repr(members)[:80])
        return arrays[name]

    try:
        return json.loads(text, object_hook=with_array)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"is no JSON: {error}", op="load") from None


def _error(problem: str, way: tuple[str, ...], expected: str, got: str) -> CheckpointError:
    return CheckpointError(problem, op="save", arg=".".join(way), expected=expected, got=got)
