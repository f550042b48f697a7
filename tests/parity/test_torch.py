"""fastdl with convention="torch" against torch.optim, in float64."""

from __future__ import annotations

import pytest

from fastdl import optim
from tests.parity.experiment import EXTRA, RATES, Library, Twin

torch = pytest.importorskip("torch", reason=EXTRA)

pytestmark = [pytest.mark.parity, pytest.mark.usefixtures("torch_in_float64")]

SGD = {"lr": "lr", "weight_decay": "weight_decay"}
MOMENTUM = SGD | {"momentum": "momentum"}
EPS = SGD | {"eps": "eps"}
ADAM = {"lr": "lr", "beta1": "betas.0", "beta2": "betas.1", "eps": "eps", "weight_decay": "weight_decay"}
DECOUPLED = ADAM | {"decoupled": "decoupled_weight_decay"}

TWINS = (
    Twin(optim.SGD, torch.optim.SGD, SGD),
    Twin(optim.Momentum, torch.optim.SGD, MOMENTUM, ({"momentum": 0.5},), only_ours={"momentum": 0.9}),
    Twin(optim.Nesterov, torch.optim.SGD, MOMENTUM, fixed={"nesterov": True}, only_ours={"momentum": 0.9}),
    Twin(optim.AdaGrad, torch.optim.Adagrad, EPS, start={"h": "initial_accumulator_value"}),
    Twin(
        optim.RMSprop,
        torch.optim.RMSprop,
        EPS | {"rho": "alpha", "momentum": "momentum", "centered": "centered"},
        ({"momentum": 0.8}, {"centered": True}, {"momentum": 0.8, "centered": True}, {"rho": 0.5}),
    ),
    Twin(optim.Adadelta, torch.optim.Adadelta, EPS | {"rho": "rho"}, ({"lr": 1.0, "rho": 0.5},)),
    Twin(
        optim.Adam,
        torch.optim.Adam,
        DECOUPLED | {"amsgrad": "amsgrad"},
        ({"amsgrad": True}, {"beta1": 0.5, "beta2": 0.6}, {"beta2": 0.6, "amsgrad": True}, {"decoupled": True}),
    ),
    Twin(optim.AdamW, torch.optim.AdamW, ADAM | {"amsgrad": "amsgrad"}, ({"amsgrad": True}, {"beta2": 0.6})),
    Twin(optim.Adamax, torch.optim.Adamax, ADAM, ({"beta1": 0.5, "beta2": 0.6},)),
    Twin(
        optim.Nadam,
        torch.optim.NAdam,
        DECOUPLED | {"momentum_decay": "momentum_decay"},
        ({"momentum_decay": 0.5}, {"beta1": 0.5, "beta2": 0.6}, {"decoupled": True}),
    ),
    Twin(optim.RAdam, torch.optim.RAdam, DECOUPLED, ({"beta1": 0.5, "beta2": 0.9}, {"decoupled": True})),
)


def run_torch(twin, settings, params, gradients):
    """The parameters after each step of torch's optimizer."""
    tensors = {key: torch.tensor(value) for key, value in params.items()}
    optimizer = twin.theirs(list(tensors.values()), **twin.arguments(settings))
    path = []
    for lr, gradient in zip(RATES, gradients, strict=True):
        optimizer.param_groups[0]["lr"] = lr
        for key, tensor in tensors.items():
            tensor.grad = torch.tensor(gradient[key])
        if "clip_norm" in settings:
            torch.nn.utils.clip_grad_norm_(tensors.values(), settings["clip_norm"])
        if "clip_value" in settings:
            torch.nn.utils.clip_grad_value_(tensors.values(), settings["clip_value"])
        optimizer.step()
        path.append({key: tensor.numpy().copy() for key, tensor in tensors.items()})
    return path


LIBRARY = Library("torch", TWINS, run_torch)


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
