"""The loss of classification."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastdl import kernels
from fastdl.nn.loss import Loss


class SoftmaxCrossEntropy(Loss):
    """Mean cross-entropy of the softmax of logits against labels; see :func:`fastdl.kernels.softmax_cross_entropy`.

    Parameters
    ----------
    label_smoothing : float
        From 0 to 1: the share of each target that goes to all classes.
    class_weights : ndarray of shape (C,), optional
        A weight >= 0 for each class, of the dtype of the logits.
    ignore_index : int, optional
        Rows with this label count for nothing.

    Raises
    ------
    DtypeError, ArrayError, HyperparameterError
        By ``forward``, if a setting does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import nn
    >>> loss = nn.SoftmaxCrossEntropy()
    >>> print(f"{loss.forward(np.zeros((1, 2)), np.array([1])):.4f}", loss.backward())
    0.6931 [[ 0.5 -0.5]]
    """

    can_be_planned = True

    def __init__(
        self,
        label_smoothing: float = 0.0,
        class_weights: NDArray[Any] | None = None,
        ignore_index: int | None = None,
    ) -> None:
        super().__init__()
        self.label_smoothing = label_smoothing
        self.class_weights = class_weights
        self.ignore_index = ignore_index

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
        batch, classes = shape
        return kernels.class_numbers(labels, batch, classes, self.ignore_index)

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
        DtypeError, ArrayError, LabelError, HyperparameterError
            If something does not fit.
        """
        loss, self._gradient = kernels.softmax_cross_entropy(
            logits,
            labels,
            label_smoothing=self.label_smoothing,
            class_weights=self.class_weights,
            ignore_index=self.ignore_index,
        )
        return loss
