"""Activations that users write: the same numbers as fastdl's own, in networks and plans, and one clear error each."""

from __future__ import annotations

import copy
import gc
import inspect
import math
import pickle
import sys

import numpy as np
import pytest

from fastdl import kernels, nn, optim
from fastdl.errors import (
    AliasError,
    ArrayError,
    DtypeError,
    FastdlError,
    HyperparameterError,
    KeyMismatchError,
    MissingDependencyError,
    RuleError,
)
from tests.arrays import LAYOUTS
from tests.compare import assert_same_bits, assert_ulps, digest, unchanged
from tests.networks import layer_by_layer
from tests.processes import output, run

pytest.importorskip("numba", reason='an activation of one\'s own needs pip install "fastdl[numba]"')


def share(x):
    """The sigmoid, in a function of its own."""
    return 1 / (1 + math.exp(-x))


@nn.activation
def mish(x):
    """Misra 2019."""
    e = math.exp(-abs(x))
    t = math.tanh(max(x, 0) + math.log1p(e))
    return x * t, t + x * (1 - t * t) * (1 if x > 0 else e) / (1 + e)


@nn.activation(beta=1.0)
def swish(x, *, beta):
    s = share(beta * x)
    return x * s, s + beta * x * s * (1 - s)


@nn.activation(alpha=1.0, scale=1.0)
def selu(x, *, scale, alpha):
    both = alpha * scale
    if x > 0:
        return scale * x, scale
    e = np.exp(x)
    return both * np.expm1(x), both * e


@nn.activation()
def squared(x):
    x += 1
    return x**2, 2 * x


ACTIVATIONS = (mish, swish, selu, squared)
every_activation = pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda activation: activation.__name__)
every_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])


def draw(rng, size, dtype="float64", scale=3.0):
    return np.asarray(scale * rng.standard_normal(size)).astype(dtype)


def both_passes(layer, x, dout):
    y = layer.forward(x, train=True)
    return y, layer.backward(dout)


class TestResults:
    @every_dtype
    @pytest.mark.parametrize("size", [(), (0,), (1,), (3, 7), (17,), (2, 1031), (70_001,)], ids=str)
    def test_the_same_as_fastdls_own(self, size, dtype, rng):
        """Within some ulps of the largest term: these are the formulas as one writes them."""
        x, dout = draw(rng, size, dtype), draw(rng, size, dtype)
        for ours, own in ((swish(), nn.SiLU()), (selu(alpha=0.5), nn.ELU(0.5))):
            for a, b, scale in zip(both_passes(ours, x, dout), both_passes(own, x, dout), (x, dout), strict=True):
                assert (a.shape, a.dtype) == (b.shape, b.dtype)
                assert_ulps(a, b, 8, scale=np.abs(scale) + np.abs(b))

    @every_dtype
    def test_mish(self, dtype, rng):
        x, dout = draw(rng, 4097, dtype), draw(rng, 4097, dtype)
        wide = x.astype(np.longdouble)
        t = np.tanh(np.logaddexp(wide, 0))
        slope = t + wide * (1 - t * t) / (1 + np.exp(-wide))
        y, dx = both_passes(mish(), x, dout)
        assert_ulps(y, wide * t, 8, scale=np.abs(x))
        assert_ulps(dx, dout * slope, 16, scale=np.abs(dout) * (1 + np.abs(x)))

    @every_dtype
    @every_activation
    def test_the_same_as_the_function_itself(self, activation, dtype):
        assert 0 <= nn.check_activation(activation, dtype=dtype) <= (1e-5 if dtype == "float32" else 1e-12)
        assert nn.check_activation(activation, dtype=dtype, size=37, seed=1) >= 0

    def test_hyperparameters(self, rng):
        assert nn.check_activation(swish, beta=-0.5) <= 1e-12
        assert nn.check_activation(selu, alpha=1.67, scale=1.05) <= 1e-12
        layer, x = selu(alpha=2), draw(rng, 50)
        assert (layer.alpha, layer.scale) == (2, 1.0)
        assert_ulps(layer.forward(x), nn.ELU(2.0).forward(x), 4)
        layer.alpha = np.float32(0.5)
        assert_ulps(layer.forward(x), nn.ELU(0.5).forward(x), 4)

    def test_arithmetic_keeps_the_dtype(self):
        """float32 stays float32: a sum that float64 would get right is not."""

        @nn.activation(tiny=2**-30)
        def rounding(x, *, tiny):
            return (x + tiny) - 1, (x + 2**-30) - 1

        for dtype, expected in (("float32", 0), ("float64", 2**-30)):
            y, dx = both_passes(rounding(), np.ones(5, dtype), np.ones(5, dtype))
            assert set(y.tolist()) == set(dx.tolist()) == {expected}

    @every_dtype
    @every_activation
    def test_an_element_does_not_depend_on_its_place(self, activation, dtype):
        y, dx = both_passes(activation(), np.full(5003, 0.7, dtype), np.full(5003, -0.3, dtype))
        assert len(set(y.tolist())) == len(set(dx.tolist())) == 1

    @every_dtype
    @every_activation
    def test_the_same_bits_for_any_number_of_threads(self, activation, dtype, rng, threads):
        x, dout, results = draw(rng, (70, 1001), dtype), draw(rng, (70, 1001), dtype), set()
        for count in (1, 2, 3, 7):
            threads(count)
            results.add(digest(both_passes(activation(), x, dout)))
        assert len(results) == 1

    @every_dtype
    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_any_layout(self, layout, dtype, rng):
        x, dout = draw(rng, (9, 21), dtype), draw(rng, (9, 21), dtype)
        expected = both_passes(mish(), x, dout)
        with unchanged(x, dout):
            results = both_passes(mish(), LAYOUTS[layout](x), LAYOUTS[layout](dout))
        for ours, theirs in zip(results, expected, strict=True):
            assert_same_bits(ours, theirs)

    def test_numbers_that_are_not_finite(self):
        x = np.array([np.nan, np.inf, -np.inf, 1.0])
        y, dx = both_passes(selu(), x, np.ones(4))
        np.testing.assert_array_equal(y, [np.nan, np.inf, -1, 1])
        np.testing.assert_array_equal(dx, [np.nan, 1, 0, 1])

    def test_evaluation_keeps_nothing(self, rng):
        layer, x = mish(), draw(rng, 5)
        layer.forward(x)
        with pytest.raises(FastdlError) as caught:
            layer.backward(x)
        assert caught.value.op == "mish.backward"


class TestCheck:
    def test_a_wrong_derivative(self):
        for wrong in (lambda x: (x * x, x), lambda x: (x, -1.0), lambda x: (x, math.nan)):

            class Wrong(squared):
                function = staticmethod(wrong)
                compiled_forward = squared.compiled_forward

            with pytest.raises(RuleError):
                nn.check_activation(Wrong)

        @nn.activation
        def off_on_one_side(x):
            return max(x, 0.1 * x), 1.0 if x > 0 else 0.1001

        with pytest.raises(RuleError) as caught:
            nn.check_activation(off_on_one_side)
        assert caught.value.op == "off_on_one_side"
        assert "x = -" in str(caught.value)
        assert caught.value.expected.startswith("0.1,")
        assert caught.value.got == "0.1001"

    @pytest.mark.parametrize("result", [0, 1])
    def test_compiled_code_that_differs(self, result):
        def wrong(x):
            values = [(x + 1) ** 2, 2 * (x + 1)]
            values[result] *= 1 + 1e-11
            return values

        class Wrong(squared):
            function = staticmethod(wrong)

        with pytest.raises(RuleError, match="differs from its function"):
            nn.check_activation(Wrong)


class TestNetworks:
    def network(self, dtype="float32"):
        def affine(inputs, outputs, stream):
            W = nn.initializers.he((inputs, outputs), 1, stream, dtype)
            return nn.Affine(W, np.zeros(outputs, dtype))

        block = nn.Residual([affine(8, 8, 2), swish(beta=0.5)])
        return nn.Sequential([affine(6, 8, 1), mish(), block, affine(8, 4, 3)], dtype=dtype)

    @every_dtype
    def test_the_same_bits_as_layer_by_layer(self, dtype, rng, threads):
        planned, plain = self.network(dtype), layer_by_layer(self.network(dtype))
        optimizers = optim.Adam(), optim.Adam()
        for step, count in enumerate((16, 16, 5, 16, 700, 700, 16)):
            threads(1 + step % 3)
            if step == 5:
                for network in (planned, plain):
                    network.layers[2].layers[1].beta = 2.0
            x, t = draw(rng, (count, 6), dtype), rng.integers(0, 4, count)
            losses = [
                network.train_step(x, t, each) for network, each in zip((planned, plain), optimizers, strict=True)
            ]
            assert losses[0] == losses[1]
            assert digest(planned.params) == digest(plain.params)
            assert planned._plans._steps

    def test_a_subclass_is_not_planned(self, rng):
        class Doubled(mish):
            def forward(self, x, train=False):
                return 2 * super().forward(x, train)

        network = nn.Sequential([Doubled()])
        network.gradient(draw(rng, (5, 4), "float32"), rng.integers(0, 4, 5))
        assert not network._plans._steps

    def test_a_plan_outlives_the_layer(self, rng):
        def record(x):
            @nn.activation(by=3.0)
            def times(x, *, by):
                return by * x, by

            with kernels.Plan(x) as plan:
                y = times().forward(x)
            return plan, y

        x = draw(rng, 5000)
        plan, y = record(draw(rng, 5000))
        gc.collect()
        plan.run(x)
        assert_same_bits(y, 3 * x)

    @pytest.mark.parametrize(
        "duplicate", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))], ids=["copy", "pickle"]
    )
    def test_copies(self, duplicate, rng):
        layer, x = swish(beta=0.5), draw(rng, 50)
        other = duplicate(layer)
        assert (type(other), other.beta) == (swish, 0.5)
        assert_same_bits(other.forward(x), layer.forward(x))
        other.beta = 1.0
        assert layer.beta == 0.5

    def test_class(self):
        assert issubclass(mish, nn.Layer)
        assert (mish.__name__, mish.__module__, mish.__doc__) == ("mish", __name__, "Misra 2019.")
        assert squared.__doc__
        assert str(inspect.signature(selu)) == "(*, alpha=1.0, scale=1.0)"


class TestMapElements:
    def call(self, *arguments, **more):
        return kernels.map_elements(swish.compiled_backward, *arguments, **more)

    def test_out(self, rng):
        dout, x = draw(rng, (4, 9)), draw(rng, (4, 9))
        expected, coefficients = self.call((dout, x), swish()._coefficients()), swish()._coefficients()
        for place in (np.zeros((4, 9)), dout.copy(), x.copy()):
            assert self.call((dout, x), coefficients, out=place) is place
            assert_same_bits(place, expected)
        for inputs in ((dout.copy(), x), (dout, x.copy())):
            for place in inputs:
                if place is not dout and place is not x:
                    assert_same_bits(self.call(inputs, coefficients, out=place), expected)

    @pytest.mark.parametrize(
        ("inputs", "out", "error", "arg"),
        [
            ((np.ones(4),), None, KeyMismatchError, "inputs"),
            ([np.ones(4)] * 3, None, KeyMismatchError, "inputs"),
            ((), None, KeyMismatchError, "inputs"),
            ((np.ones(4), np.ones(5)), None, ArrayError, "inputs[1]"),
            ((np.ones(4), np.ones((4, 1))), None, ArrayError, "inputs[1]"),
            ((np.ones(4), np.ones(4, "f4")), None, DtypeError, "inputs[1]"),
            ((np.ones(4, int), np.ones(4)), None, DtypeError, "inputs"),
            ((np.ones(4), np.ones(4)), np.ones(5), ArrayError, "out"),
            ((np.ones(4), np.ones(4)), np.ones(4, "f4"), DtypeError, "out"),
        ],
    )
    def test_arrays_that_do_not_fit(self, inputs, out, error, arg):
        with unchanged(list(inputs), out), pytest.raises(error) as caught:
            self.call(inputs, swish()._coefficients(), out=out)
        assert (caught.value.op, caught.value.arg) == ("swish", arg)

    def test_results_on_top_of_arguments(self):
        field = np.ones(20)
        for k in range(2):
            inputs = [np.ones(10), np.ones(10)]
            inputs[k] = field[:10]
            with unchanged(field), pytest.raises(AliasError):
                self.call(inputs, swish()._coefficients(), out=field[5:15])


# Functions that cannot be activations, the line in question marked.


def one_result(x):
    x = x * x
    return 2 * x  # here


def three_results(x):
    return x, x, x  # here


def no_return_on_one_side(x):  # noqa: RET503  # here
    if x > 0:
        return x, 1.0


def unknown_name(x):
    return x * factor, factor  # noqa: F821  # here


def a_loop(x):
    for _ in range(3):  # here
        x = x * x
    return x, x


def an_error(x):
    if x < 0:
        raise ValueError("negative")  # here
    return x, 1.0


def two_arrays(x, y):  # here
    return x * y, y


def none_at_all():  # here
    return 1.0, 0.0


def a_hyperparameter(x, *, alpha):  # here
    return alpha * x, alpha


def a_vector(x):
    return np.array([x, x]), 1.0  # here


def text(x):
    return x, str(x)  # here


def a_pair(x):
    return x, (x, x)  # here


AT_ONCE = (
    one_result, three_results, no_return_on_one_side, unknown_name, a_loop, an_error, two_arrays, none_at_all,
    a_hyperparameter, a_pair,
)  # fmt: skip
AT_THE_FIRST_PASS = (a_vector, text)


def marked(function):
    """The number and the text of the line marked in a function."""
    lines, first = inspect.getsourcelines(function)
    return next((first + i, line.strip()) for i, line in enumerate(lines) if line.rstrip().endswith("# here"))


def assert_shows_the_line(error, function):
    number, line = marked(function)
    assert (error.op, error.got) == (function.__name__, line)
    assert f"line {number}" in str(error)
    assert len(str(error)) < 600
    assert "\n" not in str(error)
    assert "rule" not in str(error)


class TestRefusals:
    @pytest.mark.parametrize("function", AT_ONCE, ids=lambda function: function.__name__)
    def test_when_it_is_decorated(self, function):
        with pytest.raises(RuleError) as caught:
            nn.activation(function)
        assert_shows_the_line(caught.value, function)

    @every_dtype
    @pytest.mark.parametrize("function", AT_THE_FIRST_PASS, ids=lambda function: function.__name__)
    def test_at_the_first_pass(self, function, dtype, capfd):
        layer, x = nn.activation(function)(), np.ones(3, dtype)
        for _ in range(2):
            with pytest.raises(RuleError) as caught:
                both_passes(layer, x, x)
            assert_shows_the_line(caught.value, function)
        assert capfd.readouterr() == ("", "")

    @pytest.mark.parametrize("function", [lambda x: (x, 1), np.sqrt, print, 3], ids=["lambda", "ufunc", "builtin", "3"])
    def test_what_is_no_function(self, function):
        with pytest.raises(RuleError) as caught:
            nn.activation(function)
        assert caught.value.op
        assert caught.value.hint or caught.value.expected

    @pytest.mark.parametrize(
        ("settings", "arg"),
        [
            *(
                ({name: 0.5}, name)
                for name in ("params", "grads", "forward", "function", "inner_layers", "x", "_saved")
            ),
            *(({"alpha": bad}, "alpha") for bad in (math.nan, math.inf, "1", None, True, 10**400, [1.0])),
        ],
        ids=str,
    )
    def test_settings(self, settings, arg):
        with pytest.raises(RuleError) as caught:
            nn.activation(**settings)(a_hyperparameter)
        assert (caught.value.op, caught.value.arg) == ("a_hyperparameter", arg)

    @pytest.mark.parametrize("bad", [math.nan, math.inf, "1", None, True, 10**400])
    def test_hyperparameters(self, bad):
        with pytest.raises(HyperparameterError) as caught:
            swish(beta=bad)
        assert (caught.value.op, caught.value.arg) == ("swish", "beta")
        layer = swish()
        layer.beta = bad
        with pytest.raises(HyperparameterError):
            layer.forward(np.ones(3))
        with pytest.raises(HyperparameterError) as caught:
            swish(alpha=1.0)
        assert (caught.value.op, caught.value.arg, caught.value.expected) == ("swish", "alpha", "one of beta")


class TestNumba:
    SCRIPT = """
import numpy as np
from fastdl import nn

@nn.activation
def double(x):
    return 2 * x, 2.0

"""

    @pytest.fixture
    def script(self, tmp_path):
        """A file with an activation, which is where its source is read from."""

        def write(rest: str) -> str:
            path = tmp_path / "script.py"
            path.write_text(self.SCRIPT + rest)
            return f"import runpy; runpy.run_path({str(path)!r})"

        return write

    def test_it_is_not_imported_before_the_first_pass(self, script):
        assert output(script("import sys; double(); print('numba' in sys.modules)")) == "False"

    def test_without_it(self, monkeypatch):
        layer = nn.activation(mish.function)()
        for name in [name for name in sys.modules if name.partition(".")[0] == "numba"]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, "numba", None)
        with pytest.raises(MissingDependencyError) as caught:
            layer.forward(np.ones(3))
        assert caught.value.op == "mish"
        assert "fastdl[numba]" in caught.value.hint
        assert "activation" in caught.value.hint

    def test_with_its_compiler_turned_off(self, script):
        done = run(script("print(double().forward(np.ones(3)))"), env={"NUMBA_DISABLE_JIT": "1"})
        assert done.stdout == ""
        assert "fastdl.kernels.errors.RuleError: double: " in done.stderr.splitlines()[-1]
        assert "NUMBA_DISABLE_JIT" in done.stderr.splitlines()[-1]
