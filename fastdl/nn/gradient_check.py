"""Gradients of a network or layer held against numerical differentiation."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fastdl.errors import ArrayError, DtypeError, FastdlError, HyperparameterError, KeyMismatchError
from fastdl.nn.layer import Layer, every_layer
from fastdl.nn.sequential import keys_of

Array = NDArray[Any]

# A smaller step is tried where a larger one finds another gradient than the backward pass: it may have stepped over the
# kink of a ReLU, or the function bends much. At the kink itself, where units lie whose inputs are all 0, the backward
# pass has the slope of one side.
STEPS = (1e-4, 1e-5, 1e-6, 1e-7)

# A parameter's errors are relative to its largest gradient, but at least to this share of the network's largest: the
# gradient of a bias before batch normalization is 0, and its differences are rounding.
FLOOR = 1e-3


class Differentiable(Protocol):
    """What `check_gradients` asks of a network; `Sequential` has it."""

    @property
    def params(self) -> dict[str, Array]:
        """The arrays that the loss depends on."""

    def loss_and_gradient(self, x: Array, t: Array) -> tuple[float, dict[str, Array]]:
        """The loss in training, and its gradient under the keys of ``params``."""


@dataclass(frozen=True, slots=True)
class GradientError:
    """How far one parameter's gradient is from differences of the loss.

    Parameters
    ----------
    name : str
        Its key in the network's ``params``; "input" for a layer's input.
    size, checked : int
        How many elements it has, and how many of them were checked.
    largest : float
        The largest magnitude in its gradient.
    error : float
        The largest difference of backward pass and numerical differentiation, relative to ``largest``, but at least to
        a thousandth of the network's largest gradient.
    index : tuple of int
        The element where that is.
    backward, numerical : float
        The two results there.
    """

    name: str
    size: int
    checked: int
    largest: float
    error: float
    index: tuple[int, ...]
    backward: float
    numerical: float


@dataclass(frozen=True, slots=True)
class GradientReport:
    """What `check_gradients` found.

    Parameters
    ----------
    parameters : tuple of GradientError
        One for each parameter that has elements, in the order of ``params``.
    tolerance : float
        The relative error up to which a gradient is right.

    Examples
    --------
    >>> print(GradientReport((GradientError("W1", 600, 100, 0.25, 3e-9, (0, 2), -0.1, -0.1),), 1e-6))
    parameter  elements checked  largest gradient  relative error
    W1               100 of 600              0.25         3.0e-09
    the gradients are right: largest relative error 3.0e-09, of W1, not above 1.0e-06
    """

    parameters: tuple[GradientError, ...]
    tolerance: float

    @property
    def worst(self) -> GradientError:
        """The parameter with the largest relative error; one that is NaN counts as the largest."""
        return max(self.parameters, key=lambda each: (np.isnan(each.error), each.error))

    @property
    def ok(self) -> bool:
        """Whether no relative error is above the tolerance."""
        return bool(self.worst.error <= self.tolerance)

    def __str__(self) -> str:
        width = max(len("parameter"), *(len(each.name) for each in self.parameters))
        lines = [f"{'parameter':{width}}  {'elements checked':>16}  {'largest gradient':>16}  relative error"]
        for each in self.parameters:
            share = f"{each.checked} of {each.size}"
            mark = "" if each.error <= self.tolerance else "  wrong"
            lines.append(f"{each.name:{width}}  {share:>16}  {each.largest:>16.3g}  {each.error:>14.1e}{mark}")
        worst = self.worst
        error = f"largest relative error {worst.error:.1e}, of {worst.name}"
        if self.ok:
            lines.append(f"the gradients are right: {error}, not above {self.tolerance:.1e}")
        else:
            place = ", ".join(map(str, worst.index))
            lines.append(f"a gradient is wrong: {error}[{place}], where the backward pass")
            lines.append(f"gives {worst.backward:.6g} and numerical differentiation {worst.numerical:.6g}")
        return "\n".join(lines)


def check_gradients(
    model: Differentiable | Layer,
    x: Array,
    t: Array | None = None,
    *,
    samples: int | None = 100,
    tolerance: float = 1e-6,
    seed: int = 0,
) -> GradientReport:
    """Compare the backward pass of a network or layer with numerical differentiation, parameter by parameter.

    The network is copied, and the copy's parameters and other float32 arrays become float64, as do x and t: that the
    formulas are right is checked in float64, for a float32 network too. Every pass is one of training and begins with
    the same state, so that dropout drops the same elements each time, and batch normalization works on the batch. The
    network itself stays as it is. Differences are central, ``(L(p + h) - L(p - h)) / 2h`` with h = 1e-4; where they
    differ from the backward pass, h is made smaller down to 1e-7, and the nearest of central and one-sided ones counts.

    Parameters
    ----------
    model : network or Layer
        A :class:`Sequential`, :class:`MLP` or another object with ``params`` and ``loss_and_gradient(x, t)``; or a
        layer, whose outputs are summed up with random weights for a loss, and whose input's gradient is checked too if
        it returns one. A layer's parameters have the names they would have in a network.
    x : ndarray of shape (B, ...)
        Inputs, float32 or float64. A few rows are enough.
    t : ndarray, optional
        What the network's loss takes; none for a layer.
    samples : int or None
        At most so many elements of each parameter are checked, drawn at random; None: all.
    tolerance : float
        Above 0: the relative error up to which a gradient is right.
    seed : int
        Of the elements that are drawn, and of a layer's random weights; 0 or more.

    Returns
    -------
    GradientReport
        With ``ok``, ``worst`` and, as a text, a table.

    Raises
    ------
    HyperparameterError
        If a setting is out of range.
    DtypeError
        If model is neither, x holds no floats, or a gradient is not float64 though all arrays are.
    KeyMismatchError
        If a parameter has no gradient.
    ArrayError
        If a gradient does not have its parameter's shape, or there is nothing to check.
    FastdlError
        If the loss is not finite.

    Notes
    -----
    Arrays are found as attributes of the layers and the loss, and in dicts that are; a random generator that is an
    attribute is copied with its state.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import nn
    >>> rng = np.random.default_rng(0)
    >>> network = nn.MLP([5, 8, 3], norm="batch", dropout=0.2, seed=0)
    >>> nn.check_gradients(network, rng.standard_normal((6, 5)), rng.integers(0, 3, 6)).ok
    True
    >>> class Half(nn.Layer):
    ...     def forward(self, x, train=False):
    ...         return x / 2
    ...     def backward(self, dout):
    ...         return dout  # wrong
    >>> print(nn.check_gradients(Half(), np.ones((1, 2))))
    parameter  elements checked  largest gradient  relative error
    input                2 of 2             0.132         5.0e-01  wrong
    a gradient is wrong: largest relative error 5.0e-01, of input[0, 1], where the backward pass
    gives -0.132105 and numerical differentiation -0.0660524
    """
    _check_settings(samples, tolerance, seed)
    if not isinstance(x, np.ndarray) or x.dtype.kind != "f":
        got = str(x.dtype) if isinstance(x, np.ndarray) else type(x).__qualname__
        raise DtypeError("not an array of floats", op="check_gradients", arg="x", got=got)
    x = x.astype(np.float64)
    network = _AloneLayer(_in_double(model), x, seed) if isinstance(model, Layer) else _in_double(model)
    t = t.astype(np.float64) if isinstance(t, np.ndarray) and t.dtype.kind == "f" else t
    passes = _Passes(network, x, t)
    grads = _checked_gradient(passes)
    elements = {key: _drawn(grad.size, samples, seed + number) for number, (key, grad) in enumerate(grads.items())}
    found = {
        key: np.array([passes.differences(key, element, STEPS[0])[0] for element in elements[key]]) for key in elements
    }
    overall = max(_largest(values) for values in (*grads.values(), *found.values()))
    report = []
    for key, grad in grads.items():
        scale = max(_largest(grad), _largest(found[key]), FLOOR * overall) or 1.0
        report.append(_compare(passes, key, grad, elements[key], found[key], scale, tolerance))
    return GradientReport(tuple(report), tolerance)


class _AloneLayer:
    """A layer as a network whose loss is the randomly weighted sum of its outputs; its input counts as a parameter."""

    def __init__(self, layer: Layer, x: Array, seed: int) -> None:
        self.layers = [layer]
        self._keys = keys_of(every_layer(self.layers))
        self._seed = seed
        self.params = {key: layer.params[own] for layer, own, key in self._named()} | {"input": x}

    def loss_and_gradient(self, x: Array, t: None) -> tuple[float, dict[str, Array]]:
        y = self.layers[0].forward(x, train=True)
        weights = np.random.default_rng(self._seed).standard_normal(y.shape)
        with np.errstate(invalid="ignore"):  # what is not finite is reported
            loss = float((weights * y).sum())
        dx = self.layers[0].backward(weights)
        grads = {key: layer.grads[own] for layer, own, key in self._named() if own in layer.grads}
        if dx is not None:
            grads["input"] = dx
        else:
            self.params.pop("input", None)
        return loss, grads

    def _named(self) -> Sequence[tuple[Layer, str, str]]:
        pairs = zip(every_layer(self.layers), self._keys, strict=True)
        return [(layer, own, key) for layer, keys in pairs for own, key in keys.items()]


class _Passes:
    """Forward and backward passes of a network in training, each from the same state."""

    def __init__(self, network: Any, x: Array, t: Any) -> None:
        self._network, self._x, self._t = network, x, t
        self._kept = {id(array): array for array in (x, *network.params.values())}  # not copied: they are varied
        self.params: dict[str, Array] = network.params

    def run(self) -> tuple[float, dict[str, Array]]:
        """Loss and gradient."""
        network = copy.deepcopy(self._network, dict(self._kept))
        loss, grads = network.loss_and_gradient(self._x, self._t)
        if not np.isfinite(loss):
            raise FastdlError("the loss is not finite", op="check_gradients", got=str(loss))
        self.params = network.params
        return loss, grads

    def differences(self, key: str, element: int, step: float) -> NDArray[np.float64]:
        """The differences of the loss with respect to an element of a parameter: central, above, below."""
        flat = self.params[key].reshape(-1)
        centre = flat[element]
        losses = []
        for value in (centre - step, centre, centre + step):
            flat[element] = value
            losses.append(self.run()[0])
        flat[element] = centre
        below, above = np.diff(losses) / step
        return np.array([(below + above) / 2, above, below])


def _in_double(model: Any) -> Any:
    """A copy whose float32 arrays are float64."""
    if not isinstance(model, Layer) and not (hasattr(model, "params") and hasattr(model, "loss_and_gradient")):
        raise DtypeError(
            "neither network nor layer", op="check_gradients", arg="model",
            expected="a Layer, or an object with params and loss_and_gradient(x, t)", got=type(model).__qualname__,
        )  # fmt: skip
    layers = [model] if isinstance(model, Layer) else getattr(model, "layers", ())
    doubles: dict[int, Array] = {}  # what deepcopy puts in the place of each array, wherever it is held
    for part in (*every_layer(layers), model, getattr(model, "loss_function", None)):
        for value in getattr(part, "__dict__", {}).values():
            for each in value.values() if isinstance(value, dict) else (value,):
                if isinstance(each, np.ndarray) and each.dtype in (np.float32, np.float64):
                    doubles[id(each)] = np.array(each, np.float64, order="C")
    return copy.deepcopy(model, doubles)


def _checked_gradient(passes: _Passes) -> dict[str, Array]:
    """The gradient of every parameter that has elements."""
    grads = passes.run()[1]
    for key, p in passes.params.items():
        if key not in grads:
            raise KeyMismatchError("has no gradient", op="check_gradients", arg="params", key=key)
        if grads[key].shape != p.shape:
            raise ArrayError(
                "not of its parameter's shape", op="check_gradients", arg="grads", key=key, expected=str(p.shape),
                got=str(grads[key].shape),
            )  # fmt: skip
        if grads[key].dtype != np.float64:
            raise DtypeError(
                "not float64", op="check_gradients", arg="grads", key=key, got=str(grads[key].dtype),
                hint="A layer turns its input or gradient into another dtype: let it keep the dtype it is given",
            )  # fmt: skip
    grads = {key: grads[key] for key, p in passes.params.items() if p.size}
    if not grads:
        raise ArrayError("there is nothing to check", op="check_gradients", arg="model", expected="parameters")
    return grads


def _drawn(size: int, samples: int | None, seed: int) -> NDArray[np.int64]:
    """The elements that are checked."""
    if samples is None or size <= samples:
        return np.arange(size)
    return np.sort(np.random.default_rng(seed).choice(size, samples, replace=False))


def _largest(values: Array) -> float:
    """The largest magnitude that is finite."""
    return float(np.max(np.abs(values), where=np.isfinite(values), initial=0.0))


def _compare(
    passes: _Passes,
    key: str,
    grad: Array,
    elements: NDArray[np.int64],
    numerical: NDArray[np.float64],
    scale: float,
    tolerance: float,
) -> GradientError:
    """Compare a gradient with its differences, which are taken anew with smaller steps where they are another one."""
    backward = grad.reshape(-1)[elements]
    for step in STEPS[1:]:
        for k in np.flatnonzero(~(np.abs(backward - numerical) <= tolerance * scale)):
            candidates = np.append(passes.differences(key, elements[k], step), numerical[k])
            numerical[k] = candidates[np.abs(candidates - backward[k]).argmin()]
    errors = np.abs(backward - numerical) / scale
    worst = int(errors.argmax())
    index = tuple(int(i) for i in np.unravel_index(elements[worst], grad.shape))
    return GradientError(
        name=key,
        size=grad.size,
        checked=len(elements),
        largest=_largest(grad),
        error=float(errors[worst]),
        index=index,
        backward=float(backward[worst]),
        numerical=float(numerical[worst]),
    )


def _check_settings(samples: Any, tolerance: Any, seed: Any) -> None:
    checks: list[tuple[str, Any, str, Callable[[Any], bool]]] = [
        ("samples", samples, "an integer >= 1, or None", lambda value: value is None or _is_integer(value, 1)),
        ("tolerance", tolerance, "a number > 0", lambda value: isinstance(value, int | float) and value > 0),
        ("seed", seed, "an integer >= 0", lambda value: _is_integer(value, 0)),
    ]
    for arg, value, expected, fits in checks:
        if not fits(value):
            raise HyperparameterError("not possible", op="check_gradients", arg=arg, expected=expected, got=repr(value))


def _is_integer(value: Any, low: int) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and int(value) >= low
