from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from numpy.typing import NDArray

class CompiledFunction(NamedTuple):
    name: str
    input_count: int
    address: Callable[[bool], int]

def add(
    a: NDArray[Any], b: NDArray[Any], activation: str = "identity", out: NDArray[Any] | None = None
) -> NDArray[Any]: ...
def map_elements(
    function: CompiledFunction,
    inputs: Sequence[NDArray[Any]],
    coefficients: Sequence[float] = (),
    out: NDArray[Any] | None = None,
) -> NDArray[Any]: ...
