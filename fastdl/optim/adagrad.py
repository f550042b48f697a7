"""AdaGrad."""

from __future__ import annotations

from typing import Unpack

from fastdl.optim.conventions import Convention
from fastdl.optim.optimizer import Optimizer
from fastdl.optim.options import LearningRate, Options


class AdaGrad(Optimizer):
    """AdaGrad: steps that shrink where gradients have been large.

    ``h = h + g ** 2``, ``p = p - lr * g / (sqrt(h) + eps)``

    Parameters
    ----------
    lr : float, schedule or callable
        Learning rate, >= 0: the length of a parameter's first step. A schedule or function gets the number of
        steps taken.
    eps : float
        >= 0, added to the root. With 0, a parameter that has only seen gradients of 0 becomes NaN, as in NumPy.
    convention : str, optional
        Whose defaults and variant: a key of ``AdaGrad.conventions``, the first by default.
    **options : optional
        The settings of :class:`Optimizer`.

    Raises
    ------
    HyperparameterError
        If a setting is out of range or unknown.

    Notes
    -----
    State: the sum of squares ``h``, as many bytes as the parameters.

    Duchi, Hazan and Singer, "Adaptive Subgradient Methods", 2011, with the book's eps. Keras and optax start ``h`` at
    0.1 and divide by ``sqrt(h + eps)``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl.optim import AdaGrad
    >>> params = {"W": np.array([1.0, 1.0])}
    >>> AdaGrad(lr=0.5).update(params, {"W": np.array([0.001, 1000.0])})
    >>> params["W"].round(3)
    array([0.5, 0.5])
    """

    name = "adagrad"
    conventions = {
        "book": Convention("adagrad", {"lr": 0.01, "eps": 1e-7}),
        "torch": Convention("adagrad", {"lr": 0.01, "eps": 1e-10}),
        "keras": Convention("adagrad_inside", {"lr": 0.001, "eps": 1e-7}, {"h": 0.1}, "decoupled"),
        "optax": Convention("adagrad_inside", {"lr": None, "eps": 1e-7}, {"h": 0.1}),
    }

    def __init__(
        self,
        lr: LearningRate | None = None,
        eps: float | None = None,
        *,
        convention: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__({"lr": lr, "eps": eps}, convention, options)
