"""The loss of yes or no."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from fastdl import kernels
from fastdl.nn.loss import Loss


class SigmoidCrossEntropy(Loss):
    """Mean cross-entropy of the sigmoid of logits against targets; see :func:`fastdl.kernels.sigmoid_cross_entropy`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import nn
    >>> loss = nn.SigmoidCrossEntropy()
    >>> print(f"{loss.forward(np.zeros(2), np.array([0.0, 1.0])):.4f}", loss.backward())
    0.6931 [ 0.25 -0.25]
    """

    def forward(self, logits: NDArray[Any], targets: NDArray[Any]) -> float:
        """Return the loss, and keep its gradient.

        Parameters
        ----------
        logits : ndarray of any shape
            float32 or float64.
        targets : ndarray of the same shape
            Numbers in [0, 1].

        Returns
        -------
        float

        Raises
        ------
        DtypeError, ArrayError, LabelError
            If something does not fit.
        """
        loss, self._gradient = kernels.sigmoid_cross_entropy(logits, targets)
        return loss
