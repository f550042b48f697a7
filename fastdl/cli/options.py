"""What the subcommands share: how one is added, and the options that several have."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import fastdl

if TYPE_CHECKING:
    from fastdl.data import Dataset, Labelled
    from fastdl.train import Checkpoint

DATA_SETS = ("digits", "mnist")

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
        "--data", choices=DATA_SETS, default="digits", help="data set (default: digits, of scikit-learn)"
    )
    command.add_argument(
        "--data-dir", type=Path, metavar="FOLDER", help="where MNIST's four IDX files are, gzipped or not"
    )


def check_data(arguments: argparse.Namespace) -> None:
    """Raise DataError where the options of `add_data` do not say where the data is."""
    if arguments.data == "mnist" and arguments.data_dir is None:
        raise fastdl.errors.DataError(
            "MNIST is not part of fastdl", arg="--data-dir", hint="Add --data-dir FOLDER, where its four IDX files are"
        )


def load_data(arguments: argparse.Namespace) -> Dataset:
    """Load the data set that the options of `add_data` name."""
    from fastdl.data import load_digits, load_mnist

    check_data(arguments)
    return load_digits() if arguments.data == "digits" else load_mnist(arguments.data_dir)


def add_file_data(command: argparse.ArgumentParser) -> None:
    """Add the options that name a data set or a user's own files, which `load_file` reads."""
    add = command.add_argument_group("data").add_argument
    add(
        "--data",
        default="digits",
        metavar="NAME|FILE",
        help="digits, mnist, or a file: .csv, .tsv, .npz, .npy, or else IDX (default: %(default)s)",
    )
    add("--data-dir", type=Path, metavar="FOLDER", help="where MNIST's four IDX files are, gzipped or not")
    add("--labels", type=Path, metavar="FILE", help="the labels, where the data is NPY or IDX")
    add("--label", default="-1", metavar="COLUMN", help="CSV: its name, or number from 0 (default: the last)")
    add("--arrays", default="x,t", metavar="X,T", help="NPZ: names of inputs and labels (default: %(default)s)")
    add("--scale", type=float, metavar="X", help="what inputs are multiplied by (default: 1/255 for bytes, else 1)")


def label_of(arguments: argparse.Namespace) -> str | int:
    """The column of a CSV file that the option names or numbers."""
    try:
        return int(arguments.label)
    except ValueError:
        return str(arguments.label)


def names_of(arguments: argparse.Namespace) -> tuple[str, str]:
    """The names of inputs and labels in an NPZ file."""
    names = arguments.arrays.split(",")
    if len(names) != 2:
        raise fastdl.errors.HyperparameterError(
            "not two names", arg="--arrays", expected="X,T", got=repr(arguments.arrays)
        )
    return names[0], names[1]


def load_file(arguments: argparse.Namespace, classes: Sequence[str] | None = None) -> Labelled:
    """Load the file that the options of `add_file_data` name, with its labels."""
    from fastdl.data import load_labelled

    return load_labelled(
        arguments.data, arguments.labels, label=label_of(arguments), names=names_of(arguments), classes=classes
    )


def checkpoint_of(path: Path) -> Path:
    """The best checkpoint of a run's folder, its latest where there is no best one; a file is itself."""
    from fastdl.train import latest_checkpoint
    from fastdl.train.checkpoints.callback import BEST

    if not path.is_dir():
        return path
    best = path / BEST
    return best if best.exists() else latest_checkpoint(path)


def scale_of(arguments: argparse.Namespace, checkpoint: Checkpoint) -> float:
    """What inputs are multiplied by: as the option has it, or as in training."""
    scale = checkpoint.notes.get("scale", 1.0) if arguments.scale is None else arguments.scale
    if not isinstance(scale, float | int):
        raise fastdl.errors.CheckpointError(
            "does not fit", arg="notes", key="scale", expected="a number", got=repr(scale)[:80]
        )
    return scale


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
    import difflib

    known = list(known)
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise fastdl.errors.HyperparameterError(
                f"unknown {what}",
                arg=arg,
                expected=f"some of {','.join(known)}",
                got=repr(name),
                hint=f"Did you mean {near[0]}?" if near else "",
            )
