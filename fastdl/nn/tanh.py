"""The hyperbolic tangent."""

from __future__ import annotations

from fastdl.nn.activation import Activation


class Tanh(Activation):
    """The hyperbolic tangent: ``tanh(x)`` of each element.

    Its arrays are float32 or float64 of any shape.

    Notes
    -----
    Right to 2 ulp.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import nn
    >>> nn.Tanh().forward(np.array([0.0, 100.0]))
    array([0., 1.])
    """

    can_be_planned = True

    function = "tanh"
