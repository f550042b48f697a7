"""The callback that saves checkpoints while a network is trained."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastdl._files import make_folder
from fastdl.data.checks import integer
from fastdl.errors import CheckpointError
from fastdl.train.checkpoints.checkpoint import save_checkpoint
from fastdl.train.history import EpochRecord, StepRecord
from fastdl.train.monitor import Metric, checked_metric, value_of

if TYPE_CHECKING:
    from fastdl.train.trainer import Trainer

BEST = "best.safetensors"

_NAME = re.compile(r"step-(\d{10,})\.safetensors")


class Checkpoints:
    """A callback of `Trainer` that saves checkpoints to a folder.

    Parameters
    ----------
    folder : path
        Created where it is missing. A checkpoint after step 500 is ``step-0000000500.safetensors``; see
        `latest_checkpoint`.
    every : int >= 1, optional
        Steps between two checkpoints, besides the one after each epoch.
    keep : int >= 1
        How many of them stay: the latest ones.
    best : {"validation_loss", "validation_accuracy", "loss"}, optional
        Also save ``best.safetensors`` after an epoch that is better by this metric than all before it.
    notes : mapping, optional
        What every checkpoint holds besides; see `save_checkpoint`.

    Raises
    ------
    HyperparameterError
        If an argument is out of range.
    DataError
        By `fit`, if a file cannot be written: the run ends, the files are whole.

    Notes
    -----
    It comes after the callbacks whose memory is to be saved with the run, such as `EarlyStopping`. A later epoch as
    good as the best one does not replace it. Two runs at a time need two folders.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from fastdl.nn import MLP
    >>> from fastdl.optim import SGD
    >>> from fastdl.train import Trainer, load_checkpoint
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     saving = Checkpoints(folder, keep=2)
    ...     trainer = Trainer(MLP([2, 2], seed=0), SGD(lr=0.1), batch_size=4, epochs=3, callbacks=[saving])
    ...     _ = trainer.fit(np.ones((20, 2), np.float32), np.arange(20) % 2)
    ...     names = sorted(path.name for path in Path(folder).iterdir())
    ...     epoch = load_checkpoint(latest_checkpoint(folder)).trainer["epoch"]
    >>> names, epoch
    (['step-0000000010.safetensors', 'step-0000000015.safetensors'], 3)
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        every: int | None = None,
        keep: int = 1,
        best: Metric | None = None,
        notes: Mapping[str, Any] | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.every = None if every is None else integer(every, op="Checkpoints", arg="every", low=1)
        self.keep = integer(keep, op="Checkpoints", arg="keep", low=1)
        self.best = None if best is None else checked_metric(best, "Checkpoints", "best")
        self.notes = dict(notes or {})
        self._trainer: Trainer | None = None
        self._best = math.inf

    def begin(self, trainer: Trainer) -> None:
        """Take note of the trainer, and of the best of its epochs so far; called by its ``fit``.

        Parameters
        ----------
        trainer : Trainer
            That runs it.
        """
        self._trainer = trainer
        if trainer.writes:
            make_folder(self.folder)
            for unfinished in self.folder.glob(".*.safetensors.*"):  # of a run that was killed while it saved
                unfinished.unlink(missing_ok=True)
        if self.best is not None:
            values = [value_of(record, self.best, "Checkpoints") for record in trainer.history.epochs]
            self._best = min(values, default=math.inf)

    def __call__(self, record: StepRecord | EpochRecord) -> None:
        """Save, if it is time.

        Parameters
        ----------
        record : StepRecord or EpochRecord
            What has been done.
        """
        if isinstance(record, StepRecord):
            if self.every is not None and record.step % self.every == 0:
                self.save()
            return
        if self.best is not None:
            value = value_of(record, self.best, "Checkpoints")
            if value < self._best:
                self._best = value
                self._save(BEST)
        self.save()

    def end(self) -> None:
        """Save what `fit` has come to: a run that goes on from it begins a new call of `fit`."""
        self.save()

    def save(self) -> Path:
        """Save a checkpoint now, and remove those that are too many.

        Returns
        -------
        Path
            The file; of several ranks the first one writes it.
        """
        trainer = self._begun()
        path = self._save(f"step-{len(trainer.history.losses):010}.safetensors")
        for old in _steps(self.folder)[: -self.keep] if trainer.writes else ():
            old.unlink(missing_ok=True)
        return path

    def _save(self, name: str) -> Path:
        trainer, path = self._begun(), self.folder / name
        network: Any = trainer.network  # one that is to be saved has a state
        if trainer.writes:
            save_checkpoint(path, network, trainer.optimizer, trainer, notes=self.notes)
        else:
            trainer.optimizer.state_dict()  # the first rank's asks all for their slices of a sharded state
        return path

    def _begun(self) -> Trainer:
        if self._trainer is None:
            raise CheckpointError("fit() has not begun", op="Checkpoints")
        return self._trainer


def latest_checkpoint(folder: str | os.PathLike[str]) -> Path:
    """Return the checkpoint of a folder that was saved after most steps.

    Parameters
    ----------
    folder : path
        That of `Checkpoints`.

    Returns
    -------
    Path

    Raises
    ------
    CheckpointError
        If there is none.
    """
    folder = Path(folder)
    try:
        steps = _steps(folder)
    except OSError as error:
        raise CheckpointError(f"cannot read the folder {str(folder)!r}: {error.strerror}") from error
    if not steps:
        raise CheckpointError(f"there is no checkpoint in {str(folder)!r}", expected="a file step-....safetensors")
    return steps[-1]


def _steps(folder: Path) -> list[Path]:
    """The checkpoints in a folder, in the order of their steps."""
    found = [(int(match[1]), path) for path in folder.iterdir() if (match := _NAME.fullmatch(path.name))]
    return [path for _, path in sorted(found)]
