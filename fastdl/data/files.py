"""Inputs and labels from a user's own files: IDX, NPZ, NPY or CSV."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastdl.data.checks import first_not_finite
from fastdl.data.idx import read_idx
from fastdl.data.npy import read_npy, read_npz
from fastdl.data.table import read_csv
from fastdl.errors import DataError

Array = NDArray[Any]
_MOST_CLASSES = 1 << 20  # more are something else than labels, and would fill the memory


class Labelled(NamedTuple):
    """What `load_labelled` returns.

    Parameters
    ----------
    x : ndarray (N, features) of uint8, float32 or float64
        Inputs.
    t : ndarray (N,) of int64
        Labels, from 0 to ``len(classes) - 1``.
    classes : tuple of str
        The labels' names: what a CSV file has, in order; elsewhere "0", "1", ...
    """

    x: Array
    t: NDArray[np.int64]
    classes: tuple[str, ...]


def load_labelled(
    path: str | os.PathLike[str],
    labels: str | os.PathLike[str] | None = None,
    *,
    label: str | int = -1,
    names: tuple[str, str] = ("x", "t"),
    classes: Sequence[str] | None = None,
) -> Labelled:
    r"""Load inputs and labels.

    Parameters
    ----------
    path : str or path
        What it is, its ending says: ``.csv`` or ``.tsv``, ``.npz``, ``.npy``; anything else is IDX, gzipped or not.
    labels : str or path, optional
        The labels' file, in NPY or IDX, where ``path`` is in one of these.
    label : str or int
        CSV: the name or number of the label's column; by default the last one.
    names : tuple of str
        NPZ: the names of inputs and labels.
    classes : sequence of str, optional
        The labels' names in the training data, for other data of its kind.

    Returns
    -------
    Labelled
        The inputs as they are in the file, each flattened; integers other than uint8 become float32.

    Raises
    ------
    DataError
        If a file is missing, damaged or not what its ending says, or inputs and labels do not fit.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "flowers.csv"
    ...     _ = path.write_text("length,width,kind\n1.5,0.5,rose\n2.5,1,lily\n")
    ...     x, t, classes = load_labelled(path)
    >>> t, classes
    (array([1, 0]), ('lily', 'rose'))
    """
    path = Path(path)
    if path.suffix in (".csv", ".tsv"):
        _refuse_labels(path, labels)
        table = read_csv(path, label)
        assert table.labels is not None
        return _with_classes(path, table.x, table.labels, classes)
    if path.suffix == ".npz":
        _refuse_labels(path, labels)
        arrays = read_npz(path, names)
        x, t = arrays[names[0]], arrays[names[1]]
    else:
        x = _read(path)
        if labels is None:
            raise DataError(
                f"{str(path)!r} has no labels", op="load_labelled", arg="labels", hint="Give their file as well"
            )
        t = _read(Path(labels))
    return _with_numbers(path, _inputs(path, x), t, classes)


def load_inputs(path: str | os.PathLike[str], *, label: str | int | None = None, name: str = "x") -> NDArray[Any]:
    """Load inputs alone.

    Parameters
    ----------
    path : str or path
        As in `load_labelled`.
    label : str or int, optional
        CSV: a column to leave out, as it holds labels.
    name : str
        NPZ: the array's name.

    Returns
    -------
    ndarray (N, features) of uint8, float32 or float64

    Raises
    ------
    DataError
        If the file is missing, damaged or not what its ending says.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(Path(folder) / "x.npy", np.zeros((3, 2, 2), np.uint8))
    ...     load_inputs(Path(folder) / "x.npy").shape
    (3, 4)
    """
    path = Path(path)
    if path.suffix in (".csv", ".tsv"):
        return read_csv(path, label).x
    return _inputs(path, read_npz(path, (name,))[name] if path.suffix == ".npz" else _read(path))


def _read(path: Path) -> Array:
    if path.suffix == ".npy":
        return read_npy(path)
    try:
        return read_idx(path)
    except DataError as error:
        if path.suffix not in ("", ".gz") and "magic number" in error.problem:
            raise _error(path, "is of no known format", ".csv, .tsv, .npz, .npy or IDX") from error
        raise


def _inputs(path: Path, x: Array) -> Array:
    """The inputs, one a row, of a dtype that batches are made of."""
    if x.ndim == 0 or x.size == 0:
        raise _error(path, "has no rows", got=f"an array of shape {x.shape}")
    if x.dtype not in (np.uint8, np.float32, np.float64):
        x = x.astype(np.float32)
    index = first_not_finite(x)
    if index is not None:
        raise _error(path, f"row {index[0]} (from 0) has a number that is not finite")
    return x.reshape(len(x), -1)


def _with_classes(path: Path, x: Array, labels: Array, classes: Sequence[str] | None) -> Labelled:
    """Labels of any kind as numbers: in the order of the numbers that they are, or else of the alphabet."""
    found = np.unique(labels).tolist()
    if classes is None:
        try:
            classes = sorted(found, key=float)
        except ValueError:
            classes = found
        else:
            for name in classes:
                if not float(name).is_integer():
                    row = int(np.argmax(labels == name))
                    raise _error(path, f"row {row} (from 0) has a measured number as its label", "a class", name)
    numbers = {name: number for number, name in enumerate(classes)}
    for name in found:
        if name not in numbers:
            row = int(np.argmax(labels == name))
            raise _error(path, f"row {row} (from 0) has an unknown label", f"one of {', '.join(classes)}"[:200], name)
    return Labelled(x, np.array([numbers[name] for name in found])[np.searchsorted(found, labels)], tuple(classes))


def _with_numbers(path: Path, x: Array, t: Array, classes: Sequence[str] | None) -> Labelled:
    """Labels that are numbers, or one-hot rows."""
    if t.ndim == 2 and t.shape[1] > 1 and ((t == 0) | (t == 1)).all() and (t.sum(axis=1) == 1).all():
        least, t = t.shape[1], t.argmax(axis=1)
    else:
        least, t = 0, t.reshape(-1) if t.size == len(t) else t
    if t.shape != (len(x),):
        raise _error(path, "every input needs its label", f"{len(x)} labels", f"an array of shape {t.shape}")
    numbers = t.astype(np.int64) if np.isfinite(t).all() else np.full(len(t), -1)
    most = _MOST_CLASSES if classes is None else len(classes)
    wrong = (numbers != t) | (numbers < 0) | (numbers >= most)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise _error(
            path, f"row {row} (from 0) has no class as its label", f"an integer from 0 to {most - 1}", str(t[row])
        )
    high = max(int(numbers.max()) + 1, least)
    return Labelled(x, numbers, tuple(map(str, range(high))) if classes is None else tuple(classes))


def _refuse_labels(path: Path, labels: object) -> None:
    if labels is not None:
        raise _error(path, "holds its labels itself", got=f"the labels' file {str(labels)!r}")


def _error(path: Path, problem: str, expected: str = "", got: str = "") -> DataError:
    return DataError(f"{str(path)!r} {problem}", op="load", expected=expected, got=got)
