from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

def batch_norm_moments(x: NDArray[Any]) -> NDArray[np.float64]: ...
def batch_norm_statistics(
    counts: NDArray[np.float64],
    moments: NDArray[np.float64],
    eps: float = 1e-6,
    running: tuple[NDArray[Any], NDArray[Any]] | None = None,
    momentum: float = 0.9,
    ddof: int = 0,
    dtype: DTypeLike = "float32",
) -> NDArray[Any]: ...
def batch_norm_apply(
    x: NDArray[Any],
    gamma: NDArray[Any],
    beta: NDArray[Any],
    statistics: NDArray[Any],
    activation: str = "identity",
    out: NDArray[Any] | None = None,
) -> NDArray[Any]: ...
def batch_norm_sums(
    dout: NDArray[Any],
    x: NDArray[Any],
    statistics: NDArray[Any],
    y: NDArray[Any] | None = None,
    activation: str = "identity",
) -> NDArray[np.float64]: ...
def batch_norm_apply_backward(
    dout: NDArray[Any],
    x: NDArray[Any],
    gamma: NDArray[Any],
    statistics: NDArray[Any],
    sums: NDArray[np.float64],
    count: float,
    y: NDArray[Any] | None = None,
    activation: str = "identity",
    out: NDArray[Any] | None = None,
) -> NDArray[Any]: ...
