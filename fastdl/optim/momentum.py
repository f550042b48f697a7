"""Momentum."""

from __future__ import annotations

from typing import Unpack

from fastdl.optim.conventions import Convention
from fastdl.optim.optimizer import Optimizer
from fastdl.optim.options import LearningRate, Options


class Momentum(Optimizer):
    """Momentum: a velocity that the gradient accelerates.

    ``v = momentum * v - lr * g``, ``p = p + v``

    Parameters
    ----------
    lr : float, schedule or callable
        Learning rate, >= 0. A schedule or function gets the number of steps taken.
    momentum : float
        The share of the velocity that a step keeps, in [0, 1).
    convention : str, optional
        Whose defaults and variant: a key of ``Momentum.conventions``, the first by default.
    **options : optional
        The settings of :class:`Optimizer`.

    Raises
    ------
    HyperparameterError
        If a setting is out of range or unknown.

    Notes
    -----
    State: the velocity ``v``, as many bytes as the parameters.

    Polyak, "Some methods of speeding up the convergence of iteration methods", 1964, as the book and Keras write it.
    torch and optax keep the learning rate outside the velocity (``v = momentum * v + g``, ``p = p - lr * v``): the
    same path while lr is constant, another one after it changes. Their momentum is 0 by default, here 0.9.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl.optim import Momentum
    >>> params, optimizer = {"W": np.array([1.0])}, Momentum(lr=0.1)
    >>> for _ in range(2):
    ...     optimizer.update(params, {"W": np.array([1.0])})
    >>> params["W"].round(6), optimizer.state["v"]["W"].round(6)
    (array([0.71]), array([-0.19]))
    """

    name = "momentum"
    conventions = {
        "book": Convention("momentum", {"lr": 0.01, "momentum": 0.9}),
        "torch": Convention("momentum_outside", {"lr": 0.001, "momentum": 0.9}),
        "keras": Convention("momentum", {"lr": 0.01, "momentum": 0.9}, decay="decoupled"),
        "optax": Convention("momentum_outside", {"lr": None, "momentum": 0.9}),
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
