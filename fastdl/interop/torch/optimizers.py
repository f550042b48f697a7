"""PyTorch's optimizers, each with the formula that its settings stand for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from fastdl.interop.torch import formulas
from fastdl.interop.torch.binding import Batch
from fastdl.interop.torch.formulas import PRODUCT_TOLERANCE, Formula, Group, MomentumProduct
from fastdl.interop.torch.memory import Array
from fastdl.interop.torch.stepping import DropIn, Hyper


class SGD(DropIn, torch.optim.SGD):
    """:class:`torch.optim.SGD` whose steps fastdl's kernels take.

    Parameters
    ----------
    params, lr, momentum, dampening, weight_decay, nesterov, maximize, foreach, differentiable, fused : optional
        As torch has them.

    Notes
    -----
    State: ``momentum_buffer`` where there is momentum.

    Examples
    --------
    >>> import torch
    >>> from fastdl.interop.torch import SGD
    >>> W = torch.ones(2, requires_grad=True)
    >>> optimizer = SGD([W], lr=0.5)
    >>> for _ in range(2):
    ...     optimizer.zero_grad()
    ...     (W * torch.tensor([1.0, -2.0])).sum().backward()
    ...     optimizer.step()
    >>> W.detach().numpy().round(4)
    array([0., 3.], dtype=float32)
    """

    torch_class = torch.optim.SGD
    _formula = staticmethod(formulas.sgd)


class Adagrad(DropIn, torch.optim.Adagrad):
    """:class:`torch.optim.Adagrad` whose steps fastdl's kernels take.

    Parameters
    ----------
    params, lr, lr_decay, weight_decay, initial_accumulator_value, eps, foreach, maximize : optional
        As torch has them.
    differentiable, fused : optional
        As torch has them.

    Notes
    -----
    State: ``step`` and ``sum``.

    Examples
    --------
    >>> import torch
    >>> from fastdl.interop.torch import Adagrad
    >>> W = torch.ones(2, requires_grad=True)
    >>> optimizer = Adagrad([W], lr=0.5)
    >>> for _ in range(2):
    ...     optimizer.zero_grad()
    ...     (W * torch.tensor([1.0, -2.0])).sum().backward()
    ...     optimizer.step()
    >>> W.detach().numpy().round(4)
    array([0.1464, 1.8536], dtype=float32)
    """

    torch_class = torch.optim.Adagrad
    _formula = staticmethod(formulas.adagrad)

    def _hyper(self, group: Group, formula: Formula, batch: Batch) -> Hyper:
        """With lr_decay each parameter has the learning rate of its own step."""
        if not group["lr_decay"]:
            return formula.hyper
        lr, eps = formula.hyper
        return np.stack([lr / (1 + batch.steps * float(group["lr_decay"])), np.full(len(batch.steps), eps)], axis=1)


class RMSprop(DropIn, torch.optim.RMSprop):
    """:class:`torch.optim.RMSprop` whose steps fastdl's kernels take.

    Parameters
    ----------
    params, lr, alpha, eps, weight_decay, momentum, centered, capturable, foreach, maximize : optional
        As torch has them.
    differentiable : optional
        As torch has them.

    Notes
    -----
    State: ``step``, ``square_avg``, with momentum ``momentum_buffer``, centered ``grad_avg``.

    Examples
    --------
    >>> import torch
    >>> from fastdl.interop.torch import RMSprop
    >>> W = torch.ones(2, requires_grad=True)
    >>> optimizer = RMSprop([W], lr=0.5)
    >>> for _ in range(2):
    ...     optimizer.zero_grad()
    ...     (W * torch.tensor([1.0, -2.0])).sum().backward()
    ...     optimizer.step()
    >>> W.detach().numpy().round(4)
    array([-7.5444,  9.5444], dtype=float32)
    """

    torch_class = torch.optim.RMSprop
    _formula = staticmethod(formulas.rmsprop)


class Adadelta(DropIn, torch.optim.Adadelta):
    """:class:`torch.optim.Adadelta` whose steps fastdl's kernels take.

    Parameters
    ----------
    params, lr, rho, eps, weight_decay, foreach, capturable, maximize, differentiable : optional
        As torch has them.

    Notes
    -----
    State: ``step``, ``square_avg``, ``acc_delta``.

    Examples
    --------
    >>> import torch
    >>> from fastdl.interop.torch import Adadelta
    >>> W = torch.ones(2, requires_grad=True)
    >>> optimizer = Adadelta([W], lr=0.5)
    >>> for _ in range(2):
    ...     optimizer.zero_grad()
    ...     (W * torch.tensor([1.0, -2.0])).sum().backward()
    ...     optimizer.step()
    >>> W.detach().numpy().round(4)
    array([0.9968, 1.0032], dtype=float32)
    """

    torch_class = torch.optim.Adadelta
    _formula = staticmethod(formulas.adadelta)


class Adam(DropIn, torch.optim.Adam):
    """:class:`torch.optim.Adam` whose steps fastdl's kernels take.

    Parameters
    ----------
    params, lr, betas, eps, weight_decay, amsgrad, foreach, maximize, capturable, differentiable : optional
        As torch has them.
    fused, decoupled_weight_decay : optional
        As torch has them.

    Notes
    -----
    State: ``step``, ``exp_avg``, ``exp_avg_sq``, with amsgrad ``max_exp_avg_sq``.

    Examples
    --------
    >>> import torch
    >>> from fastdl.interop.torch import Adam
    >>> W = torch.ones(2, requires_grad=True)
    >>> optimizer = Adam([W], lr=0.5)
    >>> for _ in range(2):
    ...     optimizer.zero_grad()
    ...     (W * torch.tensor([1.0, -2.0])).sum().backward()
    ...     optimizer.step()
    >>> W.detach().numpy().round(4)
    array([0., 2.], dtype=float32)
    """

    torch_class = torch.optim.Adam
    _formula = staticmethod(formulas.adam)


class AdamW(DropIn, torch.optim.AdamW):
    """:class:`torch.optim.AdamW` whose steps fastdl's kernels take.

    Parameters
    ----------
    params, lr, betas, eps, weight_decay, amsgrad, maximize, foreach, capturable, differentiable : optional
        As torch has them.
    fused : optional
        As torch has them.

    Notes
    -----
    State: ``step``, ``exp_avg``, ``exp_avg_sq``, with amsgrad ``max_exp_avg_sq``.

    Examples
    --------
    >>> import torch
    >>> from fastdl.interop.torch import AdamW
    >>> W = torch.ones(2, requires_grad=True)
    >>> optimizer = AdamW([W], lr=0.5)
    >>> for _ in range(2):
    ...     optimizer.zero_grad()
    ...     (W * torch.tensor([1.0, -2.0])).sum().backward()
    ...     optimizer.step()
    >>> W.detach().numpy().round(4)
    array([-0.0075,  1.9875], dtype=float32)
    """

    torch_class = torch.optim.AdamW
    _formula = staticmethod(formulas.adam)


class Adamax(DropIn, torch.optim.Adamax):
    """:class:`torch.optim.Adamax` whose steps fastdl's kernels take.

    Parameters
    ----------
    params, lr, betas, eps, weight_decay, foreach, maximize, differentiable, capturable : optional
        As torch has them.

    Notes
    -----
    State: ``step``, ``exp_avg``, ``exp_inf``.

    Examples
    --------
    >>> import torch
    >>> from fastdl.interop.torch import Adamax
    >>> W = torch.ones(2, requires_grad=True)
    >>> optimizer = Adamax([W], lr=0.5)
    >>> for _ in range(2):
    ...     optimizer.zero_grad()
    ...     (W * torch.tensor([1.0, -2.0])).sum().backward()
    ...     optimizer.step()
    >>> W.detach().numpy().round(4)
    array([0., 2.], dtype=float32)
    """

    torch_class = torch.optim.Adamax
    _formula = staticmethod(formulas.adamax)


class NAdam(DropIn, torch.optim.NAdam):
    """:class:`torch.optim.NAdam` whose steps fastdl's kernels take.

    Parameters
    ----------
    params, lr, betas, eps, weight_decay, momentum_decay, decoupled_weight_decay, foreach, maximize : optional
        As torch has them.
    capturable, differentiable : optional
        As torch has them.

    Notes
    -----
    State: ``step``, ``mu_product``, ``exp_avg``, ``exp_avg_sq``. While ``mu_product`` is not what these
    settings would have made of it, as after a change of betas, torch takes the steps. So it does where its rounding
    shows: with float64 parameters while torch's default dtype, in which it is kept, is float32.

    Examples
    --------
    >>> import torch
    >>> from fastdl.interop.torch import NAdam
    >>> W = torch.ones(2, requires_grad=True)
    >>> optimizer = NAdam([W], lr=0.5)
    >>> for _ in range(2):
    ...     optimizer.zero_grad()
    ...     (W * torch.tensor([1.0, -2.0])).sum().backward()
    ...     optimizer.step()
    >>> W.detach().numpy().round(4)
    array([0.0799, 1.9201], dtype=float32)
    """

    torch_class = torch.optim.NAdam
    _formula = staticmethod(formulas.nadam)
    _product: MomentumProduct | None = None  # of the settings of the last step

    def _hyper(self, group: Group, formula: Formula, batch: Batch) -> Hyper | None:
        """None while a product of momenta is another one than the rule's, which follows from these settings."""
        product = MomentumProduct.of(group)
        if self._product is not None and self._product.settings == product.settings:
            product = self._product
        self._product = product
        for slot, taken in zip(batch.slots, batch.steps.tolist(), strict=True):
            kept = slot.state["mu_product"].item()
            if not abs(kept - product.after(taken)) <= PRODUCT_TOLERANCE[slot.array.itemsize]:
                return None
        return formula.hyper

    def _count(self, group: Group, batch: Batch, gradients: Sequence[Array | None]) -> None:
        """Multiply each product by the momentum of its step."""
        momentum = MomentumProduct.of(group).momentum
        for slot, taken, gradient in zip(batch.slots, batch.steps.tolist(), gradients, strict=True):
            if gradient is not None:
                with torch.no_grad():
                    slot.state["mu_product"].mul_(momentum(taken))


class RAdam(DropIn, torch.optim.RAdam):
    """:class:`torch.optim.RAdam` whose steps fastdl's kernels take.

    Parameters
    ----------
    params, lr, betas, eps, weight_decay, decoupled_weight_decay, foreach, maximize, capturable : optional
        As torch has them.
    differentiable : optional
        As torch has them.

    Notes
    -----
    State: ``step``, ``exp_avg``, ``exp_avg_sq``.

    Examples
    --------
    >>> import torch
    >>> from fastdl.interop.torch import RAdam
    >>> W = torch.ones(2, requires_grad=True)
    >>> optimizer = RAdam([W], lr=0.5)
    >>> for _ in range(2):
    ...     optimizer.zero_grad()
    ...     (W * torch.tensor([1.0, -2.0])).sum().backward()
    ...     optimizer.step()
    >>> W.detach().numpy().round(4)
    array([0., 3.], dtype=float32)
    """

    torch_class = torch.optim.RAdam
    _formula = staticmethod(formulas.radam)
