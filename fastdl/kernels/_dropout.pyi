from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import NDArray

def count_step(counter: NDArray[np.uint32]) -> None: ...
def dropout_ratio(ratio: float) -> float: ...
def dropout_forward(
    x: NDArray[Any],
    ratio: float,
    seed: SupportsIndex,
    stream: SupportsIndex = 0,
    step: SupportsIndex | NDArray[np.uint32] = 0,
    activation: str = "identity",
    scale: float | None = None,
    first_row: int = 0,
    out: NDArray[Any] | None = None,
) -> NDArray[Any]: ...
def dropout_backward(
    dout: NDArray[Any],
    ratio: float,
    seed: SupportsIndex,
    stream: SupportsIndex = 0,
    step: SupportsIndex | NDArray[np.uint32] = 0,
    y: NDArray[Any] | None = None,
    activation: str = "identity",
    scale: float | None = None,
    first_row: int = 0,
    out: NDArray[Any] | None = None,
) -> NDArray[Any]: ...
