"""What is measured: lists of work, each with how every contender sets it up."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

BOOK_SIZES = (784, 100, 100, 100, 100, 10)
BOOK_BATCH = 128
RULES = ("sgd", "momentum", "adagrad", "adam")


@dataclass(frozen=True)
class Recipe:
    """How one contender sets a piece of work up: ``target`` ("module:function") called with ``args``."""

    target: str
    args: tuple[Any, ...]

    def prepare(self) -> Callable[[], Any]:
        """Make the inputs; each call of what is returned does the work once and returns its result."""
        module, function = self.target.split(":")
        prepare: Callable[..., Callable[[], Any]] = getattr(importlib.import_module(module), function)
        return prepare(*self.args)


@dataclass(frozen=True)
class Work:
    """One row: a piece of work, the recipe of each contender, and whether a quick run leaves it out."""

    name: str
    recipes: dict[str, Recipe]
    heavy: bool = False


# Inputs: the same numbers in every process.


def normal(shape: tuple[int, ...], dtype: str = "float32", seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def book_params(dtype: str = "float32") -> dict[str, np.ndarray]:
    """Return the book network's W1, b1, ... W5, b5, with He's initial weights."""
    params = {}
    for i, (n_in, n_out) in enumerate(pairwise(BOOK_SIZES), start=1):
        params[f"W{i}"] = (normal((n_in, n_out), "float64", seed=i) * (2 / n_in) ** 0.5).astype(dtype)
        params[f"b{i}"] = np.zeros(n_out, dtype)
    return params


def book_batch(dtype: str = "float32") -> tuple[np.ndarray, np.ndarray]:
    """Return a batch of pixels in [0, 1) and of random labels."""
    rng = np.random.default_rng(0)
    x = rng.random((BOOK_BATCH, BOOK_SIZES[0])).astype(dtype)
    return x, rng.integers(0, BOOK_SIZES[-1], BOOK_BATCH)


BOOK_SHAPES = tuple(p.shape for p in book_params().values())
ONE_MILLION = ((1000, 1000),)
MANY_SMALL = ((16, 16), (16,)) * 500

HYPER = {
    "sgd": {"lr": 0.01},
    "momentum": {"lr": 0.01, "momentum": 0.9},
    "adagrad": {"lr": 0.01, "eps": 1e-7},
    "adam": {"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-7},
}
# For thousands of steps on one batch: with the usual learning rates its loss would reach 0, where subnormal
# gradients slow everything down. These are large enough for a wrong update to show in the loss.
TRAINING_HYPER = {
    rule: {**HYPER[rule], "lr": lr}
    for rule, lr in {"sgd": 1e-3, "momentum": 1e-4, "adagrad": 1e-5, "adam": 1e-6}.items()
}


# Rows.


def kernel(name: str, function: str, *args: Any, heavy: bool = False) -> Work:
    """Measure a function of `benchmarks.kernels` with both implementations of fastdl's kernels."""
    ops = {"fastdl": "fastdl.kernels", "numpy": "fastdl.reference"}
    return Work(
        name, {who: Recipe(f"benchmarks.kernels:{function}", (ops[who], *args)) for who in ops}, heavy
    )


def among(
    contenders: tuple[str, ...], name: str, function: str, *args: Any, heavy: bool = False
) -> Work:
    """Measure a function that each ``benchmarks.peers.with_*`` of these contenders has."""
    return Work(name, {who: Recipe(f"benchmarks.peers.with_{who}:{function}", args) for who in contenders}, heavy)


def train_step(contenders: tuple[str, ...], rule: str) -> Work:
    """Measure the book network's training step; "book" is NumPy in float64, as in the book."""
    work = among(contenders, f"train step, book network, {rule}", "train_step", rule)
    return Work(work.name, work.recipes | {"book": Recipe("benchmarks.peers.with_numpy:train_step", (rule, "float64"))})


def product(batch: int, n_in: int, n_out: int) -> str:
    return f"({batch}, {n_in})·({n_in}, {n_out})"


LAYERS = [(128, 784, 100), (128, 100, 100), (64, 64, 64), (256, 256, 256), (1024, 1024, 1024)]
HEAVY_LAYERS = [(2048, 2048, 2048), (128, 4096, 4096)]

KERNELS = [
    *(
        kernel(f"{function}, {activation}, {dtype}, {product(*layer)}", function, activation, dtype, *layer, heavy=heavy)
        for function in ("affine_forward", "affine_backward")
        for activation, dtype, layers, heavy in (
            ("relu", "float32", LAYERS[:3], False),
            ("relu", "float32", LAYERS[3:] + HEAVY_LAYERS, True),
            ("identity", "float32", LAYERS[:1], False),
            ("tanh", "float32", LAYERS[:1], False),
            ("relu", "float64", LAYERS[:1], False),
            ("relu", "float64", LAYERS[3:], True),
        )
        for layer in layers
    ),
    *(
        kernel(f"{function}, {activation}, {dtype}, {shape}", function, activation, dtype, shape, heavy=heavy)
        for function in ("activation_forward", "activation_backward")
        for activation in ("relu", "sigmoid", "tanh")
        for dtype, shape, heavy in (
            ("float32", (128, 100), False),
            ("float32", (1024, 1024), True),
            ("float64", (1024, 1024), True),
            ("float32", (4096, 4096), True),
        )
    ),
    *(
        kernel(f"{function}, {dtype}, {shape}", function, dtype, shape, heavy=heavy)
        for function in ("softmax", "softmax_cross_entropy")
        for dtype, shape, heavy in (
            ("float32", (128, 10), False),
            ("float32", (1024, 1024), True),
            ("float64", (1024, 1024), True),
            ("float32", (4096, 4096), True),
        )
    ),
    *(
        kernel(f"gather, {dtype} to float32, {rows} rows of 784", "gather", dtype, rows, 784, heavy=heavy)
        for dtype, rows, heavy in (("uint8", 128, False), ("float32", 128, False), ("uint8", 4096, True))
    ),
]

OPTIMIZERS = [
    among(("fastdl", "numpy"), f"{rule}, {name}", "optimizer_step", rule, shapes, heavy=heavy)
    for name, shapes, heavy in (
        ("book network", BOOK_SHAPES, False),
        ("1,000 small tensors", MANY_SMALL, False),
        ("1 M elements", ONE_MILLION, True),
    )
    for rule in RULES
]

TRAIN_STEPS = [train_step(("fastdl", "numpy"), rule) for rule in RULES]

PEERS = [
    *(train_step(("fastdl", "torch", "jax", "numpy"), rule) for rule in ("sgd", "adam")),
    among(("fastdl", "torch", "jax", "numpy"), "adam, book network", "optimizer_step", "adam", BOOK_SHAPES),
    *(
        among(
            ("fastdl", "torch", "jax", "numpy"),
            f"affine + ReLU, {product(*layer)}",
            "affine_relu",
            *layer,
            heavy=layer[0] >= 256,
        )
        for layer in [(128, 784, 100), *((n, n, n) for n in (64, 128, 256, 512, 1024, 2048))]
    ),
]
