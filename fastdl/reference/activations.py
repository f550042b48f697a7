"""Activation functions and their derivatives, written in terms of the output y."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def _identity(x: Array, out: Array | None) -> Array:
    return x if out is x else np.positive(x, out=out)


def _relu(x: Array, out: Array | None) -> Array:
    return np.maximum(x, 0, out=out)


def _sigmoid(x: Array, out: Array | None) -> Array:
    y: Array = np.empty_like(x) if out is None else out  # np.negative alone makes a number of a 0-d array
    np.negative(x, out=y)
    with np.errstate(over="ignore"):  # exp(-x) = inf gives the right limit, 0
        np.exp(y, out=y)
    y += 1
    return np.reciprocal(y, out=y)


def _tanh(x: Array, out: Array | None) -> Array:
    return np.tanh(x, out=out)


def _identity_backward(dout: Array, y: Array, out: Array | None) -> Array:
    return _identity(dout, out)


def _relu_backward(dout: Array, y: Array, out: Array | None) -> Array:
    dx = np.where(y > 0, dout, 0)  # not dout * (y > 0): where y is 0, an infinite dout must not become NaN
    if out is None:
        return dx
    np.copyto(out, dx)
    return out


def _sigmoid_backward(dout: Array, y: Array, out: Array | None) -> Array:
    slope: Array = 1 - y
    slope *= y
    return np.multiply(dout, slope, out=out)


def _tanh_backward(dout: Array, y: Array, out: Array | None) -> Array:
    slope: Array = y * y
    np.subtract(1, slope, out=slope)
    return np.multiply(dout, slope, out=out)


_FORWARD: dict[str, Callable[[Array, Array | None], Array]] = {
    "identity": _identity,
    "relu": _relu,
    "sigmoid": _sigmoid,
    "tanh": _tanh,
}
_BACKWARD: dict[str, Callable[[Array, Array, Array | None], Array]] = {
    "identity": _identity_backward,
    "relu": _relu_backward,
    "sigmoid": _sigmoid_backward,
    "tanh": _tanh_backward,
}
ACTIVATIONS = tuple(_FORWARD)


def activation_forward(x: Array, activation: str, out: Array | None = None) -> Array:
    """Apply an activation function to every element.

    Parameters
    ----------
    x : array of any shape
    activation : str
        ``"identity"`` x; ``"relu"`` max(x, 0), NaN stays NaN; ``"sigmoid"`` 1 / (1 + exp(-x)); ``"tanh"``.
    out : array like x, optional
        Where the result goes; x itself to work in place. A fresh array when left out.

    Returns
    -------
    array like x

    Examples
    --------
    >>> activation_forward(np.array([-1.0, 0.0, 2.0]), "relu")
    array([0., 0., 2.])
    """
    return _FORWARD[activation](x, out)


def activation_backward(dout: Array, y: Array, activation: str, out: Array | None = None) -> Array:
    """Multiply a gradient by the derivative of an activation function.

    Parameters
    ----------
    dout : array of any shape
        The gradient of the loss by the activation's output.
    y : array like dout
        That output, from `activation_forward`.
    activation : str
        The slope is 1 for ``"identity"``, 1 where y > 0 and 0 elsewhere for ``"relu"``, y (1 - y) for
        ``"sigmoid"``, 1 - y^2 for ``"tanh"``.
    out : array like dout, optional
        Where the result goes; dout itself to work in place. A fresh array when left out.

    Returns
    -------
    array like dout
        The gradient by the activation's input.

    Examples
    --------
    >>> activation_backward(np.array([3.0, 3.0]), np.array([0.0, 2.0]), "relu")
    array([0., 3.])
    """
    return _BACKWARD[activation](dout, y, out)
