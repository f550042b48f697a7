"""Parameters as a flat mapping: of a dict, a list, or dicts, lists and tuples within each other."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import numpy as np

from fastdl.errors import DtypeError

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
    return {"/".join(path): container[key] for path, container, key in _leaves(tree, ())}


def replace(tree: Any, values: Mapping[Hashable, float]) -> None:
    """Put numbers in the places of those that :func:`flatten` found under the same keys.

    Parameters
    ----------
    tree : mapping or list
        The tree.
    values : mapping
        By the keys of flatten.

    Examples
    --------
    >>> tree = {"a": [1.0, 2.0]}
    >>> replace(tree, {"a/1": 5.0})
    >>> tree
    {'a': [1.0, 5.0]}
    """
    for path, container, key in list(_leaves(tree, ())):
        flat_key = key if container is tree else "/".join(path)
        if flat_key in values:
            container[key] = values[flat_key]


def _is_branch(value: Any) -> bool:
    return isinstance(value, Mapping | list | tuple)


def _leaves(tree: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Each leaf as its path, the container that holds it, and its key there."""
    for key, value in tree.items() if isinstance(tree, Mapping) else enumerate(tree):
        here = (*path, str(key))
        if _is_branch(value):
            yield from _leaves(value, here)
        else:
            yield here, tree, key
