"""Rules that divide by the root of a running sum or mean of squared gradients."""

from __future__ import annotations

import numpy as np

from fastdl.reference.rules.arrays import Array, Arrays, store


def adagrad(p: Array, g: Array, h: Array, *, lr: float, eps: float, t: int = 1) -> Arrays:
    """AdaGrad: ``h <- h + g g``, ``p <- p - lr g / (sqrt(h) + eps)``.

    J. Duchi, E. Hazan and Y. Singer, "Adaptive subgradient methods for online learning and stochastic optimization"
    (2011), sec. 1.1, eq. (1): the diagonal form, unconstrained, with eps in the place of delta. The book, PyTorch.

    Examples
    --------
    >>> adagrad(np.array([1.0]), np.array([0.5]), np.array([0.0]), lr=0.1, eps=0.0)
    (array([0.9]), array([0.25]))
    """
    h += g * g
    p -= lr * g / (np.sqrt(h) + eps)
    return p, h


def adagrad_inside(p: Array, g: Array, h: Array, *, lr: float, eps: float, t: int = 1) -> Arrays:
    """AdaGrad with eps inside the root: ``h <- h + g g``, ``p <- p - lr g / sqrt(h + eps)``. Keras, optax.

    Examples
    --------
    >>> adagrad_inside(np.array([1.0]), np.array([0.5]), np.array([0.0]), lr=0.1, eps=0.75)
    (array([0.95]), array([0.25]))
    """
    h += g * g
    p -= lr * g / np.sqrt(h + eps)
    return p, h


# RMSprop: T. Tieleman and G. Hinton, "Neural networks for machine learning", lecture 6e (2012): v, the running mean of
# the squared gradient, in the place of AdaGrad's sum. Centered: A. Graves, "Generating sequences with recurrent neural
# networks" (2013), eqs. (38) to (41): the variance v - a a in the place of v, where a is the running mean of the
# gradient. Four with eps outside the root, and four with eps inside, as Graves has it.


def rmsprop(p: Array, g: Array, v: Array, *, lr: float, rho: float, eps: float, t: int = 1) -> Arrays:
    """RMSprop: ``v <- rho v + (1 - rho) g g``, ``p <- p - lr g / (sqrt(v) + eps)``. The book, PyTorch.

    Examples
    --------
    >>> rmsprop(np.array([1.0]), np.array([0.5]), np.array([0.0]), lr=0.1, rho=0.75, eps=0.25)
    (array([0.9]), array([0.0625]))
    """
    v = _mean(v, g * g, rho)
    p -= lr * g / (np.sqrt(v) + eps)
    return p, v


def rmsprop_momentum(
    p: Array, g: Array, v: Array, u: Array, *, lr: float, rho: float, eps: float, momentum: float, t: int = 1
) -> Arrays:
    """With momentum, lr outside: ``u <- momentum u + g / (sqrt(v) + eps)``, ``p <- p - lr u``. PyTorch.

    Examples
    --------
    >>> v, u = np.zeros(1), np.ones(1)
    >>> rmsprop_momentum(np.array([1.0]), np.array([0.5]), v, u, lr=0.1, rho=0.75, eps=0.25, momentum=0.5)
    (array([0.85]), array([0.0625]), array([1.5]))
    """
    v = _mean(v, g * g, rho)
    u *= momentum
    u += g / (np.sqrt(v) + eps)
    p -= lr * u
    return p, v, u


def rmsprop_centered(
    p: Array, g: Array, v: Array, a: Array, *, lr: float, rho: float, eps: float, t: int = 1
) -> Arrays:
    """Centered: ``a <- rho a + (1 - rho) g``, ``p <- p - lr g / (sqrt(v - a a) + eps)``. PyTorch.

    Where rounding makes the variance negative it is 0 here, and NaN there.

    Examples
    --------
    >>> v, a = np.zeros(1), np.zeros(1)
    >>> rmsprop_centered(np.array([1.0]), np.array([0.5]), v, a, lr=0.1, rho=0.5, eps=0.25)
    (array([0.9]), array([0.125]), array([0.25]))
    """
    v, a = _mean(v, g * g, rho), _mean(a, g, rho)
    p -= lr * g / (np.sqrt(_variance(v, a)) + eps)
    return p, v, a


def rmsprop_centered_momentum(
    p: Array, g: Array, v: Array, a: Array, u: Array, *, lr: float, rho: float, eps: float, momentum: float, t: int = 1
) -> Arrays:
    """Centered and with momentum, lr outside. PyTorch.

    Examples
    --------
    >>> v, a, u = np.zeros(1), np.zeros(1), np.ones(1)
    >>> hyper = {"lr": 0.1, "rho": 0.5, "eps": 0.25, "momentum": 0.5}
    >>> rmsprop_centered_momentum(np.array([1.0]), np.array([0.5]), v, a, u, **hyper)
    (array([0.85]), array([0.125]), array([0.25]), array([1.5]))
    """
    v, a = _mean(v, g * g, rho), _mean(a, g, rho)
    u *= momentum
    u += g / (np.sqrt(_variance(v, a)) + eps)
    p -= lr * u
    return p, v, a, u


def rmsprop_inside(p: Array, g: Array, v: Array, *, lr: float, rho: float, eps: float, t: int = 1) -> Arrays:
    """RMSprop with eps inside the root: ``p <- p - lr g / sqrt(v + eps)``. Keras, optax.

    Examples
    --------
    >>> rmsprop_inside(np.array([1.0]), np.array([0.5]), np.array([0.0]), lr=0.1, rho=0.75, eps=0.1875)
    (array([0.9]), array([0.0625]))
    """
    v = _mean(v, g * g, rho)
    p -= lr * g / np.sqrt(v + eps)
    return p, v


def rmsprop_inside_momentum(
    p: Array, g: Array, v: Array, u: Array, *, lr: float, rho: float, eps: float, momentum: float, t: int = 1
) -> Arrays:
    """With momentum, lr inside: ``u <- momentum u + lr g / sqrt(v + eps)``, ``p <- p - u``. Keras, optax.

    Examples
    --------
    >>> v, u = np.zeros(1), np.full(1, 0.1)
    >>> rmsprop_inside_momentum(np.array([1.0]), np.array([0.5]), v, u, lr=0.1, rho=0.75, eps=0.1875, momentum=0.5)
    (array([0.85]), array([0.0625]), array([0.15]))
    """
    v = _mean(v, g * g, rho)
    u *= momentum
    u += lr * g / np.sqrt(v + eps)
    p -= u
    return p, v, u


def rmsprop_inside_centered(
    p: Array, g: Array, v: Array, a: Array, *, lr: float, rho: float, eps: float, t: int = 1
) -> Arrays:
    """Centered: ``p <- p - lr g / sqrt(v - a a + eps)``. Keras, optax.

    Examples
    --------
    >>> v, a = np.zeros(1), np.zeros(1)
    >>> rmsprop_inside_centered(np.array([1.0]), np.array([0.5]), v, a, lr=0.1, rho=0.5, eps=0.1875)
    (array([0.9]), array([0.125]), array([0.25]))
    """
    v, a = _mean(v, g * g, rho), _mean(a, g, rho)
    p -= lr * g / np.sqrt(_variance(v, a) + eps)
    return p, v, a


def rmsprop_inside_centered_momentum(
    p: Array, g: Array, v: Array, a: Array, u: Array, *, lr: float, rho: float, eps: float, momentum: float, t: int = 1
) -> Arrays:
    """Centered and with momentum, lr inside. Keras, optax; Graves, whose momentum is 0.9 and eps 0.0001.

    Examples
    --------
    >>> v, a, u = np.zeros(1), np.zeros(1), np.full(1, 0.1)
    >>> hyper = {"lr": 0.1, "rho": 0.5, "eps": 0.1875, "momentum": 0.5}
    >>> rmsprop_inside_centered_momentum(np.array([1.0]), np.array([0.5]), v, a, u, **hyper)
    (array([0.85]), array([0.125]), array([0.25]), array([0.15]))
    """
    v, a = _mean(v, g * g, rho), _mean(a, g, rho)
    u *= momentum
    u += lr * g / np.sqrt(_variance(v, a) + eps)
    p -= u
    return p, v, a, u


def adadelta(p: Array, g: Array, v: Array, u: Array, *, lr: float, rho: float, eps: float, t: int = 1) -> Arrays:
    """Adadelta: ``d = sqrt(u + eps) / sqrt(v + eps) g``, ``p <- p - lr d``.

    Before it ``v <- rho v + (1 - rho) g g``, after it ``u <- rho u + (1 - rho) d d``.

    M. D. Zeiler, "ADADELTA: an adaptive learning rate method" (2012), algorithm 1, which has no lr (1). All libraries.

    Examples
    --------
    >>> v, u = np.zeros(1), np.zeros(1)
    >>> adadelta(np.array([1.0]), np.array([0.5]), v, u, lr=1.0, rho=0.5, eps=0.125)
    (array([0.64644661]), array([0.125]), array([0.0625]))
    """
    v = _mean(v, g * g, rho)
    d = np.sqrt(u + eps) / np.sqrt(v + eps) * g
    u = _mean(u, d * d, rho)
    p -= lr * d
    return p, v, u


def ftrl(
    p: Array,
    g: Array,
    n: Array,
    z: Array,
    *,
    lr: float,
    l1: float,
    l2: float,
    l2_shrinkage: float,
    beta: float,
    t: int = 1,
) -> Arrays:
    """FTRL-proximal: ``p <- 0`` where ``|z| <= l1``, elsewhere ``(sign(z) l1 - z) / ((beta + sqrt(n)) / lr + 2 l2)``.

    Before it ``z <- z + g + 2 l2_shrinkage p - s p``, ``s = (sqrt(n + g g) - sqrt(n)) / lr``, and ``n <- n + g g``.

    H. B. McMahan et al., "Ad click prediction: a view from the trenches" (2013), algorithm 1, whose lambda_2 is 2 l2
    here, as in TensorFlow and Keras; theirs are l2_shrinkage as well and a power of n other than 1/2.

    Examples
    --------
    >>> n, z = np.ones(1), np.ones(1)
    >>> ftrl(np.zeros(1), np.array([0.0]), n, z, lr=0.5, l1=0.5, l2=0.0, l2_shrinkage=0.0, beta=1.0)
    (array([-0.125]), array([1.]), array([1.]))
    """
    s = (np.sqrt(n + g * g) - np.sqrt(n)) / lr
    z += g + 2.0 * l2_shrinkage * p - s * p
    n += g * g
    p = store(p, (np.clip(z, -l1, l1) - z) / ((beta + np.sqrt(n)) / lr + 2.0 * l2))
    return p, n, z


def _mean(mean: Array, new: Array, rho: float) -> Array:
    """``rho mean + (1 - rho) new``, in place."""
    mean *= rho
    mean += (1.0 - rho) * new
    return mean


def _variance(v: Array, a: Array) -> Array:
    variance: Array = np.maximum(v - a * a, 0.0)
    return variance
