"""The command `fastdl predict`: the labels that a trained network gives to inputs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastdl.cli import options

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastdl.nn import MLP


def add_to(commands: options.Commands[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    command = options.add_command(
        commands,
        "predict",
        "give inputs, or the test images of a data set, the labels of a trained network",
        "fastdl predict run --data digits --out labels.txt  # run: of the example of fastdl train",
    )
    add = command.add_argument
    add("model", type=Path, metavar="MODEL", help="a run's folder, whose best epoch it is, or a file")
    data = options.add_file_data(command)
    data.add_argument("--label", metavar="COLUMN", help="CSV: a column to leave out, its name or number from 0")
    data.add_argument("--arrays", default="x", metavar="X", help="NPZ: the name of the inputs (default: %(default)s)")
    options.add_scale(data, "as in training")
    add("--probabilities", action="store_true", help="a column for each class, in place of the labels")
    add("--out", type=Path, metavar="FILE", help="where they go, a line each (default: to the terminal)")
    options.add_threads(command)
    command.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    from fastdl._files import write_atomically
    from fastdl.train import load_checkpoint

    options.set_threads(arguments)
    checkpoint = load_checkpoint(options.checkpoint_of(arguments.model))
    network, scale = checkpoint.make_network(), options.scale_of(arguments, checkpoint)
    classes = checkpoint.notes.get("classes") or [str(number) for number in range(network.sizes[-1])]
    x = options.load_data(arguments).x_test if options.is_data_set(arguments) else options.load_inputs(arguments)
    hint = "--label leaves out a column of labels" if x.shape[1] == network.sizes[0] + 1 else ""
    options.check_features(x, network.sizes[0], "--data", arguments.data, hint)
    logits = _logits(network, x, scale)
    text = _probabilities(logits, classes) if arguments.probabilities else _labels(logits, classes)
    if arguments.out is None:
        sys.stdout.write(text)
    else:
        write_atomically(arguments.out, text.encode())


def _logits(network: MLP, x: NDArray[Any], scale: float) -> NDArray[Any]:
    """The network's outputs, computed a chunk of rows at a time."""
    import numpy as np

    from fastdl.data import Batches
    from fastdl.train.evaluation import CHUNK

    batches = Batches(x, np.zeros(len(x)), CHUNK, scale=scale, dtype=network.dtype, shuffle=False)
    return np.concatenate([network.forward(rows) for rows, _ in batches])


def _labels(logits: NDArray[Any], classes: list[str]) -> str:
    return "".join(f"{classes[number]}\n" for number in logits.argmax(axis=1))


def _probabilities(logits: NDArray[Any], classes: list[str]) -> str:
    """A table in CSV."""
    import csv
    import io

    from fastdl import kernels

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(classes)
    writer.writerows(kernels.softmax(logits).tolist())
    return text.getvalue()
