"""The sigmoid linear unit."""

from __future__ import annotations

from fastdl.nn.activation import Activation


class SiLU(Activation):
    """The sigmoid linear unit, or swish: ``x / (1 + exp(-x))`` of each element.

    Its arrays are float32 or float64 of any shape.

    Notes
    -----
    Elfwing, Uchibe and Doya, "Sigmoid-Weighted Linear Units", 2018; Ramachandran, Zoph and Le, "Searching for
    Activation Functions", 2017. Right to 2 ulp. Keeps its input, not its output: it is not monotonic.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import nn
    >>> nn.SiLU().forward(np.array([0.0, 100.0]))
    array([  0., 100.])
    """

    can_be_planned = True

    function = "silu"
