"""Why SGD is slow in a long valley.

The book's function x²/20 + y²: along the valley its gradient is small, across it large, and nowhere does it point to
the minimum (K. Saito, "Deep Learning from Scratch", section 6.1.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fastdl import optim
from fastdl.experiments.experiment import Check, Experiment, compared
from fastdl.experiments.surfaces import VALLEY, Numbers, crossings, descend
from fastdl.viz import plot_descent

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Anisotropy:
    """SGD's path.

    Parameters
    ----------
    path : ndarray (steps + 1, 2)
        Its points, the start first.
    angles : ndarray (steps,)
        Degrees between -gradient and the direction of the minimum, at each point but the last.
    """

    path: Numbers
    angles: Numbers

    @property
    def crossings(self) -> int:
        """Steps that cross the valley's floor, where y changes sign."""
        return crossings(self.path)


def anisotropy(lr: float = 0.95, steps: int = 30) -> Anisotropy:
    """Let SGD descend the book's valley from (-7, 2).

    Parameters
    ----------
    lr : float > 0
        Learning rate. From 1 on it leaves the valley.
    steps : int >= 1

    Returns
    -------
    Anisotropy

    Examples
    --------
    >>> anisotropy(steps=3).crossings
    3
    """
    path = descend(VALLEY, optim.SGD(lr=lr), steps)
    down = -np.stack(VALLEY.gradient(*path[:-1].T), axis=1)
    home = -path[:-1]
    cosines = np.sum(down * home, axis=1) / np.linalg.norm(down, axis=1) / np.linalg.norm(home, axis=1)
    return Anisotropy(path, np.degrees(np.arccos(np.clip(cosines, -1, 1))))


def check(result: Anisotropy) -> list[Check]:
    """Hold the claim against the path."""
    steps = len(result.angles)
    return [
        compared("steps that cross the valley", result.crossings, ">=", "", 0.9 * steps, ".0f"),
        compared("mean angle between -gradient and the minimum", float(result.angles.mean()), ">", "", 45.0),
    ]


def draw(result: Anisotropy, ax: Axes | None = None) -> Axes:
    """Draw contours, the field of -gradient and the path."""
    return plot_descent(
        VALLEY.height,
        {"SGD": result.path},
        gradient=VALLEY.gradient,
        minimum=VALLEY.minimum,
        ax=ax,
        title=f"SGD on {VALLEY.name}",
        note=f"{len(result.angles)} steps · arrows: -gradient",
    )


EXPERIMENT = Experiment(
    anisotropy,
    claim="SGD zig-zags down a long valley, because the gradient does not point to the minimum",
    seconds=0.1,
    check=check,
    draw=draw,
)
