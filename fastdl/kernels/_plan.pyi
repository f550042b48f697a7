from types import TracebackType
from typing import Any, Self

from numpy.typing import NDArray

class Plan:
    can_run: bool
    loss: float
    def __init__(self, *inputs: NDArray[Any]) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...
    def run(self, *inputs: NDArray[Any]) -> None: ...
