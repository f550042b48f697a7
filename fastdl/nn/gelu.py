"""The Gaussian error linear unit."""

from __future__ import annotations

from fastdl.errors import HyperparameterError
from fastdl.nn.activation import Activation

_FUNCTIONS = {"none": "gelu", "tanh": "gelu_tanh"}


class GELU(Activation):
    """The Gaussian error linear unit: ``x Φ(x)`` of each element, Φ the normal distribution.

    Its arrays are float32 or float64 of any shape.

    Parameters
    ----------
    approximate : {"none", "tanh"}
        "tanh" computes ``x (1 + tanh(sqrt(2 / π) (x + 0.044715 x³))) / 2``, with which some networks were trained.

    Raises
    ------
    HyperparameterError
        If ``approximate`` is neither.

    Notes
    -----
    Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016. Both are right to 2 ulp, on the left too, where
    ``1 + erf`` loses all digits. Keeps its input, not its output: it is not monotonic.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import nn
    >>> nn.GELU().forward(np.array([-20.0, 1.0]))
    array([-5.50724824e-88,  8.41344746e-01])
    """

    can_be_planned = True

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        if approximate not in _FUNCTIONS:
            raise HyperparameterError(
                "not possible", op="GELU", arg="approximate", expected="none or tanh", got=repr(approximate)
            )
        self.function = _FUNCTIONS[approximate]
