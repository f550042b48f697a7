"""From the options of `fastdl train` to its data, network and optimizer."""

from __future__ import annotations

import argparse
import hashlib
import inspect
import json
import re
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastdl import nn, optim
from fastdl.cli import options
from fastdl.errors import DataError, HyperparameterError
from fastdl.optim import schedules

if TYPE_CHECKING:
    from fastdl.optim import Optimizer

Pair = tuple[NDArray[Any], NDArray[Any]]


class TrainingData(NamedTuple):
    """What a run is trained on, validated with and in the end tested with."""

    train: Pair
    validation: Pair | None
    test: Pair | None
    classes: tuple[str, ...]
    scale: float

    def checksum(self) -> str:
        """Of all arrays: a run goes on with the data that it began with."""
        digest = hashlib.sha256()
        for array in (*self.train, *(self.validation or ())):
            digest.update(f"{array.dtype}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
        return digest.hexdigest()


def training_data(arguments: argparse.Namespace) -> TrainingData:
    """Load the data that the options name; without a file for validation, a share of the rows is left out for it."""
    test: Pair | None = None
    if options.is_data_set(arguments):
        data = options.load_data(arguments)
        x, t, scale = data.x_train, data.t_train, data.scale
        test, classes = (data.x_test, data.t_test), tuple(map(str, range(data.classes)))
    else:
        x, t, classes = options.load_file(arguments, arguments.data, arguments.labels)
        scale = 1 / 255 if x.dtype == np.uint8 else 1.0
    if len(classes) < 2:
        raise DataError(f"{arguments.data!r} has one label only, {classes[0]!r}", arg="--data", expected="two or more")
    if arguments.scale is not None:
        scale = arguments.scale
    if arguments.validation is not None:
        own = options.load_file(arguments, arguments.validation, arguments.validation_labels, classes, "--validation")
        options.check_features(own.x, x.shape[1], "--validation", arguments.validation)
        return TrainingData((x, t), (own.x, own.t), test, classes, scale)
    share = arguments.validation_share
    if not 0 <= share < 1:
        raise HyperparameterError("out of range", arg="--validation-share", expected="0 to less than 1", got=str(share))
    rows = round(share * len(x))
    if rows == 0:
        return TrainingData((x, t), None, test, classes, scale)
    order = np.random.default_rng(arguments.seed).permutation(len(x))
    out, rest = order[:rows], order[rows:]
    return TrainingData((x[rest], t[rest]), (x[out], t[out]), test, classes, scale)


def network(arguments: argparse.Namespace, features: int, classes: int) -> nn.MLP:
    """Make the network that the options describe."""
    hidden = arguments.hidden.split(",") if arguments.hidden else []
    if not all(size.strip().isdecimal() and 0 < int(size) < sys.maxsize for size in hidden):
        raise HyperparameterError(
            "not possible", arg="--hidden", expected="integers of 1 or more, with commas between",
            got=repr(arguments.hidden),
        )  # fmt: skip
    try:
        init = arguments.init if arguments.init in nn.initializers.INITIALIZERS else float(arguments.init)
    except ValueError as error:
        known = ", ".join(nn.initializers.INITIALIZERS)
        raise HyperparameterError(
            "not possible", arg="--init", expected=f"a number or one of {known}", got=repr(arguments.init)
        ) from error
    return nn.MLP(
        [features, *map(int, hidden), classes], arguments.activation, init, arguments.weight_decay,
        arguments.norm, arguments.dropout, arguments.dtype, arguments.seed,
    )  # fmt: skip


def optimizer(arguments: argparse.Namespace, steps: int) -> Optimizer:
    """Make the optimizer that the options describe, for a run of so many steps."""
    name = arguments.optimizer.lower()
    options.check_names([name], optim.OPTIMIZERS, "optimizer", "--optimizer")
    settings = dict(_assignment(text, "--set") for text in arguments.set)
    if arguments.lr is not None:
        settings["lr"] = arguments.lr
    if arguments.schedule or arguments.warmup:
        lr = settings["lr"] if "lr" in settings else optim.get(name, **settings).lr
        rate: Any = _schedule(arguments.schedule, lr, max(steps - arguments.warmup, 1)) if arguments.schedule else lr
        settings["lr"] = schedules.Warmup(arguments.warmup, rate) if arguments.warmup else rate
    return optim.get(name, **settings)


def _schedule(text: str, lr: Any, steps: int) -> schedules.Schedule:
    """The schedule of ``NAME`` or ``NAME:SETTING=VALUE,...``, over the whole run where it does not say how long."""
    name, _, rest = text.partition(":")
    known = {kind.lower(): kind for kind in schedules.SCHEDULES if kind not in ("Constant", "Warmup")}
    plain = name.lower().replace("-", "").replace("_", "")
    options.check_names([plain], known, "schedule", "--schedule")
    kind = schedules.SCHEDULES[known[plain]]
    settings = dict(_assignment(each, "--schedule") for each in re.split(r",(?=\w+=)", rest) if each)
    parameters = inspect.signature(kind).parameters
    if "steps" in parameters and "steps" not in settings:
        settings["steps"] = steps
    try:
        return kind(**{"lr": lr, **settings})
    except TypeError as error:
        raise HyperparameterError(
            f"{known[plain]}: {error}", arg="--schedule", expected=f"settings among {', '.join(parameters)}"
        ) from error


def _assignment(text: str, arg: str) -> tuple[str, Any]:
    """``NAME=VALUE``; a value that is JSON, such as a number, is that, and any other is a string."""
    name, sign, value = text.partition("=")
    if not sign:
        raise HyperparameterError("not a setting", arg=arg, expected="NAME=VALUE", got=repr(text))
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
