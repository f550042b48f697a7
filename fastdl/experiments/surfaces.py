"""Functions of two numbers that optimizers are raced on, and the paths that they take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Surface:
    """A function of x and y with its gradient.

    Parameters
    ----------
    name : str
    height, gradient : callable
        Take x and y, floats or arrays; return f(x, y) and the pair of its derivatives.
    start : (float, float)
        Where the race begins.
    minimum : (float, float) or None
        Where f is least; None if it has no least value.
    """

    name: str
    height: Callable[[Any, Any], Any]
    gradient: Callable[[Any, Any], tuple[Any, Any]]
    start: tuple[float, float]
    minimum: tuple[float, float] | None


VALLEY = Surface(
    "x²/20 + y²",
    height=lambda x, y: x**2 / 20 + y**2,
    gradient=lambda x, y: (x / 10, 2 * y),
    start=(-7.0, 2.0),
    minimum=(0.0, 0.0),
)


def descend(surface: Surface, optimizer: Any, steps: int) -> Numbers:
    """Path of an optimizer down a surface.

    Parameters
    ----------
    surface : Surface
    optimizer : optimizer of `fastdl.optim`
    steps : int >= 0

    Returns
    -------
    ndarray (steps + 1, 2)
        The points, the start first.

    Examples
    --------
    >>> from fastdl import optim
    >>> descend(VALLEY, optim.SGD(lr=0.5), 1)
    array([[-7.  ,  2.  ],
           [-6.65,  0.  ]])
    """
    point = {"x": np.array([surface.start[0]]), "y": np.array([surface.start[1]])}
    path = np.empty((steps + 1, 2))
    path[0] = surface.start
    for step in range(1, steps + 1):
        dx, dy = surface.gradient(point["x"], point["y"])
        optimizer.update(point, {"x": dx, "y": dy})
        path[step] = point["x"][0], point["y"][0]
    return path
