"""The network in plain NumPy: its gradient is its loss's, and it trains as `fastdl.nn.MLP` does."""

from __future__ import annotations

import numpy as np
import pytest

from fastdl.nn import MLP
from fastdl.reference import ACTIVATIONS, RULES
from fastdl.reference.network import ReferenceMLP, ReferenceOptimizer
from tests.catalog import OPTIMIZERS


def make_batch(dtype, rows=12):
    rng = np.random.default_rng(1)
    return rng.standard_normal((rows, 5)).astype(dtype), rng.integers(0, 3, rows)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("weight_decay", [0.0, 0.3])
def test_gradient_is_the_slope_of_the_loss(activation, weight_decay):
    x, t = make_batch(np.float64)
    params = MLP([5, 7, 4, 3], dtype="float64", seed=0).params
    network = ReferenceMLP(params, activation, weight_decay)
    for key, slope in network.gradient(x, t).items():
        p = network.params[key]
        for index in np.ndindex(p.shape):
            center, losses = p[index], {}
            for offset in (-2, -1, 1, 2):
                p[index] = center + offset * 1e-4
                losses[offset] = network.loss(x, t)
            p[index] = center
            by_differences = (losses[-2] - 8 * losses[-1] + 8 * losses[1] - losses[2]) / 12e-4
            assert slope[index] == pytest.approx(by_differences, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("case", OPTIMIZERS, ids=lambda case: case.name)
def test_it_trains_as_the_compiled_network_does(case, weight_decay):
    x, t = make_batch(np.float64)
    network = MLP([5, 16, 8, 3], weight_decay=weight_decay, dtype="float64", seed=0)
    optimizer = case.kind(weight_decay=0.0)  # the twin has that of the loss only
    twin = ReferenceMLP(network.params, weight_decay=weight_decay)
    twin_optimizer = ReferenceOptimizer(case.rule, **optimizer.hyperparameters)
    twin_optimizer._state = case.start(list(twin.params.values()))  # not from 0 for every optimizer
    twin_optimizer._steps = np.zeros(len(twin.params), np.int64)
    for _ in range(20):
        loss = network.train_step(x, t, optimizer)
        assert twin.train_step(x, t, twin_optimizer) == pytest.approx(loss, rel=1e-12)
    for key, value in network.params.items():
        np.testing.assert_allclose(twin.params[key], value, rtol=1e-10, atol=1e-13)


def test_it_copies_the_initial_values():
    params = {"W1": np.zeros((5, 3)), "b1": np.zeros(3)}
    ReferenceMLP(params).train_step(*make_batch(np.float64), ReferenceOptimizer("sgd", lr=1.0))
    assert not params["W1"].any()


def test_float32_stays_float32():
    x, t = make_batch(np.float32)
    network = ReferenceMLP(MLP([5, 4, 3], seed=0).params, weight_decay=0.1)
    for rule, spec in RULES.items():
        network.train_step(x, t, ReferenceOptimizer(rule, **dict.fromkeys(spec.hyper, 0.01)))
    assert {value.dtype for value in network.params.values()} == {np.dtype(np.float32)}
    assert {value.dtype for value in network.gradient(x, t).values()} == {np.dtype(np.float32)}


def test_a_missing_hyper_parameter_is_missed():
    with pytest.raises(KeyError):
        ReferenceOptimizer("momentum", lr=0.1)
