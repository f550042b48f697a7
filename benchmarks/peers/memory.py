"""``python -m benchmarks.peers.memory``: the memory that training takes, against what it must hold.

It must hold the parameters, the optimizer's states and the activations of one batch, which follow from the shapes.
Measured is the peak of resident memory over some steps, after the first ones, in a process of its own, less what
the process held before the network was made, a tiny one having been trained, and less the batch itself.
Linux only: the peak is VmHWM of /proc/self/status, set back through /proc/self/clear_refs.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import statistics
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.measure import RESULTS, installed, machine
from benchmarks.work import BOOK_BATCH, BOOK_SIZES, Recipe
from benchmarks.worker import Worker

CONTENDERS = ("fastdl", "torch", "jax")
NETWORKS = [  # sizes, rows of a batch
    (BOOK_SIZES, BOOK_BATCH),
    ((784, 2048, 2048, 10), 512),
]
TINY = (8, 8, 8, 10), 8
FIRST_STEPS = 3  # they make the optimizer's states, and JAX compiles
STEPS = 20
FLOAT = 4  # bytes


def needed(sizes: tuple[int, ...], rows: int) -> dict[str, int]:
    """Return the bytes of what training with Adam must hold.

    Examples
    --------
    >>> needed((2, 3, 1), rows=5)  # 2·3 + 3 + 3·1 + 1 parameters, 5·(3 + 1) outputs of layers
    {'parameters': 52, 'states': 104, 'activations': 80}
    """
    parameters = sum(n_in * n_out + n_out for n_in, n_out in pairwise(sizes))
    return {
        "parameters": FLOAT * parameters,
        "states": 2 * FLOAT * parameters,
        "activations": FLOAT * rows * sum(sizes[1:]),
    }


def peak(target: str, sizes: tuple[int, ...], rows: int) -> Callable[[], int]:
    """Prepare to train with ``target`` (of `Recipe`), Adam; the call returns the peak in bytes, the batch left out."""
    for _ in range(FIRST_STEPS):
        step = Recipe(target, ("adam", *TINY)).prepare()
        step()
    del step

    def train() -> int:
        _give_back()
        before = _status("VmRSS")
        step = Recipe(target, ("adam", sizes, rows)).prepare()
        for _ in range(FIRST_STEPS):
            step()
        _give_back()
        Path("/proc/self/clear_refs").write_text("5")
        for _ in range(STEPS):
            step()
        batch = rows * (FLOAT * sizes[0] + 8)  # inputs in float32, labels in int64
        return _status("VmHWM") - before - batch

    return train


def _give_back() -> None:
    """Return freed memory to the system, which would else count, or be used again uncounted."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)


def _status(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/self/status has no {field}")


def measure(sizes: tuple[int, ...], rows: int, runs: int, facts: dict[str, Any]) -> dict[str, Any]:
    """Return what a network needs, and the median of each contender's peaks; ``facts`` is given their versions."""
    peaks = {}
    for who in installed(CONTENDERS):
        found = [_run(who, sizes, rows) for _ in range(runs)]
        peaks[who] = int(statistics.median(bytes_ for bytes_, _ in found))
        facts[who] = found[0][1]
    name = f"{'-'.join(map(str, sizes))}, adam, batches of {rows}"
    parts = needed(sizes, rows)
    total = sum(parts.values())
    print(
        f"{name}: needed {total / 1e6:.2f} MB", *(f"{who} {p / 1e6:.2f}, {p / total:.2f}×" for who, p in peaks.items())
    )
    return {"name": name, "needed": parts, "peak": peaks}


def _run(who: str, sizes: tuple[int, ...], rows: int) -> tuple[int, dict[str, Any]]:
    worker = Worker(who)
    try:
        target = f"benchmarks.peers.with_{who}:train_step"
        return worker.once(Recipe("benchmarks.peers.memory:peak", (target, sizes, rows))), worker.facts()
    finally:
        worker.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure, and write results/memory.json.")
    parser.add_argument("--runs", type=int, default=5, help="processes of each contender (default 5)")
    parser.add_argument("--dry", action="store_true", help="print, don't write")
    options = parser.parse_args()
    contenders: dict[str, Any] = {}
    works = [measure(*network, options.runs, contenders) for network in NETWORKS]
    if not options.dry:
        results = {"machine": machine(), "contenders": contenders, "runs": options.runs, "works": works}
        (RESULTS / "memory.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
