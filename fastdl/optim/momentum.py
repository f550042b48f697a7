"""Momentum."""

from __future__ import annotations

from fastdl.optim.optimizer import Optimizer


class Momentum(Optimizer):
    """Momentum: ``v = momentum * v - lr * g``, ``p += v``.

    Parameters
    ----------
    lr : float
        Learning rate, >= 0.
    momentum : float
        The share of the velocity that a step keeps, in [0, 1).

    Raises
    ------
    HyperparameterError
        If one of them is out of range.

    Notes
    -----
    State: the velocity ``v``, as many bytes as the parameters.

    Polyak, "Some methods of speeding up the convergence of iteration methods", 1964, as the book and Keras write it.
    torch keeps the learning rate outside the velocity (``buf = momentum * buf + g``, ``p -= lr * buf``): the same
    path while lr is constant, another one after it changes.

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

    rule = "momentum"
    momentum: float

    def __init__(self, lr: float = 0.01, momentum: float = 0.9) -> None:
        super().__init__(lr=lr, momentum=momentum)
