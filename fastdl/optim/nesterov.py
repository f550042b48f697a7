"""Nesterov's momentum."""

from __future__ import annotations

from typing import Unpack

from fastdl.optim.conventions import Convention
from fastdl.optim.optimizer import Optimizer
from fastdl.optim.options import LearningRate, Options


class Nesterov(Optimizer):
    """Nesterov's momentum: the gradient counts where the velocity is about to lead.

    ``v = momentum * v - lr * g``, ``p = p + momentum * v - lr * g``

    Parameters
    ----------
    lr : float, schedule or callable
        Learning rate, >= 0. A schedule or function gets the number of steps taken.
    momentum : float
        The share of the velocity that a step keeps, in [0, 1).
    convention : str, optional
        Whose defaults and variant: a key of ``Nesterov.conventions``, the first by default.
    **options : optional
        The settings of :class:`Optimizer`.

    Raises
    ------
    HyperparameterError
        If a setting is out of range or unknown.

    Notes
    -----
    State: the velocity ``v``, as many bytes as the parameters.

    Nesterov 1983, as Bengio, Boulanger-Lewandowski and Pascanu, "Advances in Optimizing Recurrent Networks", 2012,
    equations 6 and 7, rewrite it. torch and optax keep the learning rate outside the velocity. The book's Korean
    edition uses the new velocity twice, so that its first step is -(1 + momentum + momentum ** 2) lr g; the Japanese
    original was repaired in 2021, and this is the repaired one.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl.optim import Nesterov
    >>> params = {"W": np.array([1.0])}
    >>> Nesterov(lr=0.1).update(params, {"W": np.array([1.0])})
    >>> params["W"].round(6)
    array([0.81])
    """

    name = "nesterov"
    conventions = {
        "book": Convention("nesterov", {"lr": 0.01, "momentum": 0.9}),
        "torch": Convention("nesterov_outside", {"lr": 0.001, "momentum": 0.9}),
        "keras": Convention("nesterov", {"lr": 0.01, "momentum": 0.9}, decay="decoupled"),
        "optax": Convention("nesterov_outside", {"lr": None, "momentum": 0.9}),
    }

    def __init__(
        self,
        lr: LearningRate | None = None,
        momentum: float | None = None,
        *,
        convention: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__({"lr": lr, "momentum": momentum}, convention, options)
