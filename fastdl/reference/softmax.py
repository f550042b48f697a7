"""Softmax, and its cross-entropy with the true labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def softmax(x: Array, out: Array | None = None) -> Array:
    """Turn every row of scores into probabilities: ``exp(x_c) / sum_k exp(x_k)``.

    The row's maximum is taken off first, which changes nothing but keeps exp from overflowing.

    Parameters
    ----------
    x : (B, C) array
    out : (B, C) array, optional
        Where the result goes; x itself to work in place. A fresh array when left out.

    Returns
    -------
    (B, C) array
        Rows of positive numbers with the sum 1.

    Examples
    --------
    >>> softmax(np.log([[1.0, 3.0]])).round(6)
    array([[0.25, 0.75]])
    """
    p: Array = np.subtract(x, x.max(axis=1, keepdims=True), out=out)
    np.exp(p, out=p)
    p /= p.sum(axis=1, keepdims=True)
    return p


def softmax_cross_entropy(logits: Array, labels: NDArray[Any], out: Array | None = None) -> tuple[float, Array]:
    """Compute the mean cross-entropy of softmax(logits) with the labels, and its gradient by the logits.

    With z the logits, ``loss = mean_i(log sum_k exp(z_ik) - z_i,label(i))`` and
    ``dlogits = (softmax(z) - onehot) / B``.
    Taken from the logits, the loss stays finite where the book's ``-log(p + 1e-7)`` needs its 1e-7.

    Parameters
    ----------
    logits : (B, C) array
    labels : (B,) integers in [0, C), or one-hot (B, C) array
    out : (B, C) array, optional
        Where dlogits goes; a fresh array when left out.

    Returns
    -------
    loss : float
        In nats, summed in float64.
    dlogits : (B, C) array

    Examples
    --------
    >>> loss, dlogits = softmax_cross_entropy(np.log([[1.0, 3.0]]), np.array([1]))
    >>> round(loss, 6), dlogits.round(6)
    (0.287682, array([[ 0.25, -0.25]]))
    """
    if labels.ndim == 2:
        labels = labels.argmax(axis=1)
    rows = np.arange(len(logits))
    highest = logits.max(axis=1)
    shortfall = highest.astype(np.float64) - logits[rows, labels]
    d: Array = np.subtract(logits, highest[:, None], out=out)
    np.exp(d, out=d)
    sums = d.sum(axis=1, dtype=np.float64)
    loss = float(np.mean(np.log(sums) + shortfall))
    d /= sums.astype(d.dtype)[:, None]
    d[rows, labels] -= 1
    d /= len(d)
    return loss, d
