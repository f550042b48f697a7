"""Learning rates that only fall: in drops, or along an exponential, a hyperbola or a power of the time left."""

from __future__ import annotations

import bisect
import math
from dataclasses import dataclass

from fastdl.optim.schedules.schedule import Schedule
from fastdl.optim.schedules.settings import Count, Factor, Increasing, Minimum, NotNegative, Positive


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

    lr: NotNegative
    every: Count
    factor: Factor = 0.1

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

    lr: NotNegative
    milestones: Increasing
    factor: Factor = 0.1

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

    lr: NotNegative
    factor: Factor
    period: Positive = 1.0

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

    lr: NotNegative
    period: Positive

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

    lr: NotNegative
    steps: Count
    power: Positive = 1.0
    minimum: Minimum = 0.0

    def __call__(self, step: int) -> float:
        """Return the learning rate of a step."""
        left = 1 - min(step, self.steps) / self.steps
        return self.minimum + (self.lr - self.minimum) * math.pow(left, self.power)
