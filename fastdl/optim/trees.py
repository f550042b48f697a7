"""Parameters as a flat mapping: of a dict, a list, or dicts, lists and tuples within each other."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, MutableMapping
from typing import Any

import numpy as np

from fastdl.errors import DtypeError, KeyMismatchError
from fastdl.optim.binding import keys_differ

_ONLY_ARRAYS = {np.ndarray}


def flatten(tree: Any, op: str, arg: str) -> Mapping[Hashable, Any]:
    """Return the leaves by key: a flat dict as it is, a list by number, deeper ones by path, such as ``"encoder/0/W"``.

    Parameters
    ----------
    tree : mapping, list or tuple
        Of arrays, numbers, None, and trees.
    op, arg : str
        What the error calls the optimizer and the argument.

    Returns
    -------
    mapping

    Raises
    ------
    DtypeError
        If it is not a tree.
    KeyMismatchError
        If two leaves have the same path.

    Examples
    --------
    >>> flatten({"a": [1.0, 2.0], "b": 3.0}, "sgd", "params")
    {'a/0': 1.0, 'a/1': 2.0, 'b': 3.0}
    """
    if isinstance(tree, Mapping):
        if set(map(type, tree.values())) == _ONLY_ARRAYS or not any(map(_is_branch, tree.values())):
            return tree
    elif not _is_branch(tree):
        raise DtypeError(
            "not a tree", op=op, arg=arg, expected="a dict, list or tuple of arrays", got=type(tree).__qualname__
        )
    elif not any(map(_is_branch, tree)):
        return dict(enumerate(tree))
    flat: dict[Hashable, Any] = {}
    for key, container, place in _leaves(tree):
        if key in flat:
            raise KeyMismatchError(
                "two of the same path", op=op, arg=arg, key=key, expected="keys that differ when joined by slashes"
            )
        flat[key] = container[place]
    return flat


def as_array(value: Any) -> Any:
    """Return a Python number as an array of its own, anything else as it is."""
    return np.array(float(value)) if isinstance(value, float | int) and not isinstance(value, bool) else value


def flatten_both(
    params: Any, grads: Any, op: str
) -> tuple[dict[Hashable, Any], Mapping[Hashable, Any], dict[Hashable, Any]]:
    """Return parameters, with arrays in place of numbers, and gradients by key; and those parameters that were numbers.

    Parameters
    ----------
    params, grads : mapping, list or tuple
        Trees of the same form.
    op : str
        What the error calls the optimizer.

    Returns
    -------
    tuple of dict

    Raises
    ------
    DtypeError
        If one of them is not a tree.
    KeyMismatchError
        If their keys differ, or two leaves have the same path.

    Examples
    --------
    >>> flatten_both([1.0], [2.0], "sgd")
    ({0: array(1.)}, {0: 2.0}, {0: array(1.)})
    """
    leaves, gradients = flatten(params, op, "params"), flatten(grads, op, "grads")
    if leaves.keys() != gradients.keys():
        raise keys_differ(op, "grads", leaves, gradients)
    values = {key: as_array(value) for key, value in leaves.items()}
    numbers = {key: value for key, value in values.items() if leaves[key] is not value}
    return values, gradients, numbers


def places(tree: Any, keys: Collection[Hashable], op: str) -> dict[Hashable, tuple[Any, Any]]:
    """Return where the parameters of these keys can be replaced: their container, and the key there.

    Parameters
    ----------
    tree : mapping, list or tuple
        The parameters.
    keys : collection
        Some of those of :func:`flatten`.
    op : str
        What the error calls the optimizer.

    Returns
    -------
    dict

    Raises
    ------
    DtypeError
        If one is in a tuple, or another container that cannot be changed.

    Examples
    --------
    >>> places({"a": [1.0, 2.0]}, ["a/1"], "sgd")
    {'a/1': ([1.0, 2.0], 1)}
    """
    found: dict[Hashable, tuple[Any, Any]] = {}
    for key, container, place in _leaves(tree):
        if key in keys:
            if not isinstance(container, MutableMapping | list):
                raise DtypeError(
                    "a number where it cannot be replaced", op=op, arg="params", key=key,
                    expected="a dict or list of numbers, or arrays", got=type(container).__qualname__,
                )  # fmt: skip
            found[key] = container, place
    return found


def _is_branch(value: Any) -> bool:
    return isinstance(value, Mapping | list | tuple)


def _items(tree: Any) -> Iterable[tuple[Any, Any]]:
    return tree.items() if isinstance(tree, Mapping) else enumerate(tree)


def _leaves(tree: Any) -> Iterator[tuple[Hashable, Any, Any]]:
    """Each leaf's key, its container, and the key there."""
    if any(_is_branch(value) for _, value in _items(tree)):
        yield from _deep_leaves(tree, ())
    else:
        yield from ((key, tree, key) for key, _ in _items(tree))


def _deep_leaves(tree: Any, path: tuple[str, ...]) -> Iterator[tuple[Hashable, Any, Any]]:
    for key, value in _items(tree):
        here = (*path, str(key))
        if _is_branch(value):
            yield from _deep_leaves(value, here)
        else:
            yield "/".join(here), tree, key
