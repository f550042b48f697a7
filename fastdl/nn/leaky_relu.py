"""The rectified linear unit with a slope on the left."""

from __future__ import annotations

from fastdl.nn.activation import Activation


class LeakyReLU(Activation):
    """The leaky rectified linear unit: x of each element, ``alpha x`` where x < 0.

    Its arrays are float32 or float64 of any shape.

    Parameters
    ----------
    alpha : float
        Slope on the left, > 0; torch calls it ``negative_slope``.

    Raises
    ------
    HyperparameterError
        By ``forward``, if alpha is not a finite number > 0.

    Notes
    -----
    Maas, Hannun and Ng, "Rectifier Nonlinearities Improve Neural Network Acoustic Models", 2013. The gradient at 0
    is alpha.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import nn
    >>> nn.LeakyReLU(alpha=0.1).forward(np.array([-1.0, 2.0]))
    array([-0.1,  2. ])
    """

    can_be_planned = True

    function = "leaky_relu"

    def __init__(self, alpha: float = 0.01) -> None:
        super().__init__()
        self.alpha = alpha
