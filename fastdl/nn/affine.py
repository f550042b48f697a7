"""The affine layer, with the activation that follows it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastdl import kernels
from fastdl.nn.layer import Layer, not_trained


class Affine(Layer):
    """An affine layer: ``activation(x @ W + b)``.

    Parameters
    ----------
    W : ndarray of shape (I, O)
        Weights, float32 or float64; the layer uses this very array.
    b : ndarray of shape (O,)
        Biases of the same dtype; this very array.
    activation : str
        One of ``kernels.ACTIVATIONS``, computed in the same pass: identity, relu, sigmoid, tanh, leaky_relu, elu,
        softplus, gelu, gelu_tanh, silu.
    need_dx : bool
        Whether the backward pass returns the gradient of the input: a network's first layer is spared it.
    alpha : float, optional
        Of leaky_relu (0.01 if left out) and elu (1 if left out).

    Raises
    ------
    DtypeError, ArrayError, HyperparameterError
        By ``forward`` and ``backward``, if something does not fit.

    Notes
    -----
    From a forward pass in training until the next one it keeps x and what the activation's derivative is computed
    from: the output, or for the activations in ``kernels.NEED_INPUT`` ``x @ W + b``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import nn
    >>> layer = nn.Affine(np.array([[2.0], [1.0]]), np.array([-1.0]), activation="relu")
    >>> layer.forward(np.array([[1.0, 1.0], [0.0, 0.0]]), train=True)
    array([[2.],
           [0.]])
    >>> layer.backward(np.array([[1.0], [1.0]]))
    array([[2., 1.],
           [0., 0.]])
    >>> layer.grads["b"]
    array([1.])
    """

    can_be_planned = True

    def __init__(
        self,
        W: NDArray[Any],
        b: NDArray[Any],
        activation: str = "identity",
        need_dx: bool = True,
        alpha: float | None = None,
    ) -> None:
        super().__init__()
        self.params = {"W": W, "b": b}
        self.activation = activation
        self.need_dx = need_dx
        self.alpha = alpha
        self._passed: tuple[NDArray[Any], NDArray[Any]] | None = None

    def forward(self, x: NDArray[Any], train: bool = False) -> NDArray[Any]:
        W, b = self.params["W"], self.params["b"]
        z = np.empty((*np.shape(x)[:1], len(b)), b.dtype) if train and self.activation in kernels.NEED_INPUT else None
        y = kernels.affine_forward(x, W, b, self.activation, z=z, alpha=self.alpha)
        if train:
            self._passed = x, y if z is None else z
        return y

    def backward(self, dout: NDArray[Any]) -> NDArray[Any] | None:
        if self._passed is None:
            raise not_trained("Affine.backward")
        x, saved = self._passed
        dx, dW, db = kernels.affine_backward(
            dout, x, self.params["W"], saved, self.activation, self.need_dx, alpha=self.alpha
        )
        self.grads = {"W": dW, "b": db}
        return dx
