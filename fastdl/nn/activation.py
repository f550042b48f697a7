"""What the activation layers share."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from fastdl import kernels
from fastdl.nn.layer import Layer, not_trained


class Activation(Layer):
    """A function of each element.

    From a forward pass in training until the next one it keeps what the derivative is computed from: its output, or for
    the functions in ``kernels.NEED_INPUT`` its input.
    """

    can_be_planned = True

    function: str
    alpha: float | None = None

    def __init__(self) -> None:
        super().__init__()
        self._saved: NDArray[Any] | None = None

    def forward(self, x: NDArray[Any], train: bool = False) -> NDArray[Any]:
        y = kernels.activation_forward(x, self.function, alpha=self.alpha)
        if train:
            self._saved = x if self.function in kernels.NEED_INPUT else y
        return y

    def backward(self, dout: NDArray[Any]) -> NDArray[Any]:
        if self._saved is None:
            raise not_trained(f"{type(self).__name__}.backward")
        return kernels.activation_backward(dout, self._saved, self.function, alpha=self.alpha)
