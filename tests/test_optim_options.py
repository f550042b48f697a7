"""What every optimizer takes besides hyper-parameters (conventions, decay, clipping, groups), and its saved forms."""

from __future__ import annotations

import copy
import inspect
import json
import math
import pickle
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from fastdl import kernels, optim
from fastdl.errors import ArrayError, CheckpointError, DtypeError, HyperparameterError, KeyMismatchError
from fastdl.optim import schedules
from tests.arrays import LAYOUTS
from tests.compare import assert_close, assert_same_bits, digest, unchanged

SHAPES = {"W1": (7, 5), "b1": (5,), "W2": (5, 3), "b2": (3,), "scale": ()}


def variants() -> list[Any]:
    """Each optimizer with each convention, and its forms."""
    forms: dict[str, list[dict[str, Any]]] = {
        "rmsprop": [{"momentum": 0.8}, {"centered": True}, {"momentum": 0.8, "centered": True}],
        "adam": [{"amsgrad": True}],
        "adamw": [{"amsgrad": True}],
        "ftrl": [{"l1": 0.01, "l2": 0.1, "l2_shrinkage": 0.1, "beta": 0.5}],
    }
    return [
        pytest.param(kind, settings, id="-".join([kind.name, *map(str, settings.values())]))
        for kind in optim.OPTIMIZERS.values()
        for convention in kind.conventions
        for form in ({}, *forms.get(kind.name, []))
        for settings in [{"convention": convention, "lr": 0.01, **form}]
    ]


VARIANTS = variants()
every_variant = pytest.mark.parametrize(("kind", "settings"), VARIANTS)
every_optimizer = pytest.mark.parametrize("kind", optim.OPTIMIZERS.values(), ids=optim.OPTIMIZERS)
with_coupled_decay = pytest.mark.parametrize(
    "kind", [kind for kind in optim.OPTIMIZERS.values() if kind is not optim.LAMB], ids=lambda kind: kind.name
)

EVERYTHING = {
    "weight_decay": 0.1,
    "decay_filter": "matrices",
    "clip_norm": 3.0,
    "clip_value": 0.7,
    "nonfinite": "skip",
    "groups": {"b*": {"lr": 0.002}, "W2": {"weight_decay": 0.3, "lr": 0.003}},
    "ema": 0.9,
}


def draw(rng, dtype="float64", shapes=SHAPES) -> dict[str, np.ndarray]:
    return {key: np.asarray(rng.normal(size=shape)).astype(dtype) for key, shape in shapes.items()}


def copies(arrays: dict[Any, np.ndarray]) -> dict[Any, np.ndarray]:
    return {key: array.copy() for key, array in arrays.items()}


def assert_same(ours: dict[Any, Any], theirs: dict[Any, Any]) -> None:
    assert ours.keys() == theirs.keys()
    for key, array in ours.items():
        assert_same_bits(array, theirs[key])


def assert_near(ours: dict[Any, Any], theirs: dict[Any, Any], relative: float = 1e-13) -> None:
    assert ours.keys() == theirs.keys()
    for key, array in ours.items():
        assert_close(array, theirs[key], relative)


def assert_like(optimizer, params, reference, others, transform, rng, steps=4) -> None:
    """`optimizer` on gradients does what `reference` does on transformed ones.

    ``transform(params, grads)`` may change the parameters, and returns gradients.
    """
    for _ in range(steps):
        grads = draw(rng)
        with unchanged(grads):
            optimizer.update(params, grads)
        changed = transform(others, copies(grads))
        reference.update(others, {key: np.asarray(g) for key, g in changed.items()})
    assert_near(params, others)


def refused(optimizer, params, grads, error) -> Any:
    """The error of a step that changes nothing."""
    before = digest(optimizer.state_dict(), optimizer.steps)
    with unchanged(params, grads), pytest.raises(error) as caught:
        optimizer.update(params, grads)
    assert digest(optimizer.state_dict(), optimizer.steps) == before
    assert caught.type is error
    assert caught.value.op in (optimizer.name, optimizer.spec.name)
    return caught.value


class TestConventions:
    def test_every_rule_is_used(self):
        """Nothing is compiled that no optimizer runs."""
        assert {kind(**settings).rule for kind, settings in (each.values for each in VARIANTS)} == set(kernels.RULES)

    @every_optimizer
    def test_the_first_is_the_default(self, kind):
        first, *others = kind.conventions
        assert kind().convention == first
        assert kind(convention=first).get_config() == kind().get_config()
        assert first == next(name for name in ("book", "paper", "torch") if name in kind.conventions)
        assert others

    @every_optimizer
    def test_unknown(self, kind):
        for name in ("tensorflow", "", "Torch", 1):
            with pytest.raises(HyperparameterError) as caught:
                kind(convention=name)
            assert (caught.value.op, caught.value.arg, caught.value.got) == (kind.name, "convention", repr(name))
            assert all(known in caught.value.expected for known in kind.conventions)

    @every_variant
    def test_arguments_win(self, kind, settings):
        for name in kind(**settings).hyperparameters:
            assert kind(**settings | {name: 0.25}).hyperparameters[name] == 0.25
        for decoupled in (True, False):
            assert kind(**settings, decoupled=decoupled).decoupled is decoupled
        assert kind(**settings, weight_decay=0.0).weight_decay == 0

    @every_optimizer
    def test_optax_has_no_learning_rate(self, kind):
        if "optax" in kind.conventions:
            with pytest.raises(HyperparameterError) as caught:
                kind(convention="optax")
            assert (caught.value.op, caught.value.arg) == (kind.name, "lr")

    @every_optimizer
    def test_unknown_settings(self, kind):
        for make in (kind, lambda **given: optim.get(kind.name, **given)):
            with pytest.raises(HyperparameterError) as caught:
                make(clipnorm=1.0)
            assert (caught.value.op, caught.value.arg) == (kind.name, "clipnorm")
            assert "clip_norm" in caught.value.expected

    @every_optimizer
    @pytest.mark.parametrize(
        ("name", "bad"),
        [
            ("weight_decay", (-0.1, math.inf, math.nan, "0.1", True)),
            ("clip_norm", (-1.0, math.inf, math.nan, "1", False)),
            ("clip_value", (-1.0, math.inf, math.nan, [1.0])),
            ("ema", (-0.1, 1.0, 1, math.nan, "0.9")),
            ("nonfinite", ("ignore", True, 1)),
            ("decay_filter", ("vectors", 2, "")),
            ("groups", (5, "W*", ["W1"], {"W*": 0.1}, {"W*": ["lr"]})),
        ],
    )
    def test_settings_out_of_range(self, name, bad, kind):
        for value in bad:
            for make in (kind, lambda **given: optim.get(kind.name, **given)):
                with pytest.raises(HyperparameterError) as caught:
                    make(**{name: value})
                assert (caught.value.op, caught.value.arg) == (kind.name, name), value

    @pytest.mark.parametrize("name", ["weight_decay", "clip_norm", "clip_value", "ema"])
    def test_settings_out_of_range_later(self, name, rng):
        optimizer, params = optim.Adam(**{name: 0.5}), draw(rng)
        optimizer.update(params, draw(rng))
        for value in (-0.1, math.nan, "0.5", math.inf):
            setattr(optimizer, name, value)
            assert refused(optimizer, params, draw(rng), HyperparameterError).arg == name
        setattr(optimizer, name, 0.25)
        optimizer.update(params, draw(rng))


class TestWeightDecay:
    @with_coupled_decay
    def test_coupled(self, kind, rng):
        params = draw(rng)
        assert_like(
            kind(weight_decay=0.3, decoupled=False), params, kind(weight_decay=0.0), copies(params),
            lambda p, g: {key: g[key] + 0.3 * p[key] for key in p}, rng,
        )  # fmt: skip

    @every_optimizer
    def test_decoupled(self, kind, rng):
        params = draw(rng)

        def shrink(p, g):
            for array in p.values():
                array *= 1 - 0.1 * 0.3
            return g

        settings = {"lr": 0.1, "convention": "keras" if kind is optim.Ftrl else None}  # where z starts at 0
        optimizer, plain = kind(weight_decay=0.3, decoupled=True, **settings), kind(weight_decay=0.0, **settings)
        assert_like(optimizer, params, plain, copies(params), shrink, rng)

    def test_in_lambs_own_formula(self, rng):
        """It is part of the step whose norm counts, unless it is decoupled."""
        params = draw(rng)
        own, other = optim.LAMB(lr=0.1, weight_decay=0.3), optim.LAMB(lr=0.1, weight_decay=0.3, decoupled=True)
        others, grads = copies(params), draw(rng)
        own.update(params, grads)
        other.update(others, grads)
        assert all(np.abs(params[key] - others[key]).max() > 1e-4 for key in params)

    @every_optimizer
    @pytest.mark.parametrize("decoupled", [False, True])
    @pytest.mark.parametrize(
        ("chosen", "decayed"),
        [
            ("all", ("W1", "b1", "W2", "b2", "scale")),
            ("matrices", ("W1", "W2")),
            (lambda key, array: key != "W2" and array.ndim < 2, ("b1", "b2", "scale")),
            (lambda key, array: np.bool_(False), ()),
        ],
        ids=["all", "matrices", "function", "none"],
    )
    def test_filter(self, chosen, decayed, decoupled, kind, rng):
        """What is left out does as without decay, to the bit; the rest does not."""
        params, grads = draw(rng), draw(rng)
        results = []
        for filter_, decay in ((chosen, 0.3), ("all", 0.3), ("all", 0.0)):
            mine = copies(params)
            optimizer = kind(lr=0.1, weight_decay=decay, decoupled=decoupled, decay_filter=filter_)
            for _ in range(2):
                optimizer.update(mine, grads)
            results.append(mine)
        filtered, all_, none = results
        for key in params:
            assert_same_bits(filtered[key], all_[key] if key in decayed else none[key])
        assert digest(all_) != digest(none)

    def test_the_filter_sees_key_and_array(self, rng):
        params, seen = draw(rng), {}
        optim.SGD(weight_decay=0.1, decay_filter=lambda key, array: seen.setdefault(key, array) is None).update(
            params, draw(rng)
        )
        assert seen.keys() == params.keys()
        assert all(seen[key] is params[key] for key in params)

    @every_optimizer
    def test_the_filter_of_a_loaded_optimizer(self, kind, rng):
        """Also where there is no state to tell a matrix from a bias by."""
        settings = {"lr": 0.1, "weight_decay": 0.3, "decay_filter": "matrices"}
        params, optimizer = draw(rng), kind(**settings)
        optimizer.update(params, draw(rng))
        others, other, grads = copies(params), kind(**settings), draw(rng)
        other.load_state_dict(optimizer.state_dict())
        optimizer.update(params, grads)
        other.update(others, grads)
        assert_same(others, params)

    def test_filters_may_change_between_steps(self, rng):
        params = draw(rng)
        optimizer = optim.SGD(lr=0.1, weight_decay=0.5)
        zero = {key: np.zeros_like(p) for key, p in params.items()}
        optimizer.update(params, zero)
        optimizer.decay_filter = "matrices"
        before = copies(params)
        optimizer.update(params, zero)
        for key, p in params.items():
            assert_close(p, before[key] * (0.95 if p.ndim == 2 else 1), 1e-15)


class TestClipping:
    @every_variant
    def test_values(self, kind, settings, rng):
        params = draw(rng)
        others = copies(params)
        optimizer, plain = kind(**settings, clip_value=0.5), kind(**settings)
        for _ in range(3):
            grads = draw(rng)
            optimizer.update(params, grads)
            plain.update(others, {key: np.asarray(np.clip(g, -0.5, 0.5)) for key, g in grads.items()})
        assert_same(params, others)

    @every_variant
    def test_norm_of_all_together(self, kind, settings, rng):
        params = draw(rng)

        def clip(p, g):
            norm = math.sqrt(sum(float(np.sum(each**2)) for each in g.values()))
            assert norm > 2
            return {key: each * (2 / norm) for key, each in g.items()}

        assert_like(kind(**settings, clip_norm=2.0), params, kind(**settings), copies(params), clip, rng)

    def test_shorter_gradients_are_left_alone(self, rng):
        params, grads = draw(rng), draw(rng)
        others = copies(params)
        optim.SGD(clip_norm=1e3, clip_value=1e3).update(params, grads)
        optim.SGD().update(others, grads)
        assert_same(params, others)

    def test_parameters_without_a_gradient_count_for_nothing(self):
        params = {"a": np.zeros(1), "b": np.zeros(1)}
        optim.SGD(lr=1.0, clip_norm=1.0).update(params, {"a": np.array([-4.0]), "b": None})
        assert (params["a"][0], params["b"][0]) == (1.0, 0.0)

    def test_the_order(self):
        """The norm first, then each element, then decay."""
        for decoupled in (False, True):
            params = {"a": np.array([10.0]), "b": np.array([10.0])}
            optimizer = optim.SGD(lr=0.5, clip_norm=5.0, clip_value=3.5, weight_decay=0.2, decoupled=decoupled)
            optimizer.update(params, {"a": np.array([30.0]), "b": np.array([40.0])})
            assert params["a"] == pytest.approx([10 - 0.5 * (3 + 2)])
            assert params["b"] == pytest.approx([10 - 0.5 * (3.5 + 2)])

    def test_gradients_whose_square_overflows(self):
        """The norm is added up in float64."""
        for dtype, size in (("float32", 1e25), ("float64", 1e140)):
            params = {"a": np.zeros(2, dtype)}
            optim.SGD(lr=1.0, clip_norm=5.0).update(params, {"a": np.array([-3 * size, 4 * size], dtype)})
            assert params["a"] == pytest.approx([3, -4], rel=1e-6)

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @every_optimizer
    def test_the_same_bits_for_any_number_of_threads(self, kind, dtype, rng, threads):
        shapes = {"W": (300, 301), "b": (301,), "V": (70001,), "s": ()}
        start, grads = draw(rng, dtype, shapes), [draw(rng, dtype, shapes) for _ in range(2)]
        results = set()
        for count in (1, 2, 3, 7):
            threads(count)
            params, optimizer = copies(start), kind(clip_norm=3.0, clip_value=0.02, weight_decay=0.1, ema=0.9)
            for each in grads:
                optimizer.update(params, each)
            results.add(digest(params, optimizer.state_dict()))
        assert len(results) == 1


class TestNonFinite:
    BAD = (math.nan, math.inf, -math.inf)

    @every_variant
    def test_raise(self, kind, settings, rng):
        optimizer, params = kind(**settings | EVERYTHING | {"nonfinite": "raise"}), draw(rng)
        for step in range(2):  # before there is any state, and after
            for value in self.BAD:
                grads = draw(rng)
                grads["b1"] = None
                grads["W2"][2, 1] = value
                error = refused(optimizer, params, grads, ArrayError)
                assert (error.arg, error.key) == ("grads", "W2")
                assert error.got == f"{value} at element 7"
                assert optimizer.steps == step
                assert (optimizer.state == {} and optimizer.averages == {}) == (step == 0)
            optimizer.update(params, draw(rng))

    @every_variant
    def test_skip(self, kind, settings, rng):
        optimizer, params = kind(**settings | EVERYTHING), draw(rng)
        for step in range(2):
            for value in self.BAD:
                grads = draw(rng)
                grads["scale"][...] = value
                before = digest(optimizer.state_dict())
                with unchanged(params, grads):
                    optimizer.update(params, grads)
                assert digest(optimizer.state_dict()) == before
                assert optimizer.steps == step
            optimizer.update(params, draw(rng))

    @every_variant
    def test_finite_gradients_are_stepped(self, kind, settings, rng):
        start, grads = draw(rng), [draw(rng) for _ in range(3)]
        results = []
        for policy in ("propagate", "raise", "skip"):
            params, optimizer = copies(start), kind(**settings, nonfinite=policy)
            for each in grads:
                optimizer.update(params, each)
            results.append(digest(params, optimizer.state_dict()))
        assert len(set(results)) == 1

    def test_propagate(self, rng):
        params, grads = draw(rng), draw(rng)
        grads["b1"][3] = np.nan
        optim.SGD().update(params, grads)
        assert np.isnan(params["b1"]).tolist() == [False, False, False, True, False]
        assert all(np.isfinite(params[key]).all() for key in params if key != "b1")

    def test_a_schedule_does_not_move_on_over_a_step_that_is_left_out(self):
        params, seen = {"x": 1.0}, []
        optimizer = optim.SGD(lr=lambda step: seen.append(step) or 0.1, nonfinite="skip")
        for gradient in (1.0, math.nan, math.inf, 1.0):
            optimizer.update(params, {"x": gradient})
        assert seen == [0, 1, 1, 1]
        assert params["x"] == pytest.approx(0.8)

    def test_a_float64_gradient_beyond_float32(self):
        """Finite where it is read, an infinity where it is used."""
        params, grads = {"W": np.ones(3, np.float32)}, {"W": np.array([0, 1e300, 0])}
        with unchanged(params):
            optim.SGD(nonfinite="skip").update(params, grads)
        error = refused(optim.SGD(nonfinite="raise"), params, grads, ArrayError)
        assert (error.key, error.got) == ("W", "1e+300 at element 1")


class TestLearningRate:
    SCHEDULES = (
        lambda: schedules.Exponential(0.1, factor=0.5),
        lambda: schedules.Warmup(3, then=schedules.Cosine(0.1, steps=6)),
        lambda: lambda step: 0.1 / (1 + step),
        lambda: np.vectorize(lambda step: 0.05 * (step + 1)),  # a float64 of no dimensions
    )

    @every_optimizer
    @pytest.mark.parametrize("make", SCHEDULES)
    def test_schedules_and_functions(self, make, kind, rng):
        schedule, params = make(), draw(rng)
        others = copies(params)
        settings = {"weight_decay": 0.1, "decoupled": True}
        optimizer, plain = kind(lr=schedule, **settings), kind(lr=float(schedule(0)), **settings)
        for step in range(5):
            plain.lr = float(schedule(step))
            grads = draw(rng)
            optimizer.update(params, grads)
            plain.update(others, grads)
        assert_same(params, others)
        assert optimizer.lr is schedule

    @every_optimizer
    def test_it_is_asked_once_a_step(self, kind, rng):
        asked = []
        settings = {"weight_decay": 0.1, "decoupled": True}
        optimizer = kind(lr=lambda step: asked.append(step) or 0.1, **settings)
        params = draw(rng)
        for _ in range(3):
            optimizer.update(params, draw(rng))
        assert asked == [0] * (len(params) * (kind is optim.Ftrl)) + [0, 1, 2]  # Ftrl's z starts by it

    @every_optimizer
    def test_bad_ones(self, kind, rng):
        params = draw(rng)
        for value in (-0.1, math.nan, math.inf, "0.1", None, [0.1]):
            optimizer = kind(lr=lambda step, value=value: value)
            assert refused(optimizer, params, draw(rng), HyperparameterError).arg == "lr"

    @every_optimizer
    def test_one_that_raises(self, kind, rng):
        optimizer, params = kind(lr=lambda step: 1 / (1 - step)), draw(rng)
        optimizer.update(params, draw(rng))
        before = digest(optimizer.state_dict())
        with unchanged(params), pytest.raises(ZeroDivisionError):
            optimizer.update(params, draw(rng))
        assert digest(optimizer.state_dict()) == before

    @pytest.mark.parametrize("make", [optim.SGD, lambda lr: optim.get("sgd", lr=lr)], ids=["class", "get"])
    def test_a_schedule_that_is_told_something(self, make):
        schedule = schedules.ReduceOnPlateau(1.0, factor=0.5, patience=0)
        optimizer, params = make(lr=schedule), {"x": 0.0}
        for loss in (1.0, 2.0, 3.0):
            schedule.observe(loss)
            optimizer.update(params, {"x": -1.0})
        assert params["x"] == 1 + 0.5 + 0.25


class TestGroups:
    @every_optimizer
    def test_settings_of_their_own(self, kind, rng):
        """Each group does as an optimizer of these settings alone."""
        start, grads = draw(rng), [draw(rng) for _ in range(4)]
        shared = {"lr": 0.01, "weight_decay": 0.1}
        own = {"W*": {"lr": 0.02}, "b2": {"weight_decay": 0.4, "lr": schedules.Exponential(0.1, factor=0.5)}}
        params, optimizer = copies(start), kind(**shared, groups=own)
        for each in grads:
            optimizer.update(params, each)
        for key in SHAPES:
            mine, alone = (
                {key: start[key].copy()},
                kind(**shared | own["W*" if key[0] == "W" else key] if key[0] == "W" or key == "b2" else shared),
            )
            for each in grads:
                alone.update(mine, {key: each[key]})
            assert_same_bits(params[key], mine[key])

    @every_optimizer
    def test_every_hyperparameter(self, kind, rng):
        for name, value in kind().hyperparameters.items():
            changed = 0.5 * value if 0 < value < math.inf else 0.25
            start, grads = draw(rng), [draw(rng) for _ in range(8)]  # RAdam waits for 5
            grouped, all_, none = copies(start), copies(start), copies(start)
            optimizers = (kind(groups={"W1": {name: changed}}), kind(**{name: changed}), kind())
            for each in grads:
                for optimizer, params in zip(optimizers, (grouped, all_, none), strict=True):
                    optimizer.update(params, each)
            assert_same(grouped, none | {"W1": all_["W1"]})
            assert digest(all_["W1"]) != digest(none["W1"]) or name == "weight_decay"

    def test_the_later_one_wins(self):
        groups = {"*": {"lr": 1.0, "weight_decay": 0.5}, "W?": {"lr": 2.0}, "W2": {"lr": 4.0}}
        params = {key: np.array([1.0]) for key in ("W1", "W2", "b")}
        optim.SGD(groups=groups).update(params, {key: np.array([0.0]) for key in params})
        assert {key: p[0] for key, p in params.items()} == {"W1": 0.0, "W2": -1.0, "b": 0.5}
        params = {key: np.array([1.0]) for key in ("W1", "W2", "b")}
        optim.SGD(groups=dict(reversed(groups.items()))).update(params, {key: np.array([0.0]) for key in params})
        assert {p[0] for p in params.values()} == {0.5}

    def test_patterns(self):
        keys = ["W1", "W10", "w1", "net/0/W", "net/1/W", 0, 1, ("a", 1), "[x]"]
        for pattern, matches in {
            "W*": ["W1", "W10"],
            "W?": ["W1"],
            "net/*/W": ["net/0/W", "net/1/W"],
            "*/W": ["net/0/W", "net/1/W"],
            0: [0],
            "1": [1],
            ("a", 1): [("a", 1)],
            "[x]": ["[x]"],
            "*": keys,
        }.items():
            params = {key: np.array([0.0]) for key in keys}
            optim.SGD(lr=1.0, groups={pattern: {"lr": 2.0}}).update(params, {key: np.array([-1.0]) for key in keys})
            assert [key for key, p in params.items() if p[0] == 2] == matches, pattern
            assert all(p[0] in (1, 2) for p in params.values())

    @every_optimizer
    def test_a_pattern_that_matches_nothing(self, kind, rng):
        params = draw(rng)
        error = refused(kind(groups={"W*": {"lr": 0.1}, "V*": {"lr": 0.1}}), params, draw(rng), KeyMismatchError)
        assert (error.arg, error.key) == ("groups", "V*")
        assert all(repr(key) in error.expected for key in params)

    @every_optimizer
    def test_unknown_settings(self, kind):
        for name in ("learning_rate", "clip_norm", "convention", "name", 1):
            with pytest.raises(HyperparameterError) as caught:
                kind(groups={"W*": {"lr": 0.1}, "b*": {name: 0.1}})
            assert (caught.value.op, caught.value.arg, caught.value.key) == (kind.name, "groups", "b*")
            assert caught.value.got == repr(name)

    @every_optimizer
    def test_values_out_of_range(self, kind, rng):
        """At once, and at the step where they are set later."""
        params = draw(rng)
        for name in (*kind().hyperparameters, "weight_decay"):
            for value in (-1.0, math.nan, "0.1", None, True):
                with pytest.raises(HyperparameterError) as caught:
                    kind(groups={"b1": {name: value}})
                assert caught.value.arg == name
                optimizer = kind()
                optimizer.groups = {"b1": {name: value}}
                assert refused(optimizer, params, draw(rng), HyperparameterError).arg == name

    @pytest.mark.parametrize("change", ["replaced", "in place"])
    def test_they_may_change_between_steps(self, change):
        params = {"W": np.array([0.0]), "b": np.array([0.0])}
        optimizer, grads = optim.SGD(lr=1.0, groups={"b": {"lr": 2.0}}), {key: np.array([-1.0]) for key in params}
        optimizer.update(params, grads)
        if change == "replaced":
            optimizer.groups = {"W": {"lr": 4.0}, "b": {"lr": 8.0}}
        else:
            optimizer.groups["b"]["lr"] = 8.0
            optimizer.groups["W"] = {"lr": 4.0}
        optimizer.update(params, grads)
        assert (params["W"][0], params["b"][0]) == (1 + 4, 2 + 8)
        optimizer.groups = {"V": {"lr": 1.0}}
        assert refused(optimizer, params, grads, KeyMismatchError).key == "V"
        optimizer.groups = {"W": {"rate": 1.0}}
        assert refused(optimizer, params, grads, HyperparameterError).key == "W"
        optimizer.groups = {}
        optimizer.update(params, grads)
        assert (params["W"][0], params["b"][0]) == (1 + 4 + 1, 2 + 8 + 1)


class TestAverages:
    @every_variant
    def test_formula(self, kind, settings, rng):
        params, optimizer = draw(rng), kind(**settings, ema=0.8)
        others, plain = copies(params), kind(**settings)
        expected = copies(params)
        assert optimizer.averages == {}
        for _ in range(5):
            grads = draw(rng)
            optimizer.update(params, grads)
            plain.update(others, grads)
            expected = {key: 0.8 * average + 0.2 * params[key] for key, average in expected.items()}
        assert_near(optimizer.averages, expected)
        assert_same(params, others)
        assert plain.averages == {}

    def test_of_parameters_in_any_layout(self, rng):
        for layout in LAYOUTS.values():
            params = {key: layout(p) for key, p in draw(rng, "float32").items()}
            optimizer = optim.Momentum(ema=0.0)
            optimizer.update(params, draw(rng, "float32"))
            assert_same(optimizer.averages, params)

    def test_a_parameter_without_a_gradient(self, rng):
        """Its average waits with it."""
        params, optimizer = draw(rng), optim.Momentum(ema=0.5)
        optimizer.update(params, draw(rng))
        with unchanged(params["b1"], optimizer.averages["b1"]):
            optimizer.update(params, {**draw(rng), "b1": None})

    def test_of_python_numbers(self):
        params, optimizer = {"x": 4.0}, optim.SGD(lr=1.0, ema=0.5)
        optimizer.update(params, {"x": 2.0})
        assert params["x"] == 2
        assert optimizer.averages["x"] == 3

    def test_they_may_begin_and_end_later(self, rng):
        params, optimizer = draw(rng), optim.Momentum()
        optimizer.update(params, draw(rng))
        optimizer.ema = 0.75
        before = copies(params)
        optimizer.update(params, draw(rng))
        assert_near(optimizer.averages, {key: 0.75 * before[key] + 0.25 * params[key] for key in params})
        optimizer.ema = None
        optimizer.update(params, draw(rng))
        assert optimizer.averages == {}


class TestTrees:
    @every_optimizer
    def test_lists_and_nested_ones(self, kind, rng):
        flat = draw(rng)
        as_list = [p.copy() for p in flat.values()]
        as_tuple = tuple(p.copy() for p in flat.values())
        deep = {"a": [flat["W1"].copy(), {"x": flat["b1"].copy(), "y": (flat["W2"].copy(),)}], "b2": flat["b2"].copy(),
                "empty": [{}], "scale": flat["scale"].copy()}  # fmt: skip
        optimizers = [kind(lr=0.1, clip_norm=1.0) for _ in range(4)]
        for _ in range(3):
            g = draw(rng)
            grads = (
                g,
                list(g.values()),
                tuple(g.values()),
                {"a": [g["W1"], {"x": g["b1"], "y": [g["W2"]]}], "b2": g["b2"], "empty": [{}], "scale": g["scale"]},
            )
            for optimizer, params, each in zip(optimizers, (flat, as_list, as_tuple, deep), grads, strict=True):
                optimizer.update(params, each)
        expected = list(flat.values())
        for leaves in (
            as_list,
            as_tuple,
            [deep["a"][0], deep["a"][1]["x"], deep["a"][1]["y"][0], deep["b2"], deep["scale"]],
        ):
            for got, want in zip(leaves, expected, strict=True):
                assert_same_bits(got, want)
        assert list(optimizers[1].state_dict()["steps"]) == [0, 1, 2, 3, 4]
        assert list(optimizers[3].state_dict()["steps"]) == ["a/0", "a/1/x", "a/1/y/0", "b2", "scale"]

    def test_none_leaves_a_leaf_out(self, rng):
        params, optimizer = {"a": [np.zeros(2), np.zeros(3)], "b": np.zeros(1)}, optim.Adam(ema=0.9)
        optimizer.update(params, {"a": [np.ones(2), np.ones(3)], "b": np.ones(1)})
        with unchanged(params["a"][1]):
            optimizer.update(params, {"a": [np.ones(2), None], "b": np.ones(1)})
        assert optimizer.state_dict()["steps"] == {"a/0": 2, "a/1": 1, "b": 2}

    @every_optimizer
    def test_python_numbers(self, kind):
        numbers, arrays = {"a": [1.0, {"x": 2}], "W": np.ones(2)}, {"a/0": np.array(1.0), "a/1/x": np.array(2.0)}
        arrays["W"] = np.ones(2)
        one, other = kind(lr=0.1, ema=0.5), kind(lr=0.1, ema=0.5)
        for _ in range(3):
            one.update(numbers, {"a": [0.5, {"x": -1.0}], "W": np.array([1.0, 2.0])})
            other.update(arrays, {"a/0": np.array(0.5), "a/1/x": np.array(-1.0), "W": np.array([1.0, 2.0])})
        assert {type(numbers["a"][0]), type(numbers["a"][1]["x"])} == {float}
        assert (numbers["a"][0], numbers["a"][1]["x"]) == (arrays["a/0"], arrays["a/1/x"])
        assert_same_bits(numbers["W"], arrays["W"])
        assert optim.SGD(lr=1.0).update(listed := [1.0, 2.0], [0.5, None]) is None
        assert listed == [0.5, 2.0]

    def test_python_numbers_on_every_level(self):
        for params, grads, expected in (
            ([1.0, [2.0, {"x": 3.0}]], [1.0, [2.0, {"x": 3.0}]], [0.0, [0.0, {"x": 0.0}]]),
            ({0: 1.0, "a": {0: 2.0}}, {0: 1.0, "a": {0: 2.0}}, {0: 0.0, "a": {0: 0.0}}),
        ):
            optim.SGD(lr=1.0).update(params, grads)
            assert params == expected

    @pytest.mark.parametrize(
        "params",
        [(1.0, 2.0), MappingProxyType({"a": 1.0}), {"a": (1.0, np.ones(2))}, [np.ones(2), (2.0, 3.0)], [[(1.0,)]]],
        ids=repr,
    )
    def test_python_numbers_in_a_tuple(self, params):
        """They cannot be replaced there."""
        grads, optimizer = params, optim.Momentum()
        error = refused(optimizer, params, grads, DtypeError)
        assert error.arg == "params"

    @pytest.mark.parametrize(
        "params",
        [
            {"a/b": np.ones(1), "a": {"b": np.ones(1)}},
            {"a": {1: np.ones(1), "1": np.ones(1)}},
            {"a": {"b/c": np.ones(1), "b": {"c": np.ones(1)}}},
            {1: [np.ones(1)], "1": [np.ones(1)]},
        ],
        ids=lambda params: str(list(params)),
    )
    def test_two_leaves_of_the_same_path(self, params):
        """None is left out without a word."""
        error = refused(optim.SGD(), params, copy.deepcopy(params), KeyMismatchError)
        assert error.arg == "params"

    @pytest.mark.parametrize("params", [np.ones(3), 1.0, None, "W", {1, 2}, iter([np.ones(1)])], ids=str)
    def test_no_tree(self, params):
        with pytest.raises(DtypeError) as caught:
            optim.SGD().update(params, params)
        assert (caught.value.op, caught.value.arg) == ("sgd", "params")

    @pytest.mark.parametrize(
        "leaf", ["text", 1j, True, None, np.float32(1), np.ones(2, int), np.ones(2, np.float16)], ids=repr
    )
    def test_bad_leaves(self, leaf):
        params = {"a": [np.ones(2), {"x": leaf}]}
        error = refused(optim.Momentum(), params, {"a": [np.ones(2), {"x": np.ones(2)}]}, DtypeError)
        assert (error.arg, error.key) == ("params", "a/1/x")

    def test_another_structure_of_the_gradients(self, rng):
        params = {"a": [np.ones(1), np.ones(2)]}
        for grads in ({"a": [np.ones(1)]}, {"a": None}, [np.ones(1), np.ones(2)], {"a": {"x": np.ones(1)}}):
            assert refused(optim.Adam(), params, grads, KeyMismatchError).arg == "grads"


class TestGradients:
    @every_variant
    def test_of_the_other_float_type(self, kind, settings, rng):
        """Converted as by NumPy, to the bit."""
        for dtype, other in (("float32", "float64"), ("float64", "float32")):
            params = draw(rng, dtype)
            others = copies(params)
            optimizer, plain = kind(**settings, ema=0.9), kind(**settings, ema=0.9)
            for _ in range(3):
                grads = draw(rng, other)
                with unchanged(grads):
                    optimizer.update(params, grads)
                plain.update(others, {key: g.astype(dtype) for key, g in grads.items()})
            assert_same(params, others)
            assert digest(optimizer.state_dict()) == digest(plain.state_dict())

    @every_variant
    def test_in_any_layout(self, kind, settings, rng):
        for layout in LAYOUTS.values():
            for grad_dtype in ("float32", "float64"):
                params = draw(rng, "float32")
                others = copies(params)
                optimizer, plain = kind(**settings | EVERYTHING), kind(**settings | EVERYTHING)
                for _ in range(2):
                    grads = draw(rng, grad_dtype)
                    optimizer.update(params, {key: layout(g) for key, g in grads.items()})
                    plain.update(others, grads)
                assert_same(params, others)

    @every_optimizer
    def test_shapes_that_numpy_would_broadcast(self, kind, rng):
        params = draw(rng)
        for key, shape in (
            ("W1", (5,)),
            ("W1", (1, 5)),
            ("W1", (7, 1)),
            ("b1", ()),
            ("b1", (1,)),
            ("b1", (1, 5)),
            ("scale", (1,)),
        ):
            error = refused(kind(), params, {**draw(rng), key: np.ones(shape)}, ArrayError)
            assert (error.arg, error.key) == ("grads", key)

    @every_variant
    def test_none_leaves_a_parameter_out(self, kind, settings, rng):
        """Each has its own count, as if it had been stepped alone."""
        params, optimizer = draw(rng), kind(**settings, weight_decay=0.1, ema=0.9)
        alone = {key: kind(**settings, weight_decay=0.1, ema=0.9) for key in params}
        others = {key: {key: p.copy()} for key, p in params.items()}
        for step in range(6):
            grads = draw(rng) | {key: None for i, key in enumerate(SHAPES) if (step + i) % 3 == 0}
            optimizer.update(params, grads)
            for key, g in grads.items():
                if g is not None:
                    alone[key].update(others[key], {key: g})
        assert optimizer.state_dict()["steps"] == dict.fromkeys(SHAPES, 4)
        for key in params:
            assert_same_bits(params[key], others[key][key])
            assert_same_bits(optimizer.averages[key], alone[key].averages[key])

    def test_no_gradient_at_all(self, rng):
        params, optimizer = draw(rng), optim.Adam(**EVERYTHING)
        with unchanged(params):
            optimizer.update(params, dict.fromkeys(params))
        assert optimizer.steps == 0


class TestSaved:
    @every_variant
    def test_going_on_is_the_same(self, kind, settings, rng):
        settings = settings | EVERYTHING | {"lr": schedules.Exponential(0.01, factor=0.9)}
        params, optimizer = draw(rng, "float32"), kind(**settings)
        for _ in range(3):
            optimizer.update(params, {**draw(rng), "b2": None})
        state = optimizer.state_dict()
        others, other = copies(params), kind(**settings)
        with unchanged(state):
            other.load_state_dict(state)
            assert digest(other.state_dict()) == digest(state)
            assert other.steps == optimizer.steps == 3
            for _ in range(3):
                grads = draw(rng)
                optimizer.update(params, grads)
                other.update(others, grads)
        assert_same(others, params)
        assert digest(other.state_dict()) == digest(optimizer.state_dict())

    @every_variant
    @pytest.mark.parametrize(
        "duplicate", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))], ids=["copy", "pickle"]
    )
    def test_copies(self, duplicate, kind, settings, rng):
        settings = settings | EVERYTHING | {"lr": schedules.Exponential(0.01, factor=0.9)}
        params, optimizer = draw(rng), kind(**settings)
        optimizer.update(params, draw(rng))
        others, other = copies(params), duplicate(optimizer)
        assert other.get_config() == optimizer.get_config()
        for _ in range(2):
            grads = draw(rng)
            optimizer.update(params, grads)
            with unchanged(optimizer.state_dict()):
                other.update(others, grads)
        assert_same(others, params)
        assert digest(other.state_dict()) == digest(optimizer.state_dict())

    def test_a_schedule_with_a_memory(self):
        make = lambda: optim.SGD(lr=schedules.ReduceOnPlateau(1.0, factor=0.5, patience=0))  # noqa: E731
        optimizer, other = make(), make()
        for loss in (1.0, 2.0):
            optimizer.lr.observe(loss)
        optimizer.update({"x": 0.0}, {"x": 0.0})
        other.load_state_dict(optimizer.state_dict())
        assert other.lr(1) == optimizer.lr(1) == 0.5

    def test_a_number_takes_no_schedules_place(self, rng):
        schedule = schedules.Exponential(0.1, factor=0.5)
        with_number, with_schedule = optim.Adam(lr=0.3), optim.Adam(lr=schedule)
        with_schedule.load_state_dict(with_number.state_dict())
        assert with_schedule.lr is schedule
        with_number.load_state_dict(with_schedule.state_dict())
        assert with_number.lr == 0.3

    @every_variant
    def test_everything_that_does_not_fit(self, kind, settings, rng):
        optimizer, params = kind(**settings, ema=0.9), draw(rng)
        optimizer.update(params, draw(rng))
        good, before = optimizer.state_dict(), digest(optimizer.state_dict())
        for name, bad in corruptions(good):
            with unchanged(bad), pytest.raises(CheckpointError) as caught:
                optimizer.load_state_dict(bad)
            assert caught.value.op in (kind.name, optimizer.spec.name), name
            assert caught.value.arg, name
            assert digest(optimizer.state_dict()) == before, name
        optimizer.load_state_dict(good)
        optimizer.update(params, draw(rng))

    @every_variant
    def test_of_another_rule(self, kind, settings):
        optimizer = kind(**settings)
        for other, their_settings in (each.values for each in VARIANTS):
            theirs = other(**their_settings)
            if theirs.rule != optimizer.rule:
                with pytest.raises(CheckpointError):
                    optimizer.load_state_dict(theirs.state_dict())

    def test_averages_are_kept_or_not(self, rng):
        for one, other in ((0.9, None), (None, 0.9)):
            saved, loading, params = optim.Adam(ema=one), optim.Adam(ema=other), draw(rng)
            saved.update(params, draw(rng))
            with pytest.raises(CheckpointError) as caught:
                loading.load_state_dict(saved.state_dict())
            assert "averages" in caught.value.arg
            assert loading.steps == 0

    def test_of_parameters_of_another_shape(self, rng):
        """Which shows at the step."""
        optimizer, params = optim.Adam(), draw(rng)
        optimizer.update(params, draw(rng))
        others = {**draw(rng), "W2": np.ones((3, 5))}
        other = optim.Adam()
        other.load_state_dict(optimizer.state_dict())
        assert refused(other, others, copies(others), ArrayError).key == "W2"


def corruptions(good: dict[str, Any]) -> list[tuple[str, Any]]:
    """State dicts, each with one thing wrong."""
    found: list[tuple[str, Any]] = [(repr(bad), bad) for bad in (None, [], "state", 5, {})]

    def damaged(name: str, damage) -> None:
        bad = copy.deepcopy(good)
        damage(bad)
        found.append((name, bad))

    for part in good:
        damaged(f"no {part}", lambda bad, part=part: bad.pop(part))
        damaged(f"{part} is None", lambda bad, part=part: bad.update({part: None}))
        damaged(f"{part} is a list", lambda bad, part=part: bad.update({part: []}))
    damaged("another part", lambda bad: bad.update(more=1))
    for name in good["hyperparameters"]:
        damaged(f"no {name}", lambda bad, name=name: bad["hyperparameters"].pop(name) if name != "lr" else bad.clear())
        for value in (-1.0, math.nan, "0.1", None):
            damaged(f"{name}={value}", lambda bad, n=name, v=value: bad["hyperparameters"].update({n: v}))
    damaged("another hyperparameter", lambda bad: bad["hyperparameters"].update(more=1.0))
    for count in (-1, 1.0, True, "1", None, 2**53, 10**30):
        damaged(f"steps={count}", lambda bad, count=count: bad["steps"].update(W1=count))
    damaged("no steps", lambda bad: bad["steps"].clear())
    damaged("a key less", lambda bad: bad["steps"].pop("b1"))
    damaged("a key more", lambda bad: bad["steps"].update(b9=1))
    damaged("another state", lambda bad: bad["state"].update(more=copy.deepcopy(bad["averages"])))
    for name in (*good["state"], "averages"):
        table = lambda bad, name=name: bad["averages"] if name == "averages" else bad["state"][name]  # noqa: E731
        if name != "averages":
            damaged(f"no {name}", lambda bad, name=name: bad["state"].pop(name))
        damaged(f"{name} without a key", lambda bad, table=table: table(bad).pop("W1"))
        damaged(f"{name} with another key", lambda bad, table=table: table(bad).update(b9=np.ones(1)))
        for array in (
            None,
            [1.0],
            1.0,
            np.ones(3, int),
            np.ones(3, np.float16),
            np.ones(3, ">f8"),
            np.ones(3, complex),
        ):
            damaged(f"{name}: {array!r}", lambda bad, table=table, array=array: table(bad).update(b2=array))
    if good["state"]:
        for name in (*good["state"], "averages"):
            table = lambda bad, name=name: bad["averages"] if name == "averages" else bad["state"][name]  # noqa: E731
            for array in (np.ones(4), np.ones((3, 1)), np.ones(3, np.float32)):
                damaged(f"{name}: {array!r}", lambda bad, table=table, array=array: table(bad).update(b2=array))
    damaged("schedule", lambda bad: bad.update(schedule=5))
    return found


class TestConfig:
    @every_variant
    def test_round_trip(self, kind, settings, rng):
        for more in ({}, EVERYTHING, {"decoupled": True, "nonfinite": "raise"}, {"decoupled": False}):
            for lr in (0.02, np.float32(0.5), np.array(0.25), schedules.Warmup(2, then=schedules.Cosine(0.1, steps=9))):
                optimizer = kind(**settings | more | {"lr": lr})
                config = json.loads(json.dumps(optimizer.get_config()))
                assert config["name"] == kind.name
                for other in (kind.from_config(config), optim.get(**config)):
                    assert type(other) is kind
                    assert other.rule == optimizer.rule
                    assert other.get_config() == optimizer.get_config()
                    params, grads = draw(rng), draw(rng)
                    others = copies(params)
                    copy.deepcopy(optimizer).update(params, grads)
                    other.update(others, grads)
                    assert_same(others, params)

    def test_all_schedules(self):
        then = schedules.Exponential(0.5, factor=0.5)
        values = {"lr": 0.5, "every": 3, "factor": 0.5, "milestones": [2, 5], "period": 4, "steps": 7, "then": then}
        for name, kind in schedules.SCHEDULES.items():
            arguments = inspect.signature(kind).parameters.values()
            schedule = kind(**{each.name: values[each.name] for each in arguments if each.default is each.empty})
            for groups in ({}, {"W*": {"lr": schedule}}):
                config = json.loads(json.dumps(optim.Adam(lr=schedule, groups=groups).get_config()))
                other = optim.get(**config)
                assert [other.lr(step) for step in range(10)] == [schedule(step) for step in range(10)], name
                if groups:
                    assert other.groups["W*"]["lr"](3) == schedule(3)

    @pytest.mark.parametrize(
        ("settings", "arg"),
        [
            ({"lr": lambda step: 0.1}, "lr"),
            ({"decay_filter": lambda key, array: True}, "decay_filter"),
            ({"groups": {"W*": {"lr": lambda step: 0.1}}}, "groups"),
        ],
    )
    def test_functions_have_none(self, settings, arg):
        with pytest.raises(HyperparameterError) as caught:
            optim.Adam(**settings).get_config()
        assert (caught.value.op, caught.value.arg) == ("adam", arg)

    @pytest.mark.parametrize(
        ("config", "arg"),
        [
            ({"name": "sgd"}, "name"),
            ({"rate": 0.1}, "rate"),
            ({"options": {}}, "options"),
            ({"lr": {"schedule": "Nothing"}}, "config"),
            ({"lr": {"schedule": "Exponential"}}, "lr"),
            ({"groups": {"W": {"lr": {"schedule": "Nothing"}}}}, "config"),
            ({"groups": {"W": {"rate": 1}}}, "groups"),
            ({"groups": 5}, "groups"),
            ({"groups": {"W": 5}}, "groups"),
            ({"lr": "fast"}, "lr"),
            ({"convention": "tensorflow"}, "convention"),
        ],
        ids=str,
    )
    def test_what_is_refused(self, config, arg):
        with unchanged(config), pytest.raises(HyperparameterError) as caught:
            optim.Adam.from_config(config)
        assert caught.value.arg == arg

    def test_a_group_may_be_called_schedule(self):
        optimizer = optim.get("sgd", groups={"schedule": {"lr": 0.5}, "lr": {"lr": 0.25}})
        assert optim.SGD.from_config(optimizer.get_config()).groups == optimizer.groups

    @every_optimizer
    def test_by_name(self, kind):
        for name in (kind.name, kind.name.upper(), kind.__name__):
            assert type(optim.get(name, lr=0.5)) is kind

    @every_variant
    def test_repr(self, kind, settings):
        optimizer = kind(**settings)
        again = eval(repr(optimizer), vars(optim) | {"inf": math.inf})
        assert again.hyperparameters == optimizer.hyperparameters


class TestFtrl:
    def test_it_keeps_the_initial_weights(self, rng):
        start, zeros = draw(rng), {key: np.zeros(shape) for key, shape in SHAPES.items()}
        for settings in ({}, {"l2": 0.3}, {"beta": 0.7}, {"lr": 0.2, "l2": 0.1, "beta": 1.0}, {"lr": lambda step: 0.5}):
            params, optimizer = copies(start), optim.Ftrl(**settings)
            for _ in range(3):
                optimizer.update(params, zeros)
            assert_near(params, start, 1e-14)

    def test_settings_of_groups_count_as_well(self, rng):
        start, zeros = draw(rng), {key: np.zeros(shape) for key, shape in SHAPES.items()}
        params = copies(start)
        optim.Ftrl(groups={"W*": {"l2": 0.5, "beta": 0.3}, "b1": {"lr": 0.5}}).update(params, zeros)
        assert_near(params, start, 1e-14)

    def test_bad_settings_are_refused_before_it_starts(self, rng):
        params = draw(rng)
        for name in ("lr", "l1", "l2", "l2_shrinkage", "beta"):
            for value in ("0.1", None, -1.0, math.nan):
                optimizer = optim.Ftrl()
                setattr(optimizer, name, value)
                assert refused(optimizer, params, draw(rng), HyperparameterError).arg == name

    def test_l1_thresholds_them(self):
        params = {"W": np.array([5.0, 0.001, -5.0])}
        optim.Ftrl(lr=0.1, l1=0.5).update(params, {"W": np.zeros(3)})
        shift = 0.5 * 0.1 / math.sqrt(0.1)
        np.testing.assert_allclose(params["W"], [5 - shift, 0, -5 + shift], rtol=1e-14)
        assert params["W"][1] == 0

    def test_keras_forgets_them(self):
        params = {"W": np.array([5.0, -0.3])}
        optim.Ftrl(convention="keras").update(params, {"W": np.zeros(2)})
        assert not params["W"].any()

    def test_the_learning_rate_is_not_0(self, rng):
        with pytest.raises(HyperparameterError) as caught:
            optim.Ftrl(lr=0.0).update(draw(rng), draw(rng))
        assert (caught.value.op, caught.value.arg) == ("ftrl", "lr")

    def test_of_float32(self, rng):
        start = draw(rng, "float32")
        params = copies(start)
        optim.Ftrl(lr=0.1).update(params, {key: np.zeros_like(p) for key, p in start.items()})
        assert_near(params, start, 1e-6)
        assert {p.dtype for p in params.values()} == {np.dtype("float32")}


class TestLAMB:
    def test_the_ratio_is_of_each_array(self, rng):
        """A step is lr times the array's norm long, whatever the gradient's size."""
        for convention in optim.LAMB.conventions:
            params = {"a": rng.normal(size=(4, 3)), "b": 100 * rng.normal(size=7), "c": np.array(3.0)}
            before = copies(params)
            grads = {key: np.asarray(10.0**i * rng.normal(size=p.shape)) for i, (key, p) in enumerate(params.items())}
            optim.LAMB(lr=0.01, weight_decay=0.0, convention=convention).update(params, grads)
            for key, p in before.items():
                length = np.linalg.norm(np.ravel(params[key] - p)) / np.linalg.norm(np.ravel(p))
                assert length == pytest.approx(0.01, rel=1e-12)

    def test_one_array_or_two(self, rng):
        """The same numbers in one array are another step."""
        p, g = rng.normal(size=8), rng.normal(size=8)
        together, apart = {"a": p.copy()}, {"a": p[:4].copy(), "b": 100 * p[4:]}
        optim.LAMB(lr=0.1).update(together, {"a": g})
        optim.LAMB(lr=0.1).update(apart, {"a": g[:4], "b": g[4:]})
        assert np.abs(together["a"][:4] - apart["a"]).max() > 1e-3


class TestAMSGrad:
    @pytest.mark.parametrize("kind", [optim.Adam, optim.AdamW])
    def test_steps_never_grow_again(self, kind):
        """After one large gradient, small ones of Adam get their length back; those of AMSGrad do not."""
        for convention in kind.conventions:
            lengths = []
            for amsgrad in (False, True):
                params = {"x": np.array([0.0])}
                optimizer = kind(0.1, 0.0, 0.5, amsgrad=amsgrad, convention=convention, weight_decay=0.0)
                for gradient in (100.0, *[1.0] * 40):
                    before = params["x"].copy()
                    optimizer.update(params, {"x": np.array([gradient])})
                lengths.append(abs((params["x"] - before)[0]))
            assert lengths[0] == pytest.approx(0.1, rel=1e-3)
            assert lengths[1] < 0.003

    @pytest.mark.parametrize("kind", [optim.Adam, optim.AdamW])
    def test_state(self, kind, rng):
        params, optimizer = draw(rng), kind(lr=0.01, amsgrad=True)
        optimizer.update(params, draw(rng))
        assert list(optimizer.state) == ["m", "v", "v_max"]
        assert optimizer.get_config()["amsgrad"] is True
        with pytest.raises(CheckpointError):
            kind(lr=0.01).load_state_dict(optimizer.state_dict())
