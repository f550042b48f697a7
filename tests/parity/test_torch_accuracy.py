"""How exact one step is, of fastdl with convention="torch" and of torch.optim, from the same state in the same dtype.

The error of an element is measured by what fastdl promises: an ulp of the parameter and 4 of the step. Both are compared
with the formula in extended precision, so the error of float32 and that of float64 are measured in the same way.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from fastdl import kernels, optim
from tests.catalog import DTYPES, RULES
from tests.parity.experiment import EXTRA, Twin
from tests.parity.test_torch import TWINS
from tests.test_update import extended, ulp

torch = pytest.importorskip("torch", reason=EXTRA)

pytestmark = pytest.mark.parity

SIZE = 20_000
TIMES = (1, 2, 10, 1000)
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
        """Parameter, gradient and state: gradients of all sizes with the moments that they leave, and 0 parameters too."""
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
            options = {"shrink": [1 - self.settings["lr"] * decay]} if self.optimizer.decoupled else {"decay": [decay]}
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
