"""Functions of two numbers that optimizers are raced on, and the paths that they take."""

from __future__ import annotations

import math
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


LONG_VALLEY = Surface(
    "x²/200 + 2y²",
    height=lambda x, y: x**2 / 200 + 2 * y**2,
    gradient=lambda x, y: (x / 100, 4 * y),
    start=(-9.0, 1.0),
    minimum=(0.0, 0.0),
)


def turned(surface: Surface, degrees: float) -> Surface:
    """Turn a surface about the origin, counterclockwise, with its start and its minimum.

    Parameters
    ----------
    surface : Surface
    degrees : float

    Returns
    -------
    Surface

    Examples
    --------
    >>> tuple(round(number, 3) for number in turned(LONG_VALLEY, 90).start)
    (-1.0, -9.0)
    """
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))

    def there(x: Any, y: Any) -> tuple[Any, Any]:
        return cosine * x - sine * y, sine * x + cosine * y

    def back(x: Any, y: Any) -> tuple[Any, Any]:
        return cosine * x + sine * y, cosine * y - sine * x

    return Surface(
        f"{surface.name}, turned by {degrees:g}°",
        height=lambda x, y: surface.height(*back(x, y)),
        gradient=lambda x, y: there(*surface.gradient(*back(x, y))),
        start=there(*surface.start),
        minimum=there(*surface.minimum) if surface.minimum else None,
    )


TURNED_VALLEY = turned(LONG_VALLEY, 30)

# Curved 20 times as much across as along, where it falls away from (0, 0) to minima at y = 2 and y = -2.
SADDLE = Surface(
    "x² - y²/20 + y⁴/160",
    height=lambda x, y: x**2 - y**2 / 20 + y**4 / 160,
    gradient=lambda x, y: (2 * x, -y / 10 + y**3 / 40),
    start=(1.5, 0.01),
    minimum=(0.0, 2.0),
)


def _beale(x: Any, y: Any) -> Any:
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


def _beale_gradient(x: Any, y: Any) -> tuple[Any, Any]:
    a, b, c = 1.5 - x + x * y, 2.25 - x + x * y**2, 2.625 - x + x * y**3
    return (
        2 * (a * (y - 1) + b * (y**2 - 1) + c * (y**3 - 1)),
        2 * x * (a + 2 * b * y + 3 * c * y**2),
    )


BEALE = Surface("Beale's function", _beale, _beale_gradient, start=(1.0, 1.5), minimum=(3.0, 0.5))

SLOPE = Surface(
    "-x",
    height=lambda x, y: -x + 0 * y,
    gradient=lambda x, y: (-np.ones_like(x), np.zeros_like(y)),
    start=(0.0, 0.0),
    minimum=None,
)

# A slope of 10 that becomes one of 0.1 at x = 10.
CLIFF = Surface(
    "a steep slope that becomes a gentle one",
    height=lambda x, y: 10 * np.logaddexp(0, 10 - x) - x / 10 + 0 * y,
    gradient=lambda x, y: (-10 / (1 + np.exp(x - 10)) - 0.1, np.zeros_like(y)),
    start=(0.0, 0.0),
    minimum=None,
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


def path_length(path: Numbers) -> float:
    """Length of a path.

    Parameters
    ----------
    path : ndarray (steps + 1, 2)

    Returns
    -------
    float
    """
    return float(np.linalg.norm(np.diff(path, axis=0), axis=1).sum())


def crossings(path: Numbers) -> int:
    """Steps of a path that cross the floor of a valley along the x axis, where y changes sign.

    Parameters
    ----------
    path : ndarray (steps + 1, 2)

    Returns
    -------
    int
    """
    return int(np.sum(np.diff(np.sign(path[:, 1])) != 0))


def mean_turn(path: Numbers) -> float:
    """Mean angle between a step of a path and the one before.

    Parameters
    ----------
    path : ndarray (steps + 1, 2)
        Of two steps or more, none of length 0.

    Returns
    -------
    float
        In degrees: 0 straight on, 180 back and forth.

    Examples
    --------
    >>> round(mean_turn(np.array([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0)])), 6)
    90.0
    """
    steps = np.diff(path, axis=0)
    steps /= np.linalg.norm(steps, axis=1, keepdims=True)
    cosines = np.sum(steps[1:] * steps[:-1], axis=1)
    return float(np.degrees(np.arccos(np.clip(cosines, -1, 1))).mean())
