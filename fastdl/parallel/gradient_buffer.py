"""The gradients of all parameters in one array."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from mpi4py.MPI import Intracomm

Array = NDArray[Any]


class GradientBuffer:
    """The gradients of all parameters one after the other, and some numbers behind them.

    Parameters
    ----------
    params : dict of str to ndarray
        The parameters, all of one dtype.
    numbers : int
        How many there are behind them.

    Attributes
    ----------
    array : ndarray (total,)
        All of it, of the parameters' dtype: what the ranks add up.
    gradients : dict of str to ndarray
        Views of it, each in the shape of its parameter.
    numbers : ndarray (numbers,)
        The view of the numbers.

    Examples
    --------
    >>> buffer = GradientBuffer({"W": np.ones((2, 3)), "b": np.ones(3)}, numbers=1)
    >>> buffer.fill({"W": np.full((2, 3), 4.0), "b": np.zeros(3)}, 0.5)
    >>> buffer.numbers[:] = 7
    >>> buffer.array
    array([2., 2., 2., 2., 2., 2., 0., 0., 0., 7.])
    """

    def __init__(self, params: Mapping[str, Array], numbers: int) -> None:
        ends = np.cumsum([array.size for array in params.values()])
        self.array: Array = np.zeros(ends[-1] + numbers, next(iter(params.values())).dtype)
        self.gradients: dict[str, Array] = {
            key: self.array[end - array.size : end].reshape(array.shape)
            for (key, array), end in zip(params.items(), ends, strict=True)
        }
        self.numbers = self.array[ends[-1] :]

    def fill(self, grads: Mapping[str, Array], factor: float) -> None:
        """Take over gradients, each multiplied by a factor.

        Parameters
        ----------
        grads : dict of str to ndarray
            Under the keys of the parameters.
        factor : float
        """
        for key, gradient in self.gradients.items():
            np.multiply(grads[key], factor, out=gradient)

    def add_up(self, comm: Intracomm) -> None:
        """Replace the array by the sum of all ranks' arrays, the same bits on each.

        Parameters
        ----------
        comm : mpi4py.MPI.Intracomm
            The ranks.
        """
        from mpi4py import MPI

        comm.Allreduce(MPI.IN_PLACE, self.array)
