"""A network that several ranks train together."""

from __future__ import annotations

import zlib
from math import isqrt
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastdl.errors import HyperparameterError, ParallelError
from fastdl.nn.sequential import Sequential, SupportsUpdate
from fastdl.parallel.gradient_buffer import GradientBuffer
from fastdl.parallel.layer_states import LayerStates
from fastdl.parallel.ranks import Ranks
from fastdl.parallel.replicated import JointStep, joint_step
from fastdl.parallel.share_gradients import PerRank, Synchronised
from fastdl.parallel.shares import share
from fastdl.parallel.threads import share_cores
from fastdl.parallel.world import world
from fastdl.train.together import Alone, Together

if TYPE_CHECKING:
    from mpi4py.MPI import Intracomm

Array = NDArray[Any]

LOSS, FAILED, BATCH, SQUARE_OF_BATCH, RUNNING = range(5)  # the numbers behind the gradients; the last are many or none

BATCH_NORMS = ("synchronised", "per_rank")


class DataParallel:
    """A network that all ranks train together: a step is that of one process on the whole batch, to rounding.

    Every rank has the same network, optimizer and data, and calls the same methods with the same arguments. Each
    computes the gradient of its share of the batch; one ``Allreduce`` adds up gradients and loss, and every rank takes
    the same step. The mean of the shares' gradients is weighted by what the loss is a mean over: rows, or the weights
    of their classes.

    Parameters
    ----------
    network : Sequential
        For example a `fastdl.nn.MLP`. Its parameters, running statistics and masks become those of rank 0.
    comm : mpi4py.MPI.Intracomm, optional
        The ranks; by default all that were started together.
    batch_norm : {"synchronised", "per_rank"}
        What batch normalization takes mean and variance of: the whole batch, for which the ranks meet in every such
        layer, or each rank's share, of which it needs two rows or more.

    Attributes
    ----------
    network : Sequential
        The network.
    comm : mpi4py.MPI.Intracomm
        The ranks.
    ranks : Together
        What a `Trainer` asks of them.

    Raises
    ------
    MissingDependencyError
        If mpi4py or an MPI is not installed.
    HyperparameterError
        If ``batch_norm`` is another one, or does not go with the network's layers.

    Notes
    -----
    With one rank, every method is the network's own. What is not listed here, such as ``predict`` or ``state_dict``, is
    the network's with any number of ranks: the rank that calls it computes it alone. Several ranks share the cores of
    their machine, see `share_cores`.

    A dropout drops of each row what it does in one process. Running statistics are the same on all ranks after each
    step: with ``batch_norm="per_rank"`` the mean of the ranks', weighted by their rows, in which the running variance
    lacks the variance of the shares' means. What a step that fails has changed of them, and of dropouts' steps, is
    taken back. Li et al., "PyTorch Distributed: Experiences on Accelerating Data Parallel Training", 2020, describe how
    torch does it, where ``per_rank`` is the default and rank 0's running statistics are everyone's.

    Examples
    --------
    >>> from fastdl import nn, optim
    >>> from fastdl.train import Trainer
    >>> network = DataParallel(nn.MLP([3, 8, 3], seed=0))
    >>> x = np.random.default_rng(0).random((200, 3), np.float32)
    >>> history = Trainer(network, optim.SGD(lr=0.5), batch_size=20, epochs=2, seed=0).fit(x, x.argmax(axis=1))
    >>> len(history.losses)
    20
    """

    def __init__(self, network: Sequential, comm: Intracomm | None = None, batch_norm: str = "synchronised") -> None:
        if batch_norm not in BATCH_NORMS:
            raise HyperparameterError(
                "not possible", op="DataParallel", arg="batch_norm", expected=f"one of {', '.join(BATCH_NORMS)}",
                got=repr(batch_norm),
            )  # fmt: skip
        self.network = network
        self.comm = world() if comm is None else comm
        self.ranks: Together = Alone()
        if self.comm.size > 1:
            self.ranks = Ranks(self.comm)
            self.ranks.align(network)
            share_cores(self.comm)
        self._states = LayerStates(network)
        is_synchronised = batch_norm == "synchronised" and self._states.size > 0
        self._share = Synchronised(network, self.comm) if is_synchronised else PerRank(network)
        self._buffer = GradientBuffer(network.params, RUNNING + (0 if is_synchronised else self._states.size))

    def __getattr__(self, name: str) -> Any:
        """Return the network's, for all that is not said here: this rank alone computes it."""
        if name == "network":  # while it is unpickled
            raise AttributeError(name)
        return getattr(self.network, name)

    @property
    def params(self) -> dict[str, Array]:
        """The network's parameters."""
        return self.network.params

    def train_step(
        self,
        x: Array,
        t: Array,
        optimizer: SupportsUpdate,
        *,
        rows: NDArray[np.integer[Any]] | None = None,
        scale: float = 1.0,
    ) -> float:
        """Take one step on a batch that is the same on all ranks: forward, backward, update.

        Parameters
        ----------
        x, t, optimizer, rows, scale
            As :meth:`fastdl.nn.Sequential.train_step` takes them, and the same on all ranks.

        Returns
        -------
        float
            The loss of the whole batch before the step.

        Raises
        ------
        ParallelError
            If another rank could not compute its share, or the ranks were given different batches.
        FastdlError
            If something does not fit. Whatever is raised, no rank's parameters have changed.
        """
        if self.comm.size == 1:
            return self.network.train_step(x, t, optimizer, rows=rows, scale=scale)
        step = joint_step(optimizer)
        self._share.begin()
        with self._states.step():
            loss = self._add_up_gradients(x, t, rows, scale, step)
            running = self._buffer.numbers[RUNNING:]
            if running.size:
                self._states.take_running(running)
        step.update_from(self.network.params, self._buffer)
        return loss

    def loss(self, x: Array, t: Array) -> float:
        """Return the loss, which every rank computes.

        Parameters
        ----------
        x, t : ndarray
            As :meth:`fastdl.nn.Sequential.loss` takes them.

        Returns
        -------
        float
        """
        return self.network.loss(x, t)

    def loss_and_accuracy(self, x: Array, t: Array) -> tuple[float, float]:
        """Return loss and accuracy, which every rank computes.

        Parameters
        ----------
        x, t : ndarray
            As :meth:`fastdl.nn.Sequential.loss_and_accuracy` takes them.

        Returns
        -------
        loss, accuracy : float
        """
        return self.network.loss_and_accuracy(x, t)

    def _add_up_gradients(self, x: Array, t: Array, rows: Array | None, scale: float, step: JointStep) -> float:
        """Add up what the ranks make of their shares; the loss of the whole batch.

        A rank that fails says so in the same sum, so that no other waits for it.
        """
        buffer, failure = self._buffer, None
        try:
            self._fill(x, t, rows, scale)
        except Exception as error:
            failure = error
            self._share.give_up()
            buffer.array[:] = 0
            buffer.numbers[FAILED] = 1
        step.add_up(buffer, self.comm)
        if buffer.numbers[FAILED]:
            Ranks(self.comm).agree(failure)
        batch, square = int(buffer.numbers[BATCH]), int(buffer.numbers[SQUARE_OF_BATCH])
        if square * self.comm.size != batch**2:
            raise ParallelError(
                "the ranks were given different batches", op="DataParallel",
                hint="Give all the same data in the same order, and a Trainer the same seed",
            )  # fmt: skip
        return float(buffer.numbers[LOSS])

    def _fill(self, x: Array, t: Array, rows: Array | None, scale: float) -> None:
        """Put this rank's share of loss and gradient into the buffer."""
        buffer, comm = self._buffer, self.comm
        targets = t if rows is None else t[rows]
        mine = share(len(targets), comm.rank, comm.size)
        self._states.begin_at(mine.start)
        if mine.start == mine.stop:
            buffer.array[:] = 0
            self._share.without_rows()
            self._states.count_step()
        else:
            factor = self._share_of_mean(targets, mine)
            if rows is None:
                loss, grads, rest = self._share.gradient(x[mine], t[mine], None, scale, factor)
            else:
                loss, grads, rest = self._share.gradient(x, t, rows[mine], scale, factor)
            buffer.fill(grads, rest)
            buffer.numbers[LOSS] = loss
            if buffer.numbers[RUNNING:].size:
                self._states.give_running((mine.stop - mine.start) / len(targets), buffer.numbers[RUNNING:])
        buffer.numbers[FAILED] = 0
        buffer.numbers[BATCH] = batch = self._fingerprint(targets if rows is None else rows)
        buffer.numbers[SQUARE_OF_BATCH] = batch**2

    def _share_of_mean(self, targets: Array, mine: slice) -> float:
        """How much the loss of these rows counts in that of all."""
        weight = getattr(self.network.loss_function, "weight", len)
        whole = weight(targets)
        return weight(targets[mine]) / whole if whole else (mine.stop - mine.start) / len(targets)

    def _fingerprint(self, array: Array) -> int:
        """A number that differs for different batches, so small that the sum of the ranks' squares is exact."""
        exact = 2 ** (np.finfo(self.network.dtype).nmant + 1)
        return zlib.crc32(array.tobytes()) % isqrt(exact // self.comm.size)
