"""``python -m benchmarks.peers.mnist``: an epoch on MNIST, and the accuracy that training reaches."""

from __future__ import annotations

import argparse
import json
import os
import statistics
from typing import Any

from benchmarks.measure import RESULTS, installed, measure
from benchmarks.peers.mnist import BATCH, SIZES
from benchmarks.work import Recipe, Work
from benchmarks.worker import Worker

CONTENDERS = ("fastdl", "torch", "jax")
# Whose accuracy is measured: who, and the dtype of Adam's state where that is not float32.
TRAINED: dict[str, tuple[str, tuple[str, ...]]] = {
    "fastdl": ("fastdl", ()),
    "fastdl, bfloat16 state": ("fastdl", ("bfloat16",)),
    "fastdl, uint8 state": ("fastdl", ("uint8",)),
    "torch": ("torch", ()),
}
NETWORK = "-".join(map(str, SIZES))


def epoch(folder: str | None) -> Work:
    """Measure an epoch; shuffled differently by each, so their losses differ."""
    images = "MNIST" if folder else "random images of MNIST's size"
    recipes = {who: Recipe(f"benchmarks.peers.mnist.with_{who}:epoch", (folder,)) for who in CONTENDERS}
    name = f"an epoch on {images}, {NETWORK} with batch normalization, adam, batches of {BATCH}"
    return Work(name, recipes, is_same=False)


def accuracies(folder: str, seeds: int, epochs: int) -> dict[str, Any]:
    """Return the test accuracy of each seed, its mean and the mean's standard error, for each of ``TRAINED``."""
    found = {}
    present = installed(("fastdl", "torch"))
    for name, (who, state_dtype) in TRAINED.items():
        if who not in present:
            continue
        worker = Worker(who)
        try:
            recipe = f"benchmarks.peers.mnist.with_{who}:accuracy"
            runs = [worker.once(Recipe(recipe, (folder, seed, epochs, *state_dtype))) for seed in range(seeds)]
        finally:
            worker.close()
        found[name] = summary(runs)
        print(f"test accuracy after {epochs} epochs: {name} {found[name]['mean']:.4f} ± {found[name]['error']:.4f}")
    return {"epochs": epochs, "seeds": seeds, **found}


def summary(runs: list[float]) -> dict[str, Any]:
    """Return the mean of the runs with its standard error.

    Examples
    --------
    >>> round(summary([0.97, 0.98, 0.99])["error"], 5)  # the standard deviation, 0.01, by the root of 3
    0.00577
    """
    return {"mean": statistics.fmean(runs), "error": statistics.stdev(runs) / len(runs) ** 0.5, "runs": runs}


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure, and write results/mnist.json.")
    parser.add_argument("--data", default=os.environ.get("FASTDL_DATA"), metavar="FOLDER", help="MNIST's IDX files")
    parser.add_argument("--rounds", type=int, default=7, help="blocks of each contender, of four epochs (default 7)")
    parser.add_argument("--seeds", type=int, default=5, help="runs whose accuracy is averaged (default 5)")
    parser.add_argument("--epochs", type=int, default=5, help="epochs of such a run (default 5)")
    parser.add_argument("--dry", action="store_true", help="print, don't write")
    options = parser.parse_args()
    results = measure([epoch(options.data)], rounds=options.rounds, seconds=0.0)
    if not options.data:
        print("No accuracy, and nothing written: these were random images. Name MNIST's: --data FOLDER or FASTDL_DATA")
        return
    results["accuracy"] = accuracies(options.data, options.seeds, options.epochs)
    if not options.dry:
        (RESULTS / "mnist.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
