"""The loss of regression."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from fastdl import kernels
from fastdl.nn.loss import Loss


class MeanSquaredError(Loss):
    """Mean of the squares of the errors; see :func:`fastdl.kernels.mean_squared_error`.

    Predictions are float32 or float64 of any shape, targets of that shape and dtype.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import nn
    >>> loss = nn.MeanSquaredError()
    >>> loss.forward(np.array([1.0, 5.0]), np.array([2.0, 2.0])), loss.backward()
    (5.0, array([-1.,  3.]))
    """

    can_be_planned = True

    def loss_and_gradient(self, predictions: NDArray[Any], targets: NDArray[Any]) -> tuple[float, NDArray[Any]]:
        return kernels.mean_squared_error(predictions, targets)
