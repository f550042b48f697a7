"""The book's optimizers: those of `fastdl.optim` with the book's arguments and attributes."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np  # noqa: F401 - the book's scripts that import * take np from here
from numpy.typing import NDArray

from fastdl import optim

State = dict[Hashable, NDArray[Any]] | None


class _Book(optim.Optimizer):
    """What they share: the book's formulas alone, and states that are None at first."""

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["convention"]
        return config

    def _state(self, name: str) -> State:
        """A state by key of the parameter; None before the first update."""
        return self.state.get(name)


class SGD(_Book, optim.SGD):
    """Stochastic gradient descent: ``p = p - lr * g``; see :class:`fastdl.optim.SGD`.

    Parameters
    ----------
    lr : float
        Learning rate, >= 0; may be set between steps.

    Raises
    ------
    HyperparameterError
        If it is out of range.

    Notes
    -----
    It keeps nothing, so that one object may serve several networks.

    Examples
    --------
    >>> from fastdl.book import SGD
    >>> params = {"x": -7.0, "y": 2.0}
    >>> SGD(lr=0.5).update(params, {"x": -1.0, "y": 4.0})
    >>> params
    {'x': -6.5, 'y': 0.0}
    """

    def __init__(self, lr: float = 0.01) -> None:
        super().__init__(lr)


class Momentum(_Book, optim.Momentum):
    """Momentum: ``v = momentum * v - lr * g``, ``p = p + v``; see :class:`fastdl.optim.Momentum`.

    Parameters
    ----------
    lr : float
        Learning rate, >= 0; may be set between steps.
    momentum : float
        The share of the velocity that a step keeps, in [0, 1).

    Raises
    ------
    HyperparameterError
        If one of them is out of range.

    Examples
    --------
    >>> from fastdl.book import Momentum
    >>> params, optimizer = {"x": 1.0}, Momentum(lr=0.5)
    >>> optimizer.update(params, {"x": 1.0})
    >>> params, optimizer.v
    ({'x': 0.5}, {'x': array(-0.5)})
    """

    def __init__(self, lr: float = 0.01, momentum: float = 0.9) -> None:
        super().__init__(lr, momentum)

    @property
    def v(self) -> State:
        """The velocity by key of the parameter; None before the first update."""
        return self._state("v")


class Nesterov(_Book, optim.Nesterov):
    """Nesterov's momentum: ``v = momentum * v - lr * g``, ``p = p + momentum * v - lr * g``.

    Parameters
    ----------
    lr : float
        Learning rate, >= 0; may be set between steps.
    momentum : float
        The share of the velocity that a step keeps, in [0, 1).

    Raises
    ------
    HyperparameterError
        If one of them is out of range.

    Notes
    -----
    This is what the book's Japanese edition does since January 2021. The Korean edition changes ``v`` before it uses
    it, and so takes ``p + momentum ** 2 * v - (1 + momentum) * lr * g`` of the new ``v``: a first step of
    ``-(1 + momentum + momentum ** 2) * lr * g`` in place of ``-(1 + momentum) * lr * g``. See
    :class:`fastdl.optim.Nesterov`.

    Examples
    --------
    >>> from fastdl.book import Nesterov
    >>> params = {"x": 1.0}
    >>> Nesterov(lr=0.5, momentum=0.5).update(params, {"x": 1.0})
    >>> params
    {'x': 0.25}
    """

    def __init__(self, lr: float = 0.01, momentum: float = 0.9) -> None:
        super().__init__(lr, momentum)

    @property
    def v(self) -> State:
        """The velocity by key of the parameter; None before the first update."""
        return self._state("v")


class AdaGrad(_Book, optim.AdaGrad):
    """AdaGrad: ``h = h + g ** 2``, ``p = p - lr * g / (sqrt(h) + 1e-7)``; see :class:`fastdl.optim.AdaGrad`.

    Parameters
    ----------
    lr : float
        Learning rate, >= 0; may be set between steps.

    Raises
    ------
    HyperparameterError
        If it is out of range.

    Examples
    --------
    >>> from fastdl.book import AdaGrad
    >>> params, optimizer = {"x": 1.0}, AdaGrad(lr=0.5)
    >>> optimizer.update(params, {"x": 2.0})
    >>> round(params["x"], 6), optimizer.h
    (0.5, {'x': array(4.)})
    """

    def __init__(self, lr: float = 0.01) -> None:
        super().__init__(lr)

    @property
    def h(self) -> State:
        """The sum of squares by key of the parameter; None before the first update."""
        return self._state("h")


class RMSprop(_Book, optim.RMSprop):
    """RMSprop: ``h`` is a running mean of ``g ** 2``, ``p = p - lr * g / (sqrt(h) + 1e-7)``.

    Parameters
    ----------
    lr : float
        Learning rate, >= 0; may be set between steps.
    decay_rate : float
        How much of the running mean a step keeps, in [0, 1): ``rho`` of :class:`fastdl.optim.RMSprop`.

    Raises
    ------
    HyperparameterError
        If one of them is out of range.

    Examples
    --------
    >>> from fastdl.book import RMSprop
    >>> params, optimizer = {"x": 1.0}, RMSprop(lr=0.5, decay_rate=0.75)
    >>> optimizer.update(params, {"x": 2.0})
    >>> round(params["x"], 6), optimizer.h
    (0.0, {'x': array(1.)})
    """

    def __init__(self, lr: float = 0.01, decay_rate: float = 0.99) -> None:
        super().__init__(lr, decay_rate)

    @property
    def decay_rate(self) -> float:
        """How much of the running mean a step keeps; may be set between steps."""
        return self.rho

    @decay_rate.setter
    def decay_rate(self, value: float) -> None:
        self.rho = value

    @property
    def h(self) -> State:
        """The running mean of squares by key of the parameter; None before the first update."""
        return self._state("v")


class Adam(_Book, optim.Adam):
    """Adam: running means ``m`` of g and ``v`` of ``g ** 2``, corrected for their start at 0.

    ``p = p - lr * sqrt(1 - beta2 ** t) / (1 - beta1 ** t) * m / (sqrt(v) + 1e-7)``

    Parameters
    ----------
    lr : float
        Learning rate, >= 0; may be set between steps.
    beta1, beta2 : float
        How much of ``m`` and ``v`` a step keeps, in [0, 1).

    Raises
    ------
    HyperparameterError
        If one of them is out of range.

    Notes
    -----
    See :class:`fastdl.optim.Adam`, also for how other libraries place the 1e-7.

    Examples
    --------
    >>> from fastdl.book import Adam
    >>> params, optimizer = {"x": 1.0}, Adam(lr=0.5)
    >>> optimizer.m is None, optimizer.iter
    (True, 0)
    >>> optimizer.update(params, {"x": 2.0})
    >>> round(params["x"], 5), optimizer.iter
    (0.5, 1)
    """

    def __init__(self, lr: float = 0.001, beta1: float = 0.9, beta2: float = 0.999) -> None:
        super().__init__(lr, beta1, beta2)

    @property
    def iter(self) -> int:
        """The number of updates so far."""
        return self.steps

    @property
    def m(self) -> State:
        """The running mean of gradients by key of the parameter; None before the first update."""
        return self._state("m")

    @property
    def v(self) -> State:
        """The running mean of squares by key of the parameter; None before the first update."""
        return self._state("v")
