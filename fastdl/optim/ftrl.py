"""FTRL-proximal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

import numpy as np

from fastdl.errors import HyperparameterError
from fastdl.kernels.placement import placed_state
from fastdl.optim.binding import Array
from fastdl.optim.conventions import Convention
from fastdl.optim.hyperparameters import checked
from fastdl.optim.optimizer import Optimizer
from fastdl.optim.options import LearningRate, Options


class Ftrl(Optimizer):
    """FTRL-proximal: weights that are exactly 0 where l1 says so.

    ``z = z + g + 2 * l2_shrinkage * p - (sqrt(n + g ** 2) - sqrt(n)) / lr * p``, ``n = n + g ** 2``,
    ``p = 0`` where ``abs(z) <= l1``, else ``(sign(z) * l1 - z) / ((beta + sqrt(n)) / lr + 2 * l2)``.

    Parameters
    ----------
    lr : float, schedule or callable
        Learning rate, > 0. A schedule or function gets the number of steps taken.
    l1, l2 : float
        Strengths of the two regularizations, >= 0.
    l2_shrinkage : float
        L2 regularization by the gradient, >= 0.
    beta : float
        Added to the root, >= 0.
    convention : str, optional
        Whose defaults and variant: a key of ``Ftrl.conventions``, the first by default.
    **options : optional
        The settings of :class:`Optimizer`.

    Raises
    ------
    HyperparameterError
        If a setting is out of range or unknown.

    Notes
    -----
    State: ``n`` (starts at 0.1) and ``z``, twice as many bytes as the parameters.

    McMahan et al., "Ad Click Prediction: a View from the Trenches", 2013, algorithm 1. There and in Keras ``z`` starts
    at 0, which forgets the initial weights: a network then starts from zeros. Here it starts where a gradient of 0
    leaves them as they are (with l1 = 0; l1 > 0 thresholds them); ``convention="keras"`` starts at 0.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl.optim import Ftrl
    >>> params = {"W": np.array([5.0])}
    >>> Ftrl().update(params, {"W": np.array([0.0])})
    >>> params["W"].round(6)
    array([5.])
    """

    name = "ftrl"
    conventions = {
        "paper": Convention("ftrl", {"lr": 0.001}, {"n": 0.1}),
        "keras": Convention("ftrl", {"lr": 0.001}, {"n": 0.1}, "decoupled"),
    }

    def __init__(
        self,
        lr: LearningRate | None = None,
        l1: float | None = None,
        l2: float | None = None,
        l2_shrinkage: float | None = None,
        beta: float | None = None,
        *,
        convention: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        given = {"lr": lr, "l1": l1, "l2": l2, "l2_shrinkage": l2_shrinkage, "beta": beta}
        super().__init__(given, convention, options)

    def _start(self, name: str, value: Any, own: Mapping[str, Any]) -> Array:
        if name != "z" or self.convention == "keras" or not isinstance(value, np.ndarray):
            return super()._start(name, value, own)
        hyper = self.hyperparameters | dict(own)
        lr, n = self._learning_rate(hyper["lr"]), self.conventions[self.convention].start["n"]
        beta, l2 = (checked(each, hyper[each], self.name) for each in ("beta", "l2"))
        strength = (np.sqrt(n) + beta) / lr + 2 * l2
        return placed_state(np.asarray(-strength * value, value.dtype), self.spec.state.index(name))

    def _learning_rate(self, lr: Any) -> float:
        rate = super()._learning_rate(lr)
        if rate == 0:
            raise HyperparameterError("out of range", op=self.name, arg="lr", expected="a finite number > 0", got="0.0")
        return rate
