"""Activation functions and their derivatives, each written in terms of its output y or of its input x."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_GELU_TANH = math.sqrt(2 / math.pi), 0.044715


def _into(result: Array, out: Array | None) -> Array:
    if out is None:
        return result
    np.copyto(out, result)
    return out


def _identity(x: Array, out: Array | None, alpha: float) -> Array:
    return x if out is x else np.positive(x, out=out)


def _relu(x: Array, out: Array | None, alpha: float) -> Array:
    return np.maximum(x, 0, out=out)


def _sigmoid(x: Array, out: Array | None, alpha: float) -> Array:
    y: Array = np.empty_like(x) if out is None else out  # np.negative alone makes a number of a 0-d array
    np.negative(x, out=y)
    with np.errstate(over="ignore"):  # exp(-x) = inf gives the right limit, 0
        np.exp(y, out=y)
    y += 1
    return np.reciprocal(y, out=y)


def _tanh(x: Array, out: Array | None, alpha: float) -> Array:
    return np.tanh(x, out=out)


def _leaky_relu(x: Array, out: Array | None, alpha: float) -> Array:
    return _into(np.where(x < 0, x.dtype.type(alpha) * x, x), out)


def _elu(x: Array, out: Array | None, alpha: float) -> Array:
    return _into(np.where(x < 0, x.dtype.type(alpha) * np.expm1(np.minimum(x, 0)), x), out)


def _softplus(x: Array, out: Array | None, alpha: float) -> Array:
    return _into(np.logaddexp(x, x.dtype.type(0)), out)


def _normal_distribution(x: Array) -> Array:
    """Φ(x): NumPy has no erfc, Python's works in double precision."""
    values = [math.erfc(-value / math.sqrt(2)) / 2 for value in np.asarray(x, np.float64).ravel().tolist()]
    return np.reshape(np.array(values, x.dtype), x.shape)


def _share(x: Array) -> Array:
    return _sigmoid(x, None, 0.0)


def _times(x: Array, share: Array) -> Array:
    """The product with a share that falls to 0 faster than any x rises: -0 at -inf."""
    result: Array = np.maximum(x, np.finfo(x.dtype).min) * share
    return result


def _gelu(x: Array, out: Array | None, alpha: float) -> Array:
    return _into(_times(x, _normal_distribution(x)), out)


def _gelu_tanh_argument(x: Array) -> Array:
    """Twice that of the tanh: (1 + tanh(u)) / 2 = sigmoid(2 u)."""
    scale, cubic = _GELU_TANH
    with np.errstate(over="ignore"):
        return 2 * scale * (x + cubic * x * x * x)


def _gelu_tanh(x: Array, out: Array | None, alpha: float) -> Array:
    return _into(_times(x, _share(_gelu_tanh_argument(x))), out)


def _silu(x: Array, out: Array | None, alpha: float) -> Array:
    return _into(_times(x, _share(x)), out)


def _identity_backward(dout: Array, y: Array, out: Array | None, alpha: float) -> Array:
    return _identity(dout, out, alpha)


def _relu_backward(dout: Array, y: Array, out: Array | None, alpha: float) -> Array:
    dx = np.where(y > 0, dout, 0)  # not dout * (y > 0): where y is 0, an infinite dout must not become NaN
    if out is None:
        return dx
    np.copyto(out, dx)
    return out


def _sigmoid_backward(dout: Array, y: Array, out: Array | None, alpha: float) -> Array:
    slope: Array = 1 - y
    slope *= y
    return np.multiply(dout, slope, out=out)


def _tanh_backward(dout: Array, y: Array, out: Array | None, alpha: float) -> Array:
    slope: Array = y * y
    np.subtract(1, slope, out=slope)
    return np.multiply(dout, slope, out=out)


def _leaky_relu_backward(dout: Array, y: Array, out: Array | None, alpha: float) -> Array:
    return _into(np.where(y > 0, dout, dout.dtype.type(alpha) * dout), out)


def _elu_backward(dout: Array, y: Array, out: Array | None, alpha: float) -> Array:
    return _into(np.where(y > 0, dout, dout * (y + y.dtype.type(alpha))), out)


def _softplus_backward(dout: Array, y: Array, out: Array | None, alpha: float) -> Array:
    return _into(dout * -np.expm1(-y), out)


def _gelu_backward(dout: Array, x: Array, out: Array | None, alpha: float) -> Array:
    x = np.clip(x, -40, 40)  # inf times a density of 0 would be NaN
    return _into(
        dout * (_normal_distribution(x) + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi)).astype(x.dtype), out
    )


def _gelu_tanh_backward(dout: Array, x: Array, out: Array | None, alpha: float) -> Array:
    x = np.clip(x, -25, 25)
    scale, cubic = _GELU_TANH
    u = _gelu_tanh_argument(x)
    s, rest = _share(u), _share(-u)
    return _into(dout * (s + x * (s * rest) * (2 * scale * (1 + 3 * cubic * x * x))), out)


def _silu_backward(dout: Array, x: Array, out: Array | None, alpha: float) -> Array:
    x = np.clip(x, -800, 800)
    return _into(dout * (_share(x) * (1 + x * _share(-x))), out)


_FORWARD: dict[str, Callable[[Array, Array | None, float], Array]] = {
    "identity": _identity,
    "relu": _relu,
    "sigmoid": _sigmoid,
    "tanh": _tanh,
    "leaky_relu": _leaky_relu,
    "elu": _elu,
    "softplus": _softplus,
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "silu": _silu,
}
_BACKWARD: dict[str, Callable[[Array, Array, Array | None, float], Array]] = {
    "identity": _identity_backward,
    "relu": _relu_backward,
    "sigmoid": _sigmoid_backward,
    "tanh": _tanh_backward,
    "leaky_relu": _leaky_relu_backward,
    "elu": _elu_backward,
    "softplus": _softplus_backward,
    "gelu": _gelu_backward,
    "gelu_tanh": _gelu_tanh_backward,
    "silu": _silu_backward,
}
ACTIVATIONS = tuple(_FORWARD)
NEED_INPUT = ("gelu", "gelu_tanh", "silu")
_ALPHAS = {"leaky_relu": 0.01, "elu": 1.0}


def _alpha(activation: str, alpha: float | None) -> float:
    return _ALPHAS.get(activation, 0.0) if alpha is None else alpha


def activation_forward(x: Array, activation: str, out: Array | None = None, alpha: float | None = None) -> Array:
    """Apply an activation function to every element.

    Parameters
    ----------
    x : array of any shape
    activation : str
        ``"identity"`` x; ``"relu"`` max(x, 0), NaN stays NaN; ``"sigmoid"`` 1 / (1 + exp(-x)); ``"tanh"``;
        ``"leaky_relu"`` alpha x and ``"elu"`` alpha (exp(x) - 1) where x < 0; ``"softplus"`` log(1 + exp(x));
        ``"gelu"`` x Φ(x); ``"gelu_tanh"`` x (1 + tanh(sqrt(2 / π) (x + 0.044715 x^3))) / 2; ``"silu"`` x sigmoid(x).
    out : array like x, optional
        Where the result goes; x itself to work in place. A fresh array when left out.
    alpha : float, optional
        Of leaky_relu (0.01 when left out) and elu (1).

    Returns
    -------
    array like x

    Examples
    --------
    >>> activation_forward(np.array([-1.0, 0.0, 2.0]), "relu")
    array([0., 0., 2.])
    """
    return _FORWARD[activation](x, out, _alpha(activation, alpha))


def activation_backward(
    dout: Array, saved: Array, activation: str, out: Array | None = None, alpha: float | None = None
) -> Array:
    """Multiply a gradient by the derivative of an activation function.

    Parameters
    ----------
    dout : array of any shape
        The gradient of the loss by the activation's output.
    saved : array like dout
        That output, from `activation_forward`; its input x for the activations in ``NEED_INPUT``.
    activation : str
        A name in ``ACTIVATIONS``.
    out : array like dout, optional
        Where the result goes; dout itself to work in place. A fresh array when left out.
    alpha : float, optional
        That of the forward pass.

    Returns
    -------
    array like dout
        The gradient by the activation's input.

    Examples
    --------
    >>> activation_backward(np.array([3.0, 3.0]), np.array([0.0, 2.0]), "relu")
    array([0., 3.])
    """
    return _BACKWARD[activation](dout, saved, out, _alpha(activation, alpha))
