"""Curves against any quantity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from fastdl.errors import ArrayError
from fastdl.viz.style import looks, new_axes, set_grid, set_titles

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MANY = 4  # more curves than these have their legend beside the axes


def plot_lines(
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    xlabel: str,
    ylabel: str,
    xscale: str = "linear",
    yscale: str = "linear",
    legend: bool = True,
    ax: Axes | None = None,
    title: str = "",
    note: str = "",
) -> Axes:
    """Draw curves, each given by its x and its y.

    Parameters
    ----------
    curves : mapping of str to (array_like (N,), array_like (N,))
        For each label x and y. Values not finite leave gaps.
    xlabel, ylabel : str
        What is along the axes, with the unit.
    xscale, yscale : {"linear", "log"}
    legend : bool
        Whether to explain the curves, if there are several; beside the axes if they are many.
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
        If there is no curve, or an x and its y are not of one shape (N,).
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> ax = plot_lines({"AdaGrad": ([1, 4, 9], [1, 1 / 2, 1 / 3])}, xlabel="step", ylabel="length")
    >>> [line.get_label() for line in ax.lines]
    ['AdaGrad']
    """
    if not curves:
        raise ArrayError("nothing to draw", op="plot_lines", arg="curves", expected="a curve")
    for label, (x, y) in curves.items():
        if np.ndim(x) != 1 or np.shape(x) != np.shape(y):
            raise ArrayError(
                "not a curve", op="plot_lines", arg="curves", key=label,
                expected="x and y of one shape (N,)", got=f"{np.shape(x)} and {np.shape(y)}",
            )  # fmt: skip
    if ax is None:
        ax = new_axes("plot_lines")
    for label, (color, style) in looks(curves).items():
        ax.plot(*curves[label], color=color, linestyle=style, linewidth=1.5, label=label)
    ax.set(xlabel=xlabel, ylabel=ylabel, xscale=xscale, yscale=yscale)
    set_grid(ax)
    set_titles(ax, title, note)
    if legend and len(curves) > MANY:
        ax.legend(frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))
    elif legend and len(curves) > 1:
        ax.legend(frameon=False, fontsize="small")
    return ax
