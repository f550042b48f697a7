"""Paths of optimizers on several functions, as small figures side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from fastdl.errors import ArrayError
from fastdl.viz.descent import Limits, as_points, draw_contours, draw_paths, limits_of
from fastdl.viz.style import GREY, looks, new_axes, panels, set_titles

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Scene:
    """Paths on a function.

    Parameters
    ----------
    height : callable
        f(x, y), for arrays too.
    paths : mapping of str to array_like (steps + 1, 2)
        For each label the points, the start first. Those not finite or outside the limits are not seen.
    minimum : (float, float), optional
        Marked with a star.
    limits : ((float, float), (float, float)), optional
        Of x and of y; by default what holds all paths and the minimum.
    note : str
        Below the scene's title.
    """

    height: Callable[[Any, Any], Any]
    paths: Mapping[str, ArrayLike]
    minimum: tuple[float, float] | None = None
    limits: Limits | None = None
    note: str = ""


def plot_scenes(
    scenes: Mapping[str, Scene], *, columns: int = 2, ax: Axes | None = None, title: str = "", note: str = ""
) -> Axes:
    """Draw scenes side by side, row by row, with one legend for all.

    Parameters
    ----------
    scenes : mapping of str to Scene
        By title. A label has the same colour in all; there is a legend if a scene has several paths.
    columns : int >= 1
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
        If there is no scene, or none of its paths, or one is not of shape (N, 2).
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> bowl = Scene(lambda x, y: x**2 + y**2, {"SGD": [(1.0, 1.0), (0.5, 0.5)]})
    >>> ax = plot_scenes({"a bowl": bowl, "the same": bowl})
    >>> [panel.get_title(loc="left") for panel in ax.child_axes]
    ['a bowl', 'the same']
    """
    if not scenes:
        raise ArrayError("nothing to draw", op="plot_scenes", arg="scenes", expected="a scene")
    points = {name: as_points(scene.paths, "plot_scenes") for name, scene in scenes.items()}
    look = looks(dict.fromkeys(label for paths in points.values() for label in paths))
    rows = -(-len(scenes) // columns)
    if ax is None:
        ax = new_axes("plot_scenes", 9.0, 1.2 + (2.8 if columns < 3 else 1.9) * rows)
    small = columns > 2
    grid = [panel for row in panels(ax, rows, columns, 0.45 if small else 0.35) for panel in row]
    for panel, (name, scene) in zip(grid, scenes.items(), strict=False):
        limits = scene.limits or limits_of(points[name], scene.minimum)
        draw_contours(panel, scene.height, limits)
        draw_paths(panel, points[name], look, scene.minimum, size=0.6)
        panel.set(xlim=limits[0], ylim=limits[1])
        panel.tick_params(labelsize="x-small" if small else "small")
        panel.set_title(name, loc="left", fontsize="medium", pad=16 if scene.note else None)
        panel.annotate(
            scene.note, (0, 1), xytext=(0, 5), xycoords="axes fraction", textcoords="offset points", color=GREY,
            fontsize="x-small",
        )  # fmt: skip
    for panel in grid[len(scenes) :]:
        panel.remove()
    for number, panel in enumerate(grid[: len(scenes)]):
        if number % columns == 0:
            panel.set_ylabel("y")
        if number + columns >= len(scenes):
            panel.set_xlabel("x")
    set_titles(ax, title, note, room=30 if any(scene.note for scene in scenes.values()) else 18)
    if any(len(paths) > 1 for paths in points.values()):
        _draw_legend(ax, look)
    return ax


def _draw_legend(ax: Axes, look: Mapping[str, tuple[str, str]]) -> None:
    """All labels in one row below the scenes."""
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=color, linestyle=style, linewidth=2.5) for color, style in look.values()]  # type: ignore[arg-type]  # a style
    ax.legend(
        handles, look, loc="upper center", bbox_to_anchor=(0.5, -0.07), ncols=len(look), frameon=False,
        fontsize="small", handlelength=1.2, columnspacing=1.2,
    )  # fmt: skip
