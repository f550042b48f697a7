"""The best value that searches have found, against the number of trials."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from fastdl.errors import ArrayError
from fastdl.viz.style import COLORS, new_axes, set_grid, set_titles

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_best_so_far(
    runs: Mapping[str, ArrayLike],
    *,
    ax: Axes | None = None,
    title: str = "",
    note: str = "",
    ylabel: str = "best so far",
) -> Axes:
    """Draw for each kind of search the mean of its runs, and what lies within a standard error of it.

    Parameters
    ----------
    runs : mapping of str to array_like (R, T)
        For each label the best value after each of T trials, of R runs.
    ax : matplotlib Axes, optional
        Where to draw; by default axes of a new figure that is never shown, only returned.
    title, note : str
        Above the axes: bold, and small below it.
    ylabel : str

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ArrayError
        If there is no run, or they are not of two dimensions.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> ax = plot_best_so_far({"random": [[0.5, 0.7], [0.6, 0.6]], "TPE": [[0.5, 0.8], [0.7, 0.9]]})
    >>> [line.get_label() for line in ax.lines]
    ['random', 'TPE']
    """
    curves = {label: np.asarray(each, dtype=np.float64) for label, each in runs.items()}
    for label, each in curves.items():
        if each.ndim != 2 or not each.size:
            raise ArrayError(
                "not runs", op="plot_best_so_far", arg="runs", key=label, expected="shape (R, T)", got=str(each.shape)
            )
    if not curves:
        raise ArrayError("nothing to draw", op="plot_best_so_far", arg="runs", expected="a run")
    if ax is None:
        ax = new_axes("plot_best_so_far")
    for number, (label, each) in enumerate(curves.items()):
        trials = np.arange(1, each.shape[1] + 1)
        mean = each.mean(axis=0)
        error = each.std(axis=0, ddof=1) / np.sqrt(len(each)) if len(each) > 1 else np.zeros_like(mean)
        color = COLORS[number % len(COLORS)]
        ax.fill_between(trials, mean - error, mean + error, color=color, alpha=0.2, linewidth=0, step="post")
        ax.plot(trials, mean, color=color, linewidth=1.8, drawstyle="steps-post", label=label)
    ax.set(xlabel="trials", ylabel=ylabel)
    ax.margins(x=0)
    set_grid(ax)
    ax.legend(frameon=False, loc="best")
    set_titles(ax, title, note)
    return ax
