"""Optimizers: a rule, its hyper-parameters and its state.

========  ============  =====  ========================================================  ====================
class     rule          state  update                                                    paper
========  ============  =====  ========================================================  ====================
SGD       sgd.hpp              p - lr g                                                  Robbins & Monro 1951
Momentum  momentum.hpp  v      v = momentum v - lr g; p + v                              Polyak 1964
AdaGrad   adagrad.hpp   h      h = h + g²; p - lr g / (√h + eps)                         Duchi et al. 2011
Adam      adam.hpp      m, v   m = m + (1 - beta1)(g - m); v = v + (1 - beta2)(g² - v);  Kingma & Ba 2015
                               p - lr √(1 - beta2ᵗ) / (1 - beta1ᵗ) m / (√v + eps)
========  ============  =====  ========================================================  ====================

The formulas and defaults are those of "Deep Learning from Scratch". Elsewhere: torch keeps the learning rate outside
the velocity, so that Momentum differs when lr changes between steps; it adds eps = 1e-8 in Adam after the bias
correction, and eps = 1e-10 in AdaGrad. Keras' Adam is this one; its Adagrad starts h at 0.1 and puts eps inside the
root.

All of them share one interface, :class:`Optimizer`.
"""

from __future__ import annotations

from fastdl.errors import HyperparameterError
from fastdl.optim.adagrad import AdaGrad
from fastdl.optim.adam import Adam
from fastdl.optim.momentum import Momentum
from fastdl.optim.optimizer import Optimizer
from fastdl.optim.sgd import SGD

__all__ = ["OPTIMIZERS", "SGD", "AdaGrad", "Adam", "Momentum", "Optimizer", "get"]

OPTIMIZERS: dict[str, type[Optimizer]] = {each.rule: each for each in (SGD, Momentum, AdaGrad, Adam)}


def get(name: str, **hyperparameters: float) -> Optimizer:
    """Return the optimizer of that name.

    Parameters
    ----------
    name : str
        A key of :data:`OPTIMIZERS`, such as ``"adam"``; upper and lower case are the same.
    **hyperparameters : float
        Passed on to its class.

    Returns
    -------
    Optimizer

    Raises
    ------
    HyperparameterError
        If there is no such optimizer, or it has no such hyper-parameter.

    Examples
    --------
    >>> from fastdl import optim
    >>> optim.get("adam", lr=0.01)
    Adam(lr=0.01, beta1=0.9, beta2=0.999, eps=1e-07)
    """
    optimizer = OPTIMIZERS.get(name.lower()) if isinstance(name, str) else None
    if optimizer is None:
        raise HyperparameterError(
            "unknown optimizer",
            op="optim.get",
            arg="name",
            expected=f"one of {', '.join(OPTIMIZERS)}",
            got=repr(name),
        )
    return optimizer.from_hyperparameters(hyperparameters)
