"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Unpack

from fastdl.optim.conventions import Convention
from fastdl.optim.optimizer import Optimizer
from fastdl.optim.options import LearningRate, Options


class SGD(Optimizer):
    """Stochastic gradient descent: a step against the gradient.

    ``p = p - lr * g``

    Parameters
    ----------
    lr : float, schedule or callable
        Learning rate, >= 0: the length of a step in gradients. A schedule or function gets the number of steps
        taken.
    convention : str, optional
        Whose defaults and variant: a key of ``SGD.conventions``, the first by default.
    **options : optional
        The settings of :class:`Optimizer`.

    Raises
    ------
    HyperparameterError
        If a setting is out of range or unknown.

    Notes
    -----
    No state. Robbins and Monro, "A Stochastic Approximation Method", 1951.

    Differs from other libraries in its default alone; with momentum it is :class:`Momentum` here.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl.optim import SGD
    >>> params = {"W": np.array([1.0, 2.0])}
    >>> SGD(lr=0.5).update(params, {"W": np.array([1.0, -1.0])})
    >>> params["W"]
    array([0.5, 2.5])
    """

    name = "sgd"
    conventions = {
        "book": Convention("sgd", {"lr": 0.01}),
        "torch": Convention("sgd", {"lr": 0.001}),
        "keras": Convention("sgd", {"lr": 0.01}, decay="decoupled"),
        "optax": Convention("sgd", {"lr": None}),
    }

    def __init__(
        self, lr: LearningRate | None = None, *, convention: str | None = None, **options: Unpack[Options]
    ) -> None:
        super().__init__({"lr": lr}, convention, options)
