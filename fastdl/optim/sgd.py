"""Stochastic gradient descent."""

from __future__ import annotations

from fastdl.optim.optimizer import Optimizer


class SGD(Optimizer):
    """Stochastic gradient descent: ``p -= lr * g``.

    Parameters
    ----------
    lr : float
        Learning rate, the length of a step in gradients, >= 0.

    Raises
    ------
    HyperparameterError
        If it is out of range.

    Notes
    -----
    No state. Robbins and Monro, "A Stochastic Approximation Method", 1951.

    Differs from torch's ``SGD`` in nothing but its default, 1e-3 there.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl.optim import SGD
    >>> params = {"W": np.array([1.0, 2.0])}
    >>> SGD(lr=0.5).update(params, {"W": np.array([1.0, -1.0])})
    >>> params["W"]
    array([0.5, 2.5])
    """

    rule = "sgd"

    def __init__(self, lr: float = 0.01) -> None:
        super().__init__(lr=lr)
