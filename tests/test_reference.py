"""fastdl.reference against scalar loops written from the papers, and against numerical differentiation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fastdl import reference
from fastdl.reference import rules

# Each paper's algorithm for one number, with (gradients, start) in and (parameter, *state) out; none of
# the code or of the order of operations of fastdl.reference.


def sgd_by_hand(gradients, p, lr):
    for g in gradients:
        p = p - lr * g
    return (p,)


def momentum_by_hand(gradients, p, lr, momentum):
    """The heavy ball in its two-step form, without v."""
    before = p
    for g in gradients:
        p, before = p - lr * g + momentum * (p - before), p
    return p, p - before


def adagrad_by_hand(gradients, p, lr, eps):
    for t, g in enumerate(gradients, start=1):
        p = p - lr * g / (math.sqrt(sum(past**2 for past in gradients[:t])) + eps)
    return p, sum(g**2 for g in gradients)


def adam_by_hand(gradients, p, lr, beta1, beta2, eps):
    """Algorithm 1, with its epsilon = eps-hat / sqrt(1 - beta2^t), which makes it the form of section 2."""
    m = v = 0.0
    for t, g in enumerate(gradients, start=1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat = m / (1 - beta1**t)
        v_hat = v / (1 - beta2**t)
        p = p - lr * m_hat / (math.sqrt(v_hat) + eps / math.sqrt(1 - beta2**t))
    return p, m, v


RULES = [
    pytest.param("sgd", sgd_by_hand, (0.1,), id="sgd"),
    pytest.param("momentum", momentum_by_hand, (0.1, 0.9), id="momentum"),
    pytest.param("momentum", momentum_by_hand, (0.1, 0.0), id="momentum-0"),
    pytest.param("adagrad", adagrad_by_hand, (0.5, 1e-7), id="adagrad"),
    pytest.param("adam", adam_by_hand, (0.3, 0.9, 0.999, 1e-7), id="adam"),
    pytest.param("adam", adam_by_hand, (0.3, 0.5, 0.6, 1e-2), id="adam-large-eps"),
]
SHAPES = [(3, 4), (5,), (), (0,)]


def run_reference(rule, params, gradients, hyper):
    """Steps of `reference.update` from zero state; returns params, state and steps."""
    params = [np.array(p) for p in params]
    state = [[np.zeros_like(p) for p in params] for _ in reference.RULES[rule].state]
    steps = np.zeros(len(params), np.int64)
    for grads in gradients:
        reference.update(rule, params, grads, state, steps, hyper)
    return params, state, steps


def run_by_hand(by_hand, params, gradients, hyper):
    """The same by scalar loops, element after element."""
    count = len(by_hand([0.0], 0.0, *hyper))
    results = [[np.empty_like(p) for p in params] for _ in range(count)]
    for k, p in enumerate(params):
        for i in np.ndindex(p.shape):
            for array, number in zip(
                results, by_hand([float(g[k][i]) for g in gradients], float(p[i]), *hyper), strict=True
            ):
                array[k][i] = number
    return results[0], results[1:]


def largest_difference(ours, theirs):
    return max((np.max(np.abs(a - b), initial=0.0) for a, b in zip(ours, theirs, strict=True)), default=0.0)


@pytest.fixture
def rng():
    return np.random.default_rng(20240517)


@pytest.mark.parametrize("steps_taken", [1, 2, 20])
@pytest.mark.parametrize(("rule", "by_hand", "hyper"), RULES)
def test_update_follows_the_paper(rule, by_hand, hyper, steps_taken, rng):
    params = [rng.normal(size=shape) for shape in SHAPES]
    gradients = [[rng.normal(size=shape) for shape in SHAPES] for _ in range(steps_taken)]
    ours, state, steps = run_reference(rule, params, gradients, hyper)
    theirs, their_state = run_by_hand(by_hand, params, gradients, hyper)
    assert largest_difference(ours, theirs) < 1e-13
    for array, their_array in zip(state, their_state, strict=True):
        assert largest_difference(array, their_array) < 1e-13
    assert steps.tolist() == [steps_taken] * len(SHAPES)


@pytest.mark.parametrize(("rule", "by_hand", "hyper"), RULES)
def test_the_comparison_rejects_wrong_rules(rule, by_hand, hyper, rng):
    params = [rng.normal(size=(3, 4))]
    gradients = [[rng.normal(size=(3, 4))] for _ in range(2)]
    theirs, _ = run_by_hand(by_hand, params, gradients, hyper)
    wrong_hyper = (*hyper[:-1], hyper[-1] * 1.01 + 1e-3)
    flipped = [[-g for g in grads] for grads in gradients]
    assert largest_difference(params, theirs) > 1e-3
    assert largest_difference(run_reference(rule, params, flipped, hyper)[0], theirs) > 1e-3
    assert largest_difference(run_reference(rule, params, gradients, wrong_hyper)[0], theirs) > 1e-6


@pytest.mark.parametrize(("rule", "by_hand", "hyper"), RULES)
def test_float32_stays_float32_and_near_float64(rule, by_hand, hyper, rng):
    params = [rng.normal(size=(7, 3)).astype(np.float32)]
    gradients = [[rng.normal(size=(7, 3)).astype(np.float32)] for _ in range(5)]
    single, state, _ = run_reference(rule, params, gradients, np.array(hyper))
    assert {array.dtype for array in (*single, *(a for arrays in state for a in arrays))} == {np.dtype("float32")}
    double, _ = run_by_hand(by_hand, [p.astype(np.float64) for p in params], gradients, hyper)
    assert largest_difference(single, double) < 1e-5


@pytest.mark.parametrize(("rule", "by_hand", "hyper"), RULES)
def test_formulas_take_python_floats(rule, by_hand, hyper):
    named = dict(zip(reference.RULES[rule].hyper, hyper, strict=True))
    numbers = (1.5,) + (0.0,) * len(reference.RULES[rule].state)
    for t, g in enumerate([0.5, -2.0], start=1):
        numbers = rules.FORMULAS[rule](numbers[0], g, *numbers[1:], t=t, **named)
    assert numbers == pytest.approx(by_hand([0.5, -2.0], 1.5, *hyper), rel=1e-12)


def test_each_tensor_counts_its_own_steps():
    one, seven = np.array([1.0]), np.array([1.0])
    steps = np.array([0, 6])
    g = np.array([0.5])
    state = [[np.zeros(1), np.zeros(1)], [np.zeros(1), np.zeros(1)]]
    reference.update("adam", [one, seven], [g, g], state, steps, (0.1, 0.9, 0.999, 0.0))
    assert steps.tolist() == [1, 7]
    assert one[0] == pytest.approx(0.9)
    assert seven[0] == pytest.approx(1 - 0.1 * (0.1 / (1 - 0.9**7)) / math.sqrt(0.001 / (1 - 0.999**7)))


def test_the_table_of_rules():
    """Read from the signatures; what it says of every rule is compared with the catalogue in test_update.py."""
    assert list(reference.RULES) == list(rules.FORMULAS)
    for name, spec in {
        "sgd": ((), ("lr",), (), False),
        "momentum": (("v",), ("lr", "momentum"), (), False),
        "adagrad": (("h",), ("lr", "eps"), ("h",), False),
        "adam": (("m", "v"), ("lr", "beta1", "beta2", "eps"), ("v",), False),
        "rmsprop_centered_momentum": (("v", "a", "u"), ("lr", "rho", "eps", "momentum"), ("v",), False),
        "ftrl": (("n", "z"), ("lr", "l1", "l2", "l2_shrinkage", "beta"), ("n",), False),
        "lamb": (("m", "v"), ("lr", "beta1", "beta2", "eps", "weight_decay"), ("v",), True),
    }.items():
        assert tuple(reference.RULES[name]) == (name, *spec)


def central_differences(f, x, h=1e-3):
    """The gradient of the scalar f by the array x, of 4th order: (8 (f+ - f-) - (f++ - f--)) / 12h."""
    gradient = np.empty_like(x)
    for i in np.ndindex(x.shape):
        kept = x[i]
        values = {}
        for k in (-2, -1, 1, 2):
            x[i] = kept + k * h
            values[k] = f()
        x[i] = kept
        gradient[i] = (8 * (values[1] - values[-1]) - (values[2] - values[-2])) / (12 * h)
    return gradient


def test_central_differences_are_of_fourth_order():
    x = np.array([0.7])
    errors = [abs(central_differences(lambda: math.exp(x[0]), x, h)[0] - math.exp(0.7)) for h in (0.2, 0.1)]
    assert errors[0] / errors[1] == pytest.approx(16, rel=0.05)


@pytest.mark.parametrize("activation", reference.ACTIVATIONS)
def test_affine_gradient(activation, rng):
    x, W, b, weights = (
        rng.normal(size=(4, 3)),
        rng.normal(size=(3, 5)),
        rng.normal(size=5),
        rng.normal(size=(4, 5)),
    )
    assert np.min(np.abs(x @ W + b)) > 0.01  # far enough from relu's kink

    def loss():
        return float(np.sum(weights * reference.affine_forward(x, W, b, activation)))

    z = np.empty((4, 5))
    y = reference.affine_forward(x, W, b, activation, z=z)
    np.testing.assert_array_equal(z, reference.affine_forward(x, W, b))
    gradients = reference.affine_backward(weights, x, W, z if activation in reference.NEED_INPUT else y, activation)
    for ours, array in zip(gradients, (x, W, b), strict=True):
        np.testing.assert_allclose(ours, central_differences(loss, array), rtol=0, atol=1e-9)


@pytest.mark.parametrize("activation", reference.ACTIVATIONS)
def test_affine_forward_is_its_formula(activation, rng):
    x, W, b = rng.normal(size=(4, 3)), rng.normal(size=(3, 5)), rng.normal(size=5)
    formula = {
        "identity": lambda z: z,
        "relu": lambda z: max(z, 0.0),
        "sigmoid": lambda z: 1 / (1 + math.exp(-z)),
        "tanh": math.tanh,
        "leaky_relu": lambda z: max(z, 0.01 * z),
        "elu": lambda z: z if z > 0 else math.exp(z) - 1,
        "softplus": lambda z: math.log(1 + math.exp(z)),
        "gelu": lambda z: z * (1 + math.erf(z / math.sqrt(2))) / 2,
        "gelu_tanh": lambda z: z * (1 + math.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3))) / 2,
        "silu": lambda z: z / (1 + math.exp(-z)),
    }[activation]
    y = reference.affine_forward(x, W, b, activation)
    for i, j in np.ndindex(y.shape):
        z = sum(x[i, k] * W[k, j] for k in range(3)) + b[j]
        assert y[i, j] == pytest.approx(formula(z), rel=1e-13, abs=1e-14)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", reference.ACTIVATIONS)
def test_affine_out_is_written_and_inputs_are_not(activation, dtype, rng):
    x, W, b, dout = (rng.normal(size=shape).astype(dtype) for shape in [(4, 3), (3, 5), (5,), (4, 5)])
    kept = [array.copy() for array in (x, W, b, dout)]
    out = np.full((4, 5), np.nan, dtype)
    y = reference.affine_forward(x, W, b, activation, out=out)
    assert y is out
    np.testing.assert_array_equal(y, reference.affine_forward(x, W, b, activation))
    outs = tuple(np.full(shape, np.nan, dtype) for shape in [(4, 3), (3, 5), (5,)])
    got = reference.affine_backward(dout, x, W, y, activation, out=outs)
    fresh = reference.affine_backward(dout, x, W, y, activation)
    for array, ours, new in zip(outs, got, fresh, strict=True):
        assert ours is array
        assert new.dtype == dtype
        np.testing.assert_array_equal(ours, new)
    for array, copy in zip((x, W, b, dout), kept, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_affine_backward_without_dx(rng):
    dout, x, W = rng.normal(size=(4, 5)), rng.normal(size=(4, 3)), rng.normal(size=(3, 5))
    outs = (None, np.empty((3, 5)), np.empty(5))
    dx, dW, db = reference.affine_backward(dout, x, W, need_dx=False, out=outs)
    assert dx is None
    assert dW is outs[1]
    assert db is outs[2]


@pytest.mark.parametrize("activation", reference.ACTIVATIONS)
def test_activations_in_place(activation, rng):
    x, dout = rng.normal(size=(2, 3, 4)).astype(np.float32), rng.normal(size=(2, 3, 4)).astype(np.float32)
    y = reference.activation_forward(x, activation)
    dx = reference.activation_backward(dout, y, activation)
    assert y is not x
    assert dx is not dout
    assert y.dtype == dx.dtype == np.float32
    assert reference.activation_forward(x, activation, out=x) is x
    assert reference.activation_backward(dout, y, activation, out=dout) is dout
    np.testing.assert_array_equal(x, y)
    np.testing.assert_array_equal(dout, dx)


def test_activations_at_the_edges():
    x = np.array([-np.inf, -1e4, 0.0, 1e4, np.inf, np.nan])
    np.testing.assert_array_equal(reference.activation_forward(x, "sigmoid"), [0, 0, 0.5, 1, 1, np.nan])
    np.testing.assert_array_equal(reference.activation_forward(x, "relu"), [0, 0, 0, 1e4, np.inf, np.nan])
    np.testing.assert_array_equal(
        reference.activation_backward(np.array([np.inf, np.inf]), np.array([0.0, 1.0]), "relu"), [0, np.inf]
    )


def softmax_by_hand(row):
    exponentials = [math.exp(z) for z in row]
    return [e / sum(exponentials) for e in exponentials]


def test_softmax_is_its_formula(rng):
    x = rng.normal(size=(4, 6))
    out = np.empty_like(x)
    assert reference.softmax(x, out=out) is out
    np.testing.assert_allclose(out, [softmax_by_hand(row) for row in x], rtol=1e-13)
    np.testing.assert_array_equal(reference.softmax(np.array([[1e300, 0.0]])), [[1, 0]])


def test_softmax_cross_entropy_and_its_gradient(rng):
    logits, labels = 3 * rng.normal(size=(5, 4)), np.array([0, 3, 1, 1, 2])
    loss, dlogits = reference.softmax_cross_entropy(logits, labels)
    by_hand = [-math.log(softmax_by_hand(row)[label]) for row, label in zip(logits, labels, strict=True)]
    assert type(loss) is float
    assert loss == pytest.approx(sum(by_hand) / 5, rel=1e-13)
    numerical = central_differences(lambda: reference.softmax_cross_entropy(logits, labels)[0], logits)
    np.testing.assert_allclose(dlogits, numerical, rtol=0, atol=1e-10)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_softmax_cross_entropy_of_one_hot_labels(dtype, rng):
    logits, labels = rng.normal(size=(5, 4)).astype(dtype), np.array([0, 3, 1, 1, 2])
    kept, out = logits.copy(), np.empty_like(logits)
    loss, dlogits = reference.softmax_cross_entropy(logits, labels)
    loss_of_one_hot, dlogits_of_one_hot = reference.softmax_cross_entropy(logits, np.eye(4)[labels], out=out)
    assert loss_of_one_hot == loss
    assert dlogits_of_one_hot is out
    assert dlogits.dtype == dtype
    np.testing.assert_array_equal(out, dlogits)
    np.testing.assert_array_equal(logits, kept)


def test_a_hopeless_row_has_a_finite_loss():
    loss, _ = reference.softmax_cross_entropy(np.array([[1e4, 0.0]], np.float32), np.array([1]))
    assert loss == 1e4


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("source", ["uint8", "float32", "float64"])
def test_gather(source, dtype, rng):
    data = rng.integers(0, 256, size=(6, 2, 3)).astype(source)
    rows = np.array([5, 0, 5])
    expected = [[[np.dtype(dtype).type(v) * np.dtype(dtype).type(1 / 255) for v in r] for r in data[i]] for i in rows]
    out = np.empty((3, 2, 3), dtype)
    assert reference.gather(data, rows, 1 / 255, dtype, out=out) is out
    np.testing.assert_array_equal(out, expected)
    assert reference.gather(data, rows, 1 / 255, dtype).dtype == dtype
