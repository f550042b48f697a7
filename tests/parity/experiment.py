"""The same steps by an optimizer of fastdl and by another library's."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from fastdl import optim
from fastdl.errors import HyperparameterError

EXTRA = 'needs pip install "fastdl[parity]"'

STEPS, LR = 30, 0.01
TOLERANCE = 1e-12  # the largest difference of an element, relative to it
RATES = [LR if step < STEPS // 2 else 0.3 * LR for step in range(STEPS)]

# Tried on every optimizer with each of its variants.
COMMON: tuple[Mapping[str, Any], ...] = (
    {},
    {"eps": 1e-2},  # large enough to show where it is added
    {"weight_decay": 0.1},
    {"clip_norm": 0.5, "weight_decay": 0.1},
    {"clip_value": 0.1},
)

Settings = Mapping[str, Any]
Params = dict[str, np.ndarray]


@dataclass(frozen=True)
class Twin:
    """An optimizer of fastdl, and what makes the same one in another library."""

    ours: type[optim.Optimizer]
    theirs: Callable[..., Any]
    names: Mapping[str, str]  # fastdl's setting: their argument, "betas.0" being the first of a tuple
    variants: tuple[Settings, ...] = ()  # to try besides the defaults
    fixed: Settings = field(default_factory=dict)  # arguments of theirs alone
    start: Mapping[str, str] = field(default_factory=dict)  # fastdl's state: their argument of where it starts
    only_ours: Settings = field(default_factory=dict)  # settings that they lack, or whose default is another

    def default(self, argument: str) -> Any:
        """What their signature says; None if the argument has to be given."""
        name, _, number = argument.partition(".")
        value = inspect.signature(self.theirs).parameters[name].default
        if value is inspect.Parameter.empty:
            return None
        return value[int(number)] if number else value

    def defaults(self) -> dict[str, Any]:
        """Their defaults, by the names of fastdl."""
        found = {ours: self.default(argument) for ours, argument in self.names.items()}
        return {ours: value for ours, value in found.items() if value is not None}

    def arguments(self, settings: Settings) -> dict[str, Any]:
        """These settings as arguments of theirs."""
        arguments: dict[str, Any] = dict(self.fixed)
        for ours, argument in self.names.items():
            if ours in settings:
                name, _, number = argument.partition(".")
                arguments[name] = (*arguments.get(name, ()), settings[ours]) if number else settings[ours]
        return arguments

    def settings(self, common: Sequence[Settings] = COMMON) -> Iterator[dict[str, Any]]:
        """Complete settings for each variant, with the learning rate of the experiment."""
        defaults = self.defaults() | dict(self.only_ours) | {"lr": LR}
        for own, added in itertools.product(({}, *self.variants), common):
            if "eps" in self.names or "eps" not in added:
                yield defaults | dict(own) | dict(added)


@dataclass(frozen=True)
class Library:
    """A library's optimizers, and how it takes the steps."""

    convention: str
    twins: Sequence[Twin]
    run: Callable[[Twin, Settings, Params, Sequence[Params]], list[Params]]

    def every_setting(self) -> pytest.MarkDecorator:
        """Each twin with each of its settings."""
        both = [
            pytest.param(twin, settings, id=f"{twin.ours.name}-{_words(settings, twin.defaults())}")
            for twin in self.twins
            for settings in twin.settings()
        ]
        return pytest.mark.parametrize(("twin", "settings"), both)

    def every_twin(self) -> pytest.MarkDecorator:
        return pytest.mark.parametrize("twin", self.twins, ids=[twin.ours.name for twin in self.twins])

    def check_steps(self, twin: Twin, settings: Settings, rng: np.random.Generator) -> None:
        """Every element is the same after every step, the first one included."""
        params, gradients = draw(rng, settings)
        ours = run(twin.ours(convention=self.convention, **settings), params, gradients)
        theirs = self.run(twin, settings, params, gradients)
        for step, pair in enumerate(zip(ours, theirs, strict=True), start=1):
            off = deviation(*pair)
            if not off <= TOLERANCE:
                raise AssertionError(f"off by {off:.3g} after step {step}, more than {TOLERANCE:.3g}")

    def check_defaults(self, twin: Twin) -> None:
        """The convention's defaults are those of their signature."""
        defaults = twin.defaults()
        if "lr" not in defaults:
            with pytest.raises(HyperparameterError) as caught:
                twin.ours(convention=self.convention)
            assert caught.value.arg == "lr"
            defaults["lr"] = LR
            optimizer = twin.ours(LR, convention=self.convention)
        else:
            optimizer = twin.ours(convention=self.convention)
        assert set(optimizer.hyperparameters) <= {*twin.names, *twin.only_ours}
        ours = {name: getattr(optimizer, name, 0) for name in defaults}
        assert ours == defaults | {name: ours[name] for name in twin.only_ours if name in ours}
        for state, argument in twin.start.items():
            assert twin.ours.conventions[self.convention].start.get(state, 0) == twin.default(argument)

    def check_wrong_rules(self, twin: Twin, rng: np.random.Generator) -> None:
        """Another formula, or another value of any setting, is told apart."""
        for settings in twin.settings(({"weight_decay": 0.1} | ({"eps": 1e-2} if "eps" in twin.names else {}),)):
            params, gradients = draw(rng, settings)
            theirs = self.run(twin, settings, params, gradients)
            for planted in self._wrong(twin, settings):
                wrong = twin.ours(**{"convention": self.convention} | settings | planted)
                off = deviation(run(wrong, params, gradients)[-1], theirs[-1])
                if not off > 100 * TOLERANCE:
                    raise AssertionError(f"{planted} instead of {settings} changes no more than {off:.3g}")

    def _wrong(self, twin: Twin, settings: Settings) -> Iterator[Settings]:
        """Settings to plant."""
        right = twin.ours(convention=self.convention, **settings)
        yield {"lr": lambda step: 0.9 * RATES[step]}
        for name in dict.fromkeys((*right.hyperparameters, "weight_decay")):
            if name != "lr" and 0 < settings.get(name, 0) < np.inf:
                yield {name: 0.9 * settings[name]}
        if right.rule not in ("sgd", "lamb"):  # for SGD both are the same
            yield {"decoupled": not right.decoupled}
        for other in twin.ours.conventions:
            planted = {"convention": other, "decoupled": right.decoupled}
            if twin.ours(**settings | planted).rule != right.rule:
                yield planted

    def check_complete(self) -> None:
        """Every optimizer with this convention has a twin."""
        with_convention = {each for each in optim.OPTIMIZERS.values() if self.convention in each.conventions}
        assert {twin.ours for twin in self.twins} == with_convention


def _words(settings: Settings, defaults: Settings) -> str:
    """What is not a default."""
    changed = [f"{name}={value}" for name, value in settings.items() if name != "lr" and value != defaults.get(name)]
    return "-".join(changed) or "defaults"


def draw(rng: np.random.Generator, settings: Settings) -> tuple[Params, list[Params]]:
    """Parameters too large to cross 0, and gradients of very different sizes; two elements' are always 0.

    Where norms are clipped, they are far above and far below the limit in turn.
    """
    shapes: Mapping[str, tuple[int, ...]] = {"W": (4, 3), "b": (3,), "s": ()}
    params = {key: np.asarray(rng.choice([-1, 1], shape) * rng.uniform(10, 20, shape)) for key, shape in shapes.items()}
    sizes = {key: np.asarray(10 ** rng.uniform(-3, 1, shape)) for key, shape in shapes.items()}
    sizes["W"][0, 0] = sizes["b"][1] = 0
    scale = (1e9, 1e-3) if "clip_norm" in settings else (1, 1)
    gradients = [
        {key: np.asarray(scale[step % 2] * sizes[key] * rng.normal(size=shape)) for key, shape in shapes.items()}
        for step in range(STEPS)
    ]
    return params, gradients


def run(optimizer: optim.Optimizer, params: Params, gradients: Sequence[Params]) -> list[Params]:
    """The parameters after each step, the learning rate changed from outside if it is a number."""
    params = {key: value.copy() for key, value in params.items()}
    path = []
    for lr, gradient in zip(RATES, gradients, strict=True):
        if not callable(optimizer.lr):
            optimizer.lr = lr
        optimizer.update(params, gradient)
        path.append({key: value.copy() for key, value in params.items()})
    return path


def deviation(ours: Params, theirs: Params) -> float:
    """The largest difference of an element, relative to it."""
    worst = 0.0
    for key, mine in ours.items():
        other = theirs[key]
        if (mine.shape, mine.dtype) != (other.shape, other.dtype):
            raise AssertionError(f"{other.dtype} {other.shape}, expected {mine.dtype} {mine.shape}")
        difference = np.abs(mine - other)
        with np.errstate(invalid="ignore", divide="ignore"):
            relative = np.where(difference == 0, 0, difference / np.abs(other))
        worst = max(worst, float(np.nan_to_num(relative, nan=np.inf).max()))
    return worst
