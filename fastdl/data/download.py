"""Downloading published files: checked, resumed where a connection was cut, and there only when they are whole."""

from __future__ import annotations

import fcntl
import hashlib
import http.client
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BufferedRandom
from pathlib import Path
from typing import Any, NamedTuple

from fastdl._files import make_folder, sync_folder
from fastdl._version import __version__
from fastdl.errors import DataError

TIMEOUT = 30.0  # seconds without a byte
TRIES = 5  # of one mirror, as long as its connections are cut
PAUSE = 1.0  # seconds before the second try, twice as many before the third, ...
_BLOCK = 1 << 16


class Published(NamedTuple):
    """A file as it was published.

    Parameters
    ----------
    name : str
        Its name, at the end of its address.
    size : int
        Its bytes.
    sha256 : str
        Their SHA-256 in hexadecimal.
    """

    name: str
    size: int
    sha256: str


class _MirrorError(Exception):
    """Why a mirror does not have the file."""


def download(file: Published, folder: Path, mirrors: Sequence[str], *, op: str, hint: str) -> Path:
    """Download a file, unless it is there.

    It is written under its name with ``.part`` at the end, and gets its own name once its checksum is right. After an
    interrupt the part stays, and a later call goes on with it. Of several processes that want the file one downloads
    it, and the others wait.

    Parameters
    ----------
    file : Published
        What is wanted.
    folder : Path
        Where it goes; created if it is not there.
    mirrors : sequence of str
        Where it is published: addresses to which its name is added, tried one after the other.
    op, hint : str
        What the error calls the operation, and what it advises.

    Returns
    -------
    Path
        The file's.

    Raises
    ------
    DataError
        If no mirror has it, or it cannot be written.

    Examples
    --------
    >>> from pathlib import Path
    >>> from fastdl.data.download import Published, download
    >>> download(Published("a.gz", 1, ""), Path("."), [], op="example", hint="Put it there yourself")
    Traceback (most recent call last):
    fastdl.kernels.errors.DataError: example: cannot download 'a.gz'. Put it there yourself
    """
    path = folder / file.name
    make_folder(folder)
    failures = []
    try:
        with _part_of(path) as part:
            if part is None:
                return path
            for mirror in mirrors:
                print(f"fastdl: downloading {mirror}{file.name} to {str(folder)!r}", file=sys.stderr)
                try:
                    _fetch(mirror + file.name, file, part)
                except _MirrorError as error:
                    failures.append(f"{mirror} ({error})")
                    continue
                part.flush()
                os.fsync(part.fileno())
                os.replace(part.name, path)
                sync_folder(folder)
                return path
            if part.tell() == 0:
                os.unlink(part.name)
    except OSError as error:
        raise DataError(f"cannot write {str(path)!r}: {error.strerror}", op=op, hint=hint) from error
    reasons = f": {'; '.join(failures)}" if failures else ""
    raise DataError(f"cannot download {file.name!r}{reasons}", op=op, hint=hint)


def cache_folder(name: str) -> Path:
    """Return the folder of this name where the user's programs keep what they can download again.

    Parameters
    ----------
    name : str
        That of a data set.

    Returns
    -------
    Path
        Below XDG_CACHE_HOME; without it ``~/.cache``, or ``~/Library/Caches`` on macOS.
    """
    usual = "~/Library/Caches" if sys.platform == "darwin" else "~/.cache"
    base = os.environ.get("XDG_CACHE_HOME", "")
    return Path(base if os.path.isabs(base) else os.path.expanduser(usual)) / "fastdl" / name


def is_published(path: Path, file: Published) -> bool:
    """Return whether a file is the published one.

    Parameters
    ----------
    path : Path
        Where it is.
    file : Published
        What it may be.

    Returns
    -------
    bool
    """
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest() == file.sha256


@contextmanager
def _part_of(path: Path) -> Iterator[BufferedRandom | None]:
    """The file that becomes this one, at its end and for this process alone; None once the other is there."""
    name = path.with_name(f"{path.name}.part")
    while not path.exists():
        with name.open("a+b") as part:
            fcntl.flock(part, fcntl.LOCK_EX)  # until it is closed
            if not _is_at(part, name):  # who had the lock before has renamed or removed it
                continue
            if path.exists():
                name.unlink()
                break
            yield part
            return
    yield None


def _is_at(file: BufferedRandom, name: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), name.stat())
    except FileNotFoundError:
        return False


def _fetch(url: str, file: Published, part: BufferedRandom) -> None:
    """Bring the part to the whole file. A part that turns out wrong is emptied."""
    reason = ""
    for attempt in range(TRIES):
        time.sleep(attempt * PAUSE)
        start = part.seek(0, os.SEEK_END)
        try:
            _receive(url, file.size, part)
        except ConnectionError as error:
            reason = str(error)
            continue
        if part.tell() < file.size:
            reason = f"the connection was cut after {part.tell()} of {file.size} bytes"
            continue
        part.seek(0)
        found = hashlib.file_digest(part, "sha256").hexdigest()
        if found == file.sha256 and part.tell() == file.size:
            return
        _empty(part)
        reason = f"wrong checksum: expected SHA-256 {file.sha256}, got {found}"
        if start == 0:  # all of it came from here; else its beginning may have been another file's
            break
    raise _MirrorError(reason)


def _receive(url: str, size: int, part: BufferedRandom) -> None:
    """Append what a server sends from where the part ends; from the beginning where it sends all."""
    if part.tell() > size:
        _empty(part)
    start = part.tell()
    if start == size:
        return
    headers = {"User-Agent": f"fastdl/{__version__}"} | ({"Range": f"bytes={start}-"} if start else {})
    with _opened(urllib.request.Request(url, headers=headers)) as response:
        if start and response.status != http.client.PARTIAL_CONTENT:
            _empty(part)
        elif start and not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            raise _MirrorError("sent another range of bytes than was asked for")
        while part.tell() <= size and (block := _read(response)):
            part.write(block)


def _empty(part: BufferedRandom) -> None:
    part.truncate(0)
    part.seek(0)


def _opened(request: urllib.request.Request) -> Any:
    try:
        return urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        raise _MirrorError(f"HTTP status {error.code}") from error
    except urllib.error.URLError as error:
        raise _MirrorError(str(error.reason)) from error
    except (OSError, http.client.HTTPException) as error:
        raise ConnectionError(f"no answer: {error!r}") from error


def _read(response: Any) -> bytes:
    try:
        block: bytes = response.read(_BLOCK)
    except (OSError, http.client.HTTPException) as error:
        raise ConnectionError(f"the connection was cut: {error!r}") from error
    return block
