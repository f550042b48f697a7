"""``python -m benchmarks.bound TEXT``: what bounds fastdl in the rows whose name has TEXT.

Operations and bytes a second, next to the best square product and to a C loop over memory, and over as many bytes, in
the same run; and by ``perf stat``, where that works, cycles, instructions and cache misses of a call.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Iterable
from typing import Any

from benchmarks.costs import Cost, cost_of
from benchmarks.measure import measure
from benchmarks.tables import duration
from benchmarks.work import KERNELS, OPTIMIZER_PEERS, OPTIMIZERS, PEERS, TRAIN_STEPS, Recipe, Work, kernel
from benchmarks.worker import Worker

SQUARES = (1024, 2048)
AXPY_BYTES = 12  # of an element: it reads 8 and writes 4
MEMORY = 300_000_000  # bytes, many times a cache
EVENTS = ("cycles", "instructions", "cache-misses")
COUNTED = 0.5  # seconds


def rows(text: str) -> dict[str, tuple[Recipe, Cost]]:
    """Return the rows whose name has the text, with fastdl's recipe and what it needs."""
    found = {}
    for work in (*TRAIN_STEPS, *PEERS, *KERNELS, *OPTIMIZERS, *OPTIMIZER_PEERS):
        recipe = work.recipes.get("fastdl")
        cost = cost_of(recipe) if recipe and text in work.name else None
        if recipe and cost:
            found[work.name] = recipe, cost
    return found


def axpy(name: str, moved: int, **others: Recipe) -> Work:
    """Measure the C loop over so many bytes, and others by turns with it."""
    c = Recipe("benchmarks.peers.with_c:axpy", (max(1, moved // AXPY_BYTES),))
    return Work(name, {**others, "c": c}, is_same=False)


def report(chosen: dict[str, tuple[Recipe, Cost]], rounds: int, seconds: float) -> str:
    """Measure, and say what there is to say of each row."""
    dtypes = sorted({dtype_of(recipe) for recipe, _ in chosen.values()})
    products = {(dtype, n): kernel("affine_forward", "identity", dtype, n, n, n) for dtype in dtypes for n in SQUARES}
    works = [axpy(name, cost.bytes, fastdl=recipe) for name, (recipe, cost) in chosen.items()]
    results = measure([*products.values(), axpy("memory", MEMORY), *works], rounds=rounds, seconds=seconds)["works"]
    times = [{who: spread["median"] for who, spread in row["seconds"].items()} for row in results]
    rates = dict.fromkeys(dtypes, 0.0)
    for (dtype, n), taken in zip(products, times, strict=False):
        rates[dtype] = max(rates[dtype], 2 * n**3 / min(taken.values()))
    memory = MEMORY / times[len(products)]["c"]
    lines = [f"best square product of {dtype}: {rate / 1e9:.0f} GFLOP/s" for dtype, rate in rates.items()]
    lines.append(f"C loop over memory: {memory / 1e9:.1f} GB/s")
    for (name, (recipe, cost)), taken in zip(chosen.items(), times[len(products) + 1 :], strict=True):
        lines += ["", name, *described(cost, taken, rates[dtype_of(recipe)], memory)]
        lines.append(counted(counters(recipe), taken["fastdl"]))
    return "\n".join(lines)


def dtype_of(recipe: Recipe) -> str:
    """Return the dtype that a row computes in."""
    return "float64" if "float64" in recipe.args else "float32"


def described(cost: Cost, times: dict[str, float], rate: float, memory: float) -> list[str]:
    """Say how near one row comes to what bounds it.

    Examples
    --------
    >>> for line in described(Cost(10**6, 10**6), {"fastdl": 1e-4, "c": 2e-5}, rate=2e10, memory=4e10):
    ...     print(line)
      time        100 µs
      operations  1.000 MFLOP, 10.0 GFLOP/s: 50 % of the best product's rate
      bytes       1.000 MB, 10.0 GB/s: 25 % of the loop's over memory, 20 % of the loop's over as many bytes
    """
    time = times["fastdl"]
    flops, moved = cost.flops / time, cost.bytes / time
    lines = [f"  time        {duration(time)}"]
    if cost.flops:
        share = f"{flops / rate:.0%}".replace("%", " %")
        lines.append(
            f"  operations  {cost.flops / 1e6:.3f} MFLOP, {flops / 1e9:.1f} GFLOP/s: {share} of the best product's rate"
        )
    shares = [f"{share:.0%}".replace("%", " %") for share in (moved / memory, times["c"] / time)]
    lines.append(
        f"  bytes       {cost.bytes / 1e6:.3f} MB, {moved / 1e9:.1f} GB/s: "
        f"{shares[0]} of the loop's over memory, {shares[1]} of the loop's over as many bytes"
    )
    return lines


def counters(recipe: Recipe) -> dict[str, float]:
    """Count the events of ``COUNTED`` seconds of the work, by the second; only those that can be counted here."""
    perf = shutil.which("perf")
    if perf is None:
        return {}
    worker = Worker("fastdl")
    try:
        worker.prepare(recipe)
        command = [perf, "stat", "-x,", "-e", ",".join(EVENTS), "-p", str(worker.pid), "--", "sleep", str(COUNTED)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            worker.block(COUNTED + 0.5)
            _, said = process.communicate()
    finally:
        worker.close()
    return {event: count / COUNTED for event, count in parsed(said.splitlines()).items()}


def parsed(lines: Iterable[str]) -> dict[str, float]:
    """Read what ``perf stat -x,`` says: a line of value, unit and event for each.

    Examples
    --------
    >>> parsed(["12345,,cycles:u,500,100.00,,", "<not supported>,,instructions,0,100.00,,"])
    {'cycles': 12345.0}
    """
    found = {}
    for value, _, event, *_ in (line.split(",") for line in lines if line.count(",") > 2):
        if value.replace(".", "", 1).isdigit():
            found[event.partition(":")[0]] = float(value)
    return found


def counted(by_second: dict[str, float], time: float) -> str:
    """Say what was counted in a call.

    Examples
    --------
    >>> print(counted({"cycles": 4e9, "instructions": 8e9}, time=1e-4))
      a call      cycles 400000, instructions 800000, cache-misses not available
    """
    counts = (
        f"{event} {by_second[event] * time:.0f}" if event in by_second else f"{event} not available" for event in EVENTS
    )
    return f"  a call      {', '.join(counts)}"


def main() -> Any:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("text", metavar="TEXT", help='part of a row\'s name, such as "training step" or "affine"')
    parser.add_argument("--rounds", type=int, default=15, help="blocks of each contender (default 15)")
    parser.add_argument("--seconds", type=float, default=0.05, help="length of a block (default 0.05)")
    options = parser.parse_args()
    chosen = rows(options.text)
    if not chosen:
        return f"no row of fastdl's whose cost is known has {options.text!r} in its name"
    print(report(chosen, options.rounds, options.seconds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
