"""Mini-batches."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastdl.data.checks import integer
from fastdl.errors import ArrayError, DtypeError
from fastdl.kernels import gather


class Batches:
    """The mini-batches of a data set: iterating once is one epoch, in which every row comes exactly once.

    The order of an epoch depends on nothing but (seed, epoch): it is the permutation of a NumPy generator
    keyed by the two. So a run that stopped goes on with the batches it would have had, if it is given the
    same seed and ``batches.epoch`` is set to the epoch to go on with.

    Parameters
    ----------
    x : (N, ...) array of uint8, float32 or float64
        The inputs; copied only if not in C order.
    t : (N, ...) array
        The labels; not copied.
    batch_size : int
        Rows of a batch, 1 or more. The last batch of an epoch is smaller where N is no multiple of it.
    scale : float
        What the inputs are multiplied by.
    dtype : "float32" or "float64"
        Of the inputs' batches.
    shuffle : bool
        Whether every epoch has an order of its own; else all have the order of the rows.
    seed : int, optional
        0 or more; drawn from the system when left out.

    Attributes
    ----------
    seed : int
        The seed, also when it was drawn.
    epoch : int
        The number of the next epoch, counted from 0; may be set.

    Yields
    ------
    x : (n, ...) array of ``dtype``
        Scaled inputs, n <= batch_size. The next batch overwrites it: copy it to keep it.
    t : (n, ...) array
        Their labels.

    Raises
    ------
    ArrayError
        If there are no rows, or not as many labels as inputs; and as `fastdl.kernels.gather` does.
    DtypeError
        If x or t is no array; and as `fastdl.kernels.gather` does.
    HyperparameterError
        If ``batch_size`` or ``seed`` is not an integer in its range.

    Examples
    --------
    >>> pixels = np.array([[0], [8], [16]], dtype=np.uint8)
    >>> batches = Batches(pixels, np.array([0, 1, 2]), batch_size=2, scale=1 / 16, shuffle=False)
    >>> len(batches)
    2
    >>> for x, t in batches:
    ...     print(x.tolist(), t)
    [[0.0], [0.5]] [0 1]
    [[1.0]] [2]
    """

    def __init__(
        self,
        x: NDArray[Any],
        t: NDArray[Any],
        batch_size: int,
        *,
        scale: float = 1.0,
        dtype: DTypeLike = "float32",
        shuffle: bool = True,
        seed: int | None = None,
    ) -> None:
        for arg, array in (("x", x), ("t", t)):
            if not isinstance(array, np.ndarray) or array.ndim == 0:
                raise DtypeError("not an array of rows", op="Batches", arg=arg, got=type(array).__name__)
        if len(x) != len(t):
            raise ArrayError(
                "every row of x needs its label",
                op="Batches",
                arg="t",
                expected=f"{len(x)} labels",
                got=str(len(t)),
            )
        if len(x) == 0:
            raise ArrayError("there are no rows to make batches of", op="Batches", arg="x", got=str(x.shape))
        gather(x, np.zeros(1, np.int64), scale, dtype)  # refuses now what every batch would refuse
        self.x = np.ascontiguousarray(x)  # here, or gather would copy all of it for every batch
        self.t = t
        self.batch_size = integer(batch_size, op="Batches", arg="batch_size", low=1)
        self.scale = scale
        self.dtype = dtype
        self.shuffle = shuffle
        self.seed = secrets.randbits(63) if seed is None else integer(seed, op="Batches", arg="seed", low=0)
        self.epoch = 0

    def __len__(self) -> int:
        return -(-len(self.x) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        buffer = np.empty((min(self.batch_size, len(self.x)), *self.x.shape[1:]), self.dtype)
        for rows in self.rows():
            yield gather(self.x, rows, self.scale, self.dtype, out=buffer[: len(rows)]), self.t[rows]

    def rows(self) -> Iterator[NDArray[np.int64]]:
        """Return the next epoch as row numbers, for those who gather the rows themselves.

        Returns
        -------
        iterator of ndarrays of shape (n,)
            int64: which rows of ``x`` and ``t`` are the batch, n <= batch_size.
        """
        order = self._order()
        self.epoch += 1
        for start in range(0, len(order), self.batch_size):
            yield order[start : start + self.batch_size]

    def _order(self) -> NDArray[np.int64]:
        """The order of the rows in the next epoch."""
        if not self.shuffle:
            return np.arange(len(self.x))
        key = np.random.SeedSequence(self.seed, spawn_key=(self.epoch,))
        return np.random.default_rng(key).permutation(len(self.x))
