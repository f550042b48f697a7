"""Nadam."""

from __future__ import annotations

import math
from typing import Unpack

from fastdl.optim.conventions import Convention
from fastdl.optim.optimizer import Optimizer
from fastdl.optim.options import LearningRate, Options


class Nadam(Optimizer):
    """Nadam: Adam with Nesterov's look ahead.

    ``mu_i = beta1 * (1 - 0.96 ** (i * momentum_decay) / 2)``, ``M_t = mu_1 * ... * mu_t``,
    ``p = p - lr * ((1 - mu_t) / (1 - M_t) * g + mu_(t+1) / (1 - M_(t+1)) * m) / (sqrt(v / (1 - beta2 ** t)) + eps)``,
    with ``m`` and ``v`` as in Adam.

    Parameters
    ----------
    lr : float, schedule or callable
        Learning rate, >= 0. A schedule or function gets the number of steps taken.
    beta1, beta2 : float
        How much of the two running means a step keeps, in [0, 1).
    eps : float
        >= 0, added to the root of the corrected ``v``.
    momentum_decay : float
        How fast the momentum grows to beta1, >= 0; with infinity it is beta1 at once.
    convention : str, optional
        Whose defaults and variant: a key of ``Nadam.conventions``, the first by default.
    **options : optional
        The settings of :class:`Optimizer`.

    Raises
    ------
    HyperparameterError
        If a setting is out of range or unknown.

    Notes
    -----
    State: ``m`` and ``v``, twice as many bytes as the parameters.

    Dozat, "Incorporating Nesterov Momentum into Adam", 2016. Keras 3 reads the schedule as ``0.96 ** i``; optax has
    none.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl.optim import Nadam
    >>> params = {"W": np.array([1.0])}
    >>> Nadam(lr=0.1).update(params, {"W": np.array([0.5])})
    >>> params["W"].round(4)
    array([0.8944])
    """

    name = "nadam"
    conventions = {
        "paper": Convention("nadam", {"lr": 0.002, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "momentum_decay": 0.004}),
        "torch": Convention("nadam", {"lr": 0.002, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "momentum_decay": 0.004}),
        "keras": Convention(
            "nadam", {"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-7, "momentum_decay": 1.0}, decay="decoupled"
        ),
        "optax": Convention(
            "nadam", {"lr": None, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "momentum_decay": math.inf}
        ),
    }

    def __init__(
        self,
        lr: LearningRate | None = None,
        beta1: float | None = None,
        beta2: float | None = None,
        eps: float | None = None,
        momentum_decay: float | None = None,
        *,
        convention: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(
            {"lr": lr, "beta1": beta1, "beta2": beta2, "eps": eps, "momentum_decay": momentum_decay},
            convention,
            options,
        )
