"""Initial weights: functions of (shape, seed, stream, dtype), as the book's chapter 6 gives them and as others do.

=================================  ====================================================================================
``zeros``, ``constant(value)``     all weights equal
``normal(std)``, ``uniform(bound)``  N(0, std²), or between -bound and bound
``xavier``, ``lecun_normal``       N(0, 1/n) for n inputs
``lecun_uniform``                  the same variance, uniform
``glorot_normal``, ``glorot_uniform``  variance 2/(n + m) for n inputs and m outputs
``he``, ``he_uniform``             variance 2/n
``orthogonal``                     orthonormal rows or columns
=================================  ====================================================================================

The numbers depend on seed, stream and the place in the array alone; float32 is float64 rounded.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastdl import kernels
from fastdl.errors import ArrayError, HyperparameterError

Weights = NDArray[np.floating]
Initializer = Callable[[tuple[int, ...], int, int, DTypeLike], Weights]


def zeros(shape: tuple[int, ...], seed: int, stream: int = 0, dtype: DTypeLike = "float32") -> Weights:
    """Return zeros: every unit of a layer then stays equal to the others, and nothing is learned.

    Parameters
    ----------
    shape : tuple of int
        (inputs, outputs).
    seed, stream : int
        Not used.
    dtype : dtype
        float32 or float64.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> zeros((1, 2), seed=0)
    array([[0., 0.]], dtype=float32)
    """
    return np.zeros(shape, dtype)


def constant(value: float) -> Initializer:
    """Return an initializer that gives every weight the same value.

    Parameters
    ----------
    value : float
        Finite.

    Returns
    -------
    callable
        (shape, seed, stream, dtype) to weights.

    Raises
    ------
    HyperparameterError
        If value is not a finite number.

    Examples
    --------
    >>> constant(0.5)((1, 2), seed=0)
    array([[0.5, 0.5]], dtype=float32)
    """
    number = _finite(value, -math.inf, "constant", "value")

    def initialize(shape: tuple[int, ...], seed: int, stream: int = 0, dtype: DTypeLike = "float32") -> Weights:
        return np.full(shape, number, dtype)

    return initialize


def normal(std: float) -> Initializer:
    """Return an initializer that draws from N(0, std²).

    Parameters
    ----------
    std : float
        Standard deviation, >= 0: 1 saturates sigmoids, 0.01 leaves a deep network without gradients.

    Returns
    -------
    callable
        (shape, seed, stream, dtype) to weights.

    Raises
    ------
    HyperparameterError
        If std is not a finite number >= 0.

    Examples
    --------
    >>> round(float(normal(0.01)((100, 100), seed=0).std()), 4)
    0.01
    """
    deviation = _finite(std, 0, "normal", "std")

    def initialize(shape: tuple[int, ...], seed: int, stream: int = 0, dtype: DTypeLike = "float32") -> Weights:
        return kernels.random_normal(shape, seed, stream, dtype, std=deviation)

    return initialize


def uniform(bound: float) -> Initializer:
    """Return an initializer that draws evenly between -bound and bound.

    Parameters
    ----------
    bound : float
        Finite, >= 0. The standard deviation is ``bound / sqrt(3)``.

    Returns
    -------
    callable
        (shape, seed, stream, dtype) to weights.

    Raises
    ------
    HyperparameterError
        If bound is not a finite number >= 0.

    Examples
    --------
    >>> W = uniform(0.1)((100, 100), seed=0)
    >>> round(float(abs(W).max()), 3)
    0.1
    """
    limit = _finite(bound, 0, "uniform", "bound")

    def initialize(shape: tuple[int, ...], seed: int, stream: int = 0, dtype: DTypeLike = "float32") -> Weights:
        return kernels.random_uniform(shape, seed, stream, dtype, -limit, limit)

    return initialize


def xavier(shape: tuple[int, ...], seed: int, stream: int = 0, dtype: DTypeLike = "float32") -> Weights:
    """Draw from N(0, 1/n) for n inputs: keeps the spread of activations through layers of sigmoid or tanh.

    Parameters
    ----------
    shape : tuple of int
        (inputs, outputs).
    seed, stream : int
        Of :func:`fastdl.kernels.random_normal`.
    dtype : dtype
        float32 or float64.

    Returns
    -------
    ndarray

    Raises
    ------
    ArrayError
        If the shape has no inputs.

    Notes
    -----
    LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998, section 4.6; ``lecun_normal`` is another name of this.
    The book names it after Xavier Glorot, whose own variance is that of :func:`glorot_normal`.

    Examples
    --------
    >>> round(float(xavier((400, 100), seed=0).std()), 3)
    0.05
    """
    return normal(math.sqrt(1 / _fans(shape)[0]))(shape, seed, stream, dtype)


lecun_normal = xavier


def lecun_uniform(shape: tuple[int, ...], seed: int, stream: int = 0, dtype: DTypeLike = "float32") -> Weights:
    """Draw evenly between ±sqrt(3/n) for n inputs: the variance of :func:`xavier`.

    Parameters
    ----------
    shape : tuple of int
        (inputs, outputs).
    seed, stream : int
        Of :func:`fastdl.kernels.random_uniform`.
    dtype : dtype
        float32 or float64.

    Returns
    -------
    ndarray

    Raises
    ------
    ArrayError
        If the shape has no inputs.

    Notes
    -----
    LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998, section 4.6.

    Examples
    --------
    >>> round(float(lecun_uniform((300, 100), seed=0).max()), 3)
    0.1
    """
    return uniform(math.sqrt(3 / _fans(shape)[0]))(shape, seed, stream, dtype)


def glorot_normal(shape: tuple[int, ...], seed: int, stream: int = 0, dtype: DTypeLike = "float32") -> Weights:
    """Draw from N(0, 2/(n + m)) for n inputs and m outputs: keeps the spread of activations and of gradients.

    Parameters
    ----------
    shape : tuple of int
        (inputs, outputs).
    seed, stream : int
        Of :func:`fastdl.kernels.random_normal`.
    dtype : dtype
        float32 or float64.

    Returns
    -------
    ndarray

    Raises
    ------
    ArrayError
        If the shape has no inputs or outputs.

    Notes
    -----
    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010, equation 12;
    torch's ``xavier_normal_``. Keras cuts the distribution off at two standard deviations.

    Examples
    --------
    >>> round(float(glorot_normal((500, 300), seed=0).std()), 3)
    0.05
    """
    return normal(math.sqrt(2 / sum(_fans(shape))))(shape, seed, stream, dtype)


def glorot_uniform(shape: tuple[int, ...], seed: int, stream: int = 0, dtype: DTypeLike = "float32") -> Weights:
    """Draw evenly between ±sqrt(6/(n + m)) for n inputs and m outputs: the variance of :func:`glorot_normal`.

    Parameters
    ----------
    shape : tuple of int
        (inputs, outputs).
    seed, stream : int
        Of :func:`fastdl.kernels.random_uniform`.
    dtype : dtype
        float32 or float64.

    Returns
    -------
    ndarray

    Raises
    ------
    ArrayError
        If the shape has no inputs or outputs.

    Notes
    -----
    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010, equation 16;
    torch's ``xavier_uniform_``, and what Keras' ``Dense`` starts with.

    Examples
    --------
    >>> round(float(glorot_uniform((300, 300), seed=0).max()), 3)
    0.1
    """
    return uniform(math.sqrt(6 / sum(_fans(shape))))(shape, seed, stream, dtype)


def he(shape: tuple[int, ...], seed: int, stream: int = 0, dtype: DTypeLike = "float32") -> Weights:
    """Draw from N(0, 2/n) for n inputs: twice Xavier's variance, since ReLU lets half of it through.

    Parameters
    ----------
    shape : tuple of int
        (inputs, outputs).
    seed, stream : int
        Of :func:`fastdl.kernels.random_normal`.
    dtype : dtype
        float32 or float64.

    Returns
    -------
    ndarray

    Raises
    ------
    ArrayError
        If the shape has no inputs.

    Notes
    -----
    He, Zhang, Ren and Sun, "Delving Deep into Rectifiers", 2015, equation 10; torch's ``kaiming_normal_`` with its
    defaults for ReLU, though torch's ``Linear`` starts otherwise.

    Examples
    --------
    >>> round(float(he((200, 100), seed=0).std()), 3)
    0.1
    """
    return normal(math.sqrt(2 / _fans(shape)[0]))(shape, seed, stream, dtype)


def he_uniform(shape: tuple[int, ...], seed: int, stream: int = 0, dtype: DTypeLike = "float32") -> Weights:
    """Draw evenly between ±sqrt(6/n) for n inputs: the variance of :func:`he`.

    Parameters
    ----------
    shape : tuple of int
        (inputs, outputs).
    seed, stream : int
        Of :func:`fastdl.kernels.random_uniform`.
    dtype : dtype
        float32 or float64.

    Returns
    -------
    ndarray

    Raises
    ------
    ArrayError
        If the shape has no inputs.

    Notes
    -----
    He, Zhang, Ren and Sun, "Delving Deep into Rectifiers", 2015; torch's ``kaiming_uniform_`` for ReLU.

    Examples
    --------
    >>> round(float(he_uniform((600, 100), seed=0).max()), 3)
    0.1
    """
    return uniform(math.sqrt(6 / _fans(shape)[0]))(shape, seed, stream, dtype)


def orthogonal(shape: tuple[int, ...], seed: int, stream: int = 0, dtype: DTypeLike = "float32") -> Weights:
    """Draw a random matrix with orthonormal columns, or rows where there are more columns: it keeps lengths.

    Parameters
    ----------
    shape : tuple of two int
        (inputs, outputs).
    seed, stream : int
        Of :func:`fastdl.kernels.random_normal`.
    dtype : dtype
        float32 or float64.

    Returns
    -------
    ndarray
        By LAPACK in float64: the last bits may differ from one build of NumPy to the next.

    Raises
    ------
    ArrayError
        If the shape has no inputs or outputs, or is not that of a matrix.

    Notes
    -----
    Saxe, McClelland and Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear neural
    networks", 2014. The Q of a normal matrix's QR, with signs that make it unique and all directions equally likely
    (Mezzadri 2007).

    Examples
    --------
    >>> W = orthogonal((3, 2), seed=0, dtype="float64")
    >>> (W.T @ W).round(6) + 0
    array([[1., 0.],
           [0., 1.]])
    """
    rows, columns = _fans(shape)
    a = kernels.random_normal((max(rows, columns), min(rows, columns)), seed, stream, "float64")
    q, r = np.linalg.qr(a)
    q *= np.where(np.diagonal(r) < 0, -1.0, 1.0)
    return np.ascontiguousarray(q if rows >= columns else q.T, dtype=dtype)


INITIALIZERS: dict[str, Initializer] = {
    "zeros": zeros,
    "xavier": xavier,
    "lecun_normal": lecun_normal,
    "lecun_uniform": lecun_uniform,
    "glorot_normal": glorot_normal,
    "glorot_uniform": glorot_uniform,
    "he": he,
    "he_uniform": he_uniform,
    "orthogonal": orthogonal,
}


def get(init: str | float | Initializer) -> Initializer:
    """Return an initializer by its name, or :func:`normal` of a number.

    Parameters
    ----------
    init : str, float or callable
        A name in ``INITIALIZERS``, a standard deviation, or an initializer, which is returned as it is.

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


def _finite(value: Any, lowest: float, op: str, arg: str) -> float:
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not math.isfinite(value) or value < lowest:
        expected = "a finite number" + (f" >= {lowest}" if lowest == 0 else "")
        raise HyperparameterError("out of range", op=op, arg=arg, expected=expected, got=repr(value))
    return float(value)


def _fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Numbers of inputs and outputs."""
    if len(shape) != 2 or min(shape) < 1:
        raise ArrayError("not the shape of weights", arg="shape", expected="(inputs, outputs)", got=str(shape))
    return shape[0], shape[1]
