"""Optimizers: dicts of arrays in place, attributes between steps, saved and copied states, threads."""

from __future__ import annotations

import copy
import inspect
import pickle
import threading
from typing import Any

import numpy as np
import pytest

from fastdl import kernels, optim
from fastdl.errors import (
    AliasError,
    ArrayError,
    CheckpointError,
    DtypeError,
    HyperparameterError,
    KeyMismatchError,
)
from tests.catalog import DTYPES, OPTIMIZERS
from tests.compare import assert_same_bits, digest, unchanged

every_optimizer = pytest.mark.parametrize("case", OPTIMIZERS, ids=lambda case: case.name)
with_state = pytest.mark.parametrize("case", [each for each in OPTIMIZERS if each.state], ids=lambda case: case.name)
every_dtype = pytest.mark.parametrize("dtype", DTYPES)

SHAPES = {"W1": (7, 5), "b1": (5,), "W2": (5, 3), "b2": (3,), "scale": (), "nothing": (0,)}


def draw(rng, dtype="float32") -> dict[str, np.ndarray]:
    return {key: np.asarray(rng.normal(size=shape)).astype(dtype) for key, shape in SHAPES.items()}


def copies(arrays: dict[Any, np.ndarray]) -> dict[Any, np.ndarray]:
    return {key: array.copy() for key, array in arrays.items()}


def assert_same(ours: dict[Any, np.ndarray], theirs: dict[Any, np.ndarray]) -> None:
    assert ours.keys() == theirs.keys()
    for key, array in ours.items():
        assert_same_bits(array, theirs[key])


def refusal(optimizer, params, grads, error) -> Any:
    """The error of a step that changes neither the parameters nor the optimizer."""
    before = digest(optimizer.state_dict(), optimizer.steps)
    with unchanged(params, grads), pytest.raises(error) as caught:
        optimizer.update(params, grads)
    assert digest(optimizer.state_dict(), optimizer.steps) == before
    assert caught.type is error
    assert caught.value.op in (optimizer.name, optimizer.rule)
    return caught.value


class TestClasses:
    def test_the_catalogue_is_complete(self):
        assert {each.name: each.kind for each in OPTIMIZERS} == optim.OPTIMIZERS
        assert len(OPTIMIZERS) == 14

    @every_optimizer
    def test_names_and_defaults(self, case):
        optimizer = case.kind()
        assert (optimizer.name, optimizer.rule) == (case.name, case.rule)
        assert optimizer.hyperparameters == case.settings[0]
        assert tuple(optimizer.hyperparameters) == kernels.RULES[case.rule].hyper
        assert optimizer.steps == 0
        assert optimizer.state == {}

    @every_optimizer
    def test_settings(self, case):
        for setting in case.settings:
            arguments = inspect.signature(case.kind).parameters.values()
            places = [
                each.name for each in arguments if each.kind is each.POSITIONAL_OR_KEYWORD and each.name in setting
            ]
            rest = {name: value for name, value in setting.items() if name not in places}
            assert list(setting) == places + list(rest)
            by_name, by_place = case.kind(**setting), case.kind(*(setting[name] for name in places), **rest)
            assert by_name.hyperparameters == by_place.hyperparameters == setting
            assert optim.get(case.name.upper(), **setting).hyperparameters == setting
            assert eval(repr(by_name), {type(by_name).__name__: type(by_name)}).hyperparameters == setting
            for name, value in setting.items():
                assert getattr(by_name, name) == value

    @pytest.mark.parametrize("name", ["adam2", "", None, 1, optim.Adam, ["adam"]], ids=str)
    def test_unknown_names(self, name):
        with pytest.raises(HyperparameterError) as caught:
            optim.get(name)
        assert caught.value.arg == "name"
        assert all(known in caught.value.expected for known in optim.OPTIMIZERS)

    @every_optimizer
    def test_unknown_hyperparameters(self, case):
        with pytest.raises(HyperparameterError) as caught:
            optim.get(case.name, lrate=0.1)
        assert (caught.value.op, caught.value.arg) == (case.name, "lrate")


class TestSteps:
    @every_dtype
    @every_optimizer
    def test_the_rule_is_stepped(self, case, dtype, rng):
        optimizer, params = case.kind(), draw(rng, dtype)
        kept = dict(params)
        arrays = list(copies(params).values())
        rows, steps = case.start(arrays), np.zeros(len(arrays), np.int64)
        for _ in range(3):
            grads = draw(rng, dtype)
            with unchanged(grads):
                assert optimizer.update(params, grads) is None
            case.step(arrays, list(grads.values()), rows, steps, case.settings[0])
        assert all(params[key] is array for key, array in kept.items())
        assert_same(params, dict(zip(SHAPES, arrays, strict=True)))
        assert tuple(optimizer.state) == tuple(case.state)
        for name, row in zip(case.state, rows, strict=True):
            assert_same(optimizer.state[name], dict(zip(SHAPES, row, strict=True)))
        assert optimizer.steps == 3
        assert optimizer.state_dict()["steps"] == dict.fromkeys(SHAPES, 3)

    @every_optimizer
    def test_attributes_set_between_steps(self, case, rng):
        optimizer, params, arrays = case.kind(), draw(rng), None
        arrays = list(copies(params).values())
        rows, steps = case.start(arrays), np.zeros(len(arrays), np.int64)
        for setting in (*case.settings, dict.fromkeys(case.settings[0], 0.5)):
            for form in (float, np.float64, np.array):
                for name, value in setting.items():
                    setattr(optimizer, name, form(value))
                grads = draw(rng)
                optimizer.update(params, grads)
                case.step(arrays, list(grads.values()), rows, steps, setting)
        assert_same(params, dict(zip(SHAPES, arrays, strict=True)))

    @every_optimizer
    def test_order_of_keys(self, case, rng):
        plain, mixed = case.kind(), case.kind()
        params = draw(rng)
        others = {key: params[key].copy() for key in rng.permutation(list(SHAPES)).tolist()}
        for _ in range(3):
            grads = draw(rng)
            plain.update(params, grads)
            shuffled = [rng.permutation(list(SHAPES)).tolist() for _ in range(2)]
            mixed.update({key: others[key] for key in shuffled[0]}, {key: grads[key] for key in shuffled[1]})
        assert_same(others, params)
        for name, row in plain.state.items():
            assert_same(mixed.state[name], row)

    @every_optimizer
    def test_keys_of_any_kind(self, case, rng):
        keys = [0, "", None, (1, 2), "../x", "\0", "\ud800", 1.5, b"W"]
        params, grads = ({key: rng.normal(size=3) for key in keys} for _ in range(2))
        optimizer = case.kind()
        optimizer.update(params, grads)
        other = case.kind()
        other.load_state_dict(optimizer.state_dict())
        again = copies(params)
        optimizer.update(params, grads)
        other.update(again, grads)
        assert_same(again, params)
        for key in keys:
            error = refusal(optimizer, params, {**grads, key: "no array"}, DtypeError)
            assert error.key == key

    @every_optimizer
    def test_no_gradient_no_step(self, case, rng):
        optimizer, params = case.kind(), draw(rng)
        optimizer.update(params, draw(rng))
        with unchanged(params["b1"], [row["b1"] for row in optimizer.state.values()]):
            optimizer.update(params, {**draw(rng), "b1": None})
        assert optimizer.state_dict()["steps"] == {**dict.fromkeys(SHAPES, 2), "b1": 1}
        assert optimizer.steps == 2

    @every_optimizer
    def test_another_array_in_a_parameters_place(self, case, rng):
        """State belongs to the key: the new array goes on with it, and the old one is left alone."""
        optimizer, params = case.kind(), draw(rng)
        optimizer.update(params, draw(rng))
        twin, grads = copy.deepcopy((optimizer, params)), draw(rng)
        old = params["W1"]
        params["W1"] = np.asfortranarray(old)
        with unchanged(old):
            optimizer.update(params, grads)
        twin[0].update(twin[1], grads)
        assert_same(params, twin[1])

    @every_optimizer
    def test_a_first_step_that_fails_binds_nothing(self, case, rng):
        optimizer, params = case.kind(), draw(rng)
        refusal(optimizer, params, {**draw(rng), "b2": np.zeros(4, np.float32)}, ArrayError)
        assert optimizer.state == {}
        optimizer.update({"other": np.ones(2)}, {"other": np.ones(2)})
        assert optimizer.steps == 1


class TestPythonNumbers:
    """The book's first examples step numbers in a dict."""

    @every_optimizer
    def test_as_arrays_of_one(self, case):
        numbers, arrays = {"x": -7.0, "y": 2}, {"x": np.array(-7.0), "y": np.array(2.0)}
        one, other = case.kind(), case.kind()
        for _ in range(5):
            one.update(numbers, {"x": numbers["x"] / 10, "y": 2 * numbers["y"]})
            other.update(
                arrays, {key: np.array(p * c) for (key, p), c in zip(arrays.items(), (1 / 10, 2), strict=True)}
            )
            assert {type(p) for p in numbers.values()} == {float}
            assert numbers == {key: float(p) for key, p in arrays.items()}

    @every_optimizer
    def test_beside_arrays(self, case):
        params = {"x": 1.0, "W": np.ones(2, np.float32), "left out": 3.0}
        grads = {"x": 0.5, "W": np.full(2, 0.5, np.float32), "left out": None}
        case.kind().update(params, grads)
        assert params["x"] == pytest.approx(float(params["W"][0]), rel=1e-6)
        assert params["x"] != 1
        assert params["left out"] == 3.0

    @every_optimizer
    def test_in_lists(self, case):
        """A list is a tree of parameters as a dict is: its numbers are replaced in it."""
        flat, nested = {"x": -7.0, "y": 2.0, "z": 1.0}, {"a": [-7.0, 2.0], "b": {"c": 1.0}}
        one, other, pair = case.kind(), case.kind(), nested["a"]
        for _ in range(3):
            one.update(flat, {"x": 0.5, "y": -1.0, "z": 2.0})
            other.update(nested, {"a": [0.5, -1.0], "b": {"c": 2.0}})
        assert pair is nested["a"]
        assert nested == {"a": [flat["x"], flat["y"]], "b": {"c": flat["z"]}}
        assert {type(p) for p in (*pair, nested["b"]["c"])} == {float}

    @every_optimizer
    @pytest.mark.parametrize("value", [True, "1.0", None, 1j, {1.0}, np.float32(1), np.int64(1)], ids=repr)
    def test_other_values(self, case, value):
        error = refusal(case.kind(), {"a": 1.0, "b": value}, {"a": 1.0, "b": 1.0}, DtypeError)
        assert (error.arg, error.key) == ("params", "b")


class TestKeys:
    @every_optimizer
    def test_gradients_of_other_keys(self, case, rng):
        for optimizer in (case.kind(), case.kind()):
            params = draw(rng)
            for grads, missing, unknown in (
                ({key: g for key, g in draw(rng).items() if key not in ("b1", "W2")}, ("b1", "W2"), ()),
                ({**draw(rng), "W3": np.ones(1), "b3": np.ones(1)}, (), ("W3", "b3")),
                ({"w1": np.ones(1)}, tuple(SHAPES), ("w1",)),
                ({}, tuple(SHAPES), ()),
            ):
                error = refusal(optimizer, params, grads, KeyMismatchError)
                assert error.arg == "grads"
                assert all(repr(key) in error.got for key in missing + unknown)
                assert error.hint
            optimizer.update(params, draw(rng))

    @with_state
    def test_parameters_of_other_keys_than_before(self, case, rng):
        optimizer, params = case.kind(), draw(rng)
        optimizer.update(params, draw(rng))
        fewer = {key: p for key, p in params.items() if key != "b1"}
        more = {**params, "W3": np.ones(2)}
        for others in (fewer, more, {}, {"W1": params["W1"]}):
            error = refusal(optimizer, others, copies(others), KeyMismatchError)
            assert error.arg == "params"

    def test_one_sgd_for_two_networks(self, rng):
        """It has nothing to keep for either."""
        sgd, first, second = optim.SGD(lr=0.5), draw(rng), {"other": rng.normal(size=9)}
        for params in (first, second, first, second):
            expected = {key: p - p.dtype.type(0.5) for key, p in params.items()}
            sgd.update(params, {key: np.ones_like(p) for key, p in params.items()})
            for key, p in params.items():
                np.testing.assert_allclose(p, expected[key], rtol=1e-6)

    @every_optimizer
    def test_no_parameters(self, case):
        case.kind().update({}, {})


class TestRefusals:
    BAD = (np.nan, np.inf, -np.inf, -1e-9, -1, True, np.True_, "0.1", np.str_("0.1"), None, 0.1j, np.complex64(0.1),
           10**400, [0.1], np.array([0.1]), np.array([0.1, 0.2]), np.array("0.1"), np.array(None), object)  # fmt: skip

    BEYOND = {
        **dict.fromkeys(("momentum", "rho", "beta1", "beta2"), (1, 1.0, 1 + 1e-9)),
        "lr": (lambda step: -1.0, lambda step: None, lambda step: np.nan),
    }

    def bad(self, name: str) -> list[Any]:
        """What that hyper-parameter must not be. A learning rate may be a function, which is asked at each step."""
        allowed = {"lr": object, "momentum_decay": np.inf}.get(name, self)
        return [value for value in (*self.BAD, *self.BEYOND.get(name, ())) if value is not allowed]

    @every_optimizer
    def test_hyperparameters(self, case, rng):
        """At once in the constructor, and where one was set later, before the next step."""
        optimizer, params = case.kind(), draw(rng)
        optimizer.update(params, draw(rng))
        for name, good in case.settings[0].items():
            for value in self.bad(name):
                if value is not None and not (name == "lr" and callable(value)):  # None: the default; a schedule
                    with pytest.raises(HyperparameterError) as caught:
                        case.kind(**{name: value})
                    assert (caught.value.op, caught.value.arg) == (case.name, name), value
                    with pytest.raises(HyperparameterError):
                        optim.get(case.name, **{name: value})
                setattr(optimizer, name, value)
                with unchanged(params, optimizer.state), pytest.raises(HyperparameterError) as caught:
                    optimizer.update(params, draw(rng))
                got = repr(value(1) if callable(value) and value is not object else value)
                assert (caught.value.op, caught.value.arg, caught.value.got) == (case.name, name, got)
                assert optimizer.steps == 1
            setattr(optimizer, name, good)
        optimizer.update(params, draw(rng))

    @every_optimizer
    @pytest.mark.parametrize("key", ["W1", "W2", "b2"])
    def test_arrays_by_their_key(self, key, case, rng):
        optimizer, params = case.kind(), draw(rng)
        optimizer.update(params, draw(rng))
        good = draw(rng)
        for arg, arrays in (("params", params), ("grads", good)):
            for change, error in (
                (lambda a: a.astype(np.float16), DtypeError),
                (lambda a: a.tobytes(), DtypeError),
                (lambda a: np.ma.masked_array(a), DtypeError),
                (lambda a: np.concatenate([a, a]), ArrayError),
            ):
                changed = {**arrays, key: change(arrays[key])}
                both = (changed, good) if arg == "params" else (params, changed)
                caught = refusal(optimizer, *both, error)
                if arg == "grads" or error is DtypeError:
                    assert (caught.arg, caught.key) == (arg, key)
            # A list is a tree of its own: other keys.
            listed = {**arrays, key: arrays[key].tolist()}
            refusal(optimizer, *((listed, good) if arg == "params" else (params, listed)), KeyMismatchError)
        read_only = params[key].view()
        read_only.flags.writeable = False
        assert refusal(optimizer, {**params, key: read_only}, good, ArrayError).key == key
        assert refusal(optimizer, params, {**good, key: params[key]}, AliasError).key == key

    @every_optimizer
    def test_one_array_under_two_keys(self, case, rng):
        """At the first step and after one."""
        optimizer, params = case.kind(), {"a": rng.normal(size=5), "b": rng.normal(size=5)}
        grads = copies(params)
        for _ in range(2):
            assert refusal(optimizer, {**params, "b": params["a"]}, grads, AliasError).key in ("a", "b")
            optimizer.update(params, grads)

    @with_state
    def test_a_parameter_that_has_become_another(self, case, rng):
        optimizer, params = case.kind(), draw(rng)
        optimizer.update(params, draw(rng))
        for p, error in ((np.ones((5, 7), np.float32), ArrayError), (np.ones((7, 5)), DtypeError)):
            assert refusal(optimizer, {**params, "W1": p}, {**draw(rng), "W1": p.copy()}, error).key == "W1"


class TestStateDict:
    @every_dtype
    @every_optimizer
    @pytest.mark.parametrize("taken", [0, 1, 7])
    def test_going_on_as_if_nothing_had_happened(self, taken, case, dtype, rng):
        optimizer, params = case.kind(**case.settings[-1]), draw(rng, dtype)
        for i in range(taken):
            optimizer.update(params, {**draw(rng, dtype), "b1": None} if i % 2 else draw(rng, dtype))
        saved, theirs = optimizer.state_dict(), copies(params)
        other = case.kind()
        with unchanged(saved):
            other.load_state_dict(saved)
        assert other.hyperparameters == optimizer.hyperparameters
        assert other.steps == optimizer.steps == taken
        for _ in range(3):
            grads = draw(rng, dtype)
            optimizer.update(params, grads)
            other.update(theirs, grads)
        assert_same(theirs, params)
        assert digest(other.state_dict()) == digest(optimizer.state_dict())

    @every_optimizer
    def test_it_shares_no_memory(self, case, rng):
        optimizer, params = case.kind(), draw(rng)
        optimizer.update(params, draw(rng))
        saved = optimizer.state_dict()
        with unchanged(saved):
            optimizer.update(params, draw(rng))
        optimizer.load_state_dict(saved)
        with unchanged(saved):
            optimizer.update(params, draw(rng))

    @every_optimizer
    def test_loading_takes_the_place_of_what_was_there(self, case, rng):
        optimizer, params = case.kind(), draw(rng)
        optimizer.update(params, draw(rng))
        optimizer.load_state_dict(case.kind().state_dict())
        assert optimizer.state == {}
        assert optimizer.steps == 0

    def test_it_is_of_plain_types(self, rng):
        adam, params = optim.Adam(lr=np.float32(0.5)), draw(rng)
        adam.update(params, draw(rng))
        saved = adam.state_dict()
        assert {type(count) for count in saved["steps"].values()} == {int}
        assert {type(array) for row in saved["state"].values() for array in row.values()} == {np.ndarray}
        assert {type(part) for part in (saved, *saved["state"].values(), saved["hyperparameters"])} == {dict}

    @every_optimizer
    def test_every_corruption_is_refused(self, case, rng):
        optimizer, params = case.kind(), draw(rng)
        optimizer.update(params, draw(rng))
        good, before = optimizer.state_dict(), digest(optimizer.state_dict())
        count = 0
        for what, bad in corruptions(case, good):
            print(what)  # shown where this fails
            with pytest.raises(CheckpointError) as caught:
                optimizer.load_state_dict(bad)
            assert caught.value.op in (case.name, case.rule)
            assert caught.value.arg
            assert caught.value.expected
            assert digest(optimizer.state_dict()) == before
            count += 1
        assert count > 60
        optimizer.load_state_dict(good)

    @every_optimizer
    def test_one_without_steps_has_no_state(self, case):
        fresh = case.kind().state_dict()
        for state in ({"unknown": {}}, {"unknown": 0}, {"m": {"W": np.ones(2)}}):
            with pytest.raises(CheckpointError):
                case.kind().load_state_dict({**fresh, "state": state})

    @every_optimizer
    def test_that_of_another_optimizer(self, case, rng):
        for other in OPTIMIZERS:
            if other.rule != case.rule:
                params, theirs = draw(rng), other.kind()
                theirs.update(params, draw(rng))
                for state_dict in (theirs.state_dict(), other.kind().state_dict()):
                    with pytest.raises(CheckpointError):
                        case.kind().load_state_dict(state_dict)

    @with_state
    def test_that_of_other_parameters(self, case, rng):
        """It shows at the next step, before anything is changed."""
        theirs = case.kind()
        theirs.update({"W1": np.ones((2, 2))}, {"W1": np.ones((2, 2))})
        optimizer = case.kind()
        optimizer.load_state_dict(theirs.state_dict())
        params = draw(rng)
        refusal(optimizer, params, draw(rng), KeyMismatchError)
        refusal(optimizer, {"W1": np.ones(4)}, {"W1": np.ones(4)}, ArrayError)
        refusal(optimizer, {"W1": np.ones((2, 2), "f4")}, {"W1": np.ones((2, 2), "f4")}, DtypeError)


def corruptions(case, good):
    """(what, state_dict) for everything that can be wrong in one place."""

    def changed(path, value):
        bad = copy.deepcopy(good)
        place = bad
        for key in path[:-1]:
            place = place[key]
        if value is KeyError:
            del place[path[-1]]
        else:
            place[path[-1]] = value
        return f"{path}: {value!r}", bad

    for whole in (None, [], "adam", 1, {}, list(good.items())):
        yield repr(whole), whole
    dicts = [(), ("hyperparameters",), ("steps",), ("state",), *(("state", name) for name in case.state)]
    dicts += [("averages",), ("schedules",)]
    for path in dicts:
        there = good
        for key in path:
            there = there[key]
        if path != ("steps",) or case.state:  # without states to tell, another count is another parameter
            for key in there:
                if key != "lr":  # saved without, where it is a schedule
                    yield changed((*path, key), KeyError)
            if path != ("schedules",):  # for the schedule to judge
                yield changed((*path, "unknown"), there.get("W1", 1))
        if path:
            for value in (None, [], 1, "W1", list(there) or ["W1"]):
                yield changed(path, value)
    for value in ("", "Adam", None, 1, case.rule.encode(), [case.rule]):
        yield changed(("rule",), value)
    for name in case.settings[0]:
        for value in TestRefusals().bad(name):
            yield changed(("hyperparameters", name), value)
    for key in ("W1", "b2"):
        for value in (-1, 2**53, 1.0, "1", None, True, np.nan, np.int64(1), [1]):
            yield changed(("steps", key), value)
        for name in case.state:
            array = good["state"][name][key]
            for value in (
                *(array.astype(kind) for kind in ("f2", "g", "i8", "?", "F", "O", ">f4", "U9")),
                array.tolist(), None, 0.0, "array", array.tobytes(), np.float32(1), np.ma.masked_array(array),
            ):  # fmt: skip
                yield changed(("state", name, key), value)
            if len(case.state) > 1:
                for value in (array[1:], array[None], array.T[:1], array.astype("f8")):
                    yield changed(("state", name, key), value)


COPIES = {
    "deepcopy": copy.deepcopy,
    **{
        f"pickle {protocol}": lambda value, protocol=protocol: pickle.loads(pickle.dumps(value, protocol))
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)
    },
}


class TestCopies:
    @every_optimizer
    @pytest.mark.parametrize("make", COPIES.values(), ids=COPIES)
    @pytest.mark.parametrize("taken", [0, 3])
    def test_a_copy_goes_its_own_way(self, taken, make, case, rng):
        optimizer, params = case.kind(**case.settings[-1]), draw(rng)
        for _ in range(taken):
            optimizer.update(params, draw(rng))
        other, theirs, grads = make(optimizer), copies(params), draw(rng)
        with unchanged(other.state_dict()):
            optimizer.update(params, grads)
        other.update(theirs, grads)
        assert_same(theirs, params)
        assert digest(other.state_dict()) == digest(optimizer.state_dict())


class TestThreads:
    """One optimizer used by several threads at once: one step after the other."""

    SIZE = 300_000  # enough for the lock to be met while a step runs without the GIL

    def run(self, *works):
        failures = []

        def guarded(work):
            try:
                work()
            except BaseException as error:
                failures.append(error)

        started = [threading.Thread(target=guarded, args=[work]) for work in works]
        for thread in started:
            thread.start()
        for thread in started:
            thread.join()
        assert not failures, failures

    @every_optimizer
    def test_steps_come_one_after_the_other(self, case):
        params, alone = ({"W": np.ones(self.SIZE, np.float32), "b": np.ones(3)} for _ in range(2))
        grads = {key: np.full_like(p, 0.5) for key, p in params.items()}
        shared, serial = case.kind(), case.kind()

        def work():
            for _ in range(10):
                shared.update(params, grads)

        self.run(work, work, work)
        for _ in range(30):
            serial.update(alone, grads)
        assert shared.steps == 30
        assert_same(params, alone)
        assert digest(shared.state_dict()) == digest(serial.state_dict())

    @with_state
    def test_a_state_is_saved_between_two_steps(self, case):
        params = {"W": np.ones(self.SIZE, np.float32)}
        optimizer, done, saved = case.kind(), threading.Event(), []

        def step():
            for _ in range(60):
                optimizer.update(params, {"W": np.full(self.SIZE, 0.5, np.float32)})
            done.set()

        def save():
            while not done.is_set():
                saved.append(optimizer.state_dict())
                del saved[:-20]

        self.run(step, save)
        alone, one = case.kind(), {"W": np.ones(1, np.float32)}
        expected = {}
        for t in range(1, 61):
            alone.update(one, {"W": np.full(1, 0.5, np.float32)})
            expected[t] = {name: row["W"][0] for name, row in alone.state.items()}
        for each in filter(lambda each: each["steps"], saved):
            for name, row in each["state"].items():
                assert (row["W"] == expected[each["steps"]["W"]][name]).all()
