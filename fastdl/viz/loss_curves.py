"""Loss against step, one curve a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastdl.errors import ArrayError, HyperparameterError
from fastdl.viz.style import looks, new_axes, set_grid, set_titles

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOG_FROM = 20.0  # largest over smallest smoothed loss from which the axis is logarithmic


def smooth_curve(values: ArrayLike, window: int = 11, beta: float = 2.0) -> NDArray[np.float64]:
    """Weighted moving average with a Kaiser window; the ends are continued by reflection.

    With its defaults, the book's function of this name.

    Parameters
    ----------
    values : array_like (N,)
        For example the loss of each step. A value that is not finite spoils the averages it is part of.
    window : odd int >= 1
        Values in an average.
    beta : float >= 0
        0: all weigh the same; the larger, the more the middle weighs.

    Returns
    -------
    ndarray (N,) of float64

    Raises
    ------
    HyperparameterError
        If ``window`` is even or less than 1.
    ArrayError
        If ``values`` are not of one dimension.

    Examples
    --------
    >>> smooth_curve([0.0, 0.0, 3.0, 0.0, 0.0], window=3, beta=0.0)
    array([0., 1., 1., 1., 0.])
    """
    if window < 1 or window % 2 == 0:
        raise HyperparameterError(
            "no middle", op="smooth_curve", arg="window", expected="an odd integer >= 1", got=repr(window)
        )
    curve = np.asarray(values, dtype=np.float64)
    if curve.ndim != 1:
        raise ArrayError(
            "not a curve", op="smooth_curve", arg="values", expected="shape (N,)", got=f"shape {curve.shape}"
        )
    if curve.size == 0:
        return curve.copy()
    weights = np.kaiser(window, beta)
    return np.convolve(np.pad(curve, window // 2, mode="reflect"), weights / weights.sum(), mode="valid")


def plot_loss_curves(
    histories: Mapping[str, ArrayLike],
    *,
    ax: Axes | None = None,
    smooth: int | None = None,
    title: str = "Training loss",
    note: str = "",
    **line: Any,
) -> Axes:
    """Draw losses against steps: every loss faint, their moving average bold.

    The legend has the order of the curves' ends, the highest first. The loss axis spans the averages, and is
    logarithmic where the largest is 20 times the smallest.

    Parameters
    ----------
    histories : mapping of str to array_like (N,)
        For each label the loss of each step, such as ``History.losses``. Those not finite leave gaps.
    ax : matplotlib Axes, optional
        Where to draw; by default axes of a new figure that is never shown, only returned.
    smooth : odd int >= 1, optional
        Window of `smooth_curve`; by default 1 % of the longest run, but at least the book's 11. 1 draws the
        losses alone.
    title, note : str
        Above the axes: bold, and small below it.
    **line
        Passed to matplotlib for the bold lines, such as ``linewidth=3``.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ArrayError
        If there is no curve, or one is empty or not of one dimension.
    HyperparameterError
        If ``smooth`` is even or less than 1.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> ax = plot_loss_curves({"sgd": 2.3 / np.arange(1, 101)})
    >>> ax.get_ylabel(), ax.get_yscale()
    ('loss (nats)', 'log')
    """
    curves = {label: np.asarray(losses, dtype=np.float64) for label, losses in histories.items()}
    longest = max((curve.size for curve in curves.values()), default=0)
    if not all(curve.size for curve in curves.values()) or longest == 0:
        raise ArrayError("nothing to draw", op="plot_loss_curves", arg="histories", expected="a loss in every run")
    window = max(11, longest // 200 * 2 + 1) if smooth is None else smooth
    averages = {label: smooth_curve(curve, window) for label, curve in curves.items()}
    if ax is None:
        ax = new_axes("plot_loss_curves")
    for label, (color, style) in looks(averages).items():
        average = averages[label]
        steps = np.arange(1, average.size + 1)
        if window > 1:
            _draw_faint(ax, steps, curves[label], color)
        options = {"color": color, "linestyle": style, "linewidth": 1.8, "label": label, **line}
        ax.plot(steps, average, **options)
    if _spans_orders(np.concatenate(list(averages.values()))):
        _make_logarithmic(ax)
    if window > 1:
        note = f"{note} · bold: moving average of {window} steps".removeprefix(" · ")
    _dress(ax, title, note, {label: _end(average) for label, average in averages.items()})
    return ax


def _draw_faint(ax: Axes, steps: NDArray[Any], losses: NDArray[np.float64], color: str) -> None:
    """Draw the single losses, which the limits of the axes do not follow: outliers would squeeze the rest."""
    from matplotlib.collections import LineCollection

    curve = LineCollection([np.column_stack([steps, losses])], colors=color, alpha=0.22, linewidths=0.5)
    ax.add_collection(curve, autolim=False)


def _spans_orders(values: NDArray[np.float64]) -> bool:
    finite = values[np.isfinite(values)]
    return bool(finite.size and finite.min() > 0 and finite.max() >= LOG_FROM * finite.min())


def _make_logarithmic(ax: Axes) -> None:
    """Set a logarithmic loss axis, with ticks at plain numbers, also between the decades if there are few."""
    from matplotlib.ticker import LogLocator

    ax.set_yscale("log")
    low, high = ax.get_ylim()
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 1000 * low else (1,)))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter("")


def _end(average: NDArray[np.float64]) -> float:
    """Last finite value of a curve; infinity for one that has none."""
    finite = average[np.isfinite(average)]
    return float(finite[-1]) if finite.size else np.inf


def _dress(ax: Axes, title: str, note: str, ends: Mapping[str, float]) -> None:
    """Titles, axis labels, grid, legend."""
    set_titles(ax, title, note)
    ax.set_xlabel("step (mini-batches)")
    ax.set_ylabel("loss (nats)")
    ax.margins(x=0)
    set_grid(ax)
    entries = zip(*ax.get_legend_handles_labels(), strict=True)
    handles, labels = zip(*sorted(entries, key=lambda entry: -ends.get(entry[1], np.inf)), strict=True)
    ax.legend(handles, labels, frameon=False, loc="upper right")
