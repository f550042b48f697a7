"""Adadelta."""

from __future__ import annotations

from typing import Unpack

from fastdl.optim.conventions import Convention
from fastdl.optim.optimizer import Optimizer
from fastdl.optim.options import LearningRate, Options


class Adadelta(Optimizer):
    """Adadelta: steps in the units of the parameters.

    ``v = rho * v + (1 - rho) * g ** 2``, ``d = sqrt(u + eps) / sqrt(v + eps) * g``,
    ``u = rho * u + (1 - rho) * d ** 2``, ``p = p - lr * d``

    Parameters
    ----------
    lr : float, schedule or callable
        Learning rate, >= 0; 1 in the paper. A schedule or function gets the number of steps taken.
    rho : float
        How much of the running means a step keeps, in [0, 1).
    eps : float
        >= 0, inside both roots: it sets the length of the first steps.
    convention : str, optional
        Whose defaults and variant: a key of ``Adadelta.conventions``, the first by default.
    **options : optional
        The settings of :class:`Optimizer`.

    Raises
    ------
    HyperparameterError
        If a setting is out of range or unknown.

    Notes
    -----
    State: the running means of squares ``v`` of gradients and ``u`` of steps, twice as many bytes as the parameters.

    Zeiler, "ADADELTA: An Adaptive Learning Rate Method", 2012, algorithm 1. Libraries differ in the defaults alone;
    Keras' lr of 0.001 makes it a thousand times slower than the paper's.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl.optim import Adadelta
    >>> params = {"W": np.array([1.0])}
    >>> Adadelta().update(params, {"W": np.array([0.5])})
    >>> params["W"].round(4)
    array([0.9955])
    """

    name = "adadelta"
    conventions = {
        "paper": Convention("adadelta", {"lr": 1.0, "rho": 0.95, "eps": 1e-6}),
        "torch": Convention("adadelta", {"lr": 1.0, "rho": 0.9, "eps": 1e-6}),
        "keras": Convention("adadelta", {"lr": 0.001, "rho": 0.95, "eps": 1e-7}, decay="decoupled"),
        "optax": Convention("adadelta", {"lr": None, "rho": 0.9, "eps": 1e-6}),
    }

    def __init__(
        self,
        lr: LearningRate | None = None,
        rho: float | None = None,
        eps: float | None = None,
        *,
        convention: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__({"lr": lr, "rho": rho, "eps": eps}, convention, options)
