"""Choices of hyper-parameters as lines across parallel axes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastdl.errors import ArrayError
from fastdl.viz.style import GREY, new_axes, set_titles

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_parallel_coordinates(
    columns: Mapping[str, Sequence[Any]],
    values: ArrayLike,
    *,
    log: Collection[str] = (),
    higher_is_better: bool = True,
    ax: Axes | None = None,
    title: str = "",
    note: str = "",
    label: str = "value",
) -> Axes:
    """Draw each row of a table as a line across one vertical axis a column, coloured by its value, the best on top.

    Parameters
    ----------
    columns : mapping of str to sequence
        For each axis a number, or a text, of each row. Texts stand at equal distances; an axis of integers has
        integers at its ticks.
    values : array_like (N,)
        What the rows have reached: the last axis. Rows whose value is not finite are left out.
    log : collection of str
        The columns with logarithmic axes.
    higher_is_better : bool
        Whether the largest value is the best.
    ax : matplotlib Axes, optional
        Where to draw; by default axes of a new figure that is never shown, only returned.
    title, note : str
        Above the axes: bold, and small below it.
    label : str
        Of the values.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ArrayError
        If there is nothing to draw, or a column has not a number for each value.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> ax = plot_parallel_coordinates({"lr": [1e-3, 1e-2], "layers": [2, 5]}, [0.7, 0.9], log=["lr"])
    >>> [text.get_text() for text in ax.get_xticklabels()]
    ['lr', 'layers', 'value']
    """
    reached = np.asarray(values, dtype=np.float64)
    kept = np.isfinite(reached)
    if not columns or not kept.any() or any(len(column) != reached.size for column in columns.values()):
        raise ArrayError(
            "nothing to draw", op="plot_parallel_coordinates", arg="columns", expected="a number for each value"
        )
    if ax is None:
        ax = new_axes("plot_parallel_coordinates", 8.0, 4.8)
    from matplotlib import colormaps

    places = [
        _place(np.asarray(column, dtype=object)[kept], name in log)
        for name, column in [*columns.items(), (label, reached)]
    ]
    heights = np.stack([heights for heights, _ in places], axis=1)
    goodness = heights[:, -1] if higher_is_better else 1 - heights[:, -1]
    x = np.arange(len(places))
    for row in np.argsort(goodness, kind="stable"):
        good = goodness[row]
        color = colormaps["viridis_r"](0.05 + 0.9 * good)
        ax.plot(x, heights[row], color=color, alpha=0.25 + 0.75 * good**2, linewidth=0.7 + 1.3 * good**4)
    for position, (_, ticks) in enumerate(places):
        ax.axvline(position, color=GREY, linewidth=0.8)
        for height, text in ticks:
            ax.annotate(
                text, (position, height), (3, 0), textcoords="offset points", fontsize="small", va="center",
                bbox={"boxstyle": "square,pad=0.1", "color": "white", "alpha": 0.75, "linewidth": 0},
            )  # fmt: skip
    ax.set_xticks(x, [*columns, label])
    ax.set_yticks([])
    ax.set_xlim(-0.1, len(places) - 0.6)
    ax.spines[:].set_visible(False)
    set_titles(ax, title, note)
    return ax


def _place(column: NDArray[Any], log: bool) -> tuple[NDArray[np.float64], list[tuple[float, str]]]:
    """Heights from 0 to 1 of a column's entries, and the heights that have a label."""
    if any(not isinstance(each, int | float | np.number) or isinstance(each, bool) for each in column):
        texts = [str(each) for each in column]
        labels = sorted(set(texts))
        height = {text: number / max(1, len(labels) - 1) for number, text in enumerate(labels)}
        return np.array([height[text] for text in texts]), [(place, text) for text, place in height.items()]
    numbers = column.astype(np.float64)
    scaled = np.log10(numbers) if log else numbers
    low, high = scaled.min(), scaled.max()
    if low == high:
        return np.full(len(scaled), 0.5), [(0.5, _text(column[0]))]
    shown = np.logspace(low, high, 5) if log else np.linspace(low, high, 5)
    if all(isinstance(each, int | np.integer) for each in column):
        shown = np.unique(shown.round()).astype(np.int64)
    at = np.log10(shown) if log else shown
    ticks = [(float(place), _text(number)) for place, number in zip((at - low) / (high - low), shown, strict=True)]
    return (scaled - low) / (high - low), ticks


def _text(number: Any) -> str:
    return str(number) if isinstance(number, int | np.integer) else f"{number:.3g}"
