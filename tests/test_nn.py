"""Layers, the loss, initial weights and the network: right gradients, and what each of them promises."""

from __future__ import annotations

import copy
import gc
import math
import weakref

import numpy as np
import pytest

from fastdl import errors, nn, optim, reference
from fastdl.kernels import ACTIVATIONS
from fastdl.nn import initializers
from tests.compare import assert_close, assert_same_bits, digest, unchanged
from tests.differences import gradient_by_differences
from tests.processes import output

LAYERS = {
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "softplus": nn.Softplus,
    "gelu": nn.GELU,
    "gelu_tanh": lambda: nn.GELU(approximate="tanh"),
    "silu": nn.SiLU,
}
PRECISE = 1e-9  # of a gradient by differences, relative to its largest element
KINK = 0.02  # ReLU's pre-activations keep this far from 0, so that differences do not step over the kink


def random_affine(rng, inputs, outputs, activation, dtype="float64", **settings):
    W = rng.standard_normal((inputs, outputs)).astype(dtype)
    return nn.Affine(W, rng.standard_normal(outputs).astype(dtype), activation, **settings)


def one_hot(t, classes, dtype=np.int64):
    return np.eye(classes, dtype=dtype)[t]


def off_the_kinks(network, rng, rows):
    """Inputs at which no pre-activation of a hidden ReLU is near 0; biases are drawn until there are enough."""
    while True:
        for layer in network.layers:
            layer.params["b"][:] = 0.3 * rng.standard_normal(layer.params["b"].shape)
        x = y = rng.standard_normal((1000, network.sizes[0]))
        clear = np.ones(len(x), bool)
        for layer in network.layers[:-1]:
            z = y @ layer.params["W"] + layer.params["b"]
            if layer.activation in ("relu", "leaky_relu", "elu"):
                clear &= (np.abs(z) > KINK).all(axis=1)
            y = reference.activation_forward(z, layer.activation)
        if clear.sum() >= rows:
            return x[clear][:rows]


class TestLayerGradients:
    @pytest.mark.parametrize("activation", ACTIVATIONS)
    @pytest.mark.parametrize("shape", [(1, 1, 1), (5, 3, 4), (3, 7, 17), (9, 18, 2)])
    def test_affine(self, rng, activation, shape):
        batch, inputs, outputs = shape
        layer = random_affine(rng, inputs, outputs, activation)
        x = rng.standard_normal((2000, inputs))
        clear = (np.abs(x @ layer.params["W"] + layer.params["b"]) > KINK).all(axis=1)
        x = x[clear][:batch].copy()
        weights = rng.standard_normal((batch, outputs))

        def loss():
            return float((weights * layer.forward(x)).sum())

        layer.forward(x, train=True)
        assert_close(layer.backward(weights), gradient_by_differences(loss, x), PRECISE)
        for name, p in layer.params.items():
            assert_close(layer.grads[name], gradient_by_differences(loss, p), PRECISE)

    @pytest.mark.parametrize("layer_type", LAYERS.values(), ids=LAYERS)
    @pytest.mark.parametrize("shape", [(1,), (4, 5), (2, 3, 7)])
    def test_activation(self, rng, layer_type, shape):
        layer = layer_type()
        x = rng.standard_normal(shape)
        x += np.copysign(KINK, x)
        weights = rng.standard_normal(shape)
        layer.forward(x, train=True)
        by_differences = gradient_by_differences(lambda: float((weights * layer.forward(x)).sum()), x)
        assert_close(layer.backward(weights), by_differences, PRECISE)

    @pytest.mark.parametrize("labels", ["numbers", "one-hot"])
    @pytest.mark.parametrize("shape", [(1, 2), (6, 5), (3, 17)])
    def test_softmax_cross_entropy(self, rng, labels, shape):
        x = rng.standard_normal(shape)
        t = rng.integers(0, shape[1], shape[0])
        if labels == "one-hot":
            t = one_hot(t, shape[1])
        loss = nn.SoftmaxCrossEntropy()
        by_differences = gradient_by_differences(lambda: loss.forward(x, t), x)
        loss.forward(x, t)
        assert_close(loss.backward(), by_differences, PRECISE)


class TestNetworkGradient:
    @pytest.mark.parametrize("weight_decay", [0.0, 0.3])
    @pytest.mark.parametrize("activation", ACTIVATIONS)
    @pytest.mark.parametrize(
        "sizes",
        [[3, 2], [5, 7, 4, 3], [4, 1, 1, 3], [3, 4, 4, 4, 4, 4, 4, 3], [2, 33, 3]],
        ids=["no hidden layer", "usual", "thin", "deep", "wide"],
    )
    def test_all_parameters(self, rng, sizes, activation, weight_decay):
        network = nn.MLP(sizes, activation, init=0.8, weight_decay=weight_decay, dtype="float64", seed=5)
        x, t = off_the_kinks(network, rng, rows=6), rng.integers(0, sizes[-1], 6)
        gradient = network.gradient(x, t)
        assert list(gradient) == list(network.params)
        largest = max(np.abs(g).max() for g in gradient.values())
        for key, p in network.params.items():
            by_differences = gradient_by_differences(lambda: network.loss(x, t), p)
            np.testing.assert_allclose(gradient[key], by_differences, rtol=0, atol=PRECISE * largest)

    def test_decay_of_the_weights_alone(self, rng):
        """The difference that λ makes is λ W, and nothing for the biases."""
        plain, decayed = (nn.MLP([4, 6, 3], weight_decay=decay, dtype="float64", seed=1) for decay in (0, 0.25))
        for network in (plain, decayed):
            network.params["b1"] += 1
        x, t = rng.standard_normal((5, 4)), rng.integers(0, 3, 5)
        without, with_decay = plain.gradient(x, t), decayed.gradient(x, t)
        for key, p in plain.params.items():
            expected = without[key] + (0.25 * p if key.startswith("W") else 0)
            assert_close(with_decay[key], expected, 1e-15)
        squares = sum((plain.params[key] ** 2).sum() for key in ("W1", "W2"))
        assert decayed.loss(x, t) == pytest.approx(plain.loss(x, t) + 0.125 * squares, rel=1e-14)

    def test_one_hot_labels_are_the_same_labels(self, rng):
        network = nn.MLP([4, 6, 3], seed=1)
        x, t = rng.standard_normal((5, 4), np.float32), rng.integers(0, 3, 5)
        for dtype in (bool, np.uint8, np.int64, np.float32, np.float64):
            rows = one_hot(t, 3, dtype)
            assert network.loss(x, rows) == network.loss(x, t)
            assert network.accuracy(x, rows) == network.accuracy(x, t)
            for key, g in network.gradient(x, t).items():
                assert_same_bits(network.gradient(x, rows)[key], g)

    @pytest.mark.parametrize("activation", ACTIVATIONS)
    def test_float32_is_float64_rounded(self, rng, activation):
        """Measured: up to 7e-7 of the largest element of the gradient."""
        sizes = [20, 33, 17, 10]
        double = nn.MLP(sizes, activation, weight_decay=0.01, dtype="float64", seed=2)
        single = nn.MLP(sizes, activation, weight_decay=0.01, dtype="float32", seed=2)
        for key, p in single.params.items():
            double.params[key][:] = p
        x = rng.standard_normal((50, 20), np.float32)
        t = rng.integers(0, 10, 50)
        assert single.loss(x, t) == pytest.approx(double.loss(x.astype(float), t), rel=1e-6)
        gradient = double.gradient(x.astype(float), t)
        for key, g in single.gradient(x, t).items():
            assert g.dtype == np.float32
            assert_close(g, gradient[key], 4e-6)


class TestFusedLayers:
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize("activation", LAYERS)
    @pytest.mark.parametrize("shape", [(1, 1, 1), (5, 3, 7), (64, 50, 33), (128, 100, 100), (7, 600, 600)])
    def test_same_bits_as_separate(self, rng, activation, shape, dtype):
        batch, inputs, outputs = shape
        fused = random_affine(rng, inputs, outputs, activation, dtype)
        affine, function = nn.Affine(fused.params["W"], fused.params["b"]), LAYERS[activation]()
        x, dout = (rng.standard_normal((batch, n)).astype(dtype) for n in (inputs, outputs))
        y = function.forward(affine.forward(x, train=True), train=True)
        assert_same_bits(fused.forward(x, train=True), y)
        assert_same_bits(fused.backward(dout), affine.backward(function.backward(dout)))
        assert_same_bits(fused.grads["W"], affine.grads["W"])
        assert_same_bits(fused.grads["b"], affine.grads["b"])

    def test_network_is_its_layers(self, rng):
        network = nn.MLP([6, 5, 4, 3], "tanh", dtype="float64", seed=3)
        x, t = rng.standard_normal((7, 6)), rng.integers(0, 3, 7)
        layers = []
        for layer in network.layers[:-1]:
            layers += [nn.Affine(layer.params["W"], layer.params["b"]), nn.Tanh()]
        layers.append(nn.Affine(network.params["W3"], network.params["b3"]))
        y = x
        for layer in layers:
            y = layer.forward(y, train=True)
        loss = nn.SoftmaxCrossEntropy()
        assert loss.forward(y, t) == network.loss(x, t)
        dout = loss.backward()
        for layer in reversed(layers):
            dout = layer.backward(dout)
        gradient = network.gradient(x, t)
        for number, layer in enumerate(layers[::2], start=1):
            assert_same_bits(gradient[f"W{number}"], layer.grads["W"])
            assert_same_bits(gradient[f"b{number}"], layer.grads["b"])


class TestLayers:
    def test_evaluation_keeps_nothing(self, rng):
        layers = [
            random_affine(rng, 3, 3, "relu"),
            random_affine(rng, 3, 3, "gelu"),
            *(make() for make in LAYERS.values()),
        ]
        for layer in layers:
            x = rng.standard_normal((2, 3))
            y = layer.forward(x)
            gone = weakref.ref(x), weakref.ref(y)
            del x, y
            gc.collect()
            assert [reference() for reference in gone] == [None, None]

    def test_evaluation_between_forward_and_backward(self, rng):
        """Looking at other data in between does not change the gradient."""
        for layer in (
            random_affine(rng, 3, 3, "relu"),
            random_affine(rng, 3, 3, "gelu"),
            *(make() for make in LAYERS.values()),
        ):
            x, other, dout = rng.standard_normal((3, 2, 3))
            layer.forward(x, train=True)
            before = layer.backward(dout)
            layer.forward(other)
            assert_same_bits(layer.backward(dout), before)

    @pytest.mark.parametrize(
        "layer",
        [
            nn.Affine(np.eye(2), np.zeros(2)),
            *(make() for make in LAYERS.values()),
        ],
        ids=lambda layer: type(layer).__name__,
    )
    def test_backward_needs_a_forward_pass_in_training(self, layer):
        layer.forward(np.ones((2, 2)))
        with pytest.raises(errors.FastdlError) as caught:
            layer.backward(np.ones((2, 2)))
        assert caught.value.op == f"{type(layer).__name__}.backward"
        assert "train=True" in caught.value.hint

    def test_loss_backward_needs_forward(self):
        with pytest.raises(errors.FastdlError) as caught:
            nn.SoftmaxCrossEntropy().backward()
        assert caught.value.op == "SoftmaxCrossEntropy.backward"

    def test_backward_leaves_its_arguments(self, rng):
        for layer in (
            random_affine(rng, 3, 3, "tanh"),
            random_affine(rng, 3, 3, "gelu"),
            *(make() for make in LAYERS.values()),
        ):
            x, dout = rng.standard_normal((2, 2, 3))
            with unchanged(x, dout, layer.params):
                layer.forward(x, train=True)
                layer.backward(dout)

    def test_affine_uses_the_very_arrays(self, rng):
        layer = random_affine(rng, 3, 2, "identity")
        x = rng.standard_normal((4, 3))
        layer.params["W"][:] = 0
        layer.params["b"][:] = [1, 2]
        assert (layer.forward(x) == [1, 2]).all()

    def test_gradient_of_the_input_where_nobody_needs_it(self, rng):
        layer = random_affine(rng, 3, 2, "relu", need_dx=False)
        layer.forward(rng.standard_normal((4, 3)), train=True)
        assert layer.backward(np.ones((4, 2))) is None
        assert set(layer.grads) == {"W", "b"}

    def test_gradients_are_new_arrays(self, rng):
        layer = random_affine(rng, 3, 2, "relu")
        kept = []
        for _ in range(2):
            layer.forward(rng.standard_normal((4, 3)), train=True)
            layer.backward(np.ones((4, 2)))
            kept.append(layer.grads)
        assert not np.shares_memory(kept[0]["W"], kept[1]["W"])

    def test_bad_arrays(self, rng):
        layer = random_affine(rng, 3, 2, "relu")
        x, dout = rng.standard_normal((4, 3)), np.ones((4, 2))
        layer.forward(x, train=True)
        layer.backward(dout)
        with unchanged(layer.params, layer.grads):
            for bad, error in [
                (x[:, :2], errors.ArrayError),
                (x.astype(np.float32), errors.DtypeError),
                (x.tolist(), errors.DtypeError),
                (x[0], errors.ArrayError),
                (x[:0], errors.ArrayError),
            ]:
                with pytest.raises(error) as caught:
                    layer.forward(bad, train=True)
                assert caught.value.op == "affine_forward"
            for bad, error in [(dout[:3], errors.ArrayError), (dout.astype(int), errors.DtypeError)]:
                with pytest.raises(error):
                    layer.backward(bad)
        assert_same_bits(layer.backward(dout), layer.backward(dout))

    def test_base_class_says_what_is_missing(self):
        class Empty(nn.Layer):
            pass

        for method in ("forward", "backward"):
            with pytest.raises(TypeError, match=f"Empty does not define {method}"):
                getattr(Empty(), method)(np.ones(1))


class TestInitializers:
    SHAPE = (300, 400)

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize(
        ("init", "std"),
        [
            (initializers.xavier, math.sqrt(1 / 300)),
            (initializers.he, math.sqrt(2 / 300)),
            (initializers.normal(1.0), 1.0),
            (initializers.normal(0.01), 0.01),
        ],
        ids=["xavier", "he", "normal 1", "normal 0.01"],
    )
    def test_moments(self, rng, init, std, dtype):
        """Mean, deviation, skew and kurtosis of a normal distribution, each within 5 standard errors."""
        W = init(self.SHAPE, rng.seed, 0, dtype)
        assert W.shape == self.SHAPE
        assert W.dtype == dtype
        z = W.astype(float).ravel() / std
        count = z.size
        assert abs(z.mean()) < 5 / math.sqrt(count)
        assert abs(z.var() - 1) < 5 * math.sqrt(2 / count)
        assert abs((z**3).mean()) < 5 * math.sqrt(15 / count)
        assert abs((z**4).mean() - 3) < 5 * math.sqrt(96 / count)

    def test_units_are_independent(self, rng):
        W = initializers.he((200, 200), rng.seed, 0, "float64")
        correlations = np.corrcoef(W.T)[np.triu_indices(200, 1)]
        assert np.abs(correlations).max() < 6 / math.sqrt(200)

    @pytest.mark.parametrize("init", [initializers.he, initializers.xavier, initializers.normal(0.3)])
    def test_seed(self, init):
        first, again, other = (init((5, 4), seed, 0, "float64") for seed in (1, 1, 2))
        assert_same_bits(first, again)
        assert (first != other).all()

    def test_float32_is_float64_rounded(self):
        double, single = (initializers.he((5, 4), 1, 0, dtype) for dtype in ("float64", "float32"))
        assert_same_bits(single, double.astype(np.float32))

    def test_zeros(self):
        assert_same_bits(initializers.zeros((3, 2), 0, 0, "float64"), np.zeros((3, 2)))

    def test_get(self):
        for name in initializers.INITIALIZERS:
            assert initializers.get(name) is getattr(initializers, name)
        assert initializers.get(len) is len
        for std in (0.5, np.float32(0.5)):
            W = initializers.get(std)((100, 100), 0, 0, "float64")
            assert W.std() == pytest.approx(0.5, rel=0.05)
        assert not initializers.get(0)((2, 2), 0, 0, "float64").any()

    @pytest.mark.parametrize("bad", ["He", "", None, True, -1.0, math.nan, math.inf, [1], 1j])
    def test_get_refuses(self, bad):
        with pytest.raises(errors.HyperparameterError) as caught:
            initializers.get(bad)
        assert caught.value.arg in ("init", "std")
        assert caught.value.got

    @pytest.mark.parametrize("bad", ["1", None, True, -1.0, math.nan, math.inf])
    def test_normal_refuses(self, bad):
        with pytest.raises(errors.HyperparameterError) as caught:
            initializers.normal(bad)
        assert caught.value.arg == "std"


def assert_units_equal(network):
    """Every unit of a hidden layer has the incoming and outgoing weights of every other one, bit for bit."""
    for before, after in zip(network.layers[:-1], network.layers[1:], strict=True):
        W, b = before.params["W"], before.params["b"]
        assert_same_bits(W, np.repeat(W[:, :1], W.shape[1], axis=1))
        assert_same_bits(b, np.repeat(b[:1], len(b)))
        assert_same_bits(after.params["W"], np.repeat(after.params["W"][:1], len(b), axis=0))


class TestSymmetry:
    """Units that start equal stay equal: the chapter's reason for random initial weights."""

    @pytest.mark.parametrize("rule", optim.OPTIMIZERS)
    @pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh"])
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_equal_units_stay_equal(self, rng, rule, activation, dtype):
        """Also a test of position: an element's result does not depend on where in the array it is."""

        def constant(shape, seed, stream, dtype):
            return np.full(shape, 0.1, dtype)

        x, t = rng.standard_normal((40, 6)).astype(dtype), rng.integers(0, 3, 40)
        for init in ("zeros", constant):
            network = nn.MLP([6, 37, 19, 3], activation, init, dtype=dtype, seed=0)
            start = digest(network.params)
            optimizer = optim.get(rule)
            for _ in range(10):
                network.train_step(x, t, optimizer)
            assert digest(network.params) != start
            assert_units_equal(network)

    def test_zeros_and_relu_learn_the_frequencies_of_the_classes_alone(self, rng):
        network = nn.MLP([6, 20, 3], init="zeros", dtype="float64")
        x, t = rng.standard_normal((60, 6)), np.repeat([0, 1, 2], [30, 20, 10])
        optimizer = optim.Momentum(lr=0.3)
        for _ in range(300):
            loss = network.train_step(x, t, optimizer)
        assert not any(network.params[key].any() for key in ("W1", "b1", "W2"))
        shares = np.array([3, 2, 1]) / 6
        assert loss == pytest.approx(-(shares * np.log(shares)).sum(), rel=1e-6)

    def test_random_weights_break_it(self, rng):
        network = nn.MLP([6, 20, 3], seed=0)
        with pytest.raises(AssertionError):
            assert_units_equal(network)


class TestMLP:
    def test_params_are_the_arrays_of_the_layers(self):
        network = nn.MLP([4, 6, 5, 3], seed=0)
        assert list(network.params) == ["W1", "b1", "W2", "b2", "W3", "b3"]
        for number, layer in enumerate(network.layers, start=1):
            assert network.params[f"W{number}"] is layer.params["W"]
            assert network.params[f"b{number}"] is layer.params["b"]
        assert [p.shape for p in network.params.values()] == [(4, 6), (6,), (6, 5), (5,), (5, 3), (3,)]
        assert {p.dtype for p in network.params.values()} == {np.dtype(np.float32)}
        assert not any(network.params[key].any() for key in ("b1", "b2", "b3"))

    def test_initial_weights(self):
        for init, variance in (("he", 2), ("xavier", 1), (0.05, 0.0025 * 400)):
            network = nn.MLP([400, 400, 400], init=init, dtype="float64", seed=1)
            for key in ("W1", "W2"):
                assert network.params[key].var() * 400 == pytest.approx(variance, rel=0.05)
        drawn = [nn.MLP([4, 3], seed=seed).params["W1"] for seed in (1, 1, 2, None, None)]
        assert_same_bits(drawn[0], drawn[1])
        assert len({digest(W) for W in drawn}) == 4

    def test_own_initializer(self):
        def ramp(shape, seed, stream, dtype):
            """Of another dtype and layout."""
            return np.asfortranarray(np.arange(math.prod(shape), dtype=float).reshape(shape))

        network = nn.MLP([2, 3, 2], init=ramp)
        assert_same_bits(network.params["W1"], np.float32([[0, 1, 2], [3, 4, 5]]))
        assert network.params["W1"].flags.c_contiguous
        with pytest.raises(errors.HyperparameterError) as caught:
            nn.MLP([2, 3, 2], init=lambda shape, seed, stream, dtype: np.zeros(3))
        assert caught.value.arg == "init"

    def test_forward_by_hand(self, rng):
        network = nn.MLP([4, 6, 3], dtype="float64", seed=0)
        network.params["b1"][:] = rng.standard_normal(6)
        x, t = rng.standard_normal((5, 4)), np.array([0, 2, 1, 1, 0])
        W1, b1, W2, b2 = network.params.values()
        logits = np.maximum(x @ W1 + b1, 0) @ W2 + b2
        assert_close(network.forward(x), logits, 1e-14)
        assert_same_bits(network.forward(x, train=True), network.forward(x))
        predicted = network.predict(x)
        assert predicted.dtype == np.int64
        assert predicted.tolist() == logits.argmax(axis=1).tolist()
        assert network.accuracy(x, t) == (logits.argmax(axis=1) == t).mean()
        probability = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        assert network.loss(x, t) == pytest.approx(-np.log(probability[np.arange(5), t]).mean(), rel=1e-14)
        assert type(network.loss(x, t)) is float
        assert type(network.accuracy(x, t)) is float

    def test_accuracy_goes_from_0_to_1(self, rng):
        network = nn.MLP([4, 3], seed=0)
        x = rng.standard_normal((9, 4), np.float32)
        right = network.predict(x)
        assert network.accuracy(x, right) == 1.0
        assert network.accuracy(x, (right + 1) % 3) == 0.0

    @pytest.mark.parametrize("rule", optim.OPTIMIZERS)
    def test_train_step_is_gradient_then_update(self, rng, rule):
        network = nn.MLP([4, 6, 3], weight_decay=0.1, seed=0)
        twin, optimizer, twin_optimizer = copy.deepcopy(network), optim.get(rule), optim.get(rule)
        x, t = rng.standard_normal((5, 4), np.float32), np.array([0, 2, 1, 1, 0])
        for _ in range(3):
            before = twin.loss(x, t)
            twin_optimizer.update(twin.params, twin.gradient(x, t))
            assert network.train_step(x, t, optimizer) == before
            assert digest(network.params) == digest(twin.params)

    def test_any_optimizer_will_do(self, rng):
        class Own:
            def update(self, params, grads):
                for key in params:
                    params[key] -= grads[key]

        network, twin = nn.MLP([4, 3], seed=0), nn.MLP([4, 3], seed=0)
        x, t = rng.standard_normal((5, 4), np.float32), np.array([0, 2, 1, 1, 0])
        network.train_step(x, t, Own())
        twin.train_step(x, t, optim.SGD(lr=1.0))
        assert_close(network.params["W1"], twin.params["W1"], 1e-6)

    def test_it_learns(self, rng):
        x = rng.standard_normal((300, 2), np.float32)
        t = (x[:, 0] * x[:, 1] > 0).astype(int)
        for activation in ("relu", "sigmoid", "tanh"):
            network, optimizer = nn.MLP([2, 30, 2], activation, seed=1), optim.Adam(lr=0.02)
            for _ in range(400):
                network.train_step(x, t, optimizer)
            assert network.accuracy(x, t) > 0.95

    def test_evaluation_keeps_nothing(self, rng):
        network = nn.MLP([4, 6, 3], seed=0)
        t = np.zeros(5, int)
        for look in (
            network.forward,
            network.predict,
            lambda x: network.loss(x, t),
            lambda x: network.accuracy(x, t),
        ):
            x = rng.standard_normal((5, 4), np.float32)
            look(x)
            gone = weakref.ref(x)
            del x
            gc.collect()
            assert gone() is None
        for layer in network.layers:
            with pytest.raises(errors.FastdlError):
                layer.backward(np.ones((5, 3), np.float32))

    def test_layouts(self, rng):
        """Inputs and labels of any layout give the same bits, and stay as they are."""
        network = nn.MLP([4, 6, 3], seed=0)
        x, t = rng.standard_normal((5, 4), np.float32), np.array([0, 2, 1, 1, 0])
        loss, gradient = network.loss(x, t), digest(network.gradient(x, t))
        spread, backwards = np.zeros((10, 8), np.float32), x[::-1].copy()[::-1]
        spread[::2, ::2] = x
        readonly = x.copy()
        readonly.flags.writeable = False
        for same in (np.asfortranarray(x), spread[::2, ::2], backwards, readonly):
            with unchanged(same):
                assert network.loss(same, t) == loss
                assert digest(network.gradient(same, t)) == gradient
        for same in (t.astype(np.uint8), t.astype(">i4"), np.repeat(t, 2)[::2]):
            assert network.loss(x, same) == loss

    def test_deepcopy_is_a_network_of_its_own(self, rng):
        network = nn.MLP([4, 3], seed=0)
        twin = copy.deepcopy(network)
        with unchanged(network.params):
            twin.train_step(rng.standard_normal((5, 4), np.float32), np.zeros(5, int), optim.SGD(lr=1.0))
        assert twin.params["W1"] is twin.layers[0].params["W"]
        assert (twin.params["W1"] != network.params["W1"]).any()

    def test_threads_do_not_change_a_bit(self, rng, threads):
        x, t = rng.standard_normal((128, 200), np.float32), rng.integers(0, 10, 128)
        seen = set()
        for count in (1, 2, 3, 7):
            threads(count)
            network, optimizer = nn.MLP([200, 150, 100, 10], weight_decay=1e-4, seed=0), optim.Adam()
            losses = [network.train_step(x, t, optimizer) for _ in range(5)]
            seen.add(digest(losses, network.params, optimizer.state_dict()))
        assert len(seen) == 1

    def test_seed_in_fresh_processes(self):
        """The same seed gives the same weights after 50 steps, whatever the hash seed and the threads."""
        seen = {
            output(FIFTY_STEPS, env={"PYTHONHASHSEED": hash_seed, "FASTDL_NUM_THREADS": count})
            for hash_seed, count in [("0", "1"), ("1", "2"), ("random", "3"), ("random", "7")]
        }
        assert len(seen) == 1
        assert len(seen.pop()) == 64


FIFTY_STEPS = """
import hashlib
import numpy as np
from fastdl import nn, optim

rng = np.random.default_rng(0)
x, t = rng.standard_normal((128, 784), np.float32), rng.integers(0, 10, 128)
network, optimizer = nn.MLP([784, 100, 100, 10], seed=42), optim.Adam()
for step in range(50):
    network.train_step(x, t, optimizer)
print(hashlib.sha256(b"".join(p.tobytes() for p in network.params.values())).hexdigest())
"""


class TestBadInputs:
    @pytest.mark.parametrize(
        ("arg", "settings"),
        [
            ("sizes", {"sizes": []}),
            ("sizes", {"sizes": [3]}),
            ("sizes", {"sizes": [3, 0]}),
            ("sizes", {"sizes": [3, -1, 2]}),
            ("sizes", {"sizes": [3, 2.0]}),
            ("sizes", {"sizes": [3, True]}),
            ("sizes", {"sizes": "32"}),
            ("sizes", {"sizes": 32}),
            ("sizes", {"sizes": None}),
            ("activation", {"activation": "ReLU"}),
            ("activation", {"activation": None}),
            ("init", {"init": "best"}),
            ("init", {"init": None}),
            ("std", {"init": -0.1}),
            ("std", {"init": math.nan}),
            ("weight_decay", {"weight_decay": -0.1}),
            ("weight_decay", {"weight_decay": math.nan}),
            ("weight_decay", {"weight_decay": math.inf}),
            ("weight_decay", {"weight_decay": True}),
            ("weight_decay", {"weight_decay": "0.1"}),
            ("weight_decay", {"weight_decay": None}),
            ("dtype", {"dtype": "float16"}),
            ("dtype", {"dtype": np.longdouble}),
            ("dtype", {"dtype": int}),
        ],
        ids=str,
    )
    def test_settings(self, arg, settings):
        with pytest.raises(errors.HyperparameterError) as caught:
            nn.MLP(**{"sizes": [3, 2]} | settings)
        assert caught.value.arg == arg
        assert caught.value.expected
        assert caught.value.got

    def test_sizes_of_any_sequence(self):
        for sizes in ([3, 2], (3, 2), np.array([3, 2]), [np.int64(3), np.uint8(2)], range(3, 1, -1)):
            assert nn.MLP(sizes, seed=0).sizes == (3, 2)

    def test_numbers_of_numpy(self):
        for decay in (np.float32(0.5), np.float64(0.5)):
            assert nn.MLP([3, 2], weight_decay=decay).weight_decay == 0.5

    X = np.zeros((5, 4), np.float32)
    T = np.array([0, 2, 1, 1, 0])

    @pytest.mark.parametrize(
        ("x", "error"),
        [
            (X.astype(np.float64), errors.DtypeError),
            (X.astype(np.float16), errors.DtypeError),
            (X.astype(np.uint8), errors.DtypeError),
            (X.astype(">f4"), errors.DtypeError),
            (X.tolist(), errors.DtypeError),
            (None, errors.DtypeError),
            (np.ma.masked_array(X), errors.DtypeError),
            (X[0], errors.ArrayError),
            (X[:, :3], errors.ArrayError),
            (X[None], errors.ArrayError),
            (X[:0], errors.ArrayError),
        ],
        ids=[
            "float64",
            "float16",
            "uint8",
            "big-endian",
            "list",
            "None",
            "masked",
            "1-d",
            "narrow",
            "3-d",
            "empty",
        ],
    )
    def test_inputs(self, x, error):
        network, optimizer = self.trained()
        with unchanged(network.params, optimizer.state_dict()):
            for call in self.calls(network, optimizer, x, self.T):
                with pytest.raises(error) as caught:
                    call()
                assert caught.value.arg == "x"
                assert caught.value.expected
            with pytest.raises(error):
                network.predict(x)
        self.check_it_goes_on(network, optimizer)

    @pytest.mark.parametrize(
        ("t", "error"),
        [
            (np.array([0, 2, 1, 3, 0]), errors.LabelError),
            (np.array([0, 2, 1, -1, 0]), errors.LabelError),
            (np.array([0, 2, 1, 2**64 - 1, 0], np.uint64), errors.LabelError),
            (T.astype(float), errors.LabelError),
            (T.astype(bool), errors.LabelError),
            (T.astype(object), errors.LabelError),
            (T[:4], errors.LabelError),
            (T[:, None], errors.LabelError),
            (T[None], errors.LabelError),
            (np.eye(4, dtype=int)[T], errors.LabelError),
            (np.zeros((5, 3)), errors.LabelError),
            (np.ones((5, 3)), errors.LabelError),
            (np.full((5, 3), np.nan), errors.LabelError),
            (0.5 * np.eye(3)[T], errors.LabelError),
            (T.tolist(), errors.DtypeError),
            (None, errors.DtypeError),
        ],
        ids=[
            "too large", "negative", "uint64", "float", "bool", "object", "short", "column", "row",
            "wide one-hot", "all 0", "all 1", "NaN", "halves", "list", "None",
        ],
    )  # fmt: skip
    def test_labels(self, t, error):
        network, optimizer = self.trained()
        with unchanged(network.params, optimizer.state_dict()):
            for call in self.calls(network, optimizer, self.X, t):
                with pytest.raises(error) as caught:
                    call()
                assert caught.value.arg == "labels"
                assert caught.value.expected
        self.check_it_goes_on(network, optimizer)

    def test_an_optimizer_that_refuses(self):
        """A hyper-parameter that was set to nonsense is found before anything changes."""
        network, optimizer = self.trained()
        with unchanged(network.params, optimizer.state):
            optimizer.lr = math.nan
            with pytest.raises(errors.HyperparameterError):
                network.train_step(self.X, self.T, optimizer)
            with pytest.raises(errors.KeyMismatchError):
                nn.MLP([4, 3], seed=0).train_step(self.X, self.T, self.trained()[1])

    def test_labels_are_named(self):
        network = nn.MLP([4, 6, 3], seed=0)
        with pytest.raises(errors.LabelError) as caught:
            network.loss(self.X, np.array([0, 2, 1, 7, 0]))
        assert caught.value.key == 3
        assert caught.value.got == "7"

    def trained(self):
        network, optimizer = nn.MLP([4, 6, 3], seed=0), optim.Adam()
        network.train_step(self.X + 1, self.T, optimizer)
        return network, optimizer

    @staticmethod
    def calls(network, optimizer, x, t):
        return [
            lambda: network.loss(x, t),
            lambda: network.gradient(x, t),
            lambda: network.train_step(x, t, optimizer),
        ]

    def check_it_goes_on(self, network, optimizer):
        twin, twin_optimizer = self.trained()
        assert network.train_step(self.X, self.T, optimizer) == twin.train_step(self.X, self.T, twin_optimizer)
        assert digest(network.params) == digest(twin.params)


@pytest.mark.parametrize("norm", ["batch", "layer"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_an_mlp_with_a_norm_is_its_layers_one_after_the_other(norm, activation, rng):
    network = nn.MLP([4, 6, 3], activation, norm=norm, dtype="float64", seed=1)
    x, p = rng.standard_normal((8, 4)), network.params
    z = x @ p["W1"] + p["b1"]
    axis = 0 if norm == "batch" else 1
    eps = network.layers[1].eps
    z = (z - z.mean(axis, keepdims=True)) / np.sqrt(z.var(axis, keepdims=True) + eps)
    desired = reference.activation_forward(z, activation) @ p["W2"] + p["b2"]
    np.testing.assert_allclose(network.forward(x, train=True), desired, rtol=1e-10, atol=1e-12)
    assert list(p) == ["W1", "b1", "gamma1", "beta1", "W2", "b2"]


def test_a_norm_that_there_is_not():
    for wrong in ("Batch", "", None, True):
        with pytest.raises(errors.HyperparameterError, match="one of none, batch, layer"):
            nn.MLP([2, 3], norm=wrong)


def test_older_configurations_have_batch_norm():
    for old, norm in ((True, "batch"), (False, "none")):
        config = nn.MLP([4, 5, 3], norm=norm, seed=1).get_config()
        older = {name: value for name, value in config.items() if name != "norm"} | {"batch_norm": old}
        assert nn.MLP.from_config(older).get_config() == config
    with pytest.raises(errors.HyperparameterError, match="batch_norm"):
        nn.MLP.from_config({"sizes": [2, 3], "norm": "layer", "batch_norm": True})


@pytest.mark.parametrize(
    "make",
    [
        lambda affine, relu: nn.Sequential([relu, affine, relu]),
        lambda affine, relu: nn.Sequential([affine, nn.Residual([relu, affine])]),
        lambda affine, relu: nn.Sequential([nn.Residual([relu], projection=affine), affine]),
        lambda affine, relu: nn.Residual([affine, relu, affine]),
    ],
)
def test_a_layer_in_two_places_is_refused(make):
    """It keeps what one backward pass needs: the gradients would be wrong without a word."""
    with pytest.raises(errors.HyperparameterError, match=r"two places.*make one for each"):
        make(nn.Affine(np.eye(3), np.zeros(3)), nn.ReLU())


def test_the_class_of_a_loss_is_refused():
    with pytest.raises(errors.HyperparameterError, match=r"a class.*Make one: Huber\(\)"):
        nn.Sequential([nn.ReLU()], nn.Huber)


def test_what_a_network_prints():
    network = nn.MLP([2, 3, 2], "tanh", norm="layer", dropout=0.5, seed=0)
    network.layers.append(nn.Residual([nn.Affine(np.eye(2), np.zeros(2), "relu")]))
    lines = repr(network).splitlines()
    assert lines[0] == "MLP("
    assert lines[1] == "  Affine(W=(2, 3), b=(3,), activation='identity', need_dx=False)"
    assert [line.split("(")[0].strip() for line in lines[2:]] == [
        "LayerNorm", "Tanh", "Dropout", "Affine", "Residual", "SoftmaxCrossEntropy", ")",
    ]  # fmt: skip
    assert lines[6].startswith("  Residual(Affine(W=(2, 2), b=(2,), activation='relu', need_dx=True)")


def test_a_layer_that_does_not_call_its_base_prints_its_name():
    class Own(nn.Layer):
        def __init__(self):
            pass

    assert repr(Own()) == "Own()"
