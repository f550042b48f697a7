"""The loss of regression."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from fastdl import kernels
from fastdl.nn.loss import Loss


class MeanSquaredError(Loss):
    """Mean of the squares of the errors; see :func:`fastdl.kernels.mean_squared_error`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import nn
    >>> loss = nn.MeanSquaredError()
    >>> loss.forward(np.array([1.0, 5.0]), np.array([2.0, 2.0])), loss.backward()
    (5.0, array([-1.,  3.]))
    """

    def forward(self, predictions: NDArray[Any], targets: NDArray[Any]) -> float:
        """Return the loss, and keep its gradient.

        Parameters
        ----------
        predictions : ndarray of any shape
            float32 or float64.
        targets : ndarray of the same shape

        Returns
        -------
        float

        Raises
        ------
        DtypeError, ArrayError
            If something does not fit.
        """
        loss, self._gradient = kernels.mean_squared_error(predictions, targets)
        return loss
