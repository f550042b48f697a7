"""The benchmark of `fastdl bench`: how fast the installed fastdl is here, against the same work in plain NumPy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from fastdl import kernels, optim, reference, timing
from fastdl.nn import MLP
from fastdl.reference.network import ReferenceMLP, ReferenceOptimizer

_CLASSES = 10
_WIDTH = 1 << 20  # elements of an elementwise kernel's array: 4 MB


@dataclass(frozen=True, slots=True)
class Timed:
    """One piece of work, timed on both sides.

    Parameters
    ----------
    name : str
        What was done.
    seconds, numpy_seconds : float
        Of fastdl and of NumPy, once.
    """

    name: str
    seconds: float
    numpy_seconds: float

    @property
    def speedup(self) -> float:
        """NumPy's time over fastdl's."""
        return self.numpy_seconds / self.seconds


@dataclass(frozen=True, slots=True)
class _Work:
    name: str
    calls: tuple[Callable[..., object], Callable[..., object]]  # fastdl's and NumPy's
    arguments: list[tuple[Any, ...]]


def measure() -> Iterator[Timed]:
    """Time the kernels and training steps of the installed fastdl against `fastdl.reference`, by turns.

    Both sides are given the same float32 arrays. NumPy's side allocates its results; fastdl's kernels do as well, and
    its training steps do not.

    Yields
    ------
    Timed
        As soon as it is known: a few hundred milliseconds each.

    Examples
    --------
    >>> timed = next(measure())
    >>> timed.name, timed.seconds > 0
    ('training step 784-100-10, batch 100, sgd', True)
    """
    rng = np.random.default_rng(0)
    for work in _works(rng):
        seconds, numpy_seconds = timing.seconds_by_turns(work.calls, work.arguments)
        yield Timed(work.name, seconds, numpy_seconds)


def _works(rng: np.random.Generator) -> Iterator[_Work]:
    yield _step(rng, (784, 100, _CLASSES), 100, "sgd")
    yield _step(rng, (784, 100, 100, 100, 100, _CLASSES), 128, "adam")
    yield _step(rng, (784, 1000, 1000, _CLASSES), 128, "adam")
    x, W, b = (rng.standard_normal(shape, np.float32) for shape in ((128, 784), (784, 100), (100,)))
    yield _both("affine 128x784x100, relu", "affine_forward", (x, W, b, "relu"))
    logits, labels = rng.standard_normal((1000, _CLASSES), np.float32), rng.integers(0, _CLASSES, 1000)
    yield _both("softmax cross-entropy 1000x10", "softmax_cross_entropy", (logits, labels))
    flat = rng.standard_normal(_WIDTH, np.float32)
    for name in ("relu", "sigmoid", "tanh", "gelu_tanh"):
        yield _both(f"{name} of 2**20", "activation_forward", (flat, name))
    rows, gamma, beta = flat.reshape(1024, 1024), np.ones(1024, np.float32), np.zeros(1024, np.float32)
    yield _both("layer normalization 1024x1024", "layer_norm_forward", (rows, gamma, beta))


def _both(name: str, function: str, arguments: tuple[Any, ...]) -> _Work:
    return _Work(name, (getattr(kernels, function), getattr(reference, function)), [arguments])


def _step(rng: np.random.Generator, sizes: tuple[int, ...], batch: int, optimizer: str) -> _Work:
    network, used = MLP(sizes, seed=0), optim.get(optimizer)
    twin = ReferenceMLP(network.params)
    calls = (
        partial(network.train_step, optimizer=used),
        partial(twin.train_step, optimizer=ReferenceOptimizer(optimizer, **used.hyperparameters)),
    )
    data = [(rng.random((batch, sizes[0]), np.float32), rng.integers(0, sizes[-1], batch)) for _ in range(8)]
    name = f"training step {'-'.join(map(str, sizes))}, batch {batch}, {optimizer}"
    return _Work(name, calls, data)
