"""``python -m benchmarks.parallel``: steps on one, two and four ranks, within this machine and over a link.

It measures and writes ``results/parallel.json``; with ``--plot`` it draws ``docs/scaling-*.png`` from that file.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import mpi4py
import numpy as np

import fastdl
from benchmarks.measure import RESULTS, machine
from benchmarks.parallel.link import is_possible, linked

FILE = RESULTS / "parallel.json"
ELEMENTS = [1, 1_000, 10_000, 100_000, 1_000_000, 10_000_000]


@dataclass(frozen=True)
class Model:
    """A network, with the rows of its whole batch and how many steps are timed."""

    name: str
    sizes: tuple[int, ...]
    rows: int
    calls: int

    @property
    def parameters(self) -> int:
        """How many it has."""
        return sum(a * b + b for a, b in zip(self.sizes, self.sizes[1:], strict=False))


MODELS = (
    Model("book", (784, 100, 100, 100, 100, 10), 128, 300),
    Model("wide", (784, 2048, 2048, 10), 512, 10),
    Model("large", (784, 9600, 9600, 10), 128, 4),
)


@dataclass(frozen=True)
class Place:
    """Where ranks are: how many, with how many threads each, and the link between two machines if they are two."""

    ranks: int
    threads: int
    megabits: int | None = None

    @property
    def name(self) -> str:
        """What it is called in the results."""
        return f"{self.ranks} x {self.threads}" + ("" if self.megabits is None else f", {self.megabits} Mbit/s")


WITHIN = (Place(1, 2), Place(1, 1), Place(2, 1), Place(4, 1))
LINKED = (Place(2, 1, 10_000), Place(2, 1, 1_000))


def run(place: Place, what: dict[str, Any]) -> dict[str, float]:
    """Start the ranks, and return what rank 0 prints."""
    mpiexec = shutil.which("mpiexec", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if mpiexec is None:
        raise SystemExit("there is no mpiexec: pip install mpich")
    task = json.dumps(what | {"threads": place.threads})
    # As a script and not by -m, which would put the clone, whose fastdl may not be built, before the one in use here.
    paths = filter(None, [str(Path(fastdl.__file__).parent.parent), os.environ.get("PYTHONPATH")])
    program = [sys.executable, "-P", str(Path(__file__).with_name("rank.py"))]
    with nullcontext(([], {})) if place.megabits is None else linked(place.megabits) as (options, environment):
        done = subprocess.run(
            [mpiexec, *options, "-n", str(place.ranks), *program, task],
            stdout=subprocess.PIPE, text=True, check=True,
            env=os.environ | environment | {"PYTHONPATH": os.pathsep.join(paths)},
        )  # fmt: skip
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(rounds: int, models: tuple[Model, ...], places: tuple[Place, ...]) -> dict[str, Any]:
    """Return the medians over the rounds, in each of which all take their turn."""
    times: dict[str, dict[str, dict[str, list[float]]]] = {}

    def add(work: str, place: Place, found: dict[str, float]) -> None:
        for part, seconds in found.items():
            times.setdefault(work, {}).setdefault(place.name, {}).setdefault(part, []).append(seconds)

    for _ in range(rounds):
        for place in places:
            if place.ranks > 1:
                add("sum", place, run(place, {"elements": ELEMENTS, "calls": 10}))
            for model in models:
                found = run(place, {"sizes": model.sizes, "rows": model.rows, "calls": model.calls})
                add(model.name, place, found)
                print(model.name, place.name, *(f"{k} {v * 1e3:.3f} ms" for k, v in found.items()), flush=True)
            if place.ranks == 1:  # the gradient of half the rows: the cost of a row, and what is there without any
                for model in models:
                    half = {"sizes": model.sizes, "rows": model.rows // 2, "calls": model.calls}
                    add(f"{model.name}, half", place, run(place, half))
    versions = {"fastdl": fastdl.__version__, "numpy": np.__version__, "mpi4py": mpi4py.__version__}
    return {
        "machine": machine(),
        "rounds": rounds,
        "models": [asdict(model) | {"parameters": model.parameters} for model in models],
        "seconds": {
            work: {
                place: {part: statistics.median(each) for part, each in parts.items()} for place, parts in found.items()
            }
            for work, found in times.items()
        },
        "contenders": {"mpi": {"versions": versions}},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure, and write results/parallel.json.")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each (default 3)")
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="only models whose name has TEXT; print, don't write"
    )
    parser.add_argument("--plot", action="store_true", help="draw the figures of the results that are there")
    options = parser.parse_args()
    if options.plot:
        from benchmarks.parallel import figures

        figures.write(json.loads(FILE.read_text()))
        return
    if not is_possible():
        print("no links between two machines: they need Linux, root, and iproute2", file=sys.stderr)
    models = tuple(model for model in MODELS if options.only in model.name)
    results = measure(options.rounds, models, WITHIN + (LINKED if is_possible() else ()))
    if not options.only:
        FILE.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
