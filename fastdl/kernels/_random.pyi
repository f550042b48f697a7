from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import DTypeLike, NDArray

def random_bits(
    blocks: SupportsIndex,
    seed: SupportsIndex,
    stream: SupportsIndex = 0,
    step: SupportsIndex = 0,
    first: SupportsIndex = 0,
) -> NDArray[np.uint32]: ...
def random_uniform(
    shape: int | tuple[int, ...],
    seed: SupportsIndex,
    stream: SupportsIndex = 0,
    dtype: DTypeLike = "float32",
    low: float = 0.0,
    high: float = 1.0,
) -> NDArray[Any]: ...
def random_normal(
    shape: int | tuple[int, ...],
    seed: SupportsIndex,
    stream: SupportsIndex = 0,
    dtype: DTypeLike = "float32",
    mean: float = 0.0,
    std: float = 1.0,
) -> NDArray[Any]: ...
