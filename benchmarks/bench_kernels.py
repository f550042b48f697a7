"""Every kernel, next to the same in NumPy."""

from benchmarks.work import KERNELS as WORKS


def bench(benchmark, recipe):
    benchmark(recipe.prepare())
