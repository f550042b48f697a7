"""NumPy as a careful engineer writes it: `fastdl.reference`, float32, results written in place.

The book's own code does the same sums in float64: ``train_step(rule, "float64")``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.work import HYPER, TRAINING_HYPER, book_batch, book_params, normal
from fastdl import reference

Call = Callable[[], Any]


def _updater(
    rule: str, params: list[np.ndarray], hyper: dict[str, float]
) -> Callable[[list[np.ndarray]], None]:
    spec = reference.RULES[rule]
    state = [[np.zeros_like(p) for p in params] for _ in spec.state]
    steps = np.zeros(len(params), np.int64)
    values = [hyper[name] for name in spec.hyper]

    def update(grads: list[np.ndarray]) -> None:
        reference.update(rule, params, grads, state, steps, values)

    return update


def optimizer_step(rule: str, shapes: tuple[tuple[int, ...], ...]) -> Call:
    params = [normal(shape, seed=i) for i, shape in enumerate(shapes)]
    grads = [normal(p.shape, seed=i) for i, p in enumerate(params, start=len(params))]
    update = _updater(rule, params, HYPER[rule])

    def step() -> list[np.ndarray]:
        update(grads)
        return params

    return step


def affine_relu(batch: int, n_in: int, n_out: int) -> Call:
    x, W, b = normal((batch, n_in)), normal((n_in, n_out)), normal((n_out,))
    out = np.empty((batch, n_out), np.float32)

    def forward() -> np.ndarray:
        np.matmul(x, W, out=out)
        np.add(out, b, out=out)
        return np.maximum(out, 0, out=out)

    return forward


def train_step(rule: str, dtype: str = "float32") -> Call:
    params = list(book_params(dtype).values())
    layers = list(zip(params[::2], params[1::2], strict=True))
    activations = ["relu"] * (len(layers) - 1) + ["identity"]
    x, t = book_batch(dtype)
    update = _updater(rule, params, TRAINING_HYPER[rule])

    def step() -> float:
        outputs = [x]
        for (W, b), activation in zip(layers, activations, strict=True):
            outputs.append(reference.affine_forward(outputs[-1], W, b, activation))
        loss, dout = reference.softmax_cross_entropy(outputs[-1], t)
        grads: list[np.ndarray] = []
        for i in reversed(range(len(layers))):
            dout, dW, db = reference.affine_backward(
                dout, outputs[i], layers[i][0], outputs[i + 1], activations[i], need_dx=i > 0
            )
            grads[:0] = [dW, db]
        update(grads)
        return loss

    return step
