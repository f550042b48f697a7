"""Operations and bytes are counted right, and for every row of fastdl's that has matrix products."""

import numpy as np
import pytest

from benchmarks import bound, costs, growth, work
from benchmarks.work import Recipe


def test_rows_with_products_have_a_cost():
    products = [row for row in (*work.KERNELS, *work.TRAIN_STEPS) if "affine" in row.name or "step" in row.name]
    assert len(products) > 20
    assert all(costs.cost_of(row.recipes["fastdl"]).flops > 0 for row in products)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bytes_of_an_affine_layer_are_its_arrays(dtype):
    x, W, b = work.layer_inputs(7, 5, 3, dtype)
    y = x @ W + b
    forward = costs.cost_of(Recipe("benchmarks.kernels:affine_forward", ("fastdl.kernels", "relu", dtype, 7, 5, 3)))
    assert forward == (2 * 7 * 5 * 3, sum(a.nbytes for a in (x, W, b, y)))
    backward = costs.cost_of(Recipe("benchmarks.kernels:affine_backward", ("fastdl.kernels", "relu", dtype, 7, 5, 3)))
    assert backward == (4 * 7 * 5 * 3, sum(a.nbytes for a in (y, y, x, W, x, W, b)))  # dout, saved, x, W; dx, dW, db


def test_operations_of_a_training_step_are_those_of_its_layers():
    sizes, rows = (784, 100, 100, 10), 32
    assert costs.train_step("adam", sizes, rows).flops == growth.train_flops(sizes, rows)


def test_bytes_of_an_optimizer_are_its_arrays():
    assert costs.optimizer_step("adam", ((1000,),)) == (0, 1000 * work.ADAM_BYTES)
    assert costs.optimizer_step("sgd", ((10, 10), (5,))) == (0, 3 * 4 * 105)


def test_bytes_of_an_elementwise_kernel_are_its_arrays():
    x = np.empty((3, 5))
    recipe = Recipe("benchmarks.kernels:activation_backward", ("fastdl.kernels", "tanh", "float64", x.shape))
    assert costs.cost_of(recipe) == (0, 3 * x.nbytes)


def test_unknown_work_has_no_cost():
    assert costs.cost_of(Recipe("benchmarks.peers.with_fastdl:decayed_steps", (True,))) is None


def test_rows_are_found_by_their_names():
    assert {"training step, book network, sgd", "training step, book network, adam"} <= set(bound.rows("training step"))
    assert bound.rows("no such row") == {}


def test_a_report_says_what_was_measured(monkeypatch):
    for name, small in {"SQUARES": (64,), "MEMORY": 10**6, "COUNTED": 0.05}.items():
        monkeypatch.setattr(bound, name, small)
    chosen = {**bound.rows("affine + ReLU, (64"), **bound.rows("affine_forward(relu, float64, 128, 784")}
    said = bound.report(chosen, rounds=2, seconds=0.001)
    assert set(chosen) <= set(said.splitlines())
    assert "best square product of float32" in said
    assert "best square product of float64" in said
    assert said.count("of the best product's rate") == said.count("cache-misses") == len(chosen) == 2
