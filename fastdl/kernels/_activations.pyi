from typing import Any, Final

from numpy.typing import NDArray

ACTIVATIONS: Final[tuple[str, ...]]
NEED_INPUT: Final[tuple[str, ...]]

def activation_forward(
    x: NDArray[Any], activation: str, out: NDArray[Any] | None = None, alpha: float | None = None
) -> NDArray[Any]: ...
def activation_backward(
    dout: NDArray[Any],
    saved: NDArray[Any],
    activation: str,
    out: NDArray[Any] | None = None,
    alpha: float | None = None,
) -> NDArray[Any]: ...
