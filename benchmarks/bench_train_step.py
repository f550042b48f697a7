"""Every training step, next to the same in NumPy."""

from benchmarks.work import TRAIN_STEPS as WORKS


def bench(benchmark, recipe):
    benchmark(recipe.prepare())
