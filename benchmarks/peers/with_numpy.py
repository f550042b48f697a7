"""NumPy as a careful engineer writes it: `fastdl.reference`, float32, results written in place.

The book's own code does the same sums in float64: ``book_step(rule)``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.work import (
    BOOK_BATCH,
    BOOK_SIZES,
    HYPER,
    book_batch,
    book_params,
    labels_of,
    layer_inputs,
    normal,
    tensors,
    training_hyper,
)
from fastdl import reference
from fastdl.reference.network import ReferenceMLP, ReferenceOptimizer

Call = Callable[[], Any]


def optimizer_step(rule: str, shapes: tuple[tuple[int, ...], ...]) -> Call:
    params, grads = tensors(shapes)
    optimizer = ReferenceOptimizer(rule, **HYPER[rule])

    def step() -> list[np.ndarray]:
        optimizer.update(params, grads)
        return list(params.values())

    return step


def affine_relu(batch: int, n_in: int, n_out: int) -> Call:
    x, W, b = layer_inputs(batch, n_in, n_out)
    out = np.empty((batch, n_out), np.float32)

    def forward() -> np.ndarray:
        np.matmul(x, W, out=out)
        np.add(out, b, out=out)
        return np.maximum(out, 0, out=out)

    return forward


def dropout(shape: tuple[int, ...]) -> Call:
    """As in the book: a mask of float64 random numbers, kept elements as they are."""
    x, dout = normal(shape), normal(shape, seed=1)

    def both() -> np.ndarray:
        mask = np.random.rand(*shape) > 0.5  # noqa: NPY002 - as the book does
        np.multiply(x, mask)
        return dout * mask

    return both


def product(batch: int, n_in: int, n_out: int) -> Call:
    """The product alone, in memory that is there."""
    x, W, _ = layer_inputs(batch, n_in, n_out)
    return partial(np.matmul, x, W, out=np.empty((batch, n_out), np.float32))


def layer(name: str, shape: tuple[int, ...]) -> Call:
    x, dout = normal(shape), normal(shape, seed=1)
    if name == "softmax_cross_entropy":
        return partial(reference.softmax_cross_entropy, x, labels_of(shape))
    gamma = np.ones(shape[1], np.float32)

    def batch_norm() -> list[np.ndarray]:
        y, statistics = reference.batch_norm_forward(x, gamma, np.zeros_like(gamma), 1e-5)
        return [y, reference.batch_norm_backward(dout, x, gamma, statistics)[0]]

    def activation() -> list[np.ndarray]:
        y = reference.activation_forward(x, name)
        return [y, reference.activation_backward(dout, x if name in reference.NEED_INPUT else y, name)]

    return batch_norm if name == "batch_norm" else activation


def inference(rows: int) -> Call:
    x, _ = book_batch(rows=rows)
    return partial(ReferenceMLP(book_params()).forward, x)


def train_step(rule: str, sizes: tuple[int, ...] = BOOK_SIZES, rows: int = BOOK_BATCH, dtype: str = "float32") -> Call:
    network, batch = ReferenceMLP(book_params(dtype, sizes)), book_batch(dtype, sizes, rows)
    return partial(network.train_step, *batch, ReferenceOptimizer(rule, **training_hyper(rule, sizes, rows)))


def book_step(rule: str) -> Call:
    return train_step(rule, dtype="float64")
