"""Dropout against overfitting.

A random fifth of the units is left out of each training step (K. Saito, "Deep Learning from Scratch", section 6.4.3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastdl.data import Dataset
from fastdl.experiments.experiment import Check, Experiment, Progress, silent
from fastdl.experiments.remedies import Remedy, compare, smaller_gap
from fastdl.viz import plot_accuracy_curves

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RATIO = 0.2


def dropout(
    data: Dataset, ratio: float = RATIO, epochs: int = 301, seeds: int = 5, seed: int = 0, progress: Progress = silent
) -> Remedy:
    """Train on 300 images without and with dropout.

    Parameters
    ----------
    data : Dataset
    ratio : float
        The share of units that is dropped, in [0, 1).
    epochs : int >= 1
    seeds : int >= 1
        Networks of each kind.
    seed : int >= 0
        Of the first.
    progress : callable
        Told the share done, 0..1, and what is being done.

    Returns
    -------
    Remedy
    """
    given = {"dropout": ratio}
    return compare(given, data, label="dropout", epochs=epochs, seeds=range(seed, seed + seeds), progress=progress)


def check(result: Remedy) -> list[Check]:
    """Hold the claim against the last epoch."""
    return [smaller_gap(result, "dropout")]


def draw(result: Remedy, ax: Axes | None = None) -> Axes:
    """Draw accuracy on training and test images against epochs, without and with dropout."""
    runs = {"no dropout": result.without, f"ratio {RATIO}": result.treated}
    return plot_accuracy_curves(
        {name: (found.training, found.test) for name, found in runs.items()},
        ax=ax,
        title="Dropout narrows the gap between training and test",
        note=f"{result.data}, 300 images · SGD, η = 0.01 · means and ranges of {len(result.without.gaps)} seeds",
    )


EXPERIMENT = Experiment(
    dropout,
    claim="dropout narrows the gap between training and test accuracy",
    seconds=6,
    check=check,
    draw=draw,
)
