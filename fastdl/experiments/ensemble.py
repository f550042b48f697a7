"""Many networks against overfitting, and dropout as many networks in one.

The mean output of networks that were trained apart (K. Saito, "Deep Learning from Scratch", section 6.4.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from fastdl import kernels
from fastdl.data import Dataset
from fastdl.experiments.experiment import Check, Experiment, Progress, compared, silent
from fastdl.experiments.overfitting import HIDDEN, IMAGES
from fastdl.experiments.training import Numbers, part, train
from fastdl.nn import MLP
from fastdl.viz import plot_dots

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Ensemble:
    """Test accuracies, 0..1, one row a repetition.

    Parameters
    ----------
    members : ndarray (repetitions, members)
        Of each network by itself.
    together : ndarray (repetitions,)
        Of the mean of their outputs.
    dropout : ndarray (repetitions,)
        Of one network with dropout.
    data : str
        Name of the images.
    """

    members: Numbers
    together: Numbers
    dropout: Numbers
    data: str


def ensemble(
    data: Dataset,
    members: int = 10,
    epochs: int = 201,
    dropout_epochs: int = 1000,
    repetitions: int = 2,
    seed: int = 0,
    progress: Progress = silent,
) -> Ensemble:
    """Train networks on 300 images with SGD, η = 0.01, and let them answer alone and together.

    Parameters
    ----------
    data : Dataset
    members : int >= 1
        Networks of an ensemble, which differ in initial weights and shuffling.
    epochs : int >= 1
        Of each.
    dropout_epochs : int >= 1
        Of the network with dropout, ratio 0.2, which learns more slowly.
    repetitions : int >= 1
        Ensembles.
    seed : int >= 0
        Of the first network.
    progress : callable
        Told the share done, 0..1, and what is being done.

    Returns
    -------
    Ensemble
    """
    x = data.x_test * np.float32(data.scale)
    alone = np.empty((repetitions, members))
    together, dropped = np.empty(repetitions), np.empty(repetitions)

    def accuracy(outputs: Numbers) -> float:
        return float(np.mean(outputs.argmax(axis=1) == data.t_test))

    def trained(each: int, number: int, dropout: float, length: int) -> Numbers:
        """The test images' probabilities by a network that has been trained."""
        network = MLP([data.features, *HIDDEN, data.classes], dropout=dropout, seed=each)
        shown = part(progress, number, repetitions * (members + 1))
        label = "with dropout" if dropout else "members"
        after_epoch = partial(lambda label, epoch: shown(epoch / length, label), label)
        train(network, data, images=IMAGES, epochs=length, lr=0.01, seed=each, after_epoch=after_epoch)
        return np.asarray(kernels.softmax(network.forward(x)), np.float64)

    for row in range(repetitions):
        first = row * (members + 1)
        outputs = [trained(seed + first + k, first + k, 0.0, epochs) for k in range(members)]
        alone[row] = [accuracy(each) for each in outputs]
        together[row] = accuracy(np.mean(outputs, axis=0))
        dropped[row] = accuracy(trained(seed + first + members, first + members, 0.2, dropout_epochs))
    return Ensemble(alone, together, dropped, data.name)


def check(result: Ensemble) -> list[Check]:
    """Hold the claims against the means over the repetitions, and against the best of each ensemble's members."""
    repetitions, members = result.members.shape
    together, alone = float(result.together.mean()), float(result.members.mean())
    best = float(result.members.max(axis=1).mean())
    text = f"test accuracy, mean of {repetitions}: {members} networks together"
    return [
        compared(text, together, ">", "each alone", alone, ".3f"),
        compared(text, together, ">=", "the best of each ten" if members == 10 else "the best", best, ".3f"),
        compared("one with dropout", float(result.dropout.mean()), ">", "halfway up from each alone",
                 (together + alone) / 2, ".3f"),
    ]  # fmt: skip


def draw(result: Ensemble, ax: Axes | None = None) -> Axes:
    """Draw the accuracies of networks alone, together, and with dropout."""
    return plot_dots(
        {"each alone": result.members, "together": result.together, "one, dropout": result.dropout},
        form=".3f",
        ax=ax,
        title="Networks that answer together are better than each",
        note=f"{result.data}, {result.members.shape[1]} networks, 300 images · repeated {len(result.together)} times",
        xlabel="test accuracy (line: mean)",
    )


EXPERIMENT = Experiment(
    ensemble,
    claim="the mean output of networks trained apart is better than each; dropout comes near it in one network",
    seconds=5,
    check=check,
    draw=draw,
)
