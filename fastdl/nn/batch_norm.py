"""Batch normalization, with the activation that follows it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastdl import kernels
from fastdl.nn.layer import Layer, not_trained


class BatchNorm(Layer):
    """Batch normalization: ``activation(gamma * (x - mean) / sqrt(variance + eps) + beta)`` of each channel.

    In training mean and variance are the batch's, and go into the running ones; otherwise they are the running ones.

    Parameters
    ----------
    gamma : ndarray of shape (C,)
        The scale of each channel, float32 or float64; the layer uses this very array.
    beta : ndarray of shape (C,)
        What is added to each channel, of the same dtype; this very array.
    momentum : float
        From 0 to 1: ``running = momentum * running + (1 - momentum) * batch``.
    eps : float
        At least 0; keeps a channel that is constant finite.
    activation : str
        Computed in the same pass: one of :data:`fastdl.kernels.ACTIVATIONS`, with its default alpha, but none of
        :data:`~fastdl.kernels.NEED_INPUT`.
    running_mean, running_var : ndarrays of shape (C,), optional
        The running statistics to start from: these very arrays; zeros and ones where left out.
    ddof : {0, 1}
        The variance that goes into the running one is the sum of squares divided by ``n - ddof``.
    flatten : bool
        Whether an input of (B, ...) is taken as (B, C), where each of its C numbers is normalized by itself.

    Attributes
    ----------
    buffers : dict of str to ndarray
        running_mean and running_var: what a saved network needs besides ``params``.

    Raises
    ------
    DtypeError, ArrayError, HyperparameterError
        By ``forward`` and ``backward``, if something does not fit; in training, if a channel has only one number.

    Notes
    -----
    Ioffe and Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift",
    2015. The defaults are those of the book, whose ``BatchNormalization`` flattens an image: ``flatten=True``. It
    starts the running variance at 0, where this, torch and Keras start at 1. ``momentum`` is 1 minus torch's; torch has
    ``ddof=1``, Keras 0. Keeps x and its output from a forward pass in training until the next one.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import nn
    >>> layer = nn.BatchNorm(np.ones(1), np.zeros(1), eps=0)
    >>> layer.forward(np.array([[1.0], [3.0]]), train=True)
    array([[-1.],
           [ 1.]])
    >>> layer.buffers["running_mean"]
    array([0.2])
    """

    can_be_planned = True

    def __init__(
        self,
        gamma: NDArray[Any],
        beta: NDArray[Any],
        momentum: float = 0.9,
        eps: float = 1e-6,
        activation: str = "identity",
        running_mean: NDArray[Any] | None = None,
        running_var: NDArray[Any] | None = None,
        ddof: int = 0,
        flatten: bool = False,
    ) -> None:
        super().__init__()
        self.params = {"gamma": gamma, "beta": beta}
        self.buffers = {
            "running_mean": np.zeros_like(gamma) if running_mean is None else running_mean,
            "running_var": np.ones_like(gamma) if running_var is None else running_var,
        }
        self.momentum = momentum
        self.eps = eps
        self.activation = activation
        self.ddof = ddof
        self.flatten = flatten
        self._passed: tuple[NDArray[Any], NDArray[Any], NDArray[Any]] | None = None

    def forward(self, x: NDArray[Any], train: bool = False) -> NDArray[Any]:
        channels = self.as_channels(x)
        gamma, beta = self.params["gamma"], self.params["beta"]
        running = self.buffers["running_mean"], self.buffers["running_var"]
        if not train:
            y = kernels.batch_norm_inference(channels, gamma, beta, *running, self.eps, self.activation)
        else:
            y, statistics = kernels.batch_norm_forward(
                channels, gamma, beta, self.eps, self.activation, running, self.momentum, self.ddof
            )
            self._passed = channels, statistics, y
        return y.reshape(x.shape)

    def backward(self, dout: NDArray[Any]) -> NDArray[Any]:
        if self._passed is None:
            raise not_trained("BatchNorm.backward")
        x, statistics, y = self._passed
        dx, dgamma, dbeta = kernels.batch_norm_backward(
            self.as_channels(dout), x, self.params["gamma"], statistics, y, self.activation
        )
        self.grads = {"gamma": dgamma, "beta": dbeta}
        return dx.reshape(dout.shape)

    def as_channels(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return an input as the kernels take it.

        Parameters
        ----------
        x : ndarray of shape (B, ...)

        Returns
        -------
        ndarray of shape (B, C) or (B, C, ...)
            x itself, or with ``flatten`` a view or copy.
        """
        return x.reshape(len(x), -1) if self.flatten and np.ndim(x) > 2 and len(x) else x
