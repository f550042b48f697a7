"""The learning rate that follows a metric."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fastdl.optim.schedules.schedule import Schedule
from fastdl.optim.schedules.settings import CountOrZero, Factor, Minimum, Mode, NotNegative, Share, as_number


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

    lr: NotNegative
    factor: Factor = 0.1
    patience: CountOrZero = 10
    threshold: Share = 1e-4
    cooldown: CountOrZero = 0
    minimum: Minimum = 0.0
    mode: Mode = "min"
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
            metric = as_number(metric)
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
