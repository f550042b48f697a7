"""RMSprop is AdaGrad that forgets.

It divides by the root of a moving average of squared gradients, in place of their sum, so its steps do not fade
(G. Hinton, "Neural Networks for Machine Learning", lecture 6e, 2012).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fastdl import optim
from fastdl.experiments.experiment import Check, Experiment, compared
from fastdl.experiments.surfaces import CLIFF, SLOPE, VALLEY, Numbers, Surface, descend
from fastdl.viz import plot_descent, plot_lines
from fastdl.viz.style import new_axes, panels, set_titles

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class RMSpropPaths:
    """Paths down the book's valley, and steps down two slopes that never end.

    Parameters
    ----------
    rmsprop, adagrad : ndarray (steps + 1, 2)
        Paths down the valley.
    rmsprop_slope, adagrad_slope : ndarray (slope_steps,)
        Length of each step, over the learning rate, on a slope that is as steep everywhere.
    rmsprop_cliff, adagrad_cliff : ndarray (slope_steps,)
        The same on a slope that is steep at first and then gentle.
    """

    rmsprop: Numbers
    adagrad: Numbers
    rmsprop_slope: Numbers
    adagrad_slope: Numbers
    rmsprop_cliff: Numbers
    adagrad_cliff: Numbers


def rmsprop(
    lr: float = 0.1, rho: float = 0.99, adagrad_lr: float = 1.5, steps: int = 30, slope_steps: int = 2000
) -> RMSpropPaths:
    """Let RMSprop and AdaGrad descend the book's valley and two slopes.

    Parameters
    ----------
    lr, adagrad_lr : float > 0
        RMSprop's and AdaGrad's learning rate.
    rho : float in [0, 1)
        How much of its average RMSprop keeps in a step.
    steps, slope_steps : int >= 1
        In the valley and on the slopes.

    Returns
    -------
    RMSpropPaths

    Examples
    --------
    >>> result = rmsprop()
    >>> result.rmsprop_slope[-1].round(2), result.adagrad_slope[-1].round(2)
    (np.float64(1.0), np.float64(0.02))
    """

    def lengths(surface: Surface, name: str, rate: float, **settings: float) -> Numbers:
        path = descend(surface, optim.get(name, lr=rate, **settings), slope_steps)
        return np.diff(path[:, 0]) / rate

    return RMSpropPaths(
        rmsprop=descend(VALLEY, optim.RMSprop(lr=lr, rho=rho), steps),
        adagrad=descend(VALLEY, optim.AdaGrad(lr=adagrad_lr), steps),
        rmsprop_slope=lengths(SLOPE, "rmsprop", lr, rho=rho),
        adagrad_slope=lengths(SLOPE, "adagrad", adagrad_lr),
        rmsprop_cliff=lengths(CLIFF, "rmsprop", lr, rho=rho),
        adagrad_cliff=lengths(CLIFF, "adagrad", adagrad_lr),
    )


def check(result: RMSpropPaths) -> list[Check]:
    """Hold the claim against the steps."""
    last = len(result.rmsprop_slope)
    slope = f"step {last:,} on a steady slope over the learning rate:"
    cliff = f"step {last:,} on a slope that was steep, over the learning rate:"
    return [
        compared(f"{slope} RMSprop", result.rmsprop_slope[-1], ">", "", 0.9),
        compared(f"{slope} AdaGrad", result.adagrad_slope[-1], "<", "", 0.1),
        compared(f"{cliff} RMSprop", result.rmsprop_cliff[-1], ">", "", 0.9),
        compared(f"{cliff} AdaGrad", result.adagrad_cliff[-1], "<", "", 0.1),
    ]


def draw(result: RMSpropPaths, ax: Axes | None = None) -> Axes:
    """Draw the paths, and the lengths of the steps on the slope that was steep."""
    ax = ax or new_axes("rmsprop", 9.0, 4.2)
    ((left, right),) = panels(ax, 1, 2)
    paths = {"AdaGrad": result.adagrad, "RMSprop": result.rmsprop}
    plot_descent(VALLEY.height, paths, minimum=VALLEY.minimum, ax=left)
    set_titles(left, "", f"{len(result.rmsprop) - 1} steps on {VALLEY.name}")
    step = np.arange(1, len(result.rmsprop_cliff) + 1)
    plot_lines(
        {"AdaGrad": (step, result.adagrad_cliff), "RMSprop": (step, result.rmsprop_cliff)},
        xlabel="step", ylabel="length of the step over the learning rate", yscale="log", ax=right,
        note="on a steep slope that becomes a gentle one",
    )  # fmt: skip
    set_titles(ax, "RMSprop forgets old gradients", room=24)
    return ax


EXPERIMENT = Experiment(
    rmsprop,
    claim="RMSprop forgets old gradients, so its step does not fade as AdaGrad's does",
    seconds=0.1,
    check=check,
    draw=draw,
)
