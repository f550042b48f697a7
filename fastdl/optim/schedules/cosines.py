"""Learning rates along half a cosine: once, again and again, or up and down."""

from __future__ import annotations

import math
from dataclasses import dataclass

from fastdl.optim.schedules.schedule import Schedule
from fastdl.optim.schedules.settings import Count, Minimum, NotNegative, ProperShare, Several, Share


def _half_cosine(share: float) -> float:
    """Half a cosine: from 1 at share 0 to 0 at share 1."""
    return (1 + math.cos(math.pi * share)) / 2


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

    lr: NotNegative
    steps: Count
    minimum: Minimum = 0.0

    def __call__(self, step: int) -> float:
        """Return the learning rate of a step."""
        return self.minimum + (self.lr - self.minimum) * _half_cosine(min(step, self.steps) / self.steps)


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

    lr: NotNegative
    period: Count
    multiplier: Count = 1
    minimum: Minimum = 0.0

    def __call__(self, step: int) -> float:
        """Return the learning rate of a step."""
        run = self.period
        if self.multiplier == 1:
            step %= run
        while step >= run:
            step -= run
            run *= self.multiplier
        return self.minimum + (self.lr - self.minimum) * _half_cosine(step / run)


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

    lr: NotNegative
    steps: Several
    warmup: ProperShare = 0.3
    first: Share = 0.04
    last: Share = 4e-6

    def __call__(self, step: int) -> float:
        """Return the learning rate of a step."""
        top, end = max(self.warmup * self.steps - 1, 0), self.steps - 1
        if step < top:
            return self.lr * (1 - (1 - self.first) * _half_cosine(step / top))
        return self.lr * (self.last + (1 - self.last) * _half_cosine((min(step, end) - top) / (end - top)))
