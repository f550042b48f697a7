"""Every optimizer step, next to the same in NumPy."""

from benchmarks.work import OPTIMIZERS as WORKS


def bench(benchmark, recipe):
    benchmark(recipe.prepare())
