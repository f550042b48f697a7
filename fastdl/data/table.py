"""Tables of numbers in text files, one row a line: CSV."""

from __future__ import annotations

import csv
import itertools
import math
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastdl.data.npy import checked_file
from fastdl.errors import DataError

_CELLS = {",": "Commas", "\t": "Tabs"}
_NUMBERS = "Write numbers in place of words, and fill in what is missing or take the row out"


class Table(NamedTuple):
    """What `read_csv` returns.

    Parameters
    ----------
    x : ndarray (N, columns)
        All columns but the label's.
    labels : ndarray (N,) of str, or None
        The label's column; None where none was asked for.
    names : tuple of str, or None
        The names of x's columns, where the file has a header.
    """

    x: NDArray[Any]
    labels: NDArray[np.str_] | None
    names: tuple[str, ...] | None


def read_csv(
    path: str | os.PathLike[str],
    label: str | int | None = None,
    *,
    dtype: DTypeLike = "float32",
    header: bool | None = None,
) -> Table:
    r"""Read a table of numbers.

    Parameters
    ----------
    path : str or path
        A file in UTF-8 with commas between the cells, or tabs if its name ends in ``.tsv``. Empty lines are left out.
    label : str or int, optional
        The column that holds the labels, whatever they are: its name, or its number from 0, from the end if negative.
    dtype : {"float32", "float64"}
        Of the numbers.
    header : bool, optional
        Whether the first line holds names. By default it does if a cell of it, that of the label left out, is no
        number, or if ``label`` is a name.

    Returns
    -------
    Table

    Raises
    ------
    DataError
        If the file is missing, cannot be read or is empty, has no such column, or has a line of another length or a
        cell that is no finite number: then with its line and column.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "flowers.csv"
    ...     _ = path.write_text("length,width,kind\n1.5,0.5,rose\n2.5,1,lily\n")
    ...     table = read_csv(path, "kind")
    >>> table.x.tolist(), table.labels.tolist(), table.names
    ([[1.5, 0.5], [2.5, 1.0]], ['rose', 'lily'], ('length', 'width'))
    """
    path = checked_file(path, "read_csv")
    delimiter = "\t" if path.suffix == ".tsv" else ","
    before, first = _first_row(path, delimiter)
    number = _label_number(path, first, label)
    if header is None:
        header = isinstance(label, str) or not all(_is_number(cell) for i, cell in enumerate(first) if i != number)
    if len(first) == (number is not None):
        raise _error(path, "has no column besides the label's", hint=f"{_CELLS[delimiter]} are between its cells")
    codes: dict[str, int] = {}
    code: dict[int | str, Callable[[str], Any]] = {}
    if number is not None:
        code[number] = lambda cell: codes.setdefault(cell.strip(), len(codes))
    try:
        with _opened(path) as file, warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of a file without rows
            cells = np.loadtxt(
                file, np.dtype(dtype), comments=None, delimiter=delimiter, converters=code, skiprows=before + header,
                ndmin=2, quotechar='"',
            )  # fmt: skip
        is_good = bool(np.isfinite(cells).all()) and "" not in codes and cells.shape[1:] == (len(first),)
    except ValueError:  # its words do not say which line of the file it is
        is_good, cells = False, np.empty((0, 0))
    if not is_good:
        raise _fault(path, delimiter, header, number)
    names = tuple(name.strip() for i, name in enumerate(first) if i != number) if header else None
    if number is None:
        return Table(cells, None, names)
    labels = np.array(list(codes))[cells[:, number].astype(np.intp)]
    return Table(np.delete(cells, number, axis=1), labels, names)


def _first_row(path: Path, delimiter: str) -> tuple[int, list[str]]:
    """The number of empty lines before the first row, and its cells."""
    with _opened(path) as file:
        reader = csv.reader(file, delimiter=delimiter)
        for row in reader:
            if row:
                return reader.line_num - 1, row
    raise _error(path, "is empty")


def _label_number(path: Path, first: list[str], label: str | int | None) -> int | None:
    """The number of the label's column."""
    if label is None:
        return None
    if isinstance(label, str):
        names = [name.strip() for name in first]
        if names.count(label) != 1:
            problem = f"has {'no' if label not in names else 'more than one'} column {label!r}"
            raise _error(path, problem, f"one of {', '.join(names)}"[:200])
        return names.index(label)
    if not -len(first) <= label < len(first):
        raise _error(path, f"has no column {label}", f"a number from {-len(first)} to {len(first) - 1}")
    return label % len(first)


def _fault(path: Path, delimiter: str, header: bool, label: int | None) -> DataError:
    """The first thing that is wrong in a table, with its line and column."""
    with _opened(path) as file:
        reader = csv.reader(file, delimiter=delimiter)
        rows = (row for row in reader if row)
        first = next(rows)
        for row in rows if header else itertools.chain([first], rows):
            line = f"line {reader.line_num}"
            if len(row) != len(first):
                return _error(
                    path, f"{line}: wrong number of cells", f"{len(first)}, as in the first line", str(len(row))
                )
            for i, cell in enumerate(row):
                place = f"{line}, column {i + 1}" + (f" ({first[i].strip()})" if header else "")
                if i == label and not cell.strip():
                    return _error(path, f"{place}: no label", hint="Take the row out")
                if i != label and not (_is_number(cell) and math.isfinite(float(cell))):
                    return _error(path, f"{place}: not a finite number", got=repr(cell)[:80], hint=_NUMBERS)
    hint = "Its first line was taken for a header" if header else ""
    return _error(path, "has no rows that can be read", hint=hint)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell  # which Python allows between digits, and NumPy does not


@contextmanager
def _opened(path: Path) -> Iterator[IO[str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield file
    except UnicodeDecodeError as error:
        raise _error(path, f"is no text in UTF-8: byte {error.start}", hint="Save it as UTF-8") from error
    except csv.Error as error:
        raise _error(path, f"is no table: {error}") from error
    except OSError as error:
        raise _error(path, f"cannot be read: {error.strerror}") from error


def _error(path: Path, problem: str, expected: str = "", got: str = "", hint: str = "") -> DataError:
    return DataError(f"{str(path)!r} {problem}", op="read_csv", arg="path", expected=expected, got=got, hint=hint)
