"""Learning rates that change from step to step.

A schedule is called with the number of steps already taken, 0 at the first one, and returns the learning rate.
Schedules are immutable values: they compare, print and save (:meth:`Schedule.get_config`) as their settings.
Only :class:`ReduceOnPlateau` remembers something between calls.

===============  ==========================================================================================
class            learning rate at step t
===============  ==========================================================================================
Constant         lr
StepDecay        lr factor^⌊t / every⌋
Milestones       lr factor^(number of milestones ≤ t)
Exponential      lr factor^(t / period)
InverseTime      lr / (1 + t / period)
Polynomial       minimum + (lr - minimum) (1 - t / steps)^power
Cosine           minimum + (lr - minimum) (1 + cos(π t / steps)) / 2
CosineRestarts   the same again and again, each run ``multiplier`` times as long as the one before
Warmup           a straight line up to the first learning rate of another schedule, and then that schedule
OneCycle         half a cosine up to lr, half a cosine down to almost nothing
ReduceOnPlateau  lr factor^(number of times that a metric stopped improving)
===============  ==========================================================================================

torch, Keras and optax count the same way (``last_epoch``, ``iterations`` and ``count`` start at 0), but torch steps a
schedule where the program says so, which usually is once an epoch: multiply epochs by the steps in one.
"""

from __future__ import annotations

import bisect
import dataclasses
import math
import numbers
import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Annotated, Any, NamedTuple, get_type_hints

from fastdl.errors import CheckpointError, HyperparameterError

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


class _Kind(NamedTuple):
    """A kind of setting: how it reads in an error, how a value becomes one, and whether that is within range."""

    expected: str
    convert: Callable[[Any], Any]
    holds: Callable[[Any, Any], bool]  # (converted value, the schedule, with the settings before this one)


def _number(value: Any) -> float:
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise TypeError
    return float(value)


def _whole(value: Any) -> int:
    if isinstance(value, bool):
        raise TypeError
    return operator.index(value)


def _as_schedule(value: Any) -> Schedule:
    return value if isinstance(value, Schedule) else Constant(value)


_NotNegative = Annotated[float, _Kind("a finite number >= 0", _number, lambda x, of: 0 <= x < math.inf)]
_Positive = Annotated[float, _Kind("a finite number > 0", _number, lambda x, of: 0 < x < math.inf)]
_Share = Annotated[float, _Kind("a number in [0, 1]", _number, lambda x, of: 0 <= x <= 1)]
_ProperShare = Annotated[float, _Kind("a number in [0, 1)", _number, lambda x, of: 0 <= x < 1)]
_Factor = Annotated[float, _Kind("a number in (0, 1]", _number, lambda x, of: 0 < x <= 1)]
_Minimum = Annotated[float, _Kind("a number in [0, lr]", _number, lambda x, of: 0 <= x <= of.lr)]
_CountOrZero = Annotated[int, _Kind("a whole number >= 0", _whole, lambda n, of: n >= 0)]
_Count = Annotated[int, _Kind("a whole number >= 1", _whole, lambda n, of: n >= 1)]
_Several = Annotated[int, _Kind("a whole number >= 2", _whole, lambda n, of: n >= 2)]
_Increasing = Annotated[
    Sequence[int],
    _Kind(
        "whole numbers >= 1, each greater than the one before",
        lambda values: tuple(map(_whole, values)),
        lambda values, of: all(before < value for before, value in pairwise((0, *values))),
    ),
]
_Mode = Annotated[str, _Kind("'min' or 'max'", str, lambda mode, of: mode in ("min", "max"))]
_ScheduleOrFloat = Annotated[
    "Schedule | float", _Kind("a schedule or a finite number >= 0", _as_schedule, lambda schedule, of: True)
]


def _cosine(share: float) -> float:
    """Half a cosine: from 1 at share 0 to 0 at share 1."""
    return (1 + math.cos(math.pi * share)) / 2


class Schedule(ABC):
    """The base of all schedules: ``schedule(step)`` returns the learning rate.

    To write another one, derive a frozen dataclass and define ``__call__``; any other function of the step does as well
    where a learning rate is taken.

    Examples
    --------
    >>> from fastdl.optim import schedules
    >>> schedule = schedules.Warmup(2, then=schedules.Exponential(0.9, factor=0.5))
    >>> [round(schedule(step), 3) for step in range(5)]
    [0.3, 0.6, 0.9, 0.45, 0.225]
    """

    @abstractmethod
    def __call__(self, step: int) -> float:
        """Return the learning rate of a step.

        Parameters
        ----------
        step : int
            How many steps have been taken before it, >= 0.

        Returns
        -------
        float
        """

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(type(self), include_extras=True).items():
            for kind in getattr(hint, "__metadata__", ()):
                value = getattr(self, name)
                try:
                    converted = kind.convert(value)
                    fits = kind.holds(converted, self)
                except (TypeError, ValueError, OverflowError):
                    fits = False
                if not fits:
                    raise self._error("out of range", name, kind.expected, repr(value))
                object.__setattr__(self, name, converted)

    def get_config(self) -> dict[str, Any]:
        """Return the settings as numbers, strings, lists and dicts, ready for JSON.

        Returns
        -------
        dict
            ``schedule``, the name of the class, and its settings.

        Examples
        --------
        >>> from fastdl.optim import schedules
        >>> schedules.Exponential(0.1, factor=0.96, period=100).get_config()
        {'schedule': 'Exponential', 'lr': 0.1, 'factor': 0.96, 'period': 100.0}
        """
        config: dict[str, Any] = {"schedule": type(self).__name__}
        for name in _settings(type(self)):
            value = getattr(self, name)
            if isinstance(value, Schedule):
                value = value.get_config()
            config[name] = list(value) if isinstance(value, tuple) else value
        return config

    @staticmethod
    def from_config(config: Mapping[str, Any]) -> Schedule:
        """Return the schedule whose :meth:`get_config` returned this.

        Parameters
        ----------
        config : mapping
            ``schedule``, a key of :data:`SCHEDULES`, and its settings; those with a default may be left out.

        Returns
        -------
        Schedule

        Raises
        ------
        HyperparameterError
            If there is no such schedule, or a setting is missing, unknown or out of range.

        Examples
        --------
        >>> from fastdl.optim.schedules import Schedule
        >>> Schedule.from_config({"schedule": "Cosine", "lr": 0.1, "steps": 50})
        Cosine(lr=0.1, steps=50, minimum=0.0)
        """
        name = config.get("schedule") if isinstance(config, Mapping) else None
        kind = SCHEDULES.get(name) if isinstance(name, str) else None
        if kind is None:
            raise HyperparameterError(
                "unknown schedule",
                op="Schedule.from_config",
                arg="config",
                expected=f"a dict whose 'schedule' is one of {', '.join(SCHEDULES)}",
                got=repr(config if name is None else name),
            )
        settings = {key: value for key, value in config.items() if key != "schedule"}
        known = _settings(kind)
        missing = [key for key, has_default in known.items() if not has_default and key not in settings]
        unknown = [key for key in settings if key not in known]
        if missing or unknown:
            raise HyperparameterError(
                "missing setting" if missing else "unknown setting",
                op=kind.__name__,
                arg=str((missing or unknown)[0]),
                expected=f"the settings {', '.join(known)}",
                got=", ".join(map(str, settings)) or "none",
            )
        if isinstance(settings.get("then"), Mapping):
            settings["then"] = Schedule.from_config(settings["then"])
        return kind(**settings)

    def state_dict(self) -> dict[str, Any]:
        """Return what the schedule remembers between calls: nothing, except of :class:`ReduceOnPlateau`.

        Returns
        -------
        dict
            Empty where nothing is remembered.
        """
        return {}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what :meth:`state_dict` returned.

        Parameters
        ----------
        state_dict : dict
            Of a schedule of the same class.

        Raises
        ------
        CheckpointError
            If it does not fit; nothing has changed then.
        """
        if state_dict != {}:
            raise CheckpointError(
                "does not fit", op=type(self).__name__, arg="state_dict", expected="an empty dict", got=repr(state_dict)
            )

    def _error(self, problem: str, arg: str, expected: str, got: str) -> HyperparameterError:
        return HyperparameterError(problem, op=type(self).__name__, arg=arg, expected=expected, got=got)


def _settings(kind: type[Schedule]) -> dict[str, bool]:
    """The names of the settings, and whether each has a default."""
    fields = dataclasses.fields(kind)  # type: ignore[arg-type]  # every schedule is a dataclass, its base is not
    return {each.name: each.default is not dataclasses.MISSING for each in fields if each.init}


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

    lr: _NotNegative

    def __call__(self, step: int) -> float:
        """Return the learning rate of a step."""
        return self.lr


@dataclass(frozen=True)
class StepDecay(Schedule):
    """A drop by the same factor every so many steps: ``lr * factor ** floor(step / every)``.

    Parameters
    ----------
    lr : float
        The first learning rate, finite, >= 0.
    every : int
        How many steps it stays the same, >= 1.
    factor : float
        In (0, 1].

    Raises
    ------
    HyperparameterError
        If one of them is out of range.

    Notes
    -----
    torch's ``StepLR(step_size=every, gamma=factor)``; Keras' ``ExponentialDecay(lr, every, factor, staircase=True)``.

    Examples
    --------
    >>> from fastdl.optim.schedules import StepDecay
    >>> [StepDecay(1.0, every=2, factor=0.5)(step) for step in range(6)]
    [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]
    """

    lr: _NotNegative
    every: _Count
    factor: _Factor = 0.1

    def __call__(self, step: int) -> float:
        """Return the learning rate of a step."""
        return self.lr * self.factor ** (step // self.every)


@dataclass(frozen=True)
class Milestones(Schedule):
    """A drop by the same factor at each of some steps: ``lr * factor ** (number of milestones <= step)``.

    Parameters
    ----------
    lr : float
        The first learning rate, finite, >= 0.
    milestones : sequence of int
        The steps that are the first ones with a smaller learning rate, >= 1, each greater than the one before.
    factor : float
        In (0, 1].

    Raises
    ------
    HyperparameterError
        If one of them is out of range.

    Notes
    -----
    Goyal et al., "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", 2017, section 5.1, drop by 0.1 after 30,
    60 and 80 of 90 epochs. torch's ``MultiStepLR``, which also takes milestones in any order, each as often as it is
    named. Keras' ``PiecewiseConstantDecay`` drops one step later: its boundaries still have the old value.

    Examples
    --------
    >>> from fastdl.optim.schedules import Milestones
    >>> [Milestones(1.0, [2, 3], factor=0.5)(step) for step in range(5)]
    [1.0, 1.0, 0.5, 0.25, 0.25]
    """

    lr: _NotNegative
    milestones: _Increasing
    factor: _Factor = 0.1

    def __call__(self, step: int) -> float:
        """Return the learning rate of a step."""
        return self.lr * self.factor ** bisect.bisect_right(self.milestones, step)


@dataclass(frozen=True)
class Exponential(Schedule):
    """Exponential decay: ``lr * factor ** (step / period)``.

    Parameters
    ----------
    lr : float
        The first learning rate, finite, >= 0.
    factor : float
        By what it has been multiplied after each `period`, in (0, 1].
    period : float
        In steps, finite, > 0.

    Raises
    ------
    HyperparameterError
        If one of them is out of range.

    Notes
    -----
    Keras' ``ExponentialDecay(lr, decay_steps=period, decay_rate=factor)``; torch's ``ExponentialLR`` has period 1.

    Examples
    --------
    >>> from fastdl.optim.schedules import Exponential
    >>> [Exponential(1.0, factor=0.25, period=2)(step) for step in range(5)]
    [1.0, 0.5, 0.25, 0.125, 0.0625]
    """

    lr: _NotNegative
    factor: _Factor
    period: _Positive = 1.0

    def __call__(self, step: int) -> float:
        """Return the learning rate of a step."""
        return self.lr * math.pow(self.factor, step / self.period)


@dataclass(frozen=True)
class InverseTime(Schedule):
    """Decay with the inverse of time: ``lr / (1 + step / period)``.

    Parameters
    ----------
    lr : float
        The first learning rate, finite, >= 0.
    period : float
        After how many steps it is a half, finite, > 0.

    Raises
    ------
    HyperparameterError
        If one of them is out of range.

    Notes
    -----
    Its sum diverges and that of its squares does not, under which stochastic approximation converges: Robbins and
    Monro, "A Stochastic Approximation Method", 1951. Bottou, "Stochastic Gradient Descent Tricks", 2012,
    has ``period = 1 / (lr * lambda)`` for a weight decay of lambda. Keras' ``InverseTimeDecay`` has
    ``period = decay_steps / decay_rate``; torch has none of its own.

    Examples
    --------
    >>> from fastdl.optim.schedules import InverseTime
    >>> [InverseTime(1.0, period=10)(step) for step in (0, 10, 30)]
    [1.0, 0.5, 0.25]
    """

    lr: _NotNegative
    period: _Positive

    def __call__(self, step: int) -> float:
        """Return the learning rate of a step."""
        return self.lr / (1 + step / self.period)


@dataclass(frozen=True)
class Polynomial(Schedule):
    """Decay along a power of the time that is left: ``minimum + (lr - minimum) * (1 - step / steps) ** power``.

    Parameters
    ----------
    lr : float
        The first learning rate, finite, >= 0.
    steps : int
        The first step with `minimum`, >= 1; all later ones have it too.
    power : float
        1 is a straight line; finite, > 0.
    minimum : float
        In [0, lr].

    Raises
    ------
    HyperparameterError
        If one of them is out of range.

    Notes
    -----
    Liu, Rabinovich and Berg, "ParseNet: Looking Wider to See Better", 2015, and Chen et al., "DeepLab",
    2018 ("poly", power 0.9). torch's ``PolynomialLR(total_iters=steps)`` has minimum 0; Keras'
    ``PolynomialDecay`` has 0.0001 by default.

    Examples
    --------
    >>> from fastdl.optim.schedules import Polynomial
    >>> [Polynomial(1.0, steps=4)(step) for step in range(6)]
    [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]
    """

    lr: _NotNegative
    steps: _Count
    power: _Positive = 1.0
    minimum: _Minimum = 0.0

    def __call__(self, step: int) -> float:
        """Return the learning rate of a step."""
        left = 1 - min(step, self.steps) / self.steps
        return self.minimum + (self.lr - self.minimum) * math.pow(left, self.power)


@dataclass(frozen=True)
class Cosine(Schedule):
    """Cosine annealing: ``minimum + (lr - minimum) * (1 + cos(pi * step / steps)) / 2``.

    Parameters
    ----------
    lr : float
        The first learning rate, finite, >= 0.
    steps : int
        The first step with `minimum`, >= 1; all later ones have it too.
    minimum : float
        In [0, lr].

    Raises
    ------
    HyperparameterError
        If one of them is out of range.

    Notes
    -----
    Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017, equation 5, without a restart.
    Keras' ``CosineDecay`` has ``alpha = minimum / lr``. torch's ``CosineAnnealingLR(T_max=steps)`` climbs again after
    `steps`, along the same cosine.

    Examples
    --------
    >>> from fastdl.optim.schedules import Cosine
    >>> [round(Cosine(1.0, steps=4)(step), 3) for step in range(6)]
    [1.0, 0.854, 0.5, 0.146, 0.0, 0.0]
    """

    lr: _NotNegative
    steps: _Count
    minimum: _Minimum = 0.0

    def __call__(self, step: int) -> float:
        """Return the learning rate of a step."""
        return self.minimum + (self.lr - self.minimum) * _cosine(min(step, self.steps) / self.steps)


@dataclass(frozen=True)
class CosineRestarts(Schedule):
    """Cosine annealing with warm restarts: :class:`Cosine` again and again.

    The first run has `period` steps, each later one `multiplier` times as many as the one before it:
    ``minimum + (lr - minimum) * (1 + cos(pi * step_of_run / steps_of_run)) / 2``.

    Parameters
    ----------
    lr : float
        The learning rate at the start of each run, finite, >= 0.
    period : int
        The steps of the first run, >= 1.
    multiplier : int
        Whole, so that runs begin at whole steps; >= 1.
    minimum : float
        What the learning rate falls towards, in [0, lr]; the step that would have it is the next run's first.

    Raises
    ------
    HyperparameterError
        If one of them is out of range.

    Notes
    -----
    Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017, equation 5, with T_0 =
    `period` and T_mult = `multiplier`; their T_cur grows with every batch, as here. torch's
    ``CosineAnnealingWarmRestarts(T_0, T_mult, eta_min)``. Keras' ``CosineDecayRestarts`` has 2 for the multiplier by
    default, any real one, and can lower the peaks (``m_mul``).

    Examples
    --------
    >>> from fastdl.optim.schedules import CosineRestarts
    >>> [CosineRestarts(1.0, period=2, multiplier=2)(step) for step in (0, 1, 2, 4, 6)]
    [1.0, 0.5, 1.0, 0.5, 1.0]
    """

    lr: _NotNegative
    period: _Count
    multiplier: _Count = 1
    minimum: _Minimum = 0.0

    def __call__(self, step: int) -> float:
        """Return the learning rate of a step."""
        run = self.period
        if self.multiplier == 1:
            step %= run
        while step >= run:
            step -= run
            run *= self.multiplier
        return self.minimum + (self.lr - self.minimum) * _cosine(step / run)


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

    steps: _CountOrZero
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


@dataclass(frozen=True)
class OneCycle(Schedule):
    """The one-cycle policy: half a cosine up from ``first * lr`` to `lr`, and one down to ``last * lr``.

    Parameters
    ----------
    lr : float
        The greatest learning rate, finite, >= 0.
    steps : int
        Of the whole cycle, >= 2; the last one, and all after it, have ``last * lr``.
    warmup : float
        The share of the steps that climb, in [0, 1): step ``warmup * steps - 1`` has `lr`.
    first, last : float
        The first and the last learning rate, as shares of `lr`, in [0, 1].

    Raises
    ------
    HyperparameterError
        If one of them is out of range.

    Notes
    -----
    Smith and Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates", 2019,
    climbs and falls along two straight lines of one length and then further to a last learning rate; the
    cosines and the shorter climb are fastai's, and torch's ``OneCycleLR``, with ``first = 1 / div_factor`` and
    ``last = 1 / (div_factor * final_div_factor)``: 1 / 25 and 1 / 250,000 by default. torch also changes the momentum,
    and raises after the last step.

    Examples
    --------
    >>> from fastdl.optim.schedules import OneCycle
    >>> [round(OneCycle(1.0, steps=10)(step), 3) for step in range(0, 10, 3)]
    [0.04, 0.95, 0.389, 0.0]
    """

    lr: _NotNegative
    steps: _Several
    warmup: _ProperShare = 0.3
    first: _Share = 0.04
    last: _Share = 4e-6

    def __call__(self, step: int) -> float:
        """Return the learning rate of a step."""
        top, end = max(self.warmup * self.steps - 1, 0), self.steps - 1
        if step < top:
            return self.lr * (1 - (1 - self.first) * _cosine(step / top))
        return self.lr * (self.last + (1 - self.last) * _cosine((min(step, end) - top) / (end - top)))


@dataclass
class _Progress:
    """What a :class:`ReduceOnPlateau` remembers."""

    best: float | None = None  # the best metric so far
    bad: int = 0  # how many in a row have not been better
    resting: int = 0  # how many more do not count, after a reduction
    reductions: int = 0


@dataclass(frozen=True, eq=False)
class ReduceOnPlateau(Schedule):
    """A drop whenever a metric, such as the validation loss, has stopped improving.

    ``max(lr * factor ** reductions, minimum)``: :meth:`observe` a metric, usually once an epoch; the learning rate
    drops when more than `patience` of them in a row have not been better than the best one.

    Parameters
    ----------
    lr : float
        The first learning rate, finite, >= 0.
    factor : float
        In (0, 1].
    patience : int
        How many metrics in a row may fail to improve, >= 0.
    threshold : float
        By what share of the best metric another one has to be better than it, in [0, 1].
    cooldown : int
        After a reduction, how many metrics are not counted as failures, >= 0.
    minimum : float
        In [0, lr].
    mode : {"min", "max"}
        Which metrics are better: smaller or greater ones.

    Raises
    ------
    HyperparameterError
        If one of them is out of range.

    Notes
    -----
    The defaults are those of torch's ``ReduceLROnPlateau``, which moves the wrong way from a negative best metric
    (``best * (1 - threshold)``), and does not reduce by less than 1e-8. Keras' callback of this name drops one failure
    earlier, at the `patience`-th, and its ``min_delta`` is a difference, not a share.

    Examples
    --------
    >>> from fastdl.optim.schedules import ReduceOnPlateau
    >>> schedule = ReduceOnPlateau(0.5, factor=0.5, patience=1)
    >>> for loss in [2.0, 1.0, 1.1, 1.0]:
    ...     schedule.observe(loss)
    >>> schedule(0)
    0.25
    """

    lr: _NotNegative
    factor: _Factor = 0.1
    patience: _CountOrZero = 10
    threshold: _Share = 1e-4
    cooldown: _CountOrZero = 0
    minimum: _Minimum = 0.0
    mode: _Mode = "min"
    _progress: _Progress = field(default_factory=_Progress, init=False, repr=False)

    def __call__(self, step: int) -> float:
        """Return the learning rate, which is the same at every step until the next :meth:`observe`."""
        return max(self.lr * self.factor**self._progress.reductions, self.minimum)

    def observe(self, metric: float) -> None:
        """Take note of a metric, and drop the learning rate if it is time to.

        Parameters
        ----------
        metric : float
            NaN is no improvement.

        Raises
        ------
        HyperparameterError
            If it is no number.
        """
        try:
            metric = _number(metric)
        except (TypeError, OverflowError):
            raise self._error("not a metric", "metric", "a number", repr(metric)) from None
        progress = self._progress
        if self._is_better(metric):
            progress.best, progress.bad = metric, 0
        else:
            progress.bad += 1
        if progress.resting:
            progress.resting, progress.bad = progress.resting - 1, 0
        if progress.bad > self.patience:
            progress.reductions += 1
            progress.resting, progress.bad = self.cooldown, 0

    def _is_better(self, metric: float) -> bool:
        best = self._progress.best
        if best is None:
            return not math.isnan(metric)
        if math.isinf(best):
            return metric < best if self.mode == "min" else metric > best
        margin = self.threshold * abs(best)
        return metric < best - margin if self.mode == "min" else metric > best + margin

    def state_dict(self) -> dict[str, Any]:
        """Return what has been observed.

        Returns
        -------
        dict
            ``best``, the best metric or None; ``bad``, the failures to improve since then or since the last reduction;
            ``resting``, how many of them will not count; ``reductions``.
        """
        return dataclasses.asdict(self._progress)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what :meth:`state_dict` returned.

        Parameters
        ----------
        state_dict : dict

        Raises
        ------
        CheckpointError
            If anything in it is missing, unknown or out of range; nothing has changed then.

        Examples
        --------
        >>> from fastdl.optim.schedules import ReduceOnPlateau
        >>> schedule = ReduceOnPlateau(0.5)
        >>> schedule.load_state_dict({"best": 1.0, "bad": 0, "resting": 0, "reductions": 1})
        >>> schedule(0)
        0.05
        """
        names = list(dataclasses.asdict(self._progress))
        if not isinstance(state_dict, Mapping) or set(state_dict) != set(names):
            got = list(state_dict) if isinstance(state_dict, Mapping) else type(state_dict).__qualname__
            raise self._misfit("state_dict", f"a dict with the keys {names}", str(got))
        best = state_dict["best"]
        if best is not None and (type(best) is not float or math.isnan(best)):
            raise self._misfit("best", "a number or None", repr(best))
        for name in names[1:]:
            if type(state_dict[name]) is not int or state_dict[name] < 0:
                raise self._misfit(name, "a whole number >= 0", repr(state_dict[name]))
        for name in names:
            setattr(self._progress, name, state_dict[name])

    def _misfit(self, arg: str, expected: str, got: str) -> CheckpointError:
        return CheckpointError("does not fit", op=type(self).__name__, arg=arg, expected=expected, got=got)


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
