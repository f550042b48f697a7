"""What goes on in each layer of a network: how its numbers are distributed, and a number a layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from fastdl.errors import ArrayError
from fastdl.viz.style import COLORS, new_axes, set_grid, set_titles

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SPAN = 0.85  # of the space between two layers that the longest bar takes


def plot_layer_histograms(
    counts: Sequence[ArrayLike],
    edges: ArrayLike,
    *,
    ax: Axes | None = None,
    title: str = "",
    note: str = "",
    color: str = COLORS[0],
    ylabel: str = "activation",
) -> Axes:
    """Draw one histogram a layer, lying on its side: layers from left to right, values upwards.

    Each layer's longest bar has the same length.

    Parameters
    ----------
    counts : sequence of array_like (bins,)
        For each layer how many values are in each bin, as ``numpy.histogram`` returns them.
    edges : array_like (bins + 1,)
        The bins' limits, the same for all layers.
    ax : matplotlib Axes, optional
        Where to draw; by default axes of a new figure that is never shown, only returned.
    title, note : str
        Above the axes: bold, and small below it.
    color : str
        Of the bars.
    ylabel : str
        What is counted.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ArrayError
        If there is no layer, or one has not a count for every bin.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> ax = plot_layer_histograms([[1, 3], [2, 2]], [0.0, 0.5, 1.0])
    >>> [int(tick) for tick in ax.get_xticks()]
    [1, 2]
    """
    limits = np.asarray(edges, np.float64)
    rows = [np.asarray(row, np.float64) for row in counts]
    if not rows or any(row.shape != (limits.size - 1,) for row in rows):
        raise ArrayError(
            "does not fit the edges", op="plot_layer_histograms", arg="counts",
            expected=f"at least one layer, each with {limits.size - 1} counts", got=str([row.shape for row in rows]),
        )  # fmt: skip
    if ax is None:
        ax = new_axes("plot_layer_histograms")
    for number, row in enumerate(rows, start=1):
        lengths = SPAN * row / max(row.max(), 1e-300)
        ax.barh(limits[:-1], lengths, height=np.diff(limits), left=number, align="edge", color=color, linewidth=0)
        ax.axvline(number, color=color, linewidth=0.5, alpha=0.5)
    ax.set(xlim=(0.8, len(rows) + 1), ylim=(limits[0], limits[-1]), xlabel="layer", ylabel=ylabel)
    ax.set_xticks(range(1, len(rows) + 1))
    ax.spines[["top", "right"]].set_visible(False)
    set_titles(ax, title, note)
    return ax


def plot_layer_values(
    values: Mapping[str, ArrayLike],
    *,
    ax: Axes | None = None,
    title: str = "",
    note: str = "",
    ylabel: str = "norm of the gradient",
    legend: bool = True,
) -> Axes:
    """Draw a number of each layer, such as the norm of its gradient: one line a network, on a logarithmic axis.

    Parameters
    ----------
    values : mapping of str to array_like (L,) or (R, L)
        For each label a number of each layer; of several runs the geometric mean is drawn, and a band from the least
        to the largest. Those not above 0 leave gaps.
    ax : matplotlib Axes, optional
        Where to draw; by default axes of a new figure that is never shown, only returned.
    title, note : str
        Above the axes: bold, and small below it.
    ylabel : str
        What the number is.
    legend : bool
        Whether the labels are shown.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ArrayError
        If there is no line, or one is empty or of more than two dimensions.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> ax = plot_layer_values({"he": [1.0, 1.1, 0.9], "0.01": [1e-6, 1e-4, 1e-2]})
    >>> ax.get_yscale(), len(ax.lines)
    ('log', 2)
    """
    lines = {label: np.atleast_2d(np.asarray(line, np.float64)) for label, line in values.items()}
    if not lines or any(line.ndim != 2 or line.size == 0 for line in lines.values()):
        raise ArrayError("nothing to draw", op="plot_layer_values", arg="values", expected="a number of every layer")
    if ax is None:
        ax = new_axes("plot_layer_values")
    from matplotlib.ticker import MaxNLocator

    for number, (label, line) in enumerate(lines.items()):
        color = COLORS[number % len(COLORS)]
        positive = np.where(line > 0, line, np.nan)
        layers = np.arange(1, line.shape[1] + 1)
        ax.plot(layers, np.exp(np.log(positive).mean(axis=0)), color=color, marker="o", markersize=2.5, label=label)
        if len(line) > 1:
            ax.fill_between(layers, positive.min(axis=0), positive.max(axis=0), color=color, alpha=0.2, linewidth=0)
    ax.set(yscale="log", xlabel="layer", ylabel=ylabel)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    set_grid(ax)
    set_titles(ax, title, note)
    if legend:
        ax.legend(frameon=False)
    return ax
