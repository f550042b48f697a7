"""The learning rate that stays."""

from __future__ import annotations

from dataclasses import dataclass

from fastdl.optim.schedules.schedule import Schedule
from fastdl.optim.schedules.settings import NotNegative


@dataclass(frozen=True)
class Constant(Schedule):
    """The same learning rate at every step.

    Parameters
    ----------
    lr : float
        Finite, >= 0.

    Raises
    ------
    HyperparameterError
        If it is out of range.

    Examples
    --------
    >>> from fastdl.optim.schedules import Constant
    >>> Constant(0.1)(1000)
    0.1
    """

    lr: NotNegative

    def __call__(self, step: int) -> float:
        """Return the learning rate of a step."""
        return self.lr
