"""LAMB."""

from __future__ import annotations

from typing import Unpack

from fastdl.optim.conventions import Convention
from fastdl.optim.optimizer import Optimizer
from fastdl.optim.options import LearningRate, Options


class LAMB(Optimizer):
    """LAMB: Adam with steps in proportion to the norm of each array.

    ``u = m / (1 - beta1 ** t) / (sqrt(v / (1 - beta2 ** t)) + eps) + weight_decay * p`` with ``m`` and ``v`` as in
    Adam, ``p = p - lr * norm(p) / norm(u) * u``; the ratio is 1 where a norm is 0.

    Parameters
    ----------
    lr : float, schedule or callable
        Learning rate, >= 0: the length of a step in lengths of the array. A schedule or function gets the number
        of steps taken.
    beta1, beta2 : float
        How much of the two running means a step keeps, in [0, 1).
    eps : float
        >= 0, added to the root of the corrected ``v``.
    convention : str, optional
        Whose defaults and variant: a key of ``LAMB.conventions``, the first by default.
    **options : optional
        The settings of :class:`Optimizer`.

    Raises
    ------
    HyperparameterError
        If a setting is out of range or unknown.

    Notes
    -----
    State: ``m`` and ``v``, twice as many bytes as the parameters.

    You et al., "Large Batch Optimization for Deep Learning", 2020, algorithm 2, with the identity for its function of
    the norm. ``weight_decay`` is part of ``u``; in Keras it comes off the parameter before.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl.optim import LAMB
    >>> params = {"W": np.array([3.0, 4.0])}
    >>> LAMB(lr=0.1).update(params, {"W": np.array([1.0, 1.0])})
    >>> params["W"].round(4)
    array([2.6464, 3.6464])
    """

    name = "lamb"
    conventions = {
        "paper": Convention("lamb", {"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-6}, decay="rule"),
        "keras": Convention("lamb", {"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-7}, decay="decoupled"),
        "optax": Convention("lamb", {"lr": None, "beta1": 0.9, "beta2": 0.999, "eps": 1e-6}, decay="rule"),
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
