"""Where an optimizer's large states lie in memory.

NumPy starts all large arrays 16 bytes behind a page of 4096 bytes: each vector of 64 bytes then lies across two lines,
and the same element of all of a parameter's arrays at the same place of its page. States that start at a line, each at
another place, take 0.88 to 1.0 of the time of a step of Adam in float32 (12 placements of 12 M elements, an AMD Zen 5).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

PAGE = 4096
APART = 768  # bytes; five arrays, the parameter's and four states', are spread over a page
LARGE = 32 * PAGE  # bytes from which a page more does not matter


def empty_state(shape: int | tuple[int, ...], dtype: DTypeLike, number: int) -> NDArray[Any]:
    """Return an array for a state, whose elements are not set.

    Parameters
    ----------
    shape, dtype
        Of the array.
    number : int
        Of the state among those of its rule.

    Returns
    -------
    ndarray
        In C order.

    Examples
    --------
    >>> [empty_state((1000, 100), np.float32, number).ctypes.data % PAGE for number in range(4)]
    [768, 1536, 2304, 3072]
    """
    size = math.prod(shape) if isinstance(shape, tuple) else shape
    count = size * np.dtype(dtype).itemsize
    if count < LARGE:
        return np.empty(shape, dtype)
    memory = np.empty(count + PAGE, np.uint8)
    start = (APART * (number + 1) - memory.ctypes.data) % PAGE
    return memory[start : start + count].view(dtype).reshape(shape)


def placed_state(values: NDArray[Any], number: int) -> NDArray[Any]:
    """Return a copy of a state's values where `empty_state` puts it.

    Parameters
    ----------
    values : ndarray
        In any layout.
    number : int
        Of the state among those of its rule.

    Returns
    -------
    ndarray
        In C order.
    """
    state = empty_state(values.shape, values.dtype, number)
    state[...] = values
    return state
