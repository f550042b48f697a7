"""Optimizers' states in bfloat16 and in bytes."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fastdl.reference.random import random_bits

Array = NDArray[Any]

BLOCK = 256
SALT = 46733


def _numbers(size: int, seed: int, stream: int, step: int, number: int, first: int) -> NDArray[np.uint32]:
    """16 random bits for each element: 64 numbers a block, first halves before second ones, times salts."""
    bits = random_bits(-(-size // BLOCK) * 8, seed, stream, step, first // BLOCK * 8).view(np.uint16)
    draws = bits.reshape(-1, 8, 2, 4).transpose(0, 2, 1, 3).reshape(-1, 1, 64)
    salts = np.array([pow(SALT, 4 * number + quarter, 2**16) for quarter in range(4)], np.uint16)
    return (draws * salts[:, None]).ravel()[:size].astype(np.uint32)


def _lowest(exponents: Array, is_squares: bool) -> Array:
    """The upper 12 bits of the float that byte 0 would stand for."""
    return 8 * exponents + 7 - (255 if is_squares else 127)


def encode_state(
    x: Array,
    dtype: Literal["bfloat16", "uint8"],
    seed: int = 0,
    stream: int = 0,
    step: int = 0,
    number: int = 0,
    is_squares: bool = False,
) -> Array:
    """Store float32 numbers in bfloat16, or in bytes with an exponent for each block of 256.

    Parameters
    ----------
    x : array
    dtype : {"bfloat16", "uint8"}
    seed, stream, step, number : int
        Of the random bits, 64 numbers of 16 bits for each block of 256 elements: those of its 8 blocks of 128 bits,
        their first halves before their second ones. Element i of a block has number i % 64 of them times
        ``46733 ** (4 * number + i // 64)``, modulo 2**16.
    is_squares : bool
        Whether x is never negative.

    Returns
    -------
    uint16 array of the shape of x, or uint8 array of an element each and an exponent for each block

    Examples
    --------
    >>> encode_state(np.array([1.0, -2.5], np.float32), "bfloat16")
    array([16256, 49184], dtype=uint16)
    """
    return encode_piece(x, dtype, 0, seed, stream, step, number, is_squares)


def encode_piece(
    x: Array,
    dtype: Literal["bfloat16", "uint8"],
    first: int,
    seed: int,
    stream: int,
    step: int,
    number: int,
    is_squares: bool,
) -> Array:
    """Store a piece of an array as it would be stored within the whole.

    Parameters
    ----------
    x, dtype, seed, stream, step, number, is_squares
        As in :func:`encode_state`.
    first : int
        The number, in the whole, of the piece's first element: a multiple of 256.

    Returns
    -------
    uint16 or uint8 array
    """
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32).ravel()
    numbers = _numbers(x.size, seed, stream, step, number, first)
    magnitudes = bits & np.uint32(0x7FFFFFFF)
    if dtype == "bfloat16":
        is_nan = magnitudes > 0x7F800000
        halves = np.where(is_nan, bits >> np.uint32(16) | np.uint32(0x40), bits + numbers >> np.uint32(16))
        return halves.astype(np.uint16).reshape(x.shape)
    most = np.maximum.reduceat(magnitudes, np.arange(0, x.size, BLOCK)) if x.size else magnitudes
    exponents = np.maximum(most.astype(np.int64) + 0xFFFFF >> 23, 32)  # room for the largest when it is rounded up
    lowest = np.repeat(_lowest(exponents, is_squares), BLOCK)[: x.size]
    smallest = (lowest + 1 << 20).astype(np.uint32)
    sums = bits + (numbers << np.uint32(4) | np.uint32(8))
    codes = np.maximum((sums >> np.uint32(20) & np.uint32(0x7FF)).astype(np.int64), lowest) - lowest
    if is_squares:
        below = magnitudes > 0
        signs = np.zeros_like(codes)
    else:
        with np.errstate(over="ignore", invalid="ignore"):
            below = magnitudes.view(np.float32) * (np.float32(65536) / smallest.view(np.float32)) > numbers + 0.5
        signs = (sums >> np.uint32(24) & np.uint32(0x80)).astype(np.int64)
    codes = np.where(magnitudes < smallest, below, codes) | signs
    return np.concatenate([codes, np.minimum(exponents, 255)]).astype(np.uint8)


def decode_state(state: Array, shape: int | tuple[int, ...], is_squares: bool = False) -> Array:
    """Turn a stored state into float32 numbers.

    Parameters
    ----------
    state : uint16 or uint8 array
    shape : int or tuple of int
    is_squares : bool

    Returns
    -------
    float32 array of the shape; NaN throughout a block of bytes whose exponent is 255

    Examples
    --------
    >>> decode_state(np.array([16256, 49184], np.uint16), (2,))
    array([ 1. , -2.5], dtype=float32)
    """
    if state.dtype != np.uint8:
        return (np.ascontiguousarray(state).view(np.uint16).astype(np.uint32) << 16).view(np.float32).reshape(shape)
    size = math.prod(np.atleast_1d(shape).tolist())
    codes = state[:size].astype(np.uint32)
    exponents = np.repeat(state[size:].astype(np.int64), BLOCK)[:size]
    sizes = codes if is_squares else codes & np.uint32(0x7F)
    bits = np.where(sizes == 0, 0, (sizes + _lowest(exponents, is_squares).astype(np.uint32)) << np.uint32(20))
    if not is_squares:
        bits |= (codes & np.uint32(0x80)) << np.uint32(24)
    numbers = bits.astype(np.uint32).view(np.float32)
    numbers[exponents == 255] = np.nan
    return numbers.reshape(shape)
