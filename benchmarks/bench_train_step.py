"""Every training step of the book's network, next to the same in NumPy."""

from benchmarks import work

WORKS = work.TRAIN_STEPS


def bench(benchmark, recipe):
    benchmark(recipe.prepare())
