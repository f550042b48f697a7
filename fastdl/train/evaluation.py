"""Loss and accuracy of a network over a whole data set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fastdl.data import Batches

CHUNK = 768  # images scaled at a time, as many as a network evaluates in one block: 2 MB of float32 for MNIST


Measure = tuple[int, float, float]  # rows, mean loss, accuracy


class Evaluable(Protocol):
    """What `evaluate` asks of a network; `fastdl.nn.MLP` has it."""

    @property
    def params(self) -> dict[str, NDArray[Any]]:
        """The arrays it learns, all of one dtype."""

    def loss(self, x: NDArray[Any], t: NDArray[Any]) -> float:
        """Mean loss over a batch."""

    def loss_and_accuracy(self, x: NDArray[Any], t: NDArray[Any]) -> tuple[float, float]:
        """The mean loss over a batch, and the share of it, 0..1, whose label is predicted."""


def dtype_of(network: Evaluable) -> np.dtype[Any]:
    """Dtype of a network's parameters, which its inputs need as well."""
    return next(iter(network.params.values())).dtype


def evaluate(network: Evaluable, x: NDArray[Any], t: NDArray[Any], *, scale: float = 1.0) -> tuple[float, float]:
    """Loss and accuracy of a network over a whole data set, a chunk at a time.

    Parameters
    ----------
    network : Evaluable
        For example a `fastdl.nn.MLP`.
    x : ndarray (N, I), uint8, float32 or float64
        Inputs. Only a chunk of them is scaled and held as floats at a time.
    t : ndarray (N,) of integers in [0, C), or one-hot (N, C)
        Labels.
    scale : float
        Every input is multiplied by it.

    Returns
    -------
    loss, accuracy : float
        Means over the N rows; the accuracy in 0..1.

    Raises
    ------
    FastdlError
        Where the arrays do not fit each other or the network.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl.nn import MLP
    >>> network = MLP([4, 3], init="zeros")
    >>> loss, _ = evaluate(network, np.ones((5, 4), np.uint8), np.arange(5) % 3, scale=0.5)
    >>> round(loss, 4)  # three classes, all equally likely: log 3
    1.0986
    """
    return mean_of(measured(network, x, t, scale, slice(0, chunks_of(x))))


def chunks_of(x: NDArray[Any]) -> int:
    """How many chunks a data set is evaluated in."""
    return -(-len(x) // CHUNK)


def measured(network: Evaluable, x: NDArray[Any], t: NDArray[Any], scale: float, chunks: slice) -> list[Measure]:
    """Rows, loss and accuracy of some of the chunks of a data set."""
    mine = slice(chunks.start * CHUNK, chunks.stop * CHUNK)
    if chunks.start == chunks.stop:
        return []
    batches = Batches(x[mine], t[mine], CHUNK, scale=scale, dtype=dtype_of(network), shuffle=False)
    return [(len(x_batch), *network.loss_and_accuracy(x_batch, t_batch)) for x_batch, t_batch in batches]


def mean_of(measures: Sequence[Measure]) -> tuple[float, float]:
    """The mean loss and accuracy of all chunks of a data set."""
    loss = accuracy = 0.0
    for rows, chunk_loss, chunk_accuracy in measures:
        loss += rows * chunk_loss
        accuracy += rows * chunk_accuracy
    rows = sum(measure[0] for measure in measures)
    return loss / rows, accuracy / rows
