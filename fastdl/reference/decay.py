"""Weight decay in the loss."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def decay_gradient(W: NDArray[Any], dW: NDArray[Any] | None, rate: float) -> float:
    """Add ``rate * W`` to the gradient in place, and return the loss that this is the gradient of.

    Parameters
    ----------
    W, dW : arrays of one shape
        Weights, and their gradient, which may be None.
    rate : float
        At least 0.

    Returns
    -------
    float
        ``rate / 2 * sum(W ** 2)``.

    Examples
    --------
    >>> dW = np.zeros(2)
    >>> decay_gradient(np.array([3.0, 4.0]), dW, rate=0.5), dW
    (6.25, array([1.5, 2. ]))
    """
    if dW is not None:
        dW += float(rate) * W
    return rate / 2 * float(np.sum(np.square(W, dtype=np.float64)))
