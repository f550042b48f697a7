"""What a layer is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from numpy.typing import NDArray

from fastdl.errors import FastdlError, HyperparameterError
from fastdl.nn.plannable import Plannable


class Layer(Plannable):
    """The base of all layers.

    Attributes
    ----------
    params, grads : dict of str to ndarray
        The parameters, which an optimizer changes in place, and after ``backward`` their gradients.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import nn
    >>> class Double(nn.Layer):
    ...     def forward(self, x, train=False):
    ...         return 2 * x
    ...     def backward(self, dout):
    ...         return 2 * dout
    >>> Double().forward(np.ones(2))
    array([2., 2.])
    """

    def __init__(self) -> None:
        self.params: dict[str, NDArray[Any]] = {}
        self.grads: dict[str, NDArray[Any]] = {}

    def __repr__(self) -> str:
        own = {name: value for name, value in vars(self).items() if isinstance(value, str | int | float)}
        settings = {name: value for name, value in own.items() if not name.startswith("_")}
        shapes = {name: array.shape for name, array in vars(self).get("params", {}).items()}
        parts = [*map(repr, self.inner_layers), *(f"{name}={value!r}" for name, value in (shapes | settings).items())]
        return f"{type(self).__name__}({', '.join(parts)})"

    @property
    def inner_layers(self) -> Sequence[Layer]:
        """The layers that it is made of: a network has their parameters too."""
        return ()

    def forward(self, x: NDArray[Any], train: bool = False) -> NDArray[Any]:
        """Return the layer's output; in training, keep what ``backward`` needs.

        Parameters
        ----------
        x : ndarray of shape (B, ...)
            A batch of inputs.
        train : bool
            Whether ``backward`` follows.

        Returns
        -------
        ndarray of shape (B, ...)
        """
        raise TypeError(f"{type(self).__qualname__} does not define forward()")

    def backward(self, dout: NDArray[Any]) -> NDArray[Any] | None:
        """Return the gradient with respect to the input of the last ``forward`` in training; fill ``grads``.

        Parameters
        ----------
        dout : ndarray
            The gradient with respect to that forward pass's output.

        Returns
        -------
        ndarray of the input's shape, or None where nobody needs it
        """
        raise TypeError(f"{type(self).__qualname__} does not define backward()")


def every_layer(layers: Iterable[Layer]) -> Iterator[Layer]:
    """Each of the layers, and after it those that it is made of."""
    for layer in layers:
        yield layer
        yield from every_layer(layer.inner_layers)


def checked_layers(layers: Any, op: str) -> list[Layer]:
    """Return the layers as a list, which has at least one.

    Parameters
    ----------
    layers : sequence of Layer
        In the order of the forward pass.
    op : str
        What the error calls the one that is made of them.

    Returns
    -------
    list of Layer

    Raises
    ------
    HyperparameterError
        If they are something else, or one is there twice.
    """
    if not isinstance(layers, Sequence) or not layers or not all(isinstance(each, Layer) for each in layers):
        raise HyperparameterError(
            "not possible", op=op, arg="layers", expected="layers, at least one", got=repr(layers)
        )
    seen: set[int] = set()
    for layer in every_layer(layers):
        if id(layer) in seen:
            raise HyperparameterError(
                "the same layer in two places", op=op, arg="layers", got=repr(layer),
                hint="A layer keeps what its backward pass needs: make one for each place",
            )  # fmt: skip
        seen.add(id(layer))
    return list(layers)


def not_trained(op: str) -> FastdlError:
    """The error of a backward pass that no forward pass in training came before."""
    return FastdlError("no forward pass in training came before", op=op, hint="Call forward(x, train=True) first")
