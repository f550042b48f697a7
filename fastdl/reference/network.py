"""A multilayer perceptron and its training step, put together from the other files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fastdl.reference.activations import NEED_INPUT
from fastdl.reference.affine import affine_backward, affine_forward
from fastdl.reference.losses import softmax_cross_entropy
from fastdl.reference.rules import RULES
from fastdl.reference.update import update

Array = NDArray[Any]


class Optimizer(Protocol):
    """What `ReferenceMLP.train_step` asks of an optimizer; those of `fastdl.optim` have it as well."""

    def update(self, params: dict[str, Array], grads: dict[str, Array]) -> object:
        """Change the parameters in place."""


class ReferenceOptimizer:
    """An optimizer over `update`: a rule, its hyper-parameters, its state.

    Parameters
    ----------
    rule : str
        A name in ``RULES``.
    **hyper : float
        Every hyper-parameter of the rule, by name.

    Examples
    --------
    >>> params = {"w": np.array([1.0, 2.0])}
    >>> ReferenceOptimizer("sgd", lr=0.1).update(params, {"w": np.array([0.5, -1.0])})
    >>> params["w"]
    array([0.95, 2.1 ])
    """

    def __init__(self, rule: str, **hyper: float) -> None:
        self.rule = rule
        self.hyper = [hyper[name] for name in RULES[rule].hyper]
        self._state: list[list[Array]] | None = None
        self._steps = np.zeros(0, np.int64)

    def update(self, params: dict[str, Array], grads: dict[str, Array]) -> None:
        """Do one step on every array of ``params``, in place; the same keys in every call."""
        if self._state is None:
            self._state = [[np.zeros_like(p) for p in params.values()] for _ in RULES[self.rule].state]
            self._steps = np.zeros(len(params), np.int64)
        update(
            self.rule,
            list(params.values()),
            [grads[key] for key in params],
            self._state,
            self._steps,
            self.hyper,
        )


class ReferenceMLP:
    """Affine layers with one activation between them, softmax and cross-entropy at the end.

    Parameters
    ----------
    params : mapping of str to array
        W1 (I, O1), b1 (O1,), W2 (O1, O2), b2, ...: the initial values, copied; all of one dtype.
    activation : str
        A name in ``ACTIVATIONS``, after every layer but the last.
    weight_decay : float
        λ: ``λ/2 Σ W²`` is added to the loss and ``λ W`` to the gradients of the weights.

    Examples
    --------
    >>> network = ReferenceMLP({"W1": np.zeros((2, 3), np.float32), "b1": np.zeros(3, np.float32)})
    >>> x, t = np.ones((4, 2), np.float32), np.array([0, 0, 0, 0])
    >>> sgd = ReferenceOptimizer("sgd", lr=1.0)
    >>> [round(network.train_step(x, t, sgd), 3) for _ in range(2)]
    [1.099, 0.095]
    """

    def __init__(self, params: Mapping[str, Array], activation: str = "relu", weight_decay: float = 0.0) -> None:
        self.params = {key: value.copy() for key, value in params.items()}
        depth = len(params) // 2
        self._layers = [(f"W{i}", f"b{i}", "identity" if i == depth else activation) for i in range(1, depth + 1)]
        self.weight_decay = weight_decay

    def forward(self, x: Array) -> Array:
        """Scores of the classes: x (B, I) to logits (B, C)."""
        return self._passes(x)[0][-1]

    def loss(self, x: Array, t: Array) -> float:
        """Mean loss over a batch, with the weight decay's share."""
        return softmax_cross_entropy(self.forward(x), t)[0] + self._penalty()

    def gradient(self, x: Array, t: Array) -> dict[str, Array]:
        """Gradient of `loss` by every parameter, under the same keys."""
        return self._loss_and_gradient(x, t)[1]

    def train_step(self, x: Array, t: Array, optimizer: Optimizer) -> float:
        """Forward, backward and update on one batch; the loss before the update."""
        loss, grads = self._loss_and_gradient(x, t)
        optimizer.update(self.params, grads)
        return loss

    def _passes(self, x: Array) -> tuple[list[Array], list[Array]]:
        """The input and the output of every layer; what each one's derivative is computed from."""
        outputs, saved = [x], []
        for W, b, activation in self._layers:
            z = np.empty((len(x), self.params[b].size), x.dtype)
            outputs.append(affine_forward(outputs[-1], self.params[W], self.params[b], activation, z=z))
            saved.append(z if activation in NEED_INPUT else outputs[-1])
        return outputs, saved

    def _loss_and_gradient(self, x: Array, t: Array) -> tuple[float, dict[str, Array]]:
        outputs, saved = self._passes(x)
        loss, dout = softmax_cross_entropy(outputs[-1], t)
        grads: dict[str, Array] = {}
        for i in reversed(range(len(self._layers))):
            W, b, activation = self._layers[i]
            dx, grads[W], grads[b] = affine_backward(
                dout, outputs[i], self.params[W], saved[i], activation, need_dx=i > 0
            )
            if self.weight_decay:
                grads[W] += self.weight_decay * self.params[W]
            if dx is not None:
                dout = dx
        return loss + self._penalty(), grads

    def _penalty(self) -> float:
        if not self.weight_decay:
            return 0.0
        squares = (float(np.sum(np.square(self.params[W], dtype=np.float64))) for W, _, _ in self._layers)
        return 0.5 * self.weight_decay * sum(squares)
