"""A process of its own for each contender, of which only one works at any time.

In one process the contenders disturb each other: OpenBLAS's threads go on spinning for 2**26 to 2**28 cycles
after a product (see OPENBLAS_THREAD_TIMEOUT in its blas_server.c), and OpenMP's for a while too, on the cores
that the next contender needs. So each has a process of its own, waits for its turn blocked on a pipe, and
ends its turn only when its threads sleep.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from benchmarks import interleaved
from benchmarks.work import Recipe

CHECKED_CALL = 10  # its result is compared between the contenders
CHECKED_ELEMENTS = 1000


class Worker:
    """The parent's end: each method is carried out by the method of `_Contender` with the same name."""

    def __init__(self, name: str) -> None:
        for variable in [v for v in os.environ if v.startswith("OPENBLAS_")]:
            del os.environ[variable]  # peers run with their own defaults
        context = multiprocessing.get_context("spawn")
        self._pipe, childs_end = context.Pipe()
        self._process = context.Process(target=_serve, args=(childs_end,), name=name, daemon=True)
        self._process.start()
        childs_end.close()

    @property
    def pid(self) -> int | None:
        """The process's number."""
        return self._process.pid

    def _ask(self, method: str, *args: Any) -> Any:
        try:
            self._pipe.send((method, args))
            answer = self._pipe.recv()
        except (EOFError, ConnectionError) as error:
            self._process.join()
            raise RuntimeError(f"{self._process.name} died, exit code {self._process.exitcode}") from error
        if isinstance(answer, Exception):
            raise answer
        return answer

    def prepare(self, recipe: Recipe) -> list[np.ndarray]:
        """Set the work up, do it a few times, and return some elements of each array of the last result."""
        return self._ask("prepare", recipe)

    def once(self, recipe: Recipe) -> Any:
        """Set the work up, do it once, and return its result."""
        return self._ask("once", recipe)

    def block(self, seconds: float) -> float:
        """Work for about ``seconds`` and return the median seconds of one call."""
        return self._ask("block", seconds)

    def facts(self) -> dict[str, Any]:
        """Return what has been imported: versions, and thread pools with their numbers of threads."""
        return self._ask("facts")

    def close(self) -> None:
        self._pipe.close()
        self._process.join()


class _Contender:
    def __init__(self) -> None:
        self._call: Callable[[], Any] = lambda: None

    def prepare(self, recipe: Recipe) -> list[np.ndarray]:
        self._call = lambda: None  # lets go of the last work's arrays
        self._call = recipe.prepare()
        for _ in range(CHECKED_CALL):
            result = self._call()
        _wait_until_idle()
        return [array[:: max(1, len(array) // CHECKED_ELEMENTS)] for array in _arrays(result)]

    def once(self, recipe: Recipe) -> Any:
        self._call = lambda: None
        return recipe.prepare()()

    def block(self, seconds: float) -> float:
        median = interleaved.block(self._call, seconds)
        _wait_until_idle()
        return median

    def facts(self) -> dict[str, Any]:
        from threadpoolctl import threadpool_info

        packages = ("fastdl", "numpy", "torch", "jax", "optax")
        return {
            "versions": {name: sys.modules[name].__version__ for name in packages if name in sys.modules},
            "thread_pools": [
                {key: pool[key] for key in ("internal_api", "version", "architecture", "num_threads") if key in pool}
                for pool in threadpool_info()
            ],
        }


def _serve(pipe: Connection) -> None:
    contender = _Contender()
    while True:
        try:
            method, args = pipe.recv()
        except EOFError:
            return
        try:
            answer = getattr(contender, method)(*args)
        except Exception:
            answer = RuntimeError(f"{multiprocessing.current_process().name}:\n{traceback.format_exc()}")
        pipe.send(answer)


def _arrays(result: Any) -> list[np.ndarray]:
    """Return an array or a number, or all that lists and tuples hold, as flat arrays."""
    if isinstance(result, (list, tuple)):
        return [array for part in result for array in _arrays(part)]
    return [np.asarray(result, np.float64).ravel()]


def _wait_until_idle() -> None:
    """Wait until this process uses less than a tenth of a core."""
    for _ in range(200):
        before = time.process_time()
        time.sleep(0.01)
        if time.process_time() - before < 0.001:
            return
    raise RuntimeError("threads of this process keep spinning after its work; is OMP_WAIT_POLICY=active set?")
