"""The command `fastdl report`: the chapter as one HTML page."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import fastdl
from fastdl.cli import interrupts, options

if TYPE_CHECKING:
    from fastdl.experiments.experiment import Progress
    from fastdl.report import Outcome


def add_to(commands: options.Commands[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    command = options.add_command(
        commands,
        "report",
        "run the book's chapter and write it as one HTML page: ideas, formulas, figures, numbers",
        "fastdl report --only anisotropy,momentum --lang ko",
    )
    add = command.add_argument
    add("--lang", choices=("en", "ko"), default="en", help="language of the page (default: %(default)s)")
    add("--only", metavar="NAMES", help="experiments, with commas between (default: all)")
    options.add_data(command)
    options.add_seed(command)
    options.add_threads(command)
    add(
        "--out",
        type=Path,
        default=Path("fastdl-report"),
        metavar="FOLDER",
        help="where index.html goes (default: %(default)s)",
    )
    command.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    from fastdl._files import make_folder
    from fastdl.experiments import NAMES
    from fastdl.report import run_chapter, write
    from fastdl.viz.style import new_axes

    # What cannot be written, drawn or found is better known before the experiments than after them.
    only = [name.strip() for name in arguments.only.split(",")] if arguments.only else NAMES
    options.check_names(only, NAMES, "experiment", "--only")
    names = [name for name in NAMES if name in only]
    make_folder(arguments.out)
    new_axes("fastdl report")
    options.set_threads(arguments)
    data = options.load_data(arguments)
    with interrupts.insistent(), _Progress(len(names)) as progress:
        chapter = run_chapter(
            data,
            names,
            lang=arguments.lang,
            seed=arguments.seed,
            started=progress.started,
            ended=progress.ended,
        )
    path = write(chapter, arguments.out)
    held = sum(outcome.held for outcome in chapter.outcomes)
    print(f"claims that held: {held} of {len(chapter.outcomes)}\nwritten: {path}")
    failed = [outcome.name for outcome in chapter.outcomes if outcome.error]
    if failed:
        raise fastdl.errors.FastdlError(f"could not be run: {', '.join(failed)}", op="fastdl report")


class _Progress:
    """A line for each experiment that has ended, and the progress of the one that runs."""

    def __init__(self, total: int) -> None:
        from contextlib import ExitStack

        self._total = total
        self._done = 0
        self._running = ExitStack()

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *exception: object) -> None:
        self._running.close()

    def started(self, name: str) -> Progress:
        """Show the progress of an experiment."""
        from fastdl.train.progress import progress_line

        return self._running.enter_context(progress_line(name))

    def ended(self, outcome: Outcome) -> None:
        """Say what came of it."""
        self._running.close()
        self._done += 1
        came = outcome.error or ("holds" if outcome.held else "does not hold")
        print(f"[{self._done}/{self._total}] {outcome.name}, {outcome.seconds:.1f} s: {came}", flush=True)
