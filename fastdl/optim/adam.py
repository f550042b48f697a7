"""Adam."""

from __future__ import annotations

from typing import Unpack

from fastdl.optim.conventions import Convention
from fastdl.optim.optimizer import Optimizer
from fastdl.optim.options import LearningRate, Options


class Adam(Optimizer):
    """Adam: steps by the running mean of the gradient over the root of that of its square.

    ``m = m + (1 - beta1) * (g - m)``, ``v = v + (1 - beta2) * (g * g - v)``,
    ``p = p - lr * sqrt(1 - beta2 ** t) / (1 - beta1 ** t) * m / (sqrt(v) + eps)``, t = 1 in the first step.

    Parameters
    ----------
    lr : float, schedule or callable
        Learning rate, >= 0: about the largest step that a parameter takes. A schedule or function gets the number
        of steps taken.
    beta1, beta2 : float
        How much of the two running means a step keeps, in [0, 1).
    eps : float
        >= 0, added to the root of the uncorrected ``v``, or of the corrected one with the conventions of torch and
        optax.
    amsgrad : bool
        Whether the largest ``v`` so far takes the place of ``v``.
    convention : str, optional
        Whose defaults and variant: a key of ``Adam.conventions``, the first by default.
    **options : optional
        The settings of :class:`Optimizer`.

    Raises
    ------
    HyperparameterError
        If a setting is out of range or unknown.

    Notes
    -----
    State: ``m`` and ``v``, twice as many bytes as the parameters; with amsgrad ``v_max`` as well.

    Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015, in the form at the end of section 2 ("epsilon
    hat"), as the book, Keras and scikit-learn have it. torch and optax follow algorithm 1, which adds eps after the
    bias correction: this eps equals theirs times ``sqrt(1 - beta2 ** t)``, so that no constant turns one into the
    other. AMSGrad: Reddi, Kale and Kumar, "On the Convergence of Adam and Beyond", 2018; optax takes the largest
    corrected ``v``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl.optim import Adam
    >>> params = {"W": np.array([1.0, 1.0])}
    >>> Adam(lr=0.1).update(params, {"W": np.array([0.5, -20.0])})
    >>> params["W"].round(4)
    array([0.9, 1.1])
    """

    name = "adam"
    conventions = {
        "book": Convention("adam", {"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-7}),
        "torch": Convention("adam_paper", {"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}),
        "keras": Convention("adam", {"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-7}, decay="decoupled"),
        "optax": Convention("adam_paper", {"lr": None, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}),
    }

    def __init__(
        self,
        lr: LearningRate | None = None,
        beta1: float | None = None,
        beta2: float | None = None,
        eps: float | None = None,
        amsgrad: bool = False,
        *,
        convention: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        self.amsgrad = bool(amsgrad)
        super().__init__({"lr": lr, "beta1": beta1, "beta2": beta2, "eps": eps}, convention, options)

    def _choose_rule(self, convention: Convention) -> str:
        if not self.amsgrad:
            return convention.rule
        return "amsgrad_corrected" if self.convention == "optax" else convention.rule.replace("adam", "amsgrad")
