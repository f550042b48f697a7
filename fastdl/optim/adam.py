"""Adam."""

from __future__ import annotations

from fastdl.optim.optimizer import Optimizer


class Adam(Optimizer):
    """Adam: steps by the running mean of the gradient over the root of that of its square.

    ``m += (1 - beta1) * (g - m)``, ``v += (1 - beta2) * (g * g - v)``,
    ``p -= lr * sqrt(1 - beta2 ** t) / (1 - beta1 ** t) * m / (sqrt(v) + eps)``, t = 1 in the first step.

    Parameters
    ----------
    lr : float
        Learning rate, >= 0: about the largest step that a parameter takes.
    beta1, beta2 : float
        How much of ``m`` and ``v`` a step keeps, in [0, 1).
    eps : float
        Added to the root of the uncorrected ``v``, >= 0.

    Raises
    ------
    HyperparameterError
        If one of them is out of range.

    Notes
    -----
    State: ``m`` and ``v``, twice as many bytes as the parameters.

    Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015, in the form at the end of section 2 ("epsilon
    hat"), as the book, Keras and scikit-learn have it. torch and optax follow Algorithm 1, which adds eps after the
    bias correction: their eps equals this one times ``1 / sqrt(1 - beta2 ** t)``, so that no constant turns one into
    the other.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl.optim import Adam
    >>> params = {"W": np.array([1.0, 1.0])}
    >>> Adam(lr=0.1).update(params, {"W": np.array([0.5, -20.0])})
    >>> params["W"].round(4)
    array([0.9, 1.1])
    """

    rule = "adam"
    beta1: float
    beta2: float
    eps: float

    def __init__(self, lr: float = 0.001, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-7) -> None:
        super().__init__(lr=lr, beta1=beta1, beta2=beta2, eps=eps)
