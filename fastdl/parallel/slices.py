"""How the elements of all parameters are cut into a slice for each rank."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastdl.optim.state_dtypes import BLOCK

Array = NDArray[Any]


class Slices:
    """A slice of all parameters' elements for each rank; it may begin and end within a parameter.

    The slices are of equal length, but that each begins at a whole number of blocks of 256 elements within its
    parameter: blocks that share an exponent in ``state_dtype="uint8"`` are never cut.

    Parameters
    ----------
    shapes : dict of hashable to tuple of int
        The parameters' shapes, in the order in which their elements follow each other.
    ranks : int
        How many ranks there are.
    whole : bool
        Whether slices are of whole parameters: each then begins at the one that is nearest.

    Attributes
    ----------
    bounds : tuple of int
        Where each slice begins, and where the last one ends.

    Examples
    --------
    >>> slices = Slices({"W": (300, 2), "b": (2,)}, ranks=2)
    >>> slices.bounds
    (0, 256, 602)
    >>> slices.part("W", 1), slices.place("W", 1), slices.place("b", 1)
    (slice(256, 600, None), slice(0, 344, None), slice(344, 346, None))
    """

    def __init__(self, shapes: Mapping[Hashable, tuple[int, ...]], ranks: int, whole: bool = False) -> None:
        self.shapes = dict(shapes)
        ends = np.cumsum([prod(shape) for shape in shapes.values()], dtype=np.int64).tolist()
        starts = [0, *ends[:-1]]
        self._starts = dict(zip(shapes, starts, strict=True))
        total = ends[-1] if ends else 0
        self.bounds = tuple(_nearby(rank * total // ranks, starts, ends, whole) for rank in range(ranks + 1))

    def count(self, rank: int) -> int:
        """Return how many elements a rank has."""
        return self.bounds[rank + 1] - self.bounds[rank]

    def counts(self) -> list[int]:
        """Return how many elements each rank has."""
        return [self.count(rank) for rank in range(len(self.bounds) - 1)]

    def part(self, key: Hashable, rank: int) -> slice:
        """Return which of a parameter's elements, in C order, a rank has.

        Parameters
        ----------
        key : hashable
            The parameter's.
        rank : int
            The rank's number.

        Returns
        -------
        slice
            ``slice(0, 0)`` where it has none.
        """
        size, start = prod(self.shapes[key]), self._starts[key]
        begin, end = (min(max(bound - start, 0), size) for bound in self.bounds[rank : rank + 2])
        return slice(begin, end) if begin < end else slice(0, 0)

    def place(self, key: Hashable, rank: int) -> slice:
        """Return where they are in the rank's slice.

        Parameters
        ----------
        key, rank
            As in :meth:`part`.

        Returns
        -------
        slice
        """
        part = self.part(key, rank)
        begin = max(self._starts[key] + part.start - self.bounds[rank], 0)
        return slice(begin, begin + part.stop - part.start)

    def pieces(self, array: Array, rank: int) -> dict[Hashable, Array]:
        """Return the views of a rank's slice that are of the parameters, empty ones for those outside.

        Parameters
        ----------
        array : ndarray of one dimension
            Of as many elements as the slice.
        rank : int
            The rank's number.

        Returns
        -------
        dict of hashable to ndarray
        """
        return {key: array[self.place(key, rank)] for key in self.shapes}


def _nearby(position: int, starts: list[int], ends: list[int], whole: bool) -> int:
    """Where a slice begins that should begin at this element."""
    number = int(np.searchsorted(ends, position, side="right"))
    if number == len(ends):
        return position
    offset, size = position - starts[number], ends[number] - starts[number]
    if whole:
        return starts[number] + (size if 2 * offset > size else 0)
    return position - offset % BLOCK
