"""Momentum rolls like a ball.

The velocity adds up what the gradients agree on, the way along the valley, and cancels what they do not, the way across
(K. Saito, "Deep Learning from Scratch", section 6.1.4; B. Polyak, 1964).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fastdl import optim
from fastdl.experiments.experiment import Check, Experiment, compared
from fastdl.experiments.surfaces import VALLEY, Numbers, crossings, descend, mean_turn
from fastdl.viz import plot_descent

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class MomentumPaths:
    """Paths down the book's valley.

    Parameters
    ----------
    momentum : ndarray (steps + 1, 2)
        Momentum's.
    sgd : ndarray (steps + 1, 2)
        SGD's with the large learning rate that it needs to get as far.
    slow_sgd : ndarray (steps + 1, 2)
        SGD's with the learning rate of Momentum.
    """

    momentum: Numbers
    sgd: Numbers
    slow_sgd: Numbers


def momentum(lr: float = 0.1, momentum: float = 0.9, sgd_lr: float = 0.95, steps: int = 30) -> MomentumPaths:
    """Let Momentum and SGD descend the book's valley from (-7, 2).

    Parameters
    ----------
    lr : float > 0
        Momentum's learning rate.
    momentum : float in [0, 1)
        How much of the velocity a step keeps.
    sgd_lr : float > 0
        SGD's learning rate.
    steps : int >= 2

    Returns
    -------
    MomentumPaths

    Examples
    --------
    >>> bool(momentum().momentum[-1, 0] > 0)
    True
    """
    return MomentumPaths(
        momentum=descend(VALLEY, optim.Momentum(lr=lr, momentum=momentum), steps),
        sgd=descend(VALLEY, optim.SGD(lr=sgd_lr), steps),
        slow_sgd=descend(VALLEY, optim.SGD(lr=lr), steps),
    )


def check(result: MomentumPaths) -> list[Check]:
    """Hold the claim against the paths."""
    ball, sgd, slow = result.momentum, result.sgd, result.slow_sgd
    along = np.diff(ball[:, 0])
    return [
        compared("steps across the valley's floor: Momentum", crossings(ball), "<", "SGD", crossings(sgd), ".0f"),
        compared("mean turn in degrees: Momentum", mean_turn(ball), "<", "SGD", mean_turn(sgd)),
        compared("it gathers speed, step along the valley: longest", along.max(), ">", "3 × first", 3 * along[0]),
        compared("it rolls past the minimum: largest x", ball[:, 0].max(), ">", "", 0.0),
        compared(
            "distance to the minimum: Momentum", float(np.hypot(*ball[-1])), "<", "SGD of its rate",
            float(np.hypot(*slow[-1])),
        ),
    ]  # fmt: skip


def draw(result: MomentumPaths, ax: Axes | None = None) -> Axes:
    """Draw contours and the paths."""
    return plot_descent(
        VALLEY.height,
        {"SGD": result.sgd, "SGD, Momentum's rate": result.slow_sgd, "Momentum": result.momentum},
        minimum=VALLEY.minimum,
        ax=ax,
        title=f"Momentum on {VALLEY.name}",
        note=f"{len(result.sgd) - 1} steps from (-7, 2)",
    )


EXPERIMENT = Experiment(
    momentum,
    claim="Momentum rolls like a ball: it gathers speed along the valley and zig-zags less than SGD",
    seconds=0.1,
    check=check,
    draw=draw,
)
