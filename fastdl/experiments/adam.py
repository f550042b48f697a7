"""Adam is Momentum and RMSprop together, with both averages corrected for their start at 0.

K. Saito, "Deep Learning from Scratch", section 6.1.6; D. Kingma and J. Ba, "Adam: a method for stochastic
optimization", 2015.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fastdl import optim
from fastdl.experiments.experiment import Check, Experiment, compared
from fastdl.experiments.surfaces import VALLEY, Numbers, descend
from fastdl.viz import plot_descent

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class AdamPaths:
    """Paths down the book's valley.

    Parameters
    ----------
    adam, momentum : ndarray (steps + 1, 2)
    shown : int
        How many of the steps are drawn.
    lr : float
        Adam's learning rate.
    """

    adam: Numbers
    momentum: Numbers
    shown: int
    lr: float


def adam(lr: float = 0.3, momentum_lr: float = 0.1, shown: int = 30, steps: int = 300) -> AdamPaths:
    """Let Adam and Momentum descend the book's valley from (-7, 2).

    Parameters
    ----------
    lr, momentum_lr : float > 0
        Adam's and Momentum's learning rate.
    shown : int >= 1
        How many of the steps are drawn.
    steps : int >= 1

    Returns
    -------
    AdamPaths

    Examples
    --------
    >>> result = adam()
    >>> bool(result.adam[:, 0].max() < result.momentum[:, 0].max())
    True
    """
    return AdamPaths(
        adam=descend(VALLEY, optim.Adam(lr=lr), steps),
        momentum=descend(VALLEY, optim.Momentum(lr=momentum_lr), steps),
        shown=shown,
        lr=lr,
    )


def check(result: AdamPaths) -> list[Check]:
    """Hold the claim against the paths."""
    own, other = result.adam, result.momentum
    first = float(np.abs(own[1] - own[0]).max())
    return [
        compared("like Momentum it rolls past the minimum: largest x", own[:, 0].max(), ">", "", 0.0),
        compared("damped, overshoot along the valley: Adam", own[:, 0].max(), "<", "Momentum", other[:, 0].max()),
        compared("damped, overshoot across it: Adam", -own[:, 1].min(), "<", "Momentum", -other[:, 1].min()),
        compared("bias correction: first step over the learning rate", first / result.lr, "<=", "", 1.0),
        compared("the same", first / result.lr, ">", "", 0.99),
    ]


def draw(result: AdamPaths, ax: Axes | None = None) -> Axes:
    """Draw contours and the paths."""
    return plot_descent(
        VALLEY.height,
        {"Momentum": result.momentum[: result.shown + 1], "Adam": result.adam[: result.shown + 1]},
        minimum=VALLEY.minimum,
        ax=ax,
        title=f"Adam on {VALLEY.name}",
        note=f"{result.shown} steps from (-7, 2)",
    )


EXPERIMENT = Experiment(
    adam,
    claim="Adam takes Momentum's path, damped",
    seconds=0.1,
    check=check,
    draw=draw,
)
