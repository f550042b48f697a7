"""The parser of the command `fastdl`, the run of the subcommand that it finds, and what is told of an error in it."""

from __future__ import annotations

import argparse
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
    interrupts,
    options,
    predict,
    ranks,
    report,
    train,
    tune,
)

_ERROR = 1
_USAGE = 2  # as argparse's own

# What arguments of functions are called that an option is handed on to, unless they are called as the option is.
_OPTIONS = {"n": "threads", "ratio": "dropout", "std": "init", "every": "save_every", "steps": "warmup"}

_COMMANDS = (train, evaluate, predict, compare, experiment, tune, report, bench, info, completion)


def run(argv: Sequence[str] | None) -> int:
    """Run what the arguments ask for, and return the exit status; only what ends any program is raised."""
    arguments = parser().parse_args(argv)
    try:
        ranks.check(arguments)
        options.check_numbers(arguments)
        with interrupts.remembered():
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


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command with all its subcommands."""
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
