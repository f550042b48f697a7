from collections.abc import Hashable
from typing import Any

from numpy.typing import NDArray

def leaves(
    params: Any, grads: Any, keys: tuple[Hashable, ...]
) -> tuple[list[NDArray[Any]], list[NDArray[Any]]] | None: ...
