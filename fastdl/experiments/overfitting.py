"""A large network and few images.

Six hidden layers of 100 units learn 300 images by heart (K. Saito, "Deep Learning from Scratch", section 6.4.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastdl.data import Dataset
from fastdl.experiments.experiment import Check, Experiment, Progress, compared, silent
from fastdl.experiments.training import Accuracies, accuracies
from fastdl.nn import MLP
from fastdl.viz import plot_accuracy_curves

if TYPE_CHECKING:
    from matplotlib.axes import Axes

IMAGES = 300
HIDDEN = [100] * 6


@dataclass(frozen=True)
class Overfitting:
    """Accuracies of networks that nothing keeps from learning by heart.

    Parameters
    ----------
    accuracies : Accuracies
        One row a seed.
    data : str
        Name of the images.
    """

    accuracies: Accuracies
    data: str


def overfitting(
    data: Dataset, epochs: int = 201, seeds: int = 3, seed: int = 0, progress: Progress = silent
) -> Overfitting:
    """Train on 300 images with SGD, η = 0.01, in batches of 100.

    Parameters
    ----------
    data : Dataset
    epochs : int >= 1
    seeds : int >= 1
        Networks, each with weights and shuffling of its own.
    seed : int >= 0
        Of the first.
    progress : callable
        Told the share done, 0..1, and what is being done.

    Returns
    -------
    Overfitting
    """
    found = accuracies(
        lambda each: MLP([data.features, *HIDDEN, data.classes], seed=each),
        data,
        images=IMAGES,
        epochs=epochs,
        lr=0.01,
        seeds=range(seed, seed + seeds),
        progress=progress,
        label="training",
    )
    return Overfitting(found, data.name)


def check(result: Overfitting) -> list[Check]:
    """Hold the claim against the last epoch of every seed."""
    found = result.accuracies
    return [
        compared("training accuracy, least of the seeds", float(found.training[:, -1].min()), ">=", "", 0.99, ".3f"),
        compared("it is above test accuracy by, least of the seeds", float(found.gaps.min()), ">", "", 0.05),
    ]


def draw(result: Overfitting, ax: Axes | None = None) -> Axes:
    """Draw accuracy on training and test images against epochs."""
    found = result.accuracies
    return plot_accuracy_curves(
        {f"{IMAGES} images": (found.training, found.test)},
        ax=ax,
        title="Six layers of 100 units learn 300 images by heart",
        note=f"{result.data} · SGD, η = 0.01, batches of 100 · means and ranges of {len(found.gaps)} seeds",
    )


EXPERIMENT = Experiment(
    overfitting,
    claim="a large network learns few images by heart: training accuracy 1, test accuracy far below",
    seconds=4,
    check=check,
    draw=draw,
)
