"""What the tests share: random numbers whose seed a failure shows, and the number of threads put back."""

from __future__ import annotations

import os
import signal
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import fastdl

collect_ignore = ["on_ranks"]  # programs that tests start on several ranks

SEED = int(os.environ.get("FASTDL_TEST_SEED", "0"))  # another one: other random numbers in every test

# Child processes import the fastdl that is tested, not the one in the folder where they start.
os.environ |= {"PYTHONPATH": str(Path(fastdl.__file__).parents[1]), "PYTHONSAFEPATH": "1"}

# A shell has what it starts in the background ignore Ctrl-C, and child processes inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


class SeededGenerator(np.random.Generator):
    """Says its seed where pytest shows the arguments of a test that failed."""

    def __init__(self, seed: int) -> None:
        super().__init__(np.random.PCG64(seed))
        self.seed = seed

    def __repr__(self) -> str:
        return f"numpy.random.default_rng({self.seed})"


def pytest_report_header() -> str:
    build = fastdl.kernels.build_info()
    return (
        f"fastdl: {fastdl.__file__}, CPU level {build['cpu_level']} of {', '.join(build['levels'])}, "
        f"{fastdl.get_num_threads()} threads, FASTDL_TEST_SEED={SEED}"
    )


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> SeededGenerator:
    """Random numbers of this test's own, which do not depend on the other tests."""
    return SeededGenerator(SEED + zlib.crc32(request.node.nodeid.encode()))


@pytest.fixture
def threads() -> Iterator[Callable[[int], None]]:
    """``fastdl.set_num_threads``; the number is put back after the test."""
    before = fastdl.get_num_threads()
    yield fastdl.set_num_threads
    fastdl.set_num_threads(before)
