"""The book's way, written from its formulas: float64, a new array for each result, an object for each layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.work import TRAINING_HYPER, book_batch, book_params

Array = np.ndarray[Any, Any]
BATCH_NORM_EPS, LOG_EPS, DIVISION_EPS = 1e-6, 1e-7, 1e-7


class Affine:
    def __init__(self, W: Array, b: Array) -> None:
        self.params = {"W": W, "b": b}

    def forward(self, x: Array, train: bool) -> Array:
        self.x = x
        return np.dot(x, self.params["W"]) + self.params["b"]

    def backward(self, dout: Array) -> Array:
        dx = np.dot(dout, self.params["W"].T)
        self.grads = {"W": np.dot(self.x.T, dout), "b": np.sum(dout, axis=0)}
        return dx


class Relu:
    params: dict[str, Array] = {}

    def forward(self, x: Array, train: bool) -> Array:
        self.is_off = x <= 0
        y = x.copy()
        y[self.is_off] = 0
        return y

    def backward(self, dout: Array) -> Array:
        dout[self.is_off] = 0
        return dout


class Sigmoid:
    params: dict[str, Array] = {}

    def forward(self, x: Array, train: bool) -> Array:
        self.y = 1 / (1 + np.exp(-x))
        return self.y

    def backward(self, dout: Array) -> Array:
        return dout * (1.0 - self.y) * self.y


class Dropout:
    params: dict[str, Array] = {}

    def __init__(self, ratio: float) -> None:
        self.ratio = ratio

    def forward(self, x: Array, train: bool) -> Array:
        if not train:
            return x * (1.0 - self.ratio)
        self.is_kept = np.random.rand(*x.shape) > self.ratio  # noqa: NPY002 - as the book does
        return x * self.is_kept

    def backward(self, dout: Array) -> Array:
        return dout * self.is_kept


class BatchNorm:
    """Backwards by the derivatives of each intermediate result in turn, as the book draws them."""

    def __init__(self, units: int, momentum: float = 0.9) -> None:
        self.params = {"gamma": np.ones(units), "beta": np.zeros(units)}
        self.momentum = momentum
        self.running_mean, self.running_var = np.zeros(units), np.zeros(units)

    def forward(self, x: Array, train: bool) -> Array:
        if train:
            mean = np.mean(x, axis=0)
            self.centred = x - mean
            variance = np.mean(self.centred**2, axis=0)
            self.deviation = np.sqrt(variance + BATCH_NORM_EPS)
            self.normal = self.centred / self.deviation
            self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mean
            self.running_var = self.momentum * self.running_var + (1 - self.momentum) * variance
            normal = self.normal
        else:
            normal = (x - self.running_mean) / np.sqrt(self.running_var + BATCH_NORM_EPS)
        return self.params["gamma"] * normal + self.params["beta"]

    def backward(self, dout: Array) -> Array:
        self.grads = {"gamma": np.sum(self.normal * dout, axis=0), "beta": np.sum(dout, axis=0)}
        dnormal = self.params["gamma"] * dout
        ddeviation = -np.sum(dnormal * self.centred / self.deviation**2, axis=0)
        dvariance = 0.5 * ddeviation / self.deviation
        dcentred = dnormal / self.deviation + 2.0 / len(dout) * self.centred * dvariance
        return dcentred - np.sum(dcentred, axis=0) / len(dout)


def softmax(x: Array) -> Array:
    x = x - np.max(x, axis=-1, keepdims=True)
    return np.exp(x) / np.sum(np.exp(x), axis=-1, keepdims=True)


class BookNetwork:
    """The multi-layer network: affine, batch normalization, activation, dropout; at last affine and softmax."""

    def __init__(
        self,
        params: dict[str, Array],
        activation: str = "relu",
        weight_decay: float = 0.0,
        batch_norm: bool = False,
        dropout: float = 0.0,
    ) -> None:
        depth = sum(key.startswith("W") for key in params)
        self.weight_decay = weight_decay
        self.layers: list[tuple[int, Any]] = []
        for number in range(1, depth + 1):
            W = params[f"W{number}"]
            self.layers.append((number, Affine(W, params[f"b{number}"])))
            if number == depth:
                break
            if batch_norm:
                self.layers.append((number, BatchNorm(W.shape[1])))
            self.layers.append((number, Relu() if activation == "relu" else Sigmoid()))
            if dropout:
                self.layers.append((number, Dropout(dropout)))
        self.params = {f"{name}{i}": array for i, layer in self.layers for name, array in layer.params.items()}

    def predict(self, x: Array, train: bool = False) -> Array:
        for _, layer in self.layers:
            x = layer.forward(x, train)
        return x

    def loss(self, x: Array, t: Array, train: bool = False) -> float:
        self.y = softmax(self.predict(x, train))
        entropy = -np.sum(np.log(self.y[np.arange(len(t)), t] + LOG_EPS)) / len(t)
        decay = 0.0
        for key, W in self.params.items():
            if key.startswith("W"):
                decay += 0.5 * self.weight_decay * np.sum(W**2)
        return float(entropy + decay)

    def gradient(self, x: Array, t: Array) -> dict[str, Array]:
        self.loss(x, t, train=True)
        dout = self.y.copy()
        dout[np.arange(len(t)), t] -= 1
        dout = dout / len(t)
        for _, layer in reversed(self.layers):
            dout = layer.backward(dout)
        grads = {f"{name}{i}": layer.grads[name] for i, layer in self.layers for name in layer.params}
        decayed = {key: grads[key] + self.weight_decay * W for key, W in self.params.items() if key.startswith("W")}
        return grads | decayed


class BookSGD:
    def __init__(self, lr: float = 0.01) -> None:
        self.lr = lr

    def update(self, params: dict[str, Any], grads: dict[str, Any]) -> None:
        for key in params:
            params[key] -= self.lr * grads[key]


class BookAdam:
    def __init__(self, lr: float = 0.001, beta1: float = 0.9, beta2: float = 0.999) -> None:
        self.lr, self.beta1, self.beta2, self.steps = lr, beta1, beta2, 0
        self.m: dict[str, Any] = {}
        self.v: dict[str, Any] = {}

    def update(self, params: dict[str, Any], grads: dict[str, Any]) -> None:
        if not self.m:
            self.m = {key: np.zeros_like(value) for key, value in params.items()}
            self.v = {key: np.zeros_like(value) for key, value in params.items()}
        self.steps += 1
        lr = self.lr * np.sqrt(1.0 - self.beta2**self.steps) / (1.0 - self.beta1**self.steps)
        for key in params:
            self.m[key] += (1 - self.beta1) * (grads[key] - self.m[key])
            self.v[key] += (1 - self.beta2) * (grads[key] ** 2 - self.v[key])
            params[key] -= lr * self.m[key] / (np.sqrt(self.v[key]) + DIVISION_EPS)


def script_step(rule: str, regularized: bool) -> Callable[[], list[Array]]:
    """Return what the book's scripts do with each batch: the gradient, then the update."""
    network = BookNetwork(book_params("float64"), batch_norm=regularized, dropout=0.5 * regularized)
    x, t = book_batch()  # pixels in float32, as load_mnist returns them
    lr = TRAINING_HYPER[rule]["lr"]
    optimizer = BookSGD(lr) if rule == "sgd" else BookAdam(lr)

    def step() -> list[Array]:
        optimizer.update(network.params, network.gradient(x, t))
        return list(network.params.values())

    return step
