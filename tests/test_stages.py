"""Stages: kernels of a plan that go through the rows together, and those that may not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fastdl import kernels
from fastdl.errors import AliasError
from tests.compare import assert_same_bits

ROWS = 1024  # of several blocks, so that a stage that should not be one shows with one thread too; a multiple of WIDTH
WIDTH = 32


def array(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


class Arrays:
    """What the programs below work on."""

    def __init__(self) -> None:
        self.x = array(ROWS, WIDTH)
        self.W = array(WIDTH, WIDTH, seed=1)
        self.V = array(WIDTH, WIDTH, seed=2)
        self.b = array(WIDTH, seed=3)
        self.dout = array(ROWS, WIDTH, seed=4)
        self.labels = np.arange(ROWS) % WIDTH
        self.other = array(ROWS, WIDTH, seed=5)


def chain(a: Arrays) -> tuple[Any, ...]:
    """Rows of all that are one stage."""
    y = kernels.affine_forward(a.x, a.W, a.b, "tanh")
    z = kernels.affine_forward(y, a.V, a.b)
    dz = kernels.softmax_cross_entropy(z, a.labels)[1]
    dy, dV, db = kernels.affine_backward(dz, y, a.V)
    return y, z, dz, dy, dV, db, *kernels.affine_backward(dy, a.x, a.W, y, "tanh")


def result_as_weights(a: Arrays) -> tuple[Any, ...]:
    """All rows of one result are the next one's weights."""
    y = kernels.activation_forward(a.x, "tanh")
    return y, kernels.affine_forward(array(ROWS, ROWS, seed=6), y, a.b)


def result_as_biases(a: Arrays) -> tuple[Any, ...]:
    b = kernels.activation_forward(a.b, "tanh")
    return b, kernels.affine_forward(a.x, a.W, b)


def weights_of_the_backward_pass(a: Arrays) -> tuple[Any, ...]:
    """They are made by the kernel before, and packed before all rows."""
    W = kernels.activation_forward(a.W, "tanh")
    return kernels.affine_backward(a.dout, a.x, W)


def gradient_as_weights(a: Arrays) -> tuple[Any, ...]:
    """It is whole only after all rows."""
    _, dW, db = kernels.affine_backward(a.dout, a.x, a.W)
    return dW, db, kernels.affine_forward(a.x, dW, db)


def gradient_as_rows(a: Arrays) -> tuple[Any, ...]:
    _, dW, _ = kernels.affine_backward(a.dout, a.x, a.W)
    return dW, kernels.activation_forward(dW, "tanh")


def inputs_overwritten(a: Arrays) -> tuple[Any, ...]:
    """Those of the backward pass, which it needs once more after all rows."""
    grads = kernels.affine_backward(a.dout, a.x, a.W)
    return (*grads, kernels.activation_forward(a.other, "tanh", out=a.x))


def dout_overwritten(a: Arrays) -> tuple[Any, ...]:
    grads = kernels.affine_backward(a.dout, a.x, a.W)
    return (*grads, kernels.activation_forward(a.other, "tanh", out=a.dout))


def biases_overwritten(a: Arrays) -> tuple[Any, ...]:
    return kernels.affine_forward(a.x, a.W, a.b), kernels.activation_forward(a.other[0], "tanh", out=a.b)


def weights_overwritten(a: Arrays) -> tuple[Any, ...]:
    return kernels.affine_forward(a.x, a.W, a.b), kernels.activation_forward(a.V, "tanh", out=a.W)


def gradient_overwritten(a: Arrays) -> tuple[Any, ...]:
    """By the gradient of another layer."""
    dx, dW, db = kernels.affine_backward(a.dout, a.x, a.W)
    return dx, dW, db, kernels.affine_backward(a.other, a.x, a.V, need_dx=False, out=(None, dW, db))[1]


def other_rows(a: Arrays) -> tuple[Any, ...]:
    """The same memory, cut into rows of another width."""
    y = kernels.activation_forward(a.x, "tanh")
    wide = y.reshape(ROWS // 2, 2 * WIDTH)
    z = kernels.affine_forward(wide, array(2 * WIDTH, WIDTH, seed=7), a.b)
    return y, z, kernels.softmax(y.reshape(WIDTH, ROWS))


def part_of_the_rows(a: Arrays) -> tuple[Any, ...]:
    """Half as many rows, which begin in the middle."""
    y = kernels.affine_forward(a.x, a.W, a.b)
    half = y[ROWS // 2 :]
    return y, kernels.affine_forward(half, a.V, a.b)


def shifted_rows(a: Arrays) -> tuple[Any, ...]:
    y = kernels.affine_forward(a.x, a.W, a.b)
    z = kernels.affine_forward(a.other[1:], a.V, a.b, out=np.empty((ROWS - 1, WIDTH), np.float32))
    return y, z, kernels.activation_forward(y[1:], "tanh"), kernels.activation_forward(z, "tanh", out=y[:-1])


def gathered(a: Arrays) -> tuple[Any, ...]:
    """Rows of what was computed just before."""
    y = kernels.activation_forward(a.x, "tanh")
    order = np.random.default_rng(8).permutation(ROWS)
    return y, kernels.gather(y, order), order


def gathered_after_another(a: Arrays) -> tuple[Any, ...]:
    """Rows of the first of two that are one stage."""
    y, z = kernels.activation_forward(a.x, "tanh"), kernels.activation_forward(a.other, "tanh")
    order = np.random.default_rng(8).permutation(ROWS)
    return y, z, kernels.gather(y, order), order


def loss_of_a_result(a: Arrays) -> tuple[Any, ...]:
    """The second needs memory for each member, the first none."""
    y = kernels.activation_forward(a.x, "tanh")
    return y, kernels.softmax_cross_entropy(y, a.labels)[1]


def weighted_loss(a: Arrays) -> tuple[Any, ...]:
    """The weights of all labels are added up before the rows."""
    z = kernels.affine_forward(a.x, a.W, a.b)
    weights = np.linspace(0.5, 2, WIDTH, dtype=np.float32)
    dz = kernels.softmax_cross_entropy(z, a.labels, label_smoothing=0.1, class_weights=weights)[1]
    return z, dz, kernels.affine_forward(dz, a.V, a.b)


def dropped(a: Arrays) -> tuple[Any, ...]:
    """Rows whose random numbers do not begin with a group."""
    y = kernels.affine_forward(a.x[:, :7].copy(), a.W[:7], a.b)
    narrow = kernels.affine_forward(y, a.V[:, :7].copy(), a.b[:7])
    counter = np.array([0, 0, 0], np.uint32)
    return narrow, kernels.dropout_forward(narrow, 0.5, seed=1, step=0), counter


def normalized(a: Arrays) -> tuple[Any, ...]:
    """Statistics of the rows that another kernel then works on."""
    y = kernels.affine_forward(a.x, a.W, a.b)
    z, statistics = kernels.layer_norm_forward(y, a.b, a.b)
    return y, z, statistics, kernels.activation_forward(statistics, "tanh")


def normalized_by_batch(a: Arrays) -> tuple[Any, ...]:
    """Statistics that one member makes, and all need before the rows of the backward pass."""
    y, statistics = kernels.batch_norm_forward(a.x, a.b, a.b)
    return y, statistics, *kernels.batch_norm_backward(a.dout, a.x, a.b, statistics)


PROGRAMS: list[Callable[[Arrays], tuple[Any, ...]]] = [
    chain,
    result_as_weights,
    result_as_biases,
    weights_of_the_backward_pass,
    gradient_as_weights,
    gradient_as_rows,
    inputs_overwritten,
    dout_overwritten,
    biases_overwritten,
    weights_overwritten,
    gradient_overwritten,
    other_rows,
    part_of_the_rows,
    shifted_rows,
    gathered,
    gathered_after_another,
    loss_of_a_result,
    weighted_loss,
    dropped,
    normalized,
    normalized_by_batch,
]


@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_a_plan_does_what_its_kernels_do_one_by_one(program, count, threads):
    expected = program(Arrays())
    arrays, fresh = Arrays(), Arrays()
    with kernels.Plan() as plan:
        results = program(arrays)
    assert plan.can_run
    loss = plan.loss
    for name, array in vars(arrays).items():
        array[...] = getattr(fresh, name)
    for result in results:
        if isinstance(result, np.ndarray) and result.base is not None and result.dtype.kind == "f":
            result[...] = np.nan
    threads(count)
    plan.run()
    assert plan.loss == loss
    for one, other in zip(results, expected, strict=True):
        if isinstance(one, np.ndarray):
            assert_same_bits(one, other)


def test_an_input_that_the_plan_writes_is_refused():
    x = array(ROWS, WIDTH)
    with kernels.Plan(x) as plan:
        y = kernels.affine_forward(x, array(WIDTH, WIDTH), array(WIDTH))
    before = y.copy()
    with pytest.raises(AliasError, match=r"Plan\.run"):
        plan.run(y)
    assert_same_bits(y, before)
    plan.run(before)
