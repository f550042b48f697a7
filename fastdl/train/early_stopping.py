"""The callback that ends a run which no longer improves."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fastdl.data.checks import integer
from fastdl.errors import CheckpointError, HyperparameterError
from fastdl.train.history import EpochRecord, StepRecord
from fastdl.train.monitor import Metric, checked_metric, value_of
from fastdl.train.stopping import StopTraining

if TYPE_CHECKING:
    from fastdl.train.trainer import Trainer


class EarlyStopping:
    """A callback of `Trainer` that ends the run when a metric has not improved for some epochs.

    Parameters
    ----------
    patience : int >= 1
        Epochs in a row without improvement that end the run.
    min_delta : float
        At least 0: what is not better by more than this is no improvement.
    metric : {"validation_loss", "validation_accuracy", "loss"}
        What is watched. NaN is never an improvement.
    restore_best : bool
        Whether the network gets back, at the end of `fit`, the state that it had after the best epoch. The optimizer
        keeps its own.

    Attributes
    ----------
    best : float or None
        The best value so far.
    best_epoch : int
        Its epoch; 0 before the first.

    Raises
    ------
    HyperparameterError
        If an argument is out of range.

    Notes
    -----
    Prechelt, "Early Stopping - But When?", 1998. Keras' ``EarlyStopping`` with the same names. Its memory is part of a
    trainer's ``state_dict``, so a run that is resumed ends where it would have ended.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl.nn import MLP
    >>> from fastdl.optim import SGD
    >>> from fastdl.train import Trainer
    >>> x = np.random.default_rng(0).random((100, 3), np.float32)
    >>> t = x.argmax(axis=1)
    >>> stopping = EarlyStopping(patience=2, min_delta=0.1)
    >>> trainer = Trainer(MLP([3, 3], seed=0), SGD(lr=0.01), epochs=50, seed=0, callbacks=[stopping])
    >>> len(trainer.fit(x, t, validation=(x, t)).epochs), stopping.best_epoch
    (3, 1)
    """

    def __init__(
        self,
        patience: int = 5,
        *,
        min_delta: float = 0.0,
        metric: Metric = "validation_loss",
        restore_best: bool = False,
    ) -> None:
        self.patience = integer(patience, op="EarlyStopping", arg="patience", low=1)
        if isinstance(min_delta, bool) or not isinstance(min_delta, int | float) or not 0 <= min_delta < math.inf:
            raise HyperparameterError(
                "out of range", op="EarlyStopping", arg="min_delta", expected="a finite number >= 0",
                got=repr(min_delta),
            )  # fmt: skip
        self.min_delta = float(min_delta)
        self.metric = checked_metric(metric, "EarlyStopping", "metric")
        self.restore_best = restore_best
        self.best: float | None = None
        self.best_epoch = 0
        self._bad = 0
        self._network: dict[str, Any] | None = None  # its state after the best epoch
        self._trained: Any = None  # the network

    def begin(self, trainer: Trainer) -> None:
        """Take note of the trainer; called by its ``fit``.

        Parameters
        ----------
        trainer : Trainer
            That runs it.
        """
        self._trained = trainer.network

    def __call__(self, record: StepRecord | EpochRecord) -> None:
        """Compare an epoch with the best one.

        Parameters
        ----------
        record : StepRecord or EpochRecord
            Steps are of no interest.

        Raises
        ------
        StopTraining
            If it is time.
        """
        if not isinstance(record, EpochRecord):
            return
        value = value_of(record, self.metric, "EarlyStopping")
        best = math.inf if self.best is None else self._sign * self.best
        if value < best - self.min_delta:
            self.best, self.best_epoch, self._bad = float(self._sign * value), record.epoch, 0
            if self.restore_best and self._trained is not None:
                self._network = self._trained.state_dict()
            return
        self._bad += 1
        if self.is_due:
            raise StopTraining(f"{self.metric} has not improved for {self._bad} epochs")

    def end(self) -> None:
        """Restore the best epoch's network, if that was asked for; called by the trainer's ``fit``."""
        if self._trained is not None and self._network is not None:
            self._trained.load_state_dict(self._network)

    @property
    def _sign(self) -> int:
        return -1 if self.metric == "validation_accuracy" else 1

    @property
    def is_due(self) -> bool:
        """Whether the run was to end: the last epochs, as many as ``patience``, were no improvement."""
        return self._bad >= self.patience

    def state_dict(self) -> dict[str, Any]:
        """Return what it remembers.

        Returns
        -------
        dict
            ``best``, ``best_epoch``; ``bad``, the epochs without improvement; ``network``, the state after the best
            epoch or None.
        """
        network = copy.deepcopy(self._network)
        return {"best": self.best, "best_epoch": self.best_epoch, "bad": self._bad, "network": network}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what :meth:`state_dict` returned.

        Parameters
        ----------
        state_dict : dict

        Raises
        ------
        CheckpointError
            If anything in it is missing, unknown or out of range; nothing has changed then.
        """
        if (
            not isinstance(state_dict, Mapping)
            or set(state_dict) != {"best", "best_epoch", "bad", "network"}
            or not isinstance(state_dict["best"], float | None)
            or not all(type(state_dict[name]) is int and state_dict[name] >= 0 for name in ("best_epoch", "bad"))
            or not isinstance(state_dict["network"], dict | None)
        ):
            raise CheckpointError(
                "does not fit", op="EarlyStopping", arg="state_dict", expected="best, best_epoch, bad and network",
                got=repr(state_dict)[:80],
            )  # fmt: skip
        self.best, self.best_epoch = state_dict["best"], state_dict["best_epoch"]
        self._bad, self._network = state_dict["bad"], copy.deepcopy(state_dict["network"])
