from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import NDArray

def softmax(x: NDArray[Any], out: NDArray[Any] | None = None) -> NDArray[Any]: ...
def class_numbers(
    labels: NDArray[Any], batch: int, classes: int, ignore_index: int | None = None
) -> NDArray[np.int64]: ...
def softmax_cross_entropy(
    logits: NDArray[Any],
    labels: NDArray[Any],
    out: NDArray[Any] | None = None,
    label_smoothing: float = 0.0,
    class_weights: NDArray[Any] | None = None,
    ignore_index: SupportsIndex | None = None,
) -> tuple[float, NDArray[Any]]: ...
