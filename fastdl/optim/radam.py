"""RAdam."""

from __future__ import annotations

from typing import Unpack

from fastdl.optim.conventions import Convention
from fastdl.optim.optimizer import Optimizer
from fastdl.optim.options import LearningRate, Options


class RAdam(Optimizer):
    """RAdam: Adam that warms up by itself.

    ``rho_t = rho - 2 * t * beta2 ** t / (1 - beta2 ** t)`` with ``rho = 2 / (1 - beta2) - 1``; while it is at most 5,
    ``p = p - lr * m / (1 - beta1 ** t)``; then the step of Adam, times
    ``r = sqrt((rho_t - 4) * (rho_t - 2) * rho / ((rho - 4) * (rho - 2) * rho_t))``.

    Parameters
    ----------
    lr : float, schedule or callable
        Learning rate, >= 0. A schedule or function gets the number of steps taken.
    beta1, beta2 : float
        How much of the two running means a step keeps, in [0, 1).
    eps : float
        >= 0, added to the root of the uncorrected ``v``, or of the corrected one with the convention of optax.
    convention : str, optional
        Whose defaults and variant: a key of ``RAdam.conventions``, the first by default.
    **options : optional
        The settings of :class:`Optimizer`.

    Raises
    ------
    HyperparameterError
        If a setting is out of range or unknown.

    Notes
    -----
    State: ``m`` and ``v``, twice as many bytes as the parameters.

    Liu et al., "On the Variance of the Adaptive Learning Rate and Beyond", 2020, algorithm 2,
    which has no eps and begins at 4 rather than 5; 5 is what its code and the libraries have.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl.optim import RAdam
    >>> params = {"W": np.array([1.0])}
    >>> RAdam(lr=0.1).update(params, {"W": np.array([0.5])})
    >>> params["W"].round(4)
    array([0.95])
    """

    name = "radam"
    conventions = {
        "torch": Convention("radam", {"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}),
        "optax": Convention("radam_paper", {"lr": None, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}),
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
