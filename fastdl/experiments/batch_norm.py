"""Batch normalization and initial weights.

Sixteen scales of the initial weights, with and without it (K. Saito, "Deep Learning from Scratch", section 6.3.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fastdl.data import Dataset
from fastdl.experiments.experiment import Check, Experiment, Progress, compared, silent
from fastdl.experiments.training import Accuracies, Numbers, accuracies, part
from fastdl.nn import MLP
from fastdl.viz import plot_curve_grid

if TYPE_CHECKING:
    from matplotlib.axes import Axes

IMAGES = 1000
LEARNED = 0.8  # training accuracy from which a network counts as one that learns


@dataclass(frozen=True)
class BatchNormalization:
    """Accuracies from several scales of the initial weights.

    Parameters
    ----------
    scales : ndarray (S,)
        Standard deviations of the initial weights.
    plain, normalized : list of Accuracies
        For each scale, without and with batch normalization.
    data : str
        Name of the images.
    """

    scales: Numbers
    plain: list[Accuracies]
    normalized: list[Accuracies]
    data: str


def batch_norm(
    data: Dataset, scales: int = 16, epochs: int = 20, seeds: int = 2, seed: int = 0, progress: Progress = silent
) -> BatchNormalization:
    """Train five hidden layers of 100 on 1,000 images with SGD, η = 0.01, in batches of 100.

    Parameters
    ----------
    data : Dataset
    scales : int >= 1
        How many standard deviations, from 1 down to 0.0001.
    epochs : int >= 1
    seeds : int >= 1
        Networks of each kind.
    seed : int >= 0
        Of the first.
    progress : callable
        Told the share done, 0..1, and what is being done.

    Returns
    -------
    BatchNormalization
    """
    deviations = np.logspace(0, -4, scales)
    found: dict[bool, list[Accuracies]] = {False: [], True: []}
    for number, deviation in enumerate(deviations):
        for normalize in (False, True):

            def make(each: int, init: float = float(deviation), norm: str = "batch" if normalize else "none") -> MLP:
                sizes = [data.features, *[100] * 5, data.classes]
                return MLP(sizes, init=init, norm=norm, seed=each)

            found[normalize].append(
                accuracies(
                    make,
                    data,
                    images=IMAGES,
                    epochs=epochs,
                    lr=0.01,
                    seeds=range(seed, seed + seeds),
                    progress=part(progress, 2 * number + normalize, 2 * scales),
                    label=f"weights ~ {deviation:.2g}",
                )
            )
    return BatchNormalization(deviations, found[False], found[True], data.name)


def check(result: BatchNormalization) -> list[Check]:
    """Hold the claim against the accuracies, means over the seeds."""
    last = {name: np.array([each.training[:, -1].mean() for each in runs]) for name, runs in _kinds(result)}
    speed = {name: np.array([each.training.mean() for each in runs]) for name, runs in _kinds(result)}
    learned = {name: int(np.sum(values > LEARNED)) for name, values in last.items()}
    best = {name: int(values.argmax()) for name, values in last.items()}
    gap = {name: float(runs[best[name]].gaps.mean()) for name, runs in _kinds(result)}
    many = len(result.scales)
    faster = int(np.sum(speed["with"] > speed["without"]))
    return [
        compared(
            f"scales of {many} with training accuracy above {LEARNED}: with", learned["with"], ">", "without",
            learned["without"], ".0f",
        ),
        compared(f"scales of {many} at which it learns faster with", faster, ">=", "", 0.75 * many, ".0f"),
        compared(
            "mean training accuracy over the epochs, best scale: with", float(speed["with"].max()), ">", "without",
            float(speed["without"].max()), ".3f",
        ),
        compared(
            "training above test accuracy at the best scale: with", gap["with"], "<", "without", gap["without"], ".3f"
        ),
    ]  # fmt: skip


def draw(result: BatchNormalization, ax: Axes | None = None) -> Axes:
    """Draw training accuracy against epochs, one small figure for each scale."""
    return plot_curve_grid(
        {
            f"W ~ {scale:.2g}": {"batch norm": normalized.training, "without": plain.training}
            for scale, plain, normalized in zip(result.scales, result.plain, result.normalized, strict=True)
        },
        ax=ax,
        title="Batch normalization learns from almost any initial weights",
        note=f"{result.data}, 1,000 images · 5 × 100, SGD, η = 0.01 · W ~ s: weights from N(0, s²)",
        ylabel="training accuracy",
        ylim=(0, 1.05),
    )


def _kinds(result: BatchNormalization) -> list[tuple[str, list[Accuracies]]]:
    return [("with", result.normalized), ("without", result.plain)]


EXPERIMENT = Experiment(
    batch_norm,
    claim=(
        "With batch normalization a network learns faster from most initial weights, depends little on them, and "
        "overfits less"
    ),
    seconds=5,
    check=check,
    draw=draw,
)
