"""The logistic function."""

from __future__ import annotations

from fastdl.nn.activation import Activation


class Sigmoid(Activation):
    """The logistic function: ``1 / (1 + exp(-x))`` of each element.

    Its arrays are float32 or float64 of any shape.

    Notes
    -----
    Right to 2 ulp, down to its subnormal tail on the left.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import nn
    >>> nn.Sigmoid().forward(np.array([0.0, 100.0]))
    array([0.5, 1. ])
    """

    can_be_planned = True

    function = "sigmoid"
