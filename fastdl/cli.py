"""The command `fastdl`."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Sequence
from pathlib import Path

from fastdl._version import __version__
from fastdl.errors import DataError, FastdlError, HyperparameterError

EXIT_ERROR = 2  # as argparse's own
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells report it


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
    arguments = _parser().parse_args(argv)
    try:
        arguments.run(arguments)
    except FastdlError as error:
        if arguments.debug:
            raise
        print(f"fastdl: error: {error}", file=sys.stderr)
        return EXIT_ERROR
    except KeyboardInterrupt:
        if arguments.debug:
            raise
        print("fastdl: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fastdl",
        description="Train neural networks on NumPy arrays, on a CPU, fast.",
        epilog="example: fastdl compare --steps 500",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"fastdl {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_compare(commands)
    _add_info(commands)
    return parser


def _add_command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, summary: str, example: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=f"example: {example}",
        allow_abbrev=False,
    )
    command.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return command


def _add_compare(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = _add_command(
        commands,
        "compare",
        "train the book's network with several optimizers and time them against NumPy",
        "fastdl compare --data mnist --data-dir mnist --optimizers sgd,adam --steps 1000",
    )
    add = command.add_argument
    add(
        "--data",
        choices=("digits", "mnist"),
        default="digits",
        help="data set (default: digits, of scikit-learn)",
    )
    add("--data-dir", type=Path, metavar="FOLDER", help="where MNIST's four IDX files are, gzipped or not")
    add(
        "--optimizers",
        default="sgd,momentum,adagrad,adam",
        metavar="NAMES",
        help="which, with commas between (default: %(default)s)",
    )
    add("--steps", type=int, default=2000, metavar="N", help="steps of each optimizer (default: %(default)s)")
    add(
        "--batch-size",
        type=int,
        default=128,
        metavar="N",
        help="images in a mini-batch (default: %(default)s)",
    )
    add("--seed", type=int, default=0, help="of weights and shuffling (default: %(default)s)")
    add("--threads", type=int, metavar="N", help="threads of fastdl (default: what the process may use)")
    add(
        "--out",
        type=Path,
        default=Path("fastdl-compare"),
        metavar="FOLDER",
        help="where compare.png and compare.json go (default: %(default)s)",
    )
    command.set_defaults(run=_compare)


def _add_info(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = _add_command(
        commands, "info", "print version, CPU level, threads and how the kernels were compiled", "fastdl info"
    )
    command.set_defaults(run=_info)


def _compare(arguments: argparse.Namespace) -> None:
    from fastdl import kernels
    from fastdl._files import make_folder
    from fastdl.compare import compare, summary, write
    from fastdl.data import load_digits, load_mnist
    from fastdl.train import EpochRecord, StepRecord
    from fastdl.train.progress import display
    from fastdl.viz.style import new_axes

    if arguments.data == "mnist" and arguments.data_dir is None:
        raise DataError(
            "MNIST is not part of fastdl",
            arg="--data-dir",
            hint="Add --data-dir FOLDER, where its four IDX files are",
        )
    names = _optimizer_names(arguments.optimizers)
    # What cannot be written or drawn is better known before the training than after it.
    make_folder(arguments.out)
    new_axes("fastdl compare")
    if arguments.threads is not None:
        kernels.set_num_threads(arguments.threads)
    data = load_digits() if arguments.data == "digits" else load_mnist(arguments.data_dir)

    with display(len(names) * arguments.steps) as shown:

        def progress(name: str, record: StepRecord | EpochRecord) -> None:
            if isinstance(record, StepRecord):
                shown.step(name, record.loss)
                if record.step == arguments.steps:
                    shown.milestone(f"{name}: {record.step} steps, loss {record.loss:.4f}")

        comparison = compare(
            data,
            names,
            steps=arguments.steps,
            batch_size=arguments.batch_size,
            seed=arguments.seed,
            progress=progress,
        )
    paths = write(comparison, arguments.out)
    print(f"{summary(comparison)}\n\nwritten: {', '.join(map(str, paths))}")


def _optimizer_names(text: str) -> list[str]:
    from fastdl.optim import OPTIMIZERS

    names = [name.strip().lower() for name in text.split(",")]
    for name in names:
        if name not in OPTIMIZERS:
            near = difflib.get_close_matches(name, OPTIMIZERS, n=1)
            raise HyperparameterError(
                "unknown optimizer",
                arg="--optimizers",
                expected=f"some of {','.join(OPTIMIZERS)}",
                got=repr(name),
                hint=f"Did you mean {near[0]}?" if near else "",
            )
    return names


def _info(arguments: argparse.Namespace) -> None:
    import fastdl

    fastdl.show_config()
