"""The training loop: epochs of shuffled mini-batches, validation, history."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, Literal, Protocol

from numpy.typing import NDArray

from fastdl.data import Batches
from fastdl.data.checks import integer
from fastdl.errors import HyperparameterError
from fastdl.train.evaluation import Evaluable, dtype_of, evaluate
from fastdl.train.history import EpochRecord, History, StepRecord
from fastdl.train.progress import display


class Trainable(Evaluable, Protocol):
    """What `Trainer` asks of a network; `fastdl.nn.MLP` has it.

    A ``train_step`` that also takes ``rows`` and ``scale``, as `fastdl.nn.Sequential.train_step`, gathers its batches
    itself.
    """

    @property
    def train_step(self) -> Callable[..., float]:
        """Forward, backward and update on one batch (x, t) with an optimizer; the loss before the update."""


Report = Callable[[StepRecord | EpochRecord], object]


class Trainer:
    """Trains a network on mini-batches.

    Parameters
    ----------
    network : Trainable
        For example a `fastdl.nn.MLP`; its parameters change in place.
    optimizer : optimizer of `fastdl.optim`
        Keeps its state between calls of `fit`.
    batch_size : int >= 1
        Rows of a mini-batch; the last batch of an epoch may have fewer.
    epochs : int >= 1, optional
        Passes over the data in one call of `fit`; 20 if neither this nor ``steps`` is given.
    steps : int >= 1, optional
        Mini-batches in one call of `fit`, in place of ``epochs``.
    seed : int >= 0, optional
        Seed of the shuffling; None takes one from the operating system.
    progress : True or callable, optional
        None: silent. True: on stderr, a bar if that is a terminal and tqdm is installed, else a line for each
        epoch. A callable is given a `StepRecord` after each step and an `EpochRecord` after each epoch.
    callbacks : sequence of callables
        Each is given the same records, after ``progress`` and in this order. An exception from one ends the run.

    Attributes
    ----------
    history : History
        The course of the training so far, over all calls of `fit`; up to date also after an interrupt.

    Raises
    ------
    HyperparameterError
        If a number is out of range, or both ``epochs`` and ``steps`` are given.

    Notes
    -----
    A second `fit` goes on where the first ended: two calls of one epoch each shuffle, step and record as one
    call of two epochs, if there is a seed. After a KeyboardInterrupt, or an exception from a callback, the network is
    as its last whole step left it, and the next `fit` begins with the next epoch.
    A loss that is not finite does not stop the training; see `History.diverged`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl.nn import MLP
    >>> from fastdl.optim import SGD
    >>> x = np.random.default_rng(0).integers(0, 256, (200, 3), dtype=np.uint8)
    >>> t = x.argmax(axis=1)
    >>> trainer = Trainer(MLP([3, 3], seed=0), SGD(lr=1.0), batch_size=20, epochs=30, seed=0)
    >>> history = trainer.fit(x, t, scale=1 / 255, validation=(x, t))
    >>> len(history.losses), history.epochs[-1].validation_accuracy > 0.9
    (300, True)
    """

    def __init__(
        self,
        network: Trainable,
        optimizer: Any,
        *,
        batch_size: int = 100,
        epochs: int | None = None,
        steps: int | None = None,
        seed: int | None = None,
        progress: Literal[True] | Report | None = None,
        callbacks: Sequence[Report] = (),
    ) -> None:
        if epochs is not None and steps is not None:
            raise HyperparameterError(
                "both epochs and steps given",
                op="Trainer",
                arg="steps",
                hint="Give the one that ends the run",
            )
        for number, callback in enumerate(callbacks):
            if not callable(callback):
                raise HyperparameterError(
                    "cannot be called", op="Trainer", arg="callbacks", key=number, got=type(callback).__qualname__
                )
        self.network = network
        self.optimizer = optimizer
        self.batch_size = integer(batch_size, op="Trainer", arg="batch_size", low=1)
        self.steps = None if steps is None else integer(steps, op="Trainer", arg="steps", low=1)
        self.epochs = integer(20 if epochs is None else epochs, op="Trainer", arg="epochs", low=1)
        self.progress = progress
        self.callbacks = tuple(callbacks)
        self.seed = None if seed is None else integer(seed, op="Trainer", arg="seed", low=0)
        self.history = History()
        self._epoch = 0

    def fit(
        self,
        x: NDArray[Any],
        t: NDArray[Any],
        *,
        scale: float = 1.0,
        validation: tuple[NDArray[Any], NDArray[Any]] | None = None,
    ) -> History:
        """Train for the trainer's number of epochs or steps.

        Parameters
        ----------
        x : ndarray (N, I), uint8, float32 or float64
            Inputs; scaled, and made floats of the network's dtype, as a batch is gathered.
        t : ndarray (N,) of integers in [0, C), or one-hot (N, C)
            Labels.
        scale : float
            Every input is multiplied by it, in validation too: 1/255 takes bytes to 0..1.
        validation : (x, t), optional
            Data that each epoch ends with the loss and accuracy of.

        Returns
        -------
        History
            The trainer's ``history``.

        Raises
        ------
        FastdlError
            Where the arrays do not fit each other or the network, before the first step. A label outside the
            classes is found when its batch comes: the steps before it stand.
        """
        dtype = dtype_of(self.network)
        batches = Batches(x, t, self.batch_size, scale=scale, dtype=dtype, seed=self.seed)
        batches.epoch = self._epoch
        for x_any, t_any in ((x, t), validation or (x, t)):  # raises now what the first epoch would
            row = next(iter(Batches(x_any, t_any, 1, scale=scale, dtype=dtype, shuffle=False)))
            self.network.loss(*row)
        steps = self.epochs * len(batches) if self.steps is None else self.steps
        with self._reporting(steps) as shown:

            def report(record: StepRecord | EpochRecord) -> None:
                for each in (shown, *self.callbacks):
                    each(record)

            while steps > 0:
                steps -= self._train_epoch(islice(self._losses(batches), steps), scale, validation, report)
        return self.history

    def _losses(self, batches: Batches) -> Iterator[float]:
        """Take the steps of an epoch, and yield the loss of each."""
        step = self.network.train_step
        if "rows" in inspect.signature(step).parameters:
            for rows in batches.rows():
                yield step(batches.x, batches.t, self.optimizer, rows=rows, scale=batches.scale)
        else:
            for x, t in batches:
                yield step(x, t, self.optimizer)

    def _train_epoch(
        self,
        steps: Iterator[float],
        scale: float,
        validation: tuple[NDArray[Any], NDArray[Any]] | None,
        report: Report,
    ) -> int:
        """Take the steps, validate, record; the number of steps taken."""
        begin = time.perf_counter()
        self._epoch += 1
        losses = self.history.losses
        before = len(losses)
        for loss in steps:
            losses.append(loss)
            report(StepRecord(self._epoch, len(losses), losses[-1]))
        taken = len(losses) - before
        validation_loss, validation_accuracy = (
            (None, None) if validation is None else evaluate(self.network, *validation, scale=scale)
        )
        record = EpochRecord(
            epoch=self._epoch,
            step=len(losses),
            loss=sum(losses[before:]) / taken,
            validation_loss=validation_loss,
            validation_accuracy=validation_accuracy,
            seconds=time.perf_counter() - begin,
        )
        self.history.epochs.append(record)
        report(record)
        return taken

    @contextmanager
    def _reporting(self, steps: int) -> Iterator[Report]:
        if self.progress is None:
            yield lambda record: None
        elif self.progress is not True:
            yield self.progress
        else:
            with display(steps) as shown:

                def show(record: StepRecord | EpochRecord) -> None:
                    if isinstance(record, StepRecord):
                        shown.step(f"epoch {record.epoch}", record.loss)
                    else:
                        shown.milestone(str(record))

                yield show
