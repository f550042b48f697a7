"""fastdl with convention="keras" against Keras 3, in float64."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import pytest

from fastdl import optim
from tests.parity.experiment import EXTRA, RATES, Library, Twin

pytest.importorskip("jax", reason=EXTRA)
os.environ["KERAS_BACKEND"] = "jax"  # where Keras' own formulas run: with torch it has others, and NumPy is float32
keras = pytest.importorskip("keras", reason=EXTRA)

pytestmark = pytest.mark.parity

SGD = {"lr": "learning_rate", "weight_decay": "weight_decay", "clip_norm": "global_clipnorm", "clip_value": "clipvalue"}
MOMENTUM = SGD | {"momentum": "momentum"}
EPS = SGD | {"eps": "epsilon"}
LION = SGD | {"beta1": "beta_1", "beta2": "beta_2"}
ADAM = LION | EPS
NESTEROV = {"nesterov": True}
FTRL = {
    "l1": "l1_regularization_strength",
    "l2": "l2_regularization_strength",
    "l2_shrinkage": "l2_shrinkage_regularization_strength",
    "beta": "beta",
}

TWINS = (
    Twin(optim.SGD, keras.optimizers.SGD, SGD),
    Twin(optim.Momentum, keras.optimizers.SGD, MOMENTUM, ({"momentum": 0.5},), only_ours={"momentum": 0.9}),
    Twin(optim.Nesterov, keras.optimizers.SGD, MOMENTUM, fixed=NESTEROV, only_ours={"momentum": 0.9}),
    Twin(optim.AdaGrad, keras.optimizers.Adagrad, EPS, start={"h": "initial_accumulator_value"}),
    Twin(
        optim.RMSprop,
        keras.optimizers.RMSprop,
        EPS | {"rho": "rho", "momentum": "momentum", "centered": "centered"},
        ({"momentum": 0.8}, {"centered": True}, {"momentum": 0.8, "centered": True}, {"rho": 0.5}),
    ),
    Twin(optim.Adadelta, keras.optimizers.Adadelta, EPS | {"rho": "rho"}, ({"lr": 1.0, "rho": 0.5},)),
    Twin(
        optim.Adam,
        keras.optimizers.Adam,
        ADAM | {"amsgrad": "amsgrad"},
        ({"amsgrad": True}, {"beta1": 0.5, "beta2": 0.6}, {"beta2": 0.6, "amsgrad": True}),
    ),
    Twin(optim.AdamW, keras.optimizers.AdamW, ADAM | {"amsgrad": "amsgrad"}, ({"amsgrad": True}, {"beta2": 0.6})),
    Twin(optim.Adamax, keras.optimizers.Adamax, ADAM, ({"beta1": 0.5, "beta2": 0.6},)),
    Twin(
        optim.Nadam,
        keras.optimizers.Nadam,
        ADAM,
        ({"beta1": 0.5, "beta2": 0.6},),
        only_ours={"momentum_decay": 1.0},
    ),
    Twin(
        optim.Ftrl,
        keras.optimizers.Ftrl,
        SGD | FTRL,
        ({"l1": 0.1, "l2": 0.2}, {"l2_shrinkage": 0.3, "beta": 0.4}, {"l1": 2.0, "l2": 0.1, "l2_shrinkage": 0.1}),
        start={"n": "initial_accumulator_value"},
    ),
    Twin(optim.Lion, keras.optimizers.Lion, LION, ({"beta1": 0.5, "beta2": 0.6},)),
    Twin(optim.LAMB, keras.optimizers.Lamb, ADAM, ({"beta1": 0.5, "beta2": 0.6},)),
)


@pytest.fixture(autouse=True)
def double_precision(jax_in_float64: None) -> Iterator[None]:
    """The learning rate has Keras' default dtype."""
    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    yield
    keras.config.set_floatx(before)


def run_keras(twin, settings, params, gradients):
    """The parameters after each step of Keras' optimizer."""
    variables = [keras.Variable(value, dtype="float64") for value in params.values()]
    optimizer = twin.theirs(**twin.arguments(settings))
    path = []
    for lr, gradient in zip(RATES, gradients, strict=True):
        optimizer.learning_rate = lr
        optimizer.apply([keras.ops.convert_to_tensor(each) for each in gradient.values()], variables)
        values = [np.array(variable.value) for variable in variables]
        path.append(dict(zip(params, values, strict=True)))
    return path


LIBRARY = Library("keras", TWINS, run_keras)


@LIBRARY.every_setting()
def test_steps(twin, settings, rng):
    LIBRARY.check_steps(twin, settings, rng)


@LIBRARY.every_twin()
def test_a_wrong_rule_is_told_apart(twin, rng):
    LIBRARY.check_wrong_rules(twin, rng)


@LIBRARY.every_twin()
def test_defaults(twin):
    LIBRARY.check_defaults(twin)


def test_every_optimizer_is_compared():
    LIBRARY.check_complete()
