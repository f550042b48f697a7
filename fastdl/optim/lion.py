"""Lion."""

from __future__ import annotations

from typing import Unpack

from fastdl.optim.conventions import Convention
from fastdl.optim.optimizer import Optimizer
from fastdl.optim.options import LearningRate, Options


class Lion(Optimizer):
    """Lion: steps of one length, by the sign of the momentum.

    ``p = p - lr * sign(beta1 * m + (1 - beta1) * g)``, ``m = beta2 * m + (1 - beta2) * g``

    Parameters
    ----------
    lr : float, schedule or callable
        Learning rate, >= 0: the length of every step; a tenth of what Adam would get. A schedule or function gets
        the number of steps taken.
    beta1 : float
        The share of ``m`` in the step, in [0, 1).
    beta2 : float
        How much of ``m`` a step keeps, in [0, 1).
    convention : str, optional
        Whose defaults and variant: a key of ``Lion.conventions``, the first by default.
    **options : optional
        The settings of :class:`Optimizer`.

    Raises
    ------
    HyperparameterError
        If a setting is out of range or unknown.

    Notes
    -----
    State: ``m``, as many bytes as the parameters.

    Chen et al., "Symbolic Discovery of Optimization Algorithms", 2023, algorithm 2.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl.optim import Lion
    >>> params = {"W": np.array([1.0, 1.0, 1.0])}
    >>> Lion(lr=0.5).update(params, {"W": np.array([0.001, 0.0, -1000.0])})
    >>> params["W"]
    array([0.5, 1. , 1.5])
    """

    name = "lion"
    conventions = {
        "paper": Convention("lion", {"lr": 1e-4, "beta1": 0.9, "beta2": 0.99}, decay="decoupled"),
        "keras": Convention("lion", {"lr": 0.001, "beta1": 0.9, "beta2": 0.99}, decay="decoupled"),
        "optax": Convention("lion", {"lr": None, "beta1": 0.9, "beta2": 0.99, "weight_decay": 1e-3}, decay="decoupled"),
    }

    def __init__(
        self,
        lr: LearningRate | None = None,
        beta1: float | None = None,
        beta2: float | None = None,
        *,
        convention: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__({"lr": lr, "beta1": beta1, "beta2": beta2}, convention, options)
