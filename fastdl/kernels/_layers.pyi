from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

def affine_forward(
    x: NDArray[Any],
    W: NDArray[Any],
    b: NDArray[Any],
    activation: str = "identity",
    out: NDArray[Any] | None = None,
    z: NDArray[Any] | None = None,
    alpha: float | None = None,
) -> NDArray[Any]: ...
def affine_backward(
    dout: NDArray[Any],
    x: NDArray[Any],
    W: NDArray[Any],
    saved: NDArray[Any] | None = None,
    activation: str = "identity",
    need_dx: bool = True,
    out: tuple[NDArray[Any] | None, NDArray[Any] | None, NDArray[Any] | None] | None = None,
    alpha: float | None = None,
) -> tuple[NDArray[Any] | None, NDArray[Any], NDArray[Any]]: ...
def gather(
    data: NDArray[Any],
    indices: NDArray[np.integer[Any]],
    scale: float = 1.0,
    dtype: DTypeLike = "float32",
    out: NDArray[Any] | None = None,
) -> NDArray[Any]: ...
def row_numbers(indices: NDArray[np.integer[Any]], rows: int) -> NDArray[np.int64]: ...
