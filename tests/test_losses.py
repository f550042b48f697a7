"""The losses: their values and gradients, their options, and what they do with the infinite."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fastdl import kernels, nn, reference
from fastdl.errors import ArrayError, DtypeError, FastdlError, HyperparameterError, LabelError
from fastdl.kernels import _plan
from tests.arrays import LAYOUTS
from tests.catalog import DTYPES
from tests.compare import assert_close, assert_same_bits, assert_ulps, unchanged
from tests.differences import gradient_by_differences

every_dtype = pytest.mark.parametrize("dtype", DTYPES)
SHAPES = ((1, 1), (1, 2), (3, 7), (17, 10), (130, 63), (7, 64), (5, 65), (3, 131), (1001, 10), (2, 2500))
OPTIONS = (
    {"label_smoothing": 0.1},
    {"label_smoothing": 1},
    {"class_weights": True},
    {"ignore_index": 0},
    {"ignore_index": -100},
    {"label_smoothing": 0.3, "class_weights": True},
    {"label_smoothing": 0.3, "class_weights": True, "ignore_index": 0},
)
every_options = pytest.mark.parametrize("options", OPTIONS, ids=lambda options: " ".join(options))
ELEMENTWISE = {
    "sigmoid_cross_entropy": {},
    "mean_squared_error": {},
    "huber": {"delta": 0.7},
}
every_loss = pytest.mark.parametrize("name", ELEMENTWISE)


def drawn(options, shape, dtype, rng):
    """Logits, labels and options with class weights where they are asked for, some of the rows to be ignored."""
    rows, classes = shape
    logits, labels = (3 * rng.normal(size=shape)).astype(dtype), rng.integers(classes, size=rows)
    if options.get("class_weights"):
        options = options | {"class_weights": rng.uniform(0.1, 3, classes).astype(dtype)}
    if options.get("ignore_index") == -100:
        labels[::3] = -100
    return logits, labels, options


def exact(logits, labels, label_smoothing=0.0, class_weights=None, ignore_index=None):
    """Torch's definition, row by row in long double: the loss, the gradient, and the sizes of the gradient's terms."""
    rows, classes = logits.shape
    w = np.ones(classes, np.longdouble) if class_weights is None else class_weights.astype(np.longdouble)
    s, kept = np.longdouble(label_smoothing), [i for i in range(rows) if labels[i] != ignore_index]
    total = sum((w[labels[i]] for i in kept), np.longdouble(0))
    loss, gradient, sizes = np.longdouble(0), *np.zeros((2, rows, classes), np.longdouble)
    for i in kept:
        d = (logits[i] - logits[i].max()).astype(np.longdouble)  # rounded before the exponential
        log_p = d - np.log(np.exp(d).sum())
        target = s / classes * w
        target[labels[i]] += (1 - s) * w[labels[i]]
        loss -= (target * log_p).sum() / total
        gradient[i] = (target.sum() * np.exp(log_p) - target) / total
        sizes[i] = (target.sum() * np.exp(log_p) + target) / total
    return loss, gradient, sizes


class TestSoftmaxCrossEntropy:
    @every_dtype
    @every_options
    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_is_the_formula(self, shape, options, dtype, rng, threads):
        """The gradient to 1 ulp of exp and some of its products; the loss, to those of exp and log."""
        logits, labels, options = drawn(options, shape, dtype, rng)
        loss, gradient, sizes = exact(logits, labels, **options)
        for count in (1, 2, 3, 7):
            threads(count)
            ours, d = kernels.softmax_cross_entropy(logits, labels, **options)
            if count == 1:
                one, first = ours, d
            assert ours == one
            assert_same_bits(d, first)
        assert type(ours) is float
        limit = 4 if dtype == "float32" else 8 + shape[0] / 100  # of the sums, which float32 does not see
        assert_ulps(d, gradient, limit, scale=sizes)
        assert abs(ours - loss) <= (4 * np.finfo(dtype).eps + 1e-15 * len(labels)) * max(
            1, math.log(shape[1]), abs(loss)
        )
        theirs, other = reference.softmax_cross_entropy(logits, labels, **options)
        assert_close(theirs, float(loss), 2e-6 if dtype == "float32" else 1e-13)
        assert_close(other, gradient, 1e-5 if dtype == "float32" else 1e-13)

    @every_options
    def test_gradient_by_differences(self, options, rng):
        logits, labels, options = drawn(options, (7, 5), "float64", rng)
        numerical = gradient_by_differences(lambda: kernels.softmax_cross_entropy(logits, labels, **options)[0], logits)
        assert_close(kernels.softmax_cross_entropy(logits, labels, **options)[1], numerical, 1e-9)

    @every_dtype
    def test_weights_of_one_and_a_class_that_nobody_has_change_nothing(self, dtype, rng):
        for shape in SHAPES:
            logits, labels, _ = drawn({}, shape, dtype, rng)
            loss, gradient = kernels.softmax_cross_entropy(logits, labels)
            weights = np.ones(shape[1], dtype)
            same, d = kernels.softmax_cross_entropy(logits, labels, class_weights=weights, ignore_index=-1)
            assert same == loss
            assert_same_bits(d, gradient)

    @every_dtype
    @pytest.mark.parametrize("smoothing", [0.0, 0.2])
    @pytest.mark.parametrize("kind", ["i1", "i8", "u8", ">i4"])
    def test_ignored_rows_are_as_if_they_were_not_there(self, kind, smoothing, dtype, rng):
        """Whatever is in them."""
        logits, labels, _ = drawn({}, (40, 11), dtype, rng)
        ignored = rng.random(40) < 0.4
        for number in (100, 5, -1) if np.dtype(kind).kind == "i" else (100, 5, 2**62):
            at = labels.copy()
            at[at == number] = 4
            expected = kernels.softmax_cross_entropy(logits[~ignored], at[~ignored], None, smoothing)
            at[ignored] = number
            for strange in (np.nan, np.inf, -np.inf):
                logits[ignored] = strange
                ours, d = kernels.softmax_cross_entropy(logits, at.astype(kind), None, smoothing, ignore_index=number)
                assert_close(ours, expected[0], 1e-14)
                assert_same_bits(d[ignored], np.zeros((ignored.sum(), 11), dtype))
                assert_ulps(d[~ignored], expected[1], 2, scale=1 / (~ignored).sum())

    @every_dtype
    def test_nothing_counts(self, dtype, rng):
        logits, zero = rng.normal(size=(4, 3)).astype(dtype), np.zeros((4, 3), dtype)
        for options in ({"ignore_index": 2}, {"ignore_index": 2, "label_smoothing": 0.1}):
            loss, gradient = kernels.softmax_cross_entropy(logits, np.full(4, 2), **options)
            assert loss == 0
            assert_same_bits(gradient, zero)
            assert reference.softmax_cross_entropy(logits, np.full(4, 2), **options)[0] == 0
        weights = np.array([1, 0, 1], dtype)
        loss, gradient = kernels.softmax_cross_entropy(logits, np.full(4, 1), class_weights=weights)
        assert loss == 0
        assert not gradient.any()

    @every_dtype
    def test_infinities_and_nan(self, dtype):
        """As the formula has them."""
        inf, nan, labels = np.inf, np.nan, np.array([1])
        for row, plain, smoothed in (
            ([0, -inf, 0], inf, inf),
            ([-inf, 0, 0], math.log(2), inf),
            ([inf, 0, 0], nan, nan),
            ([nan, 0, 0], nan, nan),
            ([-inf, -inf, -inf], nan, nan),
        ):
            x = np.array([row], dtype)
            np.testing.assert_allclose(kernels.softmax_cross_entropy(x, labels)[0], plain, rtol=1e-6)
            loss, gradient = kernels.softmax_cross_entropy(x, labels, label_smoothing=0.3)
            np.testing.assert_allclose(loss, smoothed)
            finite = not np.isnan(loss)
            assert np.isfinite(gradient).all() == finite

    @every_dtype
    def test_layouts(self, dtype, rng):
        logits, labels, options = drawn({"label_smoothing": 0.1, "class_weights": True}, (31, 17), dtype, rng)
        loss, gradient = kernels.softmax_cross_entropy(logits, labels, **options)
        weights = options.pop("class_weights")
        for layout in LAYOUTS.values():
            same, d = kernels.softmax_cross_entropy(layout(logits), labels, class_weights=layout(weights), **options)
            assert same == loss
            assert_same_bits(d, gradient)

    @pytest.mark.parametrize(
        ("error", "arg", "value"),
        [
            *((HyperparameterError, "label_smoothing", s) for s in (-0.1, 1.1, np.nan, True, "0.1", None, [0.1])),
            *((HyperparameterError, "ignore_index", i) for i in (1.0, "1", True, 2**63, -(2**63) - 1, [1])),
            *((HyperparameterError, "class_weights", np.array([1, w, 1], "f")) for w in (-1, np.nan, np.inf)),
            *((ArrayError, "class_weights", np.ones(shape, "f")) for shape in (2, 4, (1, 3), ())),
            *((DtypeError, "class_weights", w) for w in (np.ones(3), np.ones(3, int), [1.0, 1.0, 1.0], 1.0)),
        ],
        ids=str,
    )
    def test_bad_options(self, error, arg, value):
        logits, labels, out = np.zeros((2, 3), "f"), np.array([0, 1]), np.full((2, 3), 7, "f")
        with unchanged(out, logits, labels), pytest.raises(error) as caught:
            kernels.softmax_cross_entropy(logits, labels, out, **{arg: value})
        assert (caught.value.op, caught.value.arg) == ("softmax_cross_entropy", arg)

    def test_other_labels_are_refused_as_ever(self):
        logits = np.zeros((3, 3))
        for labels, options in (
            (np.array([0, -1, 1]), {}),
            (np.array([0, -1, 1]), {"class_weights": np.ones(3)}),
            (np.array([0, -100, -99]), {"ignore_index": -100}),
            (np.array([0, 2**64 - 1, 1], np.uint64), {"ignore_index": -1}),
        ):
            with pytest.raises(LabelError):
                kernels.softmax_cross_entropy(logits, labels, **options)


def targets_of(name, x, rng):
    if name == "sigmoid_cross_entropy":
        return rng.choice([0, 1, 0.5, 1e-3, rng.random()], size=x.shape).astype(x.dtype)
    return rng.normal(size=x.shape).astype(x.dtype)


def formula(name, x, t, delta=1.0):
    """The elements' losses and slopes in long double."""
    x, t = x.astype(np.longdouble), t.astype(np.longdouble)
    d = x - t
    match name:
        case "sigmoid_cross_entropy":
            p, q = 1 / (1 + np.exp(-x)), 1 / (1 + np.exp(x))
            return t * np.log1p(np.exp(-x)) + (1 - t) * np.log1p(np.exp(x)), (1 - t) * p - t * q
        case "mean_squared_error":
            return d**2, 2 * d
        case "huber":
            near = np.abs(d) <= delta
            return np.where(near, d**2 / 2, delta * (np.abs(d) - delta / 2)), np.where(near, d, delta * np.sign(d))


class TestMeans:
    @every_dtype
    @every_loss
    @pytest.mark.parametrize("size", [(), 1, 3, 7, 17, 1000, (3, 5, 7), 4095, 4097, 40_001], ids=str)
    def test_is_the_formula(self, size, name, dtype, rng, threads):
        options = ELEMENTWISE[name]
        x = np.asarray(4 * rng.normal(size=size)).astype(dtype)
        t = np.asarray(targets_of(name, x, rng))
        losses, slopes = formula(name, x, t, **options)
        for count in (1, 2, 3, 7):
            threads(count)
            loss, d = getattr(kernels, name)(x, t, **options)
            if count == 1:
                one, first = loss, d
            assert loss == one
            assert_same_bits(d, first)
        assert type(loss) is float
        sizes = np.abs(slopes) / x.size
        if name == "sigmoid_cross_entropy":
            wide, up = t.astype(np.longdouble), 1 / (1 + np.exp(-x.astype(np.longdouble)))
            sizes = ((1 - wide) * up + wide * (1 - up)) / x.size  # of the difference's two terms
        assert_ulps(d, slopes / x.size, 5, scale=sizes)
        accuracy = 4 * np.finfo(dtype).eps if name == "sigmoid_cross_entropy" else 1e-14
        assert abs(loss - losses.mean()) <= accuracy * losses.mean()
        theirs, other = reference.__dict__[name](x, t, **options)
        assert_close(theirs, loss, 1e-6 if dtype == "float32" else 1e-13)
        assert_close(other, d, 1e-6 if dtype == "float32" else 1e-14)

    @every_loss
    def test_gradient_by_differences(self, name, rng):
        x = 2 * rng.normal(size=(5, 7))
        t = targets_of(name, x, rng)
        x[np.abs(np.abs(x - t) - 0.7) < 0.01] += 0.1  # away from Huber's bends
        function = getattr(kernels, name)
        numerical = gradient_by_differences(lambda: function(x, t, **ELEMENTWISE[name])[0], x)
        assert_close(function(x, t, **ELEMENTWISE[name])[1], numerical, 1e-9)

    @every_dtype
    def test_sigmoid_cross_entropy_keeps_its_digits(self, dtype):
        """A target that is nearly reached has a small loss and a small gradient, not 0."""
        x = np.array([60.0, -60.0, 30, -30], dtype)
        t = np.array([1, 0, 1, 0], dtype)
        for value, label in zip(x, t, strict=True):
            loss, d = kernels.sigmoid_cross_entropy(np.array([value]), np.array([label]))
            small = np.exp(-np.abs(np.longdouble(value)))
            assert_ulps(d[0], (-1 if label else 1) * small / (1 + small), 4)
            assert abs(loss - np.log1p(small)) <= 4 * np.finfo(dtype).eps * small

    @every_dtype
    def test_sigmoid_cross_entropy_of_the_infinite(self, dtype):
        inf, nan = np.inf, np.nan
        for x, t, loss, slope in (
            (inf, 0, inf, 1),
            (-inf, 1, inf, -1),
            (inf, 1, nan, 0),
            (-inf, 0, nan, 0),
            (inf, 0.5, inf, 0.5),
            (nan, 0.5, nan, nan),
            (1e30, 0, 1e30, 1),
            (0, 0, math.log(2), 0.5),
        ):
            value, d = kernels.sigmoid_cross_entropy(np.array([x], dtype), np.array([t], dtype))
            np.testing.assert_allclose(value, loss, rtol=1e-6)
            np.testing.assert_array_equal(d, [slope])

    @every_dtype
    def test_errors_that_are_infinite_or_huge(self, dtype):
        inf, nan, zero = np.inf, np.nan, np.zeros(1, dtype)
        for x, squared, slope, huber, bounded in (
            (inf, inf, inf, inf, 0.5),
            (-inf, inf, -inf, inf, -0.5),
            (nan, nan, nan, nan, nan),
            (1e30, 1e60, 2e30, 0.5e30, 0.5),
        ):
            value, d = kernels.mean_squared_error(np.array([x], dtype), zero)
            np.testing.assert_allclose([value, *d], [squared, slope], rtol=1e-6)
            value, d = kernels.huber(np.array([x], dtype), zero, 0.5)
            np.testing.assert_allclose([value, *d], [huber, bounded], rtol=1e-6)

    def test_squared_error_and_the_books(self, rng):
        """The book's is half the sum."""
        y, t = rng.random((4, 3)), rng.random((4, 3))
        assert_close(kernels.mean_squared_error(y, t)[0] * y.size / 2, 0.5 * np.sum((y - t) ** 2), 1e-15)

    @every_loss
    def test_layouts(self, name, rng):
        x = rng.normal(size=(31, 17))
        t = targets_of(name, x, rng)
        loss, gradient = getattr(kernels, name)(x, t)
        for layout in LAYOUTS.values():
            same, d = getattr(kernels, name)(layout(x), layout(t))
            assert same == loss
            assert_same_bits(d, gradient)

    @pytest.mark.parametrize("bad", [-0.1, 1.0001, np.nan, np.inf, -np.inf, 255])
    @every_dtype
    def test_targets_that_are_no_probabilities(self, dtype, bad):
        x, t, out = np.zeros((700, 3), dtype), np.zeros((700, 3), dtype), np.full((700, 3), 7, dtype)
        t[600:, 1] = bad
        with unchanged(x, t, out), pytest.raises(LabelError) as caught:
            kernels.sigmoid_cross_entropy(x, t, out)
        assert (caught.value.arg, caught.value.key) == ("targets", (600, 1))

    @every_loss
    def test_empty_and_unequal_shapes(self, name):
        function = getattr(kernels, name)
        for x, t in ((np.ones((0, 3)), np.ones((0, 3))), (np.ones((2, 3)), np.ones(3)), (np.ones(3), np.ones((1, 3)))):
            with pytest.raises(ArrayError) as caught:
                function(x, t)
            assert caught.value.op == name

    @pytest.mark.parametrize("delta", [0, -1, np.nan, np.inf, True, "1", None], ids=str)
    def test_delta_out_of_range(self, delta):
        with pytest.raises(HyperparameterError) as caught:
            kernels.huber(np.ones(3), np.ones(3), delta)
        assert (caught.value.op, caught.value.arg) == ("huber", "delta")


class TestClasses:
    @pytest.mark.parametrize(
        ("loss", "function", "options"),
        [
            (nn.SigmoidCrossEntropy(), kernels.sigmoid_cross_entropy, {}),
            (nn.MeanSquaredError(), kernels.mean_squared_error, {}),
            (nn.Huber(), kernels.huber, {}),
            (nn.Huber(0.3), kernels.huber, {"delta": 0.3}),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_of_elements(self, loss, function, options, rng):
        with pytest.raises(FastdlError) as caught:
            loss.backward()
        assert caught.value.op == f"{type(loss).__name__}.backward"
        x, t = rng.normal(size=(4, 3)), rng.random((4, 3))
        value, gradient = function(x, t, **options)
        assert loss.forward(x, t) == value
        assert_same_bits(loss.backward(), gradient)

    @every_options
    def test_softmax_cross_entropy(self, options, rng):
        logits, labels, options = drawn(options, (17, 5), "float64", rng)
        loss = nn.SoftmaxCrossEntropy(**options)
        value, gradient = kernels.softmax_cross_entropy(logits, labels, **options)
        assert loss.forward(logits, labels) == value
        assert_same_bits(loss.backward(), gradient)

    def test_plans(self, rng):
        """A plan does them again on other inputs."""
        x, t = rng.normal(size=(40, 7)), rng.random((40, 7))
        labels, weights = rng.integers(7, size=40), rng.random(7)
        for call, other in (
            (lambda x, labels: kernels.softmax_cross_entropy(x, labels, None, 0.1, weights, 3), labels),
            (kernels.sigmoid_cross_entropy, t),
            (kernels.mean_squared_error, t),
            (kernels.huber, t),
        ):
            with _plan.Plan(x, other) as plan:
                _, gradient = call(x, other)
            assert plan.can_run
            again = rng.normal(size=(40, 7)), other[::-1].copy()
            plan.run(*again)
            loss, expected = call(*again)
            assert plan.loss == loss
            assert_same_bits(gradient, expected)

    def test_labels_that_are_copied_cannot_be_exchanged(self, rng):
        x = rng.normal(size=(4, 3))
        for labels in (np.array([0, 1, 2, 0], np.int32), np.eye(3)[[0, 1, 2, 0]], np.repeat([0, 1, 2, 0], 2)[::2]):
            with _plan.Plan(x, labels) as plan:
                kernels.softmax_cross_entropy(x, labels)
            assert not plan.can_run
