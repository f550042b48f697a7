"""Named arrays and texts in one file, in the layout of safetensors, written and read with NumPy alone.

A file is the length of its header (8 bytes, little-endian), the header (JSON), then the arrays' bytes one after the
other, little-endian, in C order. The header's first member is a SHA-256 of all other bytes of the file, so that no bit
of it can change unseen. Other programs read such a file as safetensors.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastdl._files import write_atomically
from fastdl.errors import CheckpointError

Array = NDArray[Any]

_LONGEST_HEADER = 1 << 26
_ALIGNMENT = 8  # of the first array's bytes; every array's bytes begin at a multiple of its element's size
_MOST_DIMENSIONS = 64  # of a NumPy array
_DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "<i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "<u1",
}  # fmt: skip
_NAMES = {np.dtype(code).newbyteorder("="): name for name, code in _DTYPES.items()}
_BEFORE_SUM = b'{"__metadata__":{"sha256":"'
_SUM_AT = 8 + len(_BEFORE_SUM)  # in the file
_SUM_LENGTH = 64


class Contents(NamedTuple):
    """What a file holds."""

    arrays: dict[str, Array]
    texts: dict[str, str]


def write_container(path: Path, arrays: Mapping[str, Array], texts: Mapping[str, str]) -> None:
    """Write arrays and texts to a file: the old one stays, or the new one is whole.

    Parameters
    ----------
    path : Path
        Replaced if it is there; a symbolic link is replaced, not followed.
    arrays : mapping of str to ndarray
        Of integers, float16, float32 or float64.
    texts : mapping of str to str

    Raises
    ------
    CheckpointError
        If an array is of another dtype.
    DataError
        If it cannot be written.
    """
    for name, array in arrays.items():
        if array.dtype.newbyteorder("=") not in _NAMES:
            raise CheckpointError(
                "cannot be saved", op="save", arg=name, expected=f"a dtype among {', '.join(map(str, _NAMES))}",
                got=str(array.dtype),
            )  # fmt: skip
    # Larger elements first, so that each array begins at a multiple of its element's size.
    names = sorted(arrays, key=lambda name: -arrays[name].itemsize)
    header: dict[str, Any] = {"__metadata__": {"sha256": "0" * _SUM_LENGTH, **texts}}
    blocks, end = [], 0
    for name in names:
        array = arrays[name]
        block = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        begin, end = end, end + block.nbytes
        header[name] = {
            "dtype": _NAMES[array.dtype.newbyteorder("=")],
            "shape": list(array.shape),
            "data_offsets": [begin, end],
        }
        blocks.append(block.reshape(-1).view(np.uint8).data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    if len(text) > _LONGEST_HEADER:
        raise CheckpointError(
            "has too much besides its arrays", op="save", expected=f"at most {_LONGEST_HEADER} bytes",
            got=str(len(text)), hint="Save long lists of numbers as arrays",
        )  # fmt: skip
    head = bytearray(len(text).to_bytes(8, "little") + text)
    head[_SUM_AT : _SUM_AT + _SUM_LENGTH] = _checksum(head, blocks)
    write_atomically(path, (bytes(head), *blocks))


def read_container(path: Path) -> Contents:
    """Read a file that `write_container` wrote.

    Parameters
    ----------
    path : Path
        A regular file.

    Returns
    -------
    Contents
        The arrays are views of one block of memory, which holds the file's bytes.

    Raises
    ------
    CheckpointError
        If the file cannot be read, is of another kind, or is damaged in any bit.
    """
    try:
        if not path.is_file():  # opening a named pipe would wait for its writer
            raise _error(path, "is not a regular file" if path.exists() else "does not exist")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            head = _read_head(file, size, path)
            block = np.empty(size - len(head), np.uint8)
            if file.readinto(block.data) < len(block) or file.read(1):
                raise _error(path, "changed while it was read", hint="Read it again")
    except OSError as error:
        raise _error(path, f"cannot be read: {error.strerror}") from error
    if head[_SUM_AT : _SUM_AT + _SUM_LENGTH] != _checksum(head, [block.data]):
        raise _error(path, "is damaged: its checksum is another", hint="Take an older checkpoint")
    entries = _parse(head, path)
    texts = entries.pop("__metadata__")
    if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
        raise _error(path, "is not a checkpoint: its texts are none")
    del texts["sha256"]
    return Contents(_arrays(entries, block, path), texts)


def _read_head(file: BinaryIO, size: int, path: Path) -> bytes:
    """The length of the header and the header: no more than the file has, and than is allowed."""
    start = file.read(_SUM_AT)
    length = int.from_bytes(start[:8], "little")
    if start[8:] != _BEFORE_SUM:
        raise _error(path, "is not a checkpoint", hint="fastdl writes one with save_checkpoint()")
    if not _SUM_AT + _SUM_LENGTH <= 8 + length <= min(size, 8 + _LONGEST_HEADER):
        raise _error(path, "is cut short, or its header is too long", f"a header within {size} bytes", str(length))
    return start + file.read(8 + length - _SUM_AT)


def _checksum(head: bytes | bytearray, blocks: Iterable[memoryview]) -> bytes:
    """Of all bytes but the checksum's own, as 64 hexadecimal digits."""
    digest = hashlib.sha256(head[:_SUM_AT])
    digest.update(head[_SUM_AT + _SUM_LENGTH :])
    for block in blocks:
        digest.update(block)
    return digest.hexdigest().encode()


def _parse(head: bytes, path: Path) -> dict[str, Any]:
    """The header, in which no name comes twice."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        if len(members) < len(pairs):
            raise ValueError("a name comes twice")
        return members

    try:
        header: dict[str, Any] = json.loads(head[8:], object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:  # ValueError also for what is no UTF-8
        raise _error(path, f"is not a checkpoint: its header is no JSON object: {error}") from None
    return header  # an object, as it begins like one


def _arrays(entries: dict[str, Any], block: Array, path: Path) -> dict[str, Array]:
    """The arrays, which lie one after the other and fill the block."""
    arrays, end = {}, 0
    for name, entry in entries.items():
        if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
            raise _error(path, f"holds a wrong entry for {name!r}", "dtype, shape and data_offsets", _short(entry))
        dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
        if not isinstance(dtype, str) or dtype not in _DTYPES:
            raise _error(path, f"holds a wrong dtype for {name!r}", f"one of {', '.join(_DTYPES)}", _short(dtype))
        if not isinstance(shape, list) or len(shape) > _MOST_DIMENSIONS or not all(_is_size(each) for each in shape):
            raise _error(path, f"holds a wrong shape for {name!r}", "sizes of 0 or more", _short(shape))
        kind = np.dtype(_DTYPES[dtype])
        begin, end = end, end + math.prod(shape) * kind.itemsize
        if offsets != [begin, end] or end > len(block):
            raise _error(path, f"holds wrong offsets for {name!r}", f"{[begin, end]} of {len(block)}", _short(offsets))
        array = block[begin:end].view(kind).astype(kind.newbyteorder("="), copy=False)
        try:
            arrays[name] = array.reshape(shape)
        except ValueError:  # with a size of 0 the others may be too large for NumPy
            raise _error(path, f"holds an impossible shape for {name!r}", got=_short(shape)) from None
    if end != len(block):
        raise _error(path, "goes on after its last array", f"{end} bytes of arrays", str(len(block)))
    return arrays


def _is_size(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _short(value: Any) -> str:
    return repr(value)[:80]


def _error(path: Path, problem: str, expected: str = "", got: str = "", hint: str = "") -> CheckpointError:
    return CheckpointError(f"{str(path)!r} {problem}", op="load", expected=expected, got=got, hint=hint)
