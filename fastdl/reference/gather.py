"""A mini-batch out of a data set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


def gather(
    data: NDArray[Any],
    indices: NDArray[np.integer[Any]] | Sequence[int],
    scale: float = 1.0,
    dtype: DTypeLike = "float32",
    out: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """Pick rows, convert them to ``dtype`` and multiply them by ``scale``.

    Parameters
    ----------
    data : (N, ...) array of uint8, float32 or float64
    indices : (n,) integers in [0, N)
        The rows in the order wanted; repeats are fine.
    scale : float
        Multiplied in the dtype of the result.
    dtype : float32 or float64
    out : (n, ...) array of ``dtype``, optional
        Where the result goes; a fresh array when left out.

    Returns
    -------
    (n, ...) array of ``dtype``

    Examples
    --------
    >>> images = np.array([[0, 16], [4, 8]], dtype=np.uint8)
    >>> gather(images, [1, 0], scale=1 / 16)
    array([[0.25, 0.5 ],
           [0.  , 1.  ]], dtype=float32)
    """
    rows = np.take(data, indices, axis=0)
    batch: NDArray[Any] = np.multiply(rows, float(scale), out=out, dtype=dtype)
    return batch
