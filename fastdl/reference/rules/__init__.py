"""The optimizers' formulas on arrays, and their table.

Every formula is called as ``rule(p, g, *state, t=t, **hyper)``: p the parameter, g its gradient, t the number of this
step (1 in the first). It changes p and the state in place and returns them as a tuple ``(p, *state)``. Python floats
and NumPy scalars, which cannot be changed, work too: use what is returned.

================  ===========================================  ====================================================
file              what the rules in it remember                rules
================  ===========================================  ====================================================
``velocity.py``   nothing, or a running sum of gradients       sgd, momentum, nesterov, lion
``squares.py``    a running sum or mean of their squares       adagrad, rmsprop, adadelta, ftrl
``moments.py``    means of them, and of their squares or size  adam, amsgrad, adamax, nadam, radam, lamb
================  ===========================================  ====================================================
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from fastdl.reference.rules.arrays import Arrays
from fastdl.reference.rules.moments import (
    adam,
    adam_paper,
    adamax,
    adamax_inside,
    amsgrad,
    amsgrad_corrected,
    amsgrad_paper,
    lamb,
    nadam,
    radam,
    radam_paper,
)
from fastdl.reference.rules.squares import (
    adadelta,
    adagrad,
    adagrad_inside,
    ftrl,
    rmsprop,
    rmsprop_centered,
    rmsprop_centered_momentum,
    rmsprop_inside,
    rmsprop_inside_centered,
    rmsprop_inside_centered_momentum,
    rmsprop_inside_momentum,
    rmsprop_momentum,
)
from fastdl.reference.rules.velocity import lion, momentum, momentum_outside, nesterov, nesterov_outside, sgd


class RuleSpec(NamedTuple):
    """A rule's name, the state arrays it keeps for each parameter and its hyper-parameters, in order.

    ``whole`` is whether the step of an element depends on its whole array.
    """

    name: str
    state: tuple[str, ...]
    hyper: tuple[str, ...]
    squares: tuple[str, ...] = ()
    whole: bool = False


# States whose elements are never negative.
_SQUARES = {
    "adagrad": ("h",),
    "rmsprop": ("v",),
    "adadelta": ("v", "u"),
    "adamax": ("u",),
    "ftrl": ("n",),
    **dict.fromkeys(("adam", "nadam", "radam", "lamb"), ("v",)),
    "amsgrad": ("v", "v_max"),
}


def _spec(formula: Callable[..., Any]) -> RuleSpec:
    """Read a formula's signature: p, g and the state are positional, t and the hyper-parameters keywords."""
    arguments = inspect.signature(formula).parameters.values()
    positional = [argument.name for argument in arguments if argument.kind is not argument.KEYWORD_ONLY]
    keywords = [argument.name for argument in arguments if argument.kind is argument.KEYWORD_ONLY]
    return RuleSpec(
        formula.__name__,
        state=tuple(positional[2:]),
        hyper=tuple(name for name in keywords if name != "t"),
        squares=_SQUARES.get(formula.__name__.split("_")[0], ()),
        whole=formula is lamb,
    )


FORMULAS: dict[str, Callable[..., Arrays]] = {
    formula.__name__: formula
    for formula in (
        sgd,
        momentum,
        momentum_outside,
        nesterov,
        nesterov_outside,
        adagrad,
        adagrad_inside,
        rmsprop,
        rmsprop_momentum,
        rmsprop_centered,
        rmsprop_centered_momentum,
        rmsprop_inside,
        rmsprop_inside_momentum,
        rmsprop_inside_centered,
        rmsprop_inside_centered_momentum,
        adadelta,
        adam,
        adam_paper,
        amsgrad,
        amsgrad_paper,
        amsgrad_corrected,
        adamax,
        adamax_inside,
        nadam,
        radam,
        radam_paper,
        ftrl,
        lion,
        lamb,
    )
}
RULES: dict[str, RuleSpec] = {name: _spec(formula) for name, formula in FORMULAS.items()}
