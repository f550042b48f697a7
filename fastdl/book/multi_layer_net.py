"""The book's fully connected network."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fastdl import kernels, nn
from fastdl.book.functions import floats
from fastdl.book.gradient import numerical_gradient
from fastdl.book.layers import Affine, Relu, Sigmoid, SoftmaxWithLoss
from fastdl.errors import ArrayError, HyperparameterError
from fastdl.nn.planned import BLOCK

Array = NDArray[Any]

_ACTIVATIONS: dict[str, type[Relu | Sigmoid]] = {"relu": Relu, "sigmoid": Sigmoid}
# Numerators of the initial weights' variance, divided by the number of a layer's inputs.
_VARIANCES = {"relu": 2.0, "he": 2.0, "sigmoid": 1.0, "xavier": 1.0}


class MultiLayerNet:
    """The book's fully connected network, in float64: affine layers, an activation after all but the last, softmax.

    Parameters
    ----------
    input_size : int
        Numbers in each input: 784 for MNIST.
    hidden_size_list : list of int
        The units of each hidden layer.
    output_size : int
        Classes.
    activation : {"relu", "sigmoid"}
        After each hidden layer.
    weight_init_std : float or {"relu", "he", "sigmoid", "xavier"}
        Standard deviation of the initial weights: ``sqrt(2 / n)`` of a layer with n inputs for "relu" and "he",
        ``sqrt(1 / n)`` for "sigmoid" and "xavier". Biases start at 0.
    weight_decay_lambda : float
        λ >= 0: adds ``λ/2 * sum(W ** 2)`` of all weights to the loss, and ``λ W`` to their gradients.

    Attributes
    ----------
    params : dict of str to ndarray
        W1, b1, W2, b2, ...: the very arrays that the layers use. Change them in place, as optimizers do: an array that
        is put into the dict in place of another is not seen by the layers.
    layers : OrderedDict
        Affine1, Activation_function1, Affine2, ... Where others are put in, they are computed one by one, as in the
        book: objects with ``forward(x)`` and ``backward(dout)``, or ``forward(x, train_flg)`` where their key has
        "Dropout" or "BatchNorm" in it.
    last_layer : SoftmaxWithLoss
        The loss.

    Raises
    ------
    HyperparameterError
        If a setting is not possible.

    Notes
    -----
    Weights are drawn by ``numpy.random.randn`` in the order W1, W2, ..., so that after ``numpy.random.seed`` they are
    those of the book's code. `gradient` and evaluation run as plans (:class:`fastdl.nn.Sequential`); with weight decay
    the layers' ``dW`` has its share then, like the gradients that are returned.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl.book import SGD, MultiLayerNet
    >>> np.random.seed(0)
    >>> network, optimizer = MultiLayerNet(2, [10], 2), SGD(lr=0.5)
    >>> x = np.random.randn(100, 2)
    >>> t = (x[:, 0] > x[:, 1]).astype(int)
    >>> for step in range(200):
    ...     optimizer.update(network.params, network.gradient(x, t))
    >>> network.loss(x, t) < 0.2, network.accuracy(x, t) > 0.95
    (True, True)
    """

    _differs_in_training: ClassVar[bool] = False

    def __init__(
        self,
        input_size: int,
        hidden_size_list: Sequence[int],
        output_size: int,
        activation: str = "relu",
        weight_init_std: str | float = "relu",
        weight_decay_lambda: float = 0,
    ) -> None:
        if not isinstance(hidden_size_list, Iterable):
            raise _not_possible("hidden_size_list", "a list: the units of each hidden layer", hidden_size_list)
        self.input_size = input_size
        self.hidden_size_list = hidden_size_list
        self.output_size = output_size
        self.hidden_layer_num = len(hidden_size_list)
        self.activation = activation
        self.weight_decay_lambda = weight_decay_lambda
        sizes = [input_size, *hidden_size_list, output_size]
        _check(sizes, activation, weight_init_std, weight_decay_lambda)
        self.params = _initial_params(sizes, weight_init_std)
        self.layers: OrderedDict[str, Any] = OrderedDict()
        self._owners: dict[str, tuple[str, str]] = {}  # of each parameter: its layer's key, its name there
        for number in range(1, len(sizes)):
            is_last = number == len(sizes) - 1
            layers = {f"Affine{number}": self._affine(number)} if is_last else self._hidden_layers(number)
            self.layers.update(layers)
            self._owners |= {f"{name}{number}": (key, name) for key, layer in layers.items() for name in layer.params}
        self.last_layer: Any = SoftmaxWithLoss()
        self._made = list(self.layers.items())
        # The gradient of the network's input, which takes as long as that of W1, is nobody's.
        first = self._affine(1)
        first.need_dx = False
        rest = [layer for _, layer in self._made[1:]]
        self._network = nn.Sequential([first, *rest], self.last_layer, dtype="float64")

    def predict(self, x: Array, train_flg: bool = False) -> Array:
        """Return the output of the last affine layer.

        Parameters
        ----------
        x : ndarray of shape (B, input_size), or (B, ...) with as many numbers
            Inputs of any real dtype.
        train_flg : bool
            Whether dropout and batch normalization, where there are any, do what they do in training.

        Returns
        -------
        ndarray of shape (B, output_size)

        Raises
        ------
        DtypeError, ArrayError
            If x does not fit.
        """
        if train_flg or not self._is_as_made():
            return self._forward_layers(self._inputs(x), train_flg)
        x = np.asarray(x)
        if x.dtype == self._network.dtype or x.ndim == 0 or len(x) <= BLOCK:
            return self._network.forward(self._inputs(x))
        blocks = [x[start : start + BLOCK] for start in range(0, len(x), BLOCK)]  # float64 of a few rows at a time
        return np.concatenate([self._network.forward(self._inputs(block)) for block in blocks])

    def loss(self, x: Array, t: Array, train_flg: bool = False) -> float:
        """Return the loss, plus the weight decay's share.

        Parameters
        ----------
        x : ndarray
            As in :meth:`predict`.
        t : ndarray of shape (B,) or (B, output_size)
            Class numbers, or one-hot rows.
        train_flg : bool
            As in :meth:`predict`.

        Returns
        -------
        float

        Raises
        ------
        DtypeError, ArrayError, LabelError
            If x or t does not fit.
        """
        loss: float = self.last_layer.forward(self.predict(x, train_flg), t)
        if self.weight_decay_lambda:
            loss += sum(kernels.decay_gradient(W, None, self.weight_decay_lambda) for W in self._weights().values())
        return loss

    def accuracy(self, x: Array, t: Array) -> float:
        """Return the share of inputs whose class is predicted right.

        Parameters
        ----------
        x : ndarray
            As in :meth:`predict`.
        t : ndarray of shape (B,) or (B, output_size)
            Class numbers, or one-hot rows.

        Returns
        -------
        float
            From 0 to 1.

        Raises
        ------
        DtypeError, ArrayError, LabelError
            If x or t does not fit.
        """
        y = self.predict(x)
        return float(np.mean(y.argmax(axis=1) == kernels.class_numbers(np.asarray(t), *y.shape)))

    def gradient(self, x: Array, t: Array) -> dict[str, Array]:
        """Return the gradient of the loss in training with respect to every parameter, by backpropagation.

        Parameters
        ----------
        x : ndarray
            As in :meth:`predict`.
        t : ndarray of shape (B,) or (B, output_size)
            Class numbers, or one-hot rows.

        Returns
        -------
        dict of str to ndarray
            Under the keys of ``params``. Later steps leave them alone as long as somebody has them.

        Raises
        ------
        DtypeError, ArrayError, LabelError
            If x or t does not fit.
        """
        x = self._inputs(x)
        if not self._is_as_made() or (len(x) == 1 and "gamma1" in self.params):
            return self._gradient_by_layers(x, t)
        self._network.weight_decay = self.weight_decay_lambda
        grads = self._network.gradient(x, np.asarray(t))
        for key, (owner, name) in self._owners.items():
            self.layers[owner].grads[name] = grads[key]
        self.last_layer.forget()
        return grads

    def numerical_gradient(self, x: Array, t: Array) -> dict[str, Array]:
        """Return the gradient of the loss in training with respect to every parameter, by differences: slow.

        Parameters
        ----------
        x : ndarray
            As in :meth:`predict`.
        t : ndarray of shape (B,) or (B, output_size)
            Class numbers, or one-hot rows.

        Returns
        -------
        dict of str to ndarray
            Under the keys of ``params``.

        Raises
        ------
        DtypeError, ArrayError, LabelError
            If x or t does not fit.
        """
        train_flg = self._differs_in_training or not self._is_as_made()
        return {key: numerical_gradient(lambda _: self.loss(x, t, train_flg), self.params[key]) for key in self._owners}

    def _affine(self, number: int) -> Affine:
        return Affine(self.params[f"W{number}"], self.params[f"b{number}"])

    def _hidden_layers(self, number: int) -> dict[str, nn.Layer]:
        """One hidden layer, from its affine part to its activation."""
        return {
            f"Affine{number}": self._affine(number),
            f"Activation_function{number}": _ACTIVATIONS[self.activation](),
        }

    def _inputs(self, x: Any) -> Array:
        array = floats(x, type(self).__name__, self._network.dtype)
        rows = array.reshape(len(array), -1) if array.ndim > 2 else array
        if rows.shape[1:] != (self.input_size,) and self._is_as_made():
            expected = f"(B, {self.input_size})"
            raise ArrayError("wrong shape", op=type(self).__name__, arg="x", expected=expected, got=str(array.shape))
        return rows

    def _weights(self) -> dict[str, Array]:
        return {key: value for key, value in self.params.items() if key.startswith("W")}

    def _is_as_made(self) -> bool:
        """Whether nobody has exchanged a layer."""
        return self.last_layer is self._network.loss_function and list(self.layers.items()) == self._made

    def _forward_layers(self, x: Array, train_flg: bool) -> Array:
        for key, layer in self.layers.items():
            takes_flag = isinstance(layer, nn.Layer) or "Dropout" in key or "BatchNorm" in key
            x = layer.forward(x, train_flg) if takes_flag else layer.forward(x)
        return x

    def _gradient_by_layers(self, x: Array, t: Array) -> dict[str, Array]:
        self.loss(x, t, train_flg=True)
        dout = self.last_layer.backward(1)
        for layer in reversed(self.layers.values()):
            dout = layer.backward(dout)
        grads = {key: np.array(getattr(self.layers[owner], f"d{name}")) for key, (owner, name) in self._owners.items()}
        for key, W in self._weights().items() if self.weight_decay_lambda else ():
            kernels.decay_gradient(W, grads[key], self.weight_decay_lambda)
        return grads


def _initial_params(sizes: list[int], std: str | float) -> dict[str, Array]:
    """W1, b1, W2, ..., drawn as the book draws them."""
    params = {}
    for number, (n_in, n_out) in enumerate(pairwise(sizes), start=1):
        scale = np.sqrt(_VARIANCES[std.lower()] / n_in) if isinstance(std, str) else std
        params[f"W{number}"] = scale * np.random.randn(n_in, n_out)  # noqa: NPY002 - the book's numbers
        params[f"b{number}"] = np.zeros(n_out)
    return params


def _check(sizes: list[int], activation: Any, std: Any, weight_decay_lambda: Any) -> None:
    if not all(isinstance(size, int | np.integer) and not isinstance(size, bool) and size > 0 for size in sizes):
        raise _not_possible("sizes", "positive integers: inputs, hidden units ..., classes", sizes)
    if not isinstance(activation, str) or activation not in _ACTIVATIONS:
        raise _not_possible("activation", f"one of {', '.join(_ACTIVATIONS)}", activation)
    if isinstance(std, str) and std.lower() not in _VARIANCES:
        raise _not_possible("weight_init_std", f"a number, or one of {', '.join(_VARIANCES)}", std)
    numbers = {"weight_init_std": 1.0 if isinstance(std, str) else std, "weight_decay_lambda": weight_decay_lambda}
    for arg, value in numbers.items():
        is_number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
        if not is_number or not 0 <= value < math.inf:
            raise _not_possible(arg, "a finite number >= 0", value)


def _not_possible(arg: str, expected: str, got: Any) -> HyperparameterError:
    return HyperparameterError("not possible", op="MultiLayerNet", arg=arg, expected=expected, got=repr(got))
