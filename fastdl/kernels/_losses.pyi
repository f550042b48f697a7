from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import DTypeLike, NDArray

def softmax(x: NDArray[Any], out: NDArray[Any] | None = None) -> NDArray[Any]: ...
def softmax_cross_entropy(
    logits: NDArray[Any],
    labels: NDArray[Any],
    out: NDArray[Any] | None = None,
    label_smoothing: float = 0.0,
    class_weights: NDArray[Any] | None = None,
    ignore_index: SupportsIndex | None = None,
) -> tuple[float, NDArray[Any]]: ...
def sigmoid_cross_entropy(
    logits: NDArray[Any], targets: NDArray[Any], out: NDArray[Any] | None = None
) -> tuple[float, NDArray[Any]]: ...
def mean_squared_error(
    predictions: NDArray[Any], targets: NDArray[Any], out: NDArray[Any] | None = None
) -> tuple[float, NDArray[Any]]: ...
def huber(
    predictions: NDArray[Any], targets: NDArray[Any], delta: float = 1.0, out: NDArray[Any] | None = None
) -> tuple[float, NDArray[Any]]: ...
def class_numbers(
    labels: NDArray[Any], batch: int, classes: int, ignore_index: int | None = None
) -> NDArray[np.int64]: ...
def real_targets(targets: NDArray[Any], shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]: ...
def probabilities(targets: NDArray[Any], shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]: ...
