"""What the activation layers share."""

from __future__ import annotations

from typing import Any, ClassVar

from numpy.typing import NDArray

from fastdl import kernels
from fastdl.nn.layer import Layer, not_trained


class Activation(Layer):
    """A function of each element. Keeps its output from a forward pass in training until the next one."""

    function: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self._y: NDArray[Any] | None = None

    def forward(self, x: NDArray[Any], train: bool = False) -> NDArray[Any]:
        y = kernels.activation_forward(x, self.function)
        if train:
            self._y = y
        return y

    def backward(self, dout: NDArray[Any]) -> NDArray[Any]:
        if self._y is None:
            raise not_trained(f"{type(self).__name__}.backward")
        return kernels.activation_backward(dout, self._y, self.function)
