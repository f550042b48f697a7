"""AdaGrad gives each weight a learning rate of its own.

It divides by the root of all squared gradients so far: steps across the valley, where gradients are large, shrink
first, and all steps fade (K. Saito, "Deep Learning from Scratch", section 6.1.5; J. Duchi et al., 2011).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fastdl import optim
from fastdl.experiments.experiment import Check, Experiment, compared
from fastdl.experiments.surfaces import SLOPE, VALLEY, Numbers, crossings, descend, path_length
from fastdl.viz import plot_descent, plot_lines
from fastdl.viz.style import new_axes, panels, set_titles

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class AdaGradPaths:
    """Paths down the book's valley, and steps down a slope that never ends.

    Parameters
    ----------
    adagrad, sgd : ndarray (steps + 1, 2)
        Paths down the valley.
    adagrad_lengths, sgd_lengths : ndarray (slope_steps,)
        Length of each step on the slope, over the length of the first.
    """

    adagrad: Numbers
    sgd: Numbers
    adagrad_lengths: Numbers
    sgd_lengths: Numbers


def adagrad(lr: float = 1.5, sgd_lr: float = 0.95, steps: int = 30, slope_steps: int = 1000) -> AdaGradPaths:
    """Let AdaGrad and SGD descend the book's valley, and a slope that is as steep everywhere.

    Parameters
    ----------
    lr, sgd_lr : float > 0
        AdaGrad's and SGD's learning rate.
    steps, slope_steps : int >= 1
        In the valley and on the slope.

    Returns
    -------
    AdaGradPaths

    Examples
    --------
    >>> adagrad(slope_steps=4).adagrad_lengths.round(3)
    array([1.   , 0.707, 0.577, 0.5  ])
    """

    def lengths(optimizer: optim.Optimizer) -> Numbers:
        path = descend(SLOPE, optimizer, slope_steps)
        return np.asarray(np.diff(path[:, 0]) / path[1, 0])

    return AdaGradPaths(
        adagrad=descend(VALLEY, optim.AdaGrad(lr=lr), steps),
        sgd=descend(VALLEY, optim.SGD(lr=sgd_lr), steps),
        adagrad_lengths=lengths(optim.AdaGrad(lr=lr)),
        sgd_lengths=lengths(optim.SGD(lr=sgd_lr)),
    )


def _detour(path: Numbers) -> float:
    """Length of a path over the distance from its start to its end."""
    return path_length(path) / float(np.linalg.norm(path[-1] - path[0]))


def check(result: AdaGradPaths) -> list[Check]:
    """Hold the claim against the paths."""
    last = len(result.adagrad_lengths)
    return [
        compared("length of the path over the distance: AdaGrad", _detour(result.adagrad), "<", "", 1.1),
        compared("the same: AdaGrad", _detour(result.adagrad), "<", "SGD", _detour(result.sgd)),
        compared(
            "steps across the valley's floor: AdaGrad", crossings(result.adagrad), "<", "SGD", crossings(result.sgd),
            ".0f",
        ),
        compared(f"step {last:,} on a steady slope over the first: AdaGrad", result.adagrad_lengths[-1], "<", "", 0.05),
        compared("the same: SGD", result.sgd_lengths[-1], ">", "", 0.99),
    ]  # fmt: skip


def draw(result: AdaGradPaths, ax: Axes | None = None) -> Axes:
    """Draw the paths, and the lengths of the steps on the slope."""
    ax = ax or new_axes("adagrad", 9.0, 4.2)
    ((left, right),) = panels(ax, 1, 2)
    plot_descent(VALLEY.height, {"SGD": result.sgd, "AdaGrad": result.adagrad}, minimum=VALLEY.minimum, ax=left)
    set_titles(left, "", f"{len(result.sgd) - 1} steps on {VALLEY.name}")
    step = np.arange(1, len(result.adagrad_lengths) + 1)
    plot_lines(
        {"SGD": (step, result.sgd_lengths), "AdaGrad": (step, result.adagrad_lengths)},
        xlabel="step", ylabel="length of the step over the first", xscale="log", yscale="log", ax=right,
        note="on a slope that is as steep everywhere",
    )  # fmt: skip
    set_titles(ax, "AdaGrad: straight to the minimum, and ever slower", room=24)
    return ax


EXPERIMENT = Experiment(
    adagrad,
    claim="AdaGrad goes straight to the minimum; its step fades to 0 in the long run",
    seconds=0.1,
    check=check,
    draw=draw,
)
