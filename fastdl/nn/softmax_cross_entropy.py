"""The loss of classification."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastdl import kernels
from fastdl.nn.layer import not_trained


class SoftmaxCrossEntropy:
    """Mean cross-entropy of the softmax of logits against labels; see :func:`fastdl.kernels.softmax_cross_entropy`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import nn
    >>> loss = nn.SoftmaxCrossEntropy()
    >>> print(f"{loss.forward(np.zeros((1, 2)), np.array([1])):.4f}", loss.backward())
    0.6931 [[ 0.5 -0.5]]
    """

    def __init__(self) -> None:
        self._gradient: NDArray[Any] | None = None

    def targets(self, labels: NDArray[Any], shape: tuple[int, ...]) -> NDArray[np.int64]:
        """Return the labels as class numbers, each of them checked.

        Parameters
        ----------
        labels : ndarray of shape (B,) or (B, C)
            Class numbers, or one-hot rows.
        shape : tuple of int
            (B, C), that of the logits.

        Returns
        -------
        ndarray of shape (B,)
            int64, in C order.

        Raises
        ------
        DtypeError, LabelError
            If they do not fit.
        """
        return kernels.class_numbers(labels, *shape)

    def forward(self, logits: NDArray[Any], labels: NDArray[Any]) -> float:
        """Return the loss, and keep its gradient.

        Parameters
        ----------
        logits : ndarray of shape (B, C)
            float32 or float64.
        labels : ndarray of shape (B,) or (B, C)
            Class numbers, or one-hot rows.

        Returns
        -------
        float

        Raises
        ------
        DtypeError, ArrayError, LabelError
            If something does not fit.
        """
        loss, self._gradient = kernels.softmax_cross_entropy(logits, labels)
        return loss

    def backward(self) -> NDArray[Any]:
        """Return the gradient of the last loss with respect to the logits.

        Returns
        -------
        ndarray of shape (B, C)
            ``(softmax - onehot) / B``.
        """
        if self._gradient is None:
            raise not_trained("SoftmaxCrossEntropy.backward")
        return self._gradient
