"""Paths of optimizers on a function of two numbers, from above."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastdl.errors import ArrayError
from fastdl.viz.style import GREY, looks, new_axes, set_titles

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GRID = 160  # points along each side of the contours
DOTTED = 100  # points of a path, at most, where each is drawn as a dot
FIELD = 15  # arrows along each side of the field

Limits = tuple[tuple[float, float], tuple[float, float]]


def plot_descent(
    height: Callable[[Any, Any], Any],
    paths: Mapping[str, ArrayLike],
    *,
    gradient: Callable[[Any, Any], tuple[Any, Any]] | None = None,
    minimum: tuple[float, float] | None = None,
    limits: Limits | None = None,
    grid: int = GRID,
    legend: bool = True,
    ax: Axes | None = None,
    title: str = "",
    note: str = "",
) -> Axes:
    """Draw contours of a function, the field of its negative gradient, and paths.

    Parameters
    ----------
    height : callable
        f(x, y), for arrays too.
    paths : mapping of str to array_like (steps + 1, 2)
        For each label the points, the start first. Those not finite or outside the limits are not seen.
    gradient : callable, optional
        (df/dx, df/dy) of x and y; its negative is drawn as arrows of equal length.
    minimum : (float, float), optional
        Marked with a star.
    limits : ((float, float), (float, float)), optional
        Of x and of y; by default what holds all paths and the minimum.
    grid : int >= 2
        Points along each side that the contours are drawn from: fewer where the function takes long.
    legend : bool
        Whether to explain the paths, if there are several.
    ax : matplotlib Axes, optional
        Where to draw; by default axes of a new figure that is never shown, only returned.
    title, note : str
        Above the axes: bold, and small below it.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ArrayError
        If there is no path, or one is not of shape (N, 2).
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> ax = plot_descent(lambda x, y: x**2 + y**2, {"SGD": [(1.0, 1.0), (0.5, 0.5)]})
    >>> [line.get_label() for line in ax.lines]
    ['SGD']
    """
    points = as_points(paths, "plot_descent")
    if ax is None:
        ax = new_axes("plot_descent")
    (left, right), (bottom, top) = limits = limits or limits_of(points, minimum)
    draw_contours(ax, height, limits, grid)
    if gradient is not None:
        _draw_field(ax, gradient, (left, right), (bottom, top))
    draw_paths(ax, points, looks(points), minimum)
    ax.set(xlim=(left, right), ylim=(bottom, top), xlabel="x", ylabel="y")
    set_titles(ax, title, note)
    if legend and len(points) > 1:
        ax.legend(edgecolor="none", framealpha=0.85, loc="upper right", ncols=2 if len(points) > 4 else 1)
    return ax


def as_points(paths: Mapping[str, ArrayLike], op: str) -> dict[str, NDArray[np.float64]]:
    """The paths as arrays; raises ArrayError where there is none, or one is not of shape (N, 2)."""
    points = {label: np.asarray(path, dtype=np.float64) for label, path in paths.items()}
    for label, path in points.items():
        if path.ndim != 2 or path.shape[1] != 2:
            raise ArrayError("not a path", op=op, arg="paths", key=label, expected="shape (N, 2)", got=str(path.shape))
    if not points:
        raise ArrayError("nothing to draw", op=op, arg="paths", expected="a path")
    return points


def limits_of(paths: Mapping[str, NDArray[np.float64]], minimum: tuple[float, float] | None) -> Limits:
    """What holds all finite points, and a tenth more on each side."""
    points = np.concatenate([*paths.values(), np.array([minimum or ()]).reshape(-1, 2)])
    points = points[np.isfinite(points).all(axis=1)]
    low, high = points.min(axis=0), points.max(axis=0)
    margin = np.where(high > low, 0.1 * (high - low), 1.0)
    (left, bottom), (right, top) = low - margin, high + margin
    return (left, right), (bottom, top)


def heights_on(
    height: Callable[[Any, Any], Any], limits: Limits, grid: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """x, y and f(x, y), each of shape (grid, grid), over the limits."""
    x, y = np.meshgrid(*(np.linspace(low, high, grid) for low, high in limits))
    return x, y, np.asarray(height(x, y), dtype=np.float64)


def draw_contours(ax: Axes, height: Callable[[Any, Any], Any], limits: Limits, grid: int = GRID) -> None:
    """Draw contours at levels that have equal areas between them: steep slopes do not take them all."""
    x, y, heights = heights_on(height, limits, grid)
    levels = np.quantile(heights[np.isfinite(heights)], np.linspace(0.01, 0.99, 18))
    ax.contour(x, y, heights, levels=np.unique(levels), colors=GREY, linewidths=0.5, alpha=0.5)


def widths(number: int) -> list[float]:
    """Widths of lines that are drawn one over the other: the wider the earlier, so that none hides what is below it."""
    return [1.3 + 0.45 * later for later in reversed(range(number))]


def draw_paths(
    ax: Axes,
    paths: Mapping[str, NDArray[np.float64]],
    look: Mapping[str, tuple[str, str]],
    minimum: tuple[float, float] | None,
    size: float = 1.0,
) -> None:
    """Draw paths in their colours and line styles, a dot for each step unless those are many, and a star."""
    for (label, path), width in zip(paths.items(), widths(len(paths)), strict=True):
        color, style = look[label]
        ax.plot(
            *path.T, marker="o" if len(path) <= DOTTED else "", markersize=2.5 * size, linewidth=width * size**0.5,
            linestyle=style, color=color, label=label,
        )  # fmt: skip
    if minimum is not None:
        draw_minimum(ax, minimum, size)


def draw_minimum(ax: Axes, minimum: tuple[float, float], size: float = 1.0) -> None:
    """Draw a star."""
    ax.scatter(*minimum, marker="*", s=90 * size, color="black", zorder=3)


def draw_view(ax: Axes, height: Callable[[Any, Any], Any], limits: Limits, minimum: tuple[float, float] | None) -> None:
    """Draw the contours, and a star at the minimum, without paths."""
    draw_contours(ax, height, limits)
    ax.set(xlim=limits[0], ylim=limits[1], xlabel="x", ylabel="y")
    if minimum is not None:
        draw_minimum(ax, minimum)


def _draw_field(
    ax: Axes,
    gradient: Callable[[Any, Any], tuple[Any, Any]],
    x_limits: tuple[float, float],
    y_limits: tuple[float, float],
) -> None:
    x, y = np.meshgrid(np.linspace(*x_limits, FIELD), np.linspace(*y_limits, FIELD))
    dx, dy = np.broadcast_arrays(*gradient(x, y))
    length = np.hypot(dx, dy)
    length[length == 0] = 1
    ax.quiver(x, y, -dx / length, -dy / length, angles="xy", color=GREY, alpha=0.35, width=0.002, scale=28)
