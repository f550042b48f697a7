"""What the subcommands share: how one is added, and the options that several have."""

from __future__ import annotations

import argparse
import math
import os
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fastdl

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastdl.data import Dataset, Labelled
    from fastdl.train import Checkpoint

DATA_SETS = ("digits", "mnist")
_HINTS = {
    ".csv": "--label says which column has the labels",
    ".tsv": "--label says which column has the labels",
    ".npz": "--arrays says which arrays are the inputs and labels",
}
# Of the options that are integers the least and the most, where these are not 1 and 10**15: steps for centuries.
_LEAST = {"seed": 0, "warmup": 0}
_MOST = {"seed": 2**64 - 1, "heartbeat": 86_400, "threads": 1024, "workers": 1024}

Commands = argparse._SubParsersAction  # argparse has no public name for what add_subparsers() returns


class Help(argparse.HelpFormatter):
    """Help whose example can be pasted into a shell, however narrow the terminal."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if not text.startswith("example: "):
            return super()._fill_text(text, width, indent)
        lines = textwrap.wrap(text, width - 2, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)
        return " \\\n".join(lines)


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
        formatter_class=Help,
    )
    command.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return command


def add_data(command: argparse.ArgumentParser) -> None:
    """Add the options that name a data set, which `load_data` reads."""
    group = command.add_argument_group("data")
    group.add_argument("--data", choices=DATA_SETS, default="digits", help="data set (default: %(default)s)")
    _add_data_dir(group)


def add_file_data(command: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Add the options that name a data set or a user's own file; of the file, what those that are added next say."""
    group = command.add_argument_group("data")
    group.add_argument(
        "--data",
        default="digits",
        metavar="NAME|FILE",
        help="digits, mnist, or a file: .csv, .tsv, .npz, .npy, or else IDX (default: %(default)s)",
    )
    _add_data_dir(group)
    return group


def add_labels(group: argparse._ArgumentGroup) -> None:
    """Add the options that say where the inputs and labels of a user's file are, as `load_file` reads them."""
    add = group.add_argument
    add("--labels", type=Path, metavar="FILE", help="the labels, where the data is NPY or IDX")
    add("--label", default="-1", metavar="COLUMN", help="CSV: its name, or number from 0 (default: the last)")
    add("--arrays", default="x,t", metavar="X,T", help="NPZ: names of inputs and labels (default: %(default)s)")


def add_scale(group: argparse._ArgumentGroup, default: str) -> None:
    """Add ``--scale``."""
    group.add_argument("--scale", type=float, metavar="X", help=f"what inputs are multiplied by (default: {default})")


def _add_data_dir(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--data-dir",
        type=Path,
        metavar="FOLDER",
        help="mnist: where its four IDX files are, gzipped or not (default: the folder that FASTDL_DATA names, or else "
        "one to which they are downloaded once)",
    )


def is_data_set(arguments: argparse.Namespace) -> bool:
    """Whether the option names a data set, not a file."""
    if arguments.data_dir is not None and arguments.data != "mnist":
        raise fastdl.errors.HyperparameterError("there for --data mnist only", arg="--data-dir")
    return arguments.data in DATA_SETS


def load_data(arguments: argparse.Namespace) -> Dataset:
    """Load the data set that the options name."""
    from fastdl.data import load_digits, load_mnist

    is_data_set(arguments)
    return load_digits() if arguments.data == "digits" else load_mnist(arguments.data_dir)


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


def load_file(
    arguments: argparse.Namespace,
    path: str | Path,
    labels: Path | None,
    classes: Sequence[str] | None = None,
    arg: str = "--data",
) -> Labelled:
    """Load the file that the option ``arg`` names and its labels, which are where the options of `add_labels` say."""
    from fastdl.data import load_labelled

    with _hints(path, arg):
        return load_labelled(path, labels, label=label_of(arguments), names=names_of(arguments), classes=classes)


def load_inputs(arguments: argparse.Namespace) -> NDArray[Any]:
    """Load the inputs of the file that ``--data`` names."""
    from fastdl.data import load_inputs

    with _hints(arguments.data, "--data"):
        label = None if arguments.label is None else label_of(arguments)
        return load_inputs(arguments.data, label=label, name=arguments.arrays.partition(",")[0])


@contextmanager
def _hints(path: str | Path, arg: str) -> Iterator[None]:
    """Check that there is such a file, and add to an error in it which option may be the one to change."""
    names = DATA_SETS if arg == "--data" else ()
    if not os.path.exists(path):
        raise fastdl.errors.DataError(
            f"{str(path)!r} does not exist", arg=arg, expected=f"{', '.join(names)} or a file".removeprefix(" or "),
            hint=_near(str(path), names),
        )  # fmt: skip
    if os.path.isdir(path):
        raise fastdl.errors.DataError(
            f"{str(path)!r} is a folder", arg=arg, expected="a file",
            hint="--data mnist --data-dir FOLDER takes MNIST's four files from one" if names else "",
        )  # fmt: skip
    try:
        yield
    except fastdl.errors.DataError as error:
        error.hint = ". ".join(filter(None, (error.hint, _HINTS.get(Path(path).suffix))))
        raise


def check_features(x: NDArray[Any], features: int, arg: str, name: object, hint: str = "") -> None:
    """Raise DataError if the inputs that the option ``arg`` names are not of so many features."""
    if x.shape[1] != features:
        raise fastdl.errors.DataError(
            f"{str(name)!r} has another number of features than the training data", arg=arg,
            expected=str(features), got=str(x.shape[1]), hint=hint,
        )  # fmt: skip


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
    command.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of weights and shuffling (default: %(default)s)"
    )


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


def check_numbers(arguments: argparse.Namespace) -> None:
    """Raise HyperparameterError for an option that is an infinity, a NaN, or an integer that nothing can be done with.

    What else an option has to be, those check who use it.
    """
    for name, value in vars(arguments).items():
        least, most = _LEAST.get(name, 1), _MOST.get(name, 10**15)
        expected = ""
        if type(value) is int and not least <= value <= most:
            expected = f"an integer from {least} to {most}"
        elif type(value) is float and not math.isfinite(value):
            expected = "a finite number"
        if expected:
            arg = f"--{name.replace('_', '-')}"
            raise fastdl.errors.HyperparameterError("out of range", arg=arg, expected=expected, got=str(value))


def check_names(names: Sequence[str], known: Iterable[str], what: str, arg: str) -> None:
    """Raise HyperparameterError for a name that is not known, with the nearest one that is."""
    known = list(known)
    for name in names:
        if name not in known:
            raise fastdl.errors.HyperparameterError(
                f"unknown {what}",
                arg=arg,
                expected=f"some of {','.join(known)}",
                got=repr(name),
                hint=_near(name, known),
            )


def _near(name: str, known: Sequence[str]) -> str:
    """The name that was meant, if one is near."""
    import difflib

    near = difflib.get_close_matches(name, known, n=1)
    return f"Did you mean {near[0]}?" if near else ""
