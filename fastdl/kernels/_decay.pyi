from typing import Any

from numpy.typing import NDArray

def decay_gradient(W: NDArray[Any], dW: NDArray[Any] | None, rate: float) -> float: ...
