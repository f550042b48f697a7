"""Learning rates that change from step to step.

A schedule is called with the number of steps already taken, 0 at the first one, and returns the learning rate.
Schedules are immutable values: they compare, print and save (:meth:`Schedule.get_config`) as their settings.
Only :class:`ReduceOnPlateau` remembers something between calls.

===============  ===========  ========================================================================================
class            file         learning rate at step t
===============  ===========  ========================================================================================
Constant         constant.py  lr
StepDecay        decays.py    lr factor^⌊t / every⌋
Milestones       decays.py    lr factor^(number of milestones ≤ t)
Exponential      decays.py    lr factor^(t / period)
InverseTime      decays.py    lr / (1 + t / period)
Polynomial       decays.py    minimum + (lr - minimum) (1 - t / steps)^power
Cosine           cosines.py   minimum + (lr - minimum) (1 + cos(π t / steps)) / 2
CosineRestarts   cosines.py   the same again and again, each run ``multiplier`` times as long as the one before
Warmup           warmup.py    a straight line up to the first learning rate of another schedule, and then that schedule
OneCycle         cosines.py   half a cosine up to lr, half a cosine down to almost nothing
ReduceOnPlateau  plateau.py   lr factor^(number of times that a metric stopped improving)
===============  ===========  ========================================================================================

torch, Keras and optax count the same way (``last_epoch``, ``iterations`` and ``count`` start at 0), but torch steps a
schedule where the program says so, which usually is once an epoch: multiply epochs by the steps in one.
"""

from __future__ import annotations

from fastdl.optim.schedules.constant import Constant
from fastdl.optim.schedules.cosines import Cosine, CosineRestarts, OneCycle
from fastdl.optim.schedules.decays import Exponential, InverseTime, Milestones, Polynomial, StepDecay
from fastdl.optim.schedules.plateau import ReduceOnPlateau
from fastdl.optim.schedules.plateau import _Progress as _Progress  # where pickles of a plateau once found it
from fastdl.optim.schedules.schedule import Schedule
from fastdl.optim.schedules.warmup import Warmup

__all__ = [
    "SCHEDULES",
    "Constant",
    "Cosine",
    "CosineRestarts",
    "Exponential",
    "InverseTime",
    "Milestones",
    "OneCycle",
    "Polynomial",
    "ReduceOnPlateau",
    "Schedule",
    "StepDecay",
    "Warmup",
]

SCHEDULES: dict[str, type[Schedule]] = {
    kind.__name__: kind
    for kind in (
        Constant,
        StepDecay,
        Milestones,
        Exponential,
        InverseTime,
        Polynomial,
        Cosine,
        CosineRestarts,
        Warmup,
        OneCycle,
        ReduceOnPlateau,
    )
}
