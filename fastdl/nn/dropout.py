"""Dropout."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastdl import kernels
from fastdl.errors import HyperparameterError
from fastdl.nn.layer import Layer, not_trained


class Dropout(Layer):
    """Dropout: in training, a random share of the elements becomes 0.

    Parameters
    ----------
    ratio : float
        The share, in [0, 1).
    seed : int
        From 0 to 2**64 - 1.
    inverted : bool
        True: the elements that are kept are multiplied by ``1 / (1 - ratio)`` in training, and evaluation is the
        identity.
        False: they stay as they are, and evaluation multiplies by ``1 - ratio``, as in the book.
    stream : int
        From 0 to 2**32 - 1: another one for each layer of one seed.
    activation : str
        Applied first, in the same pass: one of :data:`fastdl.kernels.ACTIVATIONS`, with its default alpha, but none of
        :data:`~fastdl.kernels.NEED_INPUT`.

    Attributes
    ----------
    ratio : float
        The share that is really dropped, a multiple of 1/65536; see :func:`fastdl.kernels.dropout_ratio`.
    step : int
        Forward passes in training so far, from 0 to 2**32 - 1. What the next one drops depends on this, the seed and
        the stream alone: a run that is resumed goes on as it would have when ``step`` is set to what it was.
    first_row : int
        Of inputs that are rows of a larger batch, the number of the first one, from 0 to 2**32 - 1: training drops of
        them what it does as part of that batch, whose rows are along the first axis. 0, and not saved.

    Raises
    ------
    HyperparameterError
        If a setting is out of range.

    Notes
    -----
    Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, "Dropout: A Simple Way to Prevent Neural Networks from
    Overfitting", 2014. Keeps its output from a forward pass in training until the next one. The inputs are float32 or
    float64 of any shape.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import nn
    >>> dropout = nn.Dropout(0.5, seed=3)
    >>> y = dropout.forward(np.ones(1000), train=True)
    >>> np.unique(y), dropout.step
    (array([0., 2.]), 1)
    >>> bool((dropout.backward(np.ones(1000)) == y).all())
    True
    >>> dropout.forward(np.ones(3))
    array([1., 1., 1.])
    """

    can_be_planned = True
    read_when_run = Layer.read_when_run | {"step", "first_row"}

    def __init__(
        self, ratio: float, seed: int, inverted: bool = True, stream: int = 0, activation: str = "identity"
    ) -> None:
        super().__init__()
        self.ratio = kernels.dropout_ratio(ratio)
        self.seed = seed
        self.inverted = inverted
        self.stream = stream
        self.activation = activation
        self._counter = np.zeros(3, np.uint32)  # the step of the last forward pass, of the next one, and the first row
        self._passed: NDArray[Any] | None = None
        kernels.dropout_forward(np.empty(0), ratio, seed, stream, activation=activation)  # refuses what does not fit

    @property
    def step(self) -> int:
        """Forward passes in training so far."""
        return int(self._counter[1])

    @step.setter
    def step(self, value: int) -> None:
        self._counter[1] = _checked(value, "step")

    @property
    def first_row(self) -> int:
        """Of inputs that are rows of a larger batch, the number of the first one."""
        return int(self._counter[2])

    @first_row.setter
    def first_row(self, value: int) -> None:
        self._counter[2] = _checked(value, "first_row")

    def forward(self, x: NDArray[Any], train: bool = False) -> NDArray[Any]:
        if not train:
            scale = 1.0 if self.inverted else 1 - self.ratio
            return kernels.dropout_forward(x, 0.0, self.seed, activation=self.activation, scale=scale)
        self._passed = kernels.dropout_forward(
            x, self.ratio, self.seed, self.stream, self._counter, self.activation, self._training_scale()
        )
        kernels.count_step(self._counter)
        return self._passed

    def backward(self, dout: NDArray[Any]) -> NDArray[Any]:
        if self._passed is None:
            raise not_trained("Dropout.backward")
        return kernels.dropout_backward(
            dout,
            self.ratio,
            self.seed,
            self.stream,
            self._counter,
            self._passed,
            self.activation,
            self._training_scale(),
        )

    def _training_scale(self) -> float | None:
        return None if self.inverted else 1.0


def _checked(value: int, arg: str) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__") or not 0 <= value < 2**32:
        raise HyperparameterError(
            "out of range", op="Dropout", arg=arg, expected="an integer from 0 to 2**32 - 1", got=repr(value)
        )
    return value
