"""The same steps by one of torch's optimizers and by fastdl's drop-in for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import torch

from fastdl import kernels
from fastdl.interop import torch as drop_in
from fastdl.interop.torch import stepping

NAMES = tuple(drop_in.__all__)
STEPS = 30
# The largest difference of an element relative to it, and of a state relative to its largest: sums of other roundings.
TOLERANCE = {torch.float64: 1e-11, torch.float32: 1e-5}
SHAPES = ((4, 3), (3,), (), (17, 31), (1, 1), (0, 3), (1003,))

Grads = Sequence[Sequence[torch.Tensor]]


def ours(name: str) -> Any:
    return getattr(drop_in, name)


def theirs(name: str) -> Any:
    return getattr(torch.optim, name)


def draw(
    rng: np.random.Generator, dtype: torch.dtype, shapes: Sequence[tuple[int, ...]] = SHAPES
) -> list[torch.Tensor]:
    """Parameters too large to cross 0."""
    return [torch.tensor(rng.choice([-1, 1], shape) * rng.uniform(10, 20, shape), dtype=dtype) for shape in shapes]


def draw_gradients(rng: np.random.Generator, params: Sequence[torch.Tensor], steps: int = STEPS) -> Grads:
    """For each step one of each parameter; of very different sizes, a few 0, matrices later transposed in memory."""
    sizes = [torch.tensor(10 ** rng.uniform(-3, 1, tuple(p.shape))) for p in params]
    for size in sizes:
        if size.ndim == 2 and size.numel():
            size[0, 0] = 0
    drawn = [
        [
            (torch.tensor(rng.normal(size=tuple(p.shape))) * size).to(p.dtype)
            for p, size in zip(params, sizes, strict=True)
        ]
        for _ in range(steps)
    ]
    # torch gives SGD's momentum the layout of the first gradient, and the kernels take it in the parameter's alone.
    return [drawn[0], *([transposed(each) for each in gradients] for gradients in drawn[1:])]


def transposed(matrix: torch.Tensor) -> torch.Tensor:
    """The same numbers, column by column in memory; a tensor that is no matrix as it is."""
    return matrix.mT.contiguous().mT if matrix.ndim == 2 else matrix


def copies(params: Sequence[torch.Tensor]) -> list[torch.nn.Parameter]:
    return [torch.nn.Parameter(p.clone()) for p in params]


def step(optimizer: torch.optim.Optimizer, gradients: Sequence[torch.Tensor | None]) -> None:
    """Take a step with these gradients of the parameters, group by group."""
    params = [p for group in optimizer.param_groups for p in group["params"]]
    for p, gradient in zip(params, gradients, strict=True):
        p.grad = gradient
    optimizer.step()


def compare(mine: torch.optim.Optimizer, other: torch.optim.Optimizer, tolerance: float | None = None) -> None:
    """Parameters and states are the same, by names, dtypes and numbers."""
    pairs = zip(mine.param_groups, other.param_groups, strict=True)
    for a, b in ((a, b) for one, two in pairs for a, b in zip(one["params"], two["params"], strict=True)):
        limit = TOLERANCE.get(a.dtype, 0.0) if tolerance is None else tolerance  # other dtypes are torch's
        _close(a.detach(), b.detach(), limit * b.detach().abs(), "parameter")
        assert list(mine.state.get(a, {})) == list(other.state.get(b, {}))
        for name, expected in other.state.get(b, {}).items():
            got = mine.state[a][name]
            if isinstance(expected, torch.Tensor):
                largest = expected.abs().max() if expected.numel() else torch.tensor(0.0)
                _close(got, expected, limit * largest, name)
            else:
                assert got == expected


def _close(got: torch.Tensor, expected: torch.Tensor, limit: torch.Tensor, what: str) -> None:
    assert got.shape == expected.shape
    # torch makes its counts in other dtypes for fused steps and loaded states.
    assert got.dtype == expected.dtype or what in ("step", "mu_product"), what
    same = (got == expected) | (got.isnan() & expected.isnan())
    if not bool(same.all()):
        off = (got[~same] - expected[~same]).abs()
        if not bool((off <= limit.expand(same.shape)[~same]).all()):
            raise AssertionError(f"{what}: off by {off.max().item():.3g}")


@contextmanager
def kernels_counted() -> Iterator[list[int]]:
    """Count how many parameters each call of the kernels has stepped."""
    counted: list[int] = []

    def update(rule: str, params: Any, grads: Any, *args: Any, **settings: Any) -> bool:
        taken = kernels.update(rule, params, grads, *args, **settings)
        counted.append(sum(each is not None for each in grads))
        return taken

    with mock.patch.object(stepping, "kernels", SimpleNamespace(update=update)):
        yield counted


def run_both(
    name: str,
    settings: Mapping[str, Any],
    params: Sequence[torch.Tensor],
    gradients: Grads,
    *,
    schedule: Callable[[torch.optim.Optimizer], Any] | None = None,
    reference: Mapping[str, Any] | None = None,
    tolerance: float | None = None,
) -> list[int]:
    """Take the steps with both and compare after each; return how many parameters each call of the kernels stepped.

    ``reference`` are settings of torch's alone.
    """
    mine = ours(name)(copies(params), **deepcopy(dict(settings)))
    other = theirs(name)(copies(params), **deepcopy(dict(settings) | dict(reference or {})))
    schedulers = [schedule(mine), schedule(other)] if schedule else []
    with kernels_counted() as counted:
        for gradient in gradients:
            step(mine, gradient)
            step(other, gradient)
            compare(mine, other, tolerance)
            for each in schedulers:
                plateau = isinstance(each, torch.optim.lr_scheduler.ReduceLROnPlateau)
                each.step(1.0) if plateau else each.step()
    return counted
