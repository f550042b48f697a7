"""The command `fastdl`: one file a subcommand, and `options.py` for what they share.

A subcommand imports what it works with when it runs, so that ``fastdl --help`` comes at once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from fastdl._version import __version__
from fastdl.cli import bench, compare, completion, evaluate, experiment, info, predict, ranks, report, train, tune
from fastdl.errors import FastdlError

__all__ = ["main"]

_EXIT_ERROR = 2  # as argparse's own
_EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells report it

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
        Exit status: 0 done; 2 an error, told on stderr; 130 interrupted.

    Raises
    ------
    SystemExit
        By argparse: 0 for ``--help`` and ``--version``, 2 for arguments that it refuses.

    Examples
    --------
    >>> main(["compare", "--data", "mnist", "--data-dir", "no-such-folder"])
    2
    """
    with ranks.one_voice():
        return _run(_parser().parse_args(argv))


def _run(arguments: argparse.Namespace) -> int:
    try:
        ranks.check(arguments)
        arguments.run(arguments)
    except FastdlError as error:
        if arguments.debug:
            raise
        print(f"fastdl: error: {error}", file=sys.stderr)
        return _EXIT_ERROR
    except KeyboardInterrupt:
        if arguments.debug:
            raise
        print("fastdl: interrupted", file=sys.stderr)
        return _EXIT_INTERRUPTED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fastdl",
        description="Train neural networks on NumPy arrays, on a CPU, fast.",
        epilog="example: fastdl train --data digits --hidden 50 --epochs 10",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"fastdl {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.add_to(commands)
    return parser
