"""How one kernel's call is set up, for `fastdl.kernels` and `fastdl.reference` alike: ``ops`` names which.

The results of the calls go into arrays made beforehand, as in a training loop.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from benchmarks.work import layer_inputs, normal

Call = Callable[[], Any]


def saved_by(ops: str, activation: str, x: np.ndarray) -> np.ndarray:
    """Return what the activation's derivative is computed from."""
    module = import_module(ops)
    result: np.ndarray = x if activation in module.NEED_INPUT else module.activation_forward(x, activation)
    return result


def affine_forward(ops: str, activation: str, dtype: str, batch: int, n_in: int, n_out: int) -> Call:
    x, W, b = layer_inputs(batch, n_in, n_out, dtype)
    return partial(import_module(ops).affine_forward, x, W, b, activation, out=np.empty((batch, n_out), dtype))


def affine_backward(ops: str, activation: str, dtype: str, batch: int, n_in: int, n_out: int) -> Call:
    x, W, _ = layer_inputs(batch, n_in, n_out, dtype)
    dout = normal((batch, n_out), dtype, seed=1)
    saved = saved_by(ops, activation, normal((batch, n_out), dtype))
    out = np.empty_like(x), np.empty_like(W), np.empty(n_out, dtype)
    return partial(import_module(ops).affine_backward, dout, x, W, saved, activation, out=out)


def activation_forward(ops: str, activation: str, dtype: str, shape: tuple[int, ...]) -> Call:
    x = normal(shape, dtype)
    return partial(import_module(ops).activation_forward, x, activation, out=np.empty_like(x))


def activation_backward(ops: str, activation: str, dtype: str, shape: tuple[int, ...]) -> Call:
    dout, saved = normal(shape, dtype), saved_by(ops, activation, normal(shape, dtype, seed=1))
    return partial(import_module(ops).activation_backward, dout, saved, activation, out=np.empty_like(dout))


def add(ops: str, activation: str, dtype: str, shape: tuple[int, ...]) -> Call:
    a, b = normal(shape, dtype), normal(shape, dtype, seed=1)
    return partial(import_module(ops).add, a, b, activation, out=np.empty_like(a))


def dropout_forward(ops: str, dtype: str, shape: tuple[int, ...]) -> Call:
    x = normal(shape, dtype)
    return partial(import_module(ops).dropout_forward, x, 0.5, 0, out=np.empty_like(x))


def dropout_backward(ops: str, dtype: str, shape: tuple[int, ...]) -> Call:
    dout = normal(shape, dtype)
    return partial(import_module(ops).dropout_backward, dout, 0.5, 0, out=np.empty_like(dout))


def random_normal(ops: str, dtype: str, shape: tuple[int, ...]) -> Call:
    return partial(import_module(ops).random_normal, shape, 0, 0, dtype)


def softmax(ops: str, dtype: str, shape: tuple[int, int]) -> Call:
    x = normal(shape, dtype)
    return partial(import_module(ops).softmax, x, out=np.empty_like(x))


def softmax_cross_entropy(ops: str, dtype: str, shape: tuple[int, int], label_smoothing: float = 0.0) -> Call:
    logits = normal(shape, dtype)
    labels = np.random.default_rng(0).integers(0, shape[1], shape[0])
    return partial(import_module(ops).softmax_cross_entropy, logits, labels, np.empty_like(logits), label_smoothing)


def _of_targets(ops: str, function: str, dtype: str, shape: tuple[int, ...]) -> Call:
    x, targets = normal(shape, dtype), np.random.default_rng(1).random(shape).astype(dtype)
    return partial(getattr(import_module(ops), function), x, targets, out=np.empty_like(x))


def sigmoid_cross_entropy(ops: str, dtype: str, shape: tuple[int, ...]) -> Call:
    return _of_targets(ops, "sigmoid_cross_entropy", dtype, shape)


def mean_squared_error(ops: str, dtype: str, shape: tuple[int, ...]) -> Call:
    return _of_targets(ops, "mean_squared_error", dtype, shape)


def huber(ops: str, dtype: str, shape: tuple[int, ...]) -> Call:
    return _of_targets(ops, "huber", dtype, shape)


def channels(shape: tuple[int, ...], dtype: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return inputs of batch normalization, gamma and beta."""
    return normal(shape, dtype), normal(shape[1:2], dtype, seed=1), normal(shape[1:2], dtype, seed=2)


def batch_norm_forward(ops: str, activation: str, dtype: str, shape: tuple[int, ...]) -> Call:
    x, gamma, beta = channels(shape, dtype)
    running = np.zeros_like(gamma), np.ones_like(gamma)
    out = np.empty_like(x), np.empty((3, shape[1]), dtype)
    function = import_module(ops).batch_norm_forward
    return partial(function, x, gamma, beta, activation=activation, running=running, out=out)


def batch_norm_backward(ops: str, activation: str, dtype: str, shape: tuple[int, ...]) -> Call:
    x, gamma, beta = channels(shape, dtype)
    dout = normal(shape, dtype, seed=3)
    y, statistics = import_module(ops).batch_norm_forward(x, gamma, beta, activation=activation)
    out = np.empty_like(x), np.empty_like(gamma), np.empty_like(beta)
    return partial(import_module(ops).batch_norm_backward, dout, x, gamma, statistics, y, activation, out=out)


def layer_norm_forward(ops: str, dtype: str, shape: tuple[int, int]) -> Call:
    x, gamma, beta = channels(shape, dtype)
    out = np.empty_like(x), np.empty((3, shape[0]), dtype)
    return partial(import_module(ops).layer_norm_forward, x, gamma, beta, out=out)


def layer_norm_backward(ops: str, dtype: str, shape: tuple[int, int]) -> Call:
    x, gamma, beta = channels(shape, dtype)
    dout = normal(shape, dtype, seed=3)
    _, statistics = import_module(ops).layer_norm_forward(x, gamma, beta)
    out = np.empty_like(x), np.empty_like(gamma), np.empty_like(beta)
    return partial(import_module(ops).layer_norm_backward, dout, x, gamma, statistics, out=out)


def gather(ops: str, dtype: str, rows: int, features: int) -> Call:
    rng = np.random.default_rng(0)
    data = rng.integers(0, 256, (10_000, features)).astype(dtype)
    indices = rng.integers(0, len(data), rows)
    out = np.empty((rows, features), np.float32)
    return partial(import_module(ops).gather, data, indices, 1 / 255, "float32", out=out)
