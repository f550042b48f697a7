"""Training steps that gather their batch: the same bits as with a batch gathered before, and nothing out of bounds."""

from __future__ import annotations

import numpy as np
import pytest

from fastdl import kernels, nn
from fastdl.data import Batches
from fastdl.errors import ArrayError, DtypeError, HyperparameterError, LabelError
from fastdl.optim import SGD, Adam
from fastdl.train import Trainer
from tests.compare import digest
from tests.networks import NETWORKS, Doubled, memory

COUNT, FEATURES, CLASSES = 50, 6, 4


def data_set(rng, source):
    x = rng.integers(0, 256, (COUNT, FEATURES)).astype(source)
    return x, rng.integers(0, CLASSES, COUNT)


def batches(rng):
    """Row numbers as they come in training: of two sizes, in any order, one twice."""
    return [rng.integers(0, COUNT, count) for count in (16, 16, 5, 16, 5, 2, 700, 700)]


@pytest.mark.parametrize("source", ["uint8", "float32", "float64"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_bits_as_gathered_before(name, dtype, source, rng, threads):
    x, t = data_set(rng, source)
    one, other = NETWORKS[name](dtype), NETWORKS[name](dtype)
    optimizers = Adam(), Adam()
    for rows in batches(rng):
        loss = one.train_step(x, t, optimizers[0], rows=rows, scale=1 / 255)
        gathered = kernels.gather(x, rows, 1 / 255, dtype)
        assert loss == other.train_step(gathered, t[rows], optimizers[1])
    assert digest(memory(one)) == digest(memory(other))


def test_a_step_gathers_within_its_plan(rng, monkeypatch):
    x, t = data_set(rng, "uint8")
    network, optimizer = nn.MLP([FEATURES, 9, CLASSES], seed=0), SGD()
    rows = np.arange(10)
    for _ in range(2):
        network.train_step(x, t, optimizer, rows=rows)
    monkeypatch.setattr("fastdl.nn.planned.gather", None)
    network.train_step(x, t, optimizer, rows=rows[::-1])
    with pytest.raises(TypeError):
        network.train_step(x, t, optimizer, rows=rows[:3])  # a new plan


def test_other_data_scales_and_integers_take_effect(rng):
    """What a plan is not given anew is part of what it is chosen by."""
    one, other = nn.MLP([FEATURES, CLASSES], seed=0), nn.MLP([FEATURES, CLASSES], seed=0)
    optimizer = SGD()
    for source, scale, kind in (("uint8", 1.0, "int64"), ("uint8", 0.5, "uint8"), ("float32", 0.5, "int32")) * 2:
        x, t = data_set(rng, source)
        for order in (x, np.asfortranarray(x), np.repeat(x, 2, axis=0)[::2]):
            rows = rng.integers(0, COUNT, 8).astype(kind)
            loss = one.train_step(order, t, optimizer, rows=rows, scale=scale)
            assert loss == other.train_step(kernels.gather(x, rows, scale), t[rows], optimizer)
    assert digest(one.params) == digest(other.params)


def test_layers_of_users_get_gathered_batches(rng):
    W = nn.initializers.he((FEATURES, CLASSES), seed=0)
    network = nn.Sequential([Doubled(), nn.Affine(W, np.zeros(CLASSES, np.float32))])
    x, t = data_set(rng, "uint8")
    rows = np.array([3, 3, 1])
    expected = network.loss(kernels.gather(x, rows, 0.1), t[rows])
    assert network.train_step(x, t, SGD(), rows=rows, scale=0.1) == pytest.approx(expected, rel=1e-6)


def test_targets_that_are_the_inputs(rng):
    """An autoencoder: rows of the data are compared with rows of the same data."""
    x = rng.random((COUNT, FEATURES)).astype(np.float32)
    one, other = (
        nn.Sequential([nn.Affine(np.eye(FEATURES, dtype=np.float32) / 2, np.zeros(FEATURES, np.float32))], loss)
        for loss in (nn.MeanSquaredError(), nn.MeanSquaredError())
    )
    for rows in batches(rng):
        assert one.train_step(x, x, SGD(), rows=rows) == other.train_step(x[rows], x[rows], SGD())
    assert digest(one.params) == digest(other.params)


T = np.zeros(COUNT, int)
X = np.ones((COUNT, FEATURES), np.uint8)
ROW = np.array([0, 1])
REFUSED = {
    "too large": (ArrayError, "indices", {"rows": np.array([0, COUNT])}),
    "negative": (ArrayError, "indices", {"rows": np.array([-1, 0])}),
    "no integers": (DtypeError, "indices", {"rows": np.array([0.0, 1.0])}),
    "a list of rows": (DtypeError, "indices", {"rows": [0, 1]}),
    "booleans": (DtypeError, "indices", {"rows": np.ones(2, bool)}),
    "no rows": (ArrayError, None, {"rows": np.zeros(0, int)}),
    "other bytes": (DtypeError, "x", {"x": X.astype(np.int16)}),
    "masked": (DtypeError, "x", {"x": np.ma.masked_array(X)}),
    "a list": (DtypeError, "x", {"x": X.tolist()}),
    "too few targets": (ArrayError, "t", {"t": T[:-1]}),
    "a list of targets": (ArrayError, "t", {"t": T.tolist()}),
    "no class": (LabelError, "labels", {"t": T + CLASSES}),
    "scale is no number": (HyperparameterError, "scale", {"scale": "1"}),
    "scale is infinite": (HyperparameterError, "scale", {"scale": np.inf}),
    "scale of a batch": (HyperparameterError, "scale", {"x": X.astype(np.float32), "rows": None, "scale": 0.5}),
}


@pytest.mark.parametrize("planned", [False, True])
@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_changes_nothing(case, planned):
    error, arg, given = REFUSED[case]
    network, optimizer = nn.MLP([FEATURES, 5, CLASSES], norm="batch", seed=0), Adam()
    if planned:
        network.train_step(X, T, optimizer, rows=ROW)
    before = digest(memory(network)), optimizer.steps
    with pytest.raises(error) as caught:
        network.train_step(**{"x": X, "t": T, "optimizer": optimizer, "rows": ROW, **given})
    if arg is not None:
        assert caught.value.arg == arg
    assert (digest(memory(network)), optimizer.steps) == before


class OwnStep(nn.MLP):
    """A network whose user has written a step of his own, which knows nothing of rows."""

    def train_step(self, x, t, optimizer):
        self.seen = x.dtype, x.max()
        return super().train_step(x, t, optimizer)


def test_the_trainer_gathers_for_a_step_that_cannot():
    x, t = np.full((COUNT, FEATURES), 255, np.uint8), np.zeros(COUNT, int)
    networks = [kind([FEATURES, CLASSES], seed=0) for kind in (nn.MLP, OwnStep)]
    for network in networks:
        Trainer(network, Adam(), batch_size=8, epochs=2, seed=0).fit(x, t, scale=1 / 255)
    assert networks[1].seen == (np.float32, 1)
    assert digest(networks[0].params) == digest(networks[1].params)


def test_batches_and_their_rows_are_the_same(rng):
    x, t = data_set(rng, "uint8")
    one, other = (Batches(x, t, 8, scale=0.5, seed=4) for _ in range(2))
    for _ in range(2):
        for (batch, labels), rows in zip(one, other.rows(), strict=True):
            np.testing.assert_array_equal(batch, x[rows] * np.float32(0.5))
            np.testing.assert_array_equal(labels, t[rows])
    assert one.epoch == other.epoch == 2
