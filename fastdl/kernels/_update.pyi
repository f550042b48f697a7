from collections.abc import Hashable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

class RuleSpec(NamedTuple):
    name: str
    state: tuple[str, ...]
    hyper: tuple[str, ...]

RULES: Final[dict[str, RuleSpec]]

def update(
    rule: str,
    params: Sequence[NDArray[Any]],
    grads: Sequence[NDArray[Any] | None],
    state: Sequence[Sequence[NDArray[Any]]],
    steps: NDArray[np.int64],
    hyper: Sequence[float],
    keys: Sequence[Hashable] | None = None,
) -> None: ...
