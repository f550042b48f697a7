"""The operations of matrix products, and the bytes that must be read and written, of each piece of work.

Bytes are those of the arguments and results, each counted once: what is kept in a cache between two of a step's kernels
is counted as if it were not, and what a kernel reads twice as if it were read once. Operations on single elements are
not counted.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from benchmarks.work import BOOK_BATCH, BOOK_SIZES, Recipe
from fastdl.reference.rules import RULES

FLOAT = 4  # bytes of a float32
LABEL = 8  # bytes of a label


class Cost(NamedTuple):
    """What a piece of work needs at least."""

    flops: int
    bytes: int

    def __add__(self, other: Any) -> Cost:
        return Cost(self.flops + other.flops, self.bytes + other.bytes)


def cost_of(recipe: Recipe) -> Cost | None:
    """Return what the work of a recipe needs, or None where it is not known here.

    Examples
    --------
    >>> cost_of(Recipe("benchmarks.kernels:affine_forward", ("fastdl.kernels", "relu", "float32", 2, 3, 5)))
    Cost(flops=60, bytes=144)
    """
    module, _, function = recipe.target.rpartition(":")
    if module == "benchmarks.kernels":
        return _KERNELS[function](*recipe.args[1:]) if function in _KERNELS else None
    return _PEERS[function](*recipe.args) if function in _PEERS else None


def affine_forward(activation: str, dtype: str, batch: int, n_in: int, n_out: int) -> Cost:
    arrays = batch * n_in + n_in * n_out + n_out + batch * n_out
    return Cost(2 * batch * n_in * n_out, np.dtype(dtype).itemsize * arrays)


def affine_backward(activation: str, dtype: str, batch: int, n_in: int, n_out: int, *, need_dx: bool = True) -> Cost:
    """Return the cost of dW, db and dx, of which a network's first layer needs no dx."""
    saved = 0 if activation == "identity" else batch * n_out
    arrays = batch * (n_in + n_out) + saved + n_in * n_out + n_out
    if need_dx:
        arrays += batch * n_in + n_in * n_out  # dx, from W
    return Cost((4 if need_dx else 2) * batch * n_in * n_out, np.dtype(dtype).itemsize * arrays)


def passes(arrays: int) -> Callable[..., Cost]:
    """Return the cost of what reads and writes so many arrays of the shape given."""
    return lambda dtype, shape, *_: Cost(0, arrays * np.dtype(dtype).itemsize * math.prod(shape))


def activated(arrays: int, saved: int = 0) -> Callable[..., Cost]:
    """As `passes`; with ``saved`` arrays more where there is an activation."""
    return lambda activation, *args: passes(arrays + (saved if activation != "identity" else 0))(*args)


def gather(dtype: str, rows: int, features: int) -> Cost:
    return Cost(0, rows * features * (np.dtype(dtype).itemsize + FLOAT) + rows * LABEL)


def inference(rows: int, sizes: tuple[int, ...] = BOOK_SIZES) -> Cost:
    layers = (affine_forward("relu", "float32", rows, *layer) for layer in pairwise(sizes))
    return sum(layers, Cost(0, 0))


def optimizer_step(rule: str, shapes: tuple[tuple[int, ...], ...]) -> Cost:
    """Return the cost of reading parameter, gradient and states, and writing all but the gradient."""
    arrays = 3 + 2 * len(RULES[rule].state)
    return Cost(0, arrays * FLOAT * sum(map(math.prod, shapes)))


def train_step(rule: str, sizes: tuple[int, ...] = BOOK_SIZES, rows: int = BOOK_BATCH) -> Cost:
    layers = list(pairwise(sizes))
    backward = (
        affine_backward("identity" if i == len(layers) - 1 else "relu", "float32", rows, *layer, need_dx=i > 0)
        for i, layer in enumerate(layers)
    )
    shapes = tuple(shape for n_in, n_out in layers for shape in ((n_in, n_out), (n_out,)))
    loss = passes(2)("float32", (rows, sizes[-1])) + Cost(0, rows * LABEL)
    return sum(backward, inference(rows, sizes) + loss + optimizer_step(rule, shapes))


_KERNELS: dict[str, Callable[..., Cost]] = {
    "affine_forward": affine_forward,
    "affine_backward": affine_backward,
    "activation_forward": activated(2),
    "activation_backward": activated(3),
    "batch_norm_forward": activated(2),
    "batch_norm_backward": activated(3, saved=1),
    "layer_norm_forward": passes(2),
    "layer_norm_backward": passes(3),
    "dropout_forward": passes(2),
    "dropout_backward": passes(2),
    "random_normal": passes(1),
    "softmax": passes(2),
    "softmax_cross_entropy": passes(2),
    "sigmoid_cross_entropy": passes(3),
    "mean_squared_error": passes(3),
    "huber": passes(3),
    "gather": gather,
}
_PEERS: dict[str, Callable[..., Cost]] = {
    "affine_relu": lambda *sizes: affine_forward("relu", "float32", *sizes),
    "inference": inference,
    "optimizer_step": optimizer_step,
    "torch_step": optimizer_step,
    "train_step": train_step,
}
