"""Losses, each with its gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def softmax_cross_entropy(
    logits: Array,
    labels: NDArray[Any],
    out: Array | None = None,
    label_smoothing: float = 0.0,
    class_weights: Array | None = None,
    ignore_index: int | None = None,
) -> tuple[float, Array]:
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
    label_smoothing : float
        s in [0, 1], for the target (1 - s) onehot + s / C (Szegedy et al. 2016).
    class_weights : (C,) array, optional
        The target is multiplied by these; the mean is divided by the sum of those of the labels.
    ignore_index : int, optional
        Rows with this label, which may be none of the classes, count for nothing.

    Returns
    -------
    loss : float
        In nats, summed in float64. 0 where nothing counts.
    dlogits : (B, C) array

    Examples
    --------
    >>> loss, dlogits = softmax_cross_entropy(np.log([[1.0, 3.0]]), np.array([1]))
    >>> round(loss, 6), dlogits.round(6)
    (0.287682, array([[ 0.25, -0.25]]))
    """
    if labels.ndim == 2:
        labels = labels.argmax(axis=1)
    if label_smoothing == 0 and class_weights is None and ignore_index is None:
        return _plain(logits, labels, out)
    counted = np.ones(len(labels), bool) if ignore_index is None else labels != ignore_index
    chosen, classes = logits[counted], logits.shape[1]
    weights = np.ones(classes, logits.dtype) if class_weights is None else class_weights
    onehot = np.arange(classes) == labels[counted, None]
    target = ((1 - label_smoothing) * onehot + label_smoothing / classes) * weights
    total = float(weights[labels[counted]].sum(dtype=np.float64)) or 1.0
    d = chosen - chosen.max(axis=1, keepdims=True, initial=-np.inf)
    e = np.exp(d)
    sums = e.sum(axis=1, dtype=np.float64, keepdims=True)
    # A class without weight adds nothing, even where the logarithm of its probability is -inf.
    terms = np.multiply(target, np.log(sums) - d, out=np.zeros_like(target), where=target != 0)
    result: Array = np.zeros_like(logits) if out is None else out
    result[...] = 0
    result[counted] = (e / sums * target.sum(axis=1, keepdims=True) - target) / total
    return float(terms.sum() / total), result


def _plain(logits: Array, labels: NDArray[Any], out: Array | None) -> tuple[float, Array]:
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


def sigmoid_cross_entropy(logits: Array, targets: Array, out: Array | None = None) -> tuple[float, Array]:
    """Compute the mean cross-entropy of sigmoid(logits) with the targets, and its gradient by the logits.

    With x a logit and t its target, ``loss = mean(max(x, 0) - x t + log(1 + exp(-|x|)))``, which does not overflow,
    and ``dlogits = (sigmoid(x) - t) / N``.

    Parameters
    ----------
    logits : array of any shape
    targets : array like logits
        In [0, 1].
    out : array like logits, optional
        Where dlogits goes; a fresh array when left out.

    Returns
    -------
    loss : float
        In nats, summed in float64.
    dlogits : array like logits

    Examples
    --------
    >>> loss, dlogits = sigmoid_cross_entropy(np.log([3.0]), np.array([1.0]))
    >>> round(loss, 6), dlogits.round(6)
    (0.287682, array([-0.25]))
    """
    e = np.exp(-np.abs(logits))
    linear = np.where(logits < 0, -logits * targets, logits * (1 - targets))
    loss = float(np.mean(linear + np.log1p(e), dtype=np.float64))
    # (1 - t) sigmoid(x) - t sigmoid(-x) keeps the digits of sigmoid(x) - t.
    ones = np.ones_like(e)
    up, down = np.where(logits < 0, e, ones), np.where(logits < 0, ones, e)
    d: Array = np.subtract((1 - targets) * up, targets * down, out=out)
    d /= 1 + e
    d /= d.size
    return loss, d


def mean_squared_error(predictions: Array, targets: Array, out: Array | None = None) -> tuple[float, Array]:
    """Compute the mean of (x - t)^2 over all elements, and its gradient 2 (x - t) / N.

    The book's mean_squared_error is half the sum.

    Parameters
    ----------
    predictions : array of any shape
    targets : array like predictions
    out : array like predictions, optional
        Where the gradient goes; a fresh array when left out.

    Returns
    -------
    loss : float
        Computed in float64.
    gradient : array like predictions

    Examples
    --------
    >>> mean_squared_error(np.array([1.0, 5.0]), np.array([2.0, 2.0]))
    (5.0, array([-1.,  3.]))
    """
    d = np.subtract(predictions, targets, dtype=np.float64)
    loss = float(np.mean(d * d))
    return loss, _write(2 * d / d.size, predictions, out)


def huber(predictions: Array, targets: Array, delta: float = 1.0, out: Array | None = None) -> tuple[float, Array]:
    """Compute the mean of Huber's loss over all elements, and its gradient (Huber 1964).

    With d = x - t: d^2 / 2 where |d| <= delta, otherwise delta (|d| - delta / 2).

    Parameters
    ----------
    predictions : array of any shape
    targets : array like predictions
    delta : float
        > 0.
    out : array like predictions, optional
        Where the gradient goes; a fresh array when left out.

    Returns
    -------
    loss : float
        Computed in float64.
    gradient : array like predictions

    Examples
    --------
    >>> huber(np.array([1.0, 5.0]), np.array([2.0, 2.0]))
    (1.5, array([-0.5,  0.5]))
    """
    d = np.subtract(predictions, targets, dtype=np.float64)
    slope = np.clip(d, -delta, delta)
    loss = float(np.mean(slope * (d - slope / 2)))
    return loss, _write(slope / d.size, predictions, out)


def _write(gradient: Array, like: Array, out: Array | None) -> Array:
    result: Array = np.empty_like(like) if out is None else out
    result[...] = gradient
    return result
