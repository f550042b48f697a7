"""A network without hidden layers on real images: its loss has one minimum, so what a path lacks to it is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastdl import optim
from fastdl.data import Batches, Dataset
from fastdl.nn import MLP

LARGEST = 2000  # images: so that a pass over all of them takes little


class SoftmaxRegression:
    """The problem: images, labels and the loss over all of them, in float64.

    Parameters
    ----------
    data : Dataset
        Its first 2,000 training images are taken.
    weight_decay : float >= 0
        Of the loss.
    """

    def __init__(self, data: Dataset, weight_decay: float = 0.0) -> None:
        self.data, self.weight_decay = data, weight_decay
        self.x = np.ascontiguousarray(data.x_train[:LARGEST] * data.scale)
        self.t = data.t_train[:LARGEST]
        self.square = float((self.x**2).sum(axis=1).mean())  # mean square of an image's length

    def network(self, seed: int) -> MLP:
        """A network with initial weights of this seed."""
        return MLP([self.data.features, self.data.classes], seed=seed, weight_decay=self.weight_decay, dtype="float64")

    def descend(
        self, optimizer: optim.Optimizer, batch_size: int, steps: int, seed: int, look: Callable[[int, MLP], object]
    ) -> None:
        """Train on mini-batches, and call ``look(step, network)`` before the first step and after each.

        Parameters
        ----------
        optimizer : optimizer of `fastdl.optim`
        batch_size, steps : int >= 1
        seed : int >= 0
            Of the weights and of the shuffling.
        look : callable
        """
        network = self.network(seed)
        pixels = self.data.x_train[:LARGEST]
        batches = Batches(pixels, self.t, batch_size, scale=self.data.scale, dtype="float64", seed=seed)
        step = 0
        look(step, network)
        while step < steps:
            for x, t in batches:
                network.train_step(x, t, optimizer)
                step += 1
                look(step, network)
                if step == steps:
                    return

    def least_loss(self, steps: int = 2000) -> float:
        """The loss at the minimum, by Nesterov's momentum on all images; it needs weight decay to have one."""
        network, optimizer = self.network(0), optim.Nesterov(lr=4.5 / self.square, momentum=0.99)
        for _ in range(steps):
            network.train_step(self.x, self.t, optimizer)
        return network.loss(self.x, self.t)


def flat(network: MLP) -> NDArray[Any]:
    """All parameters of a network in one array, a copy."""
    return np.concatenate([param.ravel() for param in network.params.values()])
