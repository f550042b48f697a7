"""Activations that users write: a function of a number, compiled by Numba to run on fastdl's engine."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, overload

import numpy as np
from numpy.typing import NDArray

from fastdl import kernels
from fastdl._functions.compiled import Tile
from fastdl._functions.split import Form, Split, split
from fastdl.errors import HyperparameterError, RuleError
from fastdl.kernels import CompiledFunction
from fastdl.nn.layer import Layer, not_trained

Function = Callable[..., Any]


class UserActivation(Layer):
    """The base of the layers that :func:`activation` makes.

    From a forward pass in training until the next one it keeps its input.

    Attributes
    ----------
    function : function
        What the user wrote.
    defaults : dict of str to float
        Its hyper-parameters, which are attributes of the layer.
    compiled_forward, compiled_backward : CompiledFunction
        The result of x, and dout times the derivative of dout and x.
    """

    function: ClassVar[Function]
    defaults: ClassVar[dict[str, float]]
    compiled_forward: ClassVar[CompiledFunction]
    compiled_backward: ClassVar[CompiledFunction]
    _parts: ClassVar[Split]

    def __init__(self, **hyperparameters: float) -> None:
        super().__init__()
        for name in hyperparameters:
            if name not in self.defaults:
                expected = f"one of {', '.join(self.defaults)}" if self.defaults else "none"
                raise HyperparameterError("unknown", op=type(self).__name__, arg=name, expected=expected)
        for name, value in (self.defaults | hyperparameters).items():
            setattr(self, name, value)
        self._saved: NDArray[Any] | None = None
        self._coefficients()  # refuses what is no number

    def forward(self, x: NDArray[Any], train: bool = False) -> NDArray[Any]:
        y = kernels.map_elements(self.compiled_forward, (x,), self._coefficients())
        if train:
            self._saved = x
        return y

    def backward(self, dout: NDArray[Any]) -> NDArray[Any]:
        if self._saved is None:
            raise not_trained(f"{type(self).__name__}.backward")
        return kernels.map_elements(self.compiled_backward, (dout, self._saved), self._coefficients())

    def _coefficients(self) -> list[float]:
        """What the function's expressions of hyper-parameters come to."""
        values = {name: getattr(self, name) for name in self.defaults}
        for name, value in values.items():
            if not _is_number(value):
                raise HyperparameterError(
                    "not possible", op=type(self).__name__, arg=name, expected="a finite number", got=repr(value)
                )
        return self._parts.coefficients(*map(float, values.values()))


@overload
def activation(function: Function, /) -> type[UserActivation]: ...
@overload
def activation(**hyperparameters: float) -> Callable[[Function], type[UserActivation]]: ...
def activation(function: Any = None, /, **hyperparameters: float) -> Any:
    """Make an activation layer of a function of a number, which returns its result and its derivative there.

    It is a layer of its own, like :class:`ReLU`, after an :class:`Affine` without an activation, and has what fastdl's
    own have: threads, any layout and both dtypes, plans. The function is read when it is decorated and compiled at the
    first pass, once for each dtype and direction; that takes about a second. What depends on hyper-parameters alone is
    worked out in double precision; the rest in the dtype of x. Where the result does not need what is computed for the
    derivative, or the other way round, the compiler leaves it out.

    Parameters
    ----------
    function : function
        ``f(x, *, **hyperparameters)``, which returns ``f(x), f'(x)``. It may consist of assignments, ``if`` and
        ``return``, with the functions of NumPy and ``math`` and whatever else Numba compiles.
    **hyperparameters : float
        The hyper-parameters with their defaults: ``@activation(alpha=0.1)``.

    Returns
    -------
    class of layers, or with hyper-parameters the decorator that makes it

    Raises
    ------
    RuleError
        If the function is not of this form, or at the first pass if Numba cannot compile it; with the line.
    MissingDependencyError
        At the first pass, if Numba is not installed.

    Examples
    --------
    >>> import math
    >>> import numpy as np
    >>> from fastdl import nn
    >>> @nn.activation
    ... def mish(x):
    ...     e = math.exp(-abs(x))
    ...     t = math.tanh(max(x, 0) + math.log1p(e))
    ...     return x * t, t + x * (1 - t * t) * (1 if x > 0 else e) / (1 + e)
    >>> layer = mish()
    >>> layer.forward(np.array([-1.0, 0.0, 2.0]), train=True).round(4)
    array([-0.3034,  0.    ,  1.944 ])
    >>> layer.backward(np.ones(3)).round(4)
    array([0.0592, 0.6   , 1.0693])
    >>> nn.check_activation(mish) < 1e-12
    True
    """

    def decorate(function: Function) -> type[UserActivation]:
        name = getattr(function, "__name__", repr(function))
        _check_hyperparameters(name, hyperparameters)
        parts = split(function, Form("activation", ("x",), 1, tuple(hyperparameters), (), ("y", "slope")))
        forward = Tile(parts, 2, "p1[i] = element(p0[i], {coefficients})[0]")
        backward = Tile(parts, 3, "p2[i] = p0[i] * element(p1[i], {coefficients})[1]")
        keyword = inspect.Parameter.KEYWORD_ONLY
        attributes = {
            "__doc__": function.__doc__ or f"The activation ``{name}``; see :func:`fastdl.nn.activation`.",
            "__module__": function.__module__,
            "__qualname__": function.__qualname__,
            "__signature__": inspect.Signature(
                [inspect.Parameter(each, keyword, default=value) for each, value in hyperparameters.items()]
            ),
            "can_be_planned": True,
            "function": staticmethod(function),
            "defaults": dict(hyperparameters),
            "compiled_forward": CompiledFunction(name, 1, forward.address),
            "compiled_backward": CompiledFunction(name, 2, backward.address),
            "_parts": parts,
        }
        return type(name, (UserActivation,), attributes)

    return decorate if function is None else decorate(function)


def _check_hyperparameters(op: str, hyperparameters: Mapping[str, Any]) -> None:
    taken = {*dir(UserActivation), *UserActivation.__annotations__, "params", "grads", "x"}
    for name, value in hyperparameters.items():
        if name.startswith("_") or name in taken:
            raise RuleError("a name that layers use for something else", op=op, arg=name, hint="Choose another one")
        if not _is_number(value):
            raise RuleError("not possible", op=op, arg=name, expected="a finite number", got=repr(value))


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer that no float comes near
        return False


def check_activation(
    activation: type[UserActivation],
    *,
    size: int = 1000,
    dtype: str = "float64",
    seed: int = 0,
    **hyperparameters: float,
) -> float:
    """Compare a compiled activation with its own function, run by Python, and its derivative with differences.

    Parameters
    ----------
    activation : class made by :func:`activation`
        What is checked.
    size : int
        At how many numbers, drawn from a normal distribution of standard deviation 3.
    dtype : {"float32", "float64"}
        Of the compiled activation's arrays.
    seed : int
        Of the numbers.
    **hyperparameters : float
        Those of the layer.

    Returns
    -------
    float
        The largest difference of results and gradients, relative to the largest element.

    Raises
    ------
    RuleError
        If it is above 1e-12, or 1e-5 in float32; or if the derivative is off by more than 1e-6, relative where it is
        above 1, from differences over ±1e-5.

    Examples
    --------
    >>> from fastdl import nn
    >>> @nn.activation(scale=1.0)
    ... def softsign(x, *, scale):
    ...     size = 1 + abs(scale * x)
    ...     return scale * x / size, scale / (size * size)
    >>> nn.check_activation(softsign, scale=2) < 1e-12
    True
    """
    layer = activation(**hyperparameters)
    hyper = {name: getattr(layer, name) for name in layer.defaults}
    rng = np.random.default_rng(seed)
    x, dout = 3 * rng.standard_normal(size).astype(dtype), rng.standard_normal(size).astype(dtype)

    def by_python(values: NDArray[Any]) -> NDArray[np.float64]:
        return np.array([activation.function(value, **hyper) for value in values.tolist()], np.float64).T

    y, slope = by_python(x)
    got, expected = [layer.forward(x, train=True), layer.backward(dout)], [y, dout * slope]
    worst = max(float(np.abs(a - b).max() / max(np.abs(b).max(), 1e-300)) for a, b in zip(got, expected, strict=True))
    bound = 1e-12 if dtype == "float64" else 1e-5
    if not worst <= bound:
        raise RuleError(
            "the compiled activation differs from its function",
            op=activation.__name__,
            expected=f"<= {bound}",
            got=str(worst),
        )
    step = 1e-5
    by_differences = (by_python(x + np.float64(step))[0] - by_python(x - np.float64(step))[0]) / (2 * step)
    errors = np.abs(slope - by_differences) / np.maximum(np.abs(by_differences), 1)
    k = errors.argmax()
    if not errors[k] <= 1e-6:
        raise RuleError(
            f"the derivative at x = {x[k]:.6g} is another one",
            op=activation.__name__,
            expected=f"{by_differences[k]:.6g}, by differences",
            got=f"{slope[k]:.6g}",
        )
    return worst
