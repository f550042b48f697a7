"""Layers one after the other, with a loss: a network."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastdl import kernels
from fastdl.errors import ArrayError, DtypeError, HyperparameterError
from fastdl.nn import saved
from fastdl.nn.layer import Layer, checked_layers, every_layer
from fastdl.nn.planned import Batch, Plans, Rows
from fastdl.nn.softmax_cross_entropy import SoftmaxCrossEntropy

Array = NDArray[Any]


class SupportsUpdate(Protocol):
    """Anything with the ``update`` of an optimizer: fastdl's, the book's, or a user's."""

    def update(self, params: dict[str, Array], grads: dict[str, Array]) -> None:
        """Change the parameters in place."""


class Sequential:
    """A network of layers one after the other, with a loss at its end.

    Parameters
    ----------
    layers : sequence of Layer
        In the order of the forward pass; at least one.
    loss : object with forward(y, t) and backward(), optional
        By default softmax with cross-entropy.
    weight_decay : float
        λ >= 0: adds ``λ/2 * sum(W ** 2)`` of all weights to the loss, and ``λ W`` to their gradients; other parameters
        are left out.
    dtype : {"float32", "float64"}
        Of parameters and inputs.

    Attributes
    ----------
    params : dict of str to ndarray
        W1, b1, W2, b2, gamma1, ...: each layer's parameters under their names and how many layers have had one of that
        name; the very arrays that the layers use. Layers within a layer, such as :class:`Residual`'s, count in its
        place.
    layers : list of Layer
        In the order of the forward pass.
    loss_function : object
        The loss.

    Raises
    ------
    HyperparameterError
        If a setting is out of range, or a layer is there twice: each keeps what its backward pass needs.

    Notes
    -----
    Where all layers compute by fastdl's kernels alone, a training step is run as one plan in one parallel region:
    recorded at the first batch of a size and done again from then on, with the same bits as layer by layer. So is
    evaluation, of a large batch a block of rows at a time, so that it needs no more memory for more layers.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import nn, optim
    >>> W = nn.initializers.he((2, 2), seed=0)
    >>> network = nn.Sequential([nn.Affine(W, np.zeros(2, np.float32)), nn.ReLU()])
    >>> x, t = np.ones((4, 2), np.float32), np.zeros(4, int)
    >>> losses = [network.train_step(x, t, optim.SGD(lr=0.1)) for step in range(3)]
    >>> losses[0] > losses[1] > losses[2]
    True
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        loss: Any = None,
        weight_decay: float = 0.0,
        dtype: DTypeLike = "float32",
    ) -> None:
        name = type(self).__name__
        self.layers = checked_layers(layers, name)
        if (
            isinstance(weight_decay, bool)
            or not isinstance(weight_decay, int | float | np.floating)
            or not 0 <= weight_decay < np.inf
        ):
            raise HyperparameterError(
                "not possible", op=name, arg="weight_decay", expected="a finite number >= 0", got=repr(weight_decay)
            )
        self.dtype = checked_dtype(dtype, name)
        self.weight_decay = float(weight_decay)
        if isinstance(loss, type):
            raise HyperparameterError(
                "a class, not a loss", op=name, arg="loss", got=loss.__name__, hint=f"Make one: {loss.__name__}()"
            )
        self.loss_function = SoftmaxCrossEntropy() if loss is None else loss
        self._keys = keys_of(every_layer(self.layers))
        self.params: dict[str, Array] = {
            key: layer.params[own]
            for layer, keys in zip(every_layer(self.layers), self._keys, strict=True)
            for own, key in keys.items()
        }
        self._plans = Plans()
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        lines = [*map(repr, self.layers), type(self.loss_function).__name__]
        return "\n  ".join([f"{type(self).__name__}(", *lines]) + "\n)"

    def forward(self, x: Array, train: bool = False) -> Array:
        """Return the output of the last layer.

        Parameters
        ----------
        x : ndarray of shape (B, ...)
            Of the network's dtype.
        train : bool
            Whether a backward pass follows.

        Returns
        -------
        ndarray of shape (B, ...)

        Raises
        ------
        DtypeError, ArrayError
            If x does not fit.
        """
        self._check_input(x)
        if not train:
            with self._lock:
                y = self._plans.forward(self, x)
            if y is not None:
                return y
        return self.forward_layers(x, train)

    def loss(self, x: Array, t: Array) -> float:
        """Return the loss, plus the weight decay's share.

        Parameters
        ----------
        x : ndarray of shape (B, ...)
            Of the network's dtype.
        t : ndarray
            What the loss compares with: class numbers of shape (B,), or one-hot rows, by default.

        Returns
        -------
        float

        Raises
        ------
        DtypeError, ArrayError, LabelError
            If x or t does not fit.
        """
        return self._loss_of(self.forward(x), t)

    def gradient(self, x: Array, t: Array) -> dict[str, Array]:
        """Return the gradient of the loss with respect to every parameter.

        Parameters
        ----------
        x : ndarray of shape (B, ...)
            Of the network's dtype.
        t : ndarray
            As in :meth:`loss`.

        Returns
        -------
        dict of str to ndarray
            Under the keys of ``params``. Later steps leave them alone as long as somebody has them.

        Raises
        ------
        DtypeError, ArrayError, LabelError
            If x or t does not fit.
        """
        return self.train_gradient(x, t)[1]

    def train_gradient(
        self, x: Array, t: Array, *, rows: NDArray[np.integer[Any]] | None = None, scale: float = 1.0
    ) -> tuple[float, dict[str, Array]]:
        """Return loss and gradient of a training step, for those who update the parameters themselves.

        Parameters
        ----------
        x, t, rows, scale
            As in :meth:`train_step`.

        Returns
        -------
        loss : float
        gradient : dict of str to ndarray
            As :meth:`gradient` returns it.

        Raises
        ------
        DtypeError, ArrayError, LabelError, HyperparameterError
            As by :meth:`train_step`.
        """
        batch, t = self._batch_of(x, t, rows, scale)
        with self._lock:
            planned = self._plans.step(self, batch, t)
            if planned is None:
                return self.loss_and_gradient(batch.make(), t)
            planned.run()
            return planned.loss, planned.lend()

    def train_step(
        self,
        x: Array,
        t: Array,
        optimizer: SupportsUpdate,
        *,
        rows: NDArray[np.integer[Any]] | None = None,
        scale: float = 1.0,
    ) -> float:
        """Take one step: forward, backward, update.

        Parameters
        ----------
        x : ndarray of shape (B, ...)
            Of the network's dtype; with ``rows`` a data set, also of bytes.
        t : ndarray
            As in :meth:`loss`; with ``rows`` that of the whole data set.
        optimizer : object with update(params, grads)
            fastdl's or any other that changes arrays in place.
        rows : ndarray of shape (B,), optional
            The row numbers of x and t that are the batch. The step gathers them itself.
        scale : float
            What the rows of x are multiplied by: 1 / 255 takes pixels to [0, 1].

        Returns
        -------
        float
            The loss before the step.

        Raises
        ------
        DtypeError, ArrayError, LabelError, HyperparameterError
            If something does not fit; the parameters have not changed then.
        """
        batch, t = self._batch_of(x, t, rows, scale)
        with self._lock:
            planned = self._plans.step(self, batch, t)
            if planned is None:
                loss, grads = self.loss_and_gradient(batch.make(), t)
                optimizer.update(self.params, grads)
                return loss
            update_after = getattr(optimizer, "update_after", None)
            if planned.has_run or update_after is None:
                planned.run()
                optimizer.update(self.params, planned.grads)
            else:
                update_after(planned.plan, planned.inputs, self.params, planned.grads)
            return planned.loss

    def predict(self, x: Array) -> NDArray[np.int64]:
        """Return the most likely class of each input.

        Parameters
        ----------
        x : ndarray of shape (B, ...)
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
        labels: NDArray[np.int64] = self._logits(x).argmax(axis=1)
        return labels

    def accuracy(self, x: Array, t: Array) -> float:
        """Return the share of inputs whose class is predicted right.

        Parameters
        ----------
        x : ndarray of shape (B, ...)
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
        return _accuracy_of(self._logits(x), t)

    def loss_and_accuracy(self, x: Array, t: Array) -> tuple[float, float]:
        """Return what :meth:`loss` and :meth:`accuracy` do, of one forward pass.

        Parameters
        ----------
        x, t : ndarray
            As in :meth:`accuracy`.

        Returns
        -------
        loss, accuracy : float

        Raises
        ------
        DtypeError, ArrayError, LabelError
            If x or t does not fit.
        """
        logits = self._logits(x)
        return self._loss_of(logits, t), _accuracy_of(logits, t)

    def forward_layers(self, x: Array, train: bool = False) -> Array:
        """Return the output of the last layer, computed layer by layer.

        Parameters
        ----------
        x : ndarray
            As in :meth:`forward`.
        train : bool
            As in :meth:`forward`.

        Returns
        -------
        ndarray of shape (B, ...)
        """
        for layer in self.layers:
            x = layer.forward(x, train)
        return x

    def loss_and_gradient(self, x: Array, t: Array) -> tuple[float, dict[str, Array]]:
        """Return loss and gradient, computed layer by layer.

        Parameters
        ----------
        x, t : ndarray
            As in :meth:`loss`.

        Returns
        -------
        loss : float
        gradient : dict of str to ndarray
            Under the keys of ``params``.
        """
        loss: float = self.loss_function.forward(self.forward_layers(x, train=True), t)
        dout: Array | None = self.loss_function.backward()
        for layer in reversed(self.layers):
            assert dout is not None
            dout = layer.backward(dout)
        grads = {
            key: layer.grads[own]
            for layer, keys in zip(every_layer(self.layers), self._keys, strict=True)
            for own, key in keys.items()
        }
        return self._add_decay(loss, gradient=True), grads

    def state_dict(self) -> dict[str, Any]:
        """Return everything that training changes: what a later :meth:`load_state_dict` needs.

        Returns
        -------
        dict
            ``params`` and ``buffers``, copies of the arrays; ``dropouts``, the seed and step of each.
        """
        with self._lock:
            return saved.state_of(self.params, self.layers)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what :meth:`state_dict` returned; the arrays of the network stay, their elements change.

        Parameters
        ----------
        state_dict : dict
            Of a network of the same layers.

        Raises
        ------
        CheckpointError
            If it does not fit: all arrays that are missing, unknown or of another shape are named. Nothing has
            changed then.
        """
        with self._lock:
            saved.load_state(state_dict, self.params, self.layers, type(self).__name__)

    def _batch_of(self, x: Array, t: Array, rows: Array | None, scale: float) -> tuple[Batch, Array]:
        """The checked inputs of a training step, and their targets."""
        name = type(self).__name__
        if rows is None:
            if scale != 1:
                raise HyperparameterError(
                    "is of rows that the step gathers", op=name, arg="scale", got=repr(scale),
                    hint="Give rows as well, or scale x",
                )  # fmt: skip
            self._check_input(x)
            return Batch(x), t
        if not _is_plain_array(x) or x.dtype not in ("uint8", "float32", "float64"):
            raise DtypeError(
                "no data to take rows from", op=name, arg="x", expected="an array of uint8, float32 or float64",
                got=str(x.dtype) if _is_plain_array(x) else type(x).__qualname__,
            )  # fmt: skip
        if not _is_plain_array(t) or x.ndim == 0 or t.shape[:1] != x.shape[:1]:
            raise ArrayError(
                "every row of x needs its target", op=name, arg="t", expected=f"an array of {x.shape[:1]} rows",
                got=str(t.shape) if _is_plain_array(t) else type(t).__qualname__,
            )  # fmt: skip
        batch = Rows(x, rows, scale, self.dtype)
        return batch, t[batch.rows]

    def _logits(self, x: Array) -> Array:
        """The output of a classifier."""
        logits = self.forward(x)
        if logits.ndim != 2:
            raise ArrayError(
                "not a classifier's output", op=type(self).__name__, arg="x", expected="an output of shape (B, C)",
                got=f"{logits.shape}",
            )  # fmt: skip
        return logits

    def _loss_of(self, y: Array, t: Array) -> float:
        """The loss of an output, with the weight decay's share."""
        loss: float = self.loss_function.forward(y, t)
        return self._add_decay(loss, gradient=False)

    def _add_decay(self, loss: float, gradient: bool) -> float:
        """The loss with the weight decay's share; to the layers' gradients that share's gradient is added."""
        for layer in every_layer(self.layers) if self.weight_decay else ():
            if "W" in layer.params:
                dW = layer.grads["W"] if gradient else None
                loss += kernels.decay_gradient(layer.params["W"], dW, self.weight_decay)
        return loss

    def _check_input(self, x: Any) -> None:
        name = type(self).__name__
        if not _is_plain_array(x) or x.dtype != self.dtype:
            got = str(x.dtype) if _is_plain_array(x) else type(x).__qualname__
            raise DtypeError(
                "not of the network's dtype", op=name, arg="x", expected=f"an array of {self.dtype}", got=got,
                hint=f"Convert it with .astype(numpy.{self.dtype}); pixels are scaled to [0, 1] as well",
            )  # fmt: skip
        if x.ndim == 0:
            raise ArrayError("wrong shape", op=name, arg="x", expected="(B, ...)", got="()")

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("_lock", "_plans")}

    def __setstate__(self, attributes: dict[str, Any]) -> None:
        self.__dict__.update(attributes, _lock=threading.Lock(), _plans=Plans())


def checked_dtype(dtype: Any, op: str) -> np.dtype[Any]:
    """Return the dtype, which a network can have.

    Parameters
    ----------
    dtype : dtype-like
        "float32" or "float64".
    op : str
        What the error calls the network.

    Returns
    -------
    numpy.dtype

    Raises
    ------
    HyperparameterError
        If it is another one.
    """
    if isinstance(dtype, str | type | np.dtype) and dtype in ("float32", "float64", np.float32, np.float64):
        return np.dtype(dtype)
    raise HyperparameterError("not possible", op=op, arg="dtype", expected="float32 or float64", got=str(dtype))


def _is_plain_array(value: Any) -> bool:
    """Whether nothing of it goes unseen, as the mask of a MaskedArray would."""
    return type(value) in (np.ndarray, np.memmap)


def _accuracy_of(logits: Array, t: Any) -> float:
    """The share of rows whose largest element is that of its class."""
    batch, classes = logits.shape
    return float(np.mean(logits.argmax(axis=1) == kernels.class_numbers(np.asarray(t), batch, classes)))


def keys_of(layers: Iterable[Layer]) -> list[dict[str, str]]:
    """For each layer, the network's key of each of its own names."""
    counts: dict[str, int] = {}
    keys: list[dict[str, str]] = []
    for layer in layers:
        own = {}
        for name in layer.params:
            counts[name] = counts.get(name, 0) + 1
            own[name] = f"{name}{counts[name]}"
        keys.append(own)
    return keys
