"""What a loss is."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from fastdl.errors import FastdlError
from fastdl.nn.plannable import Plannable


class Loss(Plannable):
    """The base of all losses.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import nn
    >>> class Sum(nn.Loss):
    ...     def forward(self, predictions, targets):
    ...         self._gradient = np.ones_like(predictions)
    ...         return float((predictions - targets).sum())
    >>> loss = Sum()
    >>> loss.forward(np.ones(2), np.zeros(2)), loss.backward()
    (2.0, array([1., 1.]))
    """

    def __init__(self) -> None:
        self._gradient: NDArray[Any] | None = None

    def forward(self, predictions: NDArray[Any], targets: NDArray[Any]) -> float:
        """Return the loss, and keep its gradient.

        Parameters
        ----------
        predictions : ndarray
            The network's output.
        targets : ndarray
            What it should be.

        Returns
        -------
        float
        """
        raise TypeError(f"{type(self).__qualname__} does not define forward()")

    def backward(self) -> NDArray[Any]:
        """Return the gradient of the last loss with respect to the predictions.

        Returns
        -------
        ndarray of the predictions' shape
        """
        if self._gradient is None:
            raise FastdlError(
                "no forward pass came before", op=f"{type(self).__qualname__}.backward", hint="Call forward() first"
            )
        return self._gradient
