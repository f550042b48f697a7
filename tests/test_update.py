"""`kernels.update`: each rule's step, right and the same bits however the parameters are laid out and cut."""

from __future__ import annotations

import functools
import itertools

import numpy as np
import pytest

from fastdl import kernels, reference
from tests.arrays import LAYOUTS
from tests.catalog import DTYPES, RULES
from tests.compare import assert_same_bits, unchanged

# Scalars, nothing at all, and sizes around a vector and a tile of 1024 elements.
FEW = [(), (0,), (1,), (3,), (7, 5), (130,), (31, 33), (1025,), (2, 0, 3), (1024,), (16, 1, 4)]
SHAPES = [*FEW, (200, 150)]  # together enough for a team

every_dtype = pytest.mark.parametrize("dtype", DTYPES)
every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
every_setting = pytest.mark.parametrize(
    ("rule", "hyper"),
    [
        pytest.param(rule, hyper, id="-".join([rule.name, *map(str, hyper.values())]))
        for rule in RULES
        for hyper in rule.settings
    ],
)


def draw(rng, dtype, shapes=SHAPES):
    return [np.asarray(rng.normal(size=shape)).astype(dtype) for shape in shapes]


def copies(arrays):
    return [array.copy() for array in arrays]


def step(rule, params, grads, state, steps, hyper=None):
    kernels.update(rule.name, params, grads, state, steps, list((hyper or rule.settings[0]).values()))


def extended(arrays):
    return [array.astype(np.longdouble) for array in arrays]


def assert_within(actual, exact, bound):
    """Every element is as near as the bound, an array of errors."""
    error = np.abs(actual - exact)
    assert np.isfinite(actual).all()
    assert (error <= bound).all(), f"{(error / bound).max()} times the bound"


def ulp(dtype, magnitude, count=1):
    return count * np.spacing(np.abs(magnitude).astype(dtype)).astype(np.longdouble)


class TestResults:
    def test_the_catalogue_is_complete(self):
        ours = {
            rule.name: (
                rule.name,
                tuple(rule.state),
                tuple(rule.settings[0]),
                tuple(name for name, kind in rule.state.items() if kind == "squares"),
                rule.name.startswith("lamb"),
            )
            for rule in RULES
        }
        assert len(ours) == 29
        assert {name: tuple(spec) for name, spec in kernels.RULES.items()} == ours
        assert {name: tuple(spec) for name, spec in reference.RULES.items()} == ours

    @every_dtype
    @every_setting
    def test_a_step(self, rule, hyper, dtype, rng):
        """Within an ulp of the parameter and 4 of the step, from states and at times such as occur in a run.

        A state is within 3 ulps: 2 where multiply-adds are fused. One that holds a step is as exact as a step, and
        LAMB's step takes more operations. Where a rule subtracts numbers that may be nearly the same, no arithmetic of
        this precision keeps that promise: centered RMSprop's v - a², the sum whose sign Lion takes and Ftrl's z are as
        exact as the rounding of their terms; the catalogue says what that comes to.
        """
        for t in (1, 2, 6, 10, 10_000):  # at 6 RAdam stops waiting
            params, grads = draw(rng, dtype, FEW), draw(rng, dtype, FEW)
            state = rule.draw_state(rng, params)
            exact_params, exact_grads, exact_state = extended(params), extended(grads), list(map(extended, state))
            steps = np.full(len(params), t - 1)
            step(rule, params, grads, state, steps, hyper)
            assert (steps == t).all()
            for k, p in enumerate(params):
                before = [t, exact_params[k], exact_grads[k], [row[k] for row in exact_state], hyper]
                desired = rule.step(t, *before[1:3], *before[3], **hyper)
                sizes, slack = rule.magnitudes(*before), rule.slack(*before, functools.partial(ulp, dtype))
                bounds = [n * ulp(dtype, size) for n, size in zip(rule.roundings(), sizes, strict=True)]
                bounds[0] += ulp(dtype, desired[0])
                ours = [p, *(row[k] for row in state)]
                for actual, exact, bound, more in zip(ours, desired, bounds, slack, strict=True):
                    assert_within(actual, exact, bound + more)

    @every_dtype
    @every_setting
    @pytest.mark.parametrize("count", [2, 20])
    def test_a_run(self, count, rule, hyper, dtype, rng):
        """From nothing, each step adding its error."""
        params = draw(rng, dtype, FEW)
        state, steps = rule.zero_state(params), np.zeros(len(params), np.int64)
        runs = [[p, *rows] for p, *rows in zip(extended(params), *map(extended, state), strict=True)]
        bounds = [[np.zeros_like(array) for array in run] for run in runs]
        for t in range(1, count + 1):
            grads = draw(rng, dtype, FEW)
            step(rule, params, grads, state, steps, hyper)
            for run, bound, g in zip(runs, bounds, extended(grads), strict=True):
                before = [t, run[0], g, run[1:], hyper]
                sizes, slack = rule.magnitudes(*before), rule.slack(*before, functools.partial(ulp, dtype, count=t))
                run[:] = rule.step(t, run[0], g, *run[1:], **hyper)
                n, *others = rule.roundings()
                bound[0] += ulp(dtype, run[0]) + n * t * ulp(dtype, sizes[0]) + slack[0]
                for each, n, size, more in zip(bound[1:], others, sizes[1:], slack[1:], strict=True):
                    each += n * ulp(dtype, size) + more
        for run, bound, *ours in zip(runs, bounds, params, *state, strict=True):
            for array, exact, limit in zip(ours, run, bound, strict=True):
                assert_within(array, exact, limit)

    @every_dtype
    @every_rule
    def test_specials_are_those_of_the_numpy_expression(self, rule, dtype):
        """Every combination of eleven numbers as parameter, gradient and states.

        Rules that multiply in another order than the formula, or write a mean as m + (1 - beta) (g - m), overflow
        elsewhere: no numbers near the largest for them, and no states that are infinite.
        """
        info = np.finfo(dtype)
        same_order = not rule.name.startswith(REARRANGED)
        largest = info.max if same_order else np.sqrt(info.max) / 1024
        numbers = np.array([0, info.smallest_subnormal, info.tiny, 1, largest, np.inf], dtype)
        numbers = np.concatenate([numbers, -numbers[1:-1], [np.nan, -np.inf]]).astype(dtype)
        # A sum of squares below 0 is no state, and then g * g + h need not overflow where g * g alone does.
        states = [numbers if kind == "signed" else numbers[~(numbers < 0)] for kind in rule.state.values()]
        if not same_order:
            states = [each[~np.isinf(each)] for each in states]
        p, g, *state = (each.ravel() for each in np.meshgrid(numbers, numbers, *states))
        for hyper, taken in itertools.product(rule.settings, (0, 100)):
            ours, theirs = (
                [[p.copy()], [[each.copy()] for each in state]],
                [[p.copy()], [[each.copy()] for each in state]],
            )
            with np.errstate(all="ignore"):
                for module, (params, rows) in ((kernels, ours), (reference, theirs)):
                    module.update(rule.name, params, [g], rows, np.array([taken]), list(hyper.values()))
            for actual, desired in zip([ours[0], *ours[1]], [theirs[0], *theirs[1]], strict=True):
                np.testing.assert_array_equal(kinds(actual[0]), kinds(desired[0]))


@every_dtype
@pytest.mark.parametrize("taken", range(5, 17))
def test_subnormal_states_become_zero_in_every_eighth_step(dtype, taken):
    """Here the velocity is halved: what was between one and two times the smallest normal number is subnormal then."""
    info = np.finfo(dtype)
    v = np.array([0, info.smallest_subnormal * 4, info.tiny, 1.5 * info.tiny, 2 * info.tiny, 1], dtype)
    v = np.concatenate([v, -v, [np.inf, -np.inf, np.nan]]).astype(dtype)
    expected = v / 2
    if (taken + 1) % 8 == 0:
        expected[np.abs(expected) < info.tiny] = 0
    params, state = [np.zeros_like(v)], [[v]]
    kernels.update("momentum", params, [np.zeros_like(v)], state, np.array([taken]), [0.1, 0.5])
    np.testing.assert_array_equal(v, expected)


REARRANGED = ("rmsprop", "adadelta", "adam_paper", "amsgrad", "nadam", "radam", "lion", "lamb")


def kinds(array):
    """NaN, an infinity with its sign, or a number."""
    return np.where(np.isnan(array), 9, np.where(np.isinf(array), np.sign(array), 0))


class TestSameBits:
    @every_dtype
    @every_rule
    def test_for_any_number_of_threads(self, rule, dtype, rng, threads):
        params, grads = draw(rng, dtype), draw(rng, dtype)
        state = rule.draw_state(rng, params)
        results = []
        for n in (1, 2, 3, 7):
            threads(n)
            p, s = copies(params), list(map(copies, state))
            step(rule, p, grads, s, np.zeros(len(p), np.int64))
            results.append([*p, *itertools.chain(*s)])
        for result in results[1:]:
            for ours, theirs in zip(result, results[0], strict=True):
                assert_same_bits(ours, theirs)

    @every_dtype
    @every_rule
    def test_in_one_array_or_many_in_any_order(self, rule, dtype, rng):
        if not rule.is_elementwise:
            return
        whole, grad = draw(rng, dtype, [(30_000,)]), draw(rng, dtype, [(30_000,)])
        state = rule.draw_state(rng, whole)
        cuts = np.sort(rng.integers(30_000, size=40))
        parts = [np.split(array[0].copy(), cuts) for array in (whole, grad, *state)]
        order = rng.permutation(len(parts[0]))
        shuffled = [[pieces[i] for i in order] for pieces in parts]
        step(rule, whole, grad, state, np.zeros(1, np.int64))
        step(rule, shuffled[0], shuffled[1], shuffled[2:], np.zeros(len(order), np.int64))
        for array, pieces in zip((whole, *state), (parts[0], *parts[2:]), strict=True):
            assert_same_bits(np.concatenate(pieces), array[0])

    @every_dtype
    @every_rule
    def test_in_every_place(self, rule, dtype, rng):
        """An element is stepped in the same way at every offset and in the tail of every vector."""
        if not rule.is_elementwise:
            return
        size = 17 + 131
        params, grads = draw(rng, dtype, [(size,)]), draw(rng, dtype, [(size,)])
        state = rule.draw_state(rng, params)
        before = [array[0].copy() for array in (params, grads, *state)]
        step(rule, params, grads, state, np.zeros(1, np.int64))
        after = [array[0] for array in (params, *state)]
        for first in range(17):
            parts = [[array.copy()[first : first + n] for n in range(131)] for array in before]
            step(rule, parts[0], parts[1], parts[2:], np.zeros(131, np.int64))
            for arrays, whole in zip((parts[0], *parts[2:]), after, strict=True):
                for n, part in enumerate(arrays):
                    assert_same_bits(part, whole[first : first + n])

    @every_dtype
    @every_rule
    @pytest.mark.parametrize("param_layout", LAYOUTS)
    def test_in_any_layout(self, param_layout, rule, dtype, rng):
        """Parameters and gradients meet by index, not by their order in memory."""
        shapes = [(7, 5), (130,), (3, 4, 5), (0, 3), ()]
        params, grads = draw(rng, dtype, shapes), draw(rng, dtype, shapes)
        state = rule.draw_state(rng, params)
        for lay in [np.copy, *LAYOUTS.values()]:
            here = [LAYOUTS[param_layout](p) for p in params]
            owners = [p if p.base is None else p.base for p in here]
            gaps = [np.isnan(owner) for owner in owners]
            rows, plain, plain_rows = list(map(copies, state)), copies(params), list(map(copies, state))
            step(rule, here, [lay(g) for g in grads], rows, np.zeros(len(shapes), np.int64))
            step(rule, plain, grads, plain_rows, np.zeros(len(shapes), np.int64))
            for ours, theirs in zip(
                [*here, *itertools.chain(*rows)], [*plain, *itertools.chain(*plain_rows)], strict=True
            ):
                assert_same_bits(ours, theirs)
            for owner, gap in zip(owners, gaps, strict=True):
                np.testing.assert_array_equal(np.isnan(owner), gap)

    @every_rule
    def test_with_dtypes_mixed(self, rule, rng):
        """Each parameter in its own dtype; a gradient is rounded to its parameter's."""
        kinds_ = [("float32", "float64"), ("float64", "float64"), ("float64", "float32"), ("float32", "float32")] * 2
        params = [draw(rng, kind, [(37,)])[0] for kind, _ in kinds_]
        grads = [draw(rng, kind, [(37,)])[0] for _, kind in kinds_]
        state = rule.draw_state(rng, params)
        plain, plain_rows = copies(params), list(map(copies, state))
        step(rule, params, grads, state, np.zeros(len(params), np.int64))
        for k, p in enumerate(plain):
            rows = [[row[k]] for row in plain_rows]
            step(rule, [p], [grads[k].astype(p.dtype)], rows, np.zeros(1, np.int64))
            for ours, theirs in zip(
                [params[k], *(row[k] for row in state)], [p, *(row[0] for row in rows)], strict=True
            ):
                assert_same_bits(ours, theirs)


class TestBookkeeping:
    @every_rule
    def test_every_parameter_has_its_own_count(self, rule, rng):
        counts = np.array([0, 5, 5, 0, 1000, 2**53 - 1])
        params, grads = draw(rng, "float64", [(9,)] * 6), draw(rng, "float64", [(9,)] * 6)
        state = rule.draw_state(rng, params)
        alone, alone_rows = copies(params), list(map(copies, state))
        steps = counts.copy()
        step(rule, params, grads, state, steps)
        np.testing.assert_array_equal(steps, counts + 1)
        for k, p in enumerate(alone):
            step(rule, [p], [grads[k]], [[row[k]] for row in alone_rows], counts[k : k + 1])
            assert_same_bits(params[k], p)

    @every_rule
    def test_no_gradient_no_step(self, rule, rng):
        params, grads = draw(rng, "float32"), draw(rng, "float32")
        state = rule.draw_state(rng, params)
        skipped = [k for k in range(len(params)) if k % 3 == 1]
        for k in skipped:
            grads[k] = None
        steps = np.zeros(len(params), np.int64)
        with unchanged([[array[k] for k in skipped] for array in (params, *state)]):
            step(rule, params, grads, state, steps)
        assert [k for k, count in enumerate(steps) if count == 0] == skipped
        with unchanged(params, state, steps):
            step(rule, params, [None] * len(params), state, steps)

    @every_rule
    def test_no_parameters(self, rule):
        step(rule, [], [], [[] for _ in rule.state], np.zeros(0, np.int64))

    @every_rule
    def test_nothing_in_a_parameter_still_counts(self, rule):
        params = [np.zeros((0, 3)), np.zeros(0, np.float32)]
        steps = np.zeros(2, np.int64)
        step(rule, params, copies(params), rule.zero_state(params), steps)
        assert steps.tolist() == [1, 1]

    @every_rule
    def test_only_parameters_states_and_counts_change(self, rule, rng):
        params, grads = draw(rng, "float64"), draw(rng, "float64")
        for g in grads:
            g.flags.writeable = False
        state, hyper = rule.draw_state(rng, params), np.array(list(rule.settings[0].values()))
        with unchanged(grads, hyper):
            kernels.update(rule.name, params, grads, state, np.zeros(len(params), np.int64), hyper)

    def test_gradients_may_share_memory(self):
        g = np.array([1.0, 2.0, 3.0])
        params = [np.zeros(3), np.zeros(2)]
        kernels.update("sgd", params, [g, g[1:]], [], np.zeros(2, np.int64), [1.0])
        assert params[0].tolist() == [-1, -2, -3]
        assert params[1].tolist() == [-2, -3]

    def test_sequences_may_be_tuples(self):
        p, steps = np.ones(2), np.zeros(1, np.int64)
        kernels.update("momentum", (p,), (p + 1,), ((np.zeros(2),),), steps, (1.0, 0.5))
        assert p.tolist() == [-1, -1]

    def test_memmaps(self, tmp_path):
        p = np.memmap(tmp_path / "p", np.float32, "w+", shape=(5,))
        kernels.update("sgd", [p], [np.ones(5, np.float32)], [], np.zeros(1, np.int64), [1.0])
        assert (np.fromfile(tmp_path / "p", np.float32) == -1).all()
        g = np.memmap(tmp_path / "p", np.float32, "r", shape=(5,))
        kernels.update("sgd", [np.zeros(5)], [g], [], np.zeros(1, np.int64), [1.0])
