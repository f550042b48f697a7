"""What the experiments that train networks share: few images, several seeds, accuracies epoch by epoch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastdl.data import Dataset
from fastdl.experiments.experiment import Progress
from fastdl.nn import MLP
from fastdl.optim import SGD
from fastdl.train import EpochRecord, StepRecord, Trainer, evaluate

Numbers = NDArray[np.float64]
BATCH = 100


@dataclass(frozen=True)
class Accuracies:
    """Accuracy after each epoch, 0..1.

    Parameters
    ----------
    training, test : ndarray (seeds, epochs)
        On the images that were trained on, and on the test images.
    """

    training: Numbers
    test: Numbers

    @property
    def gaps(self) -> Numbers:
        """For each seed, how far test accuracy is below training accuracy after the last epoch."""
        gaps: Numbers = self.training[:, -1] - self.test[:, -1]
        return gaps


def train(
    network: MLP,
    data: Dataset,
    *,
    images: int,
    epochs: int,
    lr: float,
    seed: int,
    after_epoch: Callable[[int], Any] = lambda epoch: None,
) -> None:
    """Train a network with SGD in batches of 100 on the first training images.

    Parameters
    ----------
    network : MLP
    data : Dataset
    images : int >= 1
        How many of its training images.
    epochs : int >= 1
    lr : float
        Learning rate.
    seed : int
        Of the shuffling.
    after_epoch : callable
        Called with the epoch's number, from 1.
    """

    def report(record: StepRecord | EpochRecord) -> None:
        if isinstance(record, EpochRecord):
            after_epoch(record.epoch)

    trainer = Trainer(network, SGD(lr=lr), batch_size=BATCH, epochs=epochs, seed=seed, callbacks=[report])
    trainer.fit(data.x_train[:images], data.t_train[:images], scale=data.scale)


def accuracies(
    make: Callable[[int], MLP],
    data: Dataset,
    *,
    images: int,
    epochs: int,
    lr: float,
    seeds: range,
    progress: Progress,
    label: str,
) -> Accuracies:
    """Train a network for each seed on the first training images; accuracy after each epoch.

    Parameters
    ----------
    make : callable
        Takes a seed, returns a new network.
    data : Dataset
    images : int >= 1
    epochs : int >= 1
    lr : float
    seeds : range
        Of weights and shuffling.
    progress : callable
        Told the share done of these runs.
    label : str
        What ``progress`` calls them.

    Returns
    -------
    Accuracies
    """
    few = data.x_train[:images], data.t_train[:images]
    found = np.empty((2, len(seeds), epochs))
    for row, seed in enumerate(seeds):
        network = make(seed)

        def measure(row: int, network: MLP, epoch: int) -> None:
            found[0, row, epoch - 1] = evaluate(network, *few, scale=data.scale)[1]
            found[1, row, epoch - 1] = evaluate(network, data.x_test, data.t_test, scale=data.scale)[1]
            progress((row + epoch / epochs) / len(seeds), label)

        train(network, data, images=images, epochs=epochs, lr=lr, seed=seed, after_epoch=partial(measure, row, network))
    return Accuracies(*found)


def part(progress: Progress, number: int, parts: int) -> Progress:
    """Progress of one of several parts of equal length.

    Parameters
    ----------
    progress : callable
        Of the whole.
    number : int
        Of the part, from 0.
    parts : int >= 1
        How many there are.

    Returns
    -------
    callable

    Examples
    --------
    >>> part(print, 1, 4)(0.5, "second of four")
    0.375 second of four
    """
    return lambda share, text: progress((number + share) / parts, text)
