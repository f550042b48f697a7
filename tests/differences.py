"""Gradients by numerical differentiation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def gradient_by_differences(f: Callable[[], float], p: np.ndarray, step: float = 3e-4) -> np.ndarray:
    """The gradient of f() with respect to the float64 array p, by central differences of fourth order.

    The error is of the order of step⁴ times the fifth derivative, plus 1e-16 / step times f.
    """
    gradient = np.empty_like(p)
    for index in np.ndindex(p.shape):
        center, values = p[index], {}
        for offset in (-2, -1, 1, 2):
            p[index] = center + offset * step
            values[offset] = f()
        p[index] = center
        gradient[index] = (values[-2] - 8 * values[-1] + 8 * values[1] - values[2]) / (12 * step)
    return gradient
