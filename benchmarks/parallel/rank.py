"""What every rank of a measurement runs; rank 0 prints the figures as JSON."""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
from mpi4py import MPI

from fastdl import set_num_threads
from fastdl.nn import MLP
from fastdl.optim import Adam
from fastdl.parallel import DataParallel
from fastdl.parallel.gradient_buffer import GradientBuffer
from fastdl.parallel.shares import share

WARM = 3


def seconds(call: Callable[[], object], calls: int) -> float:
    """Return the median, over the calls, of the time that the slowest rank takes. All begin together."""
    times = []
    for _ in range(WARM + calls):
        MPI.COMM_WORLD.Barrier()
        begin = time.perf_counter()
        call()
        times.append(MPI.COMM_WORLD.allreduce(time.perf_counter() - begin, MPI.MAX))
    return statistics.median(times[WARM:])


def steps(sizes: list[int], rows: int, calls: int) -> dict[str, float]:
    """Return the seconds of a training step and of its parts."""
    ranks = MPI.COMM_WORLD
    rng = np.random.default_rng(0)
    x, t = rng.random((rows, sizes[0]), np.float32), rng.integers(0, sizes[-1], rows)
    mine = share(rows, ranks.rank, ranks.size)
    x_mine, t_mine = x[mine].copy(), t[mine].copy()
    network, optimizer = MLP(sizes, seed=0), Adam(lr=1e-4)
    together = DataParallel(network)
    found = {"step": seconds(lambda: together.train_step(x, t, optimizer), calls)}
    found["gradient"] = seconds(lambda: network.train_gradient(x_mine, t_mine), calls)
    if ranks.size == 1:
        grads = network.gradient(x_mine, t_mine)
        found["update"] = seconds(lambda: optimizer.update(network.params, grads), calls)
        return found
    buffer = GradientBuffer(network.params, numbers=4)
    _, grads = network.train_gradient(x_mine, t_mine)

    def update() -> None:
        buffer.fill(grads, 1.0)
        optimizer.update(network.params, buffer.gradients)

    found["update"] = seconds(update, calls)
    found["sum"] = seconds(lambda: buffer.add_up(ranks), calls)
    return found


def sums(elements: list[int], calls: int) -> dict[str, float]:
    """Return the seconds in which all ranks have the sum of their float32 arrays, by the number of elements."""
    ones = {n: np.ones(n, np.float32) for n in elements}
    return {
        str(n): seconds(lambda array=array: MPI.COMM_WORLD.Allreduce(MPI.IN_PLACE, array), calls)
        for n, array in ones.items()
    }


def main() -> None:
    what = json.loads(sys.argv[1])
    set_num_threads(what.pop("threads"))
    found = steps(**what) if "sizes" in what else sums(**what)
    if MPI.COMM_WORLD.rank == 0:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
