"""The smooth rectifier."""

from __future__ import annotations

from fastdl.nn.activation import Activation


class Softplus(Activation):
    """The smooth rectifier: ``log(1 + exp(x))`` of each element.

    Its arrays are float32 or float64 of any shape.

    Notes
    -----
    Dugas, Bengio et al., "Incorporating Second-Order Functional Knowledge for Better Option Pricing", 2001. Right to
    2 ulp, for any x; torch takes x itself above 20.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import nn
    >>> nn.Softplus().forward(np.array([0.0, 100.0]))
    array([  0.69314718, 100.        ])
    """

    can_be_planned = True

    function = "softplus"
