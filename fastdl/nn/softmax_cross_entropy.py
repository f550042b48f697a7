"""The loss of classification."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastdl import kernels
from fastdl.nn.loss import Loss


class SoftmaxCrossEntropy(Loss):
    """Mean cross-entropy of the softmax of logits against labels; see :func:`fastdl.kernels.softmax_cross_entropy`.

    Logits are float32 or float64 of shape (B, C), labels class numbers of shape (B,) or one-hot rows of shape (B, C).

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

    def loss_and_gradient(self, predictions: NDArray[Any], targets: NDArray[Any]) -> tuple[float, NDArray[Any]]:
        return kernels.softmax_cross_entropy(
            predictions,
            targets,
            label_smoothing=self.label_smoothing,
            class_weights=self.class_weights,
            ignore_index=self.ignore_index,
        )

    def targets(self, targets: NDArray[Any], shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[np.int64]:
        batch, classes = shape
        return kernels.class_numbers(targets, batch, classes, self.ignore_index)

    def weight(self, targets: NDArray[Any]) -> float:
        labels = targets if targets.ndim == 1 else targets.argmax(axis=1)
        counted = labels if self.ignore_index is None else labels[labels != self.ignore_index]
        return len(counted) if self.class_weights is None else float(self.class_weights[counted].sum(dtype=np.float64))
