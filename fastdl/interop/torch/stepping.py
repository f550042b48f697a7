"""A step: what the kernels take, and what is left to torch's own."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch.optim import optimizer as _optimizer
from torch.utils import _python_dispatch

from fastdl import kernels
from fastdl.errors import ArrayError, DtypeError
from fastdl.interop.torch.binding import Batch
from fastdl.interop.torch.formulas import Formula, Group
from fastdl.interop.torch.memory import Array, share_storage, to_floats
from fastdl.interop.torch.reduced import restore, with_state_dtype

Hyper = Sequence[float] | Array
Closure = Callable[[], Any]


def _hooked(step: Callable[..., Any]) -> Callable[..., Any]:
    """Return a step that torch's wrapper, for hooks and profilers, goes around where that has anything to do.

    The wrapper costs 6 to 9 µs. Hooks get the arguments as they were given, and may give others.
    """
    wrapped = torch.optim.Optimizer.profile_hook_step(step)

    @functools.wraps(step)
    def taken(self: DropIn, *args: Any, **kwargs: Any) -> Any:
        return (wrapped if self._is_watched() else step)(self, *args, **kwargs)

    taken.hooked = True  # type: ignore[attr-defined]  # so that torch does not wrap it
    return taken


class DropIn:
    """The step of one of torch's optimizers, taken by fastdl's kernels as far as they can.

    A subclass has torch's class as its next base, and says what that class's settings mean to the kernels.
    """

    torch_class: ClassVar[Any]  # whose step this one takes the place of
    param_groups: list[dict[str, Any]]
    state: dict[torch.Tensor, dict[str, Any]]
    defaults: dict[str, Any]
    _optimizer_step_pre_hooks: dict[int, Any]
    _optimizer_step_post_hooks: dict[int, Any]
    _batches: dict[int, Batch] | None = None  # by the number of the group; torch neither copies nor saves it

    def _formula(self, group: Group) -> Formula | None:
        """Return the rule that the group's settings stand for; None where the kernels have none."""
        raise NotImplementedError

    def _hyper(self, group: Group, formula: Formula, batch: Batch) -> Hyper | None:
        """Return the hyper-parameters of this step, of all parameters or of each; None to leave it to torch."""
        return formula.hyper

    def _count(self, group: Group, batch: Batch, gradients: Sequence[Array | None]) -> None:
        """Keep what else torch counts of the steps that have been taken."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state dict, of this class or of torch's; see torch.

        Parameters
        ----------
        state_dict : dict
            Its states take the form of each group's ``state_dtype`` in the next step; a group of which it does not
            say one keeps its own.
        """
        before = [group.get("state_dtype") for group in self.param_groups]
        super().load_state_dict(state_dict)  # type: ignore[misc]
        for group, state_dtype in zip(self.param_groups, before, strict=True):
            if state_dtype is not None:
                group.setdefault("state_dtype", state_dtype)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._batches = None  # a checkpoint's states take the place of these
        super().__setstate__(state)  # type: ignore[misc]

    def _is_watched(self) -> bool:
        """Whether there are hooks or a profiler, or the step is being compiled."""
        return (
            torch.compiler.is_compiling()
            or torch.autograd._profiler_enabled()
            or bool(self._optimizer_step_pre_hooks or self._optimizer_step_post_hooks)
            or bool(_optimizer._global_optimizer_pre_hooks or _optimizer._global_optimizer_post_hooks)
        )

    @_hooked
    def step(self, closure: Closure | None = None) -> Any:
        """Take one step.

        Parameters
        ----------
        closure : callable, optional
            Computes the loss again, with its gradients, and returns it.

        Returns
        -------
        object
            What ``closure`` returned; None without one.
        """
        if torch.compiler.is_compiling() or self._is_for_torch():
            return self._step_of_torch()(self, closure)
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        if self._batches is None:
            self._batches = {}
        for number, group in enumerate(self.param_groups):
            left = self._step_group(number, group)
            if left:
                self._leave(group, left)
        return loss

    def _is_for_torch(self) -> bool:
        """Whether this is more than an ordinary step: differentiated, scaled by a GradScaler, or watched."""
        return (
            self.defaults["differentiable"]
            or getattr(self, "grad_scale", None) is not None
            or getattr(self, "found_inf", None) is not None
            or _python_dispatch.is_in_torch_dispatch_mode()
        )

    @classmethod
    def _step_of_torch(cls) -> Callable[..., Any]:
        """Return the step of torch's class without its hooks, which have been called."""
        step = cls.torch_class.step
        unhooked: Callable[..., Any] = step.__wrapped__ if getattr(step, "hooked", False) else step
        return unhooked

    def _leave(self, group: dict[str, Any], params: list[torch.Tensor]) -> None:
        """Let torch step these parameters of the group."""
        part = group | {"params": params}
        if part.get("fused") and all(param.is_cpu for param in params):
            part["fused"] = False  # that kernel takes a gradient in another layout for one in the parameter's
        for param in params:
            restore(param, self.state.get(param, {}))
        groups, self.param_groups = self.param_groups, [part]
        try:
            with torch.no_grad():
                inspect.unwrap(self.torch_class.step)(self)
        finally:
            self.param_groups = groups

    def _step_group(self, number: int, group: dict[str, Any]) -> list[torch.Tensor]:
        """Step what the kernels can; return the parameters that are left to torch, none of which has changed."""
        params = group["params"]
        formula = None
        if not (group["differentiable"] or group.get("capturable")):
            formula = self._formula(group)
        if formula is not None:
            formula = with_state_dtype(formula, group, number, type(self).__name__)
        if formula is None:
            return list(params)
        assert self._batches is not None
        batch = self._batches.get(number)
        if batch is None or not batch.holds(params, self.state, formula):
            batch = self._batches[number] = Batch(params, self.state, formula)
        gradients, left = batch.gradients()
        if left and share_storage([param for param in params if param.grad is not None]):
            # torch's order of steps is the right one
            return list(params)
        batch.read_steps()
        hyper = self._hyper(group, formula, batch)
        if hyper is None or not self._update(formula, batch, gradients, hyper):
            return list(params)
        batch.write_steps()
        self._count(group, batch, gradients)
        batch.mark_changed(gradients)
        return left

    @staticmethod
    def _update(formula: Formula, batch: Batch, gradients: list[Array | None], hyper: Hyper) -> bool:
        """Take the step; return whether the kernels took these arrays. Where they did not, nothing has changed."""
        if formula.scale != 1:
            gradients = [None if each is None else np.asarray(to_floats(each) * formula.scale) for each in gradients]
        count = len(batch.params)
        try:
            kernels.update(
                formula.rule,
                batch.params,
                gradients,
                batch.states,
                batch.steps,
                hyper,
                decay=(formula.decay,) * count if formula.decay else None,
                shrink=(formula.shrink,) * count if formula.shrink else None,
                bfloat16=True,
                seed=formula.seed,
            )
        except (ArrayError, DtypeError):  # memory that is shared or not aligned, a gradient of another shape
            return False
        return True
