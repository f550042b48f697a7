"""The residual block: its formula, its gradients, layers within layers, and one clear error for what does not fit."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from fastdl import nn, optim, reference
from fastdl.errors import ArrayError, DtypeError, FastdlError, HyperparameterError
from fastdl.kernels import NEED_INPUT
from tests.activations import FUSIBLE
from tests.compare import assert_close, assert_same_bits
from tests.differences import gradient_by_differences
from tests.networks import layer_by_layer

PRECISE = 1e-8  # of a gradient by differences, relative to its largest element: blocks in blocks bend more than layers


def affine(rng, inputs, outputs, activation="tanh", dtype="float64", **settings):
    W, b = rng.standard_normal((inputs, outputs)).astype(dtype), rng.standard_normal(outputs).astype(dtype)
    return nn.Affine(W, b, activation, **settings)


def same_width(rng, activation="identity"):
    return nn.Residual([affine(rng, 4, 3), affine(rng, 3, 4, "identity")], activation=activation)


def other_width(rng, activation="identity"):
    return nn.Residual([affine(rng, 4, 3), affine(rng, 3, 5)], affine(rng, 4, 5, "identity"), activation)


def nested(rng, activation="identity"):
    return nn.Residual([same_width(rng, "tanh"), other_width(rng), affine(rng, 5, 4)], activation=activation)


def of_one_layer(rng, activation="identity"):
    return nn.Residual([nn.Tanh()], activation=activation)


def normalized(rng, activation="identity"):
    norm = nn.BatchNorm(rng.random(4) + 0.5, rng.standard_normal(4))
    return nn.Residual([norm, nn.SiLU(), affine(rng, 4, 4)], nn.LayerNorm(np.ones(4), np.zeros(4)), activation)


BLOCKS = (same_width, other_width, nested, of_one_layer, normalized)
every_block = pytest.mark.parametrize("make", BLOCKS, ids=lambda make: make.__name__)


def parameters(layer):
    """Each parameter with its gradient."""
    pairs = [(p, layer.grads.get(name)) for name, p in layer.params.items()]
    return pairs + [pair for each in layer.inner_layers for pair in parameters(each)]


class TestGradients:
    @every_block
    @pytest.mark.parametrize("activation", ["identity", "tanh", "softplus"])
    @pytest.mark.parametrize("batch", [2, 7])
    def test_by_differences(self, make, activation, batch, rng):
        layer, x = make(rng, activation), rng.standard_normal((batch, 4))
        weights = rng.standard_normal(layer.forward(x).shape)

        def loss():
            return float((weights * layer.forward(x, train=True)).sum())

        loss()
        pairs = [(x, layer.backward(weights)), *parameters(layer)]
        largest = max(np.abs(grad).max() for _, grad in pairs)
        for p, grad in pairs:
            np.testing.assert_allclose(grad, gradient_by_differences(loss, p), rtol=0, atol=PRECISE * largest)

    @pytest.mark.parametrize("activation", FUSIBLE)
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_by_hand(self, activation, dtype, rng):
        inner, outer = affine(rng, 4, 5, dtype=dtype), affine(rng, 4, 5, "identity", dtype)
        block = nn.Residual([inner], outer, activation)
        x, dout = rng.standard_normal((6, 4)).astype(dtype), rng.standard_normal((6, 5)).astype(dtype)
        wide = np.float64 if dtype == "float32" else np.longdouble
        W, b, V, c = (array.astype(wide) for layer in (inner, outer) for array in layer.params.values())
        x_, dout_ = x.astype(wide), dout.astype(wide)
        h = np.tanh(x_ @ W + b)
        y = reference.activation_forward(x_ @ V + c + h, activation)
        dz = reference.activation_backward(dout_, y, activation)
        dh = dz * (1 - h * h)
        relative = 2e-6 if dtype == "float32" else 1e-14
        assert_close(block.forward(x, train=True), y, relative)
        assert_close(block.backward(dout), dz @ V.T + dh @ W.T, relative)
        assert_close(inner.grads["W"], x_.T @ dh, relative)
        assert_close(outer.grads["b"], dz.sum(axis=0), relative)

    def test_the_gradient_of_the_input_where_nobody_needs_it(self, rng):
        block = nn.Residual([affine(rng, 4, 5, need_dx=False)], affine(rng, 4, 5, need_dx=False))
        block.forward(rng.standard_normal((3, 4)), train=True)
        assert block.backward(np.ones((3, 5))) is None
        assert block.layers[0].grads["W"].shape == (4, 5)

    def test_evaluation_keeps_nothing(self, rng):
        block = nested(rng)
        x = rng.standard_normal((3, 4))
        block.forward(x)
        with pytest.raises(FastdlError) as caught:
            block.backward(x)
        assert caught.value.op == "Residual.backward"
        y = block.forward(x, train=True)
        dx = block.backward(y)
        block.forward(x + 1)
        assert_same_bits(block.backward(y), dx)


class TestNetworks:
    def network(self, rng, **settings):
        layers = [affine(rng, 6, 4), normalized(rng, "tanh"), nested(rng), affine(rng, 4, 3, "identity")]
        return nn.Sequential(layers, dtype="float64", **settings)

    def test_names_of_parameters(self, rng):
        network = self.network(rng)
        assert list(network.params) == [
            "W1", "b1", "gamma1", "beta1", "W2", "b2", "gamma2", "beta2",
            "W3", "b3", "W4", "b4", "W5", "b5", "W6", "b6", "W7", "b7", "W8", "b8", "W9", "b9",
        ]  # fmt: skip
        assert network.params["gamma1"] is network.layers[1].layers[0].params["gamma"]
        assert network.params["gamma2"] is network.layers[1].projection.params["gamma"]
        assert network.params["W4"] is network.layers[2].layers[0].layers[1].params["W"]
        assert network.params["W7"] is network.layers[2].layers[1].projection.params["W"]

    @pytest.mark.parametrize("weight_decay", [0.0, 0.3])
    def test_gradient_and_weight_decay(self, weight_decay, rng):
        """The difference that λ makes is λ W of every weight, within blocks too; and λ/2 of their squares."""
        network = self.network(rng, weight_decay=weight_decay)
        x, t = rng.standard_normal((7, 6)), rng.integers(0, 3, 7)
        gradient, decayed = network.gradient(x, t), network.loss_and_gradient(x, t)[0]
        network.weight_decay = 0.0
        plain, loss = network.gradient(x, t), network.loss_and_gradient(x, t)[0]
        weights = {key: p for key, p in network.params.items() if key.startswith("W")}
        for key, grad in gradient.items():
            assert_close(grad, plain[key] + (weight_decay * weights[key] if key in weights else 0), 1e-13)
        squares = sum((W * W).sum() for W in weights.values())
        assert decayed == pytest.approx(loss + weight_decay / 2 * squares, rel=1e-13)
        largest = max(np.abs(g).max() for g in plain.values())
        for key, p in network.params.items():
            by_differences = gradient_by_differences(lambda: network.loss_and_gradient(x, t)[0], p)
            np.testing.assert_allclose(plain[key], by_differences, rtol=0, atol=PRECISE * largest)

    def test_a_change_within_a_block_takes_effect(self, rng):
        one = self.network(rng)
        other = layer_by_layer(copy.deepcopy(one))
        changes = {
            2: lambda n: setattr(n.layers[2].layers[0].layers[0], "activation", "relu"),
            3: lambda n: setattr(n.layers[2], "activation", "relu"),
            4: lambda n: setattr(n.layers[1].layers[0], "momentum", 0.25),
            5: lambda n: setattr(n.layers[1], "layers", n.layers[1].layers[:1] + n.layers[1].layers[2:]),
        }
        for step in range(7):
            for network in (one, other):
                changes.get(step, lambda n: None)(network)
                if step == 5:
                    network._keys.pop(3)
            x, t = rng.standard_normal((7, 6)), rng.integers(0, 3, 7)
            assert one.train_step(x, t, optim.SGD()) == other.train_step(x, t, optim.SGD())
            for key, p in one.params.items():
                assert_same_bits(p, other.params[key])
            assert one._plans._steps

    def test_a_layer_of_ones_own_within_a_block(self, rng):
        """No plan then, and the same result."""

        class Halved(nn.Layer):
            def forward(self, x, train=False):
                return 0.5 * x

            def backward(self, dout):
                return 0.5 * dout

        network = nn.Sequential([nn.Residual([Halved()]), affine(rng, 4, 3, "identity")], dtype="float64")
        x, t = rng.standard_normal((5, 4)), rng.integers(0, 3, 5)
        expected = nn.Sequential(network.layers[1:], dtype="float64").loss(1.5 * x, t)
        for _ in range(2):
            assert network.loss(x, t) == pytest.approx(expected, rel=1e-14)
        network.train_step(x, t, optim.SGD())
        assert not network._plans._steps

    def test_it_learns(self, rng):
        """A deep network of thin layers, which without shortcuts stays where it is."""

        def accuracy(block):
            def layers(i):
                W = nn.initializers.he((8, 8), 0, i)
                return [nn.Affine(W, np.zeros(8, np.float32), "tanh"), nn.Affine(0.1 * W, np.zeros(8, np.float32))]

            first = nn.Affine(nn.initializers.he((2, 8), 0, 99), np.zeros(8, np.float32))
            last = nn.Affine(nn.initializers.he((8, 2), 0, 98), np.zeros(2, np.float32))
            network = nn.Sequential([first, *(each for i in range(20) for each in block(layers(i))), last])
            optimizer = optim.Adam(lr=0.003)
            for _ in range(60):
                network.train_step(x, t, optimizer)
            return network.accuracy(x, t)

        x = rng.standard_normal((200, 2)).astype(np.float32)
        t = (x[:, 0] * x[:, 1] > 0).astype(int)
        assert accuracy(lambda layers: [nn.Residual(layers)]) > 0.9
        assert accuracy(lambda layers: layers) < 0.75

    @pytest.mark.parametrize(
        "duplicate", [copy.deepcopy, lambda n: pickle.loads(pickle.dumps(n))], ids=["copy", "pickle"]
    )
    def test_copies_share_nothing(self, duplicate, rng):
        network = self.network(rng)
        other = duplicate(network)
        x, t = rng.standard_normal((5, 6)), rng.integers(0, 3, 5)
        before = other.loss(x, t)
        network.train_step(x, t, optim.SGD())
        assert other.loss(x, t) == before


class TestRefusals:
    @pytest.mark.parametrize("bad", [[], None, [1], nn.Tanh(), "layers", [nn.Tanh(), None]], ids=str)
    def test_layers(self, bad):
        with pytest.raises(HyperparameterError) as caught:
            nn.Residual(bad)
        assert (caught.value.op, caught.value.arg) == ("Residual", "layers")

    @pytest.mark.parametrize("bad", [1, [nn.Tanh()], nn.Tanh, "identity"], ids=str)
    def test_projections(self, bad):
        with pytest.raises(HyperparameterError) as caught:
            nn.Residual([nn.Tanh()], bad)
        assert (caught.value.op, caught.value.arg) == ("Residual", "projection")

    @pytest.mark.parametrize("bad", [*NEED_INPUT, "mish", None, 1])
    def test_activations(self, bad):
        with pytest.raises(HyperparameterError) as caught:
            nn.Residual([nn.Tanh()], activation=bad)
        assert caught.value.arg == "activation"

    @pytest.mark.parametrize("train", [False, True])
    def test_shapes_that_differ(self, train, rng):
        block = nn.Residual([affine(rng, 4, 3)])
        with pytest.raises(ArrayError) as caught:
            block.forward(rng.standard_normal((2, 4)), train)
        assert caught.value.op == "Residual"
        assert "(2, 4)" in str(caught.value)
        assert "(2, 3)" in str(caught.value)
        assert "Affine" in caught.value.hint
        with pytest.raises(ArrayError, match=r"\(2, 5\).*\(2, 3\)"):
            nn.Residual([affine(rng, 4, 3)], affine(rng, 4, 5)).forward(rng.standard_normal((2, 4)), train)

    def test_dtypes_that_differ(self, rng):
        class Single(nn.Layer):
            def forward(self, x, train=False):
                return x.astype(np.float32)

        with pytest.raises(DtypeError):
            nn.Residual([Single()]).forward(rng.standard_normal((2, 4)))

    def test_a_network_whose_widths_do_not_fit(self, rng):
        network = nn.Sequential([nn.Residual([affine(rng, 4, 3)]), affine(rng, 4, 3)], dtype="float64")
        before = {key: p.copy() for key, p in network.params.items()}
        with pytest.raises(ArrayError, match="shortcut"):
            network.train_step(rng.standard_normal((5, 4)), np.zeros(5, int), optim.SGD())
        for key, p in network.params.items():
            assert_same_bits(p, before[key])
