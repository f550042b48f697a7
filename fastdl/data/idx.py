"""The IDX format, in which MNIST is kept.

A file is two zero bytes, one byte for the type of the elements, one for the number of dimensions, then the
dimensions as big-endian uint32 and the elements in C order, big-endian. It may be gzipped as a whole.
"""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from fastdl.errors import DataError

_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_MOST_DIMENSIONS = 64  # of a NumPy array
_CHUNK = 1 << 20
_GZIP = b"\x1f\x8b"


def read_idx(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read the array in an IDX file, gzipped or not (its first bytes tell, not its name).

    Everything is checked: the magic number, the sizes against the bytes that are there, and gzip's checksum.
    No more is read than what the header promises and one byte, and memory grows only with what is really
    there: a header that promises too much does not fill it, nor does a stream that goes on for ever.

    Parameters
    ----------
    path : str or path
        A regular file.

    Returns
    -------
    array
        uint8, int8, int16, int32, float32 or float64 in the machine's byte order, of the shape in the header.

    Raises
    ------
    DataError
        If the file is missing, cannot be read, is not IDX, is cut short, damaged or too long.

    Notes
    -----
    Y. LeCun, C. Cortes and C. Burges, "The MNIST database of handwritten digits" (1998), its last section.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     _ = file.write(bytes([0, 0, 0x08, 1, 0, 0, 0, 3, 7, 8, 9]))
    ...     file.flush()
    ...     read_idx(file.name)
    array([7, 8, 9], dtype=uint8)
    """
    path = Path(path)
    try:
        if not path.exists():
            raise _error(path, "does not exist", hint="Check the path.")
        if not path.is_file():  # opening a named pipe would wait for its writer
            raise _error(path, "is not a regular file", hint="Give the path of one IDX file.")
        with path.open("rb") as file:
            compressed = file.read(len(_GZIP)) == _GZIP
            file.seek(0)
            if not compressed:
                return _parse(file, path)
            with gzip.open(file) as stream:
                return _parse(cast(BinaryIO, stream), path)
    except EOFError as error:
        raise _error(path, "is a gzip file that is cut short") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise _error(path, f"is a damaged gzip file: {error}") from error
    except OSError as error:
        raise _error(path, f"cannot be read: {error.strerror}", hint="Check its permissions.") from error


def _parse(stream: BinaryIO, path: Path) -> NDArray[Any]:
    """Read the header, then exactly what it promises."""
    magic = _read(stream, 4, path, "magic number")
    zeros, code, dimensions = struct.unpack(">HBB", magic)
    if zeros or code not in _DTYPES or not 1 <= dimensions <= _MOST_DIMENSIONS:
        expected = "00 00, then 08, 09, 0b, 0c, 0d or 0e, then 01 to 40"
        raise _error(path, "is not an IDX file: wrong magic number", expected, magic.hex(" "))
    shape = struct.unpack(f">{dimensions}I", _read(stream, 4 * dimensions, path, "sizes"))
    if 0 in shape:
        raise _error(path, "holds no elements", "sizes of 1 or more", str(shape))
    dtype = np.dtype(_DTYPES[code])
    elements = _read(stream, math.prod(shape) * dtype.itemsize, path, f"elements of shape {shape}")
    if stream.read(1):
        raise _error(path, "goes on after its last element", f"{len(elements)} bytes of elements", "more")
    return np.frombuffer(elements, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def _read(stream: BinaryIO, count: int, path: Path, what: str) -> bytearray:
    """Read ``count`` bytes in chunks, so that memory is taken only for bytes that exist."""
    data = bytearray()
    while len(data) < count:
        chunk = stream.read(min(_CHUNK, count - len(data)))
        if not chunk:
            raise _error(path, f"is cut short in its {what}", f"{count} bytes", str(len(data)))
        data += chunk
    return data


def _error(path: Path, problem: str, expected: str = "", got: str = "", hint: str = "Get the file again.") -> DataError:
    return DataError(f"{str(path)!r} {problem}", op="read_idx", arg="path", expected=expected, got=got, hint=hint)
