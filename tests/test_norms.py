"""Batch and layer normalization: right, also far from 0, and the same bits for any number of threads."""

from __future__ import annotations

import numpy as np
import pytest

from fastdl import kernels, nn, reference
from fastdl.errors import AliasError, ArrayError, DtypeError, HyperparameterError
from tests.activations import FUSIBLE
from tests.arrays import LAYOUTS
from tests.catalog import DTYPES
from tests.compare import assert_same_bits, assert_ulps, unchanged
from tests.differences import gradient_by_differences

every_dtype = pytest.mark.parametrize("dtype", DTYPES)
every_activation = pytest.mark.parametrize("activation", FUSIBLE)

# One tile, several across, several down, both, parts of planes; and what is left over of each.
SHAPES = [
    *((2, 1), (3, 7), (17, 64), (128, 100), (5, 1300), (64, 1040), (1001, 33), (40000, 3), (300, 2000)),
    *((2, 3, 1), (1, 2, 40), (7, 3, 5, 7), (3, 600, 2, 2), (70, 20, 9), (2, 2, 130, 140)),
]
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)
ROWS = [(1,), (7,), (1, 1), (3, 2), (128, 100), (5, 1300), (1001, 33), (70, 1024), (2, 3, 31), (40000, 3)]


def exact_forward(x, gamma, beta, eps, axes, parameters):
    """In the precision of longdouble: y, x_hat and 1 / sqrt(variance + eps)."""
    x = x.astype(np.longdouble)
    centred = x - x.mean(axis=axes, keepdims=True)
    inverse_std = 1 / np.sqrt((centred**2).mean(axis=axes, keepdims=True) + np.longdouble(eps))
    x_hat = centred * inverse_std
    return x_hat * gamma.reshape(parameters) + beta.reshape(parameters), x_hat, inverse_std


def exact_backward(dout, x_hat, inverse_std, gamma, axes, parameter_axes, parameters):
    """By the chain of derivatives: dx is g / std without its projections on 1 and x_hat; and the terms' sizes."""
    dout = dout.astype(np.longdouble)
    g = dout * gamma.reshape(parameters)
    terms = [g, g.mean(axis=axes, keepdims=True), x_hat * (g * x_hat).mean(axis=axes, keepdims=True)]
    sizes = [np.abs(g), np.abs(g).mean(axis=axes, keepdims=True)]
    sizes.append(np.abs(x_hat) * np.abs(g * x_hat).mean(axis=axes, keepdims=True))
    dx = inverse_std * (terms[0] - terms[1] - terms[2])
    dgamma, dbeta = (dout * x_hat).sum(axis=parameter_axes), dout.sum(axis=parameter_axes)
    scales = (
        sum(sizes) * inverse_std,
        np.abs(dout * x_hat).sum(axis=parameter_axes),
        np.abs(dout).sum(axis=parameter_axes),
    )
    return (dx, dgamma, dbeta), scales


def channels_of(shape):
    """Axes of a batch's statistics, and how a row of parameters lies along the channels."""
    return (0, *range(2, len(shape))), (-1, *(1,) * (len(shape) - 2))


def draw(rng, shape, count, dtype, mean=0.0, std=1.0):
    x = (rng.normal(size=shape) * std + mean).astype(dtype)
    gamma, beta = (rng.normal(size=count).astype(dtype) for _ in range(2))
    return x, gamma, beta, rng.normal(size=shape).astype(dtype)


NEAR, FAR = (0.0, 1.0), (1e4, 0.1)


def check(results, exact, sizes, x, inverse_std, axes, slack=0.0):
    """Within a few ulps, at the sizes of the terms, and so much of the largest one's.

    In float64 the mean is only as exact as the numbers themselves, and so is what is left of them around it: an error
    that all elements of a channel share. Its sum has the rounding of up to that many numbers.
    """
    if x.dtype == np.float32:
        limit = 8
    else:
        limit = 8 + x.size / inverse_std.size / 64
        slack = np.abs(x).mean(axis=axes, keepdims=True) * inverse_std
    for ours, theirs, size in zip(results, exact, sizes, strict=True):
        if ours.ndim == x.ndim:
            size = size + slack * np.abs(size).max(axis=axes, keepdims=True)
        elif np.ndim(slack):
            size = size + np.max(slack) * np.max(size)
        assert_ulps(ours, theirs, limit, scale=size)


class TestBatchNorm:
    @every_dtype
    @every_shape
    @pytest.mark.parametrize(("mean", "std"), [NEAR, FAR], ids=["near 0", "far from 0"])
    def test_accuracy(self, mean, std, shape, dtype, rng):
        x, gamma, beta, dout = draw(rng, shape, shape[1], dtype, mean, std)
        axes, parameters = channels_of(shape)
        y, statistics = kernels.batch_norm_forward(x, gamma, beta)
        exact, x_hat, inverse_std = exact_forward(x, gamma, beta, 1e-6, axes, parameters)
        size = np.abs(x_hat * gamma.reshape(parameters)) + np.abs(beta.reshape(parameters))
        check([y], [exact], [size], x, inverse_std, axes, slack=1 / 32)
        if dtype == "float32":  # the mean to half an ulp of the deviations from it, of which four are added up
            off = statistics[:2].astype(np.longdouble).sum(axis=0) - x.astype(np.longdouble).mean(axis=axes)
            assert (np.abs(off * inverse_std.ravel()) <= np.finfo(dtype).eps / 2).all()
            assert_ulps(statistics[2], inverse_std.ravel(), 2)

        exact, scales = exact_backward(dout, x_hat, inverse_std, gamma, axes, axes, parameters)
        results = kernels.batch_norm_backward(dout, x, gamma, statistics)
        check(results, exact, scales, x, inverse_std, axes)

    @every_dtype
    @every_shape
    def test_reference(self, shape, dtype, rng):
        """The twin, in higher precision, is the same function, running statistics and activations too."""
        x, gamma, beta, dout = draw(rng, shape, shape[1], dtype)
        wide = [array.astype(np.longdouble) for array in (x, gamma, beta)]
        ours = np.full(shape[1], 3, dtype), np.full(shape[1], 5, dtype)
        theirs = tuple(array.astype(np.longdouble) for array in ours)
        y, statistics = kernels.batch_norm_forward(x, gamma, beta, 1e-3, "tanh", ours, 0.6, 1)
        exact, _ = reference.batch_norm_forward(*wide, 1e-3, "tanh", theirs, 0.6, 1)
        eps = np.finfo(dtype).eps
        np.testing.assert_allclose(y, exact, rtol=0, atol=20 * eps * (1 + np.abs(x).max()))
        for each, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(each, other, rtol=0, atol=10 * eps * 5)
        results = kernels.batch_norm_backward(dout, x, gamma, statistics, y, "tanh")
        twins = reference.batch_norm_backward(
            *(each.astype(np.longdouble) for each in (dout, x, gamma, statistics, y)), "tanh"
        )
        for each, other, sum_ in zip(results, twins, (1, x.size, x.size), strict=True):
            np.testing.assert_allclose(each, other, rtol=0, atol=20 * eps * (np.abs(other).max() + sum_ / shape[1]))

    @every_dtype
    @every_activation
    def test_activation_is_that_of_the_function(self, activation, dtype, rng):
        for shape in ((9, 21), (130, 7), (4, 3, 11), (40, 300)):
            x, gamma, beta, dout = draw(rng, shape, shape[1], dtype)
            apart, statistics = kernels.batch_norm_forward(x, gamma, beta)
            y = kernels.activation_forward(apart, activation)
            fused = kernels.batch_norm_forward(x, gamma, beta, activation=activation)
            assert_same_bits(fused[0], y)
            assert_same_bits(fused[1], statistics)
            dz = kernels.activation_backward(dout, y, activation)
            for one, other in zip(
                kernels.batch_norm_backward(dout, x, gamma, statistics, y, activation),
                kernels.batch_norm_backward(dz, x, gamma, statistics),
                strict=True,
            ):
                # A slope's last multiplication may be one with the addition that follows it.
                assert_ulps(one, other, 2, scale=np.broadcast_to(np.abs(other).max(), other.shape))

    @every_dtype
    @every_shape
    def test_same_bits_for_any_threads_and_any_place(self, shape, dtype, rng, threads):
        x, gamma, beta, dout = draw(rng, shape, shape[1], dtype)
        expected = None
        for n in (1, 2, 3, 7):
            threads(n)
            for layout in (lambda array: array, LAYOUTS["shifted"]):
                y, statistics = kernels.batch_norm_forward(layout(x), gamma, beta)
                results = [y, statistics, *kernels.batch_norm_backward(layout(dout), layout(x), gamma, statistics)]
                results.append(kernels.batch_norm_inference(x, gamma, beta, statistics[0], statistics[2] ** 2))
                expected = results if expected is None else expected
                for ours, theirs in zip(results, expected, strict=True):
                    assert_same_bits(ours, theirs)

    @every_dtype
    def test_inference(self, dtype, rng):
        for shape in ((1, 1), (1, 7), (130, 40), (5, 1300), (3, 4, 6, 5)):
            x, gamma, beta, _ = draw(rng, shape, shape[1], dtype, 1e4, 0.1)
            mean, variance = np.full(shape[1], 1e4, dtype), rng.uniform(0.5, 2, size=shape[1]).astype(dtype)
            _, parameters = channels_of(shape)
            x_hat = (x.astype(np.longdouble) - 1e4) / np.sqrt(variance.astype(np.longdouble) + 0.25).reshape(parameters)
            scaled = x_hat * gamma.reshape(parameters)
            exact = scaled + beta.reshape(parameters)
            y = kernels.batch_norm_inference(x, gamma, beta, mean, variance, eps=0.25)
            assert_ulps(y, exact, 3, scale=np.abs(scaled) + np.abs(exact))

    @every_dtype
    @pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize("shape", [(9, 21), (300, 600), (4, 5, 70)], ids=str)
    def test_what_is_not_finite_stays_in_its_channel(self, shape, special, dtype, rng):
        x, gamma, beta, dout = draw(rng, shape, shape[1], dtype)
        _, statistics = kernels.batch_norm_forward(x, gamma, beta)
        before = [*kernels.batch_norm_forward(x, gamma, beta), *kernels.batch_norm_backward(dout, x, gamma, statistics)]
        x[2, 3] = special
        y, statistics = kernels.batch_norm_forward(x, gamma, beta)
        after = [y, statistics, *kernels.batch_norm_backward(dout, x, gamma, statistics)]
        for one, other, axis in zip(before, after, (1, 1, 1, 0, 0), strict=True):
            assert_same_bits(np.delete(one, 3, axis), np.delete(other, 3, axis))
        assert np.isnan(y[:, 3]).all()

    @every_dtype
    @pytest.mark.parametrize("shape", [(9, 21), (1000, 6), (4, 5, 70)], ids=str)
    def test_a_constant_channel(self, shape, dtype):
        """Its variance is 0: what is left is beta, and no gradient but for beta."""
        gamma, beta = np.full(shape[1], 3, dtype), np.full(shape[1], 7, dtype)
        x, dout = np.full(shape, 0.5, dtype), np.ones(shape, dtype)
        y, statistics = kernels.batch_norm_forward(x, gamma, beta)
        assert (y == 7).all()
        np.testing.assert_allclose(statistics[2], 1000, rtol=1e-6)
        dx, dgamma, dbeta = kernels.batch_norm_backward(dout, x, gamma, statistics)
        assert not dx.any()
        assert not dgamma.any()
        assert (dbeta == x.size // shape[1]).all()

    @pytest.mark.parametrize("shape", [(1, 3), (1, 3, 1, 1)], ids=str)
    def test_one_number_a_channel_is_refused(self, shape):
        x, row, running = np.ones(shape), np.ones(3), (np.ones(3), np.ones(3))
        with unchanged(running), pytest.raises(ArrayError, match="variance"):
            kernels.batch_norm_forward(x, row, row, running=running)
        assert kernels.batch_norm_inference(x, row, row, row, row).shape == shape

    def test_refusals(self):
        x, row = np.ones((4, 3)), np.ones(3)
        running = np.ones(3), np.ones(3)
        place = np.zeros((4, 3))
        for error, arguments in (
            (ArrayError, {"x": np.ones((0, 3))}),
            (ArrayError, {"x": np.ones((4, 0))}),
            (ArrayError, {"x": np.ones(4)}),
            (ArrayError, {"gamma": np.ones(4)}),
            (ArrayError, {"beta": np.ones((3, 1))}),
            (DtypeError, {"beta": np.ones(3, np.float32)}),
            (ArrayError, {"running": running[0]}),
            (ArrayError, {"running": (running[0], None)}),
            (ArrayError, {"running": (running[0], np.ones(4))}),
            (DtypeError, {"running": (running[0], np.ones(3, np.float32))}),
            (AliasError, {"running": (running[0], running[0])}),
            (AliasError, {"running": (running[0], row)}),
            (AliasError, {"out": (x, None)}),
            (ArrayError, {"out": place}),
            (ArrayError, {"out": (place, np.zeros((2, 3)))}),
            *((HyperparameterError, {"eps": eps}) for eps in (-1, np.nan, np.inf, "1", None, True)),
            *((HyperparameterError, {"momentum": momentum}) for momentum in (-0.1, 1.1, np.nan)),
            *((HyperparameterError, {"ddof": ddof}) for ddof in (2, -1, None)),
            *((HyperparameterError, {"activation": name}) for name in ("softplussy", *kernels.NEED_INPUT)),
        ):
            with unchanged(x, row, running, place), pytest.raises(error) as caught:
                kernels.batch_norm_forward(
                    **{"x": x, "gamma": row, "beta": row, "running": running, "out": (place, None)} | arguments
                )
            assert caught.type is error
        for arguments in ({"statistics": np.ones((2, 3))}, {"x": np.ones((3, 4))}, {"activation": "relu"}):
            with pytest.raises(ArrayError):
                kernels.batch_norm_backward(
                    **{"dout": x, "x": x, "gamma": row, "statistics": np.ones((3, 3))} | arguments
                )
        for name in kernels.NEED_INPUT:
            with pytest.raises(HyperparameterError, match="needs its input"):
                kernels.batch_norm_backward(x, x, row, np.ones((3, 3)), x, name)
            with pytest.raises(HyperparameterError, match="needs its input"):
                kernels.batch_norm_inference(x, row, row, row, row, activation=name)


class TestLayerNorm:
    @every_dtype
    @pytest.mark.parametrize("shape", ROWS, ids=str)
    @pytest.mark.parametrize(("mean", "std"), [NEAR, FAR], ids=["near 0", "far from 0"])
    def test_accuracy(self, mean, std, shape, dtype, rng):
        x, gamma, beta, dout = draw(rng, shape, shape[-1], dtype, mean, std)
        y, statistics = kernels.layer_norm_forward(x, gamma, beta)
        exact, x_hat, inverse_std = exact_forward(x, gamma, beta, 1e-5, -1, (-1,))
        check([y], [exact], [np.abs(x_hat * gamma) + np.abs(beta)], x, inverse_std, -1)
        rows = tuple(range(len(shape) - 1))
        exact, scales = exact_backward(dout, x_hat, inverse_std, gamma, -1, rows, (-1,))
        check(kernels.layer_norm_backward(dout, x, gamma, statistics), exact, scales, x, inverse_std, -1)

    @every_dtype
    @pytest.mark.parametrize("shape", ROWS, ids=str)
    def test_same_bits_for_any_threads(self, shape, dtype, rng, threads):
        x, gamma, beta, dout = draw(rng, shape, shape[-1], dtype)
        expected = None
        for n in (1, 2, 3, 7):
            threads(n)
            y, statistics = kernels.layer_norm_forward(x, gamma, beta)
            results = [y, statistics, *kernels.layer_norm_backward(dout, x, gamma, statistics)]
            expected = expected or results
            for ours, theirs in zip(results, expected, strict=True):
                assert_same_bits(ours, theirs)

    @every_dtype
    def test_what_is_not_finite_stays_in_its_row(self, dtype, rng):
        x, gamma, beta, dout = draw(rng, (9, 70), 70, dtype)
        y, statistics = kernels.layer_norm_forward(x, gamma, beta)
        dx = kernels.layer_norm_backward(dout, x, gamma, statistics)[0]
        x[2, 3] = np.inf
        others, statistics = kernels.layer_norm_forward(x, gamma, beta)
        assert_same_bits(np.delete(others, 2, axis=0), np.delete(y, 2, axis=0))
        assert np.isnan(others[2]).all()
        assert_same_bits(
            np.delete(kernels.layer_norm_backward(dout, x, gamma, statistics)[0], 2, axis=0), np.delete(dx, 2, axis=0)
        )

    def test_refusals(self):
        x, row = np.ones((4, 3)), np.ones(3)
        for error, arguments in (
            (ArrayError, {"x": np.ones((0, 3))}),
            (ArrayError, {"x": np.ones((4, 0))}),
            (ArrayError, {"x": np.array(1.0)}),
            (ArrayError, {"gamma": np.ones(4)}),
            (DtypeError, {"beta": np.ones(3, np.float32)}),
            (AliasError, {"out": (x, None)}),
            (HyperparameterError, {"eps": -1}),
        ):
            with unchanged(x, row), pytest.raises(error) as caught:
                kernels.layer_norm_forward(**{"x": x, "gamma": row, "beta": row} | arguments)
            assert caught.type is error


def layers(rng):
    """Each kind of layer, and an input of it."""
    row = [rng.uniform(0.5, 1.5, size=3), rng.normal(size=3)]
    yield nn.BatchNorm(*(each.copy() for each in row), activation="tanh"), rng.normal(size=(5, 3))
    yield nn.BatchNorm(*(each.copy() for each in row), activation="sigmoid"), rng.normal(size=(2, 3, 2, 2))
    yield nn.BatchNorm(rng.normal(size=12), rng.normal(size=12), flatten=True), rng.normal(size=(4, 3, 2, 2))
    yield nn.LayerNorm(*(each.copy() for each in row)), rng.normal(size=(2, 4, 3))


class TestLayers:
    @pytest.mark.parametrize("kind", range(4))
    def test_gradients_by_differences(self, kind, rng):
        layer, x = list(layers(rng))[kind]
        weights = rng.normal(size=x.shape)

        def loss():
            return float((layer.forward(x, train=True) * weights).sum())

        loss()
        dx, grads = layer.backward(weights), layer.grads
        assert set(grads) == set(layer.params)
        for array, gradient in [(x, dx), *((layer.params[name], grads[name]) for name in grads)]:
            np.testing.assert_allclose(gradient, gradient_by_differences(loss, array), rtol=1e-7, atol=1e-8)

    def test_backward_before_forward(self):
        for layer in (nn.BatchNorm(np.ones(2), np.ones(2)), nn.LayerNorm(np.ones(2), np.ones(2))):
            layer.forward(np.ones((3, 2)))
            with pytest.raises(nn.layer.FastdlError, match="train=True"):
                layer.backward(np.ones((3, 2)))

    @pytest.mark.parametrize("ddof", [0, 1])
    def test_running_statistics(self, ddof, rng):
        """The book's: momentum is the share of the old ones."""
        layer = nn.BatchNorm(np.ones(3), np.zeros(3), momentum=0.75, ddof=ddof)
        mean, variance = layer.buffers["running_mean"], layer.buffers["running_var"]
        expected = np.zeros(3), np.ones(3)
        for _ in range(4):
            x = rng.normal(size=(6, 3, 2))
            layer.forward(x, train=True)
            flat = np.moveaxis(x, 1, 0).reshape(3, -1)
            expected = (
                0.75 * expected[0] + 0.25 * flat.mean(axis=1),
                0.75 * expected[1] + 0.25 * flat.var(axis=1, ddof=ddof),
            )
        assert layer.buffers["running_mean"] is mean
        np.testing.assert_allclose(mean, expected[0], rtol=1e-13)
        np.testing.assert_allclose(variance, expected[1], rtol=1e-13)
        with unchanged(layer.buffers, layer.params):
            y = layer.forward(x)
        scale = np.sqrt(expected[1] + 1e-6)[:, None]
        np.testing.assert_allclose(y, (x - expected[0][:, None]) / scale, rtol=1e-12, atol=1e-13)

    def test_flattened_as_in_the_book(self, rng):
        x = rng.normal(size=(5, 3, 2, 2))
        flat = nn.BatchNorm(np.full(12, 2.0), np.ones(12), flatten=True)
        y = flat.forward(x, train=True)
        rows = x.reshape(5, -1)
        expected = 2 * (rows - rows.mean(axis=0)) / np.sqrt(rows.var(axis=0) + 1e-6) + 1
        np.testing.assert_allclose(y, expected.reshape(x.shape), rtol=1e-12)
        assert flat.backward(y).shape == x.shape
