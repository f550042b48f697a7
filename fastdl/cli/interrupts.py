"""Ctrl-C that comes amid an import."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def remembered() -> Iterator[None]:
    """Have an error that Ctrl-C was turned into be a KeyboardInterrupt again.

    The import of a compiled module that imports another, such as NumPy's, raises ImportError in its place.
    """
    if threading.current_thread() is not threading.main_thread() or (
        signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
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
