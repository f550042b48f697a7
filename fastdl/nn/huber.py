"""The loss of regression with outliers."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from fastdl import kernels
from fastdl.nn.loss import Loss


class Huber(Loss):
    """Mean of squares of small errors and of the sizes of large ones; see :func:`fastdl.kernels.huber`.

    Predictions are float32 or float64 of any shape, targets of that shape and dtype.

    Parameters
    ----------
    delta : float
        Where the loss goes over from a square to a line, > 0.

    Raises
    ------
    HyperparameterError
        By ``forward``, if delta does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import nn
    >>> loss = nn.Huber()
    >>> loss.forward(np.array([1.0, 5.0]), np.array([2.0, 2.0])), loss.backward()
    (1.5, array([-0.5,  0.5]))
    """

    can_be_planned = True

    def __init__(self, delta: float = 1.0) -> None:
        super().__init__()
        self.delta = delta

    def loss_and_gradient(self, predictions: NDArray[Any], targets: NDArray[Any]) -> tuple[float, NDArray[Any]]:
        return kernels.huber(predictions, targets, self.delta)
