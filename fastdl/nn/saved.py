"""A network's state, to save it, and a saved one, checked as a whole before any of it is taken over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from numpy.typing import NDArray

from fastdl.errors import CheckpointError
from fastdl.nn.dropout import Dropout
from fastdl.nn.layer import Layer, every_layer

Arrays = dict[str, NDArray[Any]]

_NUMBERS = {"seed": 2**64, "step": 2**32}  # of a Dropout, each less than this


def state_of(params: Arrays, layers: Iterable[Layer]) -> dict[str, Any]:
    """Return everything about a network that training changes.

    Parameters
    ----------
    params : dict of str to ndarray
        The network's.
    layers : iterable of Layer
        The network's.

    Returns
    -------
    dict
        ``params`` and ``buffers``, copies of the arrays, and for each `Dropout` in ``dropouts`` its seed and step.
    """
    layers = list(layers)
    return {
        "params": {key: array.copy() for key, array in params.items()},
        "buffers": {key: array.copy() for key, array in _buffers(layers).items()},
        "dropouts": {
            key: {name: int(getattr(each, name)) for name in _NUMBERS} for key, each in _dropouts(layers).items()
        },
    }


def load_state(state: Any, params: Arrays, layers: Iterable[Layer], op: str) -> None:
    """Give a network what :func:`state_of` returned for one of its kind.

    Parameters
    ----------
    state : dict
        What was saved.
    params : dict of str to ndarray
        The network's; these very arrays are written to.
    layers : iterable of Layer
        The network's.
    op : str
        What the error calls the network.

    Raises
    ------
    CheckpointError
        If it does not fit: all arrays that are missing, that nothing knows or that are of another shape are named.
        Nothing has changed then.
    """
    layers = list(layers)
    dropouts = _dropouts(layers)
    misfits: list[str] = []
    if not isinstance(state, Mapping) or set(state) != {"params", "buffers", "dropouts"}:
        raise _misfit(op, ["params, buffers and dropouts are what a network's state has"])
    arrays = {"params": params, "buffers": _buffers(layers)}
    parts: dict[str, Mapping[str, Any]] = {**arrays, "dropouts": dropouts}
    for part, own in parts.items():
        saved = state[part] if isinstance(state[part], Mapping) else {}
        misfits += [f"{part}[{key!r}] is missing" for key in own if key not in saved]
        misfits += [f"{part}[{key!r}] is not this network's" for key in saved if key not in own]
    if not misfits:
        for part, own_arrays in arrays.items():
            misfits += [
                f"{part}[{key!r}] is {_kind(state[part][key])} instead of {_kind(array)}"
                for key, array in own_arrays.items()
                if _kind(state[part][key]) != _kind(array)
            ]
            misfits += [f"{part}[{key!r}] is read-only" for key, each in own_arrays.items() if not each.flags.writeable]
        misfits += [f"dropouts[{key!r}] has no seed and step" for key in dropouts if not _fits(state["dropouts"][key])]
    if misfits:
        raise _misfit(op, misfits)
    for part, own_arrays in arrays.items():
        for key, array in own_arrays.items():
            array[...] = state[part][key]
    for key, dropout in dropouts.items():
        dropout.seed, dropout.step = state["dropouts"][key]["seed"], state["dropouts"][key]["step"]


def _buffers(layers: Iterable[Layer]) -> Arrays:
    """The arrays besides parameters that layers keep, numbered as parameters are."""
    counts: dict[str, int] = {}
    buffers = {}
    for layer in every_layer(layers):
        for name, array in getattr(layer, "buffers", {}).items():
            counts[name] = counts.get(name, 0) + 1
            buffers[f"{name}{counts[name]}"] = array
    return buffers


def _dropouts(layers: Iterable[Layer]) -> dict[str, Dropout]:
    dropouts = (layer for layer in every_layer(layers) if isinstance(layer, Dropout))
    return {f"dropout{number}": layer for number, layer in enumerate(dropouts, 1)}


def _kind(array: Any) -> str:
    """Shape and dtype, in words."""
    if not hasattr(array, "shape") or not hasattr(array, "dtype"):
        return type(array).__qualname__
    return f"{array.dtype} of shape {array.shape}"


def _fits(numbers: Any) -> bool:
    return (
        isinstance(numbers, Mapping)
        and set(numbers) == set(_NUMBERS)
        and all(type(numbers[name]) is int and 0 <= numbers[name] < end for name, end in _NUMBERS.items())
    )


def _misfit(op: str, misfits: list[str]) -> CheckpointError:
    return CheckpointError(
        f"the saved state is of another network: {'; '.join(misfits)}", op=op,
        hint="Make the network with the settings that it was saved with",
    )  # fmt: skip
