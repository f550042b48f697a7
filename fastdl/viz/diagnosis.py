"""What goes on inside a network, as one figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastdl.viz.layers import plot_layer_histograms, plot_layer_values
from fastdl.viz.style import COLORS, GREY, new_axes, panels, set_grid, set_titles

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from fastdl.train import Diagnosis

BINS = 40
OUTSIDE = 1.0  # percent of the values at either end that histograms leave out
USUAL = 1e-3  # update over weight


def plot_diagnosis(diagnosis: Diagnosis, *, ax: Axes | None = None, title: str = "", note: str = "") -> Axes:
    """Draw each layer's activations, gradients, dead units and gradient norms, and how far each parameter moved.

    Parameters
    ----------
    diagnosis : Diagnosis
        From `fastdl.train.diagnose`, or one of the records of `fastdl.train.Diagnostics`, which know the last update.
    ax : matplotlib Axes, optional
        Where to draw; by default axes of a new figure that is never shown, only returned.
    title, note : str
        Above the panels: bold, and small below it; by default the step and the loss.

    Returns
    -------
    matplotlib Axes
        The panels are its ``child_axes``.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> from fastdl.nn import MLP
    >>> from fastdl.train import diagnose
    >>> x, t = np.random.default_rng(0).random((50, 4), np.float32), np.arange(50) % 3
    >>> ax = plot_diagnosis(diagnose(MLP([4, 20, 20, 3], seed=0), x, t))
    >>> [panel.get_title(loc="left") for panel in ax.child_axes[:2]]
    ['activations, middle 98 %', 'gradients, middle 98 %']
    """
    if ax is None:
        ax = new_axes("plot_diagnosis", 9.0, 6.6)
    (outputs, gradients), (norms, updates) = panels(ax, 2, 2, gap=0.45)
    layers = diagnosis.layers
    _draw_values(outputs, [layer.activations for layer in layers], "activations, middle 98 %", COLORS[0])
    outputs.set_xticks(
        outputs.get_xticks(),
        [f"{number}\n{layer.dead_share:.0%}" for number, layer in enumerate(layers, 1)],
    )
    outputs.set_xlabel("layer, and its dead units")
    _draw_values(gradients, [layer.gradients for layer in layers], "gradients, middle 98 %", COLORS[1])
    plot_layer_values(
        {
            "of the outputs": [layer.gradient_norm for layer in layers],
            "of the parameters": [layer.weight_gradient_norm for layer in layers],
        },
        ax=norms,
        ylabel="norm",
    )
    _set_title(norms, "norm of the gradient")
    _draw_updates(updates, dict(diagnosis.update_ratios or {}))
    set_titles(ax, title, note or f"step {diagnosis.step} · loss {diagnosis.loss:.3g}", room=14)
    return ax


def _draw_values(panel: Axes, values: list[NDArray[Any]], title: str, color: str) -> None:
    """A histogram a layer, with the same bins in all; the outermost values are beyond them."""
    finite = [each[np.isfinite(each)] for each in values]
    everything = np.concatenate(finite)
    low, high = np.percentile(everything, (OUTSIDE, 100 - OUTSIDE)) if everything.size else (0.0, 0.0)
    edges = np.linspace(low, high if high > low else low + 1.0, BINS + 1)
    plot_layer_histograms([np.histogram(each, edges)[0] for each in finite], edges, ax=panel, color=color, ylabel="")
    _set_title(panel, title)


def _draw_updates(panel: Axes, ratios: dict[str, float]) -> None:
    """A dot a parameter, on a logarithmic axis; what did not move, or moved from 0, has none."""
    moved = {name: ratio for name, ratio in ratios.items() if 0 < ratio < np.inf}
    from matplotlib.ticker import NullFormatter

    panel.set_yscale("log")
    panel.plot([list(ratios).index(name) for name in moved], list(moved.values()), "o", color=COLORS[2])
    panel.set_ylim(min([USUAL, *moved.values()]) / 3, max([USUAL, *moved.values()]) * 3)
    panel.yaxis.set_minor_formatter(NullFormatter())
    panel.axhline(USUAL, color=GREY, linewidth=0.8, linestyle="--")
    panel.set_xticks(range(len(ratios)), list(ratios), rotation=90 if len(ratios) > 8 else 0, fontsize="small")
    set_grid(panel)
    _set_title(panel, f"update over parameter (dashed: {USUAL:g})")


def _set_title(panel: Axes, title: str) -> None:
    panel.set_title(title, loc="left", fontsize="medium", color=GREY)
