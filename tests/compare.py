"""How the tests compare: element by element, in units in the last place or bit by bit.

test_the_tests.py tries each of these on wrong results.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np


def ulps(actual: Any, desired: Any, scale: Any = None) -> np.ndarray:
    """The error of each element in ulps: units in the last place of ``actual``'s dtype at ``desired``.

    ``desired`` may be of a wider dtype. The same infinity, or NaN for NaN, is no error; the other infinity,
    or NaN for a number, is an infinite one. A sum is measured at the sum of its terms' magnitudes instead:
    pass that as the scale.
    """
    actual, desired = np.asarray(actual), np.asarray(desired)
    if actual.shape != desired.shape:
        raise AssertionError(f"shape {actual.shape}, expected {desired.shape}")
    if actual.dtype.kind != "f" or desired.dtype.itemsize < actual.dtype.itemsize:
        raise AssertionError(f"dtype {actual.dtype} cannot be measured against {desired.dtype}")
    magnitude = np.abs(desired if scale is None else np.broadcast_to(scale, desired.shape))
    with np.errstate(all="ignore"):
        unit = np.spacing(np.minimum(magnitude, np.finfo(actual.dtype).max).astype(actual.dtype))
        error = np.abs(actual.astype(np.longdouble) - desired) / unit
        same = np.isinf(actual) & (actual == desired.astype(actual.dtype)) | np.isnan(actual) & np.isnan(desired)
    return np.where(same, 0, np.where(np.isnan(error), np.inf, error)).astype(np.float64)


def assert_ulps(actual: Any, desired: Any, limit: float, scale: Any = None) -> None:
    """Every element is within ``limit`` ulps, as :func:`ulps` counts them."""
    errors = ulps(actual, desired, scale)
    if errors.size and not errors.max() <= limit:
        worst = np.unravel_index(errors.argmax(), errors.shape)
        wrong = np.count_nonzero(~(errors <= limit))
        raise AssertionError(
            f"{wrong} of {errors.size} elements are more than {limit} ulps off; "
            f"the worst, {[int(i) for i in worst]}, by {errors[worst]:.4g}: "
            f"{np.asarray(actual)[worst]!r}, expected {np.asarray(desired)[worst]!r}"
        )


def assert_close(actual: Any, desired: Any, relative: float) -> None:
    """Every element is within ``relative`` times the largest magnitude in ``desired``."""
    actual, desired = np.asarray(actual, np.float64), np.asarray(desired, np.float64)
    if actual.shape != desired.shape:
        raise AssertionError(f"shape {actual.shape}, expected {desired.shape}")
    if desired.size:
        error = np.abs(actual - desired).max() / (np.abs(desired).max() or 1.0)
        if not error <= relative:
            raise AssertionError(f"off by {error:.3g} of the largest element, more than {relative:.3g}")


def assert_same_bits(actual: Any, desired: Any) -> None:
    """The same dtype, shape and bytes, the sign of zero and the payload of NaN included."""
    actual, desired = np.asarray(actual), np.asarray(desired)
    if (actual.dtype, actual.shape) != (desired.dtype, desired.shape):
        raise AssertionError(f"{actual.dtype} {actual.shape}, expected {desired.dtype} {desired.shape}")
    word = np.dtype(f"u{actual.dtype.itemsize}")
    differ = np.ascontiguousarray(actual).view(word) != np.ascontiguousarray(desired).view(word)
    if differ.any():
        first = np.unravel_index(differ.argmax(), differ.shape)
        raise AssertionError(
            f"{np.count_nonzero(differ)} of {differ.size} elements differ in bits; "
            f"the first, {[int(i) for i in first]}: {actual[first]!r}, expected {desired[first]!r}"
        )


def digest(*things: Any) -> str:
    """SHA-256 of arrays (dtype, shape, bytes) and of dicts, lists and plain values that hold them."""
    sha = hashlib.sha256()

    def feed(thing: Any) -> None:
        if isinstance(thing, np.ndarray):
            sha.update(f"array {thing.dtype.str} {thing.shape} ".encode() + thing.tobytes())
        elif isinstance(thing, Mapping):
            sha.update(f"dict {len(thing)} ".encode())
            for key, value in thing.items():
                sha.update(f"{key!r}: ".encode())
                feed(value)
        elif isinstance(thing, list | tuple):
            sha.update(f"list {len(thing)} ".encode())
            for value in thing:
                feed(value)
        else:
            sha.update(f"{thing!r} ".encode())

    feed(things)
    return sha.hexdigest()


@contextlib.contextmanager
def unchanged(*things: Any) -> Iterator[None]:
    """The bytes of these arrays, and of dicts and lists of them, are afterwards what they were."""
    before = digest(*things)
    yield
    if digest(*things) != before:
        raise AssertionError("something was changed that should not have been")
