"""The residual block."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastdl import kernels
from fastdl.errors import ArrayError, HyperparameterError
from fastdl.nn.layer import Layer, checked_layers, not_trained


class Residual(Layer):
    """A residual block: ``activation(x + f(x))``, where f is layers one after the other.

    Parameters
    ----------
    layers : sequence of Layer
        f, in the order of the forward pass; at least one, a block among them if you like.
    projection : Layer, optional
        What the shortcut passes through, in place of x as it is: where f changes the width, an :class:`Affine`.
    activation : str
        Of the sum, computed in the same pass: one of :data:`fastdl.kernels.ACTIVATIONS`, with its default alpha, but
        none of :data:`~fastdl.kernels.NEED_INPUT`, which are layers of their own after the block.

    Attributes
    ----------
    layers : tuple of Layer
        Those of f.
    inner_layers : tuple of Layer
        Those of f, and then the projection: a network's ``params`` name theirs in this order.

    Raises
    ------
    HyperparameterError
        If a setting is not possible.
    ArrayError
        By ``forward``, if x and f(x) differ in shape.

    Notes
    -----
    He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", 2016, with ReLU after the sum; without an
    activation their "Identity Mappings in Deep Residual Networks", 2016. The gradient of the sum goes to both branches,
    and theirs with respect to x are added. Keeps its output from a forward pass in training until the next one, beside
    what its layers keep.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import nn
    >>> block = nn.Residual([nn.Affine(np.array([[2.0]]), np.array([-1.0]))], activation="relu")
    >>> block.forward(np.array([[1.0], [-1.0]]), train=True)
    array([[2.],
           [0.]])
    >>> block.backward(np.array([[1.0], [1.0]]))
    array([[3.],
           [0.]])
    """

    can_be_planned = True

    def __init__(self, layers: Sequence[Layer], projection: Layer | None = None, activation: str = "identity") -> None:
        super().__init__()
        self.layers = tuple(checked_layers(layers, "Residual"))
        if projection is not None and not isinstance(projection, Layer):
            raise HyperparameterError(
                "not possible", op="Residual", arg="projection", expected="a layer, or None", got=repr(projection)
            )
        kernels.add(np.empty(0), np.empty(0), activation)  # refuses what is not possible
        self.projection = projection
        self.activation = activation
        self._passed: NDArray[Any] | None = None

    @property
    def inner_layers(self) -> Sequence[Layer]:
        """The layers that it is made of."""
        return (*self.layers, *(() if self.projection is None else (self.projection,)))

    def forward(self, x: NDArray[Any], train: bool = False) -> NDArray[Any]:
        fx = x
        for layer in self.layers:
            fx = layer.forward(fx, train)
        shortcut = x if self.projection is None else self.projection.forward(x, train)
        if fx.shape != shortcut.shape:
            raise ArrayError(
                "the layers and the shortcut differ in shape", op="Residual", arg="x",
                expected=f"{shortcut.shape}, that of the shortcut", got=f"{fx.shape} from the layers",
                hint="Pass a projection that gives the shortcut the shape from the layers, such as an Affine",
            )  # fmt: skip
        y = kernels.add(shortcut, fx, self.activation)
        if train:
            self._passed = y
        return y

    def backward(self, dout: NDArray[Any]) -> NDArray[Any] | None:
        if self._passed is None:
            raise not_trained("Residual.backward")
        dz = dout
        if self.activation != "identity":
            dz = kernels.activation_backward(dout, self._passed, self.activation)
        shortcut = dz if self.projection is None else self.projection.backward(dz)
        dx: NDArray[Any] | None = dz
        for layer in reversed(self.layers):
            assert dx is not None
            dx = layer.backward(dx)
        return None if dx is None or shortcut is None else kernels.add(shortcut, dx)
