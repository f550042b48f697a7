"""Whatever does not fit is refused with an error that says what and where, before anything is changed."""

from __future__ import annotations

import array
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from fastdl import kernels
from fastdl.errors import (
    AliasError,
    ArrayError,
    DtypeError,
    FastdlError,
    HyperparameterError,
    KeyMismatchError,
    LabelError,
)
from tests.arrays import LAYOUTS
from tests.catalog import FUNCTIONS, RULES, Function, Rule, shape
from tests.compare import unchanged

every_function = pytest.mark.parametrize("function", FUNCTIONS, ids=str)
# What is checked is the same for all rules, but for the number of state arrays: one rule of each number.
every_rule = pytest.mark.parametrize(
    "rule", {len(rule.state): rule for rule in reversed(RULES)}.values(), ids=lambda rule: rule.name
)

SIZES = {"B": 4, "I": 3, "O": 5}


def refusal(call: Callable[[], Any], error: type[FastdlError], op: str, *watched: Any) -> FastdlError:
    """The error of a call that changes nothing."""
    with unchanged(*watched), pytest.raises(error) as caught:
        call()
    assert caught.type is error, f"{caught.type} is not exactly {error}"
    assert caught.value.op == op
    assert caught.value.problem
    return caught.value


class Subclass(np.ndarray):
    pass


class ArrayLike:
    def __array__(self, dtype=None, copy=None):
        return np.ones((4, 3), np.float32)


def misaligned(a: np.ndarray) -> np.ndarray:
    field = np.zeros(a.nbytes + 1, np.uint8)
    view = field[1:].view(a.dtype).reshape(a.shape)
    view[...] = a
    return view


def read_only(a: np.ndarray) -> np.ndarray:
    view = a.view()
    view.flags.writeable = False
    return view


# What no argument may be, made of what it should be.
BAD_ARRAYS: dict[str, tuple[Callable[[np.ndarray], Any], type[FastdlError]]] = {
    **{
        kind: ((lambda a, kind=kind: a.astype(kind)), DtypeError)
        for kind in ("f2", "g", "i4", "i8", "?", "F", "D", "O", "U9", "M8[s]", ">f4", ">f8")
    },
    "structured": (lambda a: np.zeros(a.shape, [("x", "f4")]), DtypeError),
    "matrix": (lambda a: a.view(np.matrix if a.ndim == 2 else Subclass), DtypeError),
    "masked": (lambda a: np.ma.masked_array(a, np.zeros(a.shape, bool)), DtypeError),
    "subclass": (lambda a: a.view(Subclass), DtypeError),
    "recarray": (lambda a: a.view(np.recarray), DtypeError),
    "list": (lambda a: a.tolist(), DtypeError),
    "tuple": (lambda a: tuple(a.tolist()), DtypeError),
    "number": (lambda a: 1.0, DtypeError),
    "NumPy scalar": (lambda a: a.dtype.type(1), DtypeError),
    "text": (lambda a: "1.0", DtypeError),
    "bytes": (lambda a: a.tobytes(), DtypeError),
    "buffer": (lambda a: memoryview(a), DtypeError),
    "array.array": (lambda a: array.array("f", a.ravel()), DtypeError),
    "has __array__": (lambda a: ArrayLike(), DtypeError),
    "object()": (lambda a: object(), DtypeError),
    "misaligned": (misaligned, ArrayError),
}

every_bad_array = pytest.mark.parametrize(("make", "error"), BAD_ARRAYS.values(), ids=BAD_ARRAYS)


def call_with_out(function: Function, rng: np.random.Generator) -> tuple[dict[str, Any], list[np.ndarray]]:
    """Good arguments and places for the results."""
    places = [np.full(shape(at, SIZES), 7, np.float32) for at in function.writes]
    return function.arguments(SIZES, "float32", rng), places


def of_functions(names: Callable[[Function], Any]) -> pytest.MarkDecorator:
    cases = [(function, name) for function in FUNCTIONS for name in names(function)]
    return pytest.mark.parametrize(("function", "name"), cases, ids=str)


class TestFunctions:
    @of_functions(lambda function: function.reads)
    @every_bad_array
    def test_a_bad_array(self, make, error, function, name, rng):
        arguments, places = call_with_out(function, rng)
        arguments[name] = make(arguments[name])
        caught = refusal(lambda: function(**arguments, out=function.out(places)), error, function.op, places, arguments)
        assert caught.arg == name

    @every_function
    @every_bad_array
    def test_a_bad_place_for_a_result(self, make, error, function, rng):
        arguments, places = call_with_out(function, rng)
        for k in range(len(places)):
            bad = [make(place) if i == k else place for i, place in enumerate(places)]
            out = function.out(bad)
            if function.op == "affine_backward" or not isinstance(out, tuple):
                caught = refusal(
                    lambda out=out: function(**arguments, out=out), error, function.op, places, bad, arguments
                )
                assert caught.arg == (f"out[{k}]" if len(places) > 1 else "out")

    @every_function
    def test_a_place_that_cannot_be_written_as_it_is(self, function, rng):
        arguments, places = call_with_out(function, rng)
        changes = [
            read_only,
            LAYOUTS["strided"],
            LAYOUTS["backwards"],
            lambda a: np.zeros((a.shape[0] + 1, *a.shape[1:]), a.dtype),
            lambda a: np.zeros((*a.shape, 1), a.dtype),
            lambda a: np.zeros(a.size + 1, a.dtype),
            lambda a: np.zeros((), a.dtype),
            LAYOUTS["fortran"],
        ]
        for change in changes:
            for k in range(len(places)):
                if change is LAYOUTS["fortran"] and places[k].ndim < 2:
                    continue
                bad = [change(place) if i == k else place for i, place in enumerate(places)]
                caught = refusal(
                    lambda bad=bad: function(**arguments, out=function.out(bad)),
                    ArrayError,
                    function.op,
                    places,
                    bad,
                    arguments,
                )
                assert caught.arg == (f"out[{k}]" if len(places) > 1 else "out")

    @of_functions(lambda function: function.reads if len(function.reads) > 1 else ())
    def test_dtypes_that_differ(self, function, name, rng):
        arguments, places = call_with_out(function, rng)
        arguments[name] = arguments[name].astype(np.float64)
        refusal(lambda: function(**arguments), DtypeError, function.op, arguments)
        out = function.out([place.astype(np.float64) for place in places])
        arguments, _ = call_with_out(function, rng)
        caught = refusal(lambda: function(**arguments, out=out), DtypeError, function.op, out, arguments)
        assert (caught.expected, caught.got) == ("float32", "float64")

    @of_functions(lambda function: function.reads if function.op.startswith(("affine", "softmax")) else ())
    def test_dimensions_too_few_or_many(self, function, name, rng):
        for change in (lambda a: a[None], lambda a: a[0], lambda a: a.reshape(-1, 1, 1)):
            arguments, places = call_with_out(function, rng)
            arguments[name] = np.ascontiguousarray(change(arguments[name]))
            if arguments[name].ndim == 0:
                arguments[name] = np.zeros((), np.float32)
            out = function.out(places)
            refusal(lambda a=arguments, out=out: function(**a, out=out), ArrayError, function.op, out, arguments)

    @of_functions(lambda function: function.reads if len(function.reads) > 1 else ())
    def test_shapes_that_do_not_fit(self, function, name, rng):
        """Not even where NumPy would broadcast."""
        letters = function.reads[name]
        for axis, letter in enumerate(letters):
            if sum(letter in other for other in function.reads.values()) < 2:
                continue
            fits = shape(letter, SIZES)[0]
            for size in (1, fits + 1, fits - 1):
                arguments, places = call_with_out(function, rng)
                arguments[name] = np.ones(
                    [size if i == axis else n for i, n in enumerate(arguments[name].shape)], np.float32
                )
                out = function.out(places)
                caught = refusal(lambda a=arguments, out=out: function(**a, out=out), ArrayError, function.op, places)
                assert caught.expected
                assert caught.got

    @of_functions(lambda function: [*function.reads, *function.numbers])
    def test_results_on_top_of_arguments(self, function, name, rng):
        for k in range(len(function.writes)):
            arguments, places = call_with_out(function, rng)
            argument, place = arguments[name], places[k]
            for start in (0, argument.nbytes - 8, argument.nbytes // 8 * 4):
                field = np.zeros(argument.nbytes + place.nbytes + 64, np.uint8)
                inside = field[64 : 64 + argument.nbytes].view(argument.dtype).reshape(argument.shape)
                inside[...] = argument
                over = field[64 + start : 64 + start + place.nbytes].view(np.float32).reshape(place.shape)
                if start == 0 and name in function.in_place:
                    continue
                arguments[name], places[k] = inside, over
                caught = refusal(
                    lambda a=arguments, p=places: function(**a, out=function.out(p)),
                    AliasError,
                    function.op,
                    field,
                    places,
                    arguments,
                )
                assert {caught.arg, caught.problem.split()[-1]} == {
                    name,
                    f"out[{k}]" if len(places) > 1 else "out",
                }

    @pytest.mark.parametrize("sizes", [(0, 3, 5), (4, 0, 5), (4, 3, 0)], ids=str)
    def test_nothing_to_multiply(self, sizes):
        batch, inputs, outputs = sizes
        x, W, b, dout = (np.zeros(s) for s in ((batch, inputs), (inputs, outputs), (outputs,), (batch, outputs)))
        refusal(lambda: kernels.affine_forward(x, W, b), ArrayError, "affine_forward")
        refusal(lambda: kernels.affine_backward(dout, x, W), ArrayError, "affine_backward")

    @pytest.mark.parametrize("size", [(0, 3), (3, 0), (0, 0)], ids=str)
    def test_no_rows_or_no_classes(self, size):
        refusal(lambda: kernels.softmax(np.zeros(size)), ArrayError, "softmax")
        labels = np.zeros(size[0], np.int64)
        refusal(lambda: kernels.softmax_cross_entropy(np.zeros(size), labels), ArrayError, "softmax_cross_entropy")

    @pytest.mark.parametrize("activation", ["mish", "ReLU", "", None, 1, b"relu", ["relu"], np.ones(2)], ids=str)
    @of_functions(lambda function: ["activation"] if function.options.get("activation") == "tanh" else ())
    def test_unknown_activations(self, function, name, activation, rng):
        arguments, places = call_with_out(function, rng)
        arguments[name] = activation
        out = function.out(places)
        caught = refusal(lambda: function(**arguments, out=out), HyperparameterError, function.op, places)
        assert caught.arg == "activation"
        assert "tanh" in caught.expected

    def test_a_slope_needs_the_result(self, rng):
        x, W, dout = np.ones((4, 3)), np.ones((3, 5)), np.ones((4, 5))
        caught = refusal(lambda: kernels.affine_backward(dout, x, W, activation="tanh"), ArrayError, "affine_backward")
        assert caught.arg == "saved"
        assert "returned" in caught.hint
        caught = refusal(lambda: kernels.affine_backward(dout, x, W, activation="gelu"), ArrayError, "affine_backward")
        assert "stored in z" in caught.hint

    @pytest.mark.parametrize("alpha", [0, -0.1, np.nan, np.inf, True, "0.1", [0.1]], ids=str)
    @of_functions(lambda function: ["alpha"] if function.options.get("activation") in ("leaky_relu", "elu") else ())
    def test_alpha_out_of_range(self, function, name, alpha, rng):
        arguments, places = call_with_out(function, rng)
        out = function.out(places)
        caught = refusal(
            lambda: function(**arguments | {name: alpha}, out=out), HyperparameterError, function.op, places
        )
        assert caught.arg == "alpha"

    @of_functions(lambda function: ["alpha"] if function.options.get("activation") in ("relu", "gelu") else ())
    def test_alpha_of_an_activation_that_has_none(self, function, name, rng):
        arguments, places = call_with_out(function, rng)
        out = function.out(places)
        caught = refusal(lambda: function(**arguments, alpha=0.1, out=out), HyperparameterError, function.op, places)
        assert caught.arg == "alpha"

    def test_z_fits_and_lies_apart(self, rng):
        x, W, b, out = np.ones((4, 3)), np.ones((3, 5)), np.ones(5), np.zeros((4, 5))
        for z, error in (
            (np.zeros((5, 4)), ArrayError),
            (np.zeros((4, 5), np.float32), DtypeError),
            (np.zeros((4, 10))[:, ::2], ArrayError),
            (out, AliasError),
            (x, ArrayError),
        ):
            caught = refusal(
                lambda z=z: kernels.affine_forward(x, W, b, "gelu", out, z), error, "affine_forward", [out]
            )
            assert caught.arg == "z"

    @pytest.mark.parametrize("out", [(), (None,), [None] * 3, np.ones((3, 5)), "out"], ids=str)
    def test_the_results_of_a_backward_pass_have_three_places(self, out):
        x, W, dout = np.ones((4, 3)), np.ones((3, 5)), np.ones((4, 5))
        caught = refusal(lambda: kernels.affine_backward(dout, x, W, out=out), ArrayError, "affine_backward", out)
        assert caught.arg == "out"

    def test_results_of_a_backward_pass_apart(self):
        x, W, dout = np.ones((4, 3)), np.ones((3, 5)), np.ones((4, 5))
        field = np.zeros(40)
        dx, dW, db = field[:12].reshape(4, 3), field[12:27].reshape(3, 5), field[27:32]
        kernels.affine_backward(dout, x, W, out=(dx, dW, db))
        for bad in (
            (field[1:13].reshape(4, 3), dW, db),
            (dx, field[11:26].reshape(3, 5), db),
            (dx, dW, field[26:31]),
            (None, dW, field[12:17]),
        ):
            refusal(lambda bad=bad: kernels.affine_backward(dout, x, W, out=bad), AliasError, "affine_backward", field)


FEW = np.zeros((4, 3), np.float32)
NOT_LABELS = {
    "too large": (np.array([0, 1, 3, 2]), 2, "3"),
    "negative": (np.array([-1, 1, 2, 2]), 0, "-1"),
    "last": (np.array([0, 1, 2, 99]), 3, "99"),
    "first of several": (np.array([0, 7, 8, 9]), 1, "7"),
    "unsigned": (np.array([0, 0, 2**64 - 1, 0], np.uint64), 2, str(2**64 - 1)),
    "unsigned, just too large": (np.array([0, 3, 0, 0], np.uint64), 1, "3"),
    "int8": (np.array([0, 1, -128, 0], np.int8), 2, "-128"),
    "one-hot, none": (np.array([[1, 0, 0], [0, 0, 0], [0, 0, 1], [1, 0, 0]]), 1, None),
    "one-hot, two": (np.array([[1, 0, 0], [1, 1, 0], [0, 0, 1], [1, 0, 0]]), 1, None),
    "one-hot, soft": (np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0.5, 0]]), 3, None),
    "one-hot, nearly": (np.array([[1 + 1e-12, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 0]]), 0, None),
    "one-hot, NaN": (np.array([[1, np.nan, 0], [0, 1, 0], [0, 0, 1], [0, 1, 0]]), 0, None),
    "one-hot, 255": (np.eye(3, dtype=np.uint8)[[0, 1, 2, 0]] * np.uint8(255), 0, None),
    "floats": (np.array([0.0, 1.0, 2.0, 0.0]), None, "float64"),
    "bools": (np.array([True, False, True, True]), None, "bool"),
    "objects": (np.array([0, 1, 2, 0], object), None, "object"),
    "text": (np.array(["0", "1", "2", "0"]), None, "<U1"),
    "complex one-hot": (np.eye(3, dtype=complex)[[0, 1, 2, 0]], None, "complex128"),
    "too few": (np.array([0, 1, 2]), None, "(3,)"),
    "too many": (np.array([0, 1, 2, 0, 1]), None, "(5,)"),
    "as many as logits": (np.zeros(12, np.int64), None, "(12,)"),
    "one-hot of other classes": (np.eye(4)[[0, 1, 2, 0]], None, "(4, 4)"),
    "one-hot of other rows": (np.eye(3), None, "(3, 3)"),
    "a column": (np.zeros((4, 1), np.int64), None, "(4, 1)"),
    "3-D": (np.zeros((4, 3, 1)), None, "(4, 3, 1)"),
    "0-D": (np.array(1), None, "()"),
}


class TestLabels:
    @pytest.mark.parametrize(("labels", "key", "got"), NOT_LABELS.values(), ids=NOT_LABELS)
    def test_bad_labels(self, labels, key, got):
        out = np.full((4, 3), 7, np.float32)
        caught = refusal(
            lambda: kernels.softmax_cross_entropy(FEW, labels, out=out),
            LabelError,
            "softmax_cross_entropy",
            out,
            labels,
        )
        assert caught.arg == "labels"
        assert caught.key == key
        assert got is None or caught.got == got

    @pytest.mark.parametrize(
        "labels",
        [[0, 1, 2, 0], (0, 1, 2, 0), None, 1, "0120", np.ma.masked_array([0, 1, 2, 0]), range(4)],
        ids=lambda labels: type(labels).__name__,
    )
    def test_labels_of_another_type(self, labels):
        caught = refusal(lambda: kernels.softmax_cross_entropy(FEW, labels), DtypeError, "softmax_cross_entropy")
        assert caught.arg == "labels"


class TestGather:
    DATA = np.arange(24, dtype=np.uint8).reshape(6, 4)

    def refusal(self, error, out=None, **changes):
        arguments = {"data": self.DATA, "indices": np.array([0, 1, 2]), **changes}
        out = np.full((3, 4), 7, np.float32) if out is None else out
        return refusal(lambda: kernels.gather(**arguments, out=out), error, "gather", out, self.DATA)

    @pytest.mark.parametrize(
        ("indices", "key"),
        [([6, 0, 0], 0), ([0, -1, 0], 1), ([0, 5, 2**40], 2), ([7, 8, 9], 0), ([0, -(2**63), 0], 1)],
        ids=str,
    )
    def test_no_such_row(self, indices, key):
        caught = self.refusal(ArrayError, indices=np.array(indices))
        assert (caught.arg, caught.key) == ("indices", key)
        assert caught.got == str(indices[key])

    def test_an_index_beyond_int64(self):
        assert self.refusal(ArrayError, indices=np.array([0, 2**64 - 1, 0], np.uint64)).key == 1

    @pytest.mark.parametrize(
        "indices",
        [
            [0, 1, 2],
            None,
            1,
            np.array([0.0, 1, 2]),
            np.array([True, False, True]),
            np.array([[0], [1], [2]]),
            np.array(1),
            np.ma.masked_array([0, 1, 2]),
            slice(3),
        ],
        ids=type,
    )
    def test_indices_of_another_kind(self, indices):
        assert self.refusal(DtypeError, indices=indices).arg == "indices"

    @pytest.mark.parametrize("kind", ["i1", "u2", "i8", "f2", "F", "?", "O", "U1"])
    def test_data_of_another_dtype(self, kind):
        assert self.refusal(DtypeError, data=self.DATA.astype(kind)).arg == "data"

    @pytest.mark.parametrize(
        "data", [[[1.0]], None, DATA.tobytes(), np.ma.masked_array(DATA), DATA.view(Subclass)], ids=type
    )
    def test_data_of_another_type(self, data):
        assert self.refusal(DtypeError, data=data).arg == "data"

    @pytest.mark.parametrize("data", [np.array(1.0), np.array(1, np.uint8)], ids=["float", "byte"])
    def test_data_without_rows(self, data):
        assert self.refusal(ArrayError, data=data).arg == "data"

    @pytest.mark.parametrize("scale", [math.nan, math.inf, -math.inf, "1", None, True, 1j, [1.0], 10**400], ids=str)
    def test_scales(self, scale):
        assert self.refusal(HyperparameterError, scale=scale).arg == "scale"

    @pytest.mark.parametrize("dtype", ["float16", "int64", "f8x", None, 4, np.int8, ["float32"]], ids=str)
    def test_dtypes(self, dtype):
        assert self.refusal(DtypeError, dtype=dtype).arg == "dtype"


KEYS = ("first", "second", "middle", "fourth", "last")
SHAPES = ((4, 3), (6,), (2, 3, 2), (4, 1), (5, 3))


@dataclass
class Step:
    """The arguments of an optimizer's step, good ones at first."""

    rule: Rule
    params: list[Any]
    grads: list[Any]
    state: list[list[Any]]
    steps: Any
    hyper: list[Any]

    @staticmethod
    def of(rule: Rule, rng: np.random.Generator, shapes: Any = SHAPES) -> Step:
        params, grads = ([rng.normal(size=s).astype(np.float32) for s in shapes] for _ in range(2))
        hyper = list(rule.settings[0].values())
        return Step(rule, params, grads, rule.draw_state(rng, params), np.arange(3, 8), hyper)

    @property
    def rows(self) -> list[tuple[str, list[Any]]]:
        """Everything that is kept by parameter, with its name in errors."""
        return [("params", self.params), ("grads", self.grads), *(("state", row) for row in self.state)]

    def refusal(self, error: type[FastdlError], *more: Any) -> FastdlError:
        arguments = (self.params, self.grads, self.state, self.steps, self.hyper)
        return refusal(lambda: kernels.update(self.rule.name, *arguments, KEYS), error, self.rule.name, arguments, more)


def changes_of(arg: str) -> dict[str, tuple[Callable[[np.ndarray], Any], type[FastdlError]]]:
    """What is wrong with one array, and the error for it."""
    changes = dict(BAD_ARRAYS)
    if arg in ("params", "state"):
        changes["read-only"] = (read_only, ArrayError)
        changes["None"] = (lambda a: None, DtypeError)
    if arg == "params":
        overlap = np.lib.stride_tricks.as_strided
        changes["one element everywhere"] = (lambda a: overlap(a, a.shape, [0] * a.ndim), AliasError)
        changes["overlapping rows"] = (lambda a: overlap(a, a.shape, [4] * a.ndim), AliasError)
    if arg in ("grads", "state"):
        changes["one longer"] = (lambda a: np.zeros((a.shape[0] + 1, *a.shape[1:]), a.dtype), ArrayError)
        changes["one shorter"] = (lambda a: a[1:], ArrayError)
        changes["empty"] = (lambda a: a[:0], ArrayError)
        changes["broadcastable"] = (lambda a: a[:1], ArrayError)
        changes["one number"] = (lambda a: np.zeros((), a.dtype), ArrayError)
        changes["one more axis"] = (lambda a: a[None], ArrayError)
        changes["same size, another shape"] = (lambda a: a.reshape(-1, 1, 1), ArrayError)
    if arg == "state":
        changes["float64"] = (lambda a: a.astype(np.float64), DtypeError)
        changes["strided"] = (LAYOUTS["strided"], ArrayError)
        changes["backwards"] = (LAYOUTS["backwards"], ArrayError)
    return changes


CHANGES = [
    pytest.param(
        arg,
        *change,
        id=f"{arg}-{name}",
    )
    for arg in ("params", "grads", "state")
    for name, change in changes_of(arg).items()
]


class TestUpdate:
    @every_rule
    @pytest.mark.parametrize("i", [0, 2, 4])
    @pytest.mark.parametrize(("arg", "change", "error"), CHANGES)
    def test_a_bad_array(self, arg, change, error, i, rule, rng):
        for k in range(len(Step.of(rule, rng).rows)):
            step = Step.of(rule, rng)
            name, row = step.rows[k]
            if name == arg:
                good, row[i] = row[i], change(row[i])
                caught = step.refusal(error, good)
                assert (caught.arg, caught.key) == (arg, KEYS[i])

    @every_rule
    @pytest.mark.parametrize(("i", "j"), [(0, 0), (2, 2), (0, 4), (4, 1), (1, 2)])
    @pytest.mark.parametrize("start", [0, 1, 11], ids=["same", "most", "one element"])
    def test_shared_memory(self, start, i, j, rule, rng):
        """Of any two arrays, unless both are gradients."""
        count = len(Step.of(rule, rng).rows)
        for first in range(count):
            for second in range(count):
                if (first, i) == (second, j) or first == second == 1:
                    continue
                step = Step.of(rule, rng, [(12,)] * 5)
                field = rng.uniform(1, 2, 12 + start).astype(np.float32)
                (arg, row), (other_arg, other_row) = step.rows[first], step.rows[second]
                row[i], other_row[j] = field[:12], field[start:]
                caught = step.refusal(AliasError, field)
                assert (caught.arg, caught.key) in ((arg, KEYS[i]), (other_arg, KEYS[j]))
                assert any(repr(key) in str(caught) for key in (KEYS[i], KEYS[j]))

    @every_rule
    def test_shared_memory_of_other_kinds(self, rule, rng):
        def lay(change: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]) -> None:
            step = Step.of(rule, rng, [(4, 3)] * 5)
            field = rng.uniform(1, 2, 48).astype(np.float32)
            step.params[3], step.grads[1] = change(field)
            step.refusal(AliasError, field)

        lay(lambda field: (field[:12].reshape(4, 3), field[11::-1].reshape(4, 3)))
        lay(lambda field: (field[:12].reshape(4, 3), field[:24].view(np.float64).reshape(4, 3)))
        lay(lambda field: (field[:12].reshape(4, 3), field[:12].reshape(3, 4).T))
        lay(lambda field: (field[20:32].reshape(4, 3), np.broadcast_to(field[20:23], (4, 3))))
        # Documented: what interleaves counts as shared.
        lay(lambda field: (field[:24:2].reshape(4, 3), field[1:24:2].reshape(4, 3)))

    @every_rule
    def test_shared_memory_beyond_a_shared_gradient(self, rule, rng):
        """Two gradients may overlap; a parameter behind the end of the second one still lies in the first."""
        step = Step.of(rule, rng, [(24,), (2,), (3,), (1,), (1,)])
        field = rng.uniform(1, 2, 24).astype(np.float32)
        step.grads[0], step.grads[1], step.params[2] = field, field[4:6], field[12:15]
        caught = step.refusal(AliasError, field)
        assert (caught.arg, caught.key) in (("params", KEYS[2]), ("grads", KEYS[0]))

    @every_rule
    def test_neighbours_share_nothing(self, rule, rng):
        step = Step.of(rule, rng, [(12,)] * 5)
        field = np.ones(12 * len(step.rows), np.float32)
        for k, (_, row) in enumerate(step.rows):
            row[0] = field[12 * k : 12 * k + 12]
        kernels.update(rule.name, step.params, step.grads, step.state, step.steps, step.hyper)

    @every_rule
    def test_steps_in_the_memory_of_a_parameter(self, rule, rng):
        step = Step.of(rule, rng, [(12,)] * 5)
        field = np.zeros(12)
        for _, row in step.rows:
            row[1] = np.ones(12)
        step.params[1], step.steps = field, field[7:12].view(np.int64)
        step.refusal(AliasError, field)

    @every_rule
    def test_counts_of_arrays(self, rule, rng):
        for k in range(len(Step.of(rule, rng).rows)):
            for change in (lambda row: row.pop(), lambda row: row.append(row[0].copy()), lambda row: row.clear()):
                step = Step.of(rule, rng)
                arg, row = step.rows[k]
                change(row)
                assert step.refusal(KeyMismatchError).arg == (arg if arg != "params" else "grads")
        for rows in ([], [Step.of(rule, rng).params] * (len(rule.state) + 1)):
            if len(rows) != len(rule.state):
                step = Step.of(rule, rng)
                step.state = rows
                assert step.refusal(KeyMismatchError).arg == "state"

    @every_rule
    def test_counts_of_steps(self, rule, rng):
        good = np.arange(3, 8)
        for bad in (
            good.tolist(),
            None,
            good.astype(np.int32),
            good.astype(np.uint64),
            good.astype(np.float64),
            good.astype(">i8"),
            good[:4],
            np.arange(6),
            good[None],
            np.repeat(good, 2)[::2],
            read_only(good),
            misaligned(good),
            np.ma.masked_array(good),
        ):
            step = Step.of(rule, rng)
            step.steps = bad
            assert step.refusal(ArrayError).arg == "steps"
        for i in (0, 2, 4):
            for count in (-1, -(2**63), 2**53, 2**63 - 1):
                step = Step.of(rule, rng)
                step.steps[i] = count
                caught = step.refusal(ArrayError)
                assert (caught.arg, caught.key, caught.got) == ("steps", KEYS[i], str(count))

    @every_rule
    def test_hyperparameters(self, rule, rng):
        for k in range(len(rule.settings[0])):
            for bad in ("0.1", None, [0.1], 1j, np.ones(2), object(), 10**400):
                step = Step.of(rule, rng)
                step.hyper[k] = bad
                assert step.refusal(HyperparameterError).arg == "hyper"
        for change in (lambda hyper: hyper.pop(), lambda hyper: hyper.append(1.0)):
            step = Step.of(rule, rng)
            change(step.hyper)
            assert step.refusal(KeyMismatchError).arg == "hyper"

    @pytest.mark.parametrize("name", ["", "Adam", "adamw", None, 1, ["sgd"], b"sgd"], ids=str)
    def test_rules(self, name):
        p, g, steps = np.ones(2), np.ones(2), np.zeros(1, np.int64)
        caught = refusal(
            lambda: kernels.update(name, [p], [g], [], steps, [0.1]), HyperparameterError, "update", p, steps
        )
        assert caught.arg == "rule"
        assert "adam" in caught.expected

    @every_rule
    def test_keys_are_numbers_where_none_are_given(self, rule, rng):
        step = Step.of(rule, rng)
        step.grads[4] = step.grads[4].astype(np.float16)
        with pytest.raises(DtypeError) as caught:
            kernels.update(rule.name, step.params, step.grads, step.state, step.steps, step.hyper)
        assert caught.value.key == 4

    @every_rule
    def test_a_bad_parameter_without_a_gradient(self, rule, rng):
        """Left out of the step, but nothing else is taken on trust."""
        step = Step.of(rule, rng)
        step.grads[2], step.grads[4] = None, "no gradient"
        assert step.refusal(DtypeError).key == "last"
