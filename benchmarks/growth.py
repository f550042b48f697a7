"""``python -m benchmarks.growth``: how the cost of a training step grows with batch, width, depth and parameters.

It measures and writes ``results/growth.json``; with ``--plot`` it draws ``docs/growth-*.png`` from that file.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.measure import RESULTS, measure
from benchmarks.work import ADAM_BYTES, ALL, BOOK_BATCH, BOOK_SIZES, Recipe, Work, among

FILE = RESULTS / "growth.json"
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192)
WIDTHS = (16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
DEPTHS = (1, 2, 4, 8, 16, 32, 64)
PARAMETERS = tuple(round(10 ** (half / 2)) for half in range(6, 17))
NUMPY_UP_TO = 10**7  # parameters: beyond, NumPy's step takes as long as all the others'
SQUARES = (512, 1024, 2048)


@dataclass(frozen=True)
class Point:
    """One point of a figure: what is measured, and what bounds it."""

    figure: str
    size: int
    work: Work
    flops: int = 0


def train_flops(sizes: tuple[int, ...], rows: int) -> int:
    """Count the operations of a training step's products: forward, to the weights, and to all inputs but the first.

    Examples
    --------
    >>> train_flops((3, 4, 5), rows=10)  # 2·10·(3·4 + 4·5) forward and to the weights, 2·10·4·5 to the input
    1680
    """
    products = [n_in * n_out for n_in, n_out in pairwise(sizes)]
    return 2 * rows * (3 * sum(products) - products[0])


def training(figure: str, size: int, sizes: tuple[int, ...], rows: int) -> Point:
    """Measure a training step with Adam."""
    work = among(ALL, f"training step, {figure} {size}", "train_step", "adam", sizes, rows)
    return Point(figure, size, work, train_flops(sizes, rows))


def overhead(figure: str, size: int, sizes: tuple[int, ...]) -> Point:
    """Measure what the calls of a training step cost by themselves: one unit in each layer, one row."""
    work = among(("fastdl",), f"overhead, {figure} {size}", "train_step", "adam", (1,) * len(sizes), 1)
    return Point(f"overhead {figure}", size, work)


def optimizer(elements: int) -> Point:
    """Measure a step of Adam, and a C loop that moves as many bytes."""
    contenders = ALL if elements <= NUMPY_UP_TO else ALL[:-1]
    work = among(contenders, f"adam, {elements} parameters", "optimizer_step", "adam", ((elements,),))
    c = Recipe("benchmarks.peers.with_c:axpy", (elements * ADAM_BYTES // 12,))
    return Point("parameters", elements, Work(work.name, {**work.recipes, "c": c}, is_same=False))


def points() -> list[Point]:
    """Return all that is measured."""
    widths = [(784, width, width, 10) for width in WIDTHS]
    depths = [(784, *(100,) * depth, 10) for depth in DEPTHS]
    return [
        *(Point("product", n, among(ALL, f"product {n}", "affine_relu", n, n, n), 2 * n**3) for n in SQUARES),
        *(training("batch", rows, BOOK_SIZES, rows) for rows in BATCHES),
        *(training("width", sizes[1], sizes, BOOK_BATCH) for sizes in widths),
        *(training("depth", len(sizes) - 2, sizes, BOOK_BATCH) for sizes in depths),
        *(optimizer(elements) for elements in PARAMETERS),
        overhead("batch", BOOK_BATCH, BOOK_SIZES),
        overhead("width", BOOK_BATCH, widths[0]),
        *(overhead("depth", len(sizes) - 2, sizes) for sizes in depths),
        Point("overhead parameters", 1, among(("fastdl",), "overhead, adam", "optimizer_step", "adam", ((1,),))),
    ]


def measured(chosen: list[Point], rounds: int, seconds: float) -> dict[str, Any]:
    """Measure the points; each row of the results says which figure it belongs to, and where."""
    results = measure([point.work for point in chosen], rounds=rounds, seconds=seconds)
    for row, point in zip(results["works"], chosen, strict=True):
        row |= {"figure": point.figure, "size": point.size, "flops": point.flops}
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=f"Measure, and write {RESULTS.name}/{FILE.name}.")
    parser.add_argument("--plot", action="store_true", help="draw the figures of what has been measured")
    parser.add_argument("--only", default="", metavar="TEXT", help="only work whose name has TEXT; print, don't write")
    parser.add_argument("--rounds", type=int, default=5, help="blocks of each contender (default 5)")
    parser.add_argument("--seconds", type=float, default=0.05, help="length of a block (default 0.05)")
    parser.add_argument("--file", type=Path, default=FILE, help="where the results are")
    options = parser.parse_args()
    if options.plot:
        from benchmarks.growth_figures import draw

        for path in draw(json.loads(options.file.read_text())):
            print(path)
        return
    chosen = [point for point in points() if options.only in point.work.name]
    results = measured(chosen, options.rounds, options.seconds)
    if not options.only:
        options.file.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
