"""The loss of yes or no."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastdl import kernels
from fastdl.nn.loss import Loss


class SigmoidCrossEntropy(Loss):
    """Mean cross-entropy of the sigmoid of logits against targets; see :func:`fastdl.kernels.sigmoid_cross_entropy`.

    Logits are float32 or float64 of any shape, targets numbers in [0, 1] of that shape and dtype.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import nn
    >>> loss = nn.SigmoidCrossEntropy()
    >>> print(f"{loss.forward(np.zeros(2), np.array([0.0, 1.0])):.4f}", loss.backward())
    0.6931 [ 0.25 -0.25]
    """

    can_be_planned = True

    def loss_and_gradient(self, predictions: NDArray[Any], targets: NDArray[Any]) -> tuple[float, NDArray[Any]]:
        return kernels.sigmoid_cross_entropy(predictions, targets)

    def targets(self, targets: NDArray[Any], shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        return kernels.probabilities(targets, shape, dtype)
