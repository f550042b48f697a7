"""Batch normalization of a batch of which each process has a share, pass by pass."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastdl.reference.activations import activation_backward
from fastdl.reference.norms import _all_but_channels, _along_channels, _normalize, _statistics

Array = NDArray[Any]


def batch_norm_moments(x: Array) -> NDArray[np.float64]:
    """Compute the mean of each channel of a batch's share, and the sum of the squares around it.

    Parameters
    ----------
    x : (B, C) or (B, C, ...) array

    Returns
    -------
    (2, C) array
        float64.

    Examples
    --------
    >>> batch_norm_moments(np.array([[1.0], [3.0]])).ravel()
    array([2., 2.])
    """
    axes = _all_but_channels(x)
    mean = x.mean(axis=axes, dtype=np.float64)
    return np.stack([mean, np.square(x - _along_channels(mean, x)).sum(axis=axes)])


def batch_norm_statistics(
    counts: Array,
    moments: Array,
    eps: float = 1e-6,
    running: tuple[Array, Array] | None = None,
    momentum: float = 0.9,
    ddof: int = 0,
    dtype: DTypeLike = "float32",
) -> Array:
    """Compute the statistics of a batch whose shares have these moments.

    The squares of the whole are those of each share around its own mean, and of its mean around that of the whole.

    Parameters
    ----------
    counts : (R,) array
        How many numbers of each channel each of the R shares has.
    moments : (R, 2, C) array
        Those of each share, by `batch_norm_moments`.
    eps, running, momentum, ddof
        As in `batch_norm_forward`.
    dtype : {"float32", "float64"}
        That of the result.

    Returns
    -------
    (3, C) array
        The statistics of `batch_norm_forward`.

    Examples
    --------
    >>> shares = [batch_norm_moments(x) for x in (np.array([[1.0], [3.0], [5.0]]), np.array([[11.0]]))]
    >>> batch_norm_statistics(np.array([3.0, 1.0]), np.stack(shares), eps=2, dtype="float64").ravel()
    array([5.  , 0.  , 0.25])
    """
    of_share, n = counts[:, None], counts.sum()
    mean = (of_share * moments[:, 0]).sum(axis=0) / n
    variance = (moments[:, 1] + of_share * np.square(moments[:, 0] - mean)).sum(axis=0) / n
    if running is not None:
        for past, batch in zip(running, (mean, variance * n / (n - ddof)), strict=True):
            past[...] = momentum * past + (1 - momentum) * batch
    return _statistics(mean, variance, eps, dtype)


def batch_norm_apply(
    x: Array, gamma: Array, beta: Array, statistics: Array, activation: str = "identity", out: Array | None = None
) -> Array:
    """Compute ``activation(gamma (x - mean) / sqrt(variance + eps) + beta)`` with statistics of the whole batch.

    Parameters
    ----------
    x, gamma, beta
        As in `batch_norm_forward`; x is a share of the batch.
    statistics : (3, C) array
        What `batch_norm_statistics` returned.
    activation : str
        As there.
    out : array of x's shape, optional
        Where the result goes; a fresh array when left out.

    Returns
    -------
    array of x's shape

    Examples
    --------
    >>> one = np.ones(1)
    >>> batch_norm_apply(np.array([[5.0]]), one, one, np.array([[1.0], [0.0], [0.5]]))
    array([[3.]])
    """
    return _normalize(x, gamma, beta, statistics, activation, out)


def batch_norm_sums(
    dout: Array, x: Array, statistics: Array, y: Array | None = None, activation: str = "identity"
) -> NDArray[np.float64]:
    """Compute what a share adds to ``sum dz`` and ``sum dz (x - mean)``, with dz = dout times the activation's slope.

    Parameters
    ----------
    dout, x : arrays of one shape, (B, C) or (B, C, ...)
    statistics : (3, C) array
    y : array of the same shape, optional
        The output of `batch_norm_apply`; needed unless the activation is ``"identity"``.
    activation : str
        A name in ``ACTIVATIONS``.

    Returns
    -------
    (2, C) array
        float64.

    Examples
    --------
    >>> batch_norm_sums(np.array([[1.0], [4.0]]), np.array([[1.0], [3.0]]), np.array([[2.0], [0.0], [1.0]])).ravel()
    array([5., 3.])
    """
    axes = _all_but_channels(x)
    dz = _slopes(dout, y, activation)
    terms = dz, dz * _centred(x, statistics)
    return np.stack([term.sum(axis=axes, dtype=np.float64) for term in terms])


def batch_norm_apply_backward(
    dout: Array,
    x: Array,
    gamma: Array,
    statistics: Array,
    sums: Array,
    count: float,
    y: Array | None = None,
    activation: str = "identity",
    out: Array | None = None,
) -> Array:
    """Compute ``gamma s (dz - sum dz / n - d s**2 sum(dz d) / n)`` with ``d = x - mean`` and the whole batch's sums.

    Parameters
    ----------
    dout, x, gamma, statistics
        As in `batch_norm_backward`, of a share.
    sums : (2, C) array
        Those of `batch_norm_sums`, of all shares together.
    count : float
        How many numbers of a channel the whole batch has.
    y, activation
        As there, of the share.
    out : array of dout's shape, optional
        Where the result goes; a fresh array when left out.

    Returns
    -------
    array of dout's shape
        The gradient by x.

    Examples
    --------
    >>> one, statistics, sums = np.ones(1), np.array([[2.0], [0.0], [1.0]]), np.array([[5.0], [3.0]])
    >>> batch_norm_apply_backward(np.array([[1.0], [4.0]]), np.array([[1.0], [3.0]]), one, statistics, sums, 2).ravel()
    array([0., 0.])
    """
    inverse_std = statistics[2]
    average = (sums[0] / count).astype(x.dtype)
    slope = (sums[1] * inverse_std**2 / count).astype(x.dtype)
    rest = _slopes(dout, y, activation) - (
        _along_channels(average, x) + _centred(x, statistics) * _along_channels(slope, x)
    )
    dx: Array = np.multiply(_along_channels(gamma * inverse_std, x), rest, out=out)
    return dx


def _slopes(dout: Array, y: Array | None, activation: str) -> Array:
    return dout if activation == "identity" else activation_backward(dout, cast(Array, y), activation)


def _centred(x: Array, statistics: Array) -> Array:
    mean, lost, _ = (_along_channels(row, x) for row in statistics)
    centred: Array = (x - mean) - lost
    return centred
