"""The command `fastdl tune`: a search for hyper-parameters, here or as a worker of one that runs elsewhere."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastdl.cli import options

if TYPE_CHECKING:
    from fastdl.tune import SearchResult, Split

SPACE = ("lr=1e-6..1e-2,log", "weight_decay=1e-8..1e-4,log")  # the book's


def add_to(commands: options.Commands[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    command = options.add_command(
        commands,
        "tune",
        "search for hyper-parameters",
        'fastdl tune --trials 20 --sampler tpe --space "lr=1e-4..1,log" "units=20..200" "activation=relu|tanh"',
    )
    add = command.add_argument
    options.add_data(command)
    add("--images", type=int, default=500, metavar="N", help="training and validation images (default: %(default)s)")
    add(
        "--space",
        nargs="+",
        default=SPACE,
        metavar="NAME=VALUES",
        help="what to choose: NAME=LOW..HIGH, with ,log for a log scale, NAME=ONE|OTHER or NAME=VALUE; names: lr, "
        "momentum, optimizer, batch_size, layers, units, activation, init, weight_decay, dropout, norm (default: "
        "the book's, " + " ".join(SPACE) + ")",
    )
    add("--trials", type=int, default=100, metavar="N", help="how many, in each stage (default: %(default)s)")
    add("--epochs", type=int, default=50, metavar="N", help="of each trial (default: %(default)s)")
    add("--batch-size", type=int, default=100, metavar="N", help="images in a mini-batch (default: %(default)s)")
    add("--metric", choices=("accuracy", "loss"), default="accuracy", help="what is best (default: %(default)s)")
    add("--sampler", choices=("random", "tpe", "gp"), default="random", help="what chooses (default: %(default)s)")
    add("--pruner", choices=("median", "hyperband"), help="what stops trials early (default: none)")
    add("--stages", type=int, default=1, metavar="N", help="narrow the ranges in so many stages (default: %(default)s)")
    add("--workers", type=int, default=1, metavar="N", help="processes (default: %(default)s)")
    add("--storage", metavar="FILE|URL", help="SQLite file or postgresql://... (default: tune.db in --out)")
    add("--study", default="search", metavar="NAME", help="name of the search in the storage (default: %(default)s)")
    add("--worker", action="store_true", help="join the search that is in the storage; its settings are used")
    add("--heartbeat", type=int, default=10, metavar="SECONDS", help="between two signs of life (default: %(default)s)")
    add("--test", action="store_true", help="at the end, score the best on the test images, which can be done once")
    options.add_seed(command)
    options.add_threads(command)
    add(
        "--out",
        type=Path,
        default=Path("fastdl-tune"),
        metavar="FOLDER",
        help="where figures, tune.json and tune.db go (default: %(default)s)",
    )
    command.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    from fastdl import tune
    from fastdl._files import make_folder
    from fastdl.errors import HyperparameterError
    from fastdl.train.progress import progress_line
    from fastdl.tune.space import parse
    from fastdl.viz.style import new_axes

    if arguments.worker and arguments.storage is None:
        raise HyperparameterError("needed with --worker", arg="--storage", expected="the search's file or URL")
    space: dict[str, Any] = {}
    for name, values in map(parse, arguments.space):
        if name in space:
            raise HyperparameterError("given twice", arg="--space", got=name)
        space[name] = values
    if not arguments.worker:  # which writes nothing
        make_folder(arguments.out)
        new_axes("fastdl tune")
    options.set_threads(arguments)
    data = _data(arguments)
    common: dict[str, Any] = {
        "storage": arguments.storage or arguments.out / "tune.db",
        "study": arguments.study,
        "workers": arguments.workers,
        "heartbeat": arguments.heartbeat,
    }
    if arguments.worker:
        with progress_line("tune") as progress:
            print(tune.join(data, **common, progress=progress))
        return
    common |= {
        name: getattr(arguments, name)
        for name in ("trials", "epochs", "batch_size", "metric", "sampler", "pruner", "seed")
    }
    narrowing = None
    with progress_line("tune") as progress:
        if arguments.stages == 1:
            result = tune.search(space, data, **common, progress=progress)
        else:
            narrowing = tune.narrow(space, data, stages=arguments.stages, **common, progress=progress)
            result = narrowing.best
    paths = _write(result, narrowing, arguments.out)
    print(result)
    if arguments.test:
        print(f"\naccuracy on the {len(data.test[1]) if data.test else 0} test images, used this once: ", end="")
        print(f"{result.evaluate_on_test(data):.4f}")
    print(f"\nwritten: {', '.join(map(str, paths))}")


def _data(arguments: argparse.Namespace) -> Split:
    """Some training images of the data set, split, and its test images."""
    from fastdl.data.checks import integer
    from fastdl.tune import split

    data = options.load_data(arguments)
    images = integer(arguments.images, op="tune", arg="--images", low=2, high=len(data.x_train))
    return split(data.x_train[:images], data.t_train[:images], test=(data.x_test, data.t_test), scale=data.scale)


def _write(result: SearchResult, narrowing: Any, folder: Path) -> list[Path]:
    """Write figures and numbers, each file whole or not at all."""
    import json

    from fastdl._files import write_atomically
    from fastdl.tune.figures import draw_best, draw_parallel, draw_ranges
    from fastdl.tune.space import to_json
    from fastdl.viz.style import to_png

    contents = {"best.png": to_png(draw_best(result)), "parallel.png": to_png(draw_parallel(result))}
    if narrowing is not None:
        contents["ranges.png"] = to_png(draw_ranges(narrowing))
    stages = narrowing.results if narrowing is not None else (result,)
    numbers = {
        "metric": result.metric,
        "best": result.best_params,
        "stages": [{"space": to_json(each.space), "trials": each.table()} for each in stages],
    }
    contents["tune.json"] = (json.dumps(numbers, indent=1) + "\n").encode()
    for name, content in contents.items():
        write_atomically(folder / name, content)
    return [folder / name for name in contents]
