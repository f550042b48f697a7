"""RMSprop."""

from __future__ import annotations

from typing import Unpack

from fastdl.errors import HyperparameterError
from fastdl.optim.conventions import Convention
from fastdl.optim.optimizer import Optimizer
from fastdl.optim.options import LearningRate, Options


class RMSprop(Optimizer):
    """RMSprop: AdaGrad that forgets.

    ``v = rho * v + (1 - rho) * g ** 2``, ``p = p - lr * g / (sqrt(v) + eps)``

    Parameters
    ----------
    lr : float, schedule or callable
        Learning rate, >= 0. A schedule or function gets the number of steps taken.
    rho : float
        How much of the running mean a step keeps, in [0, 1).
    eps : float
        >= 0, added to the root.
    momentum : float
        Of a velocity of the steps, in [0, 1); none by default.
    centered : bool
        Whether ``v`` less the square of the running mean of g, its variance, takes the place of ``v``.
    convention : str, optional
        Whose defaults and variant: a key of ``RMSprop.conventions``, the first by default.
    **options : optional
        The settings of :class:`Optimizer`.

    Raises
    ------
    HyperparameterError
        If a setting is out of range or unknown.

    Notes
    -----
    State: the running mean of squares ``v``, with momentum the velocity ``u``, centered the running mean ``a``: each
    as many bytes as the parameters.

    Tieleman and Hinton, lecture 6e of "Neural Networks for Machine Learning", 2012; centered: Graves, "Generating
    Sequences With Recurrent Neural Networks", 2013, equations 38 to 45. With momentum: ``u = momentum * u + g /
    (sqrt(v) + eps)``, ``p = p - lr * u``. Keras and optax divide by ``sqrt(v + eps)`` and keep the learning rate
    inside ``u``. torch calls rho alpha.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl.optim import RMSprop
    >>> params = {"W": np.array([1.0, 1.0])}
    >>> RMSprop(lr=0.01).update(params, {"W": np.array([0.5, -20.0])})
    >>> params["W"].round(4)
    array([0.9, 1.1])
    """

    name = "rmsprop"
    conventions = {
        "book": Convention("rmsprop", {"lr": 0.01, "rho": 0.99, "eps": 1e-7}),
        "torch": Convention("rmsprop", {"lr": 0.01, "rho": 0.99, "eps": 1e-8}),
        "keras": Convention("rmsprop_inside", {"lr": 0.001, "rho": 0.9, "eps": 1e-7}, decay="decoupled"),
        "optax": Convention("rmsprop_inside", {"lr": None, "rho": 0.9, "eps": 1e-8}),
    }

    def __init__(
        self,
        lr: LearningRate | None = None,
        rho: float | None = None,
        eps: float | None = None,
        momentum: float | None = None,
        centered: bool = False,
        *,
        convention: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        self.centered = bool(centered)
        self._momentum, self._has_momentum = 0.0, momentum is not None and momentum != 0
        given = {"lr": lr, "rho": rho, "eps": eps, "momentum": momentum if self._has_momentum else None}
        super().__init__(given, convention, options)

    def _choose_rule(self, convention: Convention) -> str:
        return convention.rule + "_centered" * self.centered + "_momentum" * self._has_momentum

    @property
    def momentum(self) -> float:
        """The share of its velocity that a step keeps; 0 stays 0, for then there is no velocity."""
        return self._momentum

    @momentum.setter
    def momentum(self, value: float) -> None:
        if not self._has_momentum and value != 0:
            raise HyperparameterError(
                "keeps no velocity", op=self.name, arg="momentum", expected="0", got=repr(value),
                hint="Make an optimizer with momentum",
            )  # fmt: skip
        self._momentum = value
