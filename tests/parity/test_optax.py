"""fastdl with convention="optax" against optax, in float64."""

from __future__ import annotations

import numpy as np
import pytest

from fastdl import optim
from tests.parity.experiment import EXTRA, RATES, Library, Twin

jax = pytest.importorskip("jax", reason=EXTRA)
optax = pytest.importorskip("optax", reason=EXTRA)

pytestmark = [pytest.mark.parity, pytest.mark.usefixtures("jax_in_float64")]

SGD = {"lr": "learning_rate"}
MOMENTUM = SGD | {"momentum": "momentum"}
EPS = SGD | {"eps": "eps"}
LION = SGD | {"beta1": "b1", "beta2": "b2"}
ADAM = LION | EPS
DECAY = {"weight_decay": "weight_decay"}

TWINS = (
    Twin(optim.SGD, optax.sgd, SGD),
    Twin(optim.Momentum, optax.sgd, MOMENTUM, ({"momentum": 0.5},), only_ours={"momentum": 0.9}),
    Twin(optim.Nesterov, optax.sgd, MOMENTUM, fixed={"nesterov": True}, only_ours={"momentum": 0.9}),
    Twin(optim.AdaGrad, optax.adagrad, EPS, start={"h": "initial_accumulator_value"}),
    Twin(
        optim.RMSprop,
        optax.rmsprop,
        EPS | {"rho": "decay", "momentum": "momentum", "centered": "centered"},
        ({"momentum": 0.8}, {"centered": True}, {"momentum": 0.8, "centered": True}, {"rho": 0.5}),
        start={"v": "initial_scale"},
    ),
    Twin(optim.Adadelta, optax.adadelta, EPS | DECAY | {"rho": "rho"}, ({"lr": 1.0, "rho": 0.5},)),
    Twin(optim.Adam, optax.adam, ADAM, ({"beta1": 0.5, "beta2": 0.6},)),
    Twin(optim.Adam, optax.amsgrad, ADAM, ({"beta2": 0.6},), only_ours={"amsgrad": True}),
    Twin(optim.AdamW, optax.adamw, ADAM | DECAY, ({"beta2": 0.6},)),
    Twin(optim.Adamax, optax.adamax, ADAM, ({"beta1": 0.5, "beta2": 0.6},)),
    Twin(optim.Nadam, optax.nadam, ADAM, ({"beta1": 0.5, "beta2": 0.6},), only_ours={"momentum_decay": np.inf}),
    Twin(optim.RAdam, optax.radam, ADAM, ({"beta1": 0.5, "beta2": 0.9},)),
    Twin(optim.Lion, optax.lion, LION | DECAY, ({"beta1": 0.5, "beta2": 0.6},)),
    Twin(optim.LAMB, optax.lamb, ADAM | DECAY, ({"beta1": 0.5, "beta2": 0.6},)),
)


def run_optax(twin, settings, params, gradients):
    """The parameters after each step of optax' optimizer, and of what it has as transformations of their own."""
    arguments = twin.arguments(settings) | {"learning_rate": lambda count: jax.numpy.asarray(RATES)[count]}
    parts = [twin.theirs(**arguments)]
    if "weight_decay" not in twin.names and "weight_decay" in settings:
        parts.insert(0, optax.add_decayed_weights(settings["weight_decay"]))
    if "clip_value" in settings:
        parts.insert(0, optax.clip(settings["clip_value"]))
    if "clip_norm" in settings:
        parts.insert(0, optax.clip_by_global_norm(settings["clip_norm"]))
    optimizer = optax.chain(*parts)
    params = {key: jax.numpy.asarray(value) for key, value in params.items()}
    state, path = optimizer.init(params), []
    for gradient in gradients:
        updates, state = optimizer.update(gradient, state, params)
        params = optax.apply_updates(params, updates)
        path.append({key: np.array(value) for key, value in params.items()})
    return path


LIBRARY = Library("optax", TWINS, run_optax)


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
