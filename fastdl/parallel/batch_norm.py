"""Batch normalization with the statistics of the whole batch, of which each rank has a share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastdl import kernels
from fastdl.nn.batch_norm import BatchNorm
from fastdl.nn.layer import Layer, not_trained
from fastdl.parallel.exchange import Exchange

Array = NDArray[Any]


class SynchronisedBatchNorm(Layer):
    """A `BatchNorm` whose mean and variance are those of all ranks' shares together.

    It has that layer's parameters, running statistics and settings. Each pass is two kernels with one ``Allgather``
    between them: mean and squares of each share, combined by the formula of Chan, Golub and LeVeque, "Updating
    Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979; in the backward pass the sums of the
    gradient and of its product with the deviations. All that is exchanged is float64.

    It cannot be planned, as the ranks meet in the middle of its passes: a network that has one trains layer by layer.
    Of a network with three such layers of 100 units (784 inputs, float32, two ranks with a thread each on one machine)
    a step takes 0.3 ms longer than with statistics per rank: 0.65 instead of 0.32 ms of 100 rows, 2.07 instead of
    1.79 ms of 1,000.

    Parameters
    ----------
    layer : BatchNorm
        That layer.
    exchange : Exchange
        Where the ranks meet.

    Notes
    -----
    ``grads`` holds this rank's share of the gradient, if the loss was its share of the whole batch's. torch's
    ``SyncBatchNorm`` exchanges mean and inverse standard deviation in the dtype of the inputs.
    """

    def __init__(self, layer: BatchNorm, exchange: Exchange) -> None:
        super().__init__()
        self.params = layer.params
        self.buffers = layer.buffers
        self._layer = layer
        self._exchange = exchange
        self._count = 0.0  # numbers of a channel, in the whole batch
        self._passed: tuple[Array, Array, Array] | None = None

    @property
    def channels(self) -> int:
        """How many channels it has."""
        return self.params["gamma"].size

    def forward(self, x: Array, train: bool = False) -> Array:
        layer = self._layer
        if not train:
            return layer.forward(x)
        share = layer.as_channels(x)
        moments = kernels.batch_norm_moments(share)
        statistics = self._statistics(share.size / share.shape[1], moments)
        y = kernels.batch_norm_apply(share, self.params["gamma"], self.params["beta"], statistics, layer.activation)
        self._passed = share, statistics, y
        return y.reshape(x.shape)

    def backward(self, dout: Array) -> Array:
        if self._passed is None:
            raise not_trained("SynchronisedBatchNorm.backward")
        layer, (x, statistics, y) = self._layer, self._passed
        gradient = layer.as_channels(dout)
        mine = kernels.batch_norm_sums(gradient, x, statistics, y, layer.activation)
        sums = self._sums(mine)
        dx = kernels.batch_norm_apply_backward(
            gradient, x, self.params["gamma"], statistics, sums, self._count, y, layer.activation
        )
        self.grads = {
            "gamma": (mine[1] * statistics[2]).astype(statistics.dtype), "beta": mine[0].astype(statistics.dtype)
        }  # fmt: skip
        layer.grads = self.grads
        return dx.reshape(dout.shape)

    def forward_without_rows(self) -> None:
        """Take part in the others' forward pass: their running statistics are this rank's too."""
        self._statistics(0, np.zeros((2, self.channels)))

    def backward_without_rows(self) -> None:
        """Take part in the others' backward pass."""
        self._sums(np.zeros((2, self.channels)))

    def _statistics(self, count: float, moments: Array) -> Array:
        """Those of the whole batch, which go into the running ones."""
        layer = self._layer
        everyone = self._exchange.gather([count, *moments.ravel()])
        counts = everyone[:, 0]
        self._count = float(counts.sum())
        running = self.buffers["running_mean"], self.buffers["running_var"]
        return kernels.batch_norm_statistics(
            counts, everyone[:, 1:].reshape(-1, 2, self.channels), layer.eps, running, layer.momentum, layer.ddof,
            self.params["gamma"].dtype,
        )  # fmt: skip

    def _sums(self, mine: Array) -> Array:
        sums: Array = self._exchange.gather(mine).sum(axis=0)
        return sums.reshape(mine.shape)
