"""Writing files so that a crash leaves the old one or the new one, whole."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from fastdl.errors import DataError


def make_folder(folder: Path) -> None:
    """Create a folder, and those above it, unless it is there.

    Raises
    ------
    DataError
        If it can be neither created nor written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"cannot create the folder {str(folder)!r}: {error.strerror}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise DataError(f"cannot write to the folder {str(folder)!r}: no permission")


def sync_folder(folder: Path) -> None:
    """Have the names of a folder's files on the disk."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def write_atomically(path: Path, content: bytes | Iterable[bytes | memoryview]) -> None:
    """Write a file, its content whole or in pieces, under a temporary name beside ``path``, then rename it.

    Raises
    ------
    DataError
        If it cannot be written; ``path`` is as it was, and nothing else is left behind.
    """
    if path.is_dir():
        raise DataError(f"cannot write {str(path)!r}: it is a folder")
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        try:
            with temporary.open("xb") as file:
                file.writelines([content] if isinstance(content, bytes) else content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(path.parent)
    except OSError as error:
        raise DataError(f"cannot write {str(path)!r}: {error.strerror}") from error
