"""The kernels' results: right, and the same bits for any threads, any layout and any place in an array."""

from __future__ import annotations

import numpy as np
import pytest

from fastdl import kernels, reference
from tests.activations import EXACT, SLOPES, SMOOTH, SUMS, saved
from tests.arrays import LAYOUTS
from tests.catalog import DTYPES, FUNCTIONS, shape
from tests.compare import assert_same_bits, assert_ulps

THREADS = (1, 2, 3, 7)

# Around the width of a vector (4 to 16 elements), of a tile (6 rows, 8 to 64 columns), and of two of each.
EDGES = (1, 2, 3, 5, 6, 7, 8, 15, 16, 17, 31, 33, 63, 64, 65, 100, 130)

# A Latin square: every two edges meet in every two of the sizes.
SQUARE = [(EDGES[i], EDGES[j], EDGES[(i + j) % len(EDGES)]) for i in range(len(EDGES)) for j in range(len(EDGES))]

# Products by blocks (a right side of more than 1 MiB, blocks 256 or 512 deep): forward, for dx and for dW.
LARGE = [
    (3, 512, 512),
    (3, 513, 512),
    (1, 512, 513),
    (7, 1300, 260),
    (50, 1030, 513),
    (4, 257, 1025),
    (2, 70000, 5),
    (1, 3, 100000),
    (1030, 9, 300),
    (530, 65, 511),
    (600, 1, 500),
]
# More work than what one thread does alone: products in one go, with W by blocks, and dW by blocks.
FOR_A_TEAM = ({"B": 129, "I": 67, "O": 613}, {"B": 50, "I": 530, "O": 1313}, {"B": 600, "I": 67, "O": 613})

every_dtype = pytest.mark.parametrize("dtype", DTYPES)
every_function = pytest.mark.parametrize("function", FUNCTIONS, ids=str)
every_activation = pytest.mark.parametrize("activation", kernels.ACTIVATIONS)


def integers(rng, dtype, *size):
    """Small enough for their products to be added up without rounding."""
    return rng.integers(-4, 5, size=size).astype(dtype)


def outputs(rng, dtype, *size):
    """Results of an activation from which its slope comes without rounding."""
    return rng.choice([-0.5, 0.0, 0.25, 0.5, 1.0], size=size).astype(dtype)


class TestAffine:
    """x @ W + b and its gradients: exactly, on numbers that need no rounding."""

    def check(self, rng, dtype, activation, batch, inputs, outputs_):
        x, W = integers(rng, dtype, batch, inputs), integers(rng, dtype, inputs, outputs_)
        b, dout = integers(rng, dtype, outputs_), integers(rng, dtype, batch, outputs_)
        exact = x.astype(np.float64) @ W.astype(np.float64) + b
        np.testing.assert_array_equal(kernels.affine_forward(x, W, b), exact)
        np.testing.assert_array_equal(kernels.affine_forward(x, W, b, "relu"), np.maximum(exact, 0))

        y = outputs(rng, dtype, batch, outputs_)
        dz = dout.astype(np.float64) * SLOPES[activation](y.astype(np.float64))
        dx, dW, db = kernels.affine_backward(dout, x, W, y, activation)
        np.testing.assert_array_equal(dx, dz @ W.astype(np.float64).T)
        np.testing.assert_array_equal(dW, x.astype(np.float64).T @ dz)
        np.testing.assert_array_equal(db, dz.sum(axis=0))
        assert {array.dtype for array in (dx, dW, db)} == {np.dtype(dtype)}

    @every_dtype
    def test_sizes_around_vectors_and_tiles(self, dtype, rng):
        for i, (batch, inputs, outputs_) in enumerate(SQUARE):
            self.check(rng, dtype, kernels.ACTIVATIONS[i % 4], batch, inputs, outputs_)

    @every_dtype
    @pytest.mark.parametrize("sizes", LARGE, ids=str)
    def test_products_by_blocks(self, dtype, sizes, rng, threads):
        threads(1)
        self.check(rng, dtype, "tanh", *sizes)

    @every_dtype
    @every_activation
    @pytest.mark.parametrize("sizes", [(1, 1, 1), (128, 784, 100), (37, 130, 10), (20, 600, 700)], ids=str)
    def test_accuracy(self, activation, dtype, sizes, rng):
        """The error of adding up one by one; an activation makes it no larger, and adds its own."""
        batch, inputs, outputs_ = sizes
        x, W, b, dout = (
            rng.normal(size=s).astype(dtype)
            for s in ((batch, inputs), (inputs, outputs_), (outputs_,), (batch, outputs_))
        )
        wide = np.float64 if dtype == "float32" else np.longdouble
        x_, W_, b_, dout_ = (array.astype(wide) for array in (x, W, b, dout))
        z = np.empty((batch, outputs_), dtype)
        y = kernels.affine_forward(x, W, b, activation, z=z)
        scale = np.abs(x_) @ np.abs(W_) + np.abs(b_)
        assert_ulps(y, reference.affine_forward(x_, W_, b_, activation), inputs + 4, scale=scale)

        kept = saved(activation, z, y)
        dx, dW, db = kernels.affine_backward(dout, x, W, kept, activation)
        exact = reference.affine_backward(dout_, x_, W_, kept.astype(wide), activation)
        dz = np.abs(dout_ * (1 if activation in SUMS else SLOPES[activation](kept.astype(wide))))
        assert_ulps(dx, exact[0], outputs_ + 4, scale=dz @ np.abs(W_).T)
        assert_ulps(dW, exact[1], batch + 4, scale=np.abs(x_).T @ dz)
        assert_ulps(db, exact[2], 4, scale=dz.sum(axis=0))

    @every_dtype
    def test_an_element_does_not_depend_on_its_neighbours(self, dtype, rng):
        """Blocked or not, packed or not: columns and rows taken out give the same bits as the whole."""
        x, W, b = (rng.normal(size=s).astype(dtype) for s in ((13, 1100), (1100, 300), (300,)))
        whole = kernels.affine_forward(x, W, b, "tanh")
        for first, count in ((0, 1), (299, 1), (3, 2), (60, 5), (17, 16), (100, 65), (0, 130)):
            columns = np.s_[first : first + count]
            assert_same_bits(kernels.affine_forward(x, W[:, columns], b[columns], "tanh"), whole[:, columns])
        for rows in (np.s_[:1], np.s_[12:], np.s_[2:9], np.s_[::2]):
            assert_same_bits(kernels.affine_forward(x[rows], W, b, "tanh"), whole[rows])

        dout = rng.normal(size=(13, 300)).astype(dtype)
        dx, dW, db = kernels.affine_backward(dout, x, W, whole, "tanh")
        for columns in (np.s_[:1], np.s_[299:], np.s_[60:65], np.s_[:130]):
            part = kernels.affine_backward(dout[:, columns], x, W[:, columns], whole[:, columns], "tanh")
            assert_same_bits(part[1], dW[:, columns])
            assert_same_bits(part[2], db[columns])
        for rows in (np.s_[:1], np.s_[12:], np.s_[2:9]):
            assert_same_bits(kernels.affine_backward(dout[rows], x[rows], W, whole[rows], "tanh")[0], dx[rows])

    @every_dtype
    def test_dW_by_blocks_of_the_batch(self, dtype, rng):
        x, W, dout = (rng.normal(size=s).astype(dtype) for s in ((1030, 9), (9, 300), (1030, 300)))
        dW = kernels.affine_backward(dout, x, W, need_dx=False)[1]
        for inputs in (np.s_[:1], np.s_[8:], np.s_[1:8]):
            part = kernels.affine_backward(dout[:, 3:8], x[:, inputs], W[inputs, 3:8], need_dx=False)[1]
            assert_same_bits(part, dW[inputs, 3:8])

    @every_dtype
    @every_activation
    def test_activation_in_the_product_is_that_of_the_function(self, activation, dtype, rng):
        for outputs_ in (*EDGES, 613):
            x, W, b = (rng.normal(size=s).astype(dtype) for s in ((7, 5), (5, outputs_), (outputs_,)))
            apart = kernels.activation_forward(kernels.affine_forward(x, W, b), activation)
            assert_same_bits(kernels.affine_forward(x, W, b, activation), apart)
            z = np.full_like(apart, np.nan)
            assert_same_bits(kernels.affine_forward(x, W, b, activation, z=z), apart)
            assert_same_bits(z, kernels.affine_forward(x, W, b))
            dout, kept = rng.normal(size=apart.shape).astype(dtype), saved(activation, z, apart)
            dz = kernels.activation_backward(dout, kept, activation)
            for fused, plain in zip(
                kernels.affine_backward(dout, x, W, kept, activation),
                kernels.affine_backward(dz, x, W),
                strict=True,
            ):
                assert_same_bits(fused, plain)

    @every_dtype
    def test_equal_rows_and_columns_stay_equal(self, dtype, rng):
        """Every tail position of a tile computes as every other."""
        for batch in range(1, 14):
            for outputs_ in range(1, 131):
                x = np.tile(rng.normal(size=9).astype(dtype), (batch, 1))
                W = np.tile(rng.normal(size=(9, 1)).astype(dtype), (1, outputs_))
                b, dout = np.full(outputs_, 0.3, dtype), np.full((batch, outputs_), 0.7, dtype)
                y = kernels.affine_forward(x, W, b, "sigmoid")
                assert (y == y[0, 0]).all()
                dx, dW, db = kernels.affine_backward(dout, x, W, y, "sigmoid")
                assert (dx == dx[0]).all()
                assert (dW == dW[:, :1]).all()
                assert (db == db[0]).all()

    def test_db_is_summed_in_double_precision(self):
        dout = np.array([[2.0**24], [1], [1], [1], [-(2.0**24)]], np.float32)
        x, W = np.ones((5, 1), np.float32), np.ones((1, 1), np.float32)
        assert kernels.affine_backward(dout, x, W)[2] == 3

    def test_dx_is_left_out(self, rng):
        x, W, dout = rng.normal(size=(5, 4)), rng.normal(size=(4, 3)), rng.normal(size=(5, 3))
        with_dx = kernels.affine_backward(dout, x, W)
        dx, dW, db = kernels.affine_backward(dout, x, W, need_dx=False)
        assert dx is None
        assert_same_bits(dW, with_dx[1])
        assert_same_bits(db, with_dx[2])

    @every_dtype
    @pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
    def test_a_special_number_reaches_what_it_should_and_nothing_else(self, special, dtype, rng):
        """Padding and neighbouring tiles are multiplied with it too, and must not be seen."""
        for sizes in ((7, 5, 3), (7, 9, 70), (13, 1100, 300)):
            x, W, b = (rng.uniform(0.5, 1, size=s).astype(dtype) for s in (sizes[:2], sizes[1:], sizes[2:]))
            x[2, -1] = special
            y = kernels.affine_forward(x, W, b)
            assert np.array_equal(y[2], np.full(sizes[2], special, dtype), equal_nan=True)
            assert np.isfinite(np.delete(y, 2, axis=0)).all()
            dx, dW, db = kernels.affine_backward(y, x, W)
            assert np.isfinite(np.delete(dx, 2, axis=0)).all()
            assert not np.isfinite(db).any()
            assert not np.isfinite(dW).any()
            W[0, 1] = special
            y = kernels.affine_forward(np.ones_like(x), W, b)
            assert np.isfinite(np.delete(y, 1, axis=1)).all()
            assert not np.isfinite(y[:, 1]).any()


class TestEveryFunction:
    @every_dtype
    @every_function
    @pytest.mark.parametrize("sizes", FOR_A_TEAM, ids=lambda sizes: str(tuple(sizes.values())))
    def test_same_bits_for_any_number_of_threads(self, sizes, function, dtype, rng, threads):
        arguments = function.arguments(sizes, dtype, rng)
        threads(1)
        expected = function(**arguments)
        for n in THREADS:
            threads(n)
            for ours, theirs in zip(function(**arguments), expected, strict=True):
                assert_same_bits(ours, theirs)

    @every_dtype
    @every_function
    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_same_bits_in_any_layout(self, layout, function, dtype, rng):
        arguments = function.arguments({"B": 9, "I": 5, "O": 21}, dtype, rng)
        expected = function(**arguments)
        changed = {
            name: LAYOUTS[layout](value) if isinstance(value, np.ndarray) and value.dtype.kind == "f" else value
            for name, value in arguments.items()
        }
        for ours, theirs in zip(function(**changed), expected, strict=True):
            assert_same_bits(ours, theirs)
            if isinstance(ours, np.ndarray):
                assert ours.flags.c_contiguous
                assert ours.flags.owndata

    @every_dtype
    @every_function
    def test_inputs_may_be_read_only_and_are_not_changed(self, function, dtype, rng):
        arguments = function.arguments({"B": 9, "I": 5, "O": 21}, dtype, rng)
        for value in arguments.values():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False
        function(**arguments)

    @every_dtype
    @every_function
    def test_results_are_written_where_out_says(self, function, dtype, rng):
        sizes = {"B": 9, "I": 5, "O": 21}
        arguments = function.arguments(sizes, dtype, rng)
        expected = function(**arguments)
        places = [np.full(shape(at, sizes), np.nan, dtype) for at in function.writes]
        results = function(**arguments, out=function.out(places))
        for ours, theirs in zip(results, expected, strict=True):
            assert_same_bits(ours, theirs)
        for place, result in zip(places, results[-len(places) :], strict=True):
            assert result is place

    @every_dtype
    @pytest.mark.parametrize(
        ("function", "name"),
        [(function, name) for function in FUNCTIONS for name in function.in_place],
        ids=lambda value: str(value),
    )
    def test_in_place(self, function, name, dtype, rng):
        arguments = function.arguments({"B": 9, "I": 5, "O": 21}, dtype, rng)
        expected = function(**arguments)[0]
        place = arguments[name]
        assert function(**arguments, out=place)[0] is place
        assert_same_bits(place, expected)


SPECIAL = [0.0, 5e-324, 1e-310, 1e-45, 1e-39, 1e-30, 1.0, 88.7, 1e4, 3e38, 1e300, np.inf, np.nan]


def specials(dtype):
    with np.errstate(over="ignore", under="ignore"):
        return np.array([sign * value for value in SPECIAL for sign in (1, -1)]).astype(dtype)


def kinds(array):
    """NaN, -inf, +inf, or a number's sign."""
    return np.where(np.isnan(array), 9, np.where(np.isinf(array), 8, 1) * np.sign(array))


class TestActivations:
    @every_dtype
    @every_activation
    def test_an_element_does_not_depend_on_its_place(self, activation, dtype, rng):
        x = np.concatenate([specials(dtype), (rng.normal(size=200) * 4).astype(dtype)])
        dout = rng.normal(size=x.size).astype(dtype)
        y = kernels.activation_forward(x, activation)
        kept = saved(activation, x, y)
        dx = kernels.activation_backward(dout, kept, activation)
        for first in range(17):
            for count in range(131):
                part = np.s_[first : first + count]
                assert_same_bits(kernels.activation_forward(x[part], activation), y[part])
                assert_same_bits(kernels.activation_backward(dout[part], kept[part], activation), dx[part])

    @every_dtype
    @every_activation
    @pytest.mark.parametrize("size", [(), (0,), (3, 0, 2), (2, 3, 4, 5), (1,) * 32, (4097,)], ids=str)
    def test_any_shape(self, size, activation, dtype, rng):
        x, dout = (np.asarray(rng.normal(size=size)).astype(dtype) for _ in range(2))
        y = kernels.activation_forward(x, activation)
        assert_ulps(y, EXACT[activation](np.asarray(x, np.longdouble)), 3)
        kept = saved(activation, x, y)
        dx = kernels.activation_backward(dout, kept, activation)
        slope = SLOPES[activation](np.asarray(kept, np.longdouble))
        assert_ulps(dx, dout * slope, 6, scale=np.abs(dout) if activation in SUMS else None)

    @every_dtype
    @every_activation
    def test_specials_are_those_of_the_numpy_expression(self, activation, dtype):
        x = specials(dtype)
        with np.errstate(all="ignore"):
            desired = reference.activation_forward(x.astype(np.longdouble), activation)
            # Half of the smallest number may become that or 0.
            clear = (desired == 0) | ~(np.abs(desired) < np.finfo(dtype).smallest_subnormal)
            np.testing.assert_array_equal(
                kinds(kernels.activation_forward(x, activation))[clear], kinds(desired.astype(dtype))[clear]
            )
            dout, y = np.meshgrid(x, x[~(x < 0)] if activation == "softplus" else x)  # which is nowhere negative
            np.testing.assert_array_equal(
                kinds(kernels.activation_backward(dout, y, activation)),
                kinds(reference.activation_backward(dout, y, activation)),
            )

    @every_dtype
    def test_specials_of_sigmoid_and_tanh(self, dtype):
        x = np.array([-np.inf, -1e4, -0.0, 0.0, 1e4, np.inf, np.nan], dtype)
        tanh = kernels.activation_forward(x, "tanh")
        np.testing.assert_array_equal(tanh, [-1, -1, 0, 0, 1, 1, np.nan])
        np.testing.assert_array_equal(np.signbit(tanh[2:4]), [True, False])
        np.testing.assert_array_equal(kernels.activation_forward(x, "sigmoid"), [0, 0, 0.5, 0.5, 1, 1, np.nan])
        tail = kernels.activation_forward(np.array([-100.0, -740.0], dtype), "sigmoid")
        assert_ulps(tail[0], np.exp(np.longdouble(-100)), 1)  # a subnormal float32
        assert (tail[1] > 0) == (dtype == "float64")

    @every_dtype
    @pytest.mark.parametrize("activation", ["gelu", "gelu_tanh", "silu"])
    def test_specials_of_what_is_not_monotonic(self, activation, dtype):
        x = np.array([-np.inf, -1e4, -0.0, 0.0, 1e4, np.inf, np.nan], dtype)
        y = kernels.activation_forward(x, activation)
        np.testing.assert_array_equal(y, [0, 0, 0, 0, 1e4, np.inf, np.nan])
        np.testing.assert_array_equal(np.signbit(y[:-1]), [True, True, True, False, False, False])
        dx = kernels.activation_backward(np.ones_like(x), x, activation)
        np.testing.assert_array_equal(dx, [0, 0, 0.5, 0.5, 1, 1, np.nan])

    @every_dtype
    @pytest.mark.parametrize("alpha", [1e-3, 0.3, 1, 2.5])
    def test_alpha(self, alpha, dtype):
        x = np.linspace(-9, 9, 1001).astype(dtype)
        dout, a = np.full_like(x, 3), np.dtype(dtype).type(alpha)
        y = kernels.activation_forward(x, "leaky_relu", alpha=alpha)
        assert_same_bits(y, np.where(x < 0, a * x, x))
        dx = kernels.activation_backward(dout, y, "leaky_relu", alpha=alpha)
        assert_same_bits(dx, np.where(x > 0, dout, a * dout))
        y = kernels.activation_forward(x, "elu", alpha=alpha)
        assert_ulps(y, np.where(x < 0, a * np.expm1(np.minimum(x, 0).astype(np.longdouble)), x), 2)
        dx = kernels.activation_backward(dout, y, "elu", alpha=alpha)
        assert_ulps(dx, np.where(x > 0, dout, dout * (y.astype(np.longdouble) + a)), 2, scale=dout * max(alpha, 1))
        assert_same_bits(kernels.activation_forward(x, "elu"), kernels.activation_forward(x, "elu", alpha=1.0))

    @every_dtype
    @pytest.mark.parametrize("activation", SMOOTH)
    def test_slope(self, activation, dtype, rng):
        """From the result it has the result's own error; what cancels is measured at 1."""
        x = np.concatenate([rng.normal(size=20_000) * 3, rng.uniform(-60, 60, 5000)]).astype(dtype)
        kept = saved(activation, x, kernels.activation_forward(x, activation))
        dx = kernels.activation_backward(np.ones_like(x), kept, activation)
        slope = SLOPES[activation](kept.astype(np.longdouble))
        assert_ulps(dx, slope, 4 if activation != "softplus" else 2, scale=1 if activation in SUMS else None)

    @pytest.mark.parametrize("activation", SMOOTH)
    def test_accuracy_of_float32(self, activation):
        """Every 4099th of all float32 numbers: some from each power of two."""
        bits = np.arange(0, 2**32, 4099, dtype=np.uint32)
        check_bits(bits, activation, EXACT[activation])

    @pytest.mark.parametrize("activation", SMOOTH)
    def test_accuracy_of_float64(self, activation, rng):
        magnitudes = np.concatenate([np.exp(rng.uniform(-745, 7, 50_000)), np.linspace(0, 50, 50_001)])
        x = np.concatenate([magnitudes, -magnitudes, specials("float64")])
        with np.errstate(all="ignore"):
            desired = EXACT[activation](x.astype(np.longdouble))
        assert_ulps(kernels.activation_forward(x, activation), desired, 2)

    @pytest.mark.long
    @pytest.mark.parametrize("activation", SMOOTH)
    def test_accuracy_of_every_float32(self, activation):
        block = np.arange(2**22, dtype=np.uint32)
        for first in range(0, 2**32, block.size):
            check_bits(block + np.uint32(first), activation, EXACT[activation])


def check_bits(bits, activation, exact):
    """The activation of the float32 numbers with these bits is right to 2 ulp."""
    x = bits.view(np.float32)
    with np.errstate(all="ignore"):
        desired = exact(x.astype(np.float64))
    y = kernels.activation_forward(x, activation)
    with np.errstate(invalid="ignore", over="ignore"):  # ulps() takes two minutes for all numbers, this half of one
        near = np.abs(y - desired) <= 2 * np.spacing(np.abs(desired).astype(np.float32))
    near |= np.isnan(y) & np.isnan(desired)
    if not near.all():
        assert_ulps(y[~near], desired[~near], 2)


class TestSoftmax:
    @every_dtype
    @pytest.mark.parametrize("spread", [1, 30, 1000])
    def test_accuracy(self, spread, dtype, rng):
        """One ulp of the exponential, half of 1 / sum, half of the product; in float64 that of the sum too."""
        for batch, classes in ((1, 1), (3, 2), (7, 10), (5, 131), (300, 10), (3, 5000)):
            x = (rng.normal(size=(batch, classes)) * spread).astype(dtype)
            y = kernels.softmax(x)
            shifted = (x - x.max(axis=1, keepdims=True)).astype(np.longdouble)
            e = np.exp(shifted)
            limit = 2.5 if dtype == "float32" else 6 + classes / 1000
            assert_ulps(y, e / e.sum(axis=1, keepdims=True), limit)
            np.testing.assert_allclose(y.sum(axis=1), 1, rtol=4 * np.finfo(dtype).eps)

    @every_dtype
    def test_accuracy_of_the_exponential(self, dtype):
        """So far below the maximum, the sum is 1 and what remains is the exponential alone."""
        lowest = -104 if dtype == "float32" else -746
        x = np.linspace(lowest, -38, 100_001).astype(dtype)
        y = kernels.softmax(np.stack([np.zeros_like(x), x], axis=1))[:, 1]
        assert_ulps(y, np.exp(x.astype(np.longdouble)), 1)

    @every_dtype
    def test_rows_do_not_depend_on_their_place(self, dtype, rng):
        for classes in (*range(1, 131), 2047, 2049):
            x = rng.normal(size=(13, classes)).astype(dtype)
            y = kernels.softmax(x)
            for i in range(13):
                assert_same_bits(kernels.softmax(x[i : i + 1])[0], y[i])
            same = kernels.softmax(np.full((3, classes), 0.7, dtype))
            assert (same == same[0, 0]).all()

    @every_dtype
    def test_specials(self, dtype):
        inf, nan = np.inf, np.nan
        big = np.finfo(dtype).max
        x = np.array(
            [
                [big, -big, 0],
                [big, big, 0],
                [-inf, 0, 0],
                [-inf, -inf, -inf],
                [inf, 0, 0],
                [inf, inf, 0],
                [nan, 0, 0],
                [0, 0, nan],
                [0, nan, inf],
            ],
            dtype,
        )
        rows = [[1, 0, 0], [0.5, 0.5, 0], [0, 0.5, 0.5]] + [[nan] * 3] * 6
        with np.errstate(all="raise"):
            np.testing.assert_array_equal(kernels.softmax(x), rows)
        np.testing.assert_array_equal(kernels.softmax(np.array([[5.0], [-big]], dtype)), [[1], [1]])
        for row, probabilities in zip(x, rows, strict=True):
            loss, gradient = kernels.softmax_cross_entropy(row[None], np.array([1]))
            np.testing.assert_array_equal(gradient, np.subtract([probabilities], [[0, 1, 0]]))
            assert np.isnan(loss) == np.isnan(probabilities[1])

    @every_dtype
    @pytest.mark.parametrize("spread", [0.01, 1, 30])
    def test_cross_entropy_and_its_gradient(self, spread, dtype, rng):
        eps, eps_of_sum = np.finfo(dtype).eps, np.finfo("float64").eps
        for batch, classes in ((1, 1), (1, 2), (3, 2), (7, 10), (128, 10), (5, 131), (1001, 10), (3, 5000)):
            logits = (rng.normal(size=(batch, classes)) * spread).astype(dtype)
            labels = rng.integers(classes, size=batch)
            loss, gradient = kernels.softmax_cross_entropy(logits, labels)
            exact_loss, exact_gradient = reference.softmax_cross_entropy(logits.astype(np.longdouble), labels)
            assert type(loss) is float
            error_bound = (2 * eps + batch * eps_of_sum) * max(np.log(classes), abs(exact_loss))
            assert abs(loss - exact_loss) <= error_bound
            assert_ulps(gradient, exact_gradient, 3, scale=np.abs(exact_gradient) + 1 / batch)

    @every_dtype
    def test_a_hopeless_row_has_a_finite_loss(self, dtype):
        assert kernels.softmax_cross_entropy(np.array([[1e4, 0.0]], dtype), np.array([1]))[0] == 1e4

    @every_dtype
    @pytest.mark.parametrize("kind", ["?", "i1", "u1", "i2", ">i4", "i8", "u8", "f4", "f8", ">f8"])
    @pytest.mark.parametrize("classes", [2, 9])  # 9: as many as rows
    def test_labels_of_every_kind(self, classes, kind, dtype, rng):
        logits = rng.normal(size=(9, classes)).astype(dtype)
        labels = rng.integers(classes, size=9)
        loss, gradient = kernels.softmax_cross_entropy(logits, labels)
        one_hot = np.eye(classes)[labels].astype(kind)
        forms = [one_hot, np.asfortranarray(one_hot), np.repeat(one_hot, 2, axis=0)[::2]]
        if np.dtype(kind).kind in "iu":
            numbers = labels.astype(kind)
            forms += [numbers, np.repeat(numbers, 2)[::2], numbers[::-1].copy()[::-1]]
        for form in forms:
            same_loss, same_gradient = kernels.softmax_cross_entropy(logits, form)
            assert same_loss == loss
            assert_same_bits(same_gradient, gradient)


class TestGather:
    @every_dtype
    @pytest.mark.parametrize("source", ["uint8", *DTYPES])
    @pytest.mark.parametrize("rest", [(), (1,), (7,), (131,), (2, 3, 5), (0,), (4, 0)], ids=str)
    def test_rows_times_scale(self, rest, source, dtype, rng):
        data = (rng.normal(size=(6, *rest)) * 100).astype(source)
        for rows in ([], [5], [0, 5, 0, 3], rng.integers(6, size=50)):
            indices = np.asarray(rows, np.int64)
            for scale in (1.0, 1 / 255, 0, -2):
                expected = data[indices].astype(dtype) * np.dtype(dtype).type(scale)
                assert_same_bits(kernels.gather(data, indices, scale, dtype), expected)

    @pytest.mark.parametrize("kind", ["i1", "u1", ">i2", "u4", "i8", "u8"])
    def test_indices_of_every_kind(self, kind, rng):
        data = rng.integers(256, size=(6, 4), dtype=np.uint8)
        rows = np.array([5, 0, 3])
        for indices in (rows.astype(kind), np.repeat(rows, 2).astype(kind)[::2]):
            assert_same_bits(kernels.gather(data, indices), data[rows].astype(np.float32))

    def test_data_in_any_layout(self, rng):
        data = rng.integers(256, size=(6, 4, 3), dtype=np.uint8)
        for other in (np.asfortranarray(data), data[::-1].copy()[::-1], np.repeat(data, 2, axis=1)[:, ::2]):
            assert_same_bits(kernels.gather(other, np.array([2, 2, 5])), data[[2, 2, 5]].astype(np.float32))
