"""Optimizers: a rule, its hyper-parameters and its state.

========  ============  =====  ======  ===================================================  ========================
class     rules/        state  floats  update                                               paper
========  ============  =====  ======  ===================================================  ========================
SGD       sgd.hpp              0       p - lr g                                             Robbins & Monro 1951
Momentum  momentum.hpp  v      1       v = μ v - lr g; p + v                                Polyak 1964
Nesterov  nesterov.hpp  v      1       v = μ v - lr g; p + μ v - lr g                       Nesterov 1983
AdaGrad   adagrad.hpp   h      1       h = h + g²; p - lr g / (√h + eps)                    Duchi et al. 2011
RMSprop   rmsprop.hpp   v      1-3     v = v + (1-ρ)(g² - v); p - lr g / (√v + eps)         Hinton 2012
Adadelta  adadelta.hpp  v, u   2       d = √(u+eps) / √(v+eps) g; p - lr d; u: mean of d²   Zeiler 2012
Adam      adam.hpp      m, v   2-3     p - lr √(1-β₂ᵗ)/(1-β₁ᵗ) m / (√v + eps)               Kingma & Ba 2015
AdamW     adam.hpp      m, v   2-3     p (1 - lr λ), then Adam                              Loshchilov & Hutter 2019
Adamax    adamax.hpp    m, u   2       u = max(β₂ u, abs(g)); p - lr/(1-β₁ᵗ) m / (u + eps)  Kingma & Ba 2015
Nadam     nadam.hpp     m, v   2       Adam, m looking one step ahead                       Dozat 2016
RAdam     radam.hpp     m, v   2       Adam times r, once v is known well enough            Liu et al. 2020
Ftrl      ftrl.hpp      n, z   2       p = (clip(z, l1) - z) / ((β + √n)/lr + 2 l2)         McMahan et al. 2013
Lion      lion.hpp      m      1       p - lr sign(β₁ m + (1-β₁) g)                         Chen et al. 2023
LAMB      lamb.hpp      m, v   2       p - lr ‖p‖/‖u‖ u with Adam's u + λ p                 You et al. 2020
========  ============  =====  ======  ===================================================  ========================

"floats" is the state of one parameter in floats: 4 or 8 bytes each. ``state_dtype=`` stores them otherwise, for
parameters that are not float64: bytes for each element of a parameter are then

===========  ========  ========  ========
state_dtype  1 float   2 floats  3 floats
===========  ========  ========  ========
float32      4         8         12
bfloat16     2         4         6
uint8        1.004     2.008     3.012
===========  ========  ========  ========

Training 784-256-256-10 on MNIST for 5 epochs with Adam ends at 97.86% ± 0.05% of the test images with float32, 97.88% ±
0.04% with bfloat16 and 97.92% ± 0.05% with uint8 (5 seeds, standard errors). Ftrl, whose z is the parameter in another
form, and centered RMSprop, whose variance is a difference of two states, refuse bfloat16 and uint8.

In every eighth step states that have become
subnormal (float32: below 1.2e-38) become 0: they change nothing that matters, and arithmetic on them is slow.

The table gives the default; ``convention=`` chooses the variant and the defaults of another library. The book's is the
default where the book has the optimizer, elsewhere the paper's. What every optimizer has besides (weight decay,
clipping, groups, averages, schedules of the learning rate) is with :class:`Optimizer`; :func:`rule` makes one of a
function that you write.

===============  ====================  ====================  ====================  ====================
point            book                  Keras                 torch                 optax
===============  ====================  ====================  ====================  ====================
velocity         holds lr              holds lr              without lr            without lr
AdaGrad          √h + eps, h₀ = 0      √(h + eps), h₀ = 0.1  √h + eps, h₀ = 0      √(h + eps), h₀ = 0.1
RMSprop          √v + eps              √(v + eps)            √v + eps              √(v + eps)
Adam             eps before            eps before            eps after             eps after correction
Adamax                                 m / (u + eps)         max(…, abs(g) + eps)  as torch
Nadam                                  0.96ⁱ                 0.96^(0.004 i)        no schedule
RAdam                                                        eps before            eps after correction
Ftrl                                   z₀ = 0
weight_decay=    in the loss           decoupled             coupled, but AdamW    coupled, but AdamW
===============  ====================  ====================  ====================  ====================
"""

from __future__ import annotations

from typing import Any

from fastdl.errors import HyperparameterError
from fastdl.optim import schedules
from fastdl.optim.adadelta import Adadelta
from fastdl.optim.adagrad import AdaGrad
from fastdl.optim.adam import Adam
from fastdl.optim.adamax import Adamax
from fastdl.optim.adamw import AdamW
from fastdl.optim.ftrl import Ftrl
from fastdl.optim.lamb import LAMB
from fastdl.optim.lion import Lion
from fastdl.optim.momentum import Momentum
from fastdl.optim.nadam import Nadam
from fastdl.optim.nesterov import Nesterov
from fastdl.optim.optimizer import Optimizer
from fastdl.optim.radam import RAdam
from fastdl.optim.rmsprop import RMSprop
from fastdl.optim.rule import check_rule, rule
from fastdl.optim.sgd import SGD

__all__ = [
    "LAMB",
    "OPTIMIZERS",
    "SGD",
    "AdaGrad",
    "Adadelta",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lion",
    "Momentum",
    "Nadam",
    "Nesterov",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "check_rule",
    "get",
    "rule",
    "schedules",
]

_ALL: tuple[type[Optimizer], ...] = (
    SGD, Momentum, Nesterov, AdaGrad, RMSprop, Adadelta, Adam, AdamW, Adamax, Nadam, RAdam, Ftrl, Lion, LAMB,
)  # fmt: skip
OPTIMIZERS: dict[str, type[Optimizer]] = {each.name: each for each in _ALL}


def get(name: str, **settings: Any) -> Optimizer:
    """Return the optimizer of that name.

    Parameters
    ----------
    name : str
        A key of :data:`OPTIMIZERS`, such as ``"adam"``; upper and lower case are the same.
    **settings : optional
        Arguments of its class.

    Returns
    -------
    Optimizer

    Raises
    ------
    HyperparameterError
        If there is no such optimizer, or it has no such setting.

    Examples
    --------
    >>> from fastdl import optim
    >>> optim.get("adam", lr=0.01)
    Adam(lr=0.01, beta1=0.9, beta2=0.999, eps=1e-07)
    """
    optimizer = OPTIMIZERS.get(name.lower()) if isinstance(name, str) else None
    if optimizer is None:
        raise HyperparameterError(
            "unknown optimizer", op="optim.get", arg="name", expected=f"one of {', '.join(OPTIMIZERS)}", got=repr(name)
        )
    return optimizer.from_config(settings)
