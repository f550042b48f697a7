"""Paths of optimizers on a function of two numbers, in space."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastdl.viz.descent import Limits, as_points, heights_on, limits_of, widths
from fastdl.viz.style import looks, new_axes, set_titles

if TYPE_CHECKING:
    from mpl_toolkits.mplot3d.art3d import Poly3DCollection  # type: ignore[import-untyped]  # it has no stubs
    from mpl_toolkits.mplot3d.axes3d import Axes3D  # type: ignore[import-untyped]

GRID = 60  # points along each side of the surface


def plot_surface(
    height: Callable[[Any, Any], Any],
    paths: Mapping[str, ArrayLike],
    *,
    minimum: tuple[float, float] | None = None,
    limits: Limits | None = None,
    view: tuple[float, float] = (45.0, -60.0),
    ax: Axes3D | None = None,
    title: str = "",
    note: str = "",
    zlabel: str = "f",
) -> Axes3D:
    """Draw a function as a surface in space, and paths on it.

    Parameters
    ----------
    height : callable
        f(x, y), for arrays too. Where f spans orders of magnitude give its logarithm.
    paths : mapping of str to array_like (steps + 1, 2)
        For each label the points, the start first. Those not finite or outside the limits are not seen.
    minimum : (float, float), optional
        Marked with a star.
    limits : ((float, float), (float, float)), optional
        Of x and of y; by default what holds all paths and the minimum.
    view : (float, float)
        Degrees above the plane and around it.
    ax : Axes3D, optional
        Where to draw, made with ``projection="3d"``; by default axes of a new figure.
    title, note : str
        Above the axes: bold, and small below it.
    zlabel : str
        Of the height.

    Returns
    -------
    Axes3D

    Raises
    ------
    ArrayError
        If there is no path, or one is not of shape (N, 2).
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> ax = plot_surface(lambda x, y: x**2 + y**2, {"SGD": [(1.0, 1.0), (0.5, 0.5)]})
    >>> [line.get_label() for line in ax.lines]
    ['SGD']
    """
    points = as_points(paths, "plot_surface")
    if ax is None:
        ax = new_axes("plot_surface", projection="3d")
    limits = limits or limits_of(points, minimum)
    draw_surface(ax, height, limits, view, minimum, zlabel)
    for (label, (color, style)), width in zip(looks(points).items(), widths(len(points)), strict=True):
        ax.plot(*on_surface(height, points[label], limits), color=color, linestyle=style, linewidth=width, label=label)
    set_titles(ax, title, note)
    if len(points) > 1:
        ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1.15, 0.6))
    return ax


def draw_surface(
    ax: Axes3D,
    height: Callable[[Any, Any], Any],
    limits: Limits,
    view: tuple[float, float],
    minimum: tuple[float, float] | None,
    zlabel: str,
) -> Poly3DCollection:
    """Draw the surface without paths, and a star at the minimum; what is drawn later is never hidden by it."""
    from matplotlib.ticker import MaxNLocator

    x, y, heights = heights_on(height, limits, GRID)
    ax.computed_zorder = False
    drawn = ax.plot_surface(
        x, y, heights, cmap="Greys", alpha=0.45, linewidth=0, antialiased=True, rcount=GRID, ccount=GRID
    )
    ax.set(xlim=limits[0], ylim=limits[1], xlabel="x", ylabel="y", zlabel=zlabel)
    ax.view_init(*view)
    for axis in (ax.xaxis, ax.yaxis, ax.zaxis):
        axis.set_pane_color((1, 1, 1, 0))
        axis.set_major_locator(MaxNLocator(4))
    if minimum is not None:
        ax.scatter(*on_surface(height, np.array([minimum]), limits), marker="*", s=90, color="black", zorder=3)
    return drawn


def on_surface(
    height: Callable[[Any, Any], Any], path: NDArray[np.float64], limits: Limits
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """x, y and height along a path; NaN, which leaves a gap, where it is outside the limits."""
    x, y = path.T
    with np.errstate(over="ignore", invalid="ignore"):
        inside = np.all([(low <= each) & (each <= high) for each, (low, high) in zip((x, y), limits, strict=True)], 0)
        x, y = np.where(inside, x, np.nan), np.where(inside, y, np.nan)
        return x, y, np.asarray(height(x, y), dtype=np.float64)
