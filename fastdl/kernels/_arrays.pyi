from collections.abc import Hashable
from typing import Any

from numpy.typing import NDArray

def leaves(
    params: Any, grads: Any, keys: tuple[Hashable, ...]
) -> tuple[list[NDArray[Any]], list[NDArray[Any]]] | None: ...
def hold(dicts: list[dict[str, NDArray[Any]]], arrays: list[NDArray[Any]]) -> bool: ...
