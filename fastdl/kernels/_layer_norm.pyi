from typing import Any

from numpy.typing import NDArray

def layer_norm_forward(
    x: NDArray[Any],
    gamma: NDArray[Any],
    beta: NDArray[Any],
    eps: float = 1e-5,
    out: tuple[NDArray[Any] | None, NDArray[Any] | None] | None = None,
) -> tuple[NDArray[Any], NDArray[Any]]: ...
def layer_norm_backward(
    dout: NDArray[Any],
    x: NDArray[Any],
    gamma: NDArray[Any],
    statistics: NDArray[Any],
    out: tuple[NDArray[Any] | None, NDArray[Any] | None, NDArray[Any] | None] | None = None,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]: ...
