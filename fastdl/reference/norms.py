"""Batch normalization with the activation that follows it, and layer normalization."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from fastdl.reference.activations import activation_backward, activation_forward

Array = NDArray[Any]


def batch_norm_forward(
    x: Array,
    gamma: Array,
    beta: Array,
    eps: float = 1e-6,
    activation: str = "identity",
    running: tuple[Array, Array] | None = None,
    momentum: float = 0.9,
    ddof: int = 0,
    out: tuple[Array | None, Array | None] | None = None,
) -> tuple[Array, Array]:
    """Compute ``activation(gamma (x - mean) / sqrt(variance + eps) + beta)``, channel by channel.

    Mean and variance are those of the batch (Ioffe and Szegedy 2015), the book's ``BatchNormalization``.

    Parameters
    ----------
    x : (B, C) or (B, C, ...) array
    gamma, beta : (C,) arrays
    eps : float
    activation : str
        A name in ``ACTIVATIONS``.
    running : (mean, variance), optional
        (C,) arrays, changed in place: ``momentum running + (1 - momentum) batch``.
    momentum : float
    ddof : int
        The variance for the running one is the sum of squares over n - ddof.
    out : (y, statistics), optional
        Where the results go; fresh arrays when left out.

    Returns
    -------
    y : array of x's shape
    statistics : (3, C) array
        Mean, what rounding took off the mean, 1 / sqrt(variance + eps).

    Examples
    --------
    >>> y, statistics = batch_norm_forward(np.array([[1.0], [3.0]]), np.array([2.0]), np.array([5.0]), eps=0)
    >>> y.ravel(), statistics.ravel()
    (array([3., 7.]), array([2., 0., 1.]))
    """
    y_out, statistics_out = (None, None) if out is None else out
    axes = _all_but_channels(x)
    wide = np.promote_types(x.dtype, np.float64)
    mean = x.mean(axis=axes, dtype=wide)
    variance = np.square(x - _along_channels(mean, x)).mean(axis=axes)
    if running is not None:
        n = x.size // x.shape[1]
        for past, batch in zip(running, (mean, variance * n / (n - ddof)), strict=True):
            past[...] = momentum * past + (1 - momentum) * batch
    statistics = _statistics(mean, variance, eps, x.dtype, statistics_out)
    return _normalize(x, gamma, beta, statistics, activation, y_out), statistics


def batch_norm_inference(
    x: Array,
    gamma: Array,
    beta: Array,
    mean: Array,
    variance: Array,
    eps: float = 1e-6,
    activation: str = "identity",
    out: Array | None = None,
) -> Array:
    """Compute ``activation(gamma (x - mean) / sqrt(variance + eps) + beta)`` with given mean and variance.

    Parameters
    ----------
    x : (B, C) or (B, C, ...) array
    gamma, beta, mean, variance : (C,) arrays
    eps : float
    activation : str
        A name in ``ACTIVATIONS``.
    out : array of x's shape, optional
        Where the result goes; a fresh array when left out.

    Returns
    -------
    array of x's shape

    Examples
    --------
    >>> one = np.ones(1)
    >>> batch_norm_inference(np.array([[5.0]]), one, one, one, 4 * one, eps=0)
    array([[3.]])
    """
    return _normalize(x, gamma, beta, _statistics(mean, variance, eps, x.dtype), activation, out)


def batch_norm_backward(
    dout: Array,
    x: Array,
    gamma: Array,
    statistics: Array,
    y: Array | None = None,
    activation: str = "identity",
    out: tuple[Array | None, Array | None, Array | None] | None = None,
) -> tuple[Array, Array, Array]:
    """Compute the gradients of `batch_norm_forward` by x, gamma and beta.

    With dz = dout times the activation's slope: ``dbeta = sum dz``, ``dgamma = sum dz x_hat``,
    ``dx = gamma / sqrt(variance + eps) (dz - dbeta / n - x_hat dgamma / n)``.

    Parameters
    ----------
    dout, x : arrays of one shape, (B, C) or (B, C, ...)
    gamma : (C,) array
    statistics : (3, C) array
        What `batch_norm_forward` returned.
    y : array of the same shape, optional
        The output of `batch_norm_forward`; needed unless the activation is ``"identity"``.
    activation : str
        A name in ``ACTIVATIONS``.
    out : (dx, dgamma, dbeta), optional
        Where the results go; fresh arrays when left out.

    Returns
    -------
    dx : array of the same shape
    dgamma : (C,) array
    dbeta : (C,) array

    Examples
    --------
    >>> x, gamma = np.array([[1.0], [3.0]]), np.array([2.0])
    >>> y, statistics = batch_norm_forward(x, gamma, np.zeros(1), eps=0)
    >>> dx, dgamma, dbeta = batch_norm_backward(np.array([[1.0], [0.0]]), x, gamma, statistics)
    >>> dx.ravel(), dgamma, dbeta
    (array([0., 0.]), array([-1.]), array([1.]))
    """
    dx_out, dgamma_out, dbeta_out = (None, None, None) if out is None else out
    axes, n = _all_but_channels(x), x.size // x.shape[1]
    dz = dout if activation == "identity" else activation_backward(dout, cast(Array, y), activation)
    mean, lost, inverse_std = (_along_channels(row, x) for row in statistics)
    x_hat = ((x - mean) - lost) * inverse_std
    dbeta = np.sum(dz, axis=axes, out=dbeta_out)
    dgamma = np.sum(dz * x_hat, axis=axes, out=dgamma_out)
    rest = dz - (_along_channels(dbeta, x) / n + x_hat * _along_channels(dgamma, x) / n)
    dx: Array = np.multiply(_along_channels(gamma, x) * inverse_std, rest, out=dx_out)
    return dx, dgamma, dbeta


def layer_norm_forward(
    x: Array, gamma: Array, beta: Array, eps: float = 1e-5, out: tuple[Array | None, Array | None] | None = None
) -> tuple[Array, Array]:
    """Compute ``gamma (x - mean) / sqrt(variance + eps) + beta`` over the last axis (Ba, Kiros and Hinton 2016).

    Parameters
    ----------
    x : (..., D) array
    gamma, beta : (D,) arrays
    eps : float
    out : (y, statistics), optional
        Where the results go; fresh arrays when left out.

    Returns
    -------
    y : array of x's shape
    statistics : (3, number of rows) array
        Mean, what rounding took off the mean, 1 / sqrt(variance + eps).

    Examples
    --------
    >>> y, statistics = layer_norm_forward(np.array([[1.0, 3.0]]), np.array([2.0, 1.0]), np.zeros(2), eps=0)
    >>> y
    array([[-2.,  1.]])
    """
    y_out, statistics_out = (None, None) if out is None else out
    mean = x.mean(axis=-1, dtype=np.promote_types(x.dtype, np.float64), keepdims=True)
    variance = np.square(x - mean).mean(axis=-1)
    statistics = _statistics(mean.ravel(), variance.ravel(), eps, x.dtype, statistics_out)
    y: Array = np.add(_normalized_rows(x, statistics) * gamma, beta, out=y_out)
    return y, statistics


def layer_norm_backward(
    dout: Array,
    x: Array,
    gamma: Array,
    statistics: Array,
    out: tuple[Array | None, Array | None, Array | None] | None = None,
) -> tuple[Array, Array, Array]:
    """Compute the gradients of `layer_norm_forward` by x, gamma and beta.

    With g = dout gamma: ``dx = (g - average of g - x_hat average of (g x_hat)) / sqrt(variance + eps)``,
    ``dgamma = sum dout x_hat`` and ``dbeta = sum dout`` over all rows.

    Parameters
    ----------
    dout, x : arrays of one shape, (..., D)
    gamma : (D,) array
    statistics : (3, number of rows) array
        What `layer_norm_forward` returned.
    out : (dx, dgamma, dbeta), optional
        Where the results go; fresh arrays when left out.

    Returns
    -------
    dx : array of the same shape
    dgamma : (D,) array
    dbeta : (D,) array

    Examples
    --------
    >>> x, gamma = np.array([[1.0, 3.0]]), np.ones(2)
    >>> y, statistics = layer_norm_forward(x, gamma, np.zeros(2), eps=0)
    >>> dx, dgamma, dbeta = layer_norm_backward(np.array([[1.0, 2.0]]), x, gamma, statistics)
    >>> dx, dgamma, dbeta
    (array([[0., 0.]]), array([-1.,  2.]), array([1., 2.]))
    """
    dx_out, dgamma_out, dbeta_out = (None, None, None) if out is None else out
    rows = tuple(range(x.ndim - 1))
    x_hat, inverse_std = _normalized_rows(x, statistics), statistics[2].reshape(*x.shape[:-1], 1)
    g = dout * gamma
    rest = g - (g.mean(axis=-1, keepdims=True) + x_hat * (g * x_hat).mean(axis=-1, keepdims=True))
    dgamma = np.sum(dout * x_hat, axis=rows, out=dgamma_out)
    dbeta = np.sum(dout, axis=rows, out=dbeta_out)
    dx: Array = np.multiply(rest, inverse_std, out=dx_out)
    return dx, dgamma, dbeta


def _all_but_channels(x: Array) -> tuple[int, ...]:
    return (0, *range(2, x.ndim))


def _along_channels(row: Array, x: Array) -> Array:
    return row.reshape(-1, *(1,) * (x.ndim - 2))


def _statistics(mean: Array, variance: Array, eps: float, dtype: Any, out: Array | None = None) -> Array:
    statistics = np.empty((3, mean.size), dtype) if out is None else out
    statistics[0] = mean
    statistics[1] = mean - statistics[0]
    statistics[2] = 1 / np.sqrt(variance + eps)
    return statistics


def _normalize(x: Array, gamma: Array, beta: Array, statistics: Array, activation: str, out: Array | None) -> Array:
    mean, lost, inverse_std = (_along_channels(row, x) for row in statistics)
    y: Array = np.multiply((x - mean) - lost, _along_channels(gamma, x) * inverse_std, out=out)
    y += _along_channels(beta, x)
    return activation_forward(y, activation, out=y)


def _normalized_rows(x: Array, statistics: Array) -> Array:
    mean, lost, inverse_std = (row.reshape(*x.shape[:-1], 1) for row in statistics)
    x_hat: Array = ((x - mean) - lost) * inverse_std
    return x_hat
