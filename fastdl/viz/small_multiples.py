"""Many small axes of one kind, a curve or some in each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from fastdl.errors import ArrayError
from fastdl.viz.style import COLORS, GREY, new_axes, panels, set_grid, set_panel_titles

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_small_multiples(
    curves: Mapping[str, Mapping[str, ArrayLike]],
    *,
    columns: int = 5,
    limits: tuple[float, float] | None = None,
    ax: Axes | None = None,
    title: str = "",
    note: str = "",
    xlabel: str = "epoch",
    ylabel: str = "",
) -> Axes:
    """Draw curves in small panels, row by row, all to the same scale.

    Parameters
    ----------
    curves : mapping of str to mapping of str to array_like (N,)
        For each panel's title its curves by name: values at 1, 2, ... Those not finite leave gaps.
    columns : int >= 1
        Panels in a row.
    limits : (float, float), optional
        Of the values; by default what holds them all.
    ax : matplotlib Axes, optional
        Where to draw; by default axes of a new figure that is never shown, only returned.
    title, note : str
        Above all panels: bold, and small below it.
    xlabel, ylabel : str
        At the panel below on the left.

    Returns
    -------
    matplotlib Axes
        The panels are its ``child_axes``.

    Raises
    ------
    ArrayError
        If there is no panel, or one without a curve.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> ax = plot_small_multiples({"best-1": {"validation": [0.5, 0.8]}, "best-2": {"validation": [0.4, 0.7]}})
    >>> [panel.get_title() for panel in ax.child_axes[:2]]
    ['best-1', 'best-2']
    """
    if not curves or not all(curves.values()):
        raise ArrayError("nothing to draw", op="plot_small_multiples", arg="curves", expected="a curve in each panel")
    rows = -(-len(curves) // columns)
    if ax is None:
        ax = new_axes("plot_small_multiples", 1.9 * columns, 0.9 + 1.5 * rows)
    grid = [panel for row in panels(ax, rows, columns) for panel in row]
    if limits is None:
        every = np.concatenate([np.ravel(values) for each in curves.values() for values in each.values()])
        finite = every[np.isfinite(every)]
        limits = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    margin = 0.05 * (limits[1] - limits[0]) or 0.5
    names = list(dict.fromkeys(name for each in curves.values() for name in each))
    for panel, (label, each) in zip(grid, curves.items(), strict=False):
        for name, values in each.items():
            number = names.index(name)
            style = ("-", "--", ":")[number % 3]
            steps = np.arange(1, np.size(values) + 1)
            panel.plot(steps, values, linestyle=style, color=COLORS[number % len(COLORS)], linewidth=1.3, label=name)
        panel.set_ylim(limits[0] - margin, limits[1] + margin)
        panel.set_title(label, fontsize="small", color=GREY)
        panel.tick_params(labelsize="x-small", labelleft=False, labelbottom=False)
        set_grid(panel)
    for panel in grid[len(curves) :]:
        panel.set_visible(False)
    for panel in grid[0 : len(curves) : columns]:
        panel.tick_params(labelleft=True)
    for panel in grid[max(0, len(curves) - columns) : len(curves)]:
        panel.tick_params(labelbottom=True)
    corner = grid[(rows - 1) * columns]
    corner.set_xlabel(xlabel, fontsize="small")
    corner.set_ylabel(ylabel, fontsize="small")
    if len(names) > 1:
        grid[0].legend(frameon=False, fontsize="x-small")
    set_panel_titles(ax, title, note)
    return ax
