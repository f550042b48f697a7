"""Every rule and every option of `kernels.update` against `reference.update`, in float64 and float32."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest

from fastdl import kernels, reference
from fastdl.kernels import RULES
from fastdl.reference.rules import moments
from tests.compare import assert_close, assert_same_bits, unchanged

SEED = 7  # fixed: a sign that hangs on the last bit, as Lion's can, would be no error
SHAPES = [(5, 3), (), (0,), (1,), (7,), (33, 31), (1024,), (1025,), (2, 1, 1031)]
TOLERANCES = {"float64": 1e-13, "float32": 5e-6}

# Large steps and a large eps, so that a step is as large as the parameter, and that it shows where eps is.
_ADAM = {"lr": 0.3, "beta1": 0.7, "beta2": 0.95, "eps": 0.1}
_RMSPROP = {"lr": 0.1, "rho": 0.8, "eps": 0.05}
HYPER = {
    "sgd": {"lr": 0.3},
    "momentum": {"lr": 0.3, "momentum": 0.8},
    "momentum_outside": {"lr": 0.3, "momentum": 0.8},
    "nesterov": {"lr": 0.3, "momentum": 0.8},
    "nesterov_outside": {"lr": 0.3, "momentum": 0.8},
    "adagrad": {"lr": 0.5, "eps": 0.1},
    "adagrad_inside": {"lr": 0.5, "eps": 0.1},
    "rmsprop": _RMSPROP,
    "rmsprop_momentum": _RMSPROP | {"momentum": 0.6},
    "rmsprop_centered": _RMSPROP,
    "rmsprop_centered_momentum": _RMSPROP | {"momentum": 0.6},
    "rmsprop_inside": _RMSPROP,
    "rmsprop_inside_momentum": _RMSPROP | {"momentum": 0.6},
    "rmsprop_inside_centered": _RMSPROP,
    "rmsprop_inside_centered_momentum": _RMSPROP | {"momentum": 0.6},
    "adadelta": {"lr": 1.0, "rho": 0.8, "eps": 0.01},
    "adam": _ADAM,
    "adam_paper": _ADAM,
    "amsgrad": _ADAM,
    "amsgrad_paper": _ADAM,
    "amsgrad_corrected": _ADAM,
    "adamax": _ADAM,
    "adamax_inside": _ADAM,
    "nadam": _ADAM | {"momentum_decay": 0.3},
    "radam": _ADAM,
    "radam_paper": _ADAM,
    "ftrl": {"lr": 0.4, "l1": 0.05, "l2": 0.1, "l2_shrinkage": 0.02, "beta": 0.5},
    "lion": {"lr": 0.05, "beta1": 0.7, "beta2": 0.9},
    "lamb": _ADAM | {"weight_decay": 0.1},
}
SIBLINGS = [
    ("momentum", "nesterov"),
    ("adagrad", "adagrad_inside"),
    ("rmsprop", "rmsprop_inside"),
    ("rmsprop", "rmsprop_centered"),
    ("rmsprop_momentum", "rmsprop_inside_momentum"),
    ("rmsprop_centered", "rmsprop_inside_centered"),
    ("rmsprop_centered_momentum", "rmsprop_inside_centered_momentum"),
    ("adam", "adam_paper"),
    ("amsgrad", "amsgrad_paper"),
    ("amsgrad_paper", "amsgrad_corrected"),
    ("adam", "amsgrad"),
    ("adamax", "adamax_inside"),
    ("adam_paper", "nadam"),
    ("radam", "radam_paper"),
    ("radam_paper", "adam_paper"),
]


class Run:
    """Parameters and all that an update changes with them, and the gradients that they get."""

    def __init__(self, rule, dtype="float64", *, shapes=SHAPES, gradient_dtype=None):
        self.rule = rule
        self._rng = np.random.default_rng(SEED)
        self._gradient_dtype = gradient_dtype or dtype
        self.hyper = list(HYPER[rule].values())
        self.params = [self._draw(shape, dtype) for shape in shapes]
        self.state = [[np.zeros_like(p) for p in self.params] for _ in RULES[rule].state]
        self.steps = np.zeros(len(shapes), np.int64)
        self.averages = [self._draw(shape, dtype) for shape in shapes]

    def _draw(self, shape, dtype):
        return np.asarray(self._rng.normal(size=shape)).astype(dtype)

    def gradients(self, count) -> Iterator[list[np.ndarray]]:
        """The gradients of as many steps: at some places 0 at every step, at others now and then."""
        for _ in range(count):
            grads = [self._draw(p.shape, self._gradient_dtype) for p in self.params]
            for g in grads:
                g.reshape(-1)[self._rng.random(g.size) < 0.1] = 0
                g.reshape(-1)[3::7] = 0
            yield grads

    def take(self, update, grads, **options):
        return update(self.rule, self.params, grads, self.state, self.steps, self.hyper, **options)

    @property
    def arrays(self):
        return [*self.params, *(array for row in self.state for array in row), *self.averages, self.steps]


def both(rule, dtype="float64", *, count=2, options=lambda run: {}, prepare=lambda run: None, **settings):
    """The arrays after some steps of the kernel, and of its twin in float64."""
    ours, theirs = Run(rule, dtype, **settings), Run(rule, dtype, **settings)
    theirs.params, theirs.averages = ([a.astype(np.float64) for a in row] for row in (theirs.params, theirs.averages))
    theirs.state = [[a.astype(np.float64) for a in row] for row in theirs.state]
    for run, update in ((ours, kernels.update), (theirs, reference.update)):
        prepare(run)
        for grads in run.gradients(count):
            assert run.take(update, grads, **options(run)) is True
    return ours.arrays, theirs.arrays


def assert_both(rule, dtype="float64", *, tolerance=None, **settings):
    ours, theirs = both(rule, dtype, **settings)
    # The parameters together, each kind of state together: in a tensor of one element two large terms may cancel.
    width = len(ours[-1])
    for i in range(0, len(ours) - 1, width):
        actual, desired = (np.concatenate([a.ravel() for a in run[i : i + width]]) for run in (ours, theirs))
        assert_close(actual, desired, tolerance or TOLERANCES[dtype])
    assert np.array_equal(ours[-1], theirs[-1])
    assert {array.dtype for array in ours[:-1]} == {np.dtype(dtype)}


def difference(one, other):
    return max(np.max(np.abs(a - b), initial=0.0) for a, b in zip(one, other, strict=True))


def test_the_tables_are_the_same():
    assert {name: tuple(spec) for name, spec in reference.RULES.items()} == {
        name: tuple(spec) for name, spec in RULES.items()
    }
    assert {name: tuple(hyper) for name, hyper in HYPER.items()} == {name: spec.hyper for name, spec in RULES.items()}


# ------------------------------------------------------------------ the rules


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("count", [1, 2, 20])
@pytest.mark.parametrize("rule", RULES)
def test_a_rule_is_its_formula(rule, count, dtype):
    assert_both(rule, dtype, count=count)


@pytest.mark.parametrize("rule", RULES)
def test_the_comparison_rejects_wrong_settings(rule):
    """Each hyper-parameter counts, by more than the tolerance of the tests."""
    right = Run(rule)
    for grads in right.gradients(20):
        right.take(kernels.update, grads)
    for k in range(len(right.hyper)):
        wrong = Run(rule)
        wrong.hyper[k] *= 1.001
        for grads in wrong.gradients(20):
            wrong.take(kernels.update, grads)
        assert difference(wrong.params, right.params) > 1e-5


@pytest.mark.parametrize(("one", "other"), SIBLINGS)
def test_the_comparison_tells_variants_apart(one, other):
    """Where eps is, and what else two rules of nearly the same name differ in."""
    results = []
    for rule in (one, other):
        run = Run(rule)
        for grads in run.gradients(20):
            run.take(kernels.update, grads)
        results.append(run.params)
    assert difference(*results) > 1e-2


@pytest.mark.parametrize("outside", ["momentum", "nesterov"])
def test_lr_inside_and_outside_are_the_same_until_it_changes(outside):
    inside, outside = Run(outside), Run(f"{outside}_outside")
    for grads in inside.gradients(5):
        inside.take(kernels.update, grads)
        outside.take(kernels.update, grads)
    assert difference(inside.params, outside.params) < 1e-13
    grads = next(inside.gradients(1))
    for run in (inside, outside):
        run.hyper[0] /= 2
        run.take(kernels.update, grads)
    assert difference(inside.params, outside.params) > 1e-2


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("rule", RULES)
def test_parameters_have_their_own_steps_and_settings(rule, dtype):
    def prepare(run):
        run.steps[:] = np.arange(len(SHAPES)) ** 3
        run.hyper = np.array([[number / (1 + 0.1 * i) for number in run.hyper] for i in range(len(SHAPES))])

    assert_both(rule, dtype, prepare=prepare)


@pytest.mark.parametrize("rule", RULES)
def test_hyper_parameters_may_change_between_steps(rule):
    ours, theirs = Run(rule), Run(rule)
    for run, update in ((ours, kernels.update), (theirs, reference.update)):
        for grads in run.gradients(6):
            run.take(update, grads)
            run.hyper = [0.9 * number for number in run.hyper]
    for actual, desired in zip(ours.arrays, theirs.arrays, strict=True):
        assert_close(actual, desired, 1e-13)


@pytest.mark.parametrize("momentum_decay", [0.0, 1e-6, 0.004, 1.0, 1e3, math.inf])
@pytest.mark.parametrize("t", [1, 2, 3, 10, 1000, 100_000])
@pytest.mark.parametrize("beta1", [0.9, 0.9999])
def test_nadam_knows_the_product_of_its_momenta(momentum_decay, t, beta1):
    def prepare(run):
        run.steps[:] = t - 1
        run.hyper = [0.3, beta1, 0.999, 0.1, momentum_decay]

    tolerance = 3e-16 / (1 - beta1) + 1e-13  # 1 minus the product and minus the momentum lose digits
    assert_both("nadam", shapes=[(3,)], count=1, prepare=prepare, tolerance=tolerance)


@pytest.mark.parametrize("beta2", [0.0, 0.5, 0.6, 0.7, 0.9, 0.999, 0.9999])
@pytest.mark.parametrize("rule", ["radam", "radam_paper"])
def test_radam_waits_as_long_as_its_twin(rule, beta2):
    def prepare(run):
        run.hyper[2] = beta2

    assert_both(rule, shapes=[(3,)], count=12, prepare=prepare)


@pytest.mark.parametrize("beta2", [0.0, 0.6, 0.667, 0.75, 0.9, 0.999, 0.99999, 1 - 1e-9, 1 - 2**-53])
def test_radams_rectification_keeps_its_digits(beta2):
    """Against its formula in fractions, where 2 / (1 - beta2) may be 2^54 times as large as what is left of it."""
    exact = Fraction(beta2)
    longest = 2 / (1 - exact) - 1
    for t in (*range(1, 30), 100):
        length = longest - 2 * t * exact**t / (1 - exact**t)
        p = np.zeros(1)  # m and v stay 1
        kernels.update("radam", [p], [np.ones(1)], [[np.ones(1)], [np.ones(1)]], np.array([t - 1]), [1, 0, beta2, 0])
        twin = moments._rectification(t, beta2)
        if length > 5:
            square = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
            assert -p[0] == pytest.approx(math.sqrt(square * (1 - exact**t)), rel=4e-16, abs=0)
            assert twin == pytest.approx(math.sqrt(square), rel=1e-15, abs=0)
        else:
            assert (-p[0], twin) == (1, None)


def test_lamb_takes_a_plain_step_where_a_norm_is_0():
    def prepare(run):
        run.hyper[4] = 0.0
        for zero in (run.params[0], run.params[3]):
            zero[...] = 0

    def without_gradient(run):
        return {"clip_value": 0.0} if run.steps[0] else {}

    assert_both("lamb", count=2, prepare=prepare)
    assert_both("lamb", count=2, prepare=prepare, options=without_gradient)
    run = Run("lamb", shapes=[(2,), (2,)])
    run.params[0][:], run.hyper = 0, [0.5, 0.0, 0.0, 0.0, 0.0]
    before = run.params[1].copy()
    assert run.take(kernels.update, [np.array([3.0, -0.1]), np.array([3.0, -0.1])])
    np.testing.assert_allclose(run.params[0], [-0.5, 0.5])
    np.testing.assert_allclose(run.params[1], before - 0.5 * np.linalg.norm(before) / math.sqrt(2) * np.array([1, -1]))


def test_lion_stays_where_nothing_ever_came():
    run = Run("lion", shapes=[(7,)])
    before = run.params[0].copy()
    assert run.take(kernels.update, [np.array([0.0, -0.0, 1.0, -1.0, 1e-300, -1e-300, 0.0])])
    np.testing.assert_allclose(run.params[0] - before, [0, 0, -0.05, 0.05, -0.05, 0.05, 0], atol=1e-15)


def test_ftrl_is_0_where_z_is_small():
    run = Run("ftrl", shapes=[(3,)])
    run.params[0][:] = 0
    assert run.take(kernels.update, [np.array([0.05, -0.04, 0.2])])
    assert (run.params[0] == 0).tolist() == [True, True, False]


@pytest.mark.parametrize("rule", RULES)
def test_what_is_not_a_number_stays_so(rule):
    """A NaN in the gradient makes the parameter a NaN, and no other."""
    run = Run(rule, shapes=[(40,)])
    grads = next(run.gradients(1))
    grads[0][[5, 35]] = np.nan
    run.take(kernels.update, grads)
    assert np.flatnonzero(np.isnan(run.params[0])).tolist() == [5, 35]


# ------------------------------------------------------------------ the options


def _numbers(start):
    return lambda run: [start + 0.03 * i for i in range(len(run.params))]


OPTIONS = {
    "clip_norm": lambda run: {"clip_norm": 2.0},
    "clip_norm-large": lambda run: {"clip_norm": 1e6},
    "clip_norm-0": lambda run: {"clip_norm": 0.0},
    "clip_value": lambda run: {"clip_value": 0.4},
    "clip_value-0": lambda run: {"clip_value": 0.0},
    "decay": lambda run: {"decay": _numbers(0.01)(run)},
    "shrink": lambda run: {"shrink": _numbers(0.3)(run)},
    "averages": lambda run: {"averages": run.averages, "average_decay": 0.9},
    "averages-0": lambda run: {"averages": run.averages, "average_decay": 0.0},
    "needs_finite": lambda run: {"needs_finite": True},
    "both-clips": lambda run: {"clip_norm": 20.0, "clip_value": 0.3},
    "clips-and-decay": lambda run: {"clip_norm": 20.0, "clip_value": 0.3, "decay": _numbers(0.5)(run)},
    "all": lambda run: {
        "clip_norm": 20.0,
        "clip_value": 0.3,
        "decay": _numbers(0.5)(run),
        "shrink": _numbers(0.3)(run),
        "averages": run.averages,
        "average_decay": 0.9,
        "needs_finite": True,
        "keys": [f"p{i}" for i in range(len(run.params))],
    },
}


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("rule", ["sgd", "momentum", "adam", "lamb"])
def test_an_option_is_its_formula(rule, name, dtype):
    assert_both(rule, dtype, count=3, options=OPTIONS[name])


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_every_option(rule):
    assert_both(rule, count=3, options=OPTIONS["all"])


@pytest.mark.parametrize("name", [name for name in OPTIONS if name not in ("clip_norm-large", "needs_finite")])
def test_every_option_counts(name):
    with_option, without = Run("momentum"), Run("momentum")
    for grads in with_option.gradients(2):
        with_option.take(kernels.update, grads, **OPTIONS[name](with_option))
        without.take(kernels.update, grads)
    assert difference(with_option.arrays, without.arrays) > 1e-2


def test_the_order_of_the_options():
    """The norm, the size of each element, decay on the parameter as it was, shrinking, the step, the average."""
    p, average, steps = np.array([10.0, 10.0]), np.array([0.0, 0.0]), np.zeros(1, np.int64)
    kernels.update(
        "sgd",
        [p],
        [np.array([30.0, 40.0])],
        [],
        steps,
        [1.0],
        clip_norm=5.0,
        clip_value=3.5,
        decay=[0.1],
        shrink=[0.5],
        averages=[average],
        average_decay=0.75,
    )
    np.testing.assert_allclose(p, [5 - (3 + 1), 5 - (3.5 + 1)], rtol=1e-15)
    np.testing.assert_allclose(average, p / 4, rtol=1e-15)


@pytest.mark.parametrize("dtypes", [("float32", "float64"), ("float64", "float32")], ids="-from-".join)
@pytest.mark.parametrize("name", ["averages", "clip_norm", "all"])
@pytest.mark.parametrize("rule", RULES)
def test_gradients_of_the_other_float_type(rule, name, dtypes):
    dtype, gradient_dtype = dtypes
    assert_both(rule, dtype, gradient_dtype=gradient_dtype, options=OPTIONS[name])


def test_a_gradient_too_large_for_float32_is_clipped_first():
    run = Run("sgd", "float32", shapes=[(2,)])
    run.params[0][:] = 0
    assert run.take(kernels.update, [np.array([3e100, -4e100])], clip_norm=5.0)
    np.testing.assert_allclose(run.params[0], [-0.3 * 3, 0.3 * 4], rtol=1e-6)


@pytest.mark.parametrize("rule", RULES)
def test_parameters_and_types_may_be_mixed(rule):
    """Both float types, gradients of either and of none, parameters that are views, in one call."""
    ours, theirs = Run(rule), Run(rule)
    for run, update in ((ours, kernels.update), (theirs, reference.update)):
        run.params = [np.asfortranarray(p) if i % 2 else p.astype(np.float32) for i, p in enumerate(run.params)]
        run.state = [[np.zeros(p.shape, p.dtype) for p in run.params] for _ in run.state]
        for step, grads in enumerate(run.gradients(4)):
            mixed = [g.astype(np.float32) if (i + step) % 3 else g for i, g in enumerate(grads)]
            mixed[step] = mixed[-1 - step] = None
            run.take(update, mixed, clip_norm=30.0, decay=_numbers(0.1)(run), shrink=_numbers(0.3)(run))
    assert ours.steps.tolist() == theirs.steps.tolist() == [3, 3, 3, 3, 4, 3, 3, 3, 3]
    for actual, desired in zip(ours.arrays, theirs.arrays, strict=True):
        assert_close(actual, desired, TOLERANCES[str(actual.dtype)] if actual.dtype.kind == "f" else 0)


def test_no_gradient_no_change():
    run = Run("adam")
    grads = next(run.gradients(1))
    grads[5] = None
    left_out = [run.params[5], run.averages[5], *(row[5] for row in run.state)]
    with unchanged(left_out):
        run.take(kernels.update, grads, **OPTIONS["all"](run))
    assert run.steps.tolist() == [1, 1, 1, 1, 1, 0, 1, 1, 1]
    with unchanged(run.arrays):
        assert run.take(kernels.update, [None] * len(SHAPES), **OPTIONS["all"](run)) is True


@pytest.mark.parametrize("rule", ["sgd", "adam", "lamb"])
@pytest.mark.parametrize("where", [0, 5, len(SHAPES) - 1])
@pytest.mark.parametrize("place", [0, -1])
@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("gradient_dtype", ["float32", "float64"])
def test_nothing_happens_where_a_gradient_is_not_finite(rule, where, place, number, gradient_dtype):
    run = Run(rule, gradient_dtype=gradient_dtype)
    grads = next(run.gradients(1))
    grads[where].reshape(-1)[place] = number
    for update in (kernels.update, reference.update):
        with unchanged(run.arrays):
            assert run.take(update, grads, **OPTIONS["all"](run)) is False
    assert run.take(kernels.update, next(run.gradients(1)), **OPTIONS["all"](run)) is True
    grads[where] = None
    assert run.take(kernels.update, grads, **OPTIONS["all"](run)) is True


def test_the_largest_numbers_are_finite():
    for dtype in TOLERANCES:
        run = Run("sgd", dtype, shapes=[(9,)])
        run.hyper = [0.0]
        largest = np.finfo(dtype).max
        assert run.take(kernels.update, [np.full(9, largest, dtype)], needs_finite=True) is True


# ------------------------------------------------------------------ threads


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("rule", RULES)
def test_the_same_bits_for_any_number_of_threads(rule, dtype, threads):
    start = Run(rule, dtype, shapes=[(20_011,), (3,), (129, 97), (), (5000,)])
    grads = list(start.gradients(2))
    results = []
    for number in (1, 2, 3, 7):
        threads(number)
        run = copy.deepcopy(start)
        for each in grads:
            run.take(kernels.update, each, **OPTIONS["all"](run))
        results.append(run.arrays)
    for other in results[1:]:
        for actual, desired in zip(other, results[0], strict=True):
            assert_same_bits(actual, desired)


@pytest.mark.parametrize("rule", RULES)
def test_an_element_does_not_depend_on_its_place(rule):
    run = Run(rule, "float32", shapes=[(2077,)])
    run.params[0][:] = 0.7
    for g in (0.3, -0.1):
        run.take(kernels.update, [np.full(2077, g, np.float32)])
    for array in (run.params[0], *(row[0] for row in run.state)):
        assert_same_bits(array, np.full_like(array, array[0]))
