"""The exponential linear unit."""

from __future__ import annotations

from fastdl.nn.activation import Activation


class ELU(Activation):
    """The exponential linear unit: x of each element, ``alpha (exp(x) - 1)`` where x < 0.

    Its arrays are float32 or float64 of any shape.

    Parameters
    ----------
    alpha : float
        What the unit tends to on the left, with the sign changed; > 0.

    Raises
    ------
    HyperparameterError
        By ``forward``, if alpha is not a finite number > 0.

    Notes
    -----
    Clevert, Unterthiner and Hochreiter, "Fast and Accurate Deep Network Learning by Exponential Linear Units", 2016.
    Right to 2 ulp. The gradient at 0 is alpha.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import nn
    >>> nn.ELU().forward(np.array([-100.0, 2.0]))
    array([-1.,  2.])
    """

    can_be_planned = True

    function = "elu"

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__()
        self.alpha = alpha
