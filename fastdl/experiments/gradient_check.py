"""Backpropagation against numerical differentiation.

Every parameter of a network with batch normalization (K. Saito, "Deep Learning from Scratch", sections 5.7.3 and 6.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fastdl.data import Dataset
from fastdl.experiments.experiment import Check, Experiment, compared
from fastdl.nn import MLP, GradientReport, check_gradients
from fastdl.viz import plot_dots

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TOLERANCE = 1e-6


@dataclass(frozen=True)
class Gradients:
    """How far backpropagation is from numerical differentiation.

    Parameters
    ----------
    report : GradientReport
        The relative error of each parameter.
    """

    report: GradientReport


def gradient_check(data: Dataset, images: int = 10, samples: int = 2000, seed: int = 0) -> Gradients:
    """Check a network of two normalized hidden layers of 20.

    Parameters
    ----------
    data : Dataset
    images : int >= 2
        In the batch.
    samples : int >= 1
        At most so many elements of each parameter are checked.
    seed : int >= 0
        Of the weights, and of the elements.

    Returns
    -------
    Gradients
    """
    network = MLP([data.features, 20, 20, data.classes], norm="batch", seed=seed)
    x = data.x_train[:images] * np.float64(data.scale)
    return Gradients(
        check_gradients(network, x, data.t_train[:images], samples=samples, tolerance=TOLERANCE, seed=seed)
    )


def check(result: Gradients) -> list[Check]:
    """Hold the claim against the worst parameter."""
    worst, checked = result.report.worst, sum(each.checked for each in result.report.parameters)
    return [
        compared(
            f"largest relative error of {checked} elements, of {worst.name},", worst.error, "<=", "", TOLERANCE, ".1e"
        )
    ]


def draw(result: Gradients, ax: Axes | None = None) -> Axes:
    """Draw the relative error of each parameter."""
    return plot_dots(
        {each.name: each.error for each in result.report.parameters},
        bound=("bound", result.report.tolerance),
        log=True,
        form=".1e",
        ax=ax,
        title="Backpropagation agrees with numerical differentiation",
        note="two hidden layers of 20 with batch normalization, float64 · central differences",
        xlabel="largest relative error",
    )


EXPERIMENT = Experiment(
    gradient_check,
    claim="Backpropagation gives every parameter the gradient that numerical differentiation finds",
    seconds=0.6,
    check=check,
    draw=draw,
)
