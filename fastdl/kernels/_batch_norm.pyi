from typing import Any

from numpy.typing import NDArray

def batch_norm_forward(
    x: NDArray[Any],
    gamma: NDArray[Any],
    beta: NDArray[Any],
    eps: float = 1e-6,
    activation: str = "identity",
    running: tuple[NDArray[Any], NDArray[Any]] | None = None,
    momentum: float = 0.9,
    ddof: int = 0,
    out: tuple[NDArray[Any] | None, NDArray[Any] | None] | None = None,
) -> tuple[NDArray[Any], NDArray[Any]]: ...
def batch_norm_inference(
    x: NDArray[Any],
    gamma: NDArray[Any],
    beta: NDArray[Any],
    mean: NDArray[Any],
    variance: NDArray[Any],
    eps: float = 1e-6,
    activation: str = "identity",
    out: NDArray[Any] | None = None,
) -> NDArray[Any]: ...
def batch_norm_backward(
    dout: NDArray[Any],
    x: NDArray[Any],
    gamma: NDArray[Any],
    statistics: NDArray[Any],
    y: NDArray[Any] | None = None,
    activation: str = "identity",
    out: tuple[NDArray[Any] | None, NDArray[Any] | None, NDArray[Any] | None] | None = None,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]: ...
