"""Numbers of a few named things, as dots in a row each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from fastdl.errors import ArrayError
from fastdl.viz.style import COLORS, GREY, new_axes, set_titles

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_dots(
    groups: Mapping[str, ArrayLike],
    *,
    bound: tuple[str, float] | None = None,
    log: bool = False,
    form: str = ".3g",
    ax: Axes | None = None,
    title: str = "",
    note: str = "",
    xlabel: str = "",
) -> Axes:
    """Draw each group's numbers as dots in one row, and write their mean beside them.

    Parameters
    ----------
    groups : mapping of str to array_like
        For each label, from the top, one number or several.
    bound : (str, float), optional
        A line across at this number, and what it is.
    log : bool
        Whether the axis is logarithmic.
    form : str
        How a mean is written, as of :func:`format`.
    ax : matplotlib Axes, optional
        Where to draw; by default axes of a new figure that is never shown, only returned.
    title, note : str
        Above the axes: bold, and small below it.
    xlabel : str
        What the numbers are.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ArrayError
        If there is no group, or an empty one.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> ax = plot_dots({"each": [0.7, 0.8], "together": 0.85}, xlabel="accuracy")
    >>> [tick.get_text() for tick in ax.get_yticklabels()]
    ['each', 'together']
    """
    rows = {label: np.ravel(np.asarray(numbers, np.float64)) for label, numbers in groups.items()}
    if not rows or any(row.size == 0 for row in rows.values()):
        raise ArrayError("nothing to draw", op="plot_dots", arg="groups", expected="a number in every group")
    if ax is None:
        ax = new_axes("plot_dots", 8.0, 1.4 + 0.34 * len(rows))
    for place, row in enumerate(rows.values()):
        ax.scatter(row, np.full(row.size, place), s=26, color=COLORS[0], alpha=0.45 if row.size > 1 else 1, linewidth=0)
        if row.size > 1:
            ax.scatter(row.mean(), place, marker="|", s=260, color=COLORS[1], linewidth=2)
        text = f"{row.mean():{form}}"
        ax.annotate(text, (1.01, place), xycoords=("axes fraction", "data"), va="center", color=GREY, fontsize="small")
    if bound is not None:
        ax.axvline(bound[1], color=COLORS[1], linestyle="--", linewidth=1)
        ax.annotate(
            bound[0], (bound[1], 1), xycoords=("data", "axes fraction"), xytext=(-4, -3), textcoords="offset points",
            ha="right", va="top", fontsize="small", color=COLORS[1],
        )  # fmt: skip
    if log:
        ax.set_xscale("log")
    ax.set_yticks(range(len(rows)), list(rows))
    ax.set(ylim=(len(rows) - 0.5, -0.5 - 0.6 * (bound is not None)), xlabel=xlabel)
    ax.grid(axis="x", color=GREY, alpha=0.2, linewidth=0.6)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    set_titles(ax, title, note)
    return ax
