"""One step of an optimizer over many tensors."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fastdl.reference.rules import FORMULAS, RULES
from fastdl.reference.states import decode_state, encode_piece

Array = NDArray[Any]


def update(
    rule: str,
    params: Sequence[Array],
    grads: Sequence[Array | None],
    state: Sequence[Sequence[Array]],
    steps: NDArray[np.int64],
    hyper: Sequence[float] | NDArray[np.float64],
    keys: Sequence[Any] | None = None,
    *,
    decay: Sequence[float] | None = None,
    shrink: Sequence[float] | None = None,
    clip_norm: float = math.inf,
    clip_value: float = math.inf,
    averages: Sequence[Array] | None = None,
    average_decay: float = 0.0,
    needs_finite: bool = False,
    bfloat16: bool = False,
    seed: int | None = None,
    firsts: Sequence[int] | None = None,
) -> bool:
    """Do one step of ``rule`` on every parameter, in place.

    The gradients are scaled together to `clip_norm`, and each of their elements is clipped to `clip_value`; `decay`
    times the parameter is added to its gradient; the parameter loses the share `shrink` of itself; the rule does its
    step; the averages follow. In every eighth step of a parameter its states that are subnormal become 0.

    Parameters
    ----------
    rule : str
        A name in ``RULES``.
    params : sequence of arrays
        The parameters, changed in place; any shapes.
    grads : sequence of arrays or None
        Their gradients, of the same shapes, float32 or float64. None leaves a parameter out of the step.
    state : sequence of sequences of arrays
        One sequence, in the order of ``params``, for each of the rule's state arrays; changed in place.
    steps : int64 array, one element per parameter
        Counts of the steps already taken; each grows by 1.
    hyper : sequence of float, or array with one such row per parameter
        The hyper-parameters in the order of ``RULES[rule].hyper``.
    keys : sequence, optional
        Names of the parameters; not used here.
    decay, shrink : sequence of float, one per parameter, optional
        L2 regularization, added to the gradient; decoupled weight decay, 0 for none.
    clip_norm, clip_value : float
        The largest norm of all gradients together, and the largest size of an element.
    averages : sequence of arrays like params, optional
        Moving averages of the parameters, changed in place.
    average_decay : float
        How much of an average a step keeps.
    needs_finite : bool
        Whether to do nothing where a gradient holds an infinity or a NaN.
    bfloat16 : bool
        Not used here, where parameters are float32 or float64.
    seed : int
        Of the bits by which states of uint16, which are bfloat16, and of uint8 are rounded.
    firsts : sequence of int, one per parameter, optional
        Of pieces of parameters: the number of the first element, on which these bits depend.

    Returns
    -------
    bool
        Whether the step was taken.

    Examples
    --------
    >>> w, steps = np.array([1.0, 2.0]), np.zeros(1, np.int64)
    >>> update("sgd", [w], [np.array([0.5, -1.0])], [], steps, [0.1])
    True
    >>> w, steps
    (array([0.95, 2.1 ]), array([1]))
    """
    present = [g for g in grads if g is not None]
    if needs_finite and not all(np.isfinite(g).all() for g in present):
        return False
    scale = _scale(present, clip_norm)
    for i, (p, g, named) in enumerate(zip(params, grads, _rows(rule, len(params), hyper), strict=True)):
        if g is None:
            continue
        if scale != 1.0:
            g = np.multiply(g, scale, dtype=np.result_type(g, p))
        g = np.asarray(g, p.dtype)
        if clip_value < math.inf:
            g = np.clip(g, -clip_value, clip_value)
        if decay is not None:
            g = g + float(decay[i]) * p
        if shrink is not None:
            p *= 1 - float(shrink[i])
        own = [_loaded(arrays[i], p, name in RULES[rule].squares) for name, arrays in _named(rule, state)]
        FORMULAS[rule](p, g, *own, t=int(steps[i]) + 1, **named)
        if (steps[i] + 1) % 8 == 0:
            for array in own:
                array[np.abs(array) < np.finfo(array.dtype).tiny] = 0
        for number, ((name, arrays), array) in enumerate(zip(_named(rule, state), own, strict=True)):
            if array is not arrays[i]:
                dtype: Literal["bfloat16", "uint8"] = "uint8" if arrays[i].dtype == np.uint8 else "bfloat16"
                source = (0 if firsts is None else firsts[i], seed or 0, i, int(steps[i]) + 1, number)
                arrays[i][...] = encode_piece(array, dtype, *source, name in RULES[rule].squares)
        if averages is not None:
            averages[i][...] += (1.0 - average_decay) * (p - averages[i])
        steps[i] += 1
    return True


def _named(rule: str, state: Sequence[Sequence[Array]]) -> Iterator[tuple[str, Sequence[Array]]]:
    return zip(RULES[rule].state, state, strict=True)


def _loaded(stored: Array, p: Array, is_squares: bool) -> Array:
    """A state array in the dtype of the arithmetic: itself where it is stored so."""
    return stored if stored.dtype == p.dtype else decode_state(stored, p.shape, is_squares)


def _scale(grads: Sequence[Array], clip_norm: float) -> float:
    """What brings the norm of all gradients together down to `clip_norm`."""
    if clip_norm == math.inf:
        return 1.0
    norm = math.sqrt(sum(float(np.sum(np.square(g, dtype=np.float64))) for g in grads))
    return clip_norm / norm if norm > clip_norm else 1.0


def _rows(rule: str, count: int, hyper: Sequence[float] | NDArray[np.float64]) -> Iterator[dict[str, float]]:
    """Each parameter's hyper-parameters by name, as Python floats, which leave float32 arrays float32."""
    names = RULES[rule].hyper
    for row in np.broadcast_to(np.asarray(hyper, np.float64), (count, len(names))).tolist():
        yield dict(zip(names, row, strict=True))
