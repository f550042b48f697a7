"""Which of the kernels' rules, with which numbers, the settings of a group of torch's stand for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

Group = Mapping[str, Any]

# The kernels take states below the smallest normal float32 for 0 now and then. That is no difference unless a root of
# them is divided by.
SMALLEST_EPS = 1e-37


class Formula(NamedTuple):
    """A rule of :data:`fastdl.kernels.RULES` and what it is applied with.

    Parameters
    ----------
    rule : str
        Its name.
    states : tuple of str
        torch's names of its state arrays, in the rule's order.
    hyper : tuple of float
        Its hyper-parameters, in its order.
    decay, shrink : float
        The weight decay that is added to the gradient, and the share that a parameter loses before the step.
    scale : float
        What the gradient is multiplied by before the decay is added.
    counts : bool
        Whether torch counts a parameter's steps.
    state_dtype : str, optional
        "bfloat16" or "uint8" where the states are stored so.
    seed : int, optional
        Of the random rounding of such states.
    """

    rule: str
    states: tuple[str, ...]
    hyper: tuple[float, ...]
    decay: float = 0.0
    shrink: float = 0.0
    scale: float = 1.0
    counts: bool = True
    state_dtype: Literal["bfloat16", "uint8"] | None = None
    seed: int | None = None


def sign(group: Group) -> float:
    """Return what turns the gradient into that of what is to become small."""
    return -1.0 if group["maximize"] else 1.0


def is_fit(group: Group) -> bool:
    """Whether the kernels' arithmetic is torch's: eps is one that float32 has, and the means are means."""
    return group["eps"] >= SMALLEST_EPS and all(0 <= beta < 1 for beta in group.get("betas", ()))


def decays(group: Group) -> tuple[float, float]:
    """Return a group's weight decay as ``decay`` and ``shrink``."""
    weight_decay = float(group["weight_decay"])
    if group.get("decoupled_weight_decay"):
        return 0.0, float(group["lr"]) * weight_decay
    return weight_decay, 0.0


def sgd(group: Group) -> Formula | None:
    """Without momentum the plain step, with it torch's velocity: momentum v + (1 - dampening) g."""
    lr, momentum, decay = float(group["lr"]), float(group["momentum"]), float(group["weight_decay"])
    if momentum == 0:
        return Formula("sgd", (), (lr,), decay, scale=sign(group), counts=False)
    rule = "nesterov_outside" if group["nesterov"] else "momentum_outside"
    share = 1 - float(group["dampening"])
    if group["nesterov"] and share != 1:  # torch lets nobody ask for it, but a group can be changed
        return None
    return Formula(rule, ("momentum_buffer",), (lr, momentum), share * decay, scale=share * sign(group), counts=False)


def adagrad(group: Group) -> Formula | None:
    """Without lr_decay, which makes the learning rate depend on the parameter's step."""
    decay, _ = decays(group)
    hyper = (float(group["lr"]), float(group["eps"]))
    return Formula("adagrad", ("sum",), hyper, decay, scale=sign(group)) if is_fit(group) else None


def rmsprop(group: Group) -> Formula | None:
    """Centered or not, with momentum or without."""
    if not is_fit(group):
        return None
    rule = "rmsprop"
    states: tuple[str, ...] = ("square_avg",)
    hyper: tuple[float, ...] = (float(group["lr"]), float(group["alpha"]), float(group["eps"]))
    if group["centered"]:
        rule, states = rule + "_centered", (*states, "grad_avg")
    if group["momentum"] > 0:
        rule, states, hyper = rule + "_momentum", (*states, "momentum_buffer"), (*hyper, float(group["momentum"]))
    return Formula(rule, states, hyper, float(group["weight_decay"]), scale=sign(group))


def adadelta(group: Group) -> Formula | None:
    """With both means of squares."""
    hyper = (float(group["lr"]), float(group["rho"]), float(group["eps"]))
    states = ("square_avg", "acc_delta")
    return (
        Formula("adadelta", states, hyper, float(group["weight_decay"]), scale=sign(group)) if is_fit(group) else None
    )


def _moments(group: Group, rule: str, states: tuple[str, ...], *more: float) -> Formula | None:
    if not is_fit(group):
        return None
    beta1, beta2 = group["betas"]
    hyper = (float(group["lr"]), float(beta1), float(beta2), float(group["eps"]), *more)
    return Formula(rule, states, hyper, *decays(group), scale=sign(group))


def adam(group: Group) -> Formula | None:
    """Adam and AdamW, with AMSGrad or without."""
    if group["amsgrad"]:
        return _moments(group, "amsgrad_paper", ("exp_avg", "exp_avg_sq", "max_exp_avg_sq"))
    return _moments(group, "adam_paper", ("exp_avg", "exp_avg_sq"))


def adamax(group: Group) -> Formula | None:
    """With eps inside the largest gradient."""
    return _moments(group, "adamax_inside", ("exp_avg", "exp_inf"))


def nadam(group: Group) -> Formula | None:
    """With the product of the momenta that their schedule gives."""
    return _moments(group, "nadam", ("exp_avg", "exp_avg_sq"), float(group["momentum_decay"]))


def radam(group: Group) -> Formula | None:
    """With eps added to the uncorrected root."""
    return _moments(group, "radam", ("exp_avg", "exp_avg_sq"))


# How far torch's product of momenta may be from the exact one by rounding, for parameters of so many bytes.
PRODUCT_TOLERANCE = {2: 1e-6, 4: 1e-6, 8: 1e-13}


class MomentumProduct:
    """NAdam's product of the momenta of all steps so far, had they all been taken with these settings."""

    def __init__(self, beta1: float, momentum_decay: float) -> None:
        self.settings = beta1, momentum_decay
        self._steps, self._product = 0, 1.0

    @classmethod
    def of(cls, group: Group) -> MomentumProduct:
        """Return that of the group's settings."""
        return cls(float(group["betas"][0]), float(group["momentum_decay"]))

    def momentum(self, step: int) -> float:
        """Return the momentum of a step, the first being 1."""
        beta1, decay = self.settings
        share: float = 0.96 ** (step * decay)
        return beta1 * (1 - 0.5 * share)

    def after(self, steps: int) -> float:
        """Return the product after so many steps; from the last one asked for it is a short way."""
        if steps < self._steps:
            self._steps, self._product = 0, 1.0
        while self._steps < steps:
            self._steps += 1
            self._product *= self.momentum(self._steps)
        return self._product
