"""Training, validation and test data: each row in one of them, every class in its share."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastdl.data.checks import finite, integer
from fastdl.errors import ArrayError, DataError, DtypeError, HyperparameterError

Rows = tuple[NDArray[Any], NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Split:
    """Data in three parts: to learn from, to choose hyper-parameters by, to judge the choice once.

    Parameters
    ----------
    train, validation : (x, t)
        Inputs and labels.
    test : (x, t) or None
        Read by :meth:`SearchResult.evaluate_on_test <fastdl.tune.SearchResult.evaluate_on_test>` alone.
    scale : float
        What takes an input to the network's: 1/255 for bytes.
    """

    train: Rows = field(repr=False)
    validation: Rows = field(repr=False)
    test: Rows | None = field(default=None, repr=False)
    scale: float = 1.0

    @property
    def features(self) -> int:
        """The number of a row's inputs."""
        return math.prod(self.train[0].shape[1:])

    @property
    def classes(self) -> int:
        """The number of classes: of one-hot labels the columns, else one more than the largest label."""
        t = self.train[1]
        return int(t.shape[1] if t.ndim == 2 else max(t.max(), self.validation[1].max()) + 1)

    def fingerprint(self) -> str:
        """Return a hash of the training and validation data, which all workers of a search must share.

        Returns
        -------
        str
        """
        hashed = hashlib.blake2b(repr(self.scale).encode(), digest_size=16)
        for array in (*self.train, *self.validation):
            hashed.update(f"{array.dtype}{array.shape}".encode())
            hashed.update(np.ascontiguousarray(array).data)
        return hashed.hexdigest()


def split(
    x: NDArray[Any],
    t: NDArray[Any],
    validation: float = 0.2,
    test: float | Rows | None = None,
    shuffle: bool = True,
    stratify: bool = True,
    seed: int = 0,
    scale: float = 1.0,
) -> Split:
    """Split data into training, validation and, if wanted, test data.

    Parameters
    ----------
    x : ndarray (N, ...)
        Inputs.
    t : ndarray (N,) of integers, or one-hot (N, C)
        Labels.
    validation : float in (0, 1)
        Share of the N rows that becomes validation data, rounded to whole rows.
    test : float in (0, 1) or (x, t), optional
        Share that becomes test data; or test data that is apart already, of the same shape but for the rows.
    shuffle : bool
        Whether the rows of each part are drawn at random; else they are the first ones, the test data before the
        validation data, and all keep their order.
    stratify : bool
        Whether each class has its share of every part, exact to the row: of the numbers in proportion to the classes
        the whole rows, and the rows left over where the fractions are largest.
    seed : int >= 0
        Of the shuffling: the same one makes the same split.
    scale : float
        What takes an input to the network's.

    Returns
    -------
    Split
        Copies of the rows.

    Raises
    ------
    DtypeError
        If x is not an array of numbers.
    ArrayError
        If x and t are not as many, t is not labels, or a number is not finite; so of the test data.
    HyperparameterError
        If a share is out of range, or leaves a part without rows, or the scale is no number.

    Examples
    --------
    >>> x, t = np.arange(10).reshape(10, 1), np.array([0, 0, 0, 0, 0, 0, 1, 1, 1, 1])
    >>> parts = split(x, t, validation=0.5)
    >>> np.bincount(parts.train[1]), np.bincount(parts.validation[1])
    (array([3, 2]), array([3, 2]))
    """
    _check_rows(x, t, "x", "t")
    given = _given_test(test, x.shape[1:]) if isinstance(test, tuple | list) else None
    if isinstance(scale, bool) or not isinstance(scale, int | float | np.number) or not math.isfinite(scale):
        raise HyperparameterError("not a number", op="split", arg="scale", expected="1/255 for bytes", got=repr(scale))
    shares = {"test": 0.0 if test is None or given is not None else _share(test, "test")}
    shares["validation"] = _share(validation, "validation")
    counts = {name: round(share * len(x)) for name, share in shares.items()}
    for name, share in shares.items():
        if share and not 0 < counts[name] <= len(x) - sum(counts.values()) + counts[name] - 1:
            raise HyperparameterError(
                "leaves a part without rows", op="split", arg=name, expected="rows in every part",
                got=f"{share:g} of {len(x)} rows",
            )  # fmt: skip
    rows = np.arange(len(x))
    if shuffle:
        rows = np.random.default_rng(integer(seed, op="split", arg="seed", low=0)).permutation(rows)
    labels = (t.argmax(axis=1) if t.ndim == 2 else t)[rows]
    groups = [rows[labels == label] for label in np.unique(labels)] if stratify else [rows]
    sizes = [len(group) for group in groups]
    taken = [0] * len(groups)
    parts = {}
    for name, count in counts.items():
        numbers = _apportion(sizes, count, [size - gone for size, gone in zip(sizes, taken, strict=True)])
        chosen = [group[gone : gone + n] for group, gone, n in zip(groups, taken, numbers, strict=True)]
        parts[name] = np.concatenate(chosen)
        taken = [gone + n for gone, n in zip(taken, numbers, strict=True)]
    parts["train"] = np.concatenate([group[gone:] for group, gone in zip(groups, taken, strict=True)])
    places = np.empty(len(x), np.int64)
    places[rows] = np.arange(len(x))
    data = {name: _take(x, t, part[np.argsort(places[part])]) for name, part in parts.items()}
    drawn = data["test"] if shares["test"] else None
    return Split(data["train"], data["validation"], given or drawn, float(scale))


def _check_rows(x: Any, t: Any, x_name: str, t_name: str) -> None:
    """Raise DtypeError or ArrayError where these are not inputs and their labels."""
    if not isinstance(x, np.ndarray) or x.dtype.kind not in "biuf" or x.ndim == 0:
        got = f"{x.dtype} {x.shape}" if isinstance(x, np.ndarray) else type(x).__name__
        raise DtypeError("not inputs", op="split", arg=x_name, expected="an array of floats or integers", got=got)
    if not isinstance(t, np.ndarray) or t.ndim not in (1, 2) or (t.ndim == 1 and not _are_classes(t)):
        got = f"{t.dtype} {t.shape}" if isinstance(t, np.ndarray) else type(t).__name__
        raise ArrayError("not labels", op="split", arg=t_name, expected="integers from 0, or one-hot rows", got=got)
    if len(x) != len(t):
        raise ArrayError(
            "every row needs its label", op="split", arg=t_name, expected=f"{len(x)} labels", got=str(len(t))
        )
    for array, name in ((x, x_name), (t, t_name)):
        finite(array, op="split", arg=name)


def _given_test(test: Any, shape: tuple[int, ...]) -> Rows:
    """Return the test data that is apart already, of rows of this shape."""
    if len(test) != 2:
        raise ArrayError("not inputs and labels", op="split", arg="test", expected="(x, t)", got=f"{len(test)} of them")
    x, t = test
    _check_rows(x, t, "test[0]", "test[1]")
    if x.shape[1:] != shape:
        raise ArrayError("other rows than x's", op="split", arg="test[0]", expected=str(shape), got=str(x.shape[1:]))
    rows: Rows = tuple(test)
    return rows


def _are_classes(t: NDArray[Any]) -> bool:
    return t.dtype.kind in "iu" and bool((t >= 0).all())


def _take(x: NDArray[Any], t: NDArray[Any], rows: NDArray[np.int64]) -> Rows:
    return x[rows], t[rows]


def _share(share: Any, arg: str) -> float:
    if isinstance(share, bool) or not isinstance(share, int | float | np.floating) or not 0 < share < 1:
        expected = "a number in (0, 1)" + (", or (x, t)" if arg == "test" else "")
        got = type(share).__qualname__ if isinstance(share, np.ndarray) else repr(share)
        raise HyperparameterError("not a share", op="split", arg=arg, expected=expected, got=got)
    return float(share)


def _apportion(sizes: list[int], count: int, room: list[int]) -> list[int]:
    """Seats in proportion to the sizes, by largest remainder, and none where there is no room."""
    quotas = [count * size / max(1, sum(sizes)) for size in sizes]
    seats = [min(int(quota), free) for quota, free in zip(quotas, room, strict=True)]
    while sum(seats) < count:
        lacking = [quota - n if n < free else -math.inf for quota, n, free in zip(quotas, seats, room, strict=True)]
        seats[lacking.index(max(lacking))] += 1
    return seats


def check_split(data: Any, op: str) -> None:
    """Raise DtypeError where data is something else, ArrayError where what a search reads is not finite."""
    if not isinstance(data, Split):
        raise DtypeError(
            "is no split", op=op, arg="data", expected="what split(x, t) returns", got=type(data).__qualname__
        )
    _check_finite(data.train, op, "data.train")
    _check_finite(data.validation, op, "data.validation")


def check_test(data: Split, op: str) -> Rows:
    """Return the test data, or raise DataError where there is none, ArrayError where it is not finite."""
    if data.test is None:
        raise DataError("there is no test data", op=op, arg="data", hint="Give split() a test=")
    _check_finite(data.test, op, "data.test")
    return data.test


def _check_finite(rows: Rows, op: str, arg: str) -> None:
    for number, array in enumerate(rows):
        finite(array, op=op, arg=f"{arg}[{number}]")
