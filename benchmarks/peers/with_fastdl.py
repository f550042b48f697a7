"""fastdl, by its public interface."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.work import (
    BOOK_BATCH,
    BOOK_SIZES,
    HYPER,
    TRAINING_HYPER,
    book_batch,
    book_params,
    labels_of,
    layer_inputs,
    normal,
    tensors,
    training_hyper,
)
from fastdl import book, kernels, nn, optim
from fastdl.optim.state_dtypes import StateDtype

Call = Callable[[], Any]


def optimizer_step(rule: str, shapes: tuple[tuple[int, ...], ...]) -> Call:
    params, grads = tensors(shapes)
    optimizer = optim.get(rule, **HYPER[rule])

    def step() -> list[np.ndarray]:
        optimizer.update(params, grads)
        return list(params.values())

    return step


def torch_step(name: str, shapes: tuple[tuple[int, ...], ...], state_dtype: StateDtype | None = None) -> Call:
    """An optimizer with torch's formula and defaults, but for the learning rate of SGD."""
    params, grads = tensors(shapes)
    lr = {"lr": 0.01} if name in ("sgd", "momentum", "nesterov") else {}
    optimizer = optim.get(name, convention="torch", **lr, state_dtype=state_dtype)

    def step() -> list[np.ndarray]:
        optimizer.update(params, grads)
        return list(params.values())

    return step


def user_step(shapes: tuple[tuple[int, ...], ...]) -> Call:
    """Torch's Adam, as a user of fastdl writes it."""

    @optim.rule(state=("m", "v"), lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8)
    def adam(p: Any, g: Any, m: Any, v: Any, *, t: int, lr: float, beta1: float, beta2: float, eps: float) -> Any:
        m += (1 - beta1) * (g - m)
        v += (1 - beta2) * (g * g - v)
        root = np.sqrt(v) / np.sqrt(1 - beta2**t)
        return p - lr / (1 - beta1**t) * m / (root + eps), m, v

    params, grads = tensors(shapes)
    optimizer = adam()

    def step() -> list[np.ndarray]:
        optimizer.update(params, grads)
        return list(params.values())

    return step


def decayed_steps(is_decayed: bool) -> Call:
    """64 steps of Adam on gradients of 0, from states that have become subnormal numbers or from usual ones."""
    params, _ = tensors(((1000, 1000),))
    m, v, gradient = (np.zeros((1000, 1000), np.float32) for _ in range(3))

    def steps() -> list[np.ndarray]:
        m[:] = v[:] = 1e-40 if is_decayed else 1e-3
        taken = np.full(1, 1000)
        for _ in range(64):
            kernels.update("adam", [params["p0"]], [gradient], [[m], [v]], taken, [1e-3, 0.9, 0.999, 1e-8])
        return [params["p0"]]

    return steps


def affine_relu(batch: int, n_in: int, n_out: int) -> Call:
    x, W, b = layer_inputs(batch, n_in, n_out)
    return partial(kernels.affine_forward, x, W, b, "relu", out=np.empty((batch, n_out), np.float32))


def dropout(shape: tuple[int, ...]) -> Call:
    x, dout, layer = normal(shape), normal(shape, seed=1), nn.Dropout(0.5, seed=0)

    def both() -> np.ndarray:
        layer.forward(x, train=True)
        return layer.backward(dout)

    return both


def layer(name: str, shape: tuple[int, ...]) -> Call:
    x, dout = normal(shape), normal(shape, seed=1)
    if name == "softmax_cross_entropy":
        return partial(kernels.softmax_cross_entropy, x, labels_of(shape))
    row = np.ones(shape[1], np.float32)
    made = {
        "batch_norm": lambda: nn.BatchNorm(row, np.zeros_like(row), eps=1e-5),
        "relu": nn.ReLU,
        "sigmoid": nn.Sigmoid,
        "silu": nn.SiLU,
        "gelu": nn.GELU,
    }[name]()

    def both() -> list[np.ndarray]:
        y = made.forward(x, train=True)
        return [y, made.backward(dout)]

    return both


def _network(sizes: tuple[int, ...] = BOOK_SIZES, **settings: Any) -> nn.MLP:
    network = nn.MLP(sizes, **settings, seed=0)
    for key, value in book_params(sizes=sizes).items():
        network.params[key][...] = value
    return network


def inference(rows: int) -> Call:
    x, _ = book_batch(rows=rows)
    return partial(_network().forward, x)


def train_step(rule: str, sizes: tuple[int, ...] = BOOK_SIZES, rows: int = BOOK_BATCH) -> Call:
    batch = book_batch(sizes=sizes, rows=rows)
    return partial(_network(sizes).train_step, *batch, optim.get(rule, **training_hyper(rule, sizes, rows)))


def regularized_step(rule: str) -> Call:
    """With batch normalization and dropout on all hidden layers."""
    network = _network(norm="batch", dropout=0.5)
    return partial(network.train_step, *book_batch(), optim.get(rule, **training_hyper(rule)))


def script_step(rule: str, regularized: bool) -> Call:
    """What the book's scripts do with each batch: the gradient, then the update."""
    network = book.MultiLayerNetExtend(
        BOOK_SIZES[0], BOOK_SIZES[1:-1], BOOK_SIZES[-1], use_batchnorm=regularized, use_dropout=regularized
    )
    for key, value in book_params("float64").items():
        network.params[key][...] = value
    x, t = book_batch()  # pixels in float32, as load_mnist returns them
    optimizer = {"sgd": book.SGD, "adam": book.Adam}[rule](TRAINING_HYPER[rule]["lr"])

    def step() -> list[np.ndarray]:
        optimizer.update(network.params, network.gradient(x, t))
        return list(network.params.values())

    return step
