"""The tests would notice: each comparison is tried on something wrong, each important test on a kernel made wrong."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from fastdl import kernels, nn, optim
from tests import everything, test_book, test_kernels, test_nn, test_update
from tests.catalog import FUNCTIONS, RULES
from tests.compare import assert_close, assert_same_bits, assert_ulps, digest, ulps, unchanged
from tests.differences import gradient_by_differences

rejected = functools.partial(pytest.raises, AssertionError)


class TestUlps:
    def test_they_are_counted(self):
        one = np.float32(1)
        above, below = np.nextafter(one, np.float32(2)), np.nextafter(one, np.float32(0))
        assert ulps(above, one) == 1
        assert ulps(below, one) == 0.5  # spacing is finer below a power of two
        assert ulps(one, np.float64(1) + 2**-25) == 0.25
        assert ulps(np.float64(1), np.longdouble(1) + np.longdouble(2) ** -60) == 2**-8
        assert ulps(np.float32(0), np.float32(1e-45)) == 1
        assert ulps(np.float32([0.0]), np.float32([-0.0])) == 0
        assert ulps(np.float32([1]), np.float32([2]), scale=2**24) == 0.5

    def test_specials(self):
        inf, nan = np.inf, np.nan
        same = np.array([inf, -inf, nan])
        assert_ulps(same, same, 0)
        assert_ulps(np.float32([inf]), np.array([1e39]), 0)  # beyond float32
        for actual, desired in [(inf, -inf), (inf, 1), (1, inf), (nan, 1), (1, nan), (nan, inf), (inf, nan)]:
            with rejected():
                assert_ulps(np.array([1.0, actual]), np.array([1.0, desired]), 1e300)

    @pytest.mark.parametrize("size", [1, 16, 17, 1025])
    def test_one_wrong_element(self, size, rng):
        """Wherever it is, the tail included; the message says where."""
        desired = rng.standard_normal(size).astype(np.float32)
        for place in {0, size // 2, size - 1}:
            actual = desired.copy()
            for _ in range(3):
                actual[place] = np.nextafter(actual[place], np.float32(np.inf))
            assert_ulps(actual, desired, 6)
            with rejected(match=rf"1 of {size} .*\[{place}\]"):
                assert_ulps(actual, desired, 1)

    def test_shapes_and_dtypes(self):
        x = np.ones((2, 3))
        for other in (np.ones(6), np.ones((1, 3)), np.ones((3, 2)), np.float64(1), np.ones((2, 3), np.float32)):
            with rejected():
                assert_ulps(x, other, 1e300)
        with rejected():
            assert_ulps(np.ones(2, int), np.ones(2), 1)
        assert_ulps(np.empty((0, 3)), np.empty((0, 3)), 0)

    def test_everything_wrong(self, rng):
        x = rng.standard_normal(100)
        for wrong in (-x, 0 * x, x[::-1], np.roll(x, 1), x * (1 + 1e-6), np.sort(x), np.abs(x)):
            with rejected():
                assert_ulps(wrong, x, 100)


class TestBits:
    def test_the_smallest_difference(self, rng):
        for dtype in (np.float32, np.float64):
            x = rng.standard_normal((5, 7)).astype(dtype)
            assert_same_bits(x, x.copy(order="F"))
            wrong = x.copy()
            wrong[4, 6] = np.nextafter(wrong[4, 6], dtype(9))
            with rejected(match=r"1 of 35 .*\[4, 6\]"):
                assert_same_bits(wrong, x)

    def test_equal_is_not_enough(self):
        for actual, desired in [
            (np.array([0.0]), np.array([-0.0])),
            (np.array([1.0]), np.array([1.0], np.float32)),
            (np.array([1.0]), np.array([[1.0]])),
            (np.array([1]), np.array([1.0])),
            (np.array([0x7FF8000000000000]).view(float), np.array([0x7FF8000000000001]).view(float)),
        ]:
            with rejected():
                assert_same_bits(actual, desired)
        assert_same_bits(np.array([np.nan]), np.array([np.nan]))


class TestClose:
    def test_wrong_results(self, rng):
        x = rng.standard_normal(100)
        assert_close(x * (1 + 1e-12), x, 1e-11)
        for wrong in (-x, 0 * x, np.roll(x, 1), x * (1 + 1e-9), x[:99], x[:, None], x * np.nan):
            with rejected():
                assert_close(wrong, x, 1e-10)
        with rejected():
            assert_close(np.array([1e-9]), np.array([0.0]), 1e-10)


class TestUnchanged:
    def test_it_notices(self, rng):
        x = rng.standard_normal((4, 5))
        for change in (
            lambda x: x.__setitem__((3, 4), np.nextafter(x[3, 4], 9)),
            lambda x: x.__setitem__((0, 0), -x[0, 0]),
            lambda x: x.sort(),
            lambda x: setattr(x, "shape", (5, 4)),
        ):
            with rejected(match="changed"), unchanged({"a": [x.copy(), (changed := x.copy())]}):
                change(changed)
        with unchanged(x):
            x.copy()[:] = 0
        counts = {"t": 1}
        with rejected(), unchanged(counts):
            counts["t"] = 2

    def test_digests_differ(self):
        seen = [
            *(np.zeros(shape, dtype) for shape in [(2, 3), (3, 2), (6,)] for dtype in ("f4", "f8", "i8")),
            *([], {}, [0], [[0]], {"a": 0}, {"b": 0}, {"a": 1}, 0, 0.0, None, "0"),
            -np.zeros((2, 3)),
        ]
        assert len({digest(each) for each in seen}) == len(seen)

    def test_one_bit_of_everything_counts(self, monkeypatch):
        results = everything.results()
        monkeypatch.setattr(everything, "results", lambda: results)
        before = everything.digest()
        name = next(name for name in results if name.startswith("update adam v2"))
        results[name][-1] = np.nextafter(results[name][-1], 9)
        assert everything.digest() != before


def test_differences_know_wrong_gradients(rng):
    x = rng.standard_normal(5)
    by_differences = gradient_by_differences(lambda: float((x**3).sum()), x)
    assert_close(3 * x**2, by_differences, 1e-10)
    for wrong in (-3 * x**2, 3 * x, 3.000001 * x**2, np.zeros(5)):
        with rejected():
            assert_close(wrong, by_differences, 1e-9)


# Optimizers that are wrong. Each takes the arguments of kernels.update, and the right one.


def install(monkeypatch, wrong, right=kernels.update):
    """A wrong update in place of the right one. The keywords say how gradients are treated, and what comes before."""

    def update(*arguments, **treatment):
        wrong(functools.partial(right, **treatment), *arguments)
        return True

    monkeypatch.setattr(kernels, "update", update)


def no_op(right, rule, params, grads, state, steps, hyper, *keys):
    steps += 1


def sign_flipped(right, rule, params, grads, *rest):
    right(rule, params, [np.asarray(-g) for g in grads], *rest)


def sign_flipped_here_and_there(right, rule, params, grads, *rest):
    """One gradient in a hundred: the norm of the result hardly differs."""
    right(rule, params, [np.where(np.arange(g.size).reshape(g.shape) % 100 == 0, -g, g) for g in grads], *rest)


def with_other(position, change):
    def wrong(right, rule, params, grads, state, steps, hyper, *keys):
        hyper = list(hyper)
        hyper[position] = change(hyper[position])
        right(rule, params, grads, state, steps, hyper, *keys)

    return wrong


def swapped_betas(right, rule, params, grads, state, steps, hyper, *keys):
    lr, beta1, beta2, eps = hyper
    right(rule, params, grads, state, steps, [lr, beta2, beta1, eps], *keys)


def swapped_moments(right, rule, params, grads, state, *rest):
    right(rule, params, grads, [state[1], state[0]], *rest)


def eps_after_the_correction(right, rule, params, grads, state, steps, hyper, *keys):
    """As torch adds it."""
    lr, beta1, beta2, eps = hyper
    eps *= np.sqrt(1 - beta2 ** (int(steps[0]) + 1))
    right(rule, params, grads, state, steps, [lr, beta1, beta2, eps], *keys)


def no_bias_correction(right, rule, params, grads, state, steps, *rest):
    late = steps + 10**9
    right(rule, params, grads, state, late, *rest)
    steps += 1


def a_step_late(right, rule, params, grads, state, steps, *rest):
    late = steps + 1
    right(rule, params, grads, state, late, *rest)
    steps += 1


def uncounted(right, rule, params, grads, state, steps, *rest):
    right(rule, params, grads, state, steps.copy(), *rest)


def stateless(right, rule, params, grads, state, *rest):
    right(rule, params, grads, [[s.copy() for s in row] for row in state], *rest)


def spoiled(where):
    """Right, but for the elements of each parameter that are not written."""

    def wrong(right, rule, params, *rest):
        before = [np.array(p) for p in params]
        right(rule, params, *rest)
        for p, old in zip(params, before, strict=True):
            p.reshape(-1)[where] = old.reshape(-1)[where]

    return wrong


def one_parameter_left_out(right, rule, params, *rest):
    before = params[-1].copy()
    right(rule, params, *rest)
    params[-1][:] = before


def gradients_of_another(right, rule, params, grads, *rest):
    """The transposed gradient, read in memory order."""
    right(rule, params, [np.ascontiguousarray(g.T).reshape(g.shape) for g in grads], *rest)


def careless_tail(right, rule, params, *rest):
    """The last elements a little differently, as a scalar loop after a vector loop may do."""
    right(rule, params, *rest)
    for p in params:
        p.reshape(-1)[p.size // 16 * 16 :] *= p.dtype.type(1 + 16 * np.finfo(p.dtype).eps)


WRONG_UPDATES = {
    "no-op": no_op,
    "sign flipped": sign_flipped,
    "sign flipped here and there": sign_flipped_here_and_there,
    "lr 0.1 % off": with_other(0, lambda lr: 1.001 * lr),
    "beta1 off": with_other(1, lambda beta: beta - 0.001),
    "beta2 off": with_other(2, lambda beta: beta - 0.0001),
    "no eps": with_other(3, lambda eps: 0.0),
    "betas swapped": swapped_betas,
    "moments swapped": swapped_moments,
    "eps after the correction": eps_after_the_correction,
    "no bias correction": no_bias_correction,
    "a step late": a_step_late,
    "uncounted": uncounted,
    "stateless": stateless,
    "a tile skipped": spoiled(np.s_[1024:2048]),
    "last tile skipped": spoiled(np.s_[-6:]),
    "last element skipped": spoiled(np.s_[-1:]),
    "first element skipped": spoiled(np.s_[:1]),
    "one parameter left out": one_parameter_left_out,
    "gradient in another layout": gradients_of_another,
    "careless tail": careless_tail,
}
ADAM = next(rule for rule in RULES if rule.name == "adam")
EPS_COUNTS = {"lr": 0.3, "beta1": 0.9, "beta2": 0.999, "eps": 0.01}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
class TestOptimizers:
    def check(self, dtype, rng):
        test_update.TestResults().test_a_step(ADAM, EPS_COUNTS, dtype, rng)

    def test_the_right_one(self, dtype, rng):
        self.check(dtype, rng)

    @pytest.mark.parametrize("wrong", WRONG_UPDATES.values(), ids=WRONG_UPDATES)
    def test_a_wrong_one(self, wrong, dtype, rng, monkeypatch):
        install(monkeypatch, wrong)
        with np.errstate(all="ignore"), rejected():
            self.check(dtype, rng)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_hyperparameter_counts(rule, rng, monkeypatch):
    """In every rule, also where cancellation leaves a step fewer digits."""
    right = kernels.update
    for position in range(len(rule.settings[0])):
        wrong = with_other(position, lambda value: 0.99 * value + 0.001)
        install(monkeypatch, wrong, right)
        with np.errstate(all="ignore"), rejected():
            for hyper in rule.settings[:2]:
                test_update.TestResults().test_a_step(rule, hyper, "float32", rng)


def test_a_norm_is_not_enough(rng, monkeypatch):
    """One weight in a hundred stepped the wrong way changes the norm of all by less than 1 %, as some tests allow."""
    params, wrong = {"W": rng.standard_normal(1000)}, {"W": np.empty(1000)}
    wrong["W"][:] = params["W"]
    grads = {"W": rng.standard_normal(1000)}
    optim.Adam().update(params, grads)
    install(monkeypatch, sign_flipped_here_and_there)
    optim.Adam().update(wrong, grads)
    assert np.linalg.norm(wrong["W"]) == pytest.approx(np.linalg.norm(params["W"]), rel=0.01)
    with rejected():
        assert_ulps(wrong["W"], params["W"], 4)


class TestBook:
    """The comparison with the book's runs, too, knows a wrong optimizer and a wrong network."""

    def check(self, rng, rule="adam", activation="relu", weight_decay=0.1):
        test_book.test_training(rule, activation, "he", weight_decay, rng)

    @pytest.mark.parametrize(
        "wrong",
        [
            "no-op",
            "sign flipped",
            "beta2 off",
            "no eps",
            "eps after the correction",
            "a step late",
            "last element skipped",
        ],
    )
    def test_a_wrong_optimizer(self, wrong, rng, monkeypatch):
        install(monkeypatch, WRONG_UPDATES[wrong])
        with np.errstate(all="ignore"), rejected():
            self.check(rng)

    def test_a_wrong_network(self, rng, monkeypatch):
        self.check(rng)
        right = nn.MLP.gradient

        def decayed_biases(network, x, t):
            return {
                key: g + network.weight_decay * network.params[key] * (key[0] == "b")
                for key, g in right(network, x, t).items()
            }

        monkeypatch.setattr(nn.MLP, "gradient", decayed_biases)
        with rejected():
            self.check(rng)


# Kernels that are wrong: each takes the right one's results and its arguments.


def wrong_affine_forward(change):
    right = kernels.affine_forward

    def wrong(x, W, b, activation="identity", out=None, z=None, alpha=None):
        return change(right(x, W, b, activation, out, z, alpha), x, W, b)

    return wrong


def tile_left_out(y, x, W, b):
    y[6:12, 16:32] = 0
    return y


def last_term_left_out(y, x, W, b):
    return y - np.outer(x[:, -1], W[-1]) if len(W) > 1 else y


def bias_left_out(y, x, W, b):
    return y - b


def bias_of_a_neighbour(y, x, W, b):
    return y - b + np.roll(b, 1)


def last_column_wrong(y, x, W, b):
    y[:, -1] += 1
    return y


def one_element_wrong(y, x, W, b):
    y[-1, -1] += 1
    return y


def as_float32(y, x, W, b):
    """Computed with too few digits."""
    return (y.astype(np.float16) if y.dtype == np.float32 else y.astype(np.float32)).astype(y.dtype)


WRONG_FORWARDS = [
    tile_left_out,
    last_term_left_out,
    bias_left_out,
    bias_of_a_neighbour,
    last_column_wrong,
    one_element_wrong,
    as_float32,
]

WRONG_BACKWARDS = {
    "dx": lambda dx, dW, db: (np.zeros_like(dx), dW, db),
    "dx of a row": lambda dx, dW, db: (np.roll(dx, 1, axis=0), dW, db),
    "dW sign": lambda dx, dW, db: (dx, -dW, db),
    "dW mean": lambda dx, dW, db: (dx, dW / len(dx), db),
    "dW element": lambda dx, dW, db: (dx, dW + (np.arange(dW.size) == dW.size - 1).reshape(dW.shape), db),
    "db": lambda dx, dW, db: (dx, dW, 1.0001 * db),
    "db tail": lambda dx, dW, db: (dx, dW, np.where(np.arange(db.size) < db.size - 1, db, 0)),
}


class TestKernels:
    @pytest.mark.parametrize("wrong", WRONG_FORWARDS)
    def test_affine_forward(self, wrong, rng, monkeypatch):
        monkeypatch.setattr(kernels, "affine_forward", wrong_affine_forward(wrong))
        with rejected():
            test_kernels.TestAffine().test_accuracy("identity", "float64", (37, 130, 100), rng)

    @pytest.mark.parametrize("wrong", WRONG_BACKWARDS.values(), ids=WRONG_BACKWARDS)
    def test_affine_backward(self, wrong, rng, monkeypatch):
        right = kernels.affine_backward
        monkeypatch.setattr(kernels, "affine_backward", lambda *args, **settings: wrong(*right(*args, **settings)))
        with rejected():
            test_kernels.TestAffine().check(rng, "float64", "tanh", 37, 130, 10)
        with rejected():
            test_nn.TestLayerGradients().test_affine(rng, "tanh", (9, 18, 2))

    def test_a_slope_in_terms_of_the_wrong_variable(self, rng, monkeypatch):
        """The slope of tanh from x instead of from y."""
        right = kernels.activation_backward
        monkeypatch.setattr(kernels, "activation_backward", lambda dout, y, f, alpha: right(dout, np.arctanh(y), f))
        with rejected():
            test_nn.TestLayerGradients().test_activation(rng, nn.Tanh, (4, 5))

    def test_a_loss_that_is_a_sum(self, rng, monkeypatch):
        right = kernels.softmax_cross_entropy

        def summed(logits, labels, **options):
            loss, gradient = right(logits, labels, **options)
            return loss, gradient * len(labels)

        monkeypatch.setattr(kernels, "softmax_cross_entropy", summed)
        with rejected():
            test_nn.TestLayerGradients().test_softmax_cross_entropy(rng, "numbers", (6, 5))

    def test_bits_that_depend_on_threads(self, rng, threads, monkeypatch):
        """One ulp in one element, with three threads only."""
        right = kernels.affine_forward
        function = next(f for f in FUNCTIONS if f.op == "affine_forward")

        def wrong(**arguments):
            y = right(**arguments)
            if kernels.get_num_threads() == 3:
                y[-1, -1] = np.nextafter(y[-1, -1], 9)
            return y

        monkeypatch.setattr(kernels, "affine_forward", wrong)
        if kernels.build_info()["openmp"]:
            with rejected():
                test_kernels.TestEveryFunction().test_same_bits_for_any_number_of_threads(
                    {"B": 9, "I": 5, "O": 21}, function, "float32", rng, threads
                )

    def test_a_tail_of_its_own(self, rng, monkeypatch):
        """One ulp in what is left over after the last whole vector."""
        right = kernels.activation_forward

        def wrong(x, activation, out=None, alpha=None):
            y = right(x, activation, out, alpha)
            tail = y[x.size // 16 * 16 :]
            tail[:] = np.nextafter(tail, y.dtype.type(9))
            return y

        monkeypatch.setattr(kernels, "activation_forward", wrong)
        with np.errstate(all="ignore"), rejected():
            test_kernels.TestActivations().test_an_element_does_not_depend_on_its_place("tanh", "float32", rng)

    def test_units_that_drift_apart(self, rng, monkeypatch):
        """The symmetry of equal weights, broken by next to nothing in one place."""
        right = kernels.affine_backward

        def wrong(*args, **settings):
            dx, dW, db = right(*args, **settings)
            dW[0, -1] += 1e-12
            return dx, dW, db

        monkeypatch.setattr(kernels, "affine_backward", wrong)
        with rejected():
            test_nn.TestSymmetry().test_equal_units_stay_equal(rng, "sgd", "tanh", "float64")
