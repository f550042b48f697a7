"""The climb to another schedule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastdl.optim.schedules.constant import Constant
from fastdl.optim.schedules.schedule import Schedule
from fastdl.optim.schedules.settings import CountOrZero, Kind


def _as_schedule(value: Any) -> Schedule:
    return value if isinstance(value, Schedule) else Constant(value)


_ScheduleOrFloat = Annotated[
    "Schedule | float", Kind("a schedule or a finite number >= 0", _as_schedule, lambda schedule, of: True)
]


@dataclass(frozen=True)
class Warmup(Schedule):
    """A straight line up to the first learning rate of another schedule, which then begins.

    ``then(0) * (step + 1) / (steps + 1)`` for the first `steps` steps, ``then(step - steps)`` for the others.

    Parameters
    ----------
    steps : int
        The steps with a smaller learning rate, >= 0.
    then : Schedule or float
        What follows.

    Raises
    ------
    HyperparameterError
        If one of them is out of range.

    Notes
    -----
    Goyal et al., "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", 2017, section 2.2 ("gradual warmup").
    torch's ``SequentialLR`` of ``LinearLR(start_factor=1 / (steps + 1), total_iters=steps)`` and the other one. Lines
    that start at 0, such as those of Keras' ``CosineDecay(warmup_steps=...)``, make the first step an idle one.

    Examples
    --------
    >>> from fastdl.optim.schedules import Warmup
    >>> [Warmup(3, then=1.0)(step) for step in range(5)]
    [0.25, 0.5, 0.75, 1.0, 1.0]
    """

    steps: CountOrZero
    then: _ScheduleOrFloat

    def __call__(self, step: int) -> float:
        """Return the learning rate of a step."""
        then = _as_schedule(self.then)
        if step < self.steps:
            return then(0) * (step + 1) / (self.steps + 1)
        return then(step - self.steps)

    def state_dict(self) -> dict[str, Any]:
        """Return what the schedule that follows remembers.

        Returns
        -------
        dict
        """
        return _as_schedule(self.then).state_dict()

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Pass on to the schedule that follows what :meth:`state_dict` returned.

        Parameters
        ----------
        state_dict : dict

        Raises
        ------
        CheckpointError
            If it does not fit that schedule; nothing has changed then.
        """
        _as_schedule(self.then).load_state_dict(state_dict)
