"""``python -m benchmarks.tune``: the book's random search, against the book's way in NumPy, and with two workers.

The search is 100 trials of 50 epochs over 400 images of MNIST's size in batches of 100, six hidden layers of 100 units,
with the accuracy on 100 validation images after each epoch. fastdl's is `fastdl.tune.search` from its call to its
result, with its SQLite file and the start of its workers. NumPy's is `fastdl.reference` in float64, without any search
around it, measured on some trials, from which the time of 100 follows: once the same work, and once what the book's
trainer does, which computes the loss of a batch once more after its step and the accuracy on the training data too.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import fastdl
from benchmarks.measure import RESULTS, machine
from fastdl import get_num_threads, set_num_threads, tune
from fastdl.nn import MLP
from fastdl.reference.network import ReferenceMLP, ReferenceOptimizer

SIZES = (784, 100, 100, 100, 100, 100, 100, 10)
IMAGES, BATCH, EPOCHS, TRIALS = 500, 100, 50, 100
SPACE = {"lr": (1e-6, 1e-2), "weight_decay": (1e-8, 1e-4)}


def images() -> tuple[np.ndarray, np.ndarray]:
    """Return random ones, for the time does not depend on what they show."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (IMAGES, SIZES[0]), dtype=np.uint8), rng.integers(0, 10, IMAGES)


def numpy_trial(*, as_book: bool) -> float:
    """Return the seconds of a trial, of the same work as fastdl's or of what the book's trainer does."""
    x, t = images()
    x = x / 255
    x_train, x_held_out = np.split(x, [IMAGES * 4 // 5])
    t_train, t_held_out = np.split(t, [IMAGES * 4 // 5])
    rng = np.random.default_rng(0)
    start = time.perf_counter()
    network = ReferenceMLP(MLP(SIZES, dtype="float64", seed=0).params, weight_decay=1e-6)
    optimizer = ReferenceOptimizer("sgd", lr=1e-3)
    for _ in range(EPOCHS):
        order = rng.permutation(len(x_train))
        for first in range(0, len(order), BATCH):
            rows = order[first : first + BATCH]
            network.train_step(x_train[rows], t_train[rows], optimizer)
            if as_book:
                network.loss(x_train[rows], t_train[rows])
        for x_any, t_any in ((x_held_out, t_held_out), (x_train, t_train))[: 1 + as_book]:
            np.mean(network.forward(x_any).argmax(axis=1) == t_any)
    return time.perf_counter() - start


def search(workers: int, threads: int, trials: int = TRIALS) -> dict[str, float]:
    """Return the seconds of a search, and of that the ones from its first trial's begin to its last one's end."""
    x, t = images()
    data = tune.split(x, t, scale=1 / 255)
    space = {name: tune.Range(*ends, log=True) for name, ends in SPACE.items()}
    before = get_num_threads()
    set_num_threads(workers * threads)
    try:
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            result = tune.search(
                space, data, trials=trials, epochs=EPOCHS, storage=Path(folder) / "tune.db", workers=workers
            )
            whole = time.perf_counter() - start
            ended = result.study.get_trials(deepcopy=False)
    finally:
        set_num_threads(before)
    span = max(trial.datetime_complete for trial in ended) - min(trial.datetime_start for trial in ended)
    return {"whole": whole, "trials": span.total_seconds()}


def measure(rounds: int, numpy_trials: int, trials: int) -> dict[str, Any]:
    """Return the medians over the rounds, in each of which all take their turn."""
    search(1, 1, trials=2)
    numpy_trial(as_book=True)
    times: dict[str, list[float]] = {}
    for _ in range(rounds):
        found = {"one worker": search(1, 1, trials), "two workers": search(2, 1, trials)}
        for name, each in found.items():
            for part, seconds in each.items():
                times.setdefault(f"{name}, {part}", []).append(seconds)
        for name, as_book in (("numpy, the same work", False), ("numpy, as the book's trainer", True)):
            mean = statistics.fmean(numpy_trial(as_book=as_book) for _ in range(numpy_trials))
            times.setdefault(name, []).append(trials * mean)
    pairs = {
        "numpy, the same work / two workers": ("numpy, the same work", "two workers, whole"),
        "numpy, as the book's trainer / two workers": ("numpy, as the book's trainer", "two workers, whole"),
        "one worker / two workers, whole": ("one worker, whole", "two workers, whole"),
        "one worker / two workers, trials": ("one worker, trials", "two workers, trials"),
    }
    return {
        "machine": machine(),
        "rounds": rounds,
        "trials": trials,
        "numpy_trials": numpy_trials,
        "seconds": {name: statistics.median(each) for name, each in times.items()},
        "ratio": {
            name: statistics.median(a / b for a, b in zip(times[over], times[under], strict=True))
            for name, (over, under) in pairs.items()
        },
        "contenders": {"numpy": {"versions": {"fastdl": fastdl.__version__, "numpy": np.__version__}}},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure, and write results/tune.json.")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each (default 3)")
    parser.add_argument("--numpy-trials", type=int, default=10, help="trials of NumPy in a turn (default 10)")
    parser.add_argument("--trials", type=int, default=TRIALS, help="trials of a search (default 100)")
    parser.add_argument("--dry", action="store_true", help="print, don't write")
    options = parser.parse_args()
    results = measure(options.rounds, options.numpy_trials, options.trials)
    for kind in ("seconds", "ratio"):
        for name, value in results[kind].items():
            print(f"{name}: {value:.2f}{' s' if kind == 'seconds' else '×'}")
    if not options.dry:
        (RESULTS / "tune.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
