"""What activations and their slopes are, in the precision of their argument, by formulas not the library's."""

from __future__ import annotations

import numpy as np

from fastdl import kernels

# Those that other kernels than the affine layer's apply in the same pass.
FUSIBLE = tuple(name for name in kernels.ACTIVATIONS if name not in kernels.NEED_INPUT)

# Each derivative in terms of what is saved: the activation's result, or its input.
SLOPES = {
    "identity": lambda y: np.ones_like(y),
    "relu": lambda y: (y > 0).astype(y.dtype),
    "sigmoid": lambda y: y * (1 - y),
    "tanh": lambda y: 1 - y * y,
    "leaky_relu": lambda y: np.where(y > 0, 1, np.float32(0.01) if y.dtype == np.float64 else 0.01),
    "elu": lambda y: np.where(y > 0, 1, y + 1),
    "softplus": lambda y: -np.expm1(-y),
    "gelu": lambda x: normal_distribution(x) + x * np.exp(-x * x / 2) / np.sqrt(2 * PI),
    "gelu_tanh": lambda x: slope_of_gated(x, 2 * np.sqrt(2 / PI) * (x + CUBIC * x**3), 1 + 3 * CUBIC * x**2),
    "silu": lambda x: sigmoid(x) * (1 + x * sigmoid(-x)),
}
# Those with a slope that is a sum: its rounding is measured at 1.
SUMS = ("sigmoid", "tanh", "elu", "gelu", "gelu_tanh", "silu")

PI = 4 * np.arctan(np.longdouble(1))
CUBIC = np.longdouble(44715) / 1000000


def saved(activation, x, y):
    """What the derivative is computed from."""
    return x if activation in kernels.NEED_INPUT else y


def sigmoid(x):
    """In the precision of x; exp does not overflow."""
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


def slope_of_gated(x, u, factor):
    return sigmoid(u) + x * sigmoid(u) * sigmoid(-u) * 2 * np.sqrt(2 / PI) * factor


def normal_distribution(x):
    """Φ(x) in long double: by its series, in the tails by the continued fraction of Mills' ratio (Laplace 1805)."""
    x = np.asarray(x, np.longdouble)
    a = np.minimum(np.abs(x), 50)
    upper = a.astype(np.float32).astype(np.longdouble)  # whose square is exact
    density = np.exp(-upper * upper / 2) * np.exp(-(a - upper) * (a + upper) / 2) / np.sqrt(2 * PI)
    near, term = np.zeros_like(a), np.minimum(a, 2)
    for k in range(1, 60):
        near, term = near + term, term * np.minimum(a, 2) ** 2 / (2 * k + 1)
    ratio = np.maximum(a, 2)
    for k in range(120, 0, -1):
        ratio = np.maximum(a, 2) + k / ratio
    tail = np.where(a < 2, 0.5 - density * near, density / ratio)
    return np.where(x < 0, tail, 1 - tail)


def at_its_limit(f):
    """A product that tends to 0 faster than x to -inf."""
    return lambda x: np.where(x < -20000, 0, np.maximum(x, -20000) * f(np.maximum(x, -20000)))


EXACT = {
    "identity": lambda x: x,
    "relu": lambda x: np.where(x < 0, 0, x),
    "sigmoid": sigmoid,
    "tanh": np.tanh,
    "leaky_relu": lambda x: np.where(x < 0, x / 100, x),
    "elu": lambda x: np.where(x < 0, np.expm1(np.minimum(x, 0)), x),
    "softplus": lambda x: np.where(x < 0, 0, x) + np.log1p(np.exp(-np.abs(x))),
    "gelu": at_its_limit(normal_distribution),
    "gelu_tanh": at_its_limit(lambda x: sigmoid(2 * np.sqrt(2 / PI) * (x + CUBIC * x * x * x))),
    "silu": at_its_limit(sigmoid),
}
SMOOTH = ("sigmoid", "tanh", "elu", "softplus", "gelu", "gelu_tanh", "silu")
