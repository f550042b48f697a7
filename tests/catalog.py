"""What the tests try everything on: every rule, every optimizer, every function of the kernels.

A new rule is one row of RULES (and a formula of `fastdl.reference`), a new optimizer one row of OPTIMIZERS, a new
function one row of FUNCTIONS.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fastdl import kernels, optim
from fastdl.reference.rules import FORMULAS

DTYPES = ("float32", "float64")

# A step of a rule, from its paper, on arrays of any precision: (t, p, g, *state, **hyper) -> (p, *state). The other
# rules are stepped by the formulas of `fastdl.reference`, which keep the precision of the arrays too; LAMB's does not,
# whose norms are float64. As everywhere, what is worked out of t and the hyper-parameters alone is float64.


def sgd(t, p, g, *, lr):
    return (p - lr * g,)


def momentum(t, p, g, v, *, lr, momentum):
    """The heavy ball: the last step is v."""
    last_step = momentum * v - lr * g
    return p + last_step, last_step


def adagrad(t, p, g, h, *, lr, eps):
    h = h + g**2
    return p - lr * g / (np.sqrt(h) + eps), h


def moments(t, g, m, v, beta1, beta2):
    """Adam's m and v, and what they are with the corrections."""
    beta1, beta2 = np.longdouble(beta1), np.longdouble(beta2)
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    return m, v, m / (1 - beta1**t), v / (1 - beta2**t)


def adam(t, p, g, m, v, *, lr, beta1, beta2, eps):
    """Algorithm 1 of the paper, whose epsilon is the eps of section 2's form over sqrt(1 - beta2^t)."""
    m, v, m_hat, v_hat = moments(t, g, m, v, beta1, beta2)
    return p - lr * m_hat / (np.sqrt(v_hat) + eps / np.sqrt(1 - np.longdouble(beta2) ** t)), m, v


def lamb(t, p, g, m, v, *, lr, beta1, beta2, eps, weight_decay):
    m, v, m_hat, v_hat = moments(t, g, m, v, beta1, beta2)
    u = m_hat / (np.sqrt(v_hat) + eps) + weight_decay * p
    norm_p, norm_u = np.sqrt((p * p).sum()), np.sqrt((u * u).sum())
    return p - lr * (norm_p / norm_u if norm_p > 0 and norm_u > 0 else 1) * u, m, v


def nadam(t, p, g, m, v, *, lr, beta1, beta2, eps, momentum_decay):
    m, v, _, v_hat = moments(t, g, m, v, beta1, beta2)
    mu = np.longdouble(beta1) * (1 - np.longdouble(0.96) ** (np.arange(1, t + 2) * np.longdouble(momentum_decay)) / 2)
    m_bar = (1 - mu[-2]) / (1 - mu[:-1].prod()) * g + mu[-1] / (1 - mu.prod()) * m
    return p - lr * m_bar / (np.sqrt(v_hat) + eps), m, v


def radam_paper(t, p, g, m, v, *, lr, beta1, beta2, eps):
    """rho_t as the mean of 1, 3, 5, ... with the weights that v gives to the gradients, which loses no digits."""
    m, v, m_hat, v_hat = moments(t, g, m, v, beta1, beta2)
    ages, longest = np.arange(t, dtype=np.longdouble), 2 / (1 - np.longdouble(beta2)) - 1
    length = np.average(2 * ages + 1, weights=np.longdouble(beta2) ** ages)
    if length <= 5:
        return p - lr * m_hat, m, v
    r = np.sqrt((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length))
    return p - lr * r * m_hat / (np.sqrt(v_hat) + eps), m, v


def radam(t, p, g, m, v, *, lr, beta1, beta2, eps):
    """Its eps is the other form's over sqrt(1 - beta2^t)."""
    eps = eps / np.sqrt(1 - np.longdouble(beta2) ** t)
    return radam_paper(t, p, g, m, v, lr=lr, beta1=beta1, beta2=beta2, eps=eps)


def by_formula(name):
    def step(t, *arrays, **hyper):
        return FORMULAS[name](*(np.array(array) for array in arrays), t=t, **hyper)

    return step


# Where terms nearly cancel, their rounding is larger than what is left: (the state they make, their size).


def sizes_in_a_variance(g, v, a, rho, **hyper):
    """The variance v - a^2 of centered RMSprop; a counts twice, being rounded before it is squared."""
    return rho * v + (1 - rho) * g**2 + 2 * (rho * np.abs(a) + (1 - rho) * np.abs(g)) ** 2


def sizes_in_a_sign(g, m, **hyper):
    """Lion goes by the sign of the sum of m and g."""
    return np.abs(m) + np.abs(g)


def sizes_in_z(p, g, n, z, lr, l2_shrinkage, **hyper):
    """Ftrl's z, with the difference of the roots in it."""
    roots = np.sqrt(n + g**2) + np.sqrt(n)
    return np.abs(z) + np.abs(g) + (2 * l2_shrinkage + roots / lr) * np.abs(p)


CANCELLATIONS: dict[str, tuple[str, Callable[..., Any]]] = {
    **{
        name: ("v", lambda p, g, v, a, *u, **hyper: sizes_in_a_variance(g, v, a, **hyper))
        for name in FORMULAS
        if "centered" in name
    },
    "lion": ("m", lambda p, g, m, **hyper: sizes_in_a_sign(g, m)),
    "ftrl": ("z", sizes_in_z),
}


@dataclass(frozen=True)
class Rule:
    """A rule of `fastdl.kernels.update`."""

    name: str
    state: Mapping[str, str]  # each state array: "signed", or "squares" that are never negative
    settings: tuple[Mapping[str, float], ...]  # hyper-parameters to try, those of a run first
    step: Callable[..., tuple[Any, ...]]
    ulps: Mapping[str, int] = field(default_factory=dict)  # how exact a step "p" and a state are, unless 4 and 3

    @property
    def is_elementwise(self) -> bool:
        """Whether an element's step depends on that element alone."""
        return self.name != "lamb"

    def draw_state(self, rng: np.random.Generator, like: list[np.ndarray]) -> list[list[np.ndarray]]:
        """A state such as a run leaves behind."""
        rows = [[np.asarray(rng.normal(size=p.shape)).astype(p.dtype) for p in like] for _ in self.state]
        for kind, row in zip(self.state.values(), rows, strict=True):
            if kind == "squares":
                for array in row:
                    np.square(array, out=array)
        state = dict(zip(self.state, rows, strict=True))
        for v, a in zip(state.get("v", ()), state.get("a", ()), strict="a" in state):
            v += a * a  # a mean of squares is at least the square of the mean
        return rows

    def zero_state(self, like: list[np.ndarray]) -> list[list[np.ndarray]]:
        return [[np.zeros(p.shape, p.dtype) for p in like] for _ in self.state]

    def magnitudes(self, t: int, p: Any, g: Any, state: list[Any], hyper: Mapping[str, float]) -> list[Any]:
        """How long a step and how large each state can get with numbers of these sizes, whatever their signs.

        The scale of a step's rounding.
        """
        parameters = (p, -p) if self.name in ("ftrl", "lamb") else (0 * p,)  # the others' steps do not depend on it
        signs = [(1, -1) if kind == "signed" else (1,) for kind in self.state.values()]
        results = []
        for start, *chosen in itertools.product(parameters, *signs):
            after, *states = self.step(t, start, g, *map(np.multiply, state, chosen), **hyper)
            results.append([after - start, *states])
        sizes = [np.max(np.abs(each), axis=0) for each in zip(*results, strict=True)]
        if self.name in CANCELLATIONS:
            name, size = CANCELLATIONS[self.name]
            k = 1 + list(self.state).index(name)
            sizes[k] = np.maximum(sizes[k], size(p, g, *state, **hyper))
        return sizes

    def roundings(self) -> list[int]:
        """The errors in ulps that are promised, of the step and of each state, at their magnitudes.

        A state is within 3: 2 where multiply-adds are fused.
        """
        return [self.ulps.get("p", 4), *(self.ulps.get(name, 3) for name in self.state)]

    def slack(
        self, t: int, p: Any, g: Any, state: list[Any], hyper: Mapping[str, float], ulp: Callable[[Any], Any]
    ) -> list[Any]:
        """How far off the other results are when a state is, whose terms nearly cancel; 0 for most rules."""
        if self.name not in CANCELLATIONS:
            return [0] * (1 + len(state))
        name, size = CANCELLATIONS[self.name]
        k = list(self.state).index(name)
        moved, results = self.roundings()[1 + k] * ulp(size(p, g, *state, **hyper)), []
        for way in (0, -1, 1):
            others = [array + way * moved * (i == k) for i, array in enumerate(state)]
            results.append(self.step(t, p, g, *others, **hyper))
        slack = [np.max(np.abs(np.subtract(each[1:], each[0])), axis=0) for each in zip(*results, strict=True)]
        slack[1 + k] = 0
        return slack


# Hyper-parameters as in a run, and such that a step is as long as the parameter and shows where eps is.
USUAL = {
    "lr": 0.01, "momentum": 0.9, "rho": 0.99, "beta1": 0.9, "beta2": 0.999, "eps": 1e-7, "momentum_decay": 0.004,
    "l1": 0.01, "l2": 0.0, "l2_shrinkage": 0.0, "beta": 1.0, "weight_decay": 0.01,
}  # fmt: skip
LARGE = {
    "lr": 0.3, "momentum": 0.4, "rho": 0.7, "beta1": 0.5, "beta2": 0.6, "eps": 0.1, "momentum_decay": 0.3,
    "l1": 0.3, "l2": 0.2, "l2_shrinkage": 0.1, "beta": 0.5, "weight_decay": 0.5,
}  # fmt: skip


def row(
    name: str,
    state: str,
    hyper: str,
    step: Callable[..., Any] | None = None,
    edge: Mapping[str, float] | None = None,
    ulps: Mapping[str, int] | None = None,
) -> Rule:
    """A rule; ² marks squares. `edge`: hyper-parameters at the ends of their ranges, to be tried as well."""
    kinds = {each.rstrip("²"): "squares" if each.endswith("²") else "signed" for each in state.split()}
    settings = [{each: table[each] for each in hyper.split()} for table in (USUAL, LARGE)]
    if edge:
        settings.append(settings[0] | edge)
    return Rule(name, kinds, tuple(settings), step or by_formula(name), ulps or {})


STEP = {"u": 4}  # a state that holds a step is as exact as one
RULES = (
    row("sgd", "", "lr", sgd),
    row("momentum", "v", "lr momentum", momentum, {"lr": 0.5, "momentum": 0.0}),
    row("momentum_outside", "v", "lr momentum"),
    row("nesterov", "v", "lr momentum", edge={"lr": 0.0}),
    row("nesterov_outside", "v", "lr momentum"),
    row("adagrad", "h²", "lr eps", adagrad, {"eps": 0.0}),
    row("adagrad_inside", "h²", "lr eps"),
    row("rmsprop", "v²", "lr rho eps"),
    row("rmsprop_momentum", "v² u", "lr rho eps momentum", ulps=STEP),
    row("rmsprop_centered", "v² a", "lr rho eps"),
    row("rmsprop_centered_momentum", "v² a u", "lr rho eps momentum", ulps=STEP),
    row("rmsprop_inside", "v²", "lr rho eps"),
    row("rmsprop_inside_momentum", "v² u", "lr rho eps momentum", ulps=STEP),
    row("rmsprop_inside_centered", "v² a", "lr rho eps"),
    row("rmsprop_inside_centered_momentum", "v² a u", "lr rho eps momentum", ulps=STEP),
    row("adadelta", "v² u²", "lr rho eps", ulps={"u": 5}),  # the square of a step
    row("adam", "m v²", "lr beta1 beta2 eps", adam, {"beta1": 0.8, "beta2": 0.9, "eps": 0.0}),
    row("adam_paper", "m v²", "lr beta1 beta2 eps", edge={"eps": 0.0}),
    row("amsgrad", "m v² v_max²", "lr beta1 beta2 eps"),
    row("amsgrad_paper", "m v² v_max²", "lr beta1 beta2 eps"),
    row("amsgrad_corrected", "m v² v_max²", "lr beta1 beta2 eps", ulps={"v_max": 4}),  # a correction more than v
    row("adamax", "m u²", "lr beta1 beta2 eps"),
    row("adamax_inside", "m u²", "lr beta1 beta2 eps"),
    row("nadam", "m v²", "lr beta1 beta2 eps momentum_decay", nadam, {"momentum_decay": np.inf}),
    row("radam", "m v²", "lr beta1 beta2 eps", radam),
    row("radam_paper", "m v²", "lr beta1 beta2 eps", radam_paper),
    row("ftrl", "n² z", "lr l1 l2 l2_shrinkage beta"),
    row("lion", "m", "lr beta1 beta2"),
    row("lamb", "m v²", "lr beta1 beta2 eps weight_decay", lamb, ulps={"p": 5}),  # Adam's, decayed and scaled
)


@dataclass(frozen=True)
class Optimizer:
    """A class of `fastdl.optim`, with the rule of its first convention."""

    kind: type[optim.Optimizer]
    rule: str
    settings: tuple[Mapping[str, float], ...]  # hyper-parameters to try; the defaults come first
    decay: float = 0.0  # decoupled weight decay, by default

    @property
    def name(self) -> str:
        return self.kind.name

    @property
    def state(self) -> tuple[str, ...]:
        return kernels.RULES[self.rule].state

    def start(self, params: list[np.ndarray]) -> list[list[np.ndarray]]:
        """The state before the first step with the defaults."""
        rows = [[np.zeros_like(p) for p in params] for _ in self.state]
        if self.rule == "ftrl":  # where a gradient of 0 leaves p as it is
            z = [np.array(-np.sqrt(0.1) / 0.001 * p, p.dtype) for p in params]
            rows = [[np.full_like(p, 0.1) for p in params], z]
        return rows

    def step(self, params: Any, grads: Any, rows: Any, steps: Any, setting: Mapping[str, float]) -> None:
        """The kernel's step that the class's is to be."""
        options = {"shrink": [setting["lr"] * self.decay] * len(params)} if self.decay else {}
        kernels.update(self.rule, params, grads, rows, steps, list(setting.values()), **options)


def tried(defaults: Mapping[str, float]) -> tuple[Mapping[str, float], ...]:
    return defaults, {name: LARGE[name] for name in defaults}


BETAS = {"beta1": 0.9, "beta2": 0.999}
OPTIMIZERS = (
    Optimizer(optim.SGD, "sgd", tried({"lr": 0.01})),
    Optimizer(optim.Momentum, "momentum", tried({"lr": 0.01, "momentum": 0.9})),
    Optimizer(optim.Nesterov, "nesterov", tried({"lr": 0.01, "momentum": 0.9})),
    Optimizer(optim.AdaGrad, "adagrad", tried({"lr": 0.01, "eps": 1e-7})),
    Optimizer(optim.RMSprop, "rmsprop", tried({"lr": 0.01, "rho": 0.99, "eps": 1e-7})),
    Optimizer(optim.Adadelta, "adadelta", tried({"lr": 1.0, "rho": 0.95, "eps": 1e-6})),
    Optimizer(optim.Adam, "adam", tried({"lr": 0.001, **BETAS, "eps": 1e-7})),
    Optimizer(optim.AdamW, "adam_paper", tried({"lr": 0.001, **BETAS, "eps": 1e-8}), decay=0.01),
    Optimizer(optim.Adamax, "adamax", tried({"lr": 0.002, **BETAS, "eps": 1e-8})),
    Optimizer(optim.Nadam, "nadam", tried({"lr": 0.002, **BETAS, "eps": 1e-8, "momentum_decay": 0.004})),
    Optimizer(optim.RAdam, "radam", tried({"lr": 0.001, **BETAS, "eps": 1e-8})),
    Optimizer(optim.Ftrl, "ftrl", tried({"lr": 0.001, "l1": 0.0, "l2": 0.0, "l2_shrinkage": 0.0, "beta": 0.0})),
    Optimizer(optim.Lion, "lion", tried({"lr": 1e-4, "beta1": 0.9, "beta2": 0.99})),
    Optimizer(optim.LAMB, "lamb", tried({"lr": 0.001, **BETAS, "eps": 1e-6, "weight_decay": 0.0})),
)


# Arguments that may not be any number: made of normal ones.
RANGES: dict[str, dict[str, Callable[[np.ndarray], np.ndarray]]] = {
    "softmax_cross_entropy": {"class_weights": np.abs},
    "sigmoid_cross_entropy": {"targets": lambda t: np.abs(t) % 1},
}


@dataclass(frozen=True)
class Function:
    """A function of `fastdl.kernels` on arrays. In shapes, letters stand for sizes: "3B" is (3, B)."""

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
        return "".join(sorted(set("".join([*self.reads.values(), *self.writes])) - set("0123456789")))

    def arguments(self, sizes: Mapping[str, int], dtype: str, rng: np.random.Generator) -> dict[str, Any]:
        """Random arguments by name, arrays and options."""
        arrays = {name: rng.normal(size=shape(at, sizes)).astype(dtype) for name, at in self.reads.items()}
        if self.op == "affine_backward" and self.options["activation"] not in ("identity", *kernels.NEED_INPUT):
            arrays["saved"] = kernels.activation_forward(arrays["saved"], self.options["activation"])
        for name in arrays.keys() & RANGES.get(self.op, {}).keys():
            arrays[name] = RANGES[self.op][name](arrays[name])
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
    return tuple(int(letter) if letter.isdigit() else sizes[letter] for letter in letters)


FUNCTIONS = (
    *(
        function
        for name in kernels.ACTIVATIONS
        for function in (
            Function("affine_forward", {"x": "BI", "W": "IO", "b": "O"}, ("BO",), {"activation": name}),
            Function(
                "affine_backward",
                {"dout": "BO", "x": "BI", "W": "IO"} | ({} if name == "identity" else {"saved": "BO"}),
                ("BI", "IO", "O"),
                {"activation": name},
            ),
            Function("activation_forward", {"x": "BO"}, ("BO",), {"activation": name}, in_place=("x",)),
            Function(
                "activation_backward",
                {"dout": "BO", "saved": "BO"},
                ("BO",),
                {"activation": name},
                in_place=("dout", "saved"),
            ),
        )
    ),
    *(
        function
        for name, scale in (("identity", None), ("tanh", 1.0))
        for function in (
            Function(
                "dropout_forward",
                {"x": "BO"},
                ("BO",),
                {"ratio": 0.3, "seed": 5, "activation": name, "scale": scale},
                in_place=("x",),
            ),
            Function(
                "dropout_backward",
                {"dout": "BO", "y": "BO"},
                ("BO",),
                {"ratio": 0.3, "seed": 5, "activation": name, "scale": scale},
                in_place=("dout", "y"),
            ),
        )
    ),
    *(
        Function("add", {"a": "BO", "b": "BO"}, ("BO",), {"activation": name}, in_place=("a", "b"))
        for name in ("identity", "tanh")
    ),
    Function("softmax", {"x": "BO"}, ("BO",)),
    Function("softmax_cross_entropy", {"logits": "BO"}, ("BO",), numbers={"labels": "BO"}),
    *(
        Function(
            "softmax_cross_entropy",
            {"logits": "BO", "class_weights": "O"},
            ("BO",),
            {"label_smoothing": smoothing, "ignore_index": 0},
            numbers={"labels": "BO"},
        )
        for smoothing in (0, 0.1)
    ),
    Function("sigmoid_cross_entropy", {"logits": "BO", "targets": "BO"}, ("BO",)),
    Function("mean_squared_error", {"predictions": "BO", "targets": "BO"}, ("BO",)),
    Function("huber", {"predictions": "BO", "targets": "BO"}, ("BO",), {"delta": 0.7}),
    *(
        function
        for name in ("identity", "tanh")
        for array, channels in (("BO", "O"), ("B2I", "2"))
        for function in (
            Function(
                "batch_norm_forward",
                {"x": array.replace("BO", "3O"), "gamma": channels, "beta": channels},
                (array.replace("BO", "3O"), f"3{channels}"),  # a batch of one has no variance
                {"activation": name},
            ),
            Function(
                "batch_norm_inference",
                {"x": array} | dict.fromkeys(("gamma", "beta", "mean", "variance"), channels),
                (array,),
                {"activation": name},
            ),
            Function(
                "batch_norm_backward",
                {"dout": array, "x": array, "gamma": channels, "statistics": f"3{channels}"}
                | ({} if name == "identity" else {"y": array}),
                (array, channels, channels),
                {"activation": name},
            ),
        )
    ),
    Function("layer_norm_forward", {"x": "BO", "gamma": "O", "beta": "O"}, ("BO", "3B")),
    Function("layer_norm_backward", {"dout": "BO", "x": "BO", "gamma": "O", "statistics": "3B"}, ("BO", "O", "O")),
    Function("gather", {"data": "IO"}, ("BO",), {"scale": 0.3}, numbers={"indices": "BI"}),
)
