"""What the subcommands share: how one is added, and the options that several have."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fastdl.errors import DataError, HyperparameterError

if TYPE_CHECKING:
    from fastdl.data import Dataset

Commands = argparse._SubParsersAction  # argparse has no public name for what add_subparsers() returns


def add_command(
    commands: Commands[argparse.ArgumentParser], name: str, summary: str, example: str
) -> argparse.ArgumentParser:
    """Add a subcommand with a summary, an example and ``--debug``."""
    command = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=f"example: {example}",
        allow_abbrev=False,
    )
    command.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return command


def add_data(command: argparse.ArgumentParser) -> None:
    """Add ``--data`` and ``--data-dir``, which `load_data` reads."""
    command.add_argument(
        "--data", choices=("digits", "mnist"), default="digits", help="data set (default: digits, of scikit-learn)"
    )
    command.add_argument(
        "--data-dir", type=Path, metavar="FOLDER", help="where MNIST's four IDX files are, gzipped or not"
    )


def check_data(arguments: argparse.Namespace) -> None:
    """Raise DataError where the options of `add_data` do not say where the data is."""
    if arguments.data == "mnist" and arguments.data_dir is None:
        raise DataError(
            "MNIST is not part of fastdl", arg="--data-dir", hint="Add --data-dir FOLDER, where its four IDX files are"
        )


def load_data(arguments: argparse.Namespace) -> Dataset:
    """Load the data set that the options of `add_data` name."""
    from fastdl.data import load_digits, load_mnist

    check_data(arguments)
    return load_digits() if arguments.data == "digits" else load_mnist(arguments.data_dir)


def add_seed(command: argparse.ArgumentParser) -> None:
    """Add ``--seed``."""
    command.add_argument("--seed", type=int, default=0, help="of weights and shuffling (default: %(default)s)")


def add_threads(command: argparse.ArgumentParser) -> None:
    """Add ``--threads``, which `set_threads` reads."""
    command.add_argument(
        "--threads", type=int, metavar="N", help="threads of fastdl (default: what the process may use)"
    )


def set_threads(arguments: argparse.Namespace) -> None:
    """Set the number of threads, if the option of `add_threads` was given."""
    from fastdl import kernels

    if arguments.threads is not None:
        kernels.set_num_threads(arguments.threads)


def check_names(names: Sequence[str], known: Iterable[str], what: str, arg: str) -> None:
    """Raise HyperparameterError for a name that is not known, with the nearest one that is."""
    known = list(known)
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise HyperparameterError(
                f"unknown {what}",
                arg=arg,
                expected=f"some of {','.join(known)}",
                got=repr(name),
                hint=f"Did you mean {near[0]}?" if near else "",
            )
