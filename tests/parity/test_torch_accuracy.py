"""How exact one step is, of fastdl with convention="torch" and of torch.optim, from the same state in the same dtype.

The error of an element is measured by fastdl's promise, an ulp of the parameter and 4 of the step, from the formula in
extended precision. fastdl keeps the promise, and its error is on average no larger than torch's. That holds over many
steps: what all elements share, such as the bias corrections at one t, is rounded to the better side by chance. The
largest error of all elements is as much a matter of chance, where both keep the promise.

Weight decay is a step of its own before the rule's: where the parameter is much longer than the step, or the decay
nearly cancels the gradient, the rounding of its result is larger than the promise, in both; torch rounds the factor of
decoupled decay as well.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from fastdl import kernels, optim
from tests.catalog import DTYPES, RULES
from tests.parity.experiment import EXTRA, LR, Twin
from tests.test_update import extended, ulp

torch = pytest.importorskip("torch", reason=EXTRA)

from tests.parity.test_torch import TWINS  # noqa: E402  # which skips as well, and would leave nothing to import

pytestmark = [
    pytest.mark.parity,
    pytest.mark.usefixtures("torch_in_float64"),
    pytest.mark.skipif(
        kernels.build_info()["cpu_level"] == "v2",
        reason="level v2 has no fused multiply-adds, which torch uses where the CPU has them",
    ),
]

SIZE = 2000
TIMES = (1, 2, 3, 5, 6, 7, 8, 10, *range(13, 50, 4), *range(60, 1000, 90), 1000)
CHANCE = 1.01  # how much larger an average may be by chance: SGD's steps differ by nothing, AdaGrad's by 0.1 %
LIMITS = {"float32": 1.0, "float64": 1.25}  # of the promise; in float64 that of t alone has the same roundings
CHANCE_OF_LARGEST = 1.25  # the same for the largest error, where decay makes it larger than the promise
FUSED = (torch.optim.SGD, torch.optim.Adagrad, torch.optim.Adam, torch.optim.AdamW)
CATALOG = {rule.name: rule for rule in RULES}

# fastdl's state: torch's, of each of its optimizers.
MOMENTS = {"m": "exp_avg", "v": "exp_avg_sq", "v_max": "max_exp_avg_sq", "u": "exp_inf"}
STATES = {
    "SGD": {"v": "momentum_buffer"},
    "Adagrad": {"h": "sum"},
    "RMSprop": {"v": "square_avg", "a": "grad_avg", "u": "momentum_buffer"},
    "Adadelta": {"v": "square_avg", "u": "acc_delta"},
}


@dataclass(frozen=True)
class Case:
    """One step to take: the t-th, of an optimizer with these settings."""

    twin: Twin
    settings: dict[str, Any]
    t: int
    dtype: str

    @functools.cached_property
    def optimizer(self) -> optim.Optimizer:
        return self.twin.ours(convention="torch", **self.settings)

    @property
    def rule(self) -> Any:
        return CATALOG[self.optimizer.rule]

    def draw(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
        """Parameter, gradient and state: gradients of all sizes, the moments they leave, and parameters that are 0."""
        p = rng.normal(size=SIZE) * 10 ** rng.uniform(-6, 2, SIZE) * (rng.random(SIZE) < 0.8)
        size = 10 ** rng.uniform(-3, 3, SIZE)
        drawn = dict(zip(self.rule.state, self.rule.draw_state(rng, [p]), strict=True))
        state = [
            row[0] * (size**2 if self.rule.state[name] == "squares" and name != "u" else size)
            for name, row in drawn.items()
        ]
        arrays = [p, size * rng.normal(size=SIZE), *state]
        p, g, *state = (array.astype(self.dtype) for array in arrays)
        return p, g, state

    def ours(self, p: np.ndarray, g: np.ndarray, state: list[np.ndarray]) -> np.ndarray:
        p, decay = p.copy(), self.settings["weight_decay"]
        options: dict[str, Any] = {}
        if decay:
            options = {"shrink": [self.settings["lr"] * decay]} if self.optimizer.decoupled else {"decay": [decay]}
        hyper = list(self.optimizer.hyperparameters.values())
        kernels.update(
            self.rule.name, [p], [g], [[row.copy()] for row in state], np.array([self.t - 1]), hyper, **options
        )
        return p

    def theirs(self, p: np.ndarray, g: np.ndarray, state: list[np.ndarray], **options: bool) -> np.ndarray:
        tensor = torch.tensor(p)
        tensor.grad = torch.tensor(g)
        optimizer = self.twin.theirs([tensor], **self.twin.arguments(self.settings), **options)
        names = STATES.get(self.twin.theirs.__name__, MOMENTS)
        of_tensor: dict[str, Any] = {
            names[name]: torch.tensor(row) for name, row in zip(self.rule.state, state, strict=True)
        }
        if self.twin.theirs is not torch.optim.SGD:
            of_tensor["step"] = torch.tensor(float(self.t - 1), dtype=torch.float32)
        if self.twin.ours is optim.Nadam:
            of_tensor["mu_product"] = torch.tensor(self.momentum_product(), dtype=torch.float64)
        optimizer.state[tensor] = of_tensor
        optimizer.step()
        return tensor.numpy()

    def momentum_product(self) -> float:
        """NAdam's, of the steps before."""
        beta1, decay = self.settings["beta1"], self.settings["momentum_decay"]
        return math.prod(beta1 * (1 - 0.5 * 0.96 ** (i * decay)) for i in range(1, self.t))

    def errors(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Each element's error, of fastdl and of torch's implementations, in units of the promise."""
        p, g, state = self.draw(rng)
        exact, promised = self.promise(p, g, state)
        results = {"fastdl": self.ours(p, g, state), "torch": self.theirs(p, g, state, foreach=False)}
        if self.twin.theirs in FUSED:
            results["torch, fused"] = self.theirs(p, g, state, fused=True)
        return {name: np.abs(result - exact) / promised for name, result in results.items()}

    def promise(self, p: np.ndarray, g: np.ndarray, state: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """The exact parameter, and how far off a step may be."""
        hyper, decay = self.optimizer.hyperparameters, np.longdouble(self.settings["weight_decay"])
        p, g, *state = extended([p, g, *state])
        sizes = [g]
        if self.optimizer.decoupled:
            p = p * (1 - np.longdouble(self.settings["lr"]) * decay)
        else:
            sizes = [g + decay * p, np.abs(g) + decay * np.abs(p)]  # the sum's rounding, where its terms nearly cancel
            g = sizes[0]
        exact = self.rule.step(self.t, p, g, *state, **hyper)[0]
        size = np.max([self.rule.magnitudes(self.t, p, size, state, hyper)[0] for size in sizes], axis=0)
        slack = self.rule.slack(self.t, p, g, state, hyper, functools.partial(ulp, self.dtype))[0]
        return exact, ulp(self.dtype, exact) + 4 * ulp(self.dtype, size) + slack


def every_setting() -> Iterator[Any]:
    for twin in TWINS:
        for own in ({}, *twin.variants):
            for decay in (0.0, 0.1):
                settings = twin.defaults() | dict(twin.only_ours) | {"lr": LR} | dict(own) | {"weight_decay": decay}
                words = [f"{name}={value}" for name, value in {**own, "weight_decay": decay}.items()]
                yield pytest.param(twin, settings, id="-".join([twin.ours.name, *words]))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("twin", "settings"), list(every_setting()))
def test_a_step_is_no_less_exact_than_torchs(twin, settings, dtype, rng):
    steps = [Case(twin, settings, t, dtype).errors(rng) for t in TIMES]
    ours, *theirs = ({name: np.array([step[name] for step in steps]) for name in steps[0]}).values()
    limit = LIMITS[dtype]
    if settings["weight_decay"]:
        is_decoupled = optim.get(twin.ours.name, convention="torch").decoupled
        limit = max(limit, theirs[0].max() * (1 if is_decoupled else CHANCE_OF_LARGEST))
    assert ours.max() <= limit
    for errors in theirs:
        assert ours.mean() <= CHANCE * errors.mean()
