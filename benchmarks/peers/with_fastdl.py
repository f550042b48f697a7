"""fastdl, by its public interface."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.work import BOOK_SIZES, HYPER, TRAINING_HYPER, book_batch, book_params, layer_inputs, tensors
from fastdl import kernels, nn, optim

Call = Callable[[], Any]


def optimizer_step(rule: str, shapes: tuple[tuple[int, ...], ...]) -> Call:
    params, grads = tensors(shapes)
    optimizer = optim.get(rule, **HYPER[rule])

    def step() -> list[np.ndarray]:
        optimizer.update(params, grads)
        return list(params.values())

    return step


def affine_relu(batch: int, n_in: int, n_out: int) -> Call:
    x, W, b = layer_inputs(batch, n_in, n_out)
    return partial(kernels.affine_forward, x, W, b, "relu", out=np.empty((batch, n_out), np.float32))


def train_step(rule: str) -> Call:
    network = nn.MLP(BOOK_SIZES, seed=0)
    for key, value in book_params().items():
        network.params[key][...] = value
    return partial(network.train_step, *book_batch(), optim.get(rule, **TRAINING_HYPER[rule]))
