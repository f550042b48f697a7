"""Loss and gradient of a rank's share of a batch."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from fastdl.errors import HyperparameterError
from fastdl.nn.batch_norm import BatchNorm
from fastdl.nn.layer import Layer, every_layer
from fastdl.nn.residual import Residual
from fastdl.nn.sequential import Sequential
from fastdl.parallel.batch_norm import SynchronisedBatchNorm
from fastdl.parallel.exchange import Exchange

if TYPE_CHECKING:
    from mpi4py.MPI import Intracomm

Array = NDArray[Any]


class ShareOfLoss:
    """A network's loss times this rank's share of the whole batch: the sum over all ranks is the batch's."""

    def __init__(self, network: Sequential) -> None:
        self._network = network
        self.factor = 1.0

    def forward(self, y: Array, t: Array) -> float:
        """Return the share's part of the loss."""
        loss: float = self._network.loss_function.forward(y, t)
        return loss * self.factor

    def backward(self) -> Array:
        """Return its gradient."""
        gradient: Array = self._network.loss_function.backward()
        return gradient * self.factor


class PerRank:
    """Gradients of shares, each rank's by itself: batch normalization has the statistics of its share.

    Parameters
    ----------
    network : Sequential
        The network.
    """

    def __init__(self, network: Sequential) -> None:
        self._network = network

    def begin(self) -> None:
        """Begin a step, before anything of it can fail."""

    def gradient(
        self, x: Array, t: Array, rows: Array | None, scale: float, factor: float
    ) -> tuple[float, dict[str, Array], float]:
        """Return a share's part of loss and gradient.

        Parameters
        ----------
        x, t, rows, scale
            The share, as :meth:`fastdl.nn.Sequential.train_gradient` takes it.
        factor : float
            How much its loss counts in that of the whole batch.

        Returns
        -------
        loss : float
        gradient : dict of str to ndarray
        factor : float
            What the gradient is yet to be multiplied by.
        """
        loss, grads = self._network.train_gradient(x, t, rows=rows, scale=scale)
        return loss * factor, grads, factor

    def without_rows(self) -> None:
        """Do what a rank does whose share is empty."""

    def give_up(self) -> None:
        """Tell the others that this rank failed."""


class Synchronised(PerRank):
    """Gradients of shares, where batch normalization has the statistics of the whole batch.

    The network itself is left as it is: a copy of it that shares its arrays has the synchronised layers. Its loss is
    the share's part of the whole, as the ranks' gradients are added up within the backward pass already.

    Parameters
    ----------
    network : Sequential
        With `BatchNorm` layers, also within `Residual` blocks.
    comm : mpi4py.MPI.Intracomm
        The ranks.

    Raises
    ------
    HyperparameterError
        If one is of a class that derives from `BatchNorm`, or within another kind of layer.
    """

    def __init__(self, network: Sequential, comm: Intracomm) -> None:
        super().__init__(copy.copy(network))
        self._original = network
        self._loss = self._network.loss_function = ShareOfLoss(network)
        norms = [layer for layer in every_layer(network.layers) if isinstance(layer, BatchNorm)]
        forward = [1 + 2 * layer.params["gamma"].size for layer in norms]
        self._exchange = Exchange(comm, [*forward, *(width - 1 for width in reversed(forward))])
        self._network.layers = [self._synchronised(layer) for layer in network.layers]
        self._norms = [each for each in every_layer(self._network.layers) if isinstance(each, SynchronisedBatchNorm)]

    def begin(self) -> None:
        self._exchange.begin()

    def gradient(
        self, x: Array, t: Array, rows: Array | None, scale: float, factor: float
    ) -> tuple[float, dict[str, Array], float]:
        self._loss.factor = factor
        self._network.weight_decay = self._original.weight_decay * factor
        return *self._network.train_gradient(x, t, rows=rows, scale=scale), 1.0

    def without_rows(self) -> None:
        for layer in self._norms:
            layer.forward_without_rows()
        for layer in reversed(self._norms):
            layer.backward_without_rows()

    def give_up(self) -> None:
        self._exchange.give_up()

    def _synchronised(self, layer: Layer) -> Layer:
        """The layer, or one with synchronised ones in the place of its batch normalizations."""
        if type(layer) is BatchNorm:
            return SynchronisedBatchNorm(layer, self._exchange)
        if not any(isinstance(each, BatchNorm) for each in every_layer([layer])):
            return layer
        if type(layer) is not Residual:
            raise HyperparameterError(
                "a batch normalization cannot be synchronised", op="DataParallel", arg="network",
                expected="BatchNorm itself, in the network or in a Residual", got=type(layer).__qualname__,
                hint='Pass batch_norm="per_rank"',
            )  # fmt: skip
        block = copy.copy(layer)
        block.layers = tuple(self._synchronised(each) for each in layer.layers)
        block.projection = None if layer.projection is None else self._synchronised(layer.projection)
        return block
