"""What the tests try everything on: every rule with its optimizer, every function of the kernels.

A new rule is one row of RULES and its formula, a new function one row of FUNCTIONS.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fastdl import kernels, optim

DTYPES = ("float32", "float64")

# A step of each rule, from its paper, on arrays of any precision: (t, p, g, *state, **hyper) -> (p, *state).


def sgd(t, p, g, *, lr):
    return (p - lr * g,)


def momentum(t, p, g, v, *, lr, momentum):
    """The heavy ball: the last step is v."""
    last_step = momentum * v - lr * g
    return p + last_step, last_step


def adagrad(t, p, g, h, *, lr, eps):
    h = h + g**2
    return p - lr * g / (np.sqrt(h) + eps), h


def adam(t, p, g, m, v, *, lr, beta1, beta2, eps):
    """Algorithm 1 of the paper, whose epsilon is the eps of section 2's form over sqrt(1 - beta2^t).

    The corrections are worked out in double precision, as everywhere; they lose digits while t is small.
    """
    correction1, correction2 = 1 - beta1**t, np.longdouble(1 - beta2**t)
    beta1, beta2 = np.longdouble(beta1), np.longdouble(beta2)
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat, v_hat = m / correction1, v / correction2
    return p - lr * m_hat / (np.sqrt(v_hat) + eps / np.sqrt(correction2)), m, v


@dataclass(frozen=True)
class Rule:
    """A rule of `fastdl.kernels.update` and its class in `fastdl.optim`."""

    name: str
    optimizer: type[optim.Optimizer]
    state: Mapping[str, str]  # each state array: "signed", or "squares" that are never negative
    settings: tuple[Mapping[str, float], ...]  # hyper-parameters to try; the class's defaults come first
    step: Callable[..., tuple[Any, ...]]

    def draw_state(self, rng: np.random.Generator, like: list[np.ndarray]) -> list[list[np.ndarray]]:
        """A state such as a run leaves behind."""
        rows = [[np.asarray(rng.normal(size=p.shape)).astype(p.dtype) for p in like] for _ in self.state]
        for kind, row in zip(self.state.values(), rows, strict=True):
            if kind == "squares":
                for array in row:
                    np.square(array, out=array)
        return rows

    def zero_state(self, like: list[np.ndarray]) -> list[list[np.ndarray]]:
        return [[np.zeros(p.shape, p.dtype) for p in like] for _ in self.state]

    def magnitudes(self, t: int, g: Any, state: list[Any], hyper: Mapping[str, float]) -> list[Any]:
        """How long a step and how large each state can get with numbers of these sizes, whatever their signs.

        The scale of a step's rounding.
        """
        signs = [(1, -1) if kind == "signed" else (1,) for kind in self.state.values()]
        results = [
            self.step(t, 0 * g, g, *map(np.multiply, state, chosen), **hyper) for chosen in itertools.product(*signs)
        ]
        return [np.max(np.abs(each), axis=0) for each in zip(*results, strict=True)]


RULES = (
    Rule("sgd", optim.SGD, {}, ({"lr": 0.01}, {"lr": 1.0}), sgd),
    Rule(
        "momentum",
        optim.Momentum,
        {"v": "signed"},
        ({"lr": 0.01, "momentum": 0.9}, {"lr": 0.5, "momentum": 0.0}, {"lr": 0.0, "momentum": 0.99}),
        momentum,
    ),
    Rule(
        "adagrad",
        optim.AdaGrad,
        {"h": "squares"},
        ({"lr": 0.01, "eps": 1e-7}, {"lr": 1.5, "eps": 0.1}, {"lr": 0.3, "eps": 0.0}),
        adagrad,
    ),
    Rule(
        "adam",
        optim.Adam,
        {"m": "signed", "v": "squares"},
        (
            {"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-7},
            {"lr": 0.3, "beta1": 0.5, "beta2": 0.6, "eps": 0.01},
            {"lr": 0.01, "beta1": 0.8, "beta2": 0.9, "eps": 0.0},
        ),
        adam,
    ),
)


@dataclass(frozen=True)
class Function:
    """A function of `fastdl.kernels` on arrays. In shapes, letters stand for sizes: "BI" is (B, I)."""

    op: str
    reads: Mapping[str, str]  # the arguments that are floats: name and shape
    writes: tuple[str, ...]  # the shapes of the results
    options: Mapping[str, Any] = field(default_factory=dict)
    numbers: Mapping[str, str] = field(default_factory=dict)  # integers: size, and what they stay below
    in_place: tuple[str, ...] = ()  # what `out` may be

    def __str__(self) -> str:
        return "-".join([self.op, *(str(value) for value in self.options.values())])

    @property
    def sizes(self) -> str:
        """The letters in its shapes."""
        return "".join(sorted(set("".join([*self.reads.values(), *self.writes]))))

    def arguments(self, sizes: Mapping[str, int], dtype: str, rng: np.random.Generator) -> dict[str, Any]:
        """Random arguments by name, arrays and options."""
        arrays = {name: rng.normal(size=shape(at, sizes)).astype(dtype) for name, at in self.reads.items()}
        if self.op == "affine_backward" and "y" in arrays:
            arrays["y"] = kernels.activation_forward(arrays["y"], self.options["activation"])
        for name, (size, below) in self.numbers.items():
            arrays[name] = rng.integers(sizes[below], size=sizes[size])
        return arrays | self.options | ({"dtype": dtype} if self.op == "gather" else {})

    def __call__(self, **arguments: Any) -> tuple[Any, ...]:
        """The results, as a tuple also where there is only one."""
        results = getattr(kernels, self.op)(**arguments)
        return results if isinstance(results, tuple) else (results,)

    def out(self, arrays: list[Any]) -> Any:
        """The `out=` argument for these places of the results."""
        return tuple(arrays) if len(arrays) > 1 else arrays[0]


def shape(letters: str, sizes: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(sizes[letter] for letter in letters)


FUNCTIONS = (
    *(
        function
        for name in kernels.ACTIVATIONS
        for function in (
            Function("affine_forward", {"x": "BI", "W": "IO", "b": "O"}, ("BO",), {"activation": name}),
            Function(
                "affine_backward",
                {"dout": "BO", "x": "BI", "W": "IO"} | ({} if name == "identity" else {"y": "BO"}),
                ("BI", "IO", "O"),
                {"activation": name},
            ),
            Function("activation_forward", {"x": "BO"}, ("BO",), {"activation": name}, in_place=("x",)),
            Function(
                "activation_backward",
                {"dout": "BO", "y": "BO"},
                ("BO",),
                {"activation": name},
                in_place=("dout", "y"),
            ),
        )
    ),
    Function("softmax", {"x": "BO"}, ("BO",)),
    Function("softmax_cross_entropy", {"logits": "BO"}, ("BO",), numbers={"labels": "BO"}),
    Function("gather", {"data": "IO"}, ("BO",), {"scale": 0.3}, numbers={"indices": "BI"}),
)
