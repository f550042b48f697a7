"""What is measured: lists of work, each with how every contender sets it up."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

BOOK_SIZES = (784, 100, 100, 100, 100, 10)
BOOK_BATCH = 128
WIDE_SIZES = (784, 2048, 2048, 10)
WIDE_BATCH = 512
RULES = ("sgd", "momentum", "adagrad", "adam")
ALL = ("fastdl", "torch", "jax", "numpy")


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
    """One row: a piece of work, and the recipe of each contender."""

    name: str
    recipes: dict[str, Recipe]
    is_same: bool = True  # whether all contenders compute the same, which is then checked


# Inputs: the same numbers in every process.


def normal(shape: tuple[int, ...], dtype: str = "float32", seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def book_params(dtype: str = "float32", sizes: tuple[int, ...] = BOOK_SIZES) -> dict[str, np.ndarray]:
    """Return W1, b1, W2, ... of the book's network, or of one of other sizes, with He's initial weights."""
    params = {}
    for i, (n_in, n_out) in enumerate(pairwise(sizes), start=1):
        params[f"W{i}"] = (normal((n_in, n_out), "float64", seed=i) * (2 / n_in) ** 0.5).astype(dtype)
        params[f"b{i}"] = np.zeros(n_out, dtype)
    return params


def book_batch(
    dtype: str = "float32", sizes: tuple[int, ...] = BOOK_SIZES, rows: int = BOOK_BATCH
) -> tuple[np.ndarray, np.ndarray]:
    """Return a batch of pixels in [0, 1) and of random labels."""
    rng = np.random.default_rng(0)
    x = rng.random((rows, sizes[0])).astype(dtype)
    return x, rng.integers(0, sizes[-1], rows)


def layer_inputs(
    batch: int, n_in: int, n_out: int, dtype: str = "float32"
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return x, W and b; W is as large as in a network."""
    W = (normal((n_in, n_out), "float64", seed=1) * n_in**-0.5).astype(dtype)
    return normal((batch, n_in), dtype), W, normal((n_out,), dtype, seed=2)


def labels_of(shape: tuple[int, ...]) -> np.ndarray:
    """Return a random label for each row of logits."""
    return np.random.default_rng(2).integers(0, shape[1], shape[0])


def tensors(shapes: tuple[tuple[int, ...], ...]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return parameters p0, p1, ... of these shapes, and gradients."""
    params = {f"p{i}": normal(shape, seed=i) for i, shape in enumerate(shapes)}
    grads = {f"p{i}": normal(shape, seed=len(shapes) + i) for i, shape in enumerate(shapes)}
    return params, grads


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
    for rule, lr in {"sgd": 1e-5, "momentum": 1e-6, "adagrad": 1e-6, "adam": 1e-6}.items()
}


def training_hyper(rule: str, sizes: tuple[int, ...] = BOOK_SIZES, rows: int = BOOK_BATCH) -> dict[str, float]:
    """Return ``TRAINING_HYPER`` for another network or batch, by which its loss moves no faster.

    Fewer rows take less time, so more steps are taken; a step changes wider layers' outputs more.
    """
    hyper = TRAINING_HYPER[rule]
    return {**hyper, "lr": hyper["lr"] * min(1.0, rows / BOOK_BATCH) * min(1.0, BOOK_SIZES[1] / max(sizes[1:]))}


# Rows.


def kernel(function: str, *args: Any) -> Work:
    """Measure a function of `benchmarks.kernels` with both implementations of fastdl's kernels."""
    target = f"benchmarks.kernels:{function}"
    return Work(
        f"{function}({', '.join(map(str, args))})",
        {
            "fastdl": Recipe(target, ("fastdl.kernels", *args)),
            "numpy": Recipe(target, ("fastdl.reference", *args)),
        },
    )


def among(contenders: tuple[str, ...], name: str, function: str, *args: Any) -> Work:
    """Measure a function that the ``benchmarks.peers.with_*`` of these contenders have."""
    return Work(name, {who: Recipe(f"benchmarks.peers.with_{who}:{function}", args) for who in contenders})


def dropout(*shape: int) -> Work:
    """Measure a dropout layer, forward and backward; "numpy" is the book's code. Each drops other elements."""
    work = among(("fastdl", "torch", "numpy"), f"dropout, forward and backward, {shape}", "dropout", shape)
    return Work(work.name, work.recipes, is_same=False)


def layer(name: str, *shape: int) -> Work:
    """Measure a layer, forward and backward, each result in a fresh array; "numpy" is fastdl.reference."""
    return among(ALL, f"{name}, forward and backward, {shape}", "layer", name, shape)


def against_product(batch: int, n_in: int, n_out: int) -> Work:
    """Measure a layer's forward pass against NumPy's product alone."""
    shape = (batch, n_in, n_out)
    recipes = {
        "fastdl": Recipe("benchmarks.peers.with_fastdl:affine_relu", shape),
        "matmul": Recipe("benchmarks.peers.with_numpy:product", shape),
    }
    return Work(f"affine + ReLU against np.matmul alone, ({batch}, {n_in})·({n_in}, {n_out})", recipes, is_same=False)


def different(contenders: tuple[str, ...], name: str, function: str, *args: Any) -> Work:
    """Measure what is random, so that no two contenders compute the same."""
    return replace(among(contenders, name, function, *args), is_same=False)


def train_step(contenders: tuple[str, ...], rule: str) -> Work:
    """Measure the book network's training step; "book" is NumPy in float64, as in the book."""
    work = among(contenders, f"training step, book network, {rule}", "train_step", rule)
    recipes = {**work.recipes, "book": Recipe("benchmarks.peers.with_numpy:book_step", (rule,))}
    return Work(work.name, recipes | _compiled(contenders, rule))


def script_step(rule: str, regularized: bool = False) -> Work:
    """Measure what the book's scripts do with each batch, by `fastdl.book`; "book" is their own NumPy code's way."""
    recipes = {
        "fastdl": Recipe("benchmarks.peers.with_fastdl:script_step", (rule, regularized)),
        "book": Recipe("benchmarks.peers.with_book:script_step", (rule, regularized)),
    }
    added = " with batch normalization and dropout" * regularized
    name = f"the book's script, float64, book network{added}, {rule}"
    return Work(name, recipes, is_same=not regularized)


def wide_step(rule: str) -> Work:
    """Measure the training step of a network whose layers are much larger than the cache."""
    name, size = "-".join(map(str, WIDE_SIZES)), (rule, WIDE_SIZES, WIDE_BATCH)
    work = among(ALL, f"training step, {name}, batch {WIDE_BATCH}, {rule}", "train_step", *size)
    return Work(work.name, work.recipes | _compiled(ALL, *size))


def _compiled(contenders: tuple[str, ...], *args: Any) -> dict[str, Recipe]:
    """What torch compiles, where torch is among the contenders."""
    return {"torch_compile": Recipe("benchmarks.peers.with_torch:compiled_step", args)} if "torch" in contenders else {}


LAYERS = [  # activation, dtype, batch, inputs, outputs
    ("relu", "float32", 128, 784, 100),
    ("tanh", "float32", 128, 784, 100),
    ("identity", "float32", 128, 784, 100),
    ("relu", "float64", 128, 784, 100),
    ("relu", "float32", 128, 100, 100),
    ("relu", "float32", 64, 64, 64),
    ("relu", "float32", 256, 256, 256),
    ("relu", "float32", 1024, 1024, 1024),
    ("relu", "float64", 1024, 1024, 1024),
    ("relu", "float32", 2048, 2048, 2048),
    ("relu", "float32", 128, 4096, 4096),
]
ARRAYS = [
    ("float32", (128, 100)),
    ("float32", (1024, 1024)),
    ("float64", (1024, 1024)),
    ("float32", (4096, 4096)),
]

KERNELS = [
    *(kernel(f, *layer) for f in ("affine_forward", "affine_backward") for layer in LAYERS),
    *(
        kernel(f, activation, *array)
        for f in ("activation_forward", "activation_backward")
        for activation in ("relu", "sigmoid", "tanh")
        for array in ARRAYS
    ),
    *(kernel(f, *array) for f in ("dropout_forward", "dropout_backward", "random_normal") for array in ARRAYS[:3]),
    *(kernel(f, *array) for f in ("softmax", "softmax_cross_entropy") for array in [("float32", (128, 10)), *ARRAYS]),
    kernel("softmax_cross_entropy", "float32", (1024, 1024), 0.1),
    *(
        kernel(f, *array)
        for f in ("sigmoid_cross_entropy", "mean_squared_error", "huber")
        for array in [("float32", (128, 10)), *ARRAYS]
    ),
    *(
        kernel(f, activation, *array)
        for f in ("batch_norm_forward", "batch_norm_backward")
        for activation in ("identity", "relu")
        for array in [*ARRAYS, ("float32", (32, 64, 32, 32))]
    ),
    *(kernel(f, *array) for f in ("layer_norm_forward", "layer_norm_backward") for array in ARRAYS),
    *(kernel("gather", dtype, rows, 784) for dtype in ("uint8", "float32") for rows in (128, 4096)),
]

OPTIMIZERS = [
    among(("fastdl", "numpy"), f"{rule}, {name}", "optimizer_step", rule, shapes)
    for name, shapes in (
        ("book network", BOOK_SHAPES),
        ("1,000 small tensors", MANY_SMALL),
        ("1 M elements", ONE_MILLION),
    )
    for rule in RULES
]

TRAIN_STEPS = [train_step(("fastdl", "numpy"), rule) for rule in RULES]

INFERENCE = {"1 row": 1, "10,000 rows": 10_000}
SCRIPT_STEPS = [script_step("sgd"), script_step("adam"), script_step("adam", regularized=True)]
PEERS = [
    *(train_step(ALL, rule) for rule in ("sgd", "adam")),
    *SCRIPT_STEPS,
    different(
        ("fastdl", "torch", "jax"),
        "training step, book network with batch normalization and dropout, adam",
        "regularized_step",
        "adam",
    ),
    *(among(ALL, f"inference, book network, {name}", "inference", rows) for name, rows in INFERENCE.items()),
    among(ALL, "adam, book network", "optimizer_step", "adam", BOOK_SHAPES),
    wide_step("adam"),
    dropout(1024, 1024),
    *(layer(name, 1024, 1024) for name in ("batch_norm", "relu", "sigmoid", "silu", "gelu", "softmax_cross_entropy")),
    *(
        among(ALL, f"affine + ReLU, ({batch}, {n_in})·({n_in}, {n_out})", "affine_relu", batch, n_in, n_out)
        for batch, n_in, n_out in [(128, 784, 100), *((n, n, n) for n in (64, 128, 256, 512, 1024, 2048))]
    ),
    *(against_product(*shape) for shape in [(128, 784, 100), *((n, n, n) for n in (512, 2048, 4096))]),
]


def optimizer(name: str, size: str, shapes: tuple[tuple[int, ...], ...]) -> Work:
    """Measure an optimizer's step as torch defines it: torch's fused kernel where it has one, and its default."""
    recipes = {
        "fastdl": Recipe("benchmarks.peers.with_fastdl:torch_step", (name, shapes)),
        "torch": Recipe("benchmarks.peers.with_torch:named_step", (name, shapes, True)),
        "torch_default": Recipe("benchmarks.peers.with_torch:named_step", (name, shapes, False)),
    }
    if name not in FUSED:
        del recipes["torch"]
    return Work(f"{name}, {size}", recipes)


def drop_in(name: str, size: str) -> Work:
    """Measure what ``step()`` of torch's Adam takes on a model of torch's, before and after one import is changed."""
    target = "benchmarks.peers.with_torch:model_step"
    recipes = {
        "drop_in": Recipe("benchmarks.peers.with_drop_in:model_step", (name,)),
        "torch": Recipe(target, (name, True)),
        "torch_default": Recipe(target, (name, False)),
    }
    return Work(f"adam on a model of torch's, {size}", recipes)


FUSED = ("sgd", "momentum", "nesterov", "adagrad", "adam", "adamw")
NOT_FUSED = ("rmsprop", "adadelta", "adamax", "nadam", "radam")
FIFTY_MILLION = 50_000_000
FIFTY = ((FIFTY_MILLION,),)
# Bytes that a step of Adam moves for each element: it reads p, g, m and v, and writes p, m and v.
ADAM_BYTES = 7 * 4
OPTIMIZER_PEERS = [
    *(optimizer(name, "book network", BOOK_SHAPES) for name in (*FUSED, *NOT_FUSED)),
    *(optimizer(name, "1,000 tensors of 100", ((100,),) * 1000) for name in ("sgd", "adam")),
    *(optimizer(name, "10 M elements", ((10_000_000,),)) for name in NOT_FUSED),
    optimizer("adam", "50 M elements", ((FIFTY_MILLION,),)),
    *(
        Work(
            f"adam, 50 M elements, state in {state_dtype}",
            {
                "fastdl": Recipe("benchmarks.peers.with_fastdl:torch_step", ("adam", FIFTY, state_dtype)),
                "torch": Recipe("benchmarks.peers.with_torch:named_step", ("adam", FIFTY, True)),
            },
            is_same=False,
        )
        for state_dtype in ("bfloat16", "uint8")
    ),
    Work(
        "adam, 50 M elements, against a += s b in C on as many bytes",
        {
            "fastdl": Recipe("benchmarks.peers.with_fastdl:torch_step", ("adam", ((FIFTY_MILLION,),))),
            "c": Recipe("benchmarks.peers.with_c:axpy", (FIFTY_MILLION * ADAM_BYTES // 12,)),
        },
        is_same=False,
    ),
    Work(
        "64 steps of adam, 1 M elements, states that have become subnormal, against usual ones",
        {
            "fastdl": Recipe("benchmarks.peers.with_fastdl:decayed_steps", (True,)),
            "usual": Recipe("benchmarks.peers.with_fastdl:decayed_steps", (False,)),
        },
        is_same=False,
    ),
    Work(
        "adam, ten tensors of one element: what a call costs by itself",
        {"fastdl": Recipe("benchmarks.peers.with_fastdl:torch_step", ("adam", ((1,),) * 10))},
    ),
    Work(
        "adam, book network, as a rule that a user wrote",
        {
            "fastdl": Recipe("benchmarks.peers.with_fastdl:torch_step", ("adam", BOOK_SHAPES)),
            "user": Recipe("benchmarks.peers.with_fastdl:user_step", (BOOK_SHAPES,)),
        },
    ),
    drop_in("book", "book network"),
    drop_in("transformer", "transformer of 12.6 M parameters"),
]
