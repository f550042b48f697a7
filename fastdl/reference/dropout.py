"""Dropout, by masks made of random bits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastdl.reference.activations import activation_backward, activation_forward
from fastdl.reference.random import random_bits

Array = NDArray[Any]


def dropout_ratio(ratio: float) -> float:
    """Round to a multiple of 1/65536, at most 65535/65536.

    Parameters
    ----------
    ratio : float
        In [0, 1).

    Returns
    -------
    float

    Examples
    --------
    >>> dropout_ratio(0.1)
    0.100006103515625
    """
    return min(round(ratio * 65536), 65535) / 65536


def _kept(shape: tuple[int, ...], ratio: float, seed: int, stream: int, step: int, first_row: int) -> NDArray[np.bool]:
    """Element i of a batch is kept if the i-th 16 bits, of each word the lower ones first, are at least 65536 ratio."""
    size = int(np.prod(shape))
    block, skipped = divmod(first_row * int(np.prod(shape[1:])), 8)
    words = random_bits(-(-(skipped + size) // 8), seed, stream, step, first=(1 << 63) + block)
    numbers = np.stack([words & np.uint32(0xFFFF), words >> np.uint32(16)], axis=-1).ravel()
    return (numbers[skipped : skipped + size] >= dropout_ratio(ratio) * 65536).reshape(shape)


def dropout_forward(
    x: Array,
    ratio: float,
    seed: int,
    stream: int = 0,
    step: int = 0,
    activation: str = "identity",
    scale: float | None = None,
    first_row: int = 0,
    out: Array | None = None,
) -> Array:
    """Apply an activation, scale, and drop a random share of the elements (Srivastava et al. 2014).

    Parameters
    ----------
    x : array of any shape
    ratio : float
        In [0, 1), rounded by `dropout_ratio`.
    seed, stream, step : int
        As in `random_bits`.
    activation : str
        A name in ``ACTIVATIONS``.
    scale : float, optional
        1 / (1 - rounded ratio) when left out.
    first_row : int
        The number of the first row of x in a larger batch.
    out : array like x, optional
        Where the result goes; a fresh array when left out.

    Returns
    -------
    array like x
        0 where an element is dropped, whatever it was.

    Examples
    --------
    >>> sorted(set(dropout_forward(np.ones(100), 0.5, seed=0).tolist()))
    [0.0, 2.0]
    """
    scale = 1 / (1 - dropout_ratio(ratio)) if scale is None else scale
    y = activation_forward(x, activation) * x.dtype.type(scale)
    return _write(np.where(_kept(x.shape, ratio, seed, stream, step, first_row), y, x.dtype.type(0)), out)


def dropout_backward(
    dout: Array,
    ratio: float,
    seed: int,
    stream: int = 0,
    step: int = 0,
    y: Array | None = None,
    activation: str = "identity",
    scale: float | None = None,
    first_row: int = 0,
    out: Array | None = None,
) -> Array:
    """Multiply a gradient by the scale and the derivative of the activation; 0 where an element was dropped.

    Parameters
    ----------
    dout : array of any shape
        The gradient of the loss by the output of `dropout_forward`.
    ratio, seed, stream, step
        As there: the mask is made again.
    y : array like dout, optional
        That output; not needed for ``"identity"``.
    activation : str
        As there.
    scale, first_row
        As there.
    out : array like dout, optional
        Where the result goes; a fresh array when left out.

    Returns
    -------
    array like dout
        The gradient by the input.

    Examples
    --------
    >>> sorted(set(dropout_backward(np.ones(100), 0.5, seed=0).tolist()))
    [0.0, 2.0]
    """
    scale = 1 / (1 - dropout_ratio(ratio)) if scale is None else scale
    output = dout if y is None else y * dout.dtype.type(1 / scale)
    dx = activation_backward(dout, output, activation) * dout.dtype.type(scale)
    return _write(np.where(_kept(dout.shape, ratio, seed, stream, step, first_row), dx, dout.dtype.type(0)), out)


def _write(result: Array, out: Array | None) -> Array:
    if out is None:
        return result
    np.copyto(out, result)
    return out
