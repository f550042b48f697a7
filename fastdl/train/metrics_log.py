"""The callback that writes each epoch's metrics to a file, as JSON lines or CSV."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING

from fastdl._files import write_atomically
from fastdl.errors import DataError, HyperparameterError
from fastdl.train.history import EpochRecord, StepRecord

if TYPE_CHECKING:
    from fastdl.train.trainer import Trainer

_COLUMNS = [each.name for each in fields(EpochRecord)]


class MetricsLog:
    """A callback of `Trainer` that writes a line for each epoch.

    The file holds what the trainer's history holds: `fit` begins by writing the epochs so far, so that a run which was
    resumed from a checkpoint has each epoch once.

    Parameters
    ----------
    path : path
        Its ending says what it is: ``.jsonl``, one JSON object a line, where a number that is not finite is null; or
        ``.csv``, with a line of names first.

    Raises
    ------
    HyperparameterError
        If the path ends otherwise.
    DataError
        By `fit`, if the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from fastdl.nn import MLP
    >>> from fastdl.optim import SGD
    >>> from fastdl.train import Trainer
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "metrics.csv"
    ...     trainer = Trainer(MLP([2, 2], seed=0), SGD(lr=0.1), epochs=3, callbacks=[MetricsLog(path)])
    ...     _ = trainer.fit(np.ones((20, 2), np.float32), np.arange(20) % 2)
    ...     lines = path.read_text().splitlines()
    >>> len(lines), lines[0]
    (4, 'epoch,step,loss,validation_loss,validation_accuracy,seconds')
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        if self.path.suffix not in (".jsonl", ".csv"):
            raise HyperparameterError(
                "unknown format", op="MetricsLog", arg="path", expected="a name ending in .jsonl or .csv",
                got=str(path),
            )  # fmt: skip
        self._line = _json_line if self.path.suffix == ".jsonl" else _csv_line
        self._writes = True

    def begin(self, trainer: Trainer) -> None:
        """Write the epochs so far; called by the trainer's ``fit``.

        Parameters
        ----------
        trainer : Trainer
            That runs it.
        """
        self._writes = trainer.writes
        if not self._writes:
            return
        head = "" if self.path.suffix == ".jsonl" else ",".join(_COLUMNS) + "\n"
        write_atomically(self.path, (head + "".join(map(self._line, trainer.history.epochs))).encode())

    def __call__(self, record: StepRecord | EpochRecord) -> None:
        """Write a line.

        Parameters
        ----------
        record : StepRecord or EpochRecord
            Steps are of no interest.
        """
        if self._writes and isinstance(record, EpochRecord):
            try:
                with self.path.open("a") as file:
                    file.write(self._line(record))
            except OSError as error:
                raise DataError(f"cannot write {str(self.path)!r}: {error.strerror}", op="MetricsLog") from error


def _json_line(record: EpochRecord) -> str:
    numbers = {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in asdict(record).items()
    }
    return json.dumps(numbers, allow_nan=False) + "\n"


def _csv_line(record: EpochRecord) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(asdict(record).values())
    return text.getvalue()
