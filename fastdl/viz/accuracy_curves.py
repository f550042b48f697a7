"""Accuracy against epoch: training and test data apart, or small figures side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastdl.errors import ArrayError
from fastdl.viz.style import COLORS, new_axes, panels, set_grid, set_panel_titles, set_titles

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_accuracy_curves(
    runs: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    ax: Axes | None = None,
    title: str = "",
    note: str = "",
) -> Axes:
    """Draw accuracy on training data (solid) and on test data (dashed), with the gap between them at the end.

    Parameters
    ----------
    runs : mapping of str to (array_like, array_like)
        For each label the accuracies, 0..1, on training and on test data, of shape (epochs,) or (runs, epochs); of
        several runs the mean is drawn, and a band from the least to the largest.
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
        If there is no run, or one is empty.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> ax = plot_accuracy_curves({"none": ([0.5, 1.0], [0.4, 0.7])})
    >>> [line.get_label() for line in ax.lines]
    ['none, training', 'none, test']
    """
    curves = {label: [_as_runs(curve, "plot_accuracy_curves") for curve in pair] for label, pair in runs.items()}
    if not curves:
        raise ArrayError("nothing to draw", op="plot_accuracy_curves", arg="runs", expected="a run")
    if ax is None:
        ax = new_axes("plot_accuracy_curves")
    for number, (label, pair) in enumerate(curves.items()):
        color = COLORS[number % len(COLORS)]
        for curve, style, kind in zip(pair, ("-", "--"), ("training", "test"), strict=True):
            epochs = np.arange(1, curve.shape[1] + 1)
            name = f"{label}, {kind}"
            ax.plot(epochs, curve.mean(axis=0), color=color, linestyle=style, linewidth=1.6, label=name)
            ax.fill_between(epochs, curve.min(axis=0), curve.max(axis=0), color=color, alpha=0.15, linewidth=0)
    ax.set(ylim=(0, 1.03), xlabel="epoch", ylabel="accuracy")
    ax.margins(x=0)
    set_grid(ax)
    set_titles(ax, title, note)
    ax.legend(frameon=False, loc="lower right", ncols=len(curves))
    return ax


def plot_curve_grid(
    grid: Mapping[str, Mapping[str, ArrayLike]],
    columns: int = 4,
    *,
    ax: Axes | None = None,
    title: str = "",
    note: str = "",
    xlabel: str = "epoch",
    ylabel: str = "accuracy",
    ylim: tuple[float, float] = (0.0, 1.0),
) -> Axes:
    """Draw small figures in rows, with the same axes and the same labels in each.

    Parameters
    ----------
    grid : mapping of str to mapping of str to array_like
        For each small figure's title its curves, of shape (N,) or (runs, N), of which the mean is drawn.
    columns : int >= 1
        Small figures in a row.
    ax : matplotlib Axes, optional
        The area to draw on; by default that of a new figure that is never shown, only returned.
    title, note : str
        Above the area: bold, and small below it.
    xlabel, ylabel : str
        Of all axes; shown once each, at the lower left.
    ylim : (float, float)
        Of all of them.

    Returns
    -------
    matplotlib Axes
        Of the area; the small ones are its ``child_axes``.

    Raises
    ------
    ArrayError
        If there is no small figure, or a curve is empty.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> ax = plot_curve_grid({"W ~ 1": {"with": [0.2, 0.9], "without": [0.1, 0.3]}, "W ~ 0.1": {}}, columns=2)
    >>> [small.get_title() for small in ax.child_axes]
    ['W ~ 1', 'W ~ 0.1']
    """
    if not grid:
        raise ArrayError("nothing to draw", op="plot_curve_grid", arg="grid", expected="a small figure")
    if ax is None:
        ax = new_axes("plot_curve_grid", 8.0, 7.0)
    rows = -(-len(grid) // columns)
    small = [each for row in panels(ax, rows, columns, gap=0.32) for each in row]
    labels = list(dict.fromkeys(label for curves in grid.values() for label in curves))
    for number, (each, (name, curves)) in enumerate(zip(small, grid.items(), strict=False)):
        for label, curve in curves.items():
            place = labels.index(label)
            mean = _as_runs(curve, "plot_curve_grid").mean(axis=0)
            style = ("-", "--", ":")[place % 3]
            each.plot(
                np.arange(1, mean.size + 1), mean, color=COLORS[place % len(COLORS)], linestyle=style, label=label
            )
        each.set_title(name, fontsize="small", pad=3)
        each.set_ylim(*ylim)
        each.tick_params(labelsize="x-small", length=2)
        set_grid(each)
        if number % columns:
            each.set_yticklabels([])
        if number + columns < len(grid):
            each.set_xticklabels([])
    lowest = small[(rows - 1) * columns]
    lowest.set_xlabel(xlabel, fontsize="small")
    lowest.set_ylabel(ylabel, fontsize="small")
    for each in small[len(grid) :]:
        each.remove()
    set_panel_titles(ax, title, note, small[0].lines, labels)
    return ax


def _as_runs(curve: ArrayLike, op: str) -> NDArray[np.float64]:
    """A curve of each run."""
    runs = np.atleast_2d(np.asarray(curve, np.float64))
    if runs.ndim != 2 or runs.size == 0:
        raise ArrayError("not a curve", op=op, expected="shape (N,) or (runs, N)", got=str(np.shape(curve)))
    return runs
