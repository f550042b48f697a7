"""Dropout: the masks, the arithmetic, and the layer."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fastdl import kernels, nn, reference
from fastdl.errors import AliasError, ArrayError, DtypeError, FastdlError, HyperparameterError
from tests.activations import FUSIBLE, SLOPES
from tests.arrays import LAYOUTS
from tests.catalog import DTYPES
from tests.compare import assert_same_bits, assert_ulps, unchanged
from tests.processes import output

every_dtype = pytest.mark.parametrize("dtype", DTYPES)
every_activation = pytest.mark.parametrize("activation", FUSIBLE)
RATIOS = (0.0, 1 / 65536, 0.1, 0.5, 0.999, 1 - 1e-9)
SIZES = (0, 1, 3, 7, 8, 17, 127, 128, 129, 1000, 2047, 2049, 40_001)


def kept_by_hand(size, dropped, seed, stream, step):
    """From the documentation: the i-th 16 bits of random_bits(..., first=2**63) are at least `dropped`."""
    words = kernels.random_bits(size // 8 + 1, seed, stream, step, first=2**63).ravel().tolist()
    return np.array([(words[i // 2] >> 16 * (i % 2) & 0xFFFF) >= dropped for i in range(size)], bool)


class TestKernels:
    @every_dtype
    @pytest.mark.parametrize("ratio", RATIOS)
    def test_forward_by_hand(self, ratio, dtype, rng, threads):
        dropped = min(round(65536 * ratio), 65535)
        for size in SIZES:
            x = rng.normal(size=size).astype(dtype)
            seed, stream, step = (int(n) for n in rng.integers(0, [2**63, 2**32, 2**32]))
            kept = kept_by_hand(size, dropped, seed, stream, step)
            expected = np.where(kept, x * x.dtype.type(65536 / (65536 - dropped)), x.dtype.type(0))
            for count in (1, 2, 3, 7):
                threads(count)
                assert_same_bits(kernels.dropout_forward(x, ratio, seed, stream, step), expected)
                assert_same_bits(kernels.dropout_backward(x, ratio, seed, stream, step), expected)
            assert_same_bits(
                kernels.dropout_forward(x, ratio, seed, stream, step, scale=1.0), np.where(kept, x, x.dtype.type(0))
            )

    @every_dtype
    @pytest.mark.parametrize("activation", ["identity", "relu"])
    @pytest.mark.parametrize("scale", [None, 1.0, 0.3])
    def test_same_bits_as_the_reference(self, scale, activation, dtype, rng):
        x, dout = (rng.normal(size=(31, 67)).astype(dtype) for _ in range(2))
        at = {"ratio": 0.3, "seed": rng.seed, "stream": 2, "step": 3, "activation": activation, "scale": scale}
        y = kernels.dropout_forward(x, **at)
        assert_same_bits(y, reference.dropout_forward(x, **at))
        assert_same_bits(kernels.dropout_backward(dout, y=y, **at), reference.dropout_backward(dout, y=y, **at))

    @every_dtype
    @every_activation
    @pytest.mark.parametrize("scale", [None, 1.0])
    def test_activation_is_that_of_the_function(self, scale, activation, dtype, rng):
        x, dout = (3 * rng.normal(size=5001).astype(dtype) for _ in range(2))
        at = {"ratio": 0.5, "seed": rng.seed, "scale": scale}
        f = kernels.activation_forward(x, activation)
        y = kernels.dropout_forward(x, activation=activation, **at)
        assert_same_bits(y, kernels.dropout_forward(f, **at))
        # A scale of 2 is undone without rounding.
        dx = kernels.dropout_backward(dout, y=y, activation=activation, **at)
        apart = kernels.activation_backward(kernels.dropout_backward(dout, **at), f, activation)
        assert_ulps(dx + x.dtype.type(0), apart + x.dtype.type(0), 2)

    @every_dtype
    @every_activation
    def test_slopes_with_a_scale_that_rounds(self, activation, dtype, rng):
        """1 - y and 1 - y^2 are rounded at 1, and y / scale by up to 2 ulp."""
        x, dout = (3 * rng.normal(size=5001).astype(dtype) for _ in range(2))
        at = {"ratio": 0.3, "seed": rng.seed}
        f, y = kernels.activation_forward(x, activation), kernels.dropout_forward(x, activation=activation, **at)
        wide, g = f.astype(np.longdouble), kernels.dropout_backward(dout, **at).astype(np.longdouble)
        dx = kernels.dropout_backward(dout, y=y, activation=activation, **at)
        assert_ulps(dx, g * SLOPES[activation](wide), 8, scale=np.abs(g))

    @every_dtype
    @every_activation
    def test_what_is_dropped_is_0_whatever_it_was(self, activation, dtype):
        special = np.array([np.nan, np.inf, -np.inf, -0.0, 1e-40, -1.0, 3e38], dtype)
        x = np.resize(special, 1000)
        kept = kept_by_hand(1000, 32768, 3, 0, 0)
        y = kernels.dropout_forward(x, 0.5, 3, activation=activation)
        dx = kernels.dropout_backward(x, 0.5, 3, y=y, activation=activation)
        for result in (y, dx):
            assert_same_bits(result[~kept], np.zeros((~kept).sum(), dtype))
        if activation == "identity":
            with np.errstate(over="ignore"):
                for result in (y, dx):
                    assert np.array_equal(result[kept], 2 * x[kept], equal_nan=True)
        assert np.isnan(y[kept & np.isnan(x)]).all()

    @every_dtype
    def test_ratio_0_is_the_identity(self, dtype):
        x = np.array([1.5, -0.0, np.inf, -np.inf, np.nan, 1e-40], dtype)
        assert_same_bits(kernels.dropout_forward(x, 0.0, 1), x)
        assert_same_bits(kernels.dropout_forward(x, 1e-6, 1), x)
        assert_same_bits(kernels.dropout_backward(x, 0.0, 1), x)

    def test_the_mask_does_not_depend_on_dtype_layout_shape_or_size(self, rng):
        mask = kernels.dropout_forward(np.ones(40_001), 0.4, rng.seed, 1, 2) != 0
        for dtype in DTYPES:
            for size in SIZES:
                part = kernels.dropout_forward(np.ones(size, dtype), 0.4, rng.seed, 1, 2)
                assert ((part != 0) == mask[:size]).all()
            x = np.ones((20, 30, 10), dtype)
            for layout in LAYOUTS.values():
                y = kernels.dropout_forward(layout(x), 0.4, rng.seed, 1, 2)
                assert ((y != 0) == mask[:6000].reshape(x.shape)).all()

    @every_dtype
    @pytest.mark.parametrize("width", [(), (1,), (7,), (8,), (50,), (3, 43)], ids=str)
    def test_rows_of_a_batch_have_its_mask(self, width, dtype, rng, threads):
        """Also of rows so far down that their elements need more than 32 bits."""
        x = rng.normal(size=(900, *width)).astype(dtype)
        for activation in ("identity", "relu"):
            at = {"ratio": 0.3, "seed": rng.seed, "stream": 2, "activation": activation}
            y = kernels.dropout_forward(x, step=5, **at)
            dx = kernels.dropout_backward(x, step=5, y=y, **at)
            for count in (1, 2, 3, 7):
                threads(count)
                for begin, end in ((0, 900), (1, 900), (1, 2), (3, 3), (17, 801), (640, 900), (899, 900)):
                    rows, there = x[begin:end].copy(), {"step": 5, "first_row": begin} | at
                    assert_same_bits(kernels.dropout_forward(rows, **there), y[begin:end])
                    assert_same_bits(kernels.dropout_backward(rows, y=y[begin:end], **there), dx[begin:end])
                    assert_same_bits(reference.dropout_forward(rows, **there), y[begin:end])
                    assert_same_bits(reference.dropout_backward(rows, y=y[begin:end], **there), dx[begin:end])
        first, elements = 2**32 - 3, int(np.prod(width))
        far = kernels.dropout_forward(np.ones((2, *width), dtype), 0.5, 1, first_row=first)
        block, rest = divmod(first * elements, 8)
        words = kernels.random_bits(far.size // 8 + 2, 1, first=2**63 + block).view(np.uint16).ravel()
        assert ((far != 0).ravel() == (words[rest : rest + far.size] >= 32768)).all()

    def test_a_plan_reads_the_first_row_when_it_runs(self, rng):
        x, counter = rng.normal(size=(300, 7)), np.array([0, 4, 0], np.uint32)
        y = kernels.dropout_forward(x, 0.5, 1, step=4)
        share = x[:100].copy()
        with kernels.Plan(share) as plan:
            out = kernels.dropout_forward(share, 0.5, 1, step=counter)
            back = kernels.dropout_backward(out, 0.5, 1, step=counter)
        for first, step in ((0, 4), (100, 4), (133, 4), (200, 7)):
            counter[:] = step, step, first
            plan.run(x[first : first + 100].copy())
            expected = y if step == 4 else kernels.dropout_forward(x, 0.5, 1, step=step)
            assert_same_bits(out, expected[first : first + 100])
            assert_same_bits(back, 2 * out)

    def test_same_bits_at_every_cpu_level(self):
        source = """
import hashlib, numpy as np
from fastdl import kernels
x = np.linspace(-1, 1, 40_001)
results = [f(a.astype(dtype), 0.3, 5, 1, 2, **more) for dtype in ("float32", "float64") for a in (x, x[::-1])
           for f in (kernels.dropout_forward, kernels.dropout_backward)
           for more in ({}, {"activation": "relu"} | ({"y": x.astype(dtype)} if f is kernels.dropout_backward else {}))]
print(hashlib.sha256(b"".join(result.tobytes() for result in results)).hexdigest())
"""
        levels = kernels.build_info()["levels"]
        usable = levels[: levels.index(kernels.cpu_level()) + 1]
        assert len({output(source, env={"FASTDL_CPU": level}) for level in usable}) == 1

    @pytest.mark.parametrize("ratio", [0.1, 0.5, 0.9])
    def test_share_and_mean(self, ratio, rng):
        """The share of what is dropped, of pairs, and of what two steps drop both, within 5 standard errors."""
        n = 1 << 18
        masks = [kernels.dropout_forward(np.ones(n), ratio, rng.seed, *at) == 0 for at in ((0, 0), (0, 1), (1, 0))]
        p = kernels.dropout_ratio(ratio)
        for mask in masks:
            assert abs(mask.mean() - p) < 5 * math.sqrt(p * (1 - p) / n)
            for shift in (1, 2, 8, 16, 128):
                both = (mask & np.roll(mask, shift)).mean()
                assert abs(both - p * p) < 5 * math.sqrt(p * p / n)
        for i in range(3):
            both = (masks[i] & masks[i - 1]).mean()
            assert abs(both - p * p) < 5 * math.sqrt(p * p / n)
        y = kernels.dropout_forward(np.ones(n), ratio, rng.seed)
        assert abs(y.mean() - 1) < 5 * math.sqrt(p / (1 - p) / n)

    def test_masks_and_initial_weights_of_one_seed_are_independent(self):
        n = 1 << 16
        mask = kernels.dropout_forward(np.ones(n), 0.5, 7) != 0
        for draw in (kernels.random_normal, kernels.random_uniform):
            assert abs(np.corrcoef(mask, draw(n, 7, dtype="float64"))[0, 1]) < 5 / math.sqrt(n)
        bits = kernels.random_bits(n // 8, 7).view(np.uint16).ravel() >= 32768
        assert abs(np.corrcoef(mask, bits)[0, 1]) < 5 / math.sqrt(n)

    @pytest.mark.parametrize(("ratio", "used"), [(0, 0), (0.5, 32768), (0.1, 6554), (1e-6, 0), (1 - 1e-9, 65535)])
    def test_the_ratio_that_is_used(self, ratio, used):
        for each in (kernels, reference):
            assert each.dropout_ratio(ratio) == used / 65536
            assert each.dropout_ratio(used / 65536) == used / 65536


class TestRefusals:
    """Of what is special to dropout; test_refusals.py has what all functions refuse."""

    CALLS = {
        "dropout_forward": lambda **call: kernels.dropout_forward(**{"x": np.ones(3), "ratio": 0.5, "seed": 1} | call),
        "dropout_backward": lambda **call: kernels.dropout_backward(
            **{"dout": np.ones(3), "ratio": 0.5, "seed": 1} | call
        ),
    }

    @pytest.mark.parametrize("op", CALLS)
    @pytest.mark.parametrize(
        ("arg", "bad"),
        [
            *(("ratio", bad) for bad in (-0.1, 1, 1.0, 2, math.nan, math.inf, True, "0.5", None)),
            *(("seed", bad) for bad in (-1, 2**64, 1.0, True, None)),
            *(("stream", bad) for bad in (-1, 2**32, 0.5)),
            *(("step", bad) for bad in (-1, 2**32, 0.5)),
            *(("first_row", bad) for bad in (-1, 2**32, 0.5, True, None)),
            *(("scale", bad) for bad in (0, -1.0, math.nan, math.inf, True, "1", 10**400)),
            *(("activation", bad) for bad in ("gelu?", *kernels.NEED_INPUT)),
        ],
        ids=str,
    )
    def test_settings(self, arg, bad, op):
        out = np.full(3, 7.0)
        with unchanged(out), pytest.raises(HyperparameterError) as caught:
            self.CALLS[op](**{arg: bad}, out=out)
        assert (caught.value.op, caught.value.arg) == (op, arg)

    @pytest.mark.parametrize("op", CALLS)
    def test_counters(self, op):
        counter = np.zeros(3, np.uint32)
        self.CALLS[op](step=counter)
        for bad in (
            np.zeros(2, np.uint32),
            np.zeros(3, np.int32),
            np.zeros((1, 3), np.uint32),
            np.zeros(6, np.uint32)[::2],
        ):
            with pytest.raises(ArrayError, match="counter"):
                self.CALLS[op](step=bad)
            with pytest.raises(ArrayError, match="counter"):
                kernels.count_step(bad)
        with pytest.raises(HyperparameterError, match="first_row"):
            self.CALLS[op](step=counter, first_row=1)

    def test_a_scale_that_float32_does_not_have(self):
        with pytest.raises(HyperparameterError):
            kernels.dropout_forward(np.ones(3, np.float32), 0.5, 1, scale=1e39)

    def test_arrays(self):
        out = np.full(3, 7.0)
        for call, error, arg in (
            ({"activation": "relu"}, ArrayError, "y"),
            ({"y": np.ones(4)}, ArrayError, "y"),
            ({"y": np.ones((3, 1))}, ArrayError, "y"),
            ({"y": np.ones(3, np.float32)}, DtypeError, "y"),
        ):
            with unchanged(out), pytest.raises(error) as caught:
                self.CALLS["dropout_backward"](**call, out=out)
            assert caught.value.arg == arg
        field = np.ones(5)
        with unchanged(field), pytest.raises(AliasError):
            kernels.dropout_forward(field[:3], 0.5, 1, out=field[1:4])

    @pytest.mark.parametrize(
        "settings",
        [
            {"ratio": 1.0},
            {"seed": -1},
            {"seed": None},
            {"stream": 2**32},
            {"activation": "none"},
            {"activation": "gelu"},
        ],
        ids=str,
    )
    def test_layer(self, settings):
        with pytest.raises(HyperparameterError):
            nn.Dropout(**({"ratio": 0.5, "seed": 0} | settings))


class TestLayer:
    @pytest.mark.parametrize("inverted", [True, False])
    @every_activation
    @every_dtype
    def test_forward_and_backward_are_the_kernels(self, dtype, activation, inverted, rng):
        layer = nn.Dropout(0.3, rng.seed, inverted, stream=4, activation=activation)
        scale = None if inverted else 1.0
        for step in range(3):
            x, dout = (rng.normal(size=(9, 31)).astype(dtype) for _ in range(2))
            at = (0.3, rng.seed, 4, step)
            y = layer.forward(x, train=True)
            assert_same_bits(y, kernels.dropout_forward(x, *at, activation, scale))
            assert_same_bits(layer.backward(dout), kernels.dropout_backward(dout, *at, y, activation, scale))
            assert layer.step == step + 1

    @every_dtype
    def test_evaluation(self, dtype, rng):
        x = np.concatenate([rng.normal(size=5000), [np.nan, np.inf, -0.0]]).astype(dtype)
        layer = nn.Dropout(0.3, 1)
        assert_same_bits(layer.forward(x), x)
        book = nn.Dropout(0.3, 1, inverted=False)
        assert_same_bits(book.forward(x), x * x.dtype.type(1 - round(0.3 * 65536) / 65536))
        fused = nn.Dropout(0.3, 1, activation="tanh")
        assert_same_bits(fused.forward(x), kernels.activation_forward(x, "tanh"))
        assert layer.step == book.step == fused.step == 0

    def test_training_has_the_mean_of_evaluation(self, rng):
        """Over many steps, within 5 standard errors, for both kinds."""
        x, steps = np.full(100, 2.0), 4000
        for inverted in (True, False):
            layer = nn.Dropout(0.25, rng.seed, inverted)
            mean = np.mean([layer.forward(x, train=True) for _ in range(steps)], axis=0)
            kept = 2.0 / 0.75 if inverted else 2.0
            assert np.abs(mean - layer.forward(x)).max() < 5 * kept * math.sqrt(0.25 * 0.75 / steps)

    @pytest.mark.parametrize("activation", ["identity", "sigmoid", "tanh"])
    @pytest.mark.parametrize("inverted", [True, False])
    def test_gradient_by_differences(self, inverted, activation, rng):
        x, weights, h = rng.normal(size=(4, 5)), rng.normal(size=(4, 5)), 1e-5

        def loss(x):
            return (nn.Dropout(0.4, rng.seed, inverted, activation=activation).forward(x, train=True) * weights).sum()

        layer = nn.Dropout(0.4, rng.seed, inverted, activation=activation)
        layer.forward(x, train=True)
        dx = layer.backward(weights)
        for i in np.ndindex(x.shape):
            step = np.zeros_like(x)
            step[i] = h
            assert dx[i] == pytest.approx((loss(x + step) - loss(x - step)) / (2 * h), abs=1e-8)

    def test_a_resumed_run_goes_on_with_the_same_masks(self, rng):
        x = np.ones((20, 30), np.float32)
        layer = nn.Dropout(0.5, rng.seed, stream=3)
        outputs = [layer.forward(x, train=True) for _ in range(6)]
        assert len({y.tobytes() for y in outputs}) == 6
        resumed = nn.Dropout(0.5, layer.seed, stream=layer.stream)
        resumed.step = 3
        for y in outputs[3:]:
            assert_same_bits(resumed.forward(x, train=True), y)

    def test_backward_belongs_to_the_last_forward_in_training(self, rng):
        layer = nn.Dropout(0.5, rng.seed)
        with pytest.raises(FastdlError, match="no forward pass"):
            layer.backward(np.ones(3))
        y = layer.forward(np.ones(100), train=True)
        layer.forward(np.ones(7))
        assert_same_bits(layer.backward(np.ones(100)), y)
        assert_same_bits(layer.backward(np.ones(100)), y)
        with pytest.raises(ArrayError):
            layer.backward(np.ones(99))
        with pytest.raises(DtypeError):
            layer.backward(np.ones(100, np.float32))

    def test_a_forward_pass_that_fails_changes_nothing(self):
        layer = nn.Dropout(0.5, 1)
        y = layer.forward(np.ones(100), train=True)
        with pytest.raises(DtypeError):
            layer.forward(np.ones(100, int), train=True)
        assert layer.step == 1
        assert_same_bits(layer.backward(np.ones(100)), y)
        for bad in (2**32, -1, 1.0, True, None):
            with pytest.raises(HyperparameterError) as caught:
                layer.step = bad
            assert caught.value.arg == "step"
        assert layer.step == 1

    def test_rows_of_a_batch_are_dropped_as_in_the_batch(self, rng):
        """Also where a network's steps are planned: neither the first row nor the step makes a plan anew."""
        x = rng.normal(size=(64, 5))
        layer = nn.Dropout(0.5, rng.seed)
        y = layer.forward(x, train=True)
        dx = layer.backward(x)
        share = nn.Dropout(0.5, rng.seed)
        version = share._version
        for first in (0, 3, 40):
            share.first_row, share.step = first, 0
            assert share.first_row == first
            assert_same_bits(share.forward(x[first:], train=True), y[first:])
            assert_same_bits(share.backward(x[first:]), dx[first:])
            assert_same_bits(share.forward(x), x)
        assert share._version == version
        for bad in (2**32, -1, 1.0, True, None):
            with pytest.raises(HyperparameterError) as caught:
                share.first_row = bad
            assert caught.value.arg == "first_row"
        assert share.first_row == 40

    def test_it_has_no_parameters(self):
        assert nn.Dropout(0.5, 1).params == nn.Dropout(0.5, 1).grads == {}
