"""Stages: no array of a kernel that has rows is forgotten where the kernel before or after it uses the same memory.

Each array in turn is part of a larger one, which an activation works on just before the kernel or just after it. A plan
that took the two for one stage would go through the rows of both together, from the last block to the first.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple

import numpy as np
import pytest

from fastdl import kernels
from tests.compare import assert_same_bits

ROWS, WIDTH = 1024, 32  # of several blocks; of the larger array a row has twice as much
LARGE = 2 * ROWS * WIDTH
BATCH, SQUARE, ROW = (ROWS, WIDTH), (WIDTH, WIDTH), (WIDTH,)
SUMS = np.linspace(0.5, 1, 2 * WIDTH).reshape(2, WIDTH)  # in float64
NARROW = 3  # columns that are fewer than a vector has


class Case(NamedTuple):
    """A kernel, and the shapes of the arrays that it reads and writes."""

    call: Callable[[Any], Any]
    reads: dict[str, tuple[int, ...]]
    writes: dict[str, tuple[int, ...]]


GRADIENTS = {"dx": BATCH, "dW": SQUARE, "db": ROW}
NORMALIZED = {"x": BATCH, "gamma": ROW, "beta": ROW}

CASES = {
    "activation_forward": Case(
        lambda a: kernels.activation_forward(a["x"], "tanh", out=a["y"]), {"x": BATCH}, {"y": BATCH}
    ),
    "activation_backward": Case(
        lambda a: kernels.activation_backward(a["dout"], a["y"], "tanh", out=a["dx"]),
        {"dout": BATCH, "y": BATCH},
        {"dx": BATCH},
    ),
    "add": Case(lambda a: kernels.add(a["a"], a["b"], "tanh", out=a["y"]), {"a": BATCH, "b": BATCH}, {"y": BATCH}),
    "softmax": Case(lambda a: kernels.softmax(a["x"], out=a["y"]), {"x": BATCH}, {"y": BATCH}),
    "affine_forward": Case(
        lambda a: kernels.affine_forward(a["x"], a["W"], a["b"], "gelu", out=a["y"], z=a["z"]),
        {"x": BATCH, "W": SQUARE, "b": ROW},
        {"y": BATCH, "z": BATCH},
    ),
    "affine_forward, narrow": Case(
        lambda a: kernels.affine_forward(a["x"], a["W"], a["b"], out=a["y"]),
        {"x": BATCH, "W": (WIDTH, NARROW), "b": (NARROW,)},
        {"y": (ROWS, NARROW)},
    ),
    "affine_backward": Case(
        lambda a: kernels.affine_backward(
            a["dout"], a["x"], a["W"], a["saved"], "tanh", out=(a["dx"], a["dW"], a["db"])
        ),
        {"dout": BATCH, "x": BATCH, "W": SQUARE, "saved": BATCH},
        GRADIENTS,
    ),
    "affine_backward, linear": Case(
        lambda a: kernels.affine_backward(a["dout"], a["x"], a["W"], out=(a["dx"], a["dW"], a["db"])),
        {"dout": BATCH, "x": BATCH, "W": SQUARE},
        GRADIENTS,
    ),
    "batch_norm_forward": Case(
        lambda a: kernels.batch_norm_forward(
            a["x"], a["gamma"], a["beta"], running=(a["mean"], a["variance"]), out=(a["y"], a["statistics"])
        ),
        NORMALIZED,
        {"y": BATCH, "statistics": (3, WIDTH), "mean": ROW, "variance": ROW},
    ),
    "batch_norm_inference": Case(
        lambda a: kernels.batch_norm_inference(a["x"], a["gamma"], a["beta"], a["mean"], a["variance"], out=a["y"]),
        NORMALIZED | {"mean": ROW, "variance": ROW},
        {"y": BATCH},
    ),
    "batch_norm_backward": Case(
        lambda a: kernels.batch_norm_backward(
            a["dout"], a["x"], a["gamma"], a["statistics"], a["y"], "tanh", out=(a["dx"], a["dgamma"], a["dbeta"])
        ),
        {"dout": BATCH, "x": BATCH, "gamma": ROW, "statistics": (3, WIDTH), "y": BATCH},
        {"dx": BATCH, "dgamma": ROW, "dbeta": ROW},
    ),
    "batch_norm_apply": Case(
        lambda a: kernels.batch_norm_apply(a["x"], a["gamma"], a["beta"], a["statistics"], "tanh", out=a["y"]),
        NORMALIZED | {"statistics": (3, WIDTH)},
        {"y": BATCH},
    ),
    "batch_norm_apply_backward": Case(
        lambda a: kernels.batch_norm_apply_backward(
            a["dout"], a["x"], a["gamma"], a["statistics"], SUMS, 2 * ROWS, a["y"], "tanh", out=a["dx"]
        ),
        {"dout": BATCH, "x": BATCH, "gamma": ROW, "statistics": (3, WIDTH), "y": BATCH},
        {"dx": BATCH},
    ),
    "layer_norm_forward": Case(
        lambda a: kernels.layer_norm_forward(a["x"], a["gamma"], a["beta"], out=(a["y"], a["statistics"])),
        NORMALIZED,
        {"y": BATCH, "statistics": (3, ROWS)},
    ),
    "dropout_forward": Case(
        lambda a: kernels.dropout_forward(a["x"], 0.5, 1, step=a["step"].view(np.uint32), out=a["y"]),
        {"x": BATCH, "step": (3,)},
        {"y": BATCH},
    ),
    "dropout_backward": Case(
        lambda a: kernels.dropout_backward(
            a["dout"], 0.5, 1, step=a["step"].view(np.uint32), y=a["y"], activation="tanh", out=a["dx"]
        ),
        {"dout": BATCH, "y": BATCH, "step": (3,)},
        {"dx": BATCH},
    ),
    "count_step": Case(lambda a: kernels.count_step(a["step"].view(np.uint32)), {"step": (3,)}, {"step": (3,)}),
    "gather": Case(
        lambda a: kernels.gather(a["data"], np.arange(ROWS)[::-1].copy(), out=a["out"]), {"data": BATCH}, {"out": BATCH}
    ),
    "softmax_cross_entropy": Case(
        lambda a: kernels.softmax_cross_entropy(a["x"], np.arange(ROWS) % WIDTH, out=a["gradient"]),
        {"x": BATCH},
        {"gradient": BATCH},
    ),
}


class Place(NamedTuple):
    """Where the array is in the larger one, and what is done with that."""

    is_last: bool
    steps: Callable[[Callable[[], Any], np.ndarray, np.ndarray], Any]


def tanh(x: np.ndarray, out: np.ndarray) -> None:
    kernels.activation_forward(x, "tanh", out=out)


# A wrong stage then shows with one thread too, as blocks go from the last to the first.
OF_READS = {
    "made before": Place(False, lambda kernel, larger, other: (tanh(other, larger), kernel())),
    "overwritten after": Place(True, lambda kernel, larger, other: (kernel(), tanh(other, larger))),
}
OF_WRITES = {
    "read before": Place(False, lambda kernel, larger, other: (tanh(larger, other), kernel())),
    "read after": Place(True, lambda kernel, larger, other: (kernel(), tanh(larger, other))),
}


def arrays_of(case: Case, name: str, size: int, is_last: bool) -> dict[str, np.ndarray]:
    """Positive numbers, so that each may be a variance; the array of that name is part of the one called larger."""
    rng = np.random.default_rng(0)
    shapes = case.reads | case.writes | {"larger": (size,), "other": (size,)}
    arrays = {key: rng.uniform(0.25, 1, shape).astype(np.float32) for key, shape in shapes.items()}
    count = prod(shapes[name])
    arrays[name] = arrays["larger"][size - count if is_last else 0 :][:count].reshape(shapes[name])
    return arrays


def check(case: Case, name: str, place: Place, size: int) -> None:
    def program(arrays: dict[str, np.ndarray]) -> None:
        place.steps(lambda: case.call(arrays), arrays["larger"], arrays["other"])

    def fresh() -> dict[str, np.ndarray]:
        return arrays_of(case, name, size, place.is_last)

    expected, arrays = fresh(), fresh()
    program(expected)
    with kernels.Plan() as plan:
        program(arrays)
    for key, array in fresh().items():
        arrays[key][...] = array
    plan.run()
    for key, array in arrays.items():
        assert_same_bits(array, expected[key])


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(
    ("kernel", "name", "order"),
    [(kernel, name, order) for kernel, case in CASES.items() for name in case.reads for order in OF_READS]
    + [(kernel, name, order) for kernel, case in CASES.items() for name in case.writes for order in OF_WRITES],
)
def test_part_of_a_larger_array(kernel, name, order, count, threads):
    threads(count)
    check(CASES[kernel], name, (OF_READS | OF_WRITES)[order], LARGE)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("order", OF_READS)
@pytest.mark.parametrize(("kernel", "name"), [(kernel, name) for kernel, case in CASES.items() for name in case.reads])
def test_rows_that_are_cut_alike(kernel, name, order, count, threads):
    """They may go together, unless the kernel needs them all before its rows or after them."""
    threads(count)
    check(CASES[kernel], name, OF_READS[order], prod(CASES[kernel].reads[name]))


OF_NUMBERS = {
    "softmax_cross_entropy": lambda x, labels, out: kernels.softmax_cross_entropy(x, labels, out=out),
    "softmax_cross_entropy, weighted": lambda x, labels, out: kernels.softmax_cross_entropy(
        x, labels, out=out, class_weights=np.linspace(0.5, 2, WIDTH, dtype=np.float32)
    ),
    "gather": lambda x, indices, out: kernels.gather(x, indices, out=out),
}


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("size", [ROWS, 2 * ROWS])
@pytest.mark.parametrize("order", OF_READS)
@pytest.mark.parametrize("kernel", OF_NUMBERS)
def test_class_numbers_and_indices(kernel, order, size, count, rng, threads):
    """Those made by gather: the smallest float64 times n has the bits of the integer n."""
    threads(count)
    x = rng.standard_normal(BATCH).astype(np.float32)
    before, after = rng.integers(0, WIDTH, size), rng.integers(0, WIDTH, (size, 1), np.uint8)
    larger, out, place = np.empty((size, 1)), np.empty_like(x), OF_READS[order]
    numbers = larger.view(np.int64)[size - ROWS if place.is_last else 0 :][:ROWS, 0]
    tiny = np.finfo(np.float64).smallest_subnormal

    def fill() -> None:
        kernels.gather(after, np.arange(size), scale=tiny, dtype="float64", out=larger)

    def program() -> None:
        steps = [fill, lambda: OF_NUMBERS[kernel](x, numbers, out)]
        for step in steps if order == "made before" else reversed(steps):
            step()

    larger.view(np.int64)[:, 0] = before
    with kernels.Plan() as plan:
        program()
    expected = out.copy()
    assert (larger.view(np.int64) == after).all()
    larger.view(np.int64)[:, 0], out[...] = before, 0
    plan.run()
    assert_same_bits(out, expected)
