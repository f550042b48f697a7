"""AdaGrad."""

from __future__ import annotations

from fastdl.optim.optimizer import Optimizer


class AdaGrad(Optimizer):
    """AdaGrad: ``h += g * g``, ``p -= lr * g / (sqrt(h) + eps)``: steps that shrink where gradients have been large.

    Parameters
    ----------
    lr : float
        Learning rate, >= 0: the length of a parameter's first step.
    eps : float
        Added to the root, >= 0. With 0, a parameter that has only seen gradients of 0 becomes NaN, as in NumPy.

    Raises
    ------
    HyperparameterError
        If one of them is out of range.

    Notes
    -----
    State: the sum of squares ``h``, as many bytes as the parameters.

    Duchi, Hazan and Singer, "Adaptive Subgradient Methods", 2011, with the book's eps. torch's ``Adagrad`` is the
    same with eps = 1e-10 by default; Keras starts ``h`` at 0.1 and takes ``sqrt(h + eps)``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl.optim import AdaGrad
    >>> params = {"W": np.array([1.0, 1.0])}
    >>> AdaGrad(lr=0.5).update(params, {"W": np.array([0.001, 1000.0])})
    >>> params["W"].round(3)
    array([0.5, 0.5])
    """

    rule = "adagrad"
    eps: float

    def __init__(self, lr: float = 0.01, eps: float = 1e-7) -> None:
        super().__init__(lr=lr, eps=eps)
