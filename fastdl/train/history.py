"""What a training run reports and leaves behind: the loss of every step, a record of every epoch."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One training step.

    Parameters
    ----------
    epoch : int
        Epoch it belongs to, from 1, over all calls of ``fit``.
    step : int
        Steps taken so far, over all calls of ``fit``.
    loss : float
        Loss on its mini-batch, before its update.
    """

    epoch: int
    step: int
    loss: float


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """One pass over the training data.

    Parameters
    ----------
    epoch : int
        Number of the epoch, from 1, over all calls of ``fit``.
    step : int
        Steps taken by its end, over all calls of ``fit``.
    loss : float
        Mean of the training losses of its steps, each taken before that step's update.
    validation_loss, validation_accuracy : float or None
        Loss, and share of right labels in 0..1, after its last step; None without validation data.
    seconds : float
        Wall-clock time of its training and validation.
    """

    epoch: int
    step: int
    loss: float
    validation_loss: float | None
    validation_accuracy: float | None
    seconds: float

    def __str__(self) -> str:
        text = f"epoch {self.epoch}: loss {self.loss:.4f}"
        if self.validation_loss is not None and self.validation_accuracy is not None:
            text += f", validation loss {self.validation_loss:.4f}, accuracy {self.validation_accuracy:.2%}"
        return f"{text}, {self.seconds:.2f} s"


@dataclass(slots=True)
class History:
    """The course of a training run; grows while it runs.

    Parameters
    ----------
    losses : list of float
        Training loss of each step, on its mini-batch, before its update.
    epochs : list of EpochRecord
        One record for each finished epoch, and for the last one of a run cut short by ``steps``.

    Examples
    --------
    >>> history = History(losses=[2.3, 1.1, float("nan")])
    >>> history.diverged
    3
    """

    losses: list[float] = field(default_factory=list)
    epochs: list[EpochRecord] = field(default_factory=list)

    @property
    def diverged(self) -> int | None:
        """First step, counted from 1, whose loss is not finite; None as long as all are.

        Training goes on after it: the parameters are for the caller to judge, and the losses show where.
        """
        return next((step for step, loss in enumerate(self.losses, 1) if not math.isfinite(loss)), None)
