"""Measures a list of work, all contenders in turn, and writes the results with the facts of the machine."""

from __future__ import annotations

import argparse
import datetime
import importlib.util
import json
import os
import platform
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.interleaved import interleave
from benchmarks.work import Work
from benchmarks.worker import Worker

RESULTS = Path(__file__).parent / "results"
NEEDS = {
    "drop_in": ("torch",),
    "torch": ("torch",),
    "torch_default": ("torch",),
    "torch_compile": ("torch",),
    "jax": ("jax", "optax"),
    "user": ("numba",),
}
TOLERANCE = 2e-5


def measure(works: Sequence[Work], *, rounds: int = 15, seconds: float = 0.1) -> dict[str, Any]:
    """Measure each piece of work with all of its contenders that are installed.

    Raises
    ------
    RuntimeError
        If the contenders do not compute the same, or one fails.
    """
    workers = {name: Worker(name) for name in installed(who for work in works for who in work.recipes)}
    try:
        rows = [_measure_one(work, workers, rounds, seconds) for work in works if workers.keys() & work.recipes]
        contenders = {name: worker.facts() for name, worker in workers.items()}
    finally:
        for worker in workers.values():
            worker.close()
    return {
        "machine": machine(),
        "contenders": contenders,
        "rounds": rounds,
        "seconds": seconds,
        "works": rows,
    }


def _measure_one(work: Work, workers: dict[str, Worker], rounds: int, seconds: float) -> dict[str, Any]:
    taking_part = {name: workers[name] for name in work.recipes if name in workers}
    results = {name: worker.prepare(work.recipes[name]) for name, worker in taking_part.items()}
    if work.is_same:
        _agree(work.name, results)
    blocks = {name: worker.block for name, worker in taking_part.items()}
    times, ratios = interleave(blocks, rounds=rounds, seconds=seconds)
    print(f"{work.name}:", *(f"{name} {t.median * 1e6:.1f} µs" for name, t in times.items()), flush=True)
    return {
        "name": work.name,
        "seconds": {name: spread._asdict() for name, spread in times.items()},
        "ratio": {name: spread._asdict() for name, spread in ratios.items()},
    }


def installed(names: Iterable[str]) -> list[str]:
    """Return the names whose packages are there, each once; torch.compile needs a C++ compiler as well."""
    return [
        name
        for name in dict.fromkeys(names)
        if all(map(importlib.util.find_spec, NEEDS.get(name, ()))) and (name != "torch_compile" or _has_compiler())
    ]


def _has_compiler() -> bool:
    return any(shutil.which(command) for command in (os.environ.get("CXX"), "g++", "clang++") if command)


def _agree(work: str, results: dict[str, list[np.ndarray]]) -> None:
    (first, expected), *others = results.items()
    for name, got in others:
        for a, b in zip(expected, got, strict=True):
            error = np.max(np.abs(a - b)) / np.max(np.abs(a))
            if not error <= TOLERANCE:
                raise RuntimeError(f"{work}: {first} and {name} differ by {error:.1e} of the largest element")


def machine() -> dict[str, Any]:
    """Return the facts that the figures depend on."""
    from fastdl.kernels import build_info

    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "system": platform.system(),
        "python": platform.python_version(),
        "build": build_info(),
        "date": datetime.date.today().isoformat(),
    }


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def main(works: Sequence[Work], file_name: str) -> None:
    """Run the command line of a module that measures ``works``."""
    parser = argparse.ArgumentParser(description=f"Measure, and write {RESULTS.name}/{file_name}.")
    parser.add_argument("--only", default="", metavar="TEXT", help="only work whose name has TEXT; print, don't write")
    parser.add_argument("--rounds", type=int, default=15, help="blocks of each contender (default 15)")
    parser.add_argument("--seconds", type=float, default=0.1, help="length of a block (default 0.1)")
    options = parser.parse_args()
    chosen = [work for work in works if options.only in work.name]
    results = measure(chosen, rounds=options.rounds, seconds=options.seconds)
    if not options.only:
        (RESULTS / file_name).write_text(json.dumps(results, indent=1) + "\n")
