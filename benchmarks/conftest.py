"""One benchmark for each contender of each piece of work."""

import sys
from pathlib import Path

import pytest

collect_ignore_glob = ["peers/with_*.py", "peers/mnist/with_*.py"]  # they import libraries that may not be installed

# Last on the path, so that fastdl comes from where it is installed.
sys.path.append(str(Path(__file__).parents[1]))


def pytest_generate_tests(metafunc):
    if "recipe" in metafunc.fixturenames:
        rows = [(row, contender) for row in metafunc.module.WORKS for contender in row.recipes]
        metafunc.parametrize(
            ("recipe", "row"),
            [(row.recipes[contender], row.name) for row, contender in rows],
            ids=[f"{row.name}: {contender}" for row, contender in rows],
        )


@pytest.fixture
def benchmark(benchmark, row):
    """Contenders of one row stand in one group."""
    benchmark.group = row
    return benchmark
