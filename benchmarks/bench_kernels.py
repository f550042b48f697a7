"""Every kernel, next to the same in NumPy."""

from benchmarks import work

WORKS = work.KERNELS


def bench(benchmark, recipe):
    benchmark(recipe.prepare())
