"""The optimizers' formulas on arrays, in order of increasing complexity, and their table.

Every formula is called as ``rule(p, g, *state, t=t, **hyper)``: p the parameter, g its gradient, t the number
of this step (1 in the first; only `adam` looks at it). It changes p and the state in place and returns them
as a tuple ``(p, *state)``. Python floats and NumPy scalars, which cannot be changed, work too: use what is
returned.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def sgd(p: Array, g: Array, *, lr: float, t: int = 1) -> tuple[Array]:
    """Stochastic gradient descent: ``p <- p - lr g``.

    H. Robbins and S. Monro, "A stochastic approximation method" (1951): their
    x_(n+1) = x_n + a_n (alpha - y_n) with the noisy gradient as y, alpha = 0 and a constant step size a.

    Examples
    --------
    >>> sgd(np.array([1.0, 2.0]), np.array([0.5, -1.0]), lr=0.1)
    (array([0.95, 2.1 ]),)
    """
    p -= lr * g
    return (p,)


def momentum(p: Array, g: Array, v: Array, *, lr: float, momentum: float, t: int = 1) -> tuple[Array, Array]:
    """Momentum, the heavy ball: ``v <- momentum v - lr g``, ``p <- p + v``.

    B. T. Polyak, "Some methods of speeding up the convergence of iteration methods" (1964): his
    x_(n+1) = x_n - alpha f'(x_n) + beta (x_n - x_(n-1)) with v for the last step x_n - x_(n-1). So the
    learning rate is inside v, as in the book; PyTorch's buffer leaves it out, which differs once lr changes.

    Examples
    --------
    >>> momentum(np.array([1.0]), np.array([0.5]), np.array([0.2]), lr=0.1, momentum=0.9)
    (array([1.13]), array([0.13]))
    """
    v *= momentum
    v -= lr * g
    p += v
    return p, v


def adagrad(p: Array, g: Array, h: Array, *, lr: float, eps: float, t: int = 1) -> tuple[Array, Array]:
    """AdaGrad: ``h <- h + g g``, ``p <- p - lr g / (sqrt(h) + eps)``.

    J. Duchi, E. Hazan and Y. Singer, "Adaptive subgradient methods for online learning and stochastic
    optimization" (2011), sec. 1.1, eq. (1): the diagonal form, unconstrained, with eps in the place of delta.

    Examples
    --------
    >>> adagrad(np.array([1.0]), np.array([0.5]), np.array([0.0]), lr=0.1, eps=0.0)
    (array([0.9]), array([0.25]))
    """
    h += g * g
    p -= lr * g / (np.sqrt(h) + eps)
    return p, h


def adam(
    p: Array, g: Array, m: Array, v: Array, *, t: int, lr: float, beta1: float, beta2: float, eps: float
) -> tuple[Array, Array, Array]:
    """Adam, with the bias correction inside the step size.

    ``m <- m + (1 - beta1)(g - m)``, ``v <- v + (1 - beta2)(g g - v)``,
    ``p <- p - lr_t m / (sqrt(v) + eps)`` where ``lr_t = lr sqrt(1 - beta2^t) / (1 - beta1^t)``.

    D. P. Kingma and J. Ba, "Adam: a method for stochastic optimization" (2015), end of sec. 2: algorithm 1
    in the more efficient order, whose eps is the paper's "eps-hat". The book and TensorFlow use it too;
    PyTorch and optax add eps after the bias correction of v.

    Examples
    --------
    >>> p, m, v = np.array([1.0]), np.zeros(1), np.zeros(1)
    >>> adam(p, np.array([0.5]), m, v, t=1, lr=0.001, beta1=0.9, beta2=0.999, eps=0.0)
    (array([0.999]), array([0.05]), array([0.00025]))
    """
    lr_t = lr * (1.0 - beta2**t) ** 0.5 / (1.0 - beta1**t)
    m += (1.0 - beta1) * (g - m)
    v += (1.0 - beta2) * (g * g - v)
    p -= lr_t * m / (np.sqrt(v) + eps)
    return p, m, v


class RuleSpec(NamedTuple):
    """A rule's name, the state arrays it keeps for each parameter and its hyper-parameters, in order."""

    name: str
    state: tuple[str, ...]
    hyper: tuple[str, ...]


def _spec(formula: Callable[..., Any]) -> RuleSpec:
    """Read a formula's signature: p, g and the state are positional, t and the hyper-parameters keywords."""
    arguments = inspect.signature(formula).parameters.values()
    positional = [argument.name for argument in arguments if argument.kind is not argument.KEYWORD_ONLY]
    keywords = [argument.name for argument in arguments if argument.kind is argument.KEYWORD_ONLY]
    return RuleSpec(
        formula.__name__, state=tuple(positional[2:]), hyper=tuple(name for name in keywords if name != "t")
    )


FORMULAS: dict[str, Callable[..., tuple[Array, ...]]] = {
    formula.__name__: formula for formula in (sgd, momentum, adagrad, adam)
}
RULES: dict[str, RuleSpec] = {name: _spec(formula) for name, formula in FORMULAS.items()}
