from collections.abc import Callable, Hashable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastdl.kernels._plan import Plan

class RuleSpec(NamedTuple):
    name: str
    state: tuple[str, ...]
    hyper: tuple[str, ...]
    squares: tuple[str, ...] = ()
    whole: bool = False

class CompiledRule(NamedTuple):
    name: str
    state: tuple[str, ...]
    hyper: tuple[str, ...]
    coefficients: Callable[..., Sequence[float]]
    prepare: Callable[[], tuple[int, int]]
    address: Callable[[bool], int]
    squares: tuple[str, ...] = ()
    @property
    def whole(self) -> bool: ...

RULES: Final[dict[str, RuleSpec]]

def update(
    rule: str | CompiledRule,
    params: Sequence[NDArray[Any]],
    grads: Sequence[NDArray[Any] | None],
    state: Sequence[Sequence[NDArray[Any]]],
    steps: NDArray[np.int64],
    hyper: Sequence[float] | NDArray[Any],
    keys: Sequence[Hashable] | None = None,
    *,
    decay: Sequence[float] | None = None,
    shrink: Sequence[float] | None = None,
    clip_norm: float = ...,
    clip_value: float = ...,
    averages: Sequence[NDArray[Any]] | None = None,
    average_decay: float = 0.0,
    needs_finite: bool = False,
    bfloat16: bool = False,
    seed: int | None = None,
    firsts: Sequence[int] | None = None,
    op: str | None = None,
    plan: Plan | None = None,
    inputs: tuple[NDArray[Any], ...] = (),
) -> bool: ...
