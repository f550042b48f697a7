"""Nesterov's momentum looks one step ahead.

It takes the gradient where the velocity is about to carry it, so it brakes before Momentum does (Y. Nesterov, 1983;
I. Sutskever et al., "On the importance of initialization and momentum in deep learning", 2013).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fastdl import optim
from fastdl.experiments.experiment import Check, Experiment, compared
from fastdl.experiments.surfaces import VALLEY, Numbers, descend, mean_turn
from fastdl.viz import plot_descent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LONG = 300  # steps after which both lie still in the minimum


@dataclass(frozen=True)
class Nesterov:
    """Paths of Momentum and Nesterov, and how far each shoots past the minimum.

    Parameters
    ----------
    momentum, nesterov : ndarray (steps + 1, 2)
    lrs : ndarray (L,)
        Learning rates.
    momentum_overshoot, nesterov_overshoot : ndarray (L, 2)
        How far past the minimum, along the valley and across it, each goes with each of them in 300 steps.
    """

    momentum: Numbers
    nesterov: Numbers
    lrs: Numbers
    momentum_overshoot: Numbers
    nesterov_overshoot: Numbers


def nesterov(
    lr: float = 0.1,
    momentum: float = 0.9,
    steps: int = 30,
    lrs: Sequence[float] = (0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4),
) -> Nesterov:
    """Let Momentum and Nesterov descend the book's valley from (-7, 2).

    Parameters
    ----------
    lr : float > 0
        Learning rate of both for the paths.
    momentum : float in [0, 1)
        How much of the velocity a step keeps.
    steps : int >= 2
    lrs : sequence of float > 0
        Learning rates with which the overshoot is measured as well.

    Returns
    -------
    Nesterov

    Examples
    --------
    >>> result = nesterov(lrs=[0.1])
    >>> bool(result.nesterov_overshoot[0, 0] < result.momentum_overshoot[0, 0])
    True
    """

    def overshoot(kind: type[optim.Optimizer]) -> Numbers:
        paths = [descend(VALLEY, kind.from_config({"lr": each, "momentum": momentum}), LONG) for each in lrs]
        return np.array([(path[:, 0].max(), -path[:, 1].min()) for path in paths])

    return Nesterov(
        momentum=descend(VALLEY, optim.Momentum(lr=lr, momentum=momentum), steps),
        nesterov=descend(VALLEY, optim.Nesterov(lr=lr, momentum=momentum), steps),
        lrs=np.array(lrs),
        momentum_overshoot=overshoot(optim.Momentum),
        nesterov_overshoot=overshoot(optim.Nesterov),
    )


def check(result: Nesterov) -> list[Check]:
    """Hold the claim against the paths."""
    less = result.nesterov_overshoot < result.momentum_overshoot
    checks = [
        compared(
            f"overshoot {way} the valley, largest of {len(less)} learning rates: Nesterov",
            result.nesterov_overshoot[:, axis].max(),
            "<",
            "Momentum",
            result.momentum_overshoot[:, axis].max(),
        )
        for axis, way in enumerate(("along", "across"))
    ]
    return [
        *checks,
        compared("learning rates with which it is less, both ways", less.all(axis=1).sum(), ">=", "", len(less), ".0f"),
        compared(
            "mean turn in degrees: Nesterov", mean_turn(result.nesterov), "<", "Momentum", mean_turn(result.momentum)
        ),
    ]


def draw(result: Nesterov, ax: Axes | None = None) -> Axes:
    """Draw contours and the paths."""
    return plot_descent(
        VALLEY.height,
        {"Momentum": result.momentum, "Nesterov": result.nesterov},
        minimum=VALLEY.minimum,
        ax=ax,
        title=f"Nesterov's momentum on {VALLEY.name}",
        note=f"{len(result.nesterov) - 1} steps from (-7, 2), the same learning rate and momentum",
    )


EXPERIMENT = Experiment(
    nesterov,
    claim="Nesterov's momentum, which looks one step ahead, overshoots less than Momentum",
    seconds=0.1,
    check=check,
    draw=draw,
)
