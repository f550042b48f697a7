"""Layer normalization."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from fastdl import kernels
from fastdl.nn.layer import Layer, not_trained


class LayerNorm(Layer):
    """Layer normalization: ``gamma * (x - mean) / sqrt(variance + eps) + beta``, mean and variance over the last axis.

    It does the same in training and otherwise.

    Parameters
    ----------
    gamma : ndarray of shape (D,)
        The scale of each feature, float32 or float64; the layer uses this very array.
    beta : ndarray of shape (D,)
        What is added to each feature, of the same dtype; this very array.
    eps : float
        At least 0; keeps an input that is constant finite.

    Raises
    ------
    DtypeError, ArrayError, HyperparameterError
        By ``forward`` and ``backward``, if something does not fit.

    Notes
    -----
    Ba, Kiros and Hinton, "Layer Normalization", 2016. eps is torch's; Keras takes 1e-3. Keeps x from a forward pass in
    training until the next one.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import nn
    >>> nn.LayerNorm(np.ones(2), np.zeros(2), eps=0).forward(np.array([[1.0, 3.0]]))
    array([[-1.,  1.]])
    """

    can_be_planned = True

    def __init__(self, gamma: NDArray[Any], beta: NDArray[Any], eps: float = 1e-5) -> None:
        super().__init__()
        self.params = {"gamma": gamma, "beta": beta}
        self.eps = eps
        self._passed: tuple[NDArray[Any], NDArray[Any]] | None = None

    def forward(self, x: NDArray[Any], train: bool = False) -> NDArray[Any]:
        y, statistics = kernels.layer_norm_forward(x, self.params["gamma"], self.params["beta"], self.eps)
        if train:
            self._passed = x, statistics
        return y

    def backward(self, dout: NDArray[Any]) -> NDArray[Any]:
        if self._passed is None:
            raise not_trained("LayerNorm.backward")
        x, statistics = self._passed
        dx, dgamma, dbeta = kernels.layer_norm_backward(dout, x, self.params["gamma"], statistics)
        self.grads = {"gamma": dgamma, "beta": dbeta}
        return dx
