"""One step of an optimizer over many tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastdl.reference.rules import FORMULAS, RULES


def update(
    rule: str,
    params: Sequence[NDArray[Any]],
    grads: Sequence[NDArray[Any]],
    state: Sequence[Sequence[NDArray[Any]]],
    steps: NDArray[np.int64],
    hyper: Sequence[float],
) -> None:
    """Do one step of ``rule`` on every parameter, in place.

    Parameters
    ----------
    rule : str
        A name in ``RULES``.
    params, grads : sequences of arrays
        The parameters, changed in place, and their gradients; any shapes, one pair the same shape and dtype.
    state : sequence of sequences of arrays
        One sequence, in the order of ``params``, for each of the rule's state arrays; changed in place.
    steps : int64 array, one element per parameter
        Counts of the steps already taken; each grows by 1.
    hyper : sequence of float
        The hyper-parameters in the order of ``RULES[rule].hyper``.

    Examples
    --------
    >>> w, steps = np.array([1.0, 2.0]), np.zeros(1, np.int64)
    >>> update("sgd", [w], [np.array([0.5, -1.0])], [], steps, [0.1])
    >>> w, steps
    (array([0.95, 2.1 ]), array([1]))
    """
    formula = FORMULAS[rule]
    # Python floats, unlike NumPy's float64, leave float32 arrays float32.
    named = dict(zip(RULES[rule].hyper, map(float, hyper), strict=True))
    for taken, p, g, *moments in zip(steps.tolist(), params, grads, *state, strict=True):
        formula(p, g, *moments, t=taken + 1, **named)
    steps += 1
