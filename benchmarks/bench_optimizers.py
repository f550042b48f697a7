"""Every optimizer's step, next to the same in NumPy."""

from benchmarks import work

WORKS = work.OPTIMIZERS


def bench(benchmark, recipe):
    benchmark(recipe.prepare())
