"""Rules that users write: the same numbers as fastdl's own, every option, and one clear error for whatever is wrong."""

from __future__ import annotations

import copy
import ctypes
import inspect
import json
import linecache
import math
import pickle
import random
import sys
import time
from typing import Any

import numpy as np
import pytest

from fastdl import optim
from fastdl._functions.split import split
from fastdl.errors import ArrayError, HyperparameterError, MissingDependencyError, RuleError
from fastdl.optim import schedules
from fastdl.optim.rule import form_of
from tests.arrays import LAYOUTS
from tests.compare import assert_close, assert_same_bits, digest, unchanged
from tests.processes import output, run

numba = pytest.importorskip("numba", reason='a rule of one\'s own needs pip install "fastdl[numba]"')

LIMIT = 0.75
SCALES = {"weak": 0.25, "strong": (2.0, 4.0)}


def twice(x):
    return x + x


def clipped(x, limit):
    if x > limit:
        return limit
    return max(x, -limit)


@numba.njit
def soft(x, by):
    return x - by if x > by else x + by if x < -by else 0.0 * x


@optim.rule(state=("m", "v"), lr=0.001, beta1=0.9, beta2=0.999, eps=1e-7)
def adam(p, g, m, v, *, t, lr, beta1, beta2, eps):
    """Adam in the book's words."""
    m = m + (1 - beta1) * (g - m)
    v = v + (1 - beta2) * (g**2 - v)
    lr_t = lr * np.sqrt(1.0 - beta2**t) / (1.0 - beta1**t)
    return p - lr_t * m / (np.sqrt(v) + eps), m, v


@optim.rule(state=("m", "v"), lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8)
def radam(p, g, m, v, *, t, lr, beta1, beta2, eps):
    m += (1 - beta1) * (g - m)
    v += (1 - beta2) * (g * g - v)
    longest = 2 / (1 - beta2) - 1
    length = longest - 2 * t * beta2**t / (1 - beta2**t)
    step = lr / (1 - beta1**t)
    if length > 5:
        step *= ((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)) ** 0.5
        return p - step * (1 - beta2**t) ** 0.5 * m / (v**0.5 + eps), m, v
    return p - step * m, m, v


@optim.rule(lr=0.01)
def sgd(w, dw, *, lr):
    return w - lr * dw


@optim.rule(state=("fast", "slow"), start={"slow": 2.0}, lr=0.1, decay=0.5)
def everything(p, g, fast, slow, *, t, decay, lr):
    """Every kind of statement and expression."""
    rate, both = lr / t, decay * lr
    g = clipped(g, LIMIT) + SCALES["weak"] * SCALES["strong"][1] * both
    if t > 2 and decay > 0.25:
        rate *= 0.5
    elif t == 2:
        rate /= 4
    else:
        pass
    if g > 0:
        rate = rate * 2
        fast, slow = decay * fast + g, slow
    elif g < -0.5 and t > 1:
        fast = twice(g)
        slow -= 0.125 * slow
    else:
        fast = g if abs(g) > 0.25 or not t > 1 else -g
    slow **= 1.0
    fast = soft(fast, by=both) + np.abs(p) ** -0.5 + np.pi * 1e-3 + math.exp(-(t**2)) + p**2 / 8 - 0.5 % decay
    return p - rate * fast, fast, max(slow, 0.5 * twice(decay))


RULES = (adam, radam, sgd, everything)
every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
every_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])

SHAPES = {"W1": (7, 5), "b1": (5,), "W2": (5, 3), "scale": ()}


def draw(rng, dtype="float64", shapes=SHAPES) -> dict[str, np.ndarray]:
    return {key: np.asarray(rng.normal(size=shape)).astype(dtype) for key, shape in shapes.items()}


def copies(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {key: array.copy() for key, array in arrays.items()}


class TestResults:
    @every_dtype
    @pytest.mark.parametrize(
        ("rule", "own"),
        [
            (adam, optim.Adam()),
            (adam, optim.Adam(lr=0.1, beta1=0.5, beta2=0.6, eps=0.01)),
            (radam, optim.RAdam()),
            (radam, optim.RAdam(lr=0.1, beta1=0.5, beta2=0.9, eps=0.01)),
            (sgd, optim.SGD(lr=0.5)),
        ],
        ids=lambda value: getattr(value, "name", None),
    )
    def test_the_same_as_fastdls_own(self, rule, own, dtype, rng):
        own = copy.deepcopy(own)
        user, params = rule(**own.hyperparameters), draw(rng, dtype)
        others = copies(params)
        for _ in range(20):
            grads = draw(rng, dtype)
            user.update(params, grads)
            own.update(others, grads)
        relative = 1e-6 if dtype == "float32" else 1e-14
        for key, p in params.items():
            assert_close(p, others[key], relative)
            for name, rows in own.state.items():
                assert_close(user.state[name][key], rows[key], relative)

    @every_dtype
    @every_rule
    def test_the_same_as_the_function_itself(self, rule, dtype):
        assert optim.check_rule(rule, dtype=dtype) <= (1e-5 if dtype == "float32" else 1e-12)
        assert optim.check_rule(rule, dtype=dtype, lr=0.5, size=37, steps=8, seed=1) >= 0

    def test_a_function_without_if_is_its_own_reference_on_arrays(self, rng):
        params, optimizer = draw(rng), adam(lr=0.1)
        p, m, v = params["W1"].copy(), np.zeros((7, 5)), np.zeros((7, 5))
        for t in range(1, 4):
            grads = draw(rng)
            optimizer.update(params, grads)
            p, m, v = adam.function(p, grads["W1"], m, v, t=t, **optimizer.hyperparameters)
        assert_close(params["W1"], p, 1e-14)

    def test_a_check_that_fails(self):
        """The function changes behind the compiled rule's back."""

        class Wrong(sgd):
            function = staticmethod(lambda w, dw, *, lr: w + lr * dw)

        with pytest.raises(RuleError) as caught:
            optim.check_rule(Wrong)
        assert caught.value.op == "sgd"
        assert "1e-12" in caught.value.expected

    def test_what_is_kept(self, rng):
        optimizer, params = everything(), draw(rng)
        assert optimizer.hyperparameters == {"lr": 0.1, "decay": 0.5}
        assert optimizer.state == {}
        optimizer.update(params, dict.fromkeys(params))
        assert list(optimizer.state) == ["fast", "slow"]
        assert all((array == 0).all() for array in optimizer.state["fast"].values())
        assert all((array == 2).all() for array in optimizer.state["slow"].values())
        sgd().update(params, draw(rng))
        assert sgd().state == {}

    def test_coefficients_are_worked_out_in_double_precision(self):
        """1 - beta2 ** t has no digits left in float32."""
        params, optimizer = {"x": np.array([1.0], np.float32)}, adam(lr=0.5, beta2=1 - 2**-30, eps=0.0)
        optimizer.update(params, {"x": np.array([3.0], np.float32)})
        assert params["x"][0] == pytest.approx(0.5, rel=1e-6)

    def test_arithmetic_keeps_the_dtype(self, rng):
        """float32 stays float32, constants and roots included: sums that float64 would get right are not."""

        @optim.rule(lr=1.0)
        def rounding(p, g, *, lr):
            return (p**2) ** 0.5 + 2**-30 * g - lr * abs(p)

        params = {"x": np.array([1.0], np.float32)}
        rounding().update(params, {"x": np.array([1.0], np.float32)})
        assert params["x"][0] == 0
        params = {"x": np.array([1.0])}
        rounding().update(params, {"x": np.array([1.0])})
        assert params["x"][0] == 2**-30

    @pytest.mark.parametrize("special", [math.nan, math.inf, -math.inf])
    def test_numbers_that_are_not_finite(self, special):
        """They are what NumPy makes of them, and stay where they are."""
        params = {"x": np.linspace(-1, 1, 50)}
        grads = {"x": np.ones(50)}
        grads["x"][[3, 40]] = special
        with np.errstate(all="ignore"):
            expected = adam.function(params["x"], grads["x"], 0.0, 0.0, t=1, **adam().hyperparameters)[0]
        adam().update(params, grads)
        np.testing.assert_allclose(params["x"], expected, rtol=1e-14)

    @every_dtype
    @every_rule
    def test_an_element_does_not_depend_on_its_place(self, rule, dtype):
        params, optimizer = {"x": np.full(1031, 0.7, dtype)}, rule()
        for _ in range(3):
            optimizer.update(params, {"x": np.full(1031, -0.3, dtype)})
        assert len(set(params["x"].tolist())) == 1

    @every_dtype
    @every_rule
    def test_the_same_bits_for_any_number_of_threads(self, rule, dtype, rng, threads):
        shapes = {"W": (300, 301), "b": (301,), "V": (70001,), "s": ()}
        start, grads = draw(rng, dtype, shapes), [draw(rng, dtype, shapes) for _ in range(2)]
        results = set()
        for count in (1, 2, 3, 7):
            threads(count)
            params, optimizer = copies(start), rule()
            for each in grads:
                optimizer.update(params, each)
            results.add(digest(params, optimizer.state_dict()))
        assert len(results) == 1


class TestControlFlow:
    """Against Python, on numbers that take every branch."""

    def check(self, function, state=(), **hyper):
        assert optim.check_rule(optim.rule(state=state, **hyper)(function), size=50, steps=4) <= 1e-12

    def test_a_hyperparameter_changed_on_one_side(self):
        def rule(p, g, *, lr):
            if g > 0:
                lr = 2 * lr
            return p - lr * g

        self.check(rule, lr=0.1)

    def test_a_coefficient_changed_in_a_branch_of_a_branch(self):
        def rule(p, g, *, t, lr):
            rate, sign = lr / t, 1
            if g > 0:
                if g > 1:
                    rate *= 0.5
                    sign = -1
                elif t > 2:
                    rate = 0.0
            return p - sign * rate * g

        self.check(rule, lr=0.1)

    def test_a_name_set_on_both_sides(self):
        def rule(p, g, *, lr):
            if g > 0:  # noqa: SIM108
                size = g * g
            else:
                size = -g
            return p - lr * size

        self.check(rule, lr=0.1)

    def test_branches_that_return(self):
        def rule(p, g, v, *, t, lr):
            if t > 2:
                if g < 0:
                    return p, v
                v = v + 1
            elif g > 0.5:
                return p - lr, v - 1
            return p - lr * g * v, v + g

        self.check(rule, ("v",), lr=0.1)

    def test_a_branch_that_does_nothing(self):
        def rule(p, g, *, lr):
            if g > 1:
                pass
            elif g < -1:
                p = p + 1
            return p - lr * g

        self.check(rule, lr=0.1)

    def test_the_learning_rate_as_a_state(self):
        def rule(p, g, v, *, lr):
            lr *= 0.5 + v
            v = lr
            return p - lr * g, v

        self.check(rule, ("v",), lr=0.1)

    def test_a_branch_that_is_not_taken_has_no_value(self):
        def rule(p, g, *, t, lr):
            return p - lr * g if t == 1 else p - lr * g / math.sqrt(t - 1)

        self.check(rule, lr=0.1)


class RandomRule:
    """A rule of random statements, as source."""

    NAMES = ("p", "g", "v", "t", "lr", "eps", "a", "b", "c", "d")
    VALUES = (-2.0, -0.5, 0.0, 0.25, 1.0, 3.0)

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        first = ["    a, b = lr, t + eps", "    c, d = g, 1.0"]
        lines = ["def rule(p, g, v, *, t, lr, eps):", *first, *self.block(2, 1)]
        self.source = "\n".join([*lines, f"    return p - {self.expression(1)}, {self.expression(1)}", ""])

    def expression(self, depth: int) -> str:
        of = self.random
        if depth <= 0 or of.random() < 0.3:
            return of.choice([*self.NAMES, "0.5", "2", "LIMIT"])
        one, other = self.expression(depth - 1), self.expression(depth - 1)
        return of.choice(
            [f"({one} + {other})", f"({one} - {other})", f"{one} * {other}", f"{one} / ({other})", f"abs({one})",
             f"max({one}, {other})", f"({one} if {self.condition()} else {other})", f"-({one})", f"({one}) ** 2"]
        )  # fmt: skip

    def condition(self) -> str:
        compared = [f"{self.expression(0)} {self.random.choice('<>')} {self.expression(0)}" for _ in range(2)]
        return self.random.choice([compared[0], f"not {compared[0]}", " and ".join(compared), " or ".join(compared)])

    def block(self, depth: int, indent: int) -> list[str]:
        lines, of = [], self.random
        for _ in range(of.randint(1, 4)):
            kind, name, other = of.random(), *of.sample(self.NAMES, 2)
            if kind < 0.4:
                lines.append(f"{name} = {self.expression(2)}")
            elif kind < 0.5:
                lines.append(f"{name} {of.choice(['+=', '*=', '-='])} {self.expression(1)}")
            elif kind < 0.6:
                lines.append(f"{name}, {other} = {self.expression(1)}, {self.expression(1)}")
            elif depth:
                for keyword in (f"if {self.condition()}:", f"elif {self.condition()}:", "else:")[
                    :: of.choice([1, 2, 3])
                ]:
                    lines += [keyword, *self.block(depth - 1, 1)]
            if kind < 0.05:
                lines.append(f"return {self.expression(1)}, {self.expression(1)}")
        return ["    " * indent + line for line in lines or ["pass"]]

    def function(self):
        file = f"<random rule {id(self)}>"
        linecache.cache[file] = (len(self.source), None, self.source.splitlines(True), file)
        names: dict[str, Any] = {"LIMIT": LIMIT, "__name__": __name__}
        exec(compile(self.source, file, "exec"), names)
        return names["rule"]

    def inputs(self) -> tuple[list[float], dict[str, float]]:
        p, g, v, lr, eps = self.random.choices(self.VALUES, k=5)
        return [p, g, v], {"t": self.random.randint(1, 3), "lr": lr, "eps": eps}


def test_random_rules_taken_apart():
    """What Numba gets to compile does in Python what the whole function does."""
    compared = 0
    for seed in range(200):
        rule = RandomRule(seed)
        function = rule.function()
        parts = split(function, form_of(("v",), ("lr", "eps")))
        for _ in range(10):
            arrays, hyper = rule.inputs()
            try:
                expected = function(*arrays, **hyper)
            except (ArithmeticError, ValueError):
                continue
            with np.errstate(all="ignore"):
                got = parts.element(*map(np.float64, arrays), *map(np.float64, parts.coefficients(*hyper.values())))
            np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9, err_msg=rule.source)
            compared += 1
    assert compared > 500


class TestOptimizers:
    """It is an optimizer like any other."""

    def test_class(self):
        assert issubclass(adam, optim.Optimizer)
        assert (adam.__name__, adam.__module__, adam.__doc__) == ("adam", __name__, "Adam in the book's words.")
        assert sgd.__doc__
        assert repr(adam(lr=0.5)) == "adam(lr=0.5, beta1=0.9, beta2=0.999, eps=1e-07)"
        assert adam(0.5).lr == adam(lr=0.5).lr == 0.5
        assert list(inspect.signature(adam).parameters)[:4] == ["lr", "beta1", "beta2", "eps"]

    def test_bad_hyperparameters(self, rng):
        params = draw(rng)
        for name, value in (("lr", -1.0), ("beta1", 1.0), ("eps", math.nan), ("lr", "0.1"), ("eps", None)):
            optimizer = adam()
            setattr(optimizer, name, value)
            with unchanged(params), pytest.raises(HyperparameterError) as caught:
                optimizer.update(params, draw(rng))
            assert (caught.value.op, caught.value.arg) == ("adam", name)
            assert optimizer.steps == 0
            if value is not None:
                with pytest.raises(HyperparameterError):
                    adam(**{name: value})
        with pytest.raises(HyperparameterError) as caught:
            adam(rate=0.1)
        assert (caught.value.op, caught.value.arg) == ("adam", "rate")

    @every_rule
    def test_options(self, rule, rng):
        """Clipping, decay, a filter, groups and averages, against the plain rule on gradients that have had them."""
        options = {
            "clip_norm": 2.0,
            "clip_value": 0.5,
            "weight_decay": 0.1,
            "decay_filter": "matrices",
            "groups": {"W1": {"lr": 0.05}, "b*": {"lr": schedules.Exponential(0.2, factor=0.5)}},
            "ema": 0.75,
        }
        params = draw(rng)
        others, averages = copies(params), copies(params)
        optimizer, plain = rule(**options), {key: rule() for key in params}
        for step in range(4):
            grads = draw(rng)
            optimizer.update(params, grads)
            norm = math.sqrt(sum(float(np.sum(g**2)) for g in grads.values()))
            plain["W1"].lr, plain["b1"].lr = 0.05, 0.2 * 0.5**step
            for key, g in grads.items():
                g = np.clip(g * min(1, 2 / norm), -0.5, 0.5) + 0.1 * (key[0] == "W") * others[key]
                plain[key].update({key: others[key]}, {key: np.asarray(g)})
                averages[key] = 0.75 * averages[key] + 0.25 * others[key]
        for key in params:
            assert_close(params[key], others[key], 1e-12)
            assert_close(optimizer.averages[key], averages[key], 1e-12)

    @every_rule
    def test_schedules(self, rule, rng):
        schedule, params = schedules.Cosine(0.1, steps=5), draw(rng)
        others = copies(params)
        optimizer, plain = rule(lr=schedule), rule()
        for step in range(5):
            plain.lr, grads = schedule(step), draw(rng)
            optimizer.update(params, grads)
            plain.update(others, grads)
        for key in params:
            assert_same_bits(params[key], others[key])

    @every_rule
    def test_layouts_and_dtypes(self, rule, rng):
        for layout in LAYOUTS.values():
            for dtype in ("float32", "float64"):
                params = draw(rng, "float32")
                strange = {key: layout(p) for key, p in params.items()}
                optimizer, plain = rule(), rule()
                for _ in range(2):
                    grads = draw(rng, dtype)
                    optimizer.update(strange, {key: layout(g) for key, g in grads.items()})
                    plain.update(params, {key: g.astype(np.float32) for key, g in grads.items()})
                for key, p in params.items():
                    assert_same_bits(strange[key], p)

    @every_rule
    @pytest.mark.parametrize("how", ["state_dict", "pickle", "copy"])
    def test_going_on_is_the_same(self, how, rule, rng):
        params, optimizer = draw(rng), rule(lr=0.02, clip_norm=1.0, ema=0.5)
        for _ in range(2):
            optimizer.update(params, draw(rng))
        if how == "state_dict":
            other = rule(clip_norm=1.0, ema=0.5)
            other.load_state_dict(optimizer.state_dict())
        else:
            other = pickle.loads(pickle.dumps(optimizer)) if how == "pickle" else copy.deepcopy(optimizer)
        others = copies(params)
        for _ in range(2):
            grads = draw(rng)
            optimizer.update(params, grads)
            other.update(others, grads)
        assert digest(others, other.state_dict()) == digest(params, optimizer.state_dict())

    @every_rule
    def test_configuration(self, rule):
        optimizer = rule(lr=schedules.Exponential(0.1, factor=0.5), clip_value=1.0, groups={"W*": {"lr": 0.5}})
        config = json.loads(json.dumps(optimizer.get_config()))
        assert config["name"] == rule.name
        assert rule.from_config(config).get_config() == optimizer.get_config()

    def test_a_checkpoint_of_another_rule(self):
        for theirs in (radam(), optim.Adam()):
            with pytest.raises(Exception, match="does not fit"):
                everything().load_state_dict(theirs.state_dict())

    def test_gradients_that_are_not_finite(self, rng):
        params, grads = draw(rng), draw(rng)
        grads["b1"][2] = math.nan
        with unchanged(params):
            adam(nonfinite="skip").update(params, grads)
            with pytest.raises(ArrayError) as caught:
                adam(nonfinite="raise").update(params, grads)
        assert (caught.value.op, caught.value.key) == ("adam", "b1")

    def test_trees_and_python_numbers(self):
        params = {"a": [1.0, {"x": 2.0}], "W": np.ones(2)}
        sgd(lr=0.5).update(params, {"a": [1.0, {"x": 2.0}], "W": np.ones(2)})
        assert params["a"] == [0.5, {"x": 1.0}]
        assert params["W"].tolist() == [0.5, 0.5]

    def test_weight_decay_of_its_own(self):
        """A hyper-parameter of that name goes to the rule, and to nothing else."""

        @optim.rule(lr=1.0, weight_decay=0.25)
        def decayed(p, g, *, lr, weight_decay):
            return p - lr * (g + weight_decay * p)

        params = {"W": np.array([[8.0]]), "b": np.array([8.0])}
        decayed(decay_filter="matrices").update(params, {key: np.zeros_like(p) for key, p in params.items()})
        assert (params["W"].item(), params["b"].item()) == (6.0, 8.0)

    def test_compiled_once_for_each_dtype(self, rng):
        begin = time.perf_counter()
        for _ in range(50):
            adam().update(draw(rng), draw(rng))
        assert time.perf_counter() - begin < 1

    def test_coefficients_by_numba_are_those_by_python(self):
        address, count = adam.compiled.prepare()
        pointer = ctypes.POINTER(ctypes.c_double)
        prepare = ctypes.CFUNCTYPE(None, ctypes.c_double, pointer, pointer)(address)
        hyper, out = np.array([1e-3, 0.9, 0.999, 1e-8]), np.empty(count)
        for t in (1, 2, 10, 1000, 10**6):
            prepare(t, *(array.ctypes.data_as(pointer) for array in (hyper, out)))
            np.testing.assert_allclose(out, adam.compiled.coefficients(t, *hyper.tolist()), rtol=4e-16)

    def test_coefficients_that_numba_cannot_compile(self):
        table = {"slow": 0.5}

        @optim.rule(lr=1.0)
        def from_table(p, g, *, lr):
            rate = lr * table.get("slow")
            return p - rate * g

        params = {"x": np.array([1.0])}
        from_table().update(params, {"x": np.array([1.0])})
        assert from_table.compiled.prepare()[0] == 0
        assert params["x"][0] == 0.5

    def test_values_are_those_of_the_moment_it_was_made(self):
        factor = 2.0

        @optim.rule(lr=1.0)
        def scaled(p, g, *, lr):
            return p - lr * factor * g

        factor = 3.0
        params = {"x": 0.0}
        scaled().update(params, {"x": -1.0})
        assert params["x"] == 2


# Functions that cannot be rules, the line in question marked.


def three_results(p, g, v, *, lr):
    return p - lr * g, v, g  # here


def one_result(p, g, v, *, lr):
    if g > 0:
        return p, v
    return p - lr * g  # here


def no_value(p, g, v, *, lr):
    return  # here


def no_return(p, g, v, *, lr):  # here
    v = v + g
    p = p - lr * v


def no_return_on_one_side(p, g, v, *, lr):  # noqa: RET503  # here
    if g > 0:
        return p - lr * g, v


def unknown_name(p, g, v, *, lr):
    v = v + g
    return p - rate * v, v  # noqa: F821  # here


def unknown_name_among_scalars(p, g, v, *, lr):
    rate = lr / steps_so_far  # noqa: F821  # here
    return p - rate * g, v


def unknown_attribute(p, g, v, *, lr):
    return p - lr * np.hypotenuse(g), v  # here


def value_on_one_side(p, g, v, *, lr):
    if g > 0:
        size = g
    return p - lr * size, v  # here


def a_loop(p, g, v, *, lr):
    for _ in range(3):  # here
        v = v + g
    return p - lr * v, v


def another_loop(p, g, v, *, lr):
    while v < g:  # here
        v = v + 1
    return p - lr * v, v


def a_comprehension(p, g, v, *, lr):
    return p - lr * sum([g for _ in range(3)]), v  # here


def a_lambda(p, g, v, *, lr):
    return p - lr * (lambda x: x * x)(g), v  # here


def a_function(p, g, v, *, lr):
    def square(x):  # here
        return x * x

    return p - lr * square(g), v


def a_call(p, g, v, *, lr):
    print(g)  # here
    return p - lr * g, v


def an_error(p, g, v, *, lr):
    if lr > 1:
        raise ValueError("too fast")  # here
    return p - lr * g, v


def an_assertion(p, g, v, *, lr):
    assert lr > 0  # here
    return p - lr * g, v


def an_import(p, g, v, *, lr):
    import math as m  # here

    return p - lr * m.exp(g), v


def a_part(p, g, v, *, lr):
    v[0] += g  # here
    return p - lr * g, v


def a_part_again(p, g, v, *, lr):
    v[0] = g  # here
    return p - lr * g, v


def too_few_arrays(p, g, *, lr):  # here
    return p - lr * g


def too_many_arrays(p, g, v, u, *, lr):  # here
    return p - lr * g, v


def another_state(p, g, m, *, lr):  # here
    return p - lr * g, m


def no_gradient(p):  # here
    return p


def another_hyperparameter(p, g, v, *, rate):  # here
    return p - rate * g, v


def more_hyperparameters(p, g, v, *, lr, beta):  # here
    return p - lr * beta * g, v


def hyperparameters_by_place(p, g, v, lr):  # here
    return p - lr * g, v


def any_arrays(p, g, *rest, lr):  # here
    return p - lr * g, *rest


def any_hyperparameters(p, g, v, *, lr, **more):  # here
    return p - lr * g, v


def a_generator(p, g, v, *, lr):
    yield p - lr * g, v  # here


async def a_coroutine(p, g, v, *, lr):
    return p - lr * g, v


def a_missing_attribute_of_a_number(p, g, v, *, lr):
    return p - lr * g.magnitude, v  # here


def text(p, g, v, *, lr):
    return p - lr * str(g), v  # here


def text_among_scalars(p, g, v, *, lr):
    return p - "lr" * g, v  # here


def results_of_two_kinds(p, g, v, *, lr):
    w = (g, v) if g > 0 else g  # here
    return p - lr * w, v


AT_ONCE = (
    three_results, one_result, no_value, no_return, no_return_on_one_side, unknown_name, unknown_name_among_scalars,
    unknown_attribute, value_on_one_side, a_loop, another_loop, a_comprehension, a_lambda, a_function, a_call, an_error,
    an_assertion, an_import, a_part, a_part_again, too_few_arrays, too_many_arrays, another_state, no_gradient,
    another_hyperparameter, more_hyperparameters, hyperparameters_by_place, any_arrays, any_hyperparameters,
    a_generator,
)  # fmt: skip
AT_THE_FIRST_STEP = (
    a_missing_attribute_of_a_number, text, text_among_scalars, results_of_two_kinds,
)  # fmt: skip


def marked(function) -> tuple[int, str]:
    """The number and the text of the line marked in a function."""
    lines, first = inspect.getsourcelines(function)
    return next((first + i, line.strip()) for i, line in enumerate(lines) if line.rstrip().endswith("# here"))


def assert_shows_the_line(error: RuleError, function) -> None:
    number, text_ = marked(function)
    assert type(error) is RuleError
    assert error.op == function.__name__
    assert f"line {number}" in str(error)
    assert error.got == text_
    assert len(str(error)) < 600
    assert "\n" not in str(error)


class TestRefusals:
    @pytest.mark.parametrize("function", AT_ONCE, ids=lambda function: function.__name__)
    def test_when_it_is_decorated(self, function):
        with pytest.raises(RuleError) as caught:
            optim.rule(state=("v",), lr=0.1)(function)
        assert_shows_the_line(caught.value, function)

    @pytest.mark.parametrize("function", AT_THE_FIRST_STEP, ids=lambda function: function.__name__)
    def test_at_the_first_step(self, function, rng, capfd):
        optimizer, params = optim.rule(state=("v",), lr=0.1)(function)(), draw(rng)
        for _ in range(2):
            with unchanged(params), pytest.raises(RuleError) as caught:
                optimizer.update(params, draw(rng))
            assert_shows_the_line(caught.value, function)
            assert optimizer.steps == 0
            assert optimizer.state == {}
        assert capfd.readouterr() == ("", "")

    def test_an_error_among_hyperparameters(self, rng):
        """Of what is worked out once a step."""

        def rule(p, g, *, t, lr):
            rate = lr / (t - 3)  # here
            return p - rate * g

        optimizer, params = optim.rule(lr=0.1)(rule)(), draw(rng)
        for _ in range(2):
            optimizer.update(params, draw(rng))
        before = digest(optimizer.state_dict())
        with unchanged(params), pytest.raises(RuleError) as caught:
            optimizer.update(params, draw(rng))
        assert_shows_the_line(caught.value, rule)
        assert isinstance(caught.value.__cause__, ZeroDivisionError)
        assert digest(optimizer.state_dict()) == before

    @pytest.mark.parametrize(
        "function",
        [lambda p, g, *, lr: p - lr * g, np.sqrt, a_coroutine, print, twice.__call__, type("Callable", (), {})],
        ids=["lambda", "ufunc", "coroutine", "builtin", "method", "class"],
    )
    def test_what_is_no_function(self, function):
        with pytest.raises(RuleError) as caught:
            optim.rule(lr=0.1)(function)
        assert caught.value.op
        assert caught.value.__suppress_context__ or caught.value.hint or caught.value.expected

    def test_without_source(self):
        names: dict[str, Any] = {}
        exec("def made(p, g, *, lr): return p - lr * g", names)
        with pytest.raises(RuleError) as caught:
            optim.rule(lr=0.1)(names["made"])
        assert caught.value.op == "made"
        assert "source" in str(caught.value)
        assert caught.value.hint

    @pytest.mark.parametrize(
        ("settings", "arg"),
        [
            ({"state": ("v",)}, "lr"),
            ({"state": ("lr",), "lr": 0.1}, "state"),
            ({"state": ("not a name",), "lr": 0.1}, "state"),
            ({"state": ("v", "v"), "lr": 0.1}, "state"),
            ({"state": (1,), "lr": 0.1}, "state"),
            ({"state": ("v",), "start": {"w": 1.0}, "lr": 0.1}, "start"),
            ({"state": ("v",), "start": {"v": "1"}, "lr": 0.1}, "start"),
            ({"state": ("v",), "start": {"v": math.nan}, "lr": 0.1}, "start"),
            ({"state": ("v",), "lr": "fast"}, "lr"),
            ({"state": ("v",), "lr": -1.0}, "lr"),
            ({"state": ("v",), "lr": 0.1, "beta": None}, "beta"),
            *(
                ({"state": ("v",), "lr": 0.1, name: 0.5}, name)
                for name in (
                    "update", "steps", "rule", "spec", "name", "hyperparameters", "convention", "clip_norm", "groups",
                    "ema", "decoupled", "averages", "get_config", "function", "compiled", "t", "_lock",
                )
            ),
        ],
        ids=str,
    )  # fmt: skip
    def test_settings(self, settings, arg):
        """Also names that an optimizer needs for something else."""
        with pytest.raises(RuleError) as caught:
            optim.rule(**settings)(three_results)
        assert (caught.value.op, caught.value.arg) == ("three_results", arg)


class TestNumba:
    RULE = """
import numpy as np
from fastdl import optim

@optim.rule(lr=0.5)
def sgd(p, g, *, lr):
    return p - lr * g

params = {"x": np.ones(3)}
"""

    @pytest.fixture
    def script(self, tmp_path):
        """A file with a rule, which is where its source is read from."""

        def write(rest: str) -> str:
            path = tmp_path / "script.py"
            path.write_text(self.RULE + rest)
            return f"import runpy; runpy.run_path({str(path)!r})"

        return write

    def test_fastdl_does_not_import_it(self):
        assert output("import sys, fastdl, fastdl.optim; print('numba' in sys.modules)") == "False"

    def test_nor_does_a_rule_before_its_first_step(self, script):
        assert output(script("import sys; sgd(); print('numba' in sys.modules)")) == "False"

    def test_without_it(self, monkeypatch, rng):
        rule, params = optim.rule(lr=0.1)(inspect.unwrap(sgd.function)), draw(rng)
        optimizer = rule()
        for name in [name for name in sys.modules if name.partition(".")[0] == "numba"]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, "numba", None)
        with unchanged(params), pytest.raises(MissingDependencyError) as caught:
            optimizer.update(params, draw(rng))
        assert caught.value.op == "sgd"
        assert "fastdl[numba]" in caught.value.hint
        assert optimizer.steps == 0

    def test_with_its_compiler_turned_off(self, script):
        """Then there is no rule, and it says why."""
        done = run(script("sgd().update(params, params); print(params['x'])"), env={"NUMBA_DISABLE_JIT": "1"})
        assert done.stdout == ""
        assert "fastdl.kernels.errors.RuleError: sgd: " in done.stderr.splitlines()[-1]
        assert "NUMBA_DISABLE_JIT" in done.stderr.splitlines()[-1]

    def test_nothing_is_written(self, script, tmp_path):
        """No cache of compiled code."""
        output(script("sgd().update(params, {'x': np.ones(3)})"), env={"NUMBA_CACHE_DIR": str(tmp_path / "cache")})
        assert {path.name for path in tmp_path.iterdir()} <= {"script.py", "__pycache__"}
        assert not list(tmp_path.glob("**/*.nb*"))
