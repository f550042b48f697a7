"""What ranks tell each other in the middle of a training step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastdl.errors import ArrayError, ParallelError

if TYPE_CHECKING:
    from mpi4py.MPI import Intracomm

Array = NDArray[Any]


class Exchange:
    """Numbers that every rank gets of every other one, at the same places of each training step.

    Before its numbers a rank says whether it failed: one that raises in the middle of a step does not leave the others
    waiting, as they learn of it at the next of these places and raise as well.

    Parameters
    ----------
    comm : mpi4py.MPI.Intracomm
        The ranks.
    widths : sequence of int
        How many numbers a rank gives at each place of a step, in order.

    Examples
    --------
    >>> from fastdl.parallel import world
    >>> exchange = Exchange(world(), [2])
    >>> exchange.begin()
    >>> exchange.gather([3, 4])
    array([[3., 4.]])
    """

    def __init__(self, comm: Intracomm, widths: Sequence[int]) -> None:
        self._comm = comm
        self._widths = list(widths)
        self._place = len(self._widths)  # of the next exchange in this step

    def begin(self) -> None:
        """Begin a step."""
        self._place = 0

    def gather(self, numbers: ArrayLike) -> Array:
        """Return every rank's numbers.

        Parameters
        ----------
        numbers : array-like
            This rank's, as many as belong to the place.

        Returns
        -------
        ndarray of shape (ranks, numbers)
            float64, the same on all ranks.

        Raises
        ------
        ArrayError
            If there are more or fewer; the other ranks have not been told anything.
        ParallelError
            If another rank failed.
        """
        mine = np.ravel(numbers)
        if self._place == len(self._widths) or len(mine) != self._widths[self._place]:
            raise ArrayError(
                "not what the ranks exchange at this place of a step", op="DataParallel", arg="network",
                expected=f"{self._widths[self._place :][:1]} numbers", got=str(len(mine)),
                hint="Each batch normalization is to run once in a step, in the order of the layers",
            )  # fmt: skip
        everyone = self._tell(np.concatenate([[0.0], mine]))
        failed = int(everyone[:, 0].sum())
        if failed:
            self._place = len(self._widths)
            raise ParallelError(
                f"{failed} of {self._comm.size} ranks could not compute their share of the batch", op="DataParallel",
                hint="Their errors say why; no rank has taken the step",
            )  # fmt: skip
        return everyone[:, 1:]

    def give_up(self) -> None:
        """Tell the others, if they may wait for this rank in this step, that it failed."""
        if self._place < len(self._widths):
            mine = np.zeros(1 + self._widths[self._place])
            mine[0] = 1
            self._tell(mine)
            self._place = len(self._widths)

    def _tell(self, mine: Array) -> Array:
        self._place += 1
        everyone = np.empty((self._comm.size, len(mine)))
        self._comm.Allgather(mine, everyone)
        return everyone
