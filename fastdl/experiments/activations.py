"""How initial weights distribute activations and gradients.

Five layers of 100 units, four kinds of initial weights, three activations, 1,000 random inputs (K. Saito, "Deep
Learning from Scratch", section 6.2.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastdl import kernels
from fastdl.experiments.experiment import Check, Experiment, compared
from fastdl.experiments.training import Numbers
from fastdl.nn import Affine, initializers
from fastdl.viz import plot_layer_histograms, plot_layer_values
from fastdl.viz.style import new_axes, panels, set_panel_titles

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INITS: dict[str, str | float] = {"N(0, 1)": 1.0, "N(0, 0.01²)": 0.01, "Xavier": "xavier", "He": "he"}
RANGES = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0), "relu": (0.0, 5.0)}
BINS = 30


@dataclass(frozen=True)
class Distributions:
    """Activations and gradients layer by layer, of one activation and one kind of initial weights.

    Parameters
    ----------
    counts : ndarray (layers, bins) of int
        Histogram of each layer's output, of ReLU's what is above 0, of the first seed; what is beyond the range is in
        the last bin.
    stds : ndarray (seeds, layers)
        Standard deviations of the outputs.
    ends : ndarray (seeds, layers)
        Shares of outputs in the outermost tenths of the range, where sigmoid and tanh hardly have a slope.
    gradient_stds : ndarray (seeds, layers)
        Standard deviations of the gradients with respect to the outputs, of a random gradient after the last layer.
    """

    counts: NDArray[np.int64]
    stds: Numbers
    ends: Numbers
    gradient_stds: Numbers


@dataclass(frozen=True)
class Activations:
    """Distributions of all kinds.

    Parameters
    ----------
    edges : dict of str to ndarray (bins + 1,)
        For each activation the bins' limits.
    distributions : dict of str to dict of str to Distributions
        For each activation, for each kind of initial weights.
    """

    edges: dict[str, Numbers]
    distributions: dict[str, dict[str, Distributions]]


def activations(layers: int = 5, units: int = 100, rows: int = 1000, seeds: int = 5, seed: int = 0) -> Activations:
    """Let random inputs pass through random layers, and a random gradient back.

    Parameters
    ----------
    layers, units : int >= 1
        Of each network.
    rows : int >= 1
        Inputs, drawn from N(0, 1).
    seeds : int >= 1
        Networks of each kind.
    seed : int >= 0
        Of the first.

    Returns
    -------
    Activations
    """
    edges = {name: np.linspace(low, high, BINS + 1) for name, (low, high) in RANGES.items()}
    found = {
        name: {
            label: _distributions(name, init, edges[name], (layers, units, rows), range(seed, seed + seeds))
            for label, init in INITS.items()
        }
        for name in RANGES
    }
    return Activations(edges, found)


def _distributions(
    activation: str, init: str | float, edges: Numbers, sizes: tuple[int, int, int], seeds: range
) -> Distributions:
    layers, units, rows = sizes
    stds, ends, gradient_stds = (np.empty((len(seeds), layers)) for _ in range(3))
    counts = np.empty((layers, BINS), np.int64)
    low, high = edges[0], edges[-1]
    margin = (high - low) / 10
    for row, seed in enumerate(seeds):
        outputs, gradients = _passes(activation, initializers.get(init), layers, units, rows, seed)
        for layer, (y, gradient) in enumerate(zip(outputs, gradients, strict=True)):
            if row == 0:
                shown = y[y > 0] if activation == "relu" else y  # the others, about half, are all 0
                counts[layer] = np.histogram(np.clip(shown, low, high), edges)[0]
            stds[row, layer] = y.std()
            ends[row, layer] = np.mean((y < low + margin) | (y > high - margin))
            gradient_stds[row, layer] = gradient.std()
    return Distributions(counts, stds, ends, gradient_stds)


def _passes(
    activation: str, init: initializers.Initializer, layers: int, units: int, rows: int, seed: int
) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
    """The output of each layer, and the gradient with respect to it."""
    x = kernels.random_normal((rows, units), seed, layers + 1, "float64")
    dout = kernels.random_normal((rows, units), seed, layers + 2, "float64")
    stack = [
        Affine(init((units, units), seed, number, "float64"), np.zeros(units), activation) for number in range(layers)
    ]
    outputs: list[NDArray[Any]] = []
    gradients: list[NDArray[Any]] = []
    for layer in stack:
        x = layer.forward(x, train=True)
        outputs.append(x)
    for layer in reversed(stack):
        gradients.insert(0, dout)
        dx = layer.backward(dout)
        assert dx is not None
        dout = dx
    return outputs, gradients


def check(result: Activations) -> list[Check]:
    """Hold the claims against the last layer's outputs and the first layer's gradients, of the worst of the seeds."""
    sigmoid, tanh, relu = (result.distributions[name] for name in RANGES)
    wide, narrow, xavier, he = INITS

    def kept(found: Distributions) -> Numbers:
        """The last layer's spread of outputs, relative to the first layer's."""
        return found.stds[:, -1] / found.stds[:, 0]

    def passed(found: Distributions) -> Numbers:
        """The first layer's spread of gradients, relative to the last layer's."""
        return found.gradient_stds[:, 0] / found.gradient_stds[:, -1]

    checks = [
        (f"sigmoid, {wide}: share of the last layer near 0 and 1", sigmoid[wide].ends[:, -1], ">", 0.5),
        (f"sigmoid, {narrow}: spread of the last layer", sigmoid[narrow].stds[:, -1], "<", 0.05),
        (f"tanh, {xavier}: spread of the last layer", tanh[xavier].stds[:, -1], ">", 0.3),
        (f"tanh, {xavier}: share of the last layer near -1 and 1", tanh[xavier].ends[:, -1], "<", 0.2),
        (f"relu, {narrow}: last layer's spread / first's", kept(relu[narrow]), "<", 0.01),
        (f"relu, {xavier}: last layer's spread / first's", kept(relu[xavier]), "<", 0.5),
        (f"relu, {he}: last layer's spread / first's", kept(relu[he]), ">", 0.5),
        (f"relu, {he}: last layer's spread / first's", kept(relu[he]), "<", 2.0),
        (f"sigmoid, {narrow}: first layer's gradient / last's", passed(sigmoid[narrow]), "<", 1e-4),
        (f"relu, {narrow}: first layer's gradient / last's", passed(relu[narrow]), "<", 1e-4),
        (f"relu, {he}: first layer's gradient / last's", passed(relu[he]), ">", 0.5),
        (f"relu, {he}: first layer's gradient / last's", passed(relu[he]), "<", 2.0),
    ]
    return [
        compared(name, float(numbers.min() if relation == ">" else numbers.max()), relation, "", bound)
        for name, numbers, relation, bound in checks
    ]


def draw(result: Activations, ax: Axes | None = None) -> Axes:
    """Draw a histogram of each layer for each kind, and beside them the spread of the gradients."""
    if ax is None:
        ax = new_axes("activations", 11.0, 6.6)
    grid = panels(ax, len(result.distributions), len(INITS) + 1, gap=0.36)
    for number, (row, (name, kinds)) in enumerate(zip(grid, result.distributions.items(), strict=True)):
        for small, (label, found) in zip(row[:-1], kinds.items(), strict=True):
            plot_layer_histograms(list(found.counts), result.edges[name], ax=small, ylabel="")
            small.set_title(f"{name}, {label}", fontsize="small", pad=4)
        row[0].set_ylabel("output")
        plot_layer_values(
            {label: found.gradient_stds for label, found in kinds.items()}, ax=row[-1], ylabel="", legend=False
        )
        row[-1].set_title(f"{name}, gradients", fontsize="small", pad=4)
        for small in row:
            small.tick_params(labelsize="x-small")
            if number + 1 < len(grid):
                small.set_xlabel("")
    handles, labels = grid[0][-1].get_legend_handles_labels()
    set_panel_titles(
        ax,
        "Initial weights decide what reaches the last layer, and what comes back",
        "bars: outputs, of relu those above 0 · lines: standard deviation of the gradients",
        handles,
        labels,
    )
    return ax


EXPERIMENT = Experiment(
    activations,
    claim="weights too large pile activations up at the ends, weights too small at one value; Xavier's and He's spread",
    seconds=2,
    check=check,
    draw=draw,
)
