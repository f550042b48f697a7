"""NumPy's own files, NPY and NPZ, checked before memory is taken for what they claim to hold."""

from __future__ import annotations

import math
import os
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from fastdl.errors import DataError

_CHUNK = 1 << 20


def read_npy(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read the array in an NPY file.

    Parameters
    ----------
    path : str or path
        A regular file.

    Returns
    -------
    ndarray
        Of numbers, in the machine's byte order and in C order.

    Raises
    ------
    DataError
        If the file is missing, cannot be read, is not NPY, holds Python objects, or is cut short or too long.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(Path(folder) / "x.npy", np.arange(3))
    ...     read_npy(Path(folder) / "x.npy")
    array([0, 1, 2])
    """
    path = checked_file(path, "read_npy")
    try:
        with path.open("rb") as file:
            return _parse(file, os.fstat(file.fileno()).st_size, path, "")
    except OSError as error:
        raise _error(path, f"cannot be read: {error.strerror}") from error


def read_npz(path: str | os.PathLike[str], names: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """Read arrays of an NPZ file by their names.

    Parameters
    ----------
    path : str or path
        A regular file.
    names : tuple of str
        Of the arrays.

    Returns
    -------
    dict of str to ndarray
        As `read_npy` returns them.

    Raises
    ------
    DataError
        If the file is missing, cannot be read, is not NPZ or damaged, or has no array of such a name.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(Path(folder) / "data.npz", x=np.zeros(2), t=np.arange(2))
    ...     read_npz(Path(folder) / "data.npz", ("t",))
    {'t': array([0, 1])}
    """
    path = checked_file(path, "read_npz")
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            for name in names:
                if name not in members:
                    raise _error(path, f"has no array {name!r}", f"one of {', '.join(members)}"[:200])
            arrays = {}
            for name in names:
                with archive.open(members[name]) as file:
                    arrays[name] = _parse(file, members[name].file_size, path, f"[{name!r}] ")
            return arrays
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise _error(path, f"is not an NPZ file, or damaged: {error}") from error
    except OSError as error:
        raise _error(path, f"cannot be read: {error.strerror}") from error


def checked_file(path: str | os.PathLike[str], op: str) -> Path:
    """Return the path of a regular file, or raise DataError."""
    path = Path(path)
    if not path.is_file():  # opening a named pipe would wait for its writer
        problem = "is not a regular file" if path.exists() else "does not exist"
        raise DataError(f"{str(path)!r} {problem}", op=op, arg="path", hint="Check the path.")
    return path


def _parse(file: IO[bytes], size: int, path: Path, member: str) -> NDArray[Any]:
    """Read the header, then exactly what it promises, if the file is large enough for it."""
    read = np.lib.format
    try:
        version = read.read_magic(file)
        header = {(1, 0): read.read_array_header_1_0, (2, 0): read.read_array_header_2_0}[version]
        shape, fortran, dtype = header(file)
    except (ValueError, KeyError, EOFError) as error:
        raise _error(path, f"{member}is not NPY: {str(error)[:80]}") from error
    if dtype.kind not in "fiub":
        raise _error(path, f"{member}holds no numbers", "integers or floats", str(dtype))
    if not all(0 <= length < 2**63 for length in shape):
        raise _error(path, f"{member}has an impossible shape", got=str(shape)[:80])
    count, there = math.prod(shape) * dtype.itemsize, size - file.tell()
    if count != there:
        raise _error(path, f"{member}is cut short or too long", f"{count} bytes of elements", str(there))
    data = bytearray()
    while chunk := file.read(min(_CHUNK, count - len(data))):
        data += chunk
    if len(data) != count or file.read(1):
        raise _error(path, f"{member}is damaged", f"{count} bytes of elements", str(len(data)))
    array = np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")
    return np.ascontiguousarray(array, dtype.newbyteorder("=")).reshape(shape)


def _error(path: Path, problem: str, expected: str = "", got: str = "") -> DataError:
    return DataError(f"{str(path)!r} {problem}", op="read_npy", arg="path", expected=expected, got=got)
