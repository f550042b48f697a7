"""Adamax."""

from __future__ import annotations

from typing import Unpack

from fastdl.optim.conventions import Convention
from fastdl.optim.optimizer import Optimizer
from fastdl.optim.options import LearningRate, Options


class Adamax(Optimizer):
    """Adamax: Adam with the largest recent gradient in the place of the root.

    ``m = m + (1 - beta1) * (g - m)``, ``u = max(beta2 * u, abs(g))``, ``p = p - lr / (1 - beta1 ** t) * m / (u + eps)``

    Parameters
    ----------
    lr : float, schedule or callable
        Learning rate, >= 0. A schedule or function gets the number of steps taken.
    beta1, beta2 : float
        How much of the two running means a step keeps, in [0, 1).
    eps : float
        >= 0, added to ``u``.
    convention : str, optional
        Whose defaults and variant: a key of ``Adamax.conventions``, the first by default.
    **options : optional
        The settings of :class:`Optimizer`.

    Raises
    ------
    HyperparameterError
        If a setting is out of range or unknown.

    Notes
    -----
    State: ``m`` and ``u``, twice as many bytes as the parameters.

    Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015, algorithm 2, which has no eps and so divides 0
    by 0 where all gradients have been 0. torch and optax take ``max(beta2 * u, abs(g) + eps)``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl.optim import Adamax
    >>> params = {"W": np.array([1.0, 1.0])}
    >>> Adamax(lr=0.1).update(params, {"W": np.array([0.5, -20.0])})
    >>> params["W"].round(4)
    array([0.9, 1.1])
    """

    name = "adamax"
    conventions = {
        "paper": Convention("adamax", {"lr": 0.002, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}),
        "torch": Convention("adamax_inside", {"lr": 0.002, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}),
        "keras": Convention("adamax", {"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-7}, decay="decoupled"),
        "optax": Convention("adamax_inside", {"lr": None, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}),
    }

    def __init__(
        self,
        lr: LearningRate | None = None,
        beta1: float | None = None,
        beta2: float | None = None,
        eps: float | None = None,
        *,
        convention: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__({"lr": lr, "beta1": beta1, "beta2": beta2, "eps": eps}, convention, options)
