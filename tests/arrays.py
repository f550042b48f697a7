"""Arrays in every layout, and arrays with forbidden ground on both sides."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Callable

import numpy as np


def _spread(array: np.ndarray, stride: int) -> np.ndarray:
    """The same values `stride` elements apart along every axis, with NaN in between."""
    field = np.full([abs(stride) * n + 2 for n in array.shape], np.nan, array.dtype)
    view = field[..., *(slice(1, 1 + abs(stride) * n, abs(stride)) for n in array.shape)]
    if stride < 0:
        view = view[..., *[slice(None, None, -1)] * array.ndim]
    view[...] = array
    return view


def _shifted(array: np.ndarray) -> np.ndarray:
    """One element off the boundary that memory is allocated at."""
    return _within(np.zeros(array.nbytes + array.itemsize, np.uint8), array, array.itemsize)


def _within(field: np.ndarray, array: np.ndarray, start: int) -> np.ndarray:
    """The same values in the bytes of a field from `start` on."""
    view = field[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    view[...] = array
    return view


# The same values and shape, another place in memory. Not all of these are in C order.
LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "fortran": lambda array: array.copy(order="F"),
    "strided": lambda array: _spread(array, 3),
    "backwards": lambda array: _spread(array, -1),
    "strided-backwards": lambda array: _spread(array, -2),
    "shifted": _shifted,
}

BYTE = 0xA5
MARGIN = 256


class Canaries:
    """Arrays inside larger ones, whose other bytes nothing may write."""

    def __init__(self) -> None:
        self._fields: list[tuple[np.ndarray, int]] = []

    def __call__(self, array: np.ndarray) -> np.ndarray:
        """A copy with canaries before its first and after its last byte."""
        field = np.full(array.nbytes + 2 * MARGIN, BYTE, np.uint8)
        self._fields.append((field, array.nbytes))
        return _within(field, array, MARGIN)

    def assert_untouched_and_forget(self) -> None:
        """Check everything around the arrays handed out so far."""
        for field, size in self._fields:
            before, after = field[:MARGIN], field[MARGIN + size :]
            if (before != BYTE).any() or (after != BYTE).any():
                raise AssertionError(f"bytes outside an array of {size} bytes were written")
        self._fields.clear()


class GuardPages:
    """Arrays against pages that may not even be read: touching one is a segmentation fault."""

    def __init__(self, at_end: bool, size: int = 1 << 18) -> None:
        self._at_end = at_end
        self._size = size
        self._maps: list[mmap.mmap] = []
        self._used = 0

    def __call__(self, array: np.ndarray) -> np.ndarray:
        """A copy whose last byte, or first, is next to a guard page."""
        if self._used == len(self._maps):
            self._maps.append(_map_between_guards(self._size))
        field = np.frombuffer(self._maps[self._used], np.uint8)[mmap.PAGESIZE : mmap.PAGESIZE + self._size]
        self._used += 1
        return _within(field, array, self._size - array.nbytes if self._at_end else 0)

    def reuse(self) -> None:
        """Take back all arrays handed out."""
        self._used = 0


def _map_between_guards(size: int) -> mmap.mmap:
    memory = mmap.mmap(-1, size + 2 * mmap.PAGESIZE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    for guard in (address, address + mmap.PAGESIZE + size):
        if protect(ctypes.c_void_p(guard), ctypes.c_size_t(mmap.PAGESIZE), 0):
            raise OSError(ctypes.get_errno(), "mprotect")
    return memory
