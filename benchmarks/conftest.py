"""The benchmarks' options, and one benchmark for each contender of each piece of work."""

import sys
from pathlib import Path

import pytest

# Last on the path: fastdl comes from where it is installed.
sys.path.append(str(Path(__file__).parents[1]))


def pytest_addoption(parser):
    parser.addoption("--quick", action="store_true", help="run each small benchmark once, untimed: do they work?")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    if config.getoption("quick"):
        config.option.benchmark_disable = True


def pytest_generate_tests(metafunc):
    if "recipe" in metafunc.fixturenames:
        works = [w for w in metafunc.module.WORKS if not (w.heavy and metafunc.config.getoption("quick"))]
        pairs = [(work, contender) for work in works for contender in work.recipes]
        metafunc.parametrize(
            ("recipe", "group"),
            [(work.recipes[contender], work.name) for work, contender in pairs],
            ids=[f"{work.name}: {contender}" for work, contender in pairs],
        )


@pytest.fixture(autouse=True)
def _grouped(request):
    if "group" in request.fixturenames:
        request.getfixturevalue("benchmark").group = request.getfixturevalue("group")
