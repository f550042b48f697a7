"""The command `fastdl evaluate`: loss and accuracy of a trained network."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

from fastdl.cli import options


def add_to(commands: options.Commands[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    command = options.add_command(
        commands,
        "evaluate",
        "measure a trained network on data with labels, or on the test images of a data set",
        "fastdl evaluate run --json  # run: of the example of fastdl train",
    )
    command.add_argument("model", type=Path, metavar="MODEL", help="a run's folder, whose best epoch it is, or a file")
    data = options.add_file_data(command)
    options.add_labels(data)
    options.add_scale(data, "as in training")
    options.add_threads(command)
    command.add_argument("--json", action="store_true", help="print JSON; a loss that is not finite is null")
    command.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    from fastdl.train import evaluate, load_checkpoint

    options.set_threads(arguments)
    path = options.checkpoint_of(arguments.model)
    checkpoint = load_checkpoint(path)
    network, scale = checkpoint.make_network(), options.scale_of(arguments, checkpoint)
    if options.is_data_set(arguments):
        data = options.load_data(arguments)
        x, t = data.x_test, data.t_test
    else:
        x, t, _ = options.load_file(arguments, arguments.data, arguments.labels, checkpoint.notes.get("classes"))
    options.check_features(x, network.sizes[0], "--data", arguments.data)
    loss, accuracy = evaluate(network, x, t, scale=scale)
    if arguments.json:
        finite = loss if math.isfinite(loss) else None  # JSON has no other numbers
        print(json.dumps({"model": str(path), "rows": len(x), "loss": finite, "accuracy": accuracy}))
    else:
        print(f"{path}: loss {loss:.4f}, accuracy {accuracy:.2%} ({len(x)} rows)")
