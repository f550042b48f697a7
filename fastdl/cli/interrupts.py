"""Ctrl-C that comes amid an import, or is lost in one."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def remembered() -> Iterator[None]:
    """Have an error that Ctrl-C was turned into be a KeyboardInterrupt again.

    The import of a compiled module that imports another, such as NumPy's, raises ImportError in its place.
    """
    if not _is_in_main_thread() or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    has_come = False

    def interrupt(*_: object) -> None:
        nonlocal has_come
        has_come = True
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    except Exception as error:
        if has_come:
            raise KeyboardInterrupt from error
        raise
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def insistent() -> Iterator[None]:
    """Have Ctrl-C come again after a second, until the block is left: what it came amid may have hidden it.

    An import that falls back on something else hides any error.
    """
    before = signal.getsignal(signal.SIGINT)
    if not _is_in_main_thread() or not callable(before) or not hasattr(signal, "SIGALRM"):
        yield
        return

    def press(_: int, frame: FrameType | None) -> None:
        signal.setitimer(signal.ITIMER_REAL, 1)
        before(signal.SIGINT, frame)

    signal.signal(signal.SIGINT, press)
    alarm = signal.signal(signal.SIGALRM, press)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, alarm)
        signal.signal(signal.SIGINT, before)


def _is_in_main_thread() -> bool:
    """Whether this thread may set signal handlers."""
    return threading.current_thread() is threading.main_thread()
