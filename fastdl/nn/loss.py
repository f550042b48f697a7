"""What a loss is."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastdl import kernels
from fastdl.errors import FastdlError
from fastdl.nn.plannable import Plannable


class Loss(Plannable):
    """The base of all losses.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import nn
    >>> class Sum(nn.Loss):
    ...     def loss_and_gradient(self, predictions, targets):
    ...         return float((predictions - targets).sum()), np.ones_like(predictions)
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

        Raises
        ------
        DtypeError, ArrayError, LabelError, HyperparameterError
            If something does not fit.
        """
        loss, self._gradient = self.loss_and_gradient(predictions, targets)
        return loss

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

    def loss_and_gradient(self, predictions: NDArray[Any], targets: NDArray[Any]) -> tuple[float, NDArray[Any]]:
        """Return the loss, and its gradient with respect to the predictions.

        Parameters
        ----------
        predictions, targets : ndarray
            As in :meth:`forward`.

        Returns
        -------
        loss : float
        gradient : ndarray of the predictions' shape
        """
        raise TypeError(f"{type(self).__qualname__} does not define loss_and_gradient()")

    def targets(self, targets: NDArray[Any], shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return the targets as the loss's kernel takes them, checked: what a plan asks for before it runs.

        Parameters
        ----------
        targets : ndarray
            As in :meth:`forward`.
        shape : tuple of int
            That of the predictions.
        dtype : numpy.dtype
            Theirs.

        Returns
        -------
        ndarray
            In C order; the targets themselves where they are what it takes.

        Raises
        ------
        DtypeError, ArrayError, LabelError
            If they do not fit.
        """
        return kernels.real_targets(targets, shape, dtype)

    def weight(self, targets: NDArray[Any]) -> float:
        """Return what the loss of a batch is a mean over: two batches' losses, so weighted, make that of both.

        Parameters
        ----------
        targets : ndarray (B, ...)
            As in :meth:`forward`.

        Returns
        -------
        float
            The number of rows, here.
        """
        return len(targets)
