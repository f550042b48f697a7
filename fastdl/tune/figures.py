"""Figures of a search."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastdl.tune.result import SearchResult
from fastdl.tune.space import Choice, Range
from fastdl.tune.stages import Narrowing
from fastdl.tune.trial import DIRECTIONS
from fastdl.viz import plot_parallel_coordinates, plot_ranges, plot_small_multiples

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_best(result: SearchResult, count: int = 20, ax: Axes | None = None) -> Axes:
    """Draw the course of the best trials, a panel each.

    Parameters
    ----------
    result : SearchResult
    count : int >= 1
        How many.
    ax : matplotlib Axes, optional
        Where to draw; by default axes of a new figure.

    Returns
    -------
    matplotlib Axes
    """
    best = result.top(count) or (result.best,)
    curves = {f"{place}. trial {trial.number}": {result.metric: trial.curve} for place, trial in enumerate(best, 1)}
    return plot_small_multiples(
        curves,
        limits=(0, 1) if result.metric == "accuracy" else None,
        ax=ax,
        title=f"The best {len(best)} of {len(result.trials)} trials",
        note=f"validation {result.metric} after each epoch",
        ylabel=result.metric,
    )


def draw_parallel(result: SearchResult, ax: Axes | None = None) -> Axes:
    """Draw the hyper-parameters of all complete trials as lines across parallel axes.

    Parameters
    ----------
    result : SearchResult
    ax : matplotlib Axes, optional
        Where to draw; by default axes of a new figure.

    Returns
    -------
    matplotlib Axes
    """
    chosen = {name: values for name, values in result.space.items() if isinstance(values, Range | Choice)}
    return plot_parallel_coordinates(
        {name: [trial.params[name] for trial in result.complete] for name in chosen},
        [trial.curve[-1] for trial in result.complete],
        log=[name for name, values in chosen.items() if isinstance(values, Range) and values.log],
        higher_is_better=DIRECTIONS[result.metric] == "maximize",
        ax=ax,
        title=f"{len(result.complete)} trials",
        note="dark: the best",
        label=result.metric,
    )


def draw_ranges(narrowing: Narrowing, ax: Axes | None = None) -> Axes:
    """Draw how the ranges narrowed.

    Parameters
    ----------
    narrowing : Narrowing
    ax : matplotlib Axes, optional
        Where to draw; by default axes of a new figure.

    Returns
    -------
    matplotlib Axes
    """
    first = narrowing.spaces[0]
    return plot_ranges(
        narrowing.ranges,
        log=[name for name, values in first.items() if isinstance(values, Range) and values.log],
        ax=ax,
        title="The ranges, stage by stage",
        note="the last one: of the best trials of the last stage",
    )
