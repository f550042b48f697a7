"""Networks learn with reduced states as they do with float32."""

from __future__ import annotations

import numpy as np
import pytest

from fastdl import nn, optim
from fastdl.train import Trainer

TRAINED = {  # those whose states are of different kinds, and those that small numbers harm most
    "momentum": {"lr": 0.05},
    "adagrad": {"lr": 0.02},
    "adadelta": {"lr": 1.0},
    "adam": {"lr": 2e-3},
    "adam with amsgrad": {"lr": 2e-3, "amsgrad": True},
    "adamax": {"lr": 5e-3},
    "lion": {"lr": 5e-4},
}


@pytest.fixture(scope="module")
def data():
    """Three classes, each a cloud around its own centre, which overlap a little."""
    rng = np.random.default_rng(0)
    t = rng.integers(0, 3, 600)
    return (rng.normal(size=(3, 20))[t] + rng.normal(size=(600, 20))).astype(np.float32), t


def last_loss(data, name, settings, state_dtype):
    optimizer = optim.get(name.split()[0], state_dtype=state_dtype, **settings)
    trainer = Trainer(nn.MLP([20, 60, 60, 3], seed=1), optimizer, batch_size=100, epochs=40, seed=1)
    return trainer.fit(*data).epochs[-1].loss


@pytest.mark.parametrize("name", TRAINED)
def test_it_learns_as_with_float32(data, name):
    exact = last_loss(data, name, TRAINED[name], None)
    assert exact < 0.15
    for state_dtype in ("bfloat16", "uint8"):
        assert last_loss(data, name, TRAINED[name], state_dtype) == pytest.approx(exact, rel=0.25, abs=0.01)
