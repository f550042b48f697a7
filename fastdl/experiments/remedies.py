"""Networks with and without something against overfitting, on the images of `overfitting`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastdl.data import Dataset
from fastdl.experiments.experiment import Check, Progress, compared
from fastdl.experiments.overfitting import HIDDEN, IMAGES
from fastdl.experiments.training import Accuracies, accuracies, part
from fastdl.nn import MLP


@dataclass(frozen=True)
class Remedy:
    """Accuracies of networks without and with a remedy.

    Parameters
    ----------
    without, treated : Accuracies
        Of the plain networks and of those with the remedy; one row a seed, the same seeds.
    data : str
        Name of the images.
    """

    without: Accuracies
    treated: Accuracies
    data: str


def compare(
    settings: Mapping[str, Any], data: Dataset, *, label: str, epochs: int, seeds: range, progress: Progress
) -> Remedy:
    """Train networks without and with settings of `fastdl.nn.MLP`, on 300 images with SGD, η = 0.01.

    Parameters
    ----------
    settings : mapping of str to object
        Those of the networks with the remedy.
    data : Dataset
    label : str
        What ``progress`` calls the remedy.
    epochs : int >= 1
    seeds : range
        Of weights and shuffling.
    progress : callable
        Told the share done, 0..1, and what is being done.

    Returns
    -------
    Remedy
    """
    found = [
        accuracies(
            lambda seed, given=given: MLP([data.features, *HIDDEN, data.classes], seed=seed, **given),  # type: ignore[misc]
            data,
            images=IMAGES,
            epochs=epochs,
            lr=0.01,
            seeds=seeds,
            progress=part(progress, number, 2),
            label=name,
        )
        for number, (name, given) in enumerate([(f"without {label}", {}), (f"with {label}", settings)])
    ]
    return Remedy(found[0], found[1], data.name)


def smaller_gap(result: Remedy, name: str) -> Check:
    """Check that the gap between training and test accuracy is smaller with the remedy, in the mean over the seeds."""
    return compared(
        f"training accuracy above test accuracy, mean of {len(result.without.gaps)} seeds: with {name}",
        float(result.treated.gaps.mean()),
        "<",
        "without",
        float(result.without.gaps.mean()),
        ".3f",
    )
