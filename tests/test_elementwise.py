"""The sum of two arrays with its activation, against long double and against what it is made of."""

from __future__ import annotations

import numpy as np
import pytest

from fastdl import kernels, reference
from fastdl.errors import HyperparameterError
from tests.activations import EXACT, FUSIBLE
from tests.compare import assert_same_bits, assert_ulps, unchanged

every_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])
every_activation = pytest.mark.parametrize("activation", FUSIBLE)
SIZES = [(), (0,), (1,), (3,), (7,), (17,), (2, 3, 5), (4097,), (40_001,)]


def draw(rng, size, dtype):
    return [np.asarray(rng.normal(size=size)).astype(dtype) for _ in range(2)]


@every_dtype
@every_activation
@pytest.mark.parametrize("size", SIZES, ids=str)
class TestAdd:
    def test_accuracy(self, size, activation, dtype, rng):
        """That of the activation, of the sum as it is rounded."""
        a, b = draw(rng, size, dtype)
        exact = EXACT[activation](np.asarray(a + b, np.longdouble))
        assert_ulps(kernels.add(a, b, activation), exact, 3)

    def test_it_is_the_sum_and_then_the_activation(self, size, activation, dtype, rng):
        a, b = draw(rng, size, dtype)
        y = kernels.add(a, b, activation)
        assert_same_bits(y, kernels.activation_forward(np.asarray(a + b), activation))
        ours, theirs = y, reference.add(a, b, activation)
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
        np.testing.assert_allclose(ours, theirs, rtol=4e-6 if dtype == "float32" else 1e-14)


@every_dtype
def test_numbers_that_are_not_finite(dtype):
    a = np.array([np.inf, np.inf, -np.inf, np.nan, -0.0, -0.0], dtype)
    b = np.array([1, -np.inf, -np.inf, 1, -0.0, 0.0], dtype)
    assert_same_bits(np.abs(kernels.add(a, b)), np.abs(np.array([np.inf, np.nan, -np.inf, np.nan, 0, 0], dtype)))
    assert_same_bits(np.signbit(kernels.add(a, b)[4:]).astype("f4"), np.array([1, 0], "f4"))


@every_dtype
def test_one_array_twice_and_in_place(dtype, rng):
    a, b = draw(rng, (1000,), dtype)
    twice = 2 * a
    assert_same_bits(kernels.add(a, a), twice)
    assert_same_bits(kernels.add(a, a, out=b), twice)
    assert kernels.add(a, a, out=a) is a
    assert_same_bits(a, twice)


@pytest.mark.parametrize("activation", kernels.NEED_INPUT)
def test_activations_whose_derivative_needs_the_sum(activation):
    out = np.zeros(3)
    with unchanged(out), pytest.raises(HyperparameterError) as caught:
        kernels.add(np.ones(3), np.ones(3), activation, out)
    assert (caught.value.op, caught.value.arg) == ("add", "activation")
    assert "layer of its own" in caught.value.hint


def test_it_is_recorded(rng):
    a, b = draw(rng, (300, 200), "float32")
    with kernels.Plan(a) as plan:
        y = kernels.add(a, kernels.add(a, b, "tanh"), "relu")
    c = rng.standard_normal((300, 200), np.float32)
    plan.run(c)
    assert_same_bits(y, kernels.add(c, kernels.add(c, b, "tanh"), "relu"))
