"""What the layers of a network count and average over training steps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numpy.typing import NDArray

from fastdl.nn.batch_norm import BatchNorm
from fastdl.nn.dropout import Dropout
from fastdl.nn.layer import every_layer
from fastdl.nn.sequential import Sequential

Array = NDArray[Any]


class LayerStates:
    """The steps of dropouts and the running statistics of batch normalizations, which all ranks are to agree on.

    Parameters
    ----------
    network : Sequential
        The network.

    Attributes
    ----------
    size : int
        How many numbers the running statistics are.

    Examples
    --------
    >>> from fastdl import nn
    >>> LayerStates(nn.MLP([2, 3, 2], norm="batch")).size
    6
    """

    def __init__(self, network: Sequential) -> None:
        layers = list(every_layer(network.layers))
        self._dropouts = [layer for layer in layers if isinstance(layer, Dropout)]
        norms = [layer for layer in layers if isinstance(layer, BatchNorm)]
        self._running: list[Array] = [array for layer in norms for array in layer.buffers.values()]
        self.size = sum(array.size for array in self._running)

    @contextmanager
    def step(self) -> Iterator[None]:
        """A training step. One that fails leaves everything as it was, on all ranks."""
        steps = [layer.step for layer in self._dropouts]
        running = [array.copy() for array in self._running]
        try:
            yield
        except BaseException:
            for layer, step in zip(self._dropouts, steps, strict=True):
                layer.step = step
            for array, before in zip(self._running, running, strict=True):
                array[...] = before
            raise
        finally:
            self.begin_at(0)

    def begin_at(self, row: int) -> None:
        """Say at which row of the batch this rank's share begins.

        Parameters
        ----------
        row : int
        """
        for layer in self._dropouts:
            layer.first_row = row

    def count_step(self) -> None:
        """Count a step of which this rank has no rows."""
        for layer in self._dropouts:
            layer.step += 1

    def give_running(self, part: float, out: Array) -> None:
        """Write a part of the running statistics.

        Parameters
        ----------
        part : float
            What they are multiplied by.
        out : ndarray of shape (size,)
        """
        start = 0
        for array in self._running:
            out[start : start + array.size] = array * part
            start += array.size

    def take_running(self, numbers: Array) -> None:
        """Take over running statistics.

        Parameters
        ----------
        numbers : ndarray of shape (size,)
            In the order of :meth:`give_running`.
        """
        start = 0
        for array in self._running:
            array[...] = numbers[start : start + array.size]
            start += array.size
