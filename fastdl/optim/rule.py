"""Optimizers of rules that users write: a function of scalars, compiled by Numba to run on fastdl's engine."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from fastdl._functions.compiled import Tile, compile_prepare
from fastdl._functions.split import Form, Split, split
from fastdl.errors import HyperparameterError, RuleError
from fastdl.kernels import CompiledRule
from fastdl.optim.conventions import Convention
from fastdl.optim.hyperparameters import checked
from fastdl.optim.optimizer import Optimizer
from fastdl.optim.options import Options

Function = Callable[..., Any]


class UserRule(Optimizer):
    """The base of the optimizers that :func:`rule` makes.

    Attributes
    ----------
    function : function
        What the user wrote. It works on arrays as well, where it has no ``if``: then it is the rule's own reference.
    """

    function: ClassVar[Function]
    compiled: ClassVar[CompiledRule]

    def __init__(self, lr: Any = None, *, convention: str | None = None, **settings: Any) -> None:
        hyper = self.compiled.hyper
        given = {"lr": lr} | {name: settings.pop(name) for name in list(settings) if name in hyper}
        options: Options = settings  # type: ignore[assignment]  # their names are checked by the base
        super().__init__(given, convention, options)

    def _choose_rule(self, convention: Convention) -> CompiledRule:
        return self.compiled

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__getstate__().items() if name not in ("rule", "spec")}

    def __setstate__(self, attributes: dict[str, Any]) -> None:
        super().__setstate__(attributes | {"rule": self.compiled, "spec": self.compiled})


def rule(
    *,
    state: Sequence[str] = (),
    start: Mapping[str, float] | None = None,
    squares: Sequence[str] = (),
    **hyperparameters: float,
) -> Callable[[Function], type[UserRule]]:
    """Make an optimizer of a function that steps one element.

    The optimizer has everything that fastdl's own have: threads, any layout and both dtypes, groups, clipping, weight
    decay, schedules, checked and saved state. The function is read when it is decorated and compiled at the first
    step, once for each dtype; that takes about a second. Whatever depends on hyper-parameters alone, such as ``1 -
    beta1 ** t``, is worked out once a step in double precision; the rest in the dtype of the parameter.

    Parameters
    ----------
    state : sequence of str
        Names of the state arrays.
    start : mapping of str to float, optional
        State arrays that do not start at 0.
    squares : sequence of str
        State arrays whose elements are never negative, and are divided by: with ``state_dtype="uint8"`` they have a
        wider range, and do not become 0.
    **hyperparameters : float
        The hyper-parameters with their defaults; ``lr`` is one of them.

    Returns
    -------
    decorator
        It takes ``f(p, g, *state, *, t, **hyperparameters)``, which returns the new p and states (t = 1 in the first
        step, and may be left out), and returns a class of optimizers. The function may consist of assignments, ``if``
        and ``return``, with NumPy's functions and whatever else Numba compiles.

    Raises
    ------
    RuleError
        If the function is not of this form, or at the first step if Numba cannot compile it; with the line.
    MissingDependencyError
        At the first step, if Numba is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import optim
    >>> @optim.rule(state=("v",), lr=0.01, momentum=0.9)
    ... def clipped_momentum(p, g, v, *, lr, momentum):
    ...     v = momentum * v - lr * np.minimum(np.maximum(g, -1), 1)
    ...     return p + v, v
    >>> params = {"W": np.array([1.0, 1.0])}
    >>> clipped_momentum(lr=0.1).update(params, {"W": np.array([0.5, 100.0])})
    >>> params["W"]
    array([0.95, 0.9 ])
    """

    def decorate(function: Function) -> type[UserRule]:
        name = function.__name__
        _check_names(name, state, {"start": start or {}, "squares": squares}, hyperparameters)
        _check_numbers(name, start or {}, hyperparameters)
        hyper = tuple(hyperparameters)
        parts = split(function, form_of(state, hyper))
        compiled = CompiledRule(
            name,
            tuple(state),
            hyper,
            _coefficients_of(parts),
            _Prepare(parts),
            _tile(parts, state).address,
            tuple(squares),
        )
        attributes = {
            "__doc__": function.__doc__ or f"The rule ``{name}``; see :func:`fastdl.optim.rule`.",
            "__module__": function.__module__,
            "__qualname__": function.__qualname__,
            "__signature__": _signature(hyperparameters),
            "name": name,
            "conventions": {"user": Convention(name, dict(hyperparameters), dict(start or {}))},
            "function": staticmethod(function),
            "compiled": compiled,
        }
        return type(name, (UserRule,), attributes)

    return decorate


def _check_names(
    op: str, state: Sequence[str], described: Mapping[str, Iterable[str]], hyper: Mapping[str, float]
) -> None:
    """Check that the names are the rule's own, and that states of which something is said are among them."""
    if "lr" not in hyper:
        raise RuleError("has no learning rate", op=op, arg="lr", expected="@rule(lr=..., ...)")
    for i, name in enumerate(state):
        if not isinstance(name, str) or not name.isidentifier() or name in {*hyper, *state[:i]}:
            raise RuleError("not a name of its own", op=op, arg="state", got=repr(name))
    for arg, name in ((arg, name) for arg, names in described.items() for name in names):
        if name not in state:
            raise RuleError("no such state", op=op, arg=arg, expected=f"one of {', '.join(state)}", got=repr(name))
    taken = {*dir(UserRule), *Optimizer.__annotations__, *UserRule.__annotations__, *Options.__annotations__}
    for name in hyper:
        if name.startswith("_") or name in {*taken, "t", "convention", "rule", "spec"} - {"lr", "weight_decay"}:
            raise RuleError("a name that optimizers use for something else", op=op, arg=name, hint="Choose another one")


def _check_numbers(op: str, start: Mapping[str, float], hyper: Mapping[str, float]) -> None:
    for arg, value in (*(("start", value) for value in start.values()), *hyper.items()):
        try:
            checked(arg, value, op)
        except HyperparameterError as error:
            raise RuleError(error.problem, op=op, arg=arg, expected=error.expected, got=error.got) from None


def form_of(state: Sequence[str], hyper: Sequence[str]) -> Form:
    """What a rule has to look like: ``f(p, g, *state, *, t, **hyper)``, returning p and the state."""
    return Form("rule", ("p", "g", *state), 2, hyper, ("t",), ("p", *state))


def _tile(parts: Split, state: Sequence[str]) -> Tile:
    """A step of each element of {parameter, gradient, states ...}."""
    arrays = [f"p{k}[i]" for k in range(2 + len(state))]
    results = "".join(f"{array}, " for k, array in enumerate(arrays) if k != 1)
    return Tile(parts, len(arrays), f"{results} = element({', '.join(arrays)}, {{coefficients}})")


def _coefficients_of(parts: Split) -> Function:
    """The same, of the number of the step too where the rule does not ask for it."""
    if "t" in parts.scalars:
        return parts.coefficients
    return lambda t, *hyper: parts.coefficients(*hyper)


class _Prepare:
    """Compiles what works out a rule's coefficients when the engine first asks for its address, and keeps it."""

    def __init__(self, parts: Split) -> None:
        self._parts = parts

    def __call__(self) -> tuple[int, int]:
        return self._prepared

    @cached_property
    def _prepared(self) -> tuple[int, int]:
        self._compiled = compile_prepare(self._parts)
        return 0 if self._compiled is None else self._compiled.address, self._parts.coefficient_count


def _signature(hyperparameters: Mapping[str, float]) -> inspect.Signature:
    positional, keyword = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter("lr", positional, default=None)]
    parameters += [inspect.Parameter(name, keyword, default=None) for name in hyperparameters if name != "lr"]
    return inspect.Signature([*parameters, inspect.Parameter("convention", keyword, default=None)])


def check_rule(
    optimizer: type[UserRule],
    *,
    size: int = 1000,
    steps: int = 5,
    dtype: str = "float64",
    seed: int = 0,
    **settings: Any,
) -> float:
    """Compare a compiled rule with its own function, run by Python in float64.

    Parameters
    ----------
    optimizer : class made by :func:`rule`
        What is checked.
    size, steps : int
        How many elements, and for how many steps.
    dtype : {"float32", "float64"}
        Of the compiled rule's arrays.
    seed : int
        Of the numbers.
    **settings : float
        Hyper-parameters.

    Returns
    -------
    float
        The largest difference of parameter and states, relative to the largest element.

    Raises
    ------
    RuleError
        If it is above 1e-12, or 1e-5 in float32.

    Examples
    --------
    >>> from fastdl import optim
    >>> @optim.rule(lr=0.1)
    ... def sign_descent(p, g, *, lr):
    ...     return p - lr * np.sign(g)
    >>> optim.check_rule(sign_descent)
    0.0
    """
    made = optimizer(**settings)
    rng = np.random.default_rng(seed)
    params = {"p": rng.standard_normal(size).astype(dtype)}
    start = made.conventions["user"].start
    expected = [params["p"].astype(np.float64)]
    expected += [np.full(size, start.get(name, 0.0)) for name in made.compiled.state]
    takes_t = "t" in inspect.signature(optimizer.function).parameters
    for step in range(1, steps + 1):
        g = rng.standard_normal(size).astype(dtype)
        made.update(params, {"p": g})
        hyper = made.hyperparameters | ({"t": step} if takes_t else {})
        rows = [
            np.atleast_1d(optimizer.function(*map(float, row), **hyper))
            for row in zip(expected[0], g, *expected[1:], strict=True)
        ]
        expected = list(np.array(rows, dtype=np.float64).T)
    got = [params["p"], *(made.state[name]["p"] for name in made.compiled.state)]
    errors = [np.abs(a - b).max() / max(np.abs(b).max(), 1e-300) for a, b in zip(got, expected, strict=True)]
    worst = float(max(errors))
    bound = 1e-12 if dtype == "float64" else 1e-5
    if not worst <= bound:
        raise RuleError(
            "the compiled rule differs from its function", op=optimizer.name, expected=f"<= {bound}", got=str(worst)
        )
    return worst
