"""The command `fastdl`: one file a subcommand, and `options.py` for what they share.

So that ``fastdl --help`` comes at once, a subcommand imports what it works with when it runs, and names errors as
``fastdl.errors.X``, which imports nothing before one is raised.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence

from fastdl._version import __version__
from fastdl.cli import (
    bench,
    compare,
    completion,
    evaluate,
    experiment,
    info,
    options,
    predict,
    ranks,
    report,
    train,
    tune,
)

__all__ = ["main"]

_ERROR = 1
_USAGE = 2  # as argparse's own
_INTERRUPTED = 130  # 128 + SIGINT, as shells report it
_BROKEN_PIPE = 141  # 128 + SIGPIPE, likewise

# What arguments of functions are called that an option is handed on to, unless they are called as the option is.
_OPTIONS = {"n": "threads", "ratio": "dropout", "std": "init", "every": "save_every", "steps": "warmup"}

_COMMANDS = (train, evaluate, predict, compare, experiment, tune, report, bench, info, completion)


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
    with ranks.one_voice():
        return _ended(argv)


def _ended(argv: Sequence[str] | None) -> int:
    """Run the command to whatever its end is."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # characters that the locale lacks shall not end the command
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            return _run(argv)
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


def _run(argv: Sequence[str] | None) -> int:
    arguments = _parser().parse_args(argv)
    try:
        ranks.check(arguments)
        arguments.run(arguments)
    except BrokenPipeError:
        raise
    except Exception as error:
        if arguments.debug or ranks.is_of_one(error):
            raise
        text, status = _told(error, arguments)
        print(f"fastdl: error: {text}", file=sys.stderr)
        return status
    return 0


def _told(error: Exception, arguments: argparse.Namespace) -> tuple[str, int]:
    """One line on an error, and the exit status."""
    # Not imported: kernels that refuse FASTDL_CPU would refuse it again.
    errors = sys.modules.get("fastdl.kernels.errors")
    if errors is not None and isinstance(error, errors.FastdlError):
        for name in (error.arg, _OPTIONS.get(error.arg, "")):
            if name in vars(arguments) and error.got in ("", str(vars(arguments)[name]), repr(vars(arguments)[name])):
                error.arg = f"--{name.replace('_', '-')}"
        if error.arg == "path":  # the file is named in what is wrong with it
            error.op = error.arg = ""
        if error.arg.startswith("--"):  # which tells more than the function that was given it
            error.op = ""
        return " ".join(str(error).split()), _USAGE if isinstance(error, errors.HyperparameterError) else _ERROR
    if isinstance(error, OSError) and error.strerror:
        return ": ".join([*([str(error.filename)] if error.filename is not None else []), error.strerror]), _ERROR
    text = " ".join(str(error).split())
    return f"{type(error).__name__}{': ' if text else ''}{text} (--debug shows where)", _ERROR


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fastdl",
        description="Train neural networks on NumPy arrays, on a CPU, fast.",
        epilog="example: fastdl train --data digits --hidden 50 --epochs 10",
        allow_abbrev=False,
        formatter_class=options.Help,
    )
    parser.add_argument("--version", action="version", version=f"fastdl {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.add_to(commands)
    return parser
