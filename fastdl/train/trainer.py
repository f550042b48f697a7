"""The training loop: epochs of shuffled mini-batches, validation, history."""

from __future__ import annotations

import inspect
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any, Literal, Protocol

from numpy.typing import NDArray

from fastdl.data import Batches
from fastdl.data.checks import integer
from fastdl.errors import FastdlError, HyperparameterError
from fastdl.nn import Loss
from fastdl.train import saved
from fastdl.train.evaluation import Evaluable, chunks_of, dtype_of, mean_of, measured
from fastdl.train.history import EpochRecord, History, StepRecord
from fastdl.train.place import Place
from fastdl.train.progress import display
from fastdl.train.stopping import StopTraining
from fastdl.train.together import Alone, Together


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
        Seed of the shuffling; drawn from the operating system when left out.
    progress : True or callable, optional
        None: silent. True: on stderr, a bar if that is a terminal and tqdm is installed, else a line for each
        epoch. A callable is given a `StepRecord` after each step and an `EpochRecord` after each epoch.
    callbacks : sequence of callables
        Each is given the same records, after ``progress`` and in this order. An exception from one ends the run;
        `StopTraining` ends it without an error. One that has a method ``begin(trainer)`` or ``end()`` is told so when
        `fit` begins, and when it ends without an error; ``interrupted()`` is called before a KeyboardInterrupt ends it.
        One that has a ``state_dict`` is saved with the trainer.

    Attributes
    ----------
    history : History
        The course of the training so far, over all calls of `fit`; up to date also after an interrupt.
    seed : int
        The seed, also when it was drawn.

    Raises
    ------
    HyperparameterError
        If an argument is not what it has to be, or both ``epochs`` and ``steps`` are given.

    Notes
    -----
    A second `fit` goes on where the first ended: two calls of one epoch each shuffle, step and record as one
    call of two epochs. After a KeyboardInterrupt, or an exception from a callback, the network is as its last whole
    step left it, and the next `fit` begins with the next epoch. A callback may save `state_dict`, with the network's
    and the optimizer's: a trainer that loads them goes on with the next step of that epoch, with the same bits as if
    nothing had happened.
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
        if isinstance(optimizer, type) or not callable(getattr(optimizer, "update", None)):
            raise HyperparameterError(
                "not an optimizer", op="Trainer", arg="optimizer", expected="an object with update(params, grads)",
                got=repr(optimizer), hint="Make one, such as fastdl.optim.Adam()",
            )  # fmt: skip
        if not isinstance(callbacks, Iterable):
            raise HyperparameterError(
                "not a sequence",
                op="Trainer",
                arg="callbacks",
                got=type(callbacks).__qualname__,
                hint="Put it in a list",
            )
        callbacks = tuple(callbacks)
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
        self.callbacks = callbacks
        self.seed = secrets.randbits(63) if seed is None else integer(seed, op="Trainer", arg="seed", low=0)
        self.history = History()
        self._place = Place()
        self._together: Together = getattr(network, "ranks", Alone())

    @property
    def writes(self) -> bool:
        """Whether this process prints and writes files: of several ranks only the first one does."""
        return self._together.writes

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
            Where the arrays do not fit each other or the network, before the first step. With a loss that is not
            fastdl's, a label outside the classes is found when its batch comes: the steps before it stand.
        """
        together = self._together
        with together.interruptible():
            together.align(self.network, self.optimizer, self)
            place = self._place
            with together.agreed():
                batches = self._checked_batches(x, t, scale, validation)
                for callback in self.callbacks:
                    getattr(callback, "begin", _nothing)(self)
                place.begin(len(x), self.epochs * len(batches) if self.steps is None else self.steps)
            try:
                with self._reporting(place.left or 1) as shown:

                    def report(record: StepRecord | EpochRecord) -> None:
                        stop: StopTraining | None = None
                        with together.agreed():
                            for each in (shown, *self.callbacks):
                                try:
                                    each(record)
                                except StopTraining as error:  # the others are given the record first
                                    stop = error
                            if stop is not None:
                                raise stop

                    with suppress(StopTraining):
                        while place.left or place.taken is not None:
                            self._train_epoch(batches, scale, validation, report)
            except KeyboardInterrupt:
                for callback in self.callbacks:
                    getattr(callback, "interrupted", _nothing)()
                raise
            finally:
                place.end()
            with together.agreed():
                for callback in self.callbacks:
                    getattr(callback, "end", _nothing)()
        return self.history

    def state_dict(self) -> dict[str, Any]:
        """Return what a trainer needs to go on, besides the states of its network and optimizer.

        Returns
        -------
        dict
            ``seed``, ``batch_size``; the ``epoch`` and the steps ``taken`` in it, the steps ``left`` in this call of
            `fit`; the ``rows`` of the data; ``losses`` and ``epochs`` of the history; ``callbacks``, by class.

        Examples
        --------
        >>> from fastdl.nn import MLP
        >>> from fastdl.optim import SGD
        >>> Trainer(MLP([3, 3]), SGD(lr=1.0), seed=0).state_dict()["epoch"]
        0
        """
        return saved.state_of(self.seed, self.batch_size, self._place, self.history, self.callbacks)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what :meth:`state_dict` returned, also the seed.

        If it was saved by a callback, the next `fit` takes the steps that were left, whatever the trainer's ``epochs``
        and ``steps`` are.

        Parameters
        ----------
        state_dict : dict
            Of a trainer of the same batch size, and with callbacks of the same classes, if they have a state.

        Raises
        ------
        CheckpointError
            If anything in it is missing, unknown or does not fit; nothing has changed then.
        """
        checked = saved.validate(state_dict, self.batch_size)
        saved.load_callbacks(checked.callbacks, self.callbacks)
        self.seed, self._place, self.history = checked.seed, checked.place, checked.history

    def _checked_batches(
        self, x: NDArray[Any], t: NDArray[Any], scale: float, validation: tuple[NDArray[Any], NDArray[Any]] | None
    ) -> Batches:
        """The batches, after what would be raised by the first epoch."""
        dtype = dtype_of(self.network)
        batches = Batches(x, t, self.batch_size, scale=scale, dtype=dtype, seed=self.seed)
        self._check_fit("x, t", x, t, scale)
        if validation is not None:
            if not isinstance(validation, tuple | list) or len(validation) != 2:
                raise HyperparameterError(
                    "not a pair", op="fit", arg="validation", expected="(x, t)", got=type(validation).__qualname__
                )
            self._check_fit("validation", *validation, scale)
        return batches

    def _check_fit(self, name: str, x: NDArray[Any], t: NDArray[Any], scale: float) -> None:
        """Raise what an epoch would raise: of the inputs it is enough to try a row, of the targets it takes all."""
        try:
            row = next(iter(Batches(x, t, 1, scale=scale, dtype=dtype_of(self.network), shuffle=False)))
            self.network.loss(*row)
            network: Any = self.network
            loss = getattr(network, "loss_function", None)
            if isinstance(loss, Loss) and loss.can_be_planned:  # its targets() are what it computes with
                y = network.forward(row[0])
                loss.targets(t, (len(t), *y.shape[1:]), y.dtype)
        except FastdlError as error:
            error.op = f"fit: {name}: {error.op}"
            raise

    def _losses(self, batches: Batches, skip: int) -> Iterator[float]:
        """Take the steps of an epoch but the first few, and yield the loss of each."""
        step = self.network.train_step
        if "rows" in inspect.signature(step).parameters:
            for rows in islice(batches.rows(), skip, None):
                yield step(batches.x, batches.t, self.optimizer, rows=rows, scale=batches.scale)
        else:
            for x, t in islice(batches, skip, None):
                yield step(x, t, self.optimizer)

    def _train_epoch(
        self,
        batches: Batches,
        scale: float,
        validation: tuple[NDArray[Any], NDArray[Any]] | None,
        report: Report,
    ) -> None:
        """Take the steps of an epoch, or what is left of it, validate, record."""
        begin = time.perf_counter()
        place, losses = self._place, self.history.losses
        taken = place.enter()
        batches.epoch = place.epoch - 1
        for loss in islice(self._losses(batches, taken), min(place.left, len(batches))):
            losses.append(loss)
            taken = place.step()
            report(StepRecord(place.epoch, len(losses), loss))
        validation_loss, validation_accuracy = (
            (None, None) if validation is None else self._validate(*validation, scale)
        )
        self._together.check_same(self.network.params)
        record = EpochRecord(
            epoch=place.epoch,
            step=len(losses),
            loss=sum(losses[-taken:]) / taken,
            validation_loss=validation_loss,
            validation_accuracy=validation_accuracy,
            seconds=time.perf_counter() - begin,
        )
        self.history.epochs.append(record)
        place.leave()
        report(record)

    def _validate(self, x: NDArray[Any], t: NDArray[Any], scale: float) -> tuple[float, float]:
        """Loss and accuracy, with the same bits as `evaluate`: each rank measures its share of the chunks."""
        with self._together.agreed():
            mine = measured(self.network, x, t, scale, self._together.share(chunks_of(x)))
        return mean_of(self._together.joined(mine))

    @contextmanager
    def _reporting(self, steps: int) -> Iterator[Report]:
        if self.progress is None or not self.writes:
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


def _nothing(*_: object) -> None:
    """In place of a method that a callback does not have."""
