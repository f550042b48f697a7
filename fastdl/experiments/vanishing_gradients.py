"""Vanishing and exploding gradients.

The gradient's norm in each of twenty layers, for four kinds of initial weights and three activations (X. Glorot and Y.
Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fastdl.data import Dataset
from fastdl.experiments.activations import INITS
from fastdl.experiments.experiment import Check, Experiment, compared
from fastdl.experiments.training import Numbers
from fastdl.nn import MLP
from fastdl.train import diagnose
from fastdl.viz import plot_layer_values
from fastdl.viz.style import new_axes, panels, set_panel_titles

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ACTIVATIONS = ("sigmoid", "tanh", "relu")


@dataclass(frozen=True)
class VanishingGradients:
    """Norms of the gradient with respect to each layer's output.

    Parameters
    ----------
    norms : dict of str to dict of str to ndarray (seeds, layers)
        For each activation, for each kind of initial weights; the first layer first.
    """

    norms: dict[str, dict[str, Numbers]]

    def passed(self, activation: str, init: str) -> Numbers:
        """For each seed the first layer's norm over the last hidden layer's."""
        norms = self.norms[activation][init]
        ratios: Numbers = norms[:, 0] / norms[:, -2]
        return ratios


def vanishing_gradients(data: Dataset, depth: int = 20, seeds: int = 5, seed: int = 0) -> VanishingGradients:
    """Let 128 images pass through hidden layers of 100, and the loss's gradient back.

    Parameters
    ----------
    data : Dataset
    depth : int >= 1
        Hidden layers.
    seeds : int >= 1
        Networks of each kind.
    seed : int >= 0
        Of the first.

    Returns
    -------
    VanishingGradients
    """
    x, t = data.x_train[:128] * np.float64(data.scale), data.t_train[:128]
    sizes = [data.features, *[100] * depth, data.classes]

    def norms(activation: str, init: str | float, each: int) -> list[float]:
        network = MLP(sizes, activation, init=init, dtype="float64", seed=each)
        return [layer.gradient_norm for layer in diagnose(network, x, t).layers]

    return VanishingGradients(
        {
            activation: {
                label: np.array([norms(activation, init, each) for each in range(seed, seed + seeds)])
                for label, init in INITS.items()
            }
            for activation in ACTIVATIONS
        }
    )


def check(result: VanishingGradients) -> list[Check]:
    """Hold the claims against the first layer's gradient over the last hidden layer's, of the worst of the seeds."""
    wide, narrow, xavier, he = INITS
    checks = [
        ("relu", wide, ">", 1e6),
        ("relu", narrow, "<", 1e-6),
        ("relu", xavier, "<", 0.1),
        ("relu", he, ">", 0.1),
        ("relu", he, "<", 10.0),
        ("tanh", xavier, ">", 0.1),
        ("tanh", narrow, "<", 1e-6),
        ("sigmoid", xavier, "<", 1e-6),
    ]
    found = []
    for activation, init, relation, bound in checks:
        ratios = result.passed(activation, init)
        worst = float(ratios.min() if relation == ">" else ratios.max())
        found.append(compared(f"{activation}, {init}: first layer's gradient / last's", worst, relation, "", bound))
    return found


def draw(result: VanishingGradients, ax: Axes | None = None) -> Axes:
    """Draw the norms layer by layer, a panel for each activation."""
    if ax is None:
        ax = new_axes("vanishing_gradients", 10.0, 4.0)
    (row,) = panels(ax, 1, len(result.norms), gap=0.25)
    for small, (activation, norms) in zip(row, result.norms.items(), strict=True):
        plot_layer_values(norms, ax=small, ylabel="norm of the gradient" if small is row[0] else "", legend=False)
        small.set_title(activation, fontsize="small", pad=4)
    handles, labels = row[0].get_legend_handles_labels()
    depth = next(iter(result.norms["relu"].values())).shape[1] - 1
    note = f"{depth} hidden layers of 100 · 128 images · gradient with respect to each layer's output"
    set_panel_titles(ax, "Gradients vanish or explode on their way back to the first layer", note, handles, labels)
    return ax


EXPERIMENT = Experiment(
    vanishing_gradients,
    claim="in deep networks gradients vanish or explode towards the first layer, unless the weights fit the activation",
    seconds=2,
    check=check,
    draw=draw,
)
