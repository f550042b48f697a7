"""The command `fastdl experiment`: claims of the chapter, run, drawn and checked."""

from __future__ import annotations

import argparse
from pathlib import Path

import fastdl
from fastdl.cli import interrupts, options


def add_to(commands: options.Commands[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    command = options.add_command(
        commands,
        "experiment",
        "run experiments of the book's chapter, and check what they are to show",
        "fastdl experiment anisotropy weight_decay",
    )
    add = command.add_argument
    add("names", nargs="*", metavar="NAME", help="experiments, in this order; 'all': every one; none: as --list")
    add("--list", action="store_true", help="name, claim and duration of each, and nothing else")
    options.add_data(command)
    options.add_seed(command)
    options.add_threads(command)
    add(
        "--out",
        type=Path,
        default=Path("fastdl-experiments"),
        metavar="FOLDER",
        help="where NAME.png and NAME.json go (default: %(default)s)",
    )
    command.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    from fastdl.experiments import NAMES

    if arguments.list or not arguments.names:
        _list()
        return
    names = list(NAMES) if arguments.names == ["all"] else arguments.names
    options.check_names(names, NAMES, "experiment", "NAME")
    with interrupts.insistent():
        _run_each(names, arguments)


def _list() -> None:
    from fastdl.experiments import NAMES, load

    width = max(map(len, NAMES))
    for name in NAMES:
        experiment = load(name)
        print(f"{name:{width}}  {experiment.seconds:4.0f} s  {experiment.claim}")


def _run_each(names: list[str], arguments: argparse.Namespace) -> None:
    from fastdl._files import make_folder
    from fastdl.experiments import load, write
    from fastdl.train.progress import progress_line
    from fastdl.viz.style import new_axes

    make_folder(arguments.out)
    new_axes("fastdl experiment")
    options.set_threads(arguments)
    data = options.load_data(arguments)
    left_out = []
    for name in names:
        experiment = load(name)
        print(f"{experiment.title}\nclaim: {experiment.claim}")
        try:
            with progress_line(name) as progress:
                result = experiment.run(data, seed=arguments.seed, progress=progress)
        except fastdl.errors.MissingDependencyError as error:
            print(f"  left out: {error}\n")
            left_out.append(name)
            continue
        for check in experiment.check(result):
            print(f"  {check}")
        print(f"written: {', '.join(map(str, write(experiment, result, arguments.out)))}\n")
    if left_out:
        raise fastdl.errors.MissingDependencyError(f"left out: {', '.join(left_out)}", op="fastdl experiment")
