"""States of optimizers in bfloat16 and in bytes: how they round, and that every rule keeps them."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from fastdl import kernels, nn, optim, reference
from fastdl.errors import ArrayError, CheckpointError, DtypeError, HyperparameterError
from fastdl.optim.state_dtypes import stored_kind
from tests.catalog import RULES
from tests.compare import assert_same_bits, digest, unchanged

SIZES = (0, 1, 3, 255, 256, 257, 1000, 1024, 1025, 40_000)
REDUCED = ("bfloat16", "uint8")
FORMS = [("bfloat16", False), ("uint8", False), ("uint8", True)]

every_form = pytest.mark.parametrize(("dtype", "is_squares"), FORMS)
every_dtype = pytest.mark.parametrize("dtype", REDUCED)
every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)


@pytest.fixture(autouse=True)
def threads():
    before = kernels.get_num_threads()
    yield
    kernels.set_num_threads(before)


def draw(rng, size, is_squares=False):
    """Numbers of many sizes, some of them 0."""
    x = rng.normal(size=size) * 10.0 ** rng.integers(-6, 2, size) * (rng.random(size) > 0.05)
    return (np.square(x) if is_squares else x).astype(np.float32)


def zeros(rule, params, dtype):
    return [[kernels.encode_state(np.zeros_like(p), dtype) for p in params] for _ in rule.state]


def decoded(rule, params, rows):
    squares = kernels.RULES[rule.name].squares
    return [
        [kernels.decode_state(array, p.shape, name in squares) for p, array in zip(params, row, strict=True)]
        for name, row in zip(rule.state, rows, strict=True)
    ]


class TestRounding:
    @every_form
    @pytest.mark.parametrize("size", SIZES)
    def test_the_same_bits_as_the_reference(self, size, dtype, is_squares, rng):
        x = draw(rng, size, is_squares)
        x[300:301], x[301:302] = np.inf, np.nan  # one block is not finite
        x[-1:] = 3.3e38 if size == 1000 else 1e-44
        for place in ({}, {"seed": 2**63 + 5, "stream": 7, "step": 11, "number": 2}):
            ours = kernels.encode_state(x, dtype, **place, is_squares=is_squares)
            assert_same_bits(ours, reference.encode_state(x, dtype, **place, is_squares=is_squares))
            assert (ours.shape, ours.dtype) == stored_kind(dtype, x.shape)
            assert_same_bits(
                kernels.decode_state(ours, x.shape, is_squares), reference.decode_state(ours, x.shape, is_squares)
            )

    @every_form
    def test_to_one_of_the_two_neighbours(self, dtype, is_squares, rng):
        """bfloat16 has 7 bits of the mantissa and bytes have 3, above the smallest of the block."""
        x = draw(rng, 5000, is_squares)
        y = kernels.decode_state(kernels.encode_state(x, dtype, 1, is_squares=is_squares), x.shape, is_squares)
        bits = 7 if dtype == "bfloat16" else 3
        blocks = np.pad(np.abs(x), (0, -len(x) % 256)).reshape(-1, 256).max(1).repeat(256)[: len(x)]
        smallest = 0 if dtype == "bfloat16" else blocks * (2.0**-31 if is_squares else 2.0**-15) * 2
        is_large = np.abs(x) >= smallest
        exponent = np.floor(np.log2(np.abs(np.where(x == 0, 1, x))))
        assert is_large.mean() > 0.2
        assert (np.abs(y - x)[is_large] < 2.0 ** (exponent - bits)[is_large] + (x == 0)[is_large]).all()
        assert (np.abs(y - x)[~is_large] <= np.broadcast_to(smallest, x.shape)[~is_large]).all()
        assert (y[x == 0] == 0).all()
        assert ((y != 0) | (x == 0)).all() or not is_squares  # squares do not become 0

    @every_form
    def test_right_on_average(self, dtype, is_squares, rng):
        """The mean of N roundings is within five standard errors, the error of one being at most half the distance."""
        x = np.abs(rng.normal(size=1000).astype(np.float32)) + np.float32(0.01)
        runs = 1000
        encoded = (kernels.encode_state(x, dtype, 3, step=step, is_squares=is_squares) for step in range(runs))
        mean = np.mean([kernels.decode_state(each, x.shape, is_squares) for each in encoded], axis=0, dtype=np.float64)
        distance = 2.0 ** (np.floor(np.log2(x)) - (7 if dtype == "bfloat16" else 3))
        assert (np.abs(mean - x) < 5 * distance / 2 / runs**0.5).all()

    @pytest.mark.parametrize("share", [0.5, 0.1, 0.03])
    def test_elements_are_rounded_independently(self, share):
        """Also those whose numbers are one times powers of the salt: correlations within five standard errors."""
        x = np.full((1000, 4, 64), 1 + share / 8, np.float32)
        rounded = [kernels.decode_state(kernels.encode_state(x, "uint8", 1, number=k), x.shape) > 1 for k in range(3)]
        columns = np.concatenate([each.transpose(1, 0, 2).reshape(4, -1) for each in rounded])
        assert columns.mean(axis=1) == pytest.approx([share] * 12, rel=0.1)
        assert np.abs(np.corrcoef(columns) - np.eye(12)).max() < 5 / columns.shape[1] ** 0.5

    def test_small_signed_numbers_are_right_on_average(self):
        x = np.full(256, 1e-6, np.float32)
        x[0] = 1  # the smallest number of the block is 1.125 * 2**-15
        runs = 300
        encoded = (kernels.encode_state(x, "uint8", step=step) for step in range(runs))
        mean = np.mean([kernels.decode_state(each, x.shape)[1:].mean() for each in encoded])
        assert abs(mean / 1e-6 - 1) < 0.1  # five standard errors: a share of 0.03 of 76,500 numbers is not 0

    @every_form
    def test_what_can_be_stored_stays(self, dtype, is_squares, rng):
        x = draw(rng, 3000, is_squares)
        once = kernels.decode_state(kernels.encode_state(x, dtype, 1, is_squares=is_squares), x.shape, is_squares)
        again = kernels.decode_state(kernels.encode_state(once, dtype, 2, is_squares=is_squares), x.shape, is_squares)
        assert_same_bits(once, again)

    def test_special_values_of_bfloat16(self):
        x = np.array([np.inf, -np.inf, np.nan, -0.0, 0.0], np.float32)
        bits = np.array([0x7F800001, 0x7FFFFFFF, 0xFF800001], np.uint32).view(np.float32)  # NaNs of other bits
        for step in range(50):
            got = kernels.decode_state(kernels.encode_state(x, "bfloat16", step=step), x.shape)
            assert_same_bits(got, x)
            assert np.isnan(kernels.decode_state(kernels.encode_state(bits, "bfloat16", step=step), (3,))).all()

    @pytest.mark.parametrize("is_squares", [False, True])
    @pytest.mark.parametrize("value", [np.inf, np.nan, 3.3e38])
    def test_bytes_of_a_block_that_is_not_finite_are_nan(self, value, is_squares):
        x = np.ones(600, np.float32)
        x[300] = value
        got = kernels.decode_state(kernels.encode_state(x, "uint8", is_squares=is_squares), x.shape, is_squares)
        assert np.isnan(got[256:512]).all()
        assert (got[:256] == 1).all()
        assert (got[512:] == 1).all()

    @every_form
    def test_threads_and_layouts(self, dtype, is_squares, rng):
        x = draw(rng, (300, 400), is_squares)
        results = []
        for count in (1, 2, 3, 7):
            kernels.set_num_threads(count)
            results.append(kernels.encode_state(x, dtype, 5, is_squares=is_squares))
        results.append(kernels.encode_state(np.asfortranarray(x), dtype, 5, is_squares=is_squares))
        for each in results[1:]:
            assert_same_bits(each, results[0])

    def test_refusals(self):
        x = np.ones(3, np.float32)
        with pytest.raises(DtypeError, match="bfloat16 or uint8"):
            kernels.encode_state(x, "float16")
        with pytest.raises(DtypeError, match="float32"):
            kernels.encode_state(np.ones(3), "uint8")
        with pytest.raises(HyperparameterError, match="seed"):
            kernels.encode_state(x, "uint8", -1)
        with pytest.raises(HyperparameterError, match="number"):
            kernels.encode_state(x, "uint8", number=-1)
        with pytest.raises(ArrayError, match="wrong number of elements"):
            kernels.decode_state(np.zeros(3, np.uint8), (3,))
        with pytest.raises(DtypeError):
            kernels.decode_state(x, (3,))


class TestRules:
    @every_dtype
    @every_rule
    def test_the_same_bits_for_any_number_of_threads(self, rule, dtype, rng):
        start = [draw(rng, size) for size in SIZES]
        grads = [draw(rng, size) for size in SIZES]
        results = []
        for count in (1, 2, 3, 7):
            kernels.set_num_threads(count)
            params, rows, steps = [p.copy() for p in start], zeros(rule, start, dtype), np.zeros(len(start), np.int64)
            for _ in range(3):
                kernels.update(rule.name, params, grads, rows, steps, list(rule.settings[0].values()), seed=4)
            results.append((params, rows))
        assert len({digest(each) for each in results}) == 1

    @every_dtype
    @every_rule
    def test_a_step_is_that_of_float32_with_the_state_rounded(self, rule, dtype, rng):
        """What is stored is one of two neighbours; the arithmetic before is that of a float32 state."""
        params = [draw(rng, size) for size in SIZES]
        grads = [np.asarray(rng.normal(size=p.shape), np.float32) for p in params]
        rows = zeros(rule, params, dtype)
        squares = kernels.RULES[rule.name].squares
        for k, (name, row) in enumerate(zip(rule.state, rows, strict=True)):
            for i, p in enumerate(params):
                state = draw(rng, p.shape, name in squares)
                row[i] = kernels.encode_state(state, dtype, number=k, is_squares=name in squares)
        exact, exact_rows = [p.copy() for p in params], decoded(rule, params, rows)
        hyper = list(rule.settings[0].values())
        counts = [np.full(len(params), 6), np.full(len(params), 6)]
        kernels.update(rule.name, exact, grads, exact_rows, counts[0], hyper)
        kernels.update(rule.name, params, grads, rows, counts[1], hyper, seed=9)
        for k, (name, row) in enumerate(zip(rule.state, rows, strict=True)):
            for i, stored in enumerate(row):
                place = {"seed": 9, "stream": i, "step": 7, "number": k, "is_squares": name in squares}
                expected = reference.encode_state(exact_rows[k][i], dtype, **place)
                # LAMB's second pass is compiled apart, and the sum of a fused multiply-add may differ in the last bit.
                assert (stored != expected).sum() <= 2 + stored.size // 500, name
        for ours, theirs in zip(params, exact, strict=True):
            if rule.name == "lamb":  # its direction comes from the state that is stored
                continue
            np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-7)

    @every_dtype
    @pytest.mark.parametrize("name", ["adam", "momentum", "lion", "rmsprop", "adagrad", "adadelta"])
    def test_the_reference(self, name, dtype, rng):
        """It takes the same steps; where a sum is rounded otherwise, a state may become the other neighbour."""
        rule = next(each for each in RULES if each.name == name)
        ours, theirs = ([np.ones(700, np.float32)] for _ in range(2))
        rows, their_rows = zeros(rule, ours, dtype), zeros(rule, ours, dtype)
        counts = np.zeros(1, np.int64), np.zeros(1, np.int64)
        hyper = list(rule.settings[0].values())
        for _ in range(3):
            grads = [np.asarray(rng.normal(size=700), np.float32)]
            kernels.update(name, ours, grads, rows, counts[0], hyper, seed=2)
            reference.update(name, theirs, grads, their_rows, counts[1], hyper, seed=2)
        for a, b in zip(rows, their_rows, strict=True):
            assert (a[0] != b[0]).sum() < 15
        close = np.isclose(ours[0], theirs[0], rtol=1e-5, atol=1e-6)
        assert close.mean() > 0.97

    @pytest.mark.parametrize("state_dtype", ["float32", *REDUCED])
    def test_a_constant_gradient(self, state_dtype, rng):
        """Adam's second moment goes to the gradient's square, though each step moves it by a thousandth."""
        gradient = np.exp(rng.normal(size=2000)).astype(np.float32)
        params = {"p": np.zeros(2000, np.float32)}
        optimizer = optim.Adam(lr=0.0, state_dtype=state_dtype)
        for _ in range(6000):
            optimizer.update(params, {"p": gradient})
        ratio = optimizer.state["v"]["p"] / gradient**2
        assert abs(ratio.mean() - 1) < 0.01
        assert np.abs(ratio - 1).max() < {"float32": 0.01, "bfloat16": 0.1, "uint8": 0.3}[state_dtype]

    @every_dtype
    def test_options_together(self, dtype, rng):
        """Clipping, decay, averages and groups see the same parameters as with a state of float32."""
        start = {"W": draw(rng, (40, 30)), "b": draw(rng, 30)}
        options = {"clip_norm": 1.0, "clip_value": 0.1, "weight_decay": 0.1, "ema": 0.9, "groups": {"b": {"lr": 0.1}}}
        results = []
        for state_dtype in (None, dtype):
            params = copy.deepcopy(start)
            optimizer = optim.Adam(lr=0.01, **options, state_dtype=state_dtype, nonfinite="skip")
            optimizer.update(params, start)
            optimizer.update(params, {"W": np.full((40, 30), np.nan, np.float32), "b": start["b"]})
            results.append((params, optimizer.averages))
        assert digest(results[0]) == digest(results[1])  # in the first step the state is used before it is stored


class TestOptimizers:
    def trained(self, optimizer, steps, params=None):
        params = params or {"W": np.linspace(-1, 1, 600, dtype=np.float32).reshape(20, 30), "b": np.ones(3, np.float32)}
        for _ in range(steps):
            optimizer.update(params, {key: 2 * value for key, value in params.items()})
        return params

    @every_dtype
    @pytest.mark.parametrize("kind", [each for each in optim.OPTIMIZERS.values() if each.name != "ftrl"])
    def test_saved_and_loaded_it_goes_on_bit_for_bit(self, kind, dtype):
        whole, first = kind(state_dtype=dtype, seed=3, lr=0.01), kind(state_dtype=dtype, seed=3, lr=0.01)
        expected = self.trained(whole, 9)
        params = self.trained(first, 4)
        second = kind.from_config(first.get_config() | {"seed": 8})
        second.load_state_dict(pickle.loads(pickle.dumps(first.state_dict())))
        assert second.seed == 3
        assert digest(self.trained(second, 5, params), second.state_dict()) == digest(expected, whole.state_dict())
        assert digest(second.state) == digest(whole.state)
        other = kind(state_dtype=dtype, seed=4, lr=0.01)
        self.trained(other, 9)
        assert kind.name == "sgd" or pickle.dumps(other.state_dict()) != pickle.dumps(whole.state_dict())

    def test_what_is_shown(self):
        optimizer = optim.Adam(state_dtype="uint8")
        assert repr(optimizer) == "Adam(lr=0.001, beta1=0.9, beta2=0.999, eps=1e-07, state_dtype='uint8')"
        assert optimizer.get_config()["state_dtype"] == "uint8"
        assert optimizer.state == {}
        self.trained(optimizer, 1)
        assert optimizer.state["m"]["W"].shape == (20, 30)
        assert optimizer.state["m"]["W"].dtype == np.float32
        assert optimizer.state_dict()["state"]["m"]["W"].shape == (603,)
        assert "rounding" not in optim.Adam().state_dict()

    @pytest.mark.parametrize(("saved", "loads"), [(None, "bfloat16"), ("bfloat16", None), ("uint8", "bfloat16")])
    def test_another_dtype_is_not_loaded(self, saved, loads):
        source, target = optim.Adam(state_dtype=saved), optim.Adam(state_dtype=loads)
        self.trained(source, 1)
        self.trained(target, 2)
        with unchanged(target.state_dict()), pytest.raises(CheckpointError, match="state_dtype"):
            target.load_state_dict(source.state_dict())

    @every_dtype
    def test_damaged_states_are_refused(self, dtype):
        source = optim.Adam(state_dtype=dtype)
        self.trained(source, 1)
        for damage in (
            lambda saved: saved["rounding"].update(seed=-1),
            lambda saved: saved["rounding"].update(shapes={}),
            lambda saved: saved["rounding"]["shapes"].update(W=(20, 31)),
            lambda saved: saved["rounding"]["shapes"].update(W="20"),
            lambda saved: saved["rounding"].pop("seed"),
            lambda saved: saved["state"]["m"].update(W=np.zeros((20, 30), np.float32)),
        ):
            saved, target = source.state_dict(), optim.Adam(state_dtype=dtype)
            damage(saved)
            with pytest.raises(CheckpointError):
                target.load_state_dict(saved)
            assert target.state == {}

    def test_refusals(self):
        for settings in ({"state_dtype": "float16"}, {"seed": -1}, {"seed": True}, {"seed": 2**64}):
            with pytest.raises(HyperparameterError, match=next(iter(settings))):
                optim.Adam(**settings)
        for kind, settings in ((optim.Ftrl, {}), (optim.RMSprop, {"centered": True})):
            kind(state_dtype="float32", **settings)
            for dtype in REDUCED:
                with pytest.raises(HyperparameterError, match="not for this rule"):
                    kind(state_dtype=dtype, **settings)
        for dtype in ("float32", *REDUCED):
            params = {"W": np.ones(3)}
            with unchanged(params), pytest.raises(DtypeError, match="float64"):
                optim.Adam(state_dtype=dtype).update(params, {"W": np.ones(3)})
        optimizer = optim.Adam(state_dtype="uint8")
        params = self.trained(optimizer, 1)
        optimizer.state_dtype = "bfloat16"
        with unchanged(params), pytest.raises(HyperparameterError, match="state_dtype"):
            self.trained(optimizer, 1, params)

    @pytest.mark.parametrize("state_dtype", REDUCED)
    def test_planned_training_is_the_same_for_any_number_of_threads(self, state_dtype, rng):
        x, t = rng.normal(size=(64, 30)).astype(np.float32), rng.integers(0, 10, 64)
        results = []
        for count, is_planned in ((1, True), (2, True), (7, True), (2, False)):
            kernels.set_num_threads(count)
            network = nn.MLP((30, 70, 70, 10), seed=1)
            optimizer = optim.Adam(lr=0.01, state_dtype=state_dtype)
            for _ in range(6):
                if is_planned:
                    network.train_step(x, t, optimizer)
                else:
                    optimizer.update(network.params, network.loss_and_gradient(x, t)[1])
            results.append((network.params, optimizer.state))
        assert len({digest(each) for each in results}) == 1

    def test_a_users_rule(self, rng):
        pytest.importorskip("numba")

        @optim.rule(state=("m", "v"), squares=("v",), lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-7)
        def my_adam(p, g, m, v, *, t, lr, beta1, beta2, eps):
            m += (1 - beta1) * (g - m)
            v += (1 - beta2) * (g * g - v)
            return p - lr * np.sqrt(1 - beta2**t) / (1 - beta1**t) * m / (np.sqrt(v) + eps), m, v

        for dtype in REDUCED:
            ours, theirs = self.trained(my_adam(state_dtype=dtype), 3), self.trained(optim.Adam(state_dtype=dtype), 3)
            for key in ours:
                np.testing.assert_allclose(ours[key], theirs[key], rtol=1e-4, atol=1e-4)


def to_bfloat16(x):
    """Rounded to nearest, ties to even, as uint16."""
    bits = np.asarray(x, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)


def from_bfloat16(halves):
    return (halves.astype(np.uint32) << 16).view(np.float32)


class TestParametersInBfloat16:
    @every_rule
    def test_a_step_is_that_of_float32_rounded_to_nearest(self, rule, rng):
        params, grads = ([to_bfloat16(rng.normal(size=size)) for size in SIZES] for _ in range(2))
        rows = [[np.zeros(p.shape, np.uint16) for p in params] for _ in rule.state]
        exact, exact_grads = [from_bfloat16(p) for p in params], [from_bfloat16(g) for g in grads]
        exact_rows = [[np.zeros(p.shape, np.float32) for p in params] for _ in rule.state]
        counts = np.zeros(len(params), np.int64), np.zeros(len(params), np.int64)
        hyper = list(rule.settings[0].values())
        options = {"clip_norm": 5.0, "decay": [0.1] * len(params)}
        kernels.update(rule.name, params, grads, rows, counts[0], hyper, bfloat16=True, **options)
        kernels.update(rule.name, exact, exact_grads, exact_rows, counts[1], hyper, **options)
        if rule.name != "lamb":  # its direction comes from the state that is stored
            assert digest(params) == digest([to_bfloat16(p) for p in exact])
        assert digest(rows) == digest([[to_bfloat16(each) for each in row] for row in exact_rows])

    def test_state_in_float32_and_bytes(self, rng):
        start, grads = to_bfloat16(rng.normal(size=1000)), [to_bfloat16(rng.normal(size=1000))]
        for state in (np.zeros(1000, np.float32), np.zeros(1004, np.uint8)):
            params, steps = [start.copy()], np.zeros(1, np.int64)
            rows = [[state.copy()], [state.copy()]]
            kernels.update("adam", params, grads, rows, steps, [0.01, 0.9, 0.999, 1e-7], bfloat16=True, seed=1)
            step = from_bfloat16(params[0]) - from_bfloat16(start)
            assert np.median(np.abs(step)) == pytest.approx(0.01, rel=0.3)

    def test_ml_dtypes(self, rng):
        bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
        x, g = (rng.normal(size=(30, 20)).astype(bfloat16) for _ in range(2))
        params = {"W": x.copy()}
        optimizer = optim.Adam(lr=0.1)
        optimizer.update(params, {"W": g})
        assert optimizer.state["m"]["W"].dtype == bfloat16
        halves, rows = [x.view(np.uint16).copy()], [[np.zeros((30, 20), np.uint16)] for _ in range(2)]
        hyper = [0.1, 0.9, 0.999, 1e-7]
        kernels.update("adam", halves, [g.view(np.uint16)], rows, np.zeros(1, np.int64), hyper, bfloat16=True)
        assert_same_bits(params["W"].view(np.uint16), halves[0])

    def test_refusals(self):
        halves, x, steps = np.ones(4, np.uint16), np.ones(4, np.float32), np.zeros(1, np.int64)
        with unchanged(halves, x, steps):
            for params, grads in (([halves], [x]), ([x], [halves])):
                with pytest.raises(DtypeError, match="bfloat16=True"):
                    kernels.update("sgd", params, grads, [], steps, [0.1])
            with pytest.raises(DtypeError, match="bfloat16=True"):
                kernels.update("momentum", [x], [x.copy()], [[halves]], steps, [0.1, 0.9])
            with pytest.raises(HyperparameterError, match="seed"):
                kernels.update("momentum", [x], [x.copy()], [[np.zeros(5, np.uint8)]], steps, [0.1, 0.9])
            with pytest.raises(ArrayError, match="wrong shape"):
                kernels.update("momentum", [x], [x.copy()], [[np.zeros(4, np.uint8)]], steps, [0.1, 0.9], seed=1)
            with pytest.raises(DtypeError):
                kernels.update("momentum", [np.ones(4)], [x], [[halves]], steps, [0.1, 0.9], seed=1)
            with pytest.raises(HyperparameterError, match="seed"):
                kernels.update("momentum", [x], [x.copy()], [[halves]], steps, [0.1, 0.9], seed=-1)
