"""The command `fastdl compare`: the book's network with several optimizers, timed against NumPy."""

from __future__ import annotations

import argparse
from pathlib import Path

from fastdl.cli import options


def add_to(commands: options.Commands[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    command = options.add_command(
        commands,
        "compare",
        "train the book's network with several optimizers and time them against NumPy",
        "fastdl compare --optimizers sgd,adam --steps 1000",
    )
    add = command.add_argument
    options.add_data(command)
    add(
        "--optimizers",
        default="sgd,momentum,adagrad,adam",
        metavar="NAMES",
        help="which, with commas between (default: %(default)s)",
    )
    add("--steps", type=int, default=2000, metavar="N", help="steps of each optimizer (default: %(default)s)")
    add("--batch-size", type=int, default=128, metavar="N", help="images in a mini-batch (default: %(default)s)")
    options.add_seed(command)
    options.add_threads(command)
    add(
        "--out",
        type=Path,
        default=Path("fastdl-compare"),
        metavar="FOLDER",
        help="where compare.png and compare.json go (default: %(default)s)",
    )
    command.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    from fastdl._files import make_folder
    from fastdl.compare import compare, summary, write
    from fastdl.optim import OPTIMIZERS
    from fastdl.train import EpochRecord, StepRecord
    from fastdl.train.progress import display
    from fastdl.viz.style import new_axes

    # What cannot be written, drawn or found is better known before the training than after it.
    names = [name.strip().lower() for name in arguments.optimizers.split(",")]
    options.check_names(names, OPTIMIZERS, "optimizer", "--optimizers")
    make_folder(arguments.out)
    new_axes("fastdl compare")
    options.set_threads(arguments)
    data = options.load_data(arguments)

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
