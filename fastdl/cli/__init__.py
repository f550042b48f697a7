"""The command `fastdl`: one file a subcommand, `commands.py` that finds it, and `options.py` for what they share.

So that ``fastdl --help`` comes at once, a subcommand imports what it works with when it runs, and names errors as
``fastdl.errors.X``, which imports nothing before one is raised.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack

__all__ = ["main"]

_INTERRUPTED = 130  # 128 + SIGINT, as shells report it
_BROKEN_PIPE = 141  # 128 + SIGPIPE, likewise


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    argv : sequence of str, optional
        Its arguments; by default the process's.

    Returns
    -------
    int
        Exit status: 0 done; 1 an error, told on stderr; 2 an argument that is refused; 130 interrupted; 141 nobody
        reads what is printed.

    Raises
    ------
    SystemExit
        By argparse: 0 for ``--help`` and ``--version``, 2 for arguments that it refuses.

    Examples
    --------
    >>> main(["compare", "--data", "mnist", "--data-dir", "no-such-folder"])
    1
    """
    with ExitStack() as stack:
        try:
            from fastdl.cli import commands, ranks  # here, as Ctrl-C may come within it

            stack.enter_context(ranks.one_voice())
            for stream in (sys.stdout, sys.stderr):
                if isinstance(stream, io.TextIOWrapper):  # characters that the locale lacks shall not end the command
                    stream.reconfigure(errors="backslashreplace")
            try:
                return commands.run(argv)
            finally:
                if sys.stdout is not None:  # as where it is closed
                    sys.stdout.flush()
        except KeyboardInterrupt:
            if "--debug" in (sys.argv if argv is None else argv):
                raise
            print("fastdl: interrupted", file=sys.stderr)
            return _INTERRUPTED
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, sys.stdout.fileno())  # where Python flushes to at its end
            return _BROKEN_PIPE
