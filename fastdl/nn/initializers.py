"""Initial weights: functions of (shape, rng, dtype), as the book's chapter 6 gives them."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastdl.errors import HyperparameterError

Weights = NDArray[np.floating]
Initializer = Callable[[tuple[int, ...], "np.random.Generator", DTypeLike], Weights]  # importing it takes long


def zeros(shape: tuple[int, ...], rng: np.random.Generator, dtype: DTypeLike = "float32") -> Weights:
    """Return zeros: every unit of a layer then stays equal to the others, and nothing is learned.

    Parameters
    ----------
    shape : tuple of int
        (inputs, outputs).
    rng : numpy.random.Generator
        Not used.
    dtype : dtype
        float32 or float64.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> import numpy as np
    >>> zeros((1, 2), np.random.default_rng(0))
    array([[0., 0.]], dtype=float32)
    """
    return np.zeros(shape, dtype)


def normal(std: float) -> Initializer:
    """Return an initializer that draws from N(0, std²).

    Parameters
    ----------
    std : float
        Standard deviation, >= 0: 1 saturates sigmoids, 0.01 leaves a deep network without gradients.

    Returns
    -------
    callable
        (shape, rng, dtype) to weights.

    Raises
    ------
    HyperparameterError
        If std is not a finite number >= 0.

    Examples
    --------
    >>> import numpy as np
    >>> float(normal(0.01)((100, 100), np.random.default_rng(0), "float64").std().round(4))
    0.01
    """
    if isinstance(std, bool) or not isinstance(std, numbers.Real) or not 0 <= std < math.inf:
        raise HyperparameterError(
            "out of range", op="normal", arg="std", expected="a finite number >= 0", got=repr(std)
        )
    deviation = float(std)

    def initialize(shape: tuple[int, ...], rng: np.random.Generator, dtype: DTypeLike = "float32") -> Weights:
        return (deviation * rng.standard_normal(shape)).astype(dtype)

    return initialize


def xavier(shape: tuple[int, ...], rng: np.random.Generator, dtype: DTypeLike = "float32") -> Weights:
    """Draw from N(0, 1/n) for n inputs: keeps the spread of activations through layers of sigmoid or tanh.

    Parameters
    ----------
    shape : tuple of int
        (inputs, outputs).
    rng : numpy.random.Generator
        Where the numbers come from.
    dtype : dtype
        float32 or float64.

    Returns
    -------
    ndarray

    Notes
    -----
    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010, in the
    book's form, equation 1 there with the normal distribution. Glorot's own variance, in Keras and torch, is 2 /
    (inputs + outputs).

    Examples
    --------
    >>> import numpy as np
    >>> float(xavier((400, 100), np.random.default_rng(0), "float64").std().round(3))
    0.05
    """
    return normal(math.sqrt(1 / shape[0]))(shape, rng, dtype)


def he(shape: tuple[int, ...], rng: np.random.Generator, dtype: DTypeLike = "float32") -> Weights:
    """Draw from N(0, 2/n) for n inputs: twice Xavier's variance, since ReLU lets half of it through.

    Parameters
    ----------
    shape : tuple of int
        (inputs, outputs).
    rng : numpy.random.Generator
        Where the numbers come from.
    dtype : dtype
        float32 or float64.

    Returns
    -------
    ndarray

    Notes
    -----
    He, Zhang, Ren and Sun, "Delving Deep into Rectifiers", 2015, equation 10; torch's ``kaiming_normal_`` with its
    defaults for ReLU, though torch's ``Linear`` starts otherwise.

    Examples
    --------
    >>> import numpy as np
    >>> float(he((200, 100), np.random.default_rng(0), "float64").std().round(3))
    0.1
    """
    return normal(math.sqrt(2 / shape[0]))(shape, rng, dtype)


INITIALIZERS: dict[str, Initializer] = {"zeros": zeros, "xavier": xavier, "he": he}


def get(init: str | float | Initializer) -> Initializer:
    """Return an initializer by its name, or :func:`normal` of a number.

    Parameters
    ----------
    init : {"zeros", "xavier", "he"}, float or callable
        A name, a standard deviation, or an initializer, which is returned as it is.

    Returns
    -------
    callable

    Raises
    ------
    HyperparameterError
        If it is none of these.

    Examples
    --------
    >>> get("he") is he
    True
    """
    if isinstance(init, str) and init in INITIALIZERS:
        return INITIALIZERS[init]
    if isinstance(init, numbers.Real) and not isinstance(init, bool):
        return normal(float(init))
    if callable(init):
        return init
    raise HyperparameterError(
        "unknown initializer", op="initializers.get", arg="init",
        expected=f"one of {', '.join(INITIALIZERS)}, a standard deviation, or a function", got=repr(init),
    )  # fmt: skip
