from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

def encode_state(
    x: NDArray[np.float32],
    dtype: Literal["bfloat16", "uint8"],
    seed: int = 0,
    stream: int = 0,
    step: int = 0,
    number: int = 0,
    is_squares: bool = False,
) -> NDArray[Any]: ...
def decode_state(state: NDArray[Any], shape: int | Sequence[int], is_squares: bool = False) -> NDArray[np.float32]: ...
