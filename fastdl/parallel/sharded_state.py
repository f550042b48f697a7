"""The saved state of an optimizer, cut into the slices of the ranks, and joined again."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastdl.errors import ArrayError
from fastdl.optim.binding import keys_differ
from fastdl.optim.state_dtypes import BLOCK
from fastdl.parallel.slices import Slices

if TYPE_CHECKING:
    from mpi4py.MPI import Intracomm

Array = NDArray[Any]


def cut(state_dict: Mapping[str, Any], slices: Slices, rank: int, op: str) -> dict[str, Any]:
    """Return what a rank has of an optimizer's state.

    Parameters
    ----------
    state_dict : dict
        What :meth:`fastdl.optim.Optimizer.state_dict` of the whole optimizer returned.
    slices : Slices
        How the parameters are cut.
    rank : int
        The rank's number.
    op : str
        What the error calls the optimizer.

    Returns
    -------
    dict
        As ``state_dict`` of an optimizer of the rank's pieces returns it.

    Raises
    ------
    KeyMismatchError, ArrayError
        If it is the state of other parameters.
    """
    if not state_dict["steps"]:
        return dict(state_dict)
    if state_dict["steps"].keys() != slices.shapes.keys():
        raise keys_differ(op, "params", state_dict["steps"], slices.shapes)

    def piece(key: Hashable, array: Array) -> Array:
        shape, part = slices.shapes[key], slices.part(key, rank)
        size = prod(shape)
        expected = (size + _blocks(size),) if array.dtype == np.uint8 else shape
        if array.shape != expected:
            raise ArrayError("wrong shape", op=op, arg="state", key=key, expected=str(expected), got=str(array.shape))
        if array.dtype != np.uint8:
            return array.reshape(-1)[part]
        return np.concatenate([array[part], array[size:][part.start // BLOCK : _blocks(part.stop)]])

    sizes = {key: (part.stop - part.start,) for key in slices.shapes for part in [slices.part(key, rank)]}
    return _with(state_dict, piece, sizes)


def join(state_dict: Mapping[str, Any], slices: Slices, comm: Intracomm) -> dict[str, Any]:
    """Return the state of the whole optimizer; every rank calls this, and gets it.

    Parameters
    ----------
    state_dict : dict
        What ``state_dict`` of the optimizer of this rank's pieces returned.
    slices : Slices
        How the parameters are cut.
    comm : mpi4py.MPI.Intracomm
        The ranks.

    Returns
    -------
    dict
    """

    def whole(key: Hashable, piece: Array) -> Array:
        return join_array(key, piece, slices, comm)

    return _with(state_dict, whole, slices.shapes)


def join_array(key: Hashable, piece: Array, slices: Slices, comm: Intracomm) -> Array:
    """Return the whole array of which each rank has a piece; every rank calls this, and gets it.

    Parameters
    ----------
    key : hashable
        That of the parameter.
    piece : ndarray
        This rank's piece of a state or an average.
    slices, comm
        As in :func:`join`.

    Returns
    -------
    ndarray
        Of the parameter's shape; of one dimension, as they are stored, for bytes.
    """
    parts = [slices.part(key, rank) for rank in range(comm.size)]
    counts = [part.stop - part.start for part in parts]
    elements = _gathered(piece[: counts[comm.rank]], counts, comm)
    if piece.dtype != np.uint8:
        return elements.reshape(slices.shapes[key])
    exponents = _gathered(piece[counts[comm.rank] :], [_blocks(count) for count in counts], comm)
    return np.concatenate([elements, exponents])


def _gathered(mine: Array, counts: list[int], comm: Intracomm) -> Array:
    whole: Array = np.empty(sum(counts), mine.dtype)
    comm.Allgatherv(np.ascontiguousarray(mine), [whole, counts])
    return whole


def _blocks(size: int) -> int:
    """How many blocks that share an exponent there are."""
    return -(-size // BLOCK)


def _with(
    state_dict: Mapping[str, Any], change: Callable[[Hashable, Array], Array], shapes: Mapping[Hashable, Any]
) -> dict[str, Any]:
    """The same with its arrays changed, and of parameters of these shapes."""

    def changed(table: Mapping[Hashable, Array]) -> dict[Hashable, Array]:
        return {key: change(key, array) for key, array in table.items()}

    result = dict(state_dict)
    result["state"] = {name: changed(table) for name, table in state_dict["state"].items()}
    result["averages"] = changed(state_dict["averages"])
    if state_dict.get("rounding", {}).get("shapes"):
        result["rounding"] = state_dict["rounding"] | {"shapes": {key: shapes[key] for key in state_dict["steps"]}}
    return result
