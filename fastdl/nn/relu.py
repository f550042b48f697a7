"""The rectified linear unit."""

from __future__ import annotations

from fastdl.nn.activation import Activation


class ReLU(Activation):
    """The rectified linear unit: ``max(x, 0)`` of each element.

    Its arrays are float32 or float64 of any shape.

    Notes
    -----
    Glorot, Bordes and Bengio, "Deep Sparse Rectifier Neural Networks", 2011. The gradient at 0 is 0.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import nn
    >>> nn.ReLU().forward(np.array([-1.0, 2.0]))
    array([0., 2.])
    """

    can_be_planned = True

    function = "relu"
