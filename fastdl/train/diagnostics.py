"""What goes on inside a network: activations, gradients and updates of each layer."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fastdl.data.checks import integer
from fastdl.errors import DtypeError
from fastdl.nn import Layer
from fastdl.nn.layer import every_layer
from fastdl.train.history import EpochRecord, StepRecord

Array = NDArray[Any]


class Layered(Protocol):
    """What `diagnose` asks of a network; `fastdl.nn.Sequential` and `fastdl.nn.MLP` have it."""

    layers: list[Layer]

    @property
    def params(self) -> dict[str, Array]:
        """The arrays it learns."""

    def loss_and_gradient(self, x: Array, t: Array) -> tuple[float, dict[str, Array]]:
        """The loss in training, and its gradient, by the layers' forward and backward passes."""


@dataclass(frozen=True, eq=False, slots=True)
class LayerDiagnosis:
    """One layer in one training pass.

    Parameters
    ----------
    name : str
        Its place among all layers, from 1, and what it is: ``"1 Affine, relu"``. Those that a layer is made of come
        after it.
    activations : ndarray (B, ...)
        Its output.
    gradients : ndarray (B, ...)
        The gradient of the loss with respect to its output.
    weights, weight_gradients : dict of str to ndarray
        Its parameters and the gradient of the loss with respect to them, weight decay included; empty for a layer that
        learns nothing.

    Examples
    --------
    >>> dead = np.array([[0.0, 2.0], [0.0, 0.0]])
    >>> LayerDiagnosis("1 ReLU", dead, np.ones((2, 2)), {}, {}).dead_share
    0.5
    """

    name: str
    activations: Array
    gradients: Array
    weights: Mapping[str, Array]
    weight_gradients: Mapping[str, Array]

    @property
    def dead_share(self) -> float:
        """Share of the units, 0..1, whose output is 0 in every row: after a ReLU they learn nothing from this batch."""
        return float(np.mean(np.all(self.activations == 0, axis=0)))

    @property
    def gradient_norm(self) -> float:
        """Euclidean norm of the gradient with respect to the layer's output."""
        return _norm([self.gradients])

    @property
    def weight_gradient_norm(self) -> float:
        """Euclidean norm of the gradient with respect to all its parameters; 0 if it has none."""
        return _norm(self.weight_gradients.values())

    @property
    def weight_norm(self) -> float:
        """Euclidean norm of all its parameters; 0 if it has none."""
        return _norm(self.weights.values())


@dataclass(frozen=True, eq=False, slots=True)
class Diagnosis:
    """All layers of a network in one training pass.

    Parameters
    ----------
    loss : float
        Of the batch, in training.
    layers : tuple of LayerDiagnosis
        In the order of the forward pass.
    step : int
        Training steps taken before; 0 where nobody counted.
    update_ratios : dict of str to float, or None
        For each parameter the norm of the last step's change over the norm of what was changed; None where no step
        was seen. About 0.001 is usual; far below, a parameter hardly learns.
    """

    loss: float
    layers: tuple[LayerDiagnosis, ...]
    step: int = 0
    update_ratios: Mapping[str, float] | None = None


def diagnose(network: Layered, x: Array, t: Array) -> Diagnosis:
    """Run one training pass on a copy of a network and return what each layer put out and got back.

    Nothing of the network changes: no parameter, no running statistics, no mask of the next step.

    Parameters
    ----------
    network : Layered
        A `fastdl.nn.Sequential`, `fastdl.nn.MLP` or another object with ``layers``, ``params`` and
        ``loss_and_gradient(x, t)``.
    x : ndarray (B, ...)
        Inputs of the network's dtype.
    t : ndarray
        What its loss takes.

    Returns
    -------
    Diagnosis

    Raises
    ------
    DtypeError
        If the network has no layers, or x is of another dtype.
    FastdlError
        Where the arrays do not fit the network.

    Examples
    --------
    >>> from fastdl.nn import MLP
    >>> network = MLP([4, 8, 3], init="zeros")
    >>> diagnosis = diagnose(network, np.ones((5, 4), np.float32), np.arange(5) % 3)
    >>> [(layer.name, layer.dead_share, layer.weight_gradient_norm > 0) for layer in diagnosis.layers]
    [('1 Affine, relu', 1.0, False), ('2 Affine', 1.0, True)]
    """
    layers = getattr(network, "layers", None)
    if not isinstance(layers, Sequence) or not all(isinstance(layer, Layer) for layer in layers):
        raise DtypeError(
            "has no layers", op="diagnose", arg="network", expected="an object with layers, such as nn.Sequential",
            got=type(network).__qualname__,
        )  # fmt: skip
    dtype = next(iter(network.params.values())).dtype
    if getattr(x, "dtype", None) != dtype:
        raise DtypeError(
            "not of the network's dtype", op="diagnose", arg="x", expected=f"an array of {dtype}",
            got=str(getattr(x, "dtype", type(x).__qualname__)),
        )  # fmt: skip
    network = copy.deepcopy(network)
    seen = [_Seen(layer) for layer in every_layer(network.layers)]
    loss, _ = network.loss_and_gradient(x, t)
    return Diagnosis(loss, tuple(each.diagnosis(number) for number, each in enumerate(seen, 1)))


class Diagnostics:
    """A callback of `Trainer` that diagnoses the network now and then on the same batch.

    Parameters
    ----------
    network : Layered
        The one that is trained; see `diagnose`.
    x : ndarray (B, ...)
        Inputs of the network's dtype, scaled; a hundred rows tell enough.
    t : ndarray
        Their labels, or what the network's loss takes.
    every : int >= 1
        Steps between two diagnoses; the first step has one.

    Attributes
    ----------
    records : list of Diagnosis
        So far. Each holds the activations and gradients of the whole batch in all layers.

    Raises
    ------
    HyperparameterError
        If ``every`` is not an integer in its range.
    FastdlError
        Where the arrays do not fit the network.

    Notes
    -----
    Each diagnosis takes about as long as a training step on the batch layer by layer. It changes nothing in the course
    of the training. `fastdl.viz` draws the records: ``plot_layer_histograms`` how activations and gradients are
    distributed, ``plot_layer_values`` norms layer by layer.

    Examples
    --------
    >>> from fastdl import optim
    >>> from fastdl.nn import MLP
    >>> from fastdl.train import Trainer
    >>> x = np.random.default_rng(0).random((100, 3), np.float32)
    >>> t = x.argmax(axis=1)
    >>> network = MLP([3, 16, 3], seed=0)
    >>> diagnostics = Diagnostics(network, x[:20], t[:20], every=50)
    >>> trainer = Trainer(network, optim.SGD(lr=0.1), batch_size=20, steps=101, seed=0, callbacks=[diagnostics])
    >>> _ = trainer.fit(x, t)
    >>> [record.step for record in diagnostics.records]
    [1, 51, 101]
    >>> sorted(diagnostics.course(lambda layer: layer.weight_norm))
    ['1 Affine, relu', '2 Affine']
    """

    def __init__(self, network: Layered, x: Array, t: Array, *, every: int = 100) -> None:
        self.network = network
        self.x, self.t = x, t
        self.every = integer(every, op="Diagnostics", arg="every", low=1)
        diagnose(network, x, t)  # raises now what the first step would
        self.records: list[Diagnosis] = []
        self._before = self._copied()

    def __call__(self, record: StepRecord | EpochRecord) -> None:
        """Diagnose, if it is time.

        Parameters
        ----------
        record : StepRecord or EpochRecord
            The step that has been taken; epochs are of no interest.
        """
        if not isinstance(record, StepRecord):
            return
        if (record.step - 1) % self.every == 0:
            found = diagnose(self.network, self.x, self.t)
            ratios = update_ratios(self._before, self.network.params)
            self.records.append(Diagnosis(found.loss, found.layers, record.step, ratios))
        if record.step % self.every == 0:  # the next one is due: what its step starts from
            self._before = self._copied()

    def course(self, number: Callable[[LayerDiagnosis], float]) -> dict[str, list[float]]:
        """A number of each layer over the records.

        Parameters
        ----------
        number : callable
            Takes a LayerDiagnosis, such as ``lambda layer: layer.dead_share``.

        Returns
        -------
        dict of str to list of float
            For each layer's name one number a record.
        """
        by_name: dict[str, list[float]] = {}
        for layer in (layer for record in self.records for layer in record.layers):
            by_name.setdefault(layer.name, []).append(number(layer))
        return by_name

    def _copied(self) -> dict[str, Array]:
        return {key: p.copy() for key, p in self.network.params.items()}


def update_ratios(before: Mapping[str, Array], after: Mapping[str, Array]) -> dict[str, float]:
    """How far parameters have moved, relative to where they were.

    Parameters
    ----------
    before, after : mapping of str to ndarray
        Parameters before and after one step or more.

    Returns
    -------
    dict of str to float
        For each parameter ``norm(after - before) / norm(before)``; infinity for what was 0 and is not, 0 for what has
        not changed.

    Examples
    --------
    >>> update_ratios({"W": np.array([3.0, 4.0])}, {"W": np.array([3.0, 4.05])})["W"]
    0.00999...
    """
    ratios = {}
    for key, p in before.items():
        change, size = _norm([after[key] - p]), _norm([p])
        ratios[key] = change / size if size else float("inf") if change else 0.0
    return ratios


class _Seen:
    """A layer whose passes are watched."""

    def __init__(self, layer: Layer) -> None:
        self._layer = layer
        self._output = self._dout = np.empty(0)
        self._forward, self._backward = layer.forward, layer.backward
        vars(layer).update(forward=self.forward, backward=self.backward)

    def forward(self, x: Array, train: bool = False) -> Array:
        self._output = self._forward(x, train)
        return self._output

    def backward(self, dout: Array) -> Array | None:
        self._dout = dout
        return self._backward(dout)

    def diagnosis(self, number: int) -> LayerDiagnosis:
        layer = self._layer
        activation = getattr(layer, "activation", "identity")
        name = f"{number} {type(layer).__name__}" + (f", {activation}" if activation != "identity" else "")
        return LayerDiagnosis(name, self._output, self._dout, dict(layer.params), dict(layer.grads))


def _norm(arrays: Any) -> float:
    """Euclidean norm of all elements together, summed up in float64."""
    return float(np.sqrt(sum(float(np.sum(np.square(array, dtype=np.float64))) for array in arrays)))
