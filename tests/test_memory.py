"""No function touches a byte outside its arrays, whatever their size."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import pytest

from fastdl import kernels
from tests.arrays import Canaries, GuardPages
from tests.catalog import DTYPES, FUNCTIONS, RULES, shape

Place = Callable[[np.ndarray], np.ndarray]

every_dtype = pytest.mark.parametrize("dtype", DTYPES)
every_size = pytest.mark.parametrize(
    "sizes", [range(1, 131), (1023, 1024, 1025, 2047, 2049, 4101)], ids=["small", "large"]
)


def call(function, sizes, dtype, rng, place: Place) -> None:
    arguments = function.arguments(sizes, dtype, rng)
    arguments = {name: place(a) if isinstance(a, np.ndarray) else a for name, a in arguments.items()}
    function(**arguments, out=function.out([place(np.zeros(shape(at, sizes), dtype)) for at in function.writes]))


def step(rule, n, dtype, rng, place: Place) -> None:
    params, grads = ([place(rng.normal(size=n).astype(dtype))] for _ in range(2))
    state = [[place(array) for array in row] for row in rule.draw_state(rng, params)]
    kernels.update(rule.name, params, grads, state, place(np.zeros(1, np.int64)), list(rule.settings[0].values()))


def step_reduced(rule, n, state_dtype, rng, place: Place) -> None:
    """With parameters and states that are stored in another type than that of the arithmetic."""
    squares = kernels.RULES[rule.name].squares
    params = [np.ones(n, np.float32)]
    state = [
        [place(kernels.encode_state(array, state_dtype, is_squares=name in squares)) for array in row]
        for name, row in zip(rule.state, rule.draw_state(rng, params), strict=True)
    ]
    halves = [place(np.full(n, 0x3F80, np.uint16)) for _ in range(2)]
    settings = list(rule.settings[0].values())
    kernels.update(rule.name, halves[:1], halves[1:], state, np.zeros(1, np.int64), settings, bfloat16=True, seed=1)


def call_everything(sizes, dtype, rng, place: Place, done: Callable[[], None]) -> None:
    """Every function and rule with each size in each of its dimensions."""
    for n in sizes:
        for function in FUNCTIONS:
            for letter in function.sizes:
                call(function, {"B": 2, "I": 3, "O": 5} | {letter: n}, dtype, rng, place)
                done()
        for rule in RULES:
            step(rule, n, dtype, rng, place)
            done()
            if dtype == "float32":
                for state_dtype in ("bfloat16", "uint8"):
                    step_reduced(rule, n, state_dtype, rng, place)
                    done()


@every_dtype
@every_size
def test_nothing_around_an_array_is_written(sizes, dtype, rng):
    canaries = Canaries()
    call_everything(sizes, dtype, rng, canaries, canaries.assert_untouched_and_forget)


@pytest.mark.skipif(sys.platform != "linux", reason="uses mprotect as on Linux")
@every_dtype
@every_size
@pytest.mark.parametrize("at_end", [True, False], ids=["at the end", "at the beginning"])
def test_nothing_around_an_array_is_read(at_end, sizes, dtype, rng):
    pages = GuardPages(at_end)
    call_everything(sizes, dtype, rng, pages, pages.reuse)


# Products by blocks, narrow ones and few rows, where the right side is packed or copied by another path.
LARGE = [(7, 1031, 263), (3, 257, 1031), (1031, 9, 301), (2, 70001, 5), (13, 3, 100001)]


@pytest.mark.skipif(sys.platform != "linux", reason="uses mprotect as on Linux")
@every_dtype
@pytest.mark.parametrize("at_end", [True, False], ids=["at the end", "at the beginning"])
def test_products_by_blocks(at_end, dtype, rng, threads):
    threads(1)
    pages = GuardPages(at_end, size=1 << 24)
    for sizes in LARGE:
        for function in FUNCTIONS:
            if function.op.startswith("affine") and function.options["activation"] == "tanh":
                call(function, dict(zip("BIO", sizes, strict=True)), dtype, rng, pages)
                pages.reuse()
