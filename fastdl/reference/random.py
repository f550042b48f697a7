"""Random numbers as functions of (seed, stream, step, element)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Array = NDArray[Any]


def random_bits(blocks: int, seed: int, stream: int = 0, step: int = 0, first: int = 0) -> NDArray[np.uint32]:
    """Make blocks of Philox 4x32-10 (Salmon, Moraes, Dror and Shaw 2011): ten rounds on a counter, keyed by the seed.

    Parameters
    ----------
    blocks : int
    seed : int
        Of 64 bits: the key, its lower half first.
    stream, step : int
        Of 32 bits.
    first : int
        Of 64 bits: the number of the first block.

    Returns
    -------
    (blocks, 4) array of uint32
        The counter is (block's lower half, upper half, step, stream).

    Examples
    --------
    >>> [hex(word) for word in random_bits(1, seed=0)[0]]
    ['0x6627e8d5', '0xe169c58d', '0xbc57ac4c', '0x9b00dbd8']
    """
    lower, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    numbers = np.arange(blocks, dtype=np.uint64) + np.uint64(first)
    c = [numbers & lower, numbers >> half, np.full(blocks, step, np.uint64), np.full(blocks, stream, np.uint64)]
    keys = [seed & 0xFFFFFFFF, seed >> 32]
    for _ in range(10):
        p, q = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        c = [q >> half ^ c[1] ^ np.uint64(keys[0]), q & lower, p >> half ^ c[3] ^ np.uint64(keys[1]), p & lower]
        keys = [(keys[0] + 0x9E3779B9) & 0xFFFFFFFF, (keys[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return np.stack(c, axis=1).astype(np.uint32)


def _unit_interval(pairs: int, seed: int, stream: int) -> Array:
    """Two numbers (k + 1/2) / 2**52 of each block's 64-bit halves, first word lowest."""
    words = random_bits(pairs, seed, stream).astype(np.uint64).reshape(pairs, 2, 2)
    numbers = words[..., 0] | words[..., 1] << np.uint64(32)
    u: Array = ((numbers >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52
    return u


def random_uniform(
    shape: int | tuple[int, ...],
    seed: int,
    stream: int = 0,
    dtype: DTypeLike = "float32",
    low: float = 0.0,
    high: float = 1.0,
) -> Array:
    """Draw from the uniform distribution between low and high.

    Parameters
    ----------
    shape : int or tuple of int
    seed, stream : int
        As in `random_bits`.
    dtype : float32 or float64
        Rounded to in the end.
    low, high : float

    Returns
    -------
    array of the shape

    Examples
    --------
    >>> random_uniform(3, seed=0, dtype="float64").round(6)
    array([0.88052 , 0.605482, 0.362091])
    """
    size = int(np.prod(shape))
    u = _unit_interval(-(-size // 2), seed, stream).ravel()[:size]
    numbers: Array = (low + (high - low) * u).astype(dtype).reshape(shape)
    return numbers


def random_normal(
    shape: int | tuple[int, ...],
    seed: int,
    stream: int = 0,
    dtype: DTypeLike = "float32",
    mean: float = 0.0,
    std: float = 1.0,
) -> Array:
    """Draw from the normal distribution by the method of Box and Muller 1958, two numbers of each block.

    Parameters
    ----------
    shape : int or tuple of int
    seed, stream : int
        As in `random_bits`.
    dtype : float32 or float64
        Rounded to in the end.
    mean, std : float

    Returns
    -------
    array of the shape

    Examples
    --------
    >>> random_normal(3, seed=0, dtype="float64").round(6)
    array([-0.397668, -0.310395,  1.386844])
    """
    size = int(np.prod(shape))
    u, v = _unit_interval(-(-size // 2), seed, stream).T
    z = np.sqrt(-2 * np.log(u))[:, None] * np.stack([np.cos(2 * np.pi * v), np.sin(2 * np.pi * v)], axis=1)
    numbers: Array = (mean + std * z.ravel()[:size]).astype(dtype).reshape(shape)
    return numbers
