"""How ranges narrow, stage by stage."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from fastdl.errors import ArrayError
from fastdl.viz.style import COLORS, GREY, new_axes, panels, set_grid, set_panel_titles

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_ranges(
    ranges: Mapping[str, ArrayLike],
    *,
    points: Mapping[str, Sequence[ArrayLike]] | None = None,
    log: Collection[str] = (),
    ax: Axes | None = None,
    title: str = "",
    note: str = "",
) -> Axes:
    """Draw the range of each hyper-parameter, a bar a stage, in panels side by side.

    Parameters
    ----------
    ranges : mapping of str to array_like (stages, 2)
        The ends of each stage's range.
    points : mapping of str to sequence of array_like, optional
        For each stage the values that made the next range, drawn as dots.
    log : collection of str
        The ones with logarithmic axes.
    ax : matplotlib Axes, optional
        Where to draw; by default axes of a new figure that is never shown, only returned.
    title, note : str
        Above the panels: bold, and small below it.

    Returns
    -------
    matplotlib Axes
        The panels are its ``child_axes``.

    Raises
    ------
    ArrayError
        If there is no range, or one is not of shape (stages, 2).
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> ax = plot_ranges({"lr": [(1e-6, 1e-2), (1e-3, 1e-2)]}, log=["lr"])
    >>> ax.child_axes[0].get_yscale()
    'log'
    """
    stages = {name: np.asarray(ends, dtype=np.float64) for name, ends in ranges.items()}
    for name, ends in stages.items():
        if ends.ndim != 2 or ends.shape[1] != 2:
            raise ArrayError(
                "not ranges", op="plot_ranges", arg="ranges", key=name, expected="shape (stages, 2)",
                got=str(ends.shape),
            )  # fmt: skip
    if not stages:
        raise ArrayError("nothing to draw", op="plot_ranges", arg="ranges", expected="a range")
    if ax is None:
        ax = new_axes("plot_ranges", max(4.0, 4.0 * len(stages)), 4.2)
    for panel, (name, ends) in zip(panels(ax, 1, len(stages))[0], stages.items(), strict=True):
        if name in log:
            panel.set_yscale("log")
        numbers = np.arange(1, len(ends) + 1)
        panel.vlines(numbers, ends[:, 0], ends[:, 1], color=COLORS[0], alpha=0.35, linewidth=12)
        for number, values in zip(numbers, (points or {}).get(name, ()), strict=False):
            panel.plot(np.full(np.size(values), number), values, "o", markersize=4, color=COLORS[1])
        panel.set_xticks(numbers)
        panel.set_xlim(0.4, len(ends) + 0.6)
        panel.set_title(name, fontsize="medium", color=GREY)
        panel.set_xlabel("stage")
        set_grid(panel)
    set_panel_titles(ax, title, note)
    return ax
