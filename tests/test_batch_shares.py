"""Batch normalization in passes: shares together are the whole batch."""

from __future__ import annotations

import numpy as np
import pytest

from fastdl import kernels, reference
from fastdl.errors import AliasError, ArrayError, DtypeError, HyperparameterError
from tests.activations import FUSIBLE
from tests.arrays import LAYOUTS
from tests.catalog import DTYPES
from tests.compare import assert_same_bits, unchanged

every_dtype = pytest.mark.parametrize("dtype", DTYPES)
SHAPES = [(2, 1), (3, 7), (17, 64), (5, 1300), (1001, 33), (40000, 3), (2, 3, 1), (7, 3, 5, 7), (2, 2, 130, 140)]
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


def draw(rng, shape, dtype, mean=0.0):
    x, dout = (rng.normal(size=shape) + mean).astype(dtype), rng.normal(size=shape).astype(dtype)
    gamma, beta = (rng.normal(size=shape[1]).astype(dtype) for _ in range(2))
    return x, gamma, beta, dout


def by_shares(ops, cuts, x, gamma, beta, dout, activation, **settings):
    """Forward and backward pass of shares that end at these rows; sums as ranks make them."""
    shares = list(zip(np.split(x, cuts), np.split(dout, cuts), strict=True))
    counts = np.array([each.size / x.shape[1] for each, _ in shares])
    empty = np.full((2, x.shape[1]), 7.0)
    moments = np.stack([ops.batch_norm_moments(each) if len(each) else empty for each, _ in shares])
    statistics = ops.batch_norm_statistics(counts, moments, dtype=x.dtype, **settings)
    shares = [each for each in shares if len(each[0])]
    ys = [ops.batch_norm_apply(each, gamma, beta, statistics, activation) for each, _ in shares]
    terms = [ops.batch_norm_sums(dy, each, statistics, y, activation) for (each, dy), y in zip(shares, ys, strict=True)]
    sums = np.sum(terms, axis=0)
    dx = [
        ops.batch_norm_apply_backward(dy, each, gamma, statistics, sums, counts.sum(), y, activation)
        for (each, dy), y in zip(shares, ys, strict=True)
    ]
    dgamma, dbeta = (sums[1] * statistics[2]).astype(x.dtype), sums[0].astype(x.dtype)
    return np.concatenate(ys), statistics, np.concatenate(dx), dgamma, dbeta


def whole(x, gamma, beta, dout, activation, **settings):
    y, statistics = kernels.batch_norm_forward(x, gamma, beta, activation=activation, **settings)
    return y, statistics, *kernels.batch_norm_backward(dout, x, gamma, statistics, y, activation)


@every_dtype
@every_shape
@pytest.mark.parametrize("activation", ["identity", "tanh"])
def test_one_share_has_the_bits_of_the_whole(activation, shape, dtype, rng, threads):
    arrays = draw(rng, shape, dtype)
    running, other = ((np.full(shape[1], 3, dtype), np.full(shape[1], 5, dtype)) for _ in range(2))
    settings = {"eps": 1e-3, "momentum": 0.6, "ddof": 1}
    expected = [*whole(*arrays, activation, running=running, **settings), *running]
    for count in (1, 2, 3, 7):
        threads(count)
        other[0][:], other[1][:] = 3, 5
        ours = [*by_shares(kernels, [], *arrays, activation, running=other, **settings), *other]
        for one, two in zip(ours, expected, strict=True):
            assert_same_bits(one, two)


@every_dtype
@every_shape
@pytest.mark.parametrize("mean", [0.0, 1e4], ids=["near 0", "far from 0"])
def test_shares_together_are_the_whole(mean, shape, dtype, rng):
    """To the rounding of sums made in another order: of x, from which the mean is then taken off, and of the terms."""
    arrays = draw(rng, shape, dtype, mean)
    eps = float(np.finfo(dtype).eps)
    for cuts in ([1], [1, 1, shape[0]], [shape[0] // 3, shape[0] // 2]):
        running, other = ((np.zeros(shape[1], dtype), np.ones(shape[1], dtype)) for _ in range(2))
        expected = whole(*arrays, "sigmoid", running=running)
        ours = by_shares(kernels, cuts, *arrays, "sigmoid", running=other)
        of_x = (mean + 1) * (1e-16 if dtype == "float32" else 16 * eps)  # moments are float64
        inverse_std = float(expected[1][2].max())
        error = (16 * eps + of_x * inverse_std) * (1 + inverse_std)
        for one, two in zip(ours, expected, strict=True):
            if two is expected[1]:
                one, two = one[0].astype(float) + one[1], two[0].astype(float) + two[1]
            np.testing.assert_allclose(one, two, rtol=0, atol=8 * error * max(1, np.abs(two).max()))
        for one, two in zip(other, running, strict=True):
            np.testing.assert_allclose(one, two, rtol=4 * eps, atol=4 * eps + of_x)


@every_dtype
@every_shape
def test_reference(shape, dtype, rng):
    arrays = draw(rng, shape, dtype)
    ours = by_shares(kernels, [1], *arrays, "relu")
    twins = by_shares(reference, [1], *(each.astype(np.float64) for each in arrays), "relu")
    eps = float(np.finfo(dtype).eps)
    scale = float(np.abs(twins[1][2]).max())
    for one, two in zip(ours, twins, strict=True):
        if two is twins[1]:
            one, two = one[2], two[2]
        limit = 32 * eps * (1 + scale) * (1 + np.abs(two).max()) * (1 + (arrays[0].size // shape[1]) ** 0.5)
        np.testing.assert_allclose(one, two, rtol=0, atol=limit)


@every_dtype
@pytest.mark.parametrize("activation", FUSIBLE)
def test_activations_and_layouts(activation, dtype, rng):
    for shape in ((9, 21), (4, 3, 11)):
        x, gamma, beta, dout = draw(rng, shape, dtype)
        expected = whole(x, gamma, beta, dout, activation)
        for layout in LAYOUTS.values():
            ours = by_shares(kernels, [], layout(x), gamma, beta, layout(dout), activation)
            for one, two in zip(ours, expected, strict=True):
                assert_same_bits(one, two)


def test_refusals(rng):
    x, gamma, beta, dout = draw(rng, (4, 3), "float64")
    counts, moments = np.array([4.0]), kernels.batch_norm_moments(x)[None]
    statistics, sums = kernels.batch_norm_statistics(counts, moments, dtype="float64"), np.ones((2, 3))
    running, place = (np.ones(3), np.ones(3)), np.ones((4, 3))
    calls = {
        kernels.batch_norm_moments: {"x": x},
        kernels.batch_norm_statistics: {
            "counts": counts, "moments": moments, "running": running, "dtype": "float64"
        },
        kernels.batch_norm_apply: {"x": x, "gamma": gamma, "beta": beta, "statistics": statistics, "out": place},
        kernels.batch_norm_sums: {"dout": dout, "x": x, "statistics": statistics},
        kernels.batch_norm_apply_backward: {
            "dout": dout, "x": x, "gamma": gamma, "statistics": statistics, "sums": sums, "count": 4, "out": place
        },
    }  # fmt: skip
    moment, combine, apply, add, back = calls
    for call, error, bad in (
        *((moment, ArrayError, {"x": each}) for each in (np.ones((0, 3)), np.ones((3, 0)), np.ones(3))),
        (moment, DtypeError, {"x": np.ones((2, 2), int)}),
        *((combine, ArrayError, {"counts": np.array([each])}) for each in (1.0, 0.0, -1.0, np.nan, np.inf)),
        (combine, ArrayError, {"counts": np.ones(2)}),
        (combine, ArrayError, {"counts": np.ones(0), "moments": np.ones((0, 2, 3))}),
        (combine, ArrayError, {"moments": np.ones((1, 3, 3))}),
        (combine, DtypeError, {"moments": np.ones((1, 2, 3), np.float32)}),
        (combine, DtypeError, {"dtype": "float32"}),
        (combine, ArrayError, {"running": (np.ones(4), np.ones(4))}),
        (combine, AliasError, {"running": (running[0], running[0])}),
        (combine, HyperparameterError, {"eps": -1}),
        (combine, HyperparameterError, {"momentum": 2}),
        (combine, HyperparameterError, {"ddof": 2}),
        (apply, ArrayError, {"statistics": np.ones((2, 3))}),
        (apply, AliasError, {"out": x}),
        (apply, HyperparameterError, {"activation": "gelu"}),
        (add, ArrayError, {"activation": "tanh"}),
        (add, ArrayError, {"x": np.ones((3, 3))}),
        *((back, HyperparameterError, {"count": each}) for each in (0, -1, np.nan, np.inf, True, None)),
        (back, ArrayError, {"sums": np.ones((3, 2))}),
        (back, DtypeError, {"sums": np.ones((2, 3), np.float32)}),
        (back, AliasError, {"out": dout}),
    ):
        with unchanged(x, dout, *running, place), pytest.raises(error) as caught:
            call(**calls[call] | bad)
        assert caught.type is error
