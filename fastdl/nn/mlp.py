"""The multi-layer perceptron."""

from __future__ import annotations

import inspect
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike

from fastdl import kernels
from fastdl.errors import ArrayError, HyperparameterError
from fastdl.nn import initializers
from fastdl.nn.affine import Affine
from fastdl.nn.batch_norm import BatchNorm
from fastdl.nn.dropout import Dropout
from fastdl.nn.elu import ELU
from fastdl.nn.gelu import GELU
from fastdl.nn.layer import Layer
from fastdl.nn.layer_norm import LayerNorm
from fastdl.nn.leaky_relu import LeakyReLU
from fastdl.nn.relu import ReLU
from fastdl.nn.sequential import Sequential, checked_dtype
from fastdl.nn.sigmoid import Sigmoid
from fastdl.nn.silu import SiLU
from fastdl.nn.softplus import Softplus
from fastdl.nn.tanh import Tanh

NORMS = ("none", "batch", "layer")

# Activations as layers of their own, behind a normalization that cannot apply them in its own pass.
_ACTIVATIONS: dict[str, Callable[[], Layer]] = {
    "relu": ReLU,
    "sigmoid": Sigmoid,
    "tanh": Tanh,
    "leaky_relu": LeakyReLU,
    "elu": ELU,
    "softplus": Softplus,
    "gelu": GELU,
    "gelu_tanh": lambda: GELU("tanh"),
    "silu": SiLU,
}


class MLP(Sequential):
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
    norm : {"none", "batch", "layer"}
        What normalizes each hidden layer between its affine part and its activation: nothing, :class:`BatchNorm` or
        :class:`LayerNorm`.
    dropout : float
        In [0, 1): the share of each hidden layer's outputs that is dropped in training.
    dtype : {"float32", "float64"}
        Of parameters and inputs.
    seed : int, optional
        Of the initial weights, from 0 to 2**64 - 1; without one they differ from run to run. W1 is drawn from stream 1,
        W2 from stream 2, ...

    Attributes
    ----------
    params : dict of str to ndarray
        W1, b1, W2, b2, ..., with a normalization gamma1, beta1, ...: the very arrays that the layers use.
    layers : list of Layer
        In the order of the forward pass.

    Raises
    ------
    HyperparameterError
        If a size or setting is out of range.

    Notes
    -----
    The book's ``MultiLayerNet``, and ``MultiLayerNetExtend`` with ``norm="batch"`` and dropout; its ``weight_decay`` is
    in the loss, where torch's ``weight_decay=`` is in the optimizer.

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
        norm: str = "none",
        dropout: float = 0.0,
        dtype: DTypeLike = "float32",
        seed: int | None = None,
    ) -> None:
        _check_sizes(sizes)
        if activation not in kernels.ACTIVATIONS:
            raise _bad_setting("activation", f"one of {', '.join(kernels.ACTIVATIONS)}", activation)
        if norm not in NORMS:
            raise _bad_setting("norm", f"one of {', '.join(NORMS)}", norm)
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int | np.integer) or int(seed) >> 64):
            raise _bad_setting("seed", "an integer from 0 to 2**64 - 1, or None", seed)
        self.sizes = tuple(int(size) for size in sizes)
        kind = checked_dtype(dtype, "MLP")
        initialize, key = initializers.get(init), secrets.randbits(64) if seed is None else int(seed)
        layers: list[Layer] = []
        last = len(sizes) - 1
        for number, shape in enumerate(zip(self.sizes[:-1], self.sizes[1:], strict=True), start=1):
            W = np.ascontiguousarray(initialize(shape, key, number, kind), dtype=kind)
            if W.shape != shape:
                raise _bad_setting("init", f"weights of shape {shape}", f"weights of shape {W.shape}")
            b = np.zeros(shape[1], kind)
            need_dx = number > 1
            if number == last:
                layers.append(Affine(W, b, need_dx=need_dx))
                break
            if norm == "none":
                layers.append(Affine(W, b, activation, need_dx))
            else:
                layers += Affine(W, b, need_dx=need_dx), *_normalization(norm, shape[1], kind, activation)
            if dropout != 0:
                layers.append(Dropout(dropout, key, stream=number))
        super().__init__(layers, weight_decay=weight_decay, dtype=kind)
        self._settings = {
            "activation": activation, "init": init, "norm": norm, "dropout": dropout, "seed": key,
        }  # fmt: skip

    def get_config(self) -> dict[str, Any]:
        """Return the settings as numbers, strings and lists, from which :meth:`from_config` makes the same network.

        Returns
        -------
        dict
            The arguments of the class; the seed also where none was given.

        Raises
        ------
        HyperparameterError
            If the initial weights are those of a function, which has no such form.

        Examples
        --------
        >>> MLP([2, 3], seed=1).get_config()["sizes"]
        [2, 3]
        """
        init = self._settings["init"]
        if callable(init):
            raise HyperparameterError(
                "a function has no configuration", op="MLP", arg="init", expected="a name or a number", got=repr(init)
            )
        return {
            "sizes": list(self.sizes),
            **self._settings,
            "weight_decay": self.weight_decay,
            "dtype": str(self.dtype),
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Return a network with the settings that :meth:`get_config` returned, or some of them.

        Parameters
        ----------
        config : mapping
            Arguments of the class; ``sizes`` at least. In place of ``norm`` older ones have ``batch_norm``, true or
            false.

        Returns
        -------
        MLP
            With its initial weights.

        Raises
        ------
        HyperparameterError
            If a setting is unknown, missing or out of range.

        Examples
        --------
        >>> MLP.from_config({"sizes": [2, 3], "seed": 1}).params["W1"].shape
        (2, 3)
        """
        config = dict(config)
        if "batch_norm" in config and "norm" not in config:
            config["norm"] = "batch" if config.pop("batch_norm") else "none"
        signature = inspect.signature(cls)
        try:
            signature.bind(**config)
        except TypeError as error:
            known = f"settings among {', '.join(signature.parameters)}"
            raise HyperparameterError(str(error), op="MLP", arg="config", expected=known) from None
        return cls(**config)

    def _check_input(self, x: Any) -> None:
        super()._check_input(x)
        if x.ndim != 2 or x.shape[1] != self.sizes[0]:
            raise ArrayError("wrong shape", op="MLP", arg="x", expected=f"(B, {self.sizes[0]})", got=str(x.shape))


def _normalization(norm: str, units: int, dtype: np.dtype[Any], activation: str) -> list[Layer]:
    """The layers that normalize and apply the activation."""
    gamma, beta = np.ones(units, dtype), np.zeros(units, dtype)
    if norm == "batch" and activation not in kernels.NEED_INPUT:
        return [BatchNorm(gamma, beta, activation=activation)]
    first = BatchNorm(gamma, beta) if norm == "batch" else LayerNorm(gamma, beta)
    return [first] if activation == "identity" else [first, _ACTIVATIONS[activation]()]


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
