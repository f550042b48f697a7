"""The multi-layer perceptron."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastdl import kernels
from fastdl.errors import ArrayError, DtypeError, HyperparameterError
from fastdl.nn import initializers
from fastdl.nn.affine import Affine
from fastdl.nn.softmax_cross_entropy import SoftmaxCrossEntropy


class SupportsUpdate(Protocol):
    """Anything with the ``update`` of an optimizer: fastdl's, the book's, or a user's."""

    def update(self, params: dict[str, NDArray[Any]], grads: dict[str, NDArray[Any]]) -> None:
        """Change the parameters in place."""


class MLP:
    """A classifier of affine layers with an activation between them.

    Parameters
    ----------
    sizes : sequence of int
        Features, units of each hidden layer, classes: at least two.
    activation : str
        After each layer but the last: one of ``kernels.ACTIVATIONS``, as in :class:`Affine`.
    init : str, float or callable
        Initial weights: a name in ``initializers.INITIALIZERS``, the standard deviation of a normal distribution, or a
        function of :mod:`fastdl.nn.initializers`' kind. Biases start at 0.
    weight_decay : float
        λ >= 0: adds ``λ/2 * sum(W ** 2)`` of all weights to the loss, and ``λ W`` to their gradients; biases are left
        out.
    dtype : {"float32", "float64"}
        Of parameters and inputs.
    seed : int, optional
        Of the initial weights, from 0 to 2**64 - 1; without one they differ from run to run. W1 is drawn from stream 1,
        W2 from stream 2, ...

    Attributes
    ----------
    params : dict of str to ndarray
        W1, b1, W2, b2, ...: the very arrays that the layers use.
    layers : list of Affine
        In the order of the forward pass.

    Raises
    ------
    HyperparameterError
        If a size or setting is out of range.

    Notes
    -----
    The book's ``MultiLayerNet``; its ``weight_decay`` is in the loss, where torch's ``weight_decay=`` is in the
    optimizer.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import nn, optim
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((200, 2), dtype=np.float32)
    >>> t = (x[:, 0] > x[:, 1]).astype(int)
    >>> network, optimizer = nn.MLP([2, 16, 2], seed=0), optim.Adam(lr=0.01)
    >>> for step in range(100):
    ...     loss = network.train_step(x, t, optimizer)
    >>> network.accuracy(x, t) > 0.95
    True
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: str = "relu",
        init: str | float | initializers.Initializer = "he",
        weight_decay: float = 0.0,
        dtype: DTypeLike = "float32",
        seed: int | None = None,
    ) -> None:
        _check_sizes(sizes)
        if activation not in kernels.ACTIVATIONS:
            raise _bad_setting("activation", f"one of {', '.join(kernels.ACTIVATIONS)}", activation)
        if (
            isinstance(weight_decay, bool)
            or not isinstance(weight_decay, int | float | np.floating)
            or not 0 <= weight_decay < np.inf
        ):
            raise _bad_setting("weight_decay", "a finite number >= 0", weight_decay)
        if dtype not in ("float32", "float64", np.float32, np.float64):
            raise _bad_setting("dtype", "float32 or float64", dtype)
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int | np.integer) or int(seed) >> 64):
            raise _bad_setting("seed", "an integer from 0 to 2**64 - 1, or None", seed)
        self.sizes = tuple(int(size) for size in sizes)
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        self.weight_decay = float(weight_decay)
        self.layers: list[Affine] = []
        self.params: dict[str, NDArray[Any]] = {}
        self._loss = SoftmaxCrossEntropy()

        initialize, key = initializers.get(init), secrets.randbits(64) if seed is None else int(seed)
        last = len(sizes) - 1
        for number, shape in enumerate(zip(self.sizes[:-1], self.sizes[1:], strict=True), start=1):
            W = np.ascontiguousarray(initialize(shape, key, number, self.dtype), dtype=self.dtype)
            if W.shape != shape:
                raise _bad_setting("init", f"weights of shape {shape}", f"weights of shape {W.shape}")
            b = np.zeros(shape[1], self.dtype)
            self.layers.append(Affine(W, b, activation if number < last else "identity", need_dx=number > 1))
            self.params |= {f"W{number}": W, f"b{number}": b}

    def forward(self, x: NDArray[Any], train: bool = False) -> NDArray[Any]:
        """Return the logits.

        Parameters
        ----------
        x : ndarray of shape (B, features)
            Of the network's dtype.
        train : bool
            Whether a backward pass follows.

        Returns
        -------
        ndarray of shape (B, classes)

        Raises
        ------
        DtypeError, ArrayError
            If x does not fit.
        """
        self._check_input(x)
        for layer in self.layers:
            x = layer.forward(x, train)
        return x

    def loss(self, x: NDArray[Any], t: NDArray[Any]) -> float:
        """Return the mean cross-entropy, plus the weight decay's share.

        Parameters
        ----------
        x : ndarray of shape (B, features)
            Of the network's dtype.
        t : ndarray of shape (B,) or (B, classes)
            Class numbers, or one-hot rows.

        Returns
        -------
        float

        Raises
        ------
        DtypeError, ArrayError, LabelError
            If x or t does not fit.
        """
        loss, _ = kernels.softmax_cross_entropy(self.forward(x), t)
        return loss + self._decay_loss()

    def gradient(self, x: NDArray[Any], t: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Return the gradient of the loss with respect to every parameter.

        Parameters
        ----------
        x : ndarray of shape (B, features)
            Of the network's dtype.
        t : ndarray of shape (B,) or (B, classes)
            Class numbers, or one-hot rows.

        Returns
        -------
        dict of str to ndarray
            Under the keys of ``params``; new arrays.

        Raises
        ------
        DtypeError, ArrayError, LabelError
            If x or t does not fit.
        """
        return self._loss_and_gradient(x, t)[1]

    def train_step(self, x: NDArray[Any], t: NDArray[Any], optimizer: SupportsUpdate) -> float:
        """Take one step: forward, backward, update.

        Parameters
        ----------
        x : ndarray of shape (B, features)
            Of the network's dtype.
        t : ndarray of shape (B,) or (B, classes)
            Class numbers, or one-hot rows.
        optimizer : object with update(params, grads)
            fastdl's or any other that changes arrays in place.

        Returns
        -------
        float
            The loss before the step.

        Raises
        ------
        DtypeError, ArrayError, LabelError, HyperparameterError
            If something does not fit; the parameters have not changed then.
        """
        loss, grads = self._loss_and_gradient(x, t)
        optimizer.update(self.params, grads)
        return loss

    def predict(self, x: NDArray[Any]) -> NDArray[np.int64]:
        """Return the most likely class of each input.

        Parameters
        ----------
        x : ndarray of shape (B, features)
            Of the network's dtype.

        Returns
        -------
        ndarray of shape (B,)
            int64.

        Raises
        ------
        DtypeError, ArrayError
            If x does not fit.
        """
        labels: NDArray[np.int64] = self.forward(x).argmax(axis=1)
        return labels

    def accuracy(self, x: NDArray[Any], t: NDArray[Any]) -> float:
        """Return the share of inputs whose class is predicted right.

        Parameters
        ----------
        x : ndarray of shape (B, features)
            Of the network's dtype.
        t : ndarray of shape (B,) or (B, classes)
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
        t = np.asarray(t)
        logits = self.forward(x)
        kernels.softmax_cross_entropy(logits, t)  # refuses labels that do not fit
        labels = t.argmax(axis=1) if t.ndim == 2 else t
        return float(np.mean(logits.argmax(axis=1) == labels))

    def _loss_and_gradient(self, x: NDArray[Any], t: NDArray[Any]) -> tuple[float, dict[str, NDArray[Any]]]:
        loss = self._loss.forward(self.forward(x, train=True), t)
        dout: NDArray[Any] | None = self._loss.backward()
        for layer in reversed(self.layers):
            assert dout is not None
            dout = layer.backward(dout)
        grads = {f"{name}{i}": layer.grads[name] for i, layer in enumerate(self.layers, start=1) for name in ("W", "b")}
        if self.weight_decay:
            for layer in self.layers:
                layer.grads["W"] += self.weight_decay * layer.params["W"]
        return loss + self._decay_loss(), grads

    def _decay_loss(self) -> float:
        if not self.weight_decay:
            return 0.0
        squares = (np.square(layer.params["W"]).sum(dtype=np.float64) for layer in self.layers)
        return 0.5 * self.weight_decay * float(sum(squares))

    def _check_input(self, x: Any) -> None:
        if not isinstance(x, np.ndarray) or x.dtype != self.dtype:
            got = str(x.dtype) if isinstance(x, np.ndarray) else type(x).__qualname__
            raise DtypeError(
                "not of the network's dtype", op="MLP", arg="x", expected=f"an array of {self.dtype}", got=got,
                hint=f"Convert it with .astype(numpy.{self.dtype}); pixels are scaled to [0, 1] as well",
            )  # fmt: skip
        if x.ndim != 2 or x.shape[1] != self.sizes[0]:
            raise ArrayError("wrong shape", op="MLP", arg="x", expected=f"(B, {self.sizes[0]})", got=str(x.shape))


def _check_sizes(sizes: Any) -> None:
    if (
        isinstance(sizes, str)
        or not isinstance(sizes, Sequence | np.ndarray)
        or len(sizes) < 2
        or not all(isinstance(size, int | np.integer) and not isinstance(size, bool) and size > 0 for size in sizes)
    ):
        raise _bad_setting("sizes", "at least two positive integers: features, hidden units ..., classes", sizes)


def _bad_setting(arg: str, expected: str, got: Any) -> HyperparameterError:
    return HyperparameterError("not possible", op="MLP", arg=arg, expected=expected, got=str(got))
