"""The network and optimizer that a search makes of hyper-parameters, unless it is given a function of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastdl import optim
from fastdl.data.checks import integer
from fastdl.errors import HyperparameterError
from fastdl.nn import MLP
from fastdl.optim.configuration import own_arguments
from fastdl.tune.space import Choice, Range, Space

OF_NETWORK = ("activation", "init", "weight_decay", "dropout", "norm")
LEAST = {"batch_size": 1, "layers": 0, "units": 1}  # of whole numbers
KNOWN = ("lr", "momentum", "optimizer", "batch_size", "layers", "units", *OF_NETWORK)


@dataclass(frozen=True, slots=True)
class BuildMLP:
    """Makes the book's network of six hidden layers of 100 units, or another one, with its optimizer.

    Parameters
    ----------
    features, classes : int
        Of the data.
    seed : int
        Of the initial weights: all trials begin with the same ones.

    Examples
    --------
    >>> network, optimizer = BuildMLP(features=64, classes=10, seed=0)({"lr": 0.1, "layers": 1, "units": 20})
    >>> network.sizes, optimizer
    ((64, 20, 10), SGD(lr=0.1))
    """

    features: int
    classes: int
    seed: int

    def __call__(self, params: Mapping[str, Any]) -> tuple[MLP, optim.Optimizer]:
        """Make them.

        Parameters
        ----------
        params : mapping
            lr, momentum, optimizer ("sgd"), layers (6), units (100), activation ("relu"), init ("he"), weight_decay
            (0), dropout (0), norm ("none"). An optimizer without momentum leaves that out.

        Returns
        -------
        network : MLP
        optimizer : Optimizer
        """
        given = dict(params)
        name = given.get("optimizer", "sgd")
        settings = {key: given[key] for key in ("lr", "momentum") if key in given and key in _settings_of(name)}
        network = MLP(
            [self.features, *[given.get("units", 100)] * given.get("layers", 6), self.classes],
            seed=self.seed,
            **{key: given[key] for key in OF_NETWORK if key in given},
        )
        return network, optim.get(name, **settings)


def check_space(space: Space, build: BuildMLP) -> None:
    """Raise an error for a name that `BuildMLP` does not know or would never use, and for a value that it refuses."""
    for name in space:
        if name not in KNOWN:
            raise HyperparameterError(
                "unknown hyper-parameter", op="search", arg="space", key=name, expected=f"one of {', '.join(KNOWN)}",
                got=repr(name), hint="Others need a build= of your own",
            )  # fmt: skip
    candidates = {name: _extremes(values) for name, values in space.items()}
    for name in LEAST.keys() & candidates.keys():
        for value in candidates[name]:
            integer(value, op="search", arg=f"space[{name!r}]", low=LEAST[name])
    for name, values in candidates.items():
        for value in values:
            build({**{other: each[0] for other, each in candidates.items()}, name: value})
    if "momentum" in space and not any(
        "momentum" in _settings_of(each) for each in candidates.get("optimizer", ["sgd"])
    ):
        raise HyperparameterError(
            "no optimizer here has it", op="search", arg="space", key="momentum", hint="Give optimizer='momentum'"
        )


def _extremes(values: Any) -> Sequence[Any]:
    """Every choice; of a range its ends, which no float drawn from it hits."""
    if isinstance(values, Choice):
        return values.values
    if not isinstance(values, Range):
        return (values,)
    if values.is_integer or values.low == values.high:
        return (values.low, values.high)
    inside = 1e-6 * (values.high - values.low)
    return (values.low if values.log else values.low + inside, values.high - inside)


def _settings_of(name: Any) -> Iterable[str]:
    optimizer = optim.OPTIMIZERS.get(str(name).lower())
    return () if optimizer is None else own_arguments(optimizer)
