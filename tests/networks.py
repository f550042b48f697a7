"""Networks for the tests of plans."""

from __future__ import annotations

import numpy as np

from fastdl import nn
from fastdl.nn.layer import every_layer


def data(rng, count, features=6, classes=4, dtype="float32"):
    return rng.standard_normal((count, features)).astype(dtype), rng.integers(0, classes, count)


def mlp(**settings):
    return lambda dtype: nn.MLP([6, 9, 5, 4], seed=3, dtype=dtype, **settings)


def stack(dtype):
    he = nn.initializers.he
    W = [he(shape, 1, stream, dtype) for stream, shape in enumerate([(6, 8), (8, 8), (8, 4)])]
    ones, zeros = np.ones(8, dtype), np.zeros(8, dtype)
    layers = [
        nn.BatchNorm(np.ones(6, dtype), np.zeros(6, dtype)),
        nn.Affine(W[0], zeros.copy()),
        nn.LayerNorm(ones, zeros),
        nn.GELU(),
        nn.Dropout(0.25, seed=5),
        nn.Affine(W[1], zeros.copy(), "silu"),
        nn.Dropout(0.5, seed=6, inverted=False, activation="tanh"),
        nn.Affine(W[2], np.zeros(4, dtype)),
    ]
    return nn.Sequential(layers, dtype=dtype)


def blocks(dtype):
    """Layers within layers."""

    def affine(inputs, outputs, stream, activation="identity"):
        return nn.Affine(nn.initializers.he((inputs, outputs), 2, stream, dtype), np.zeros(outputs, dtype), activation)

    normalization = nn.BatchNorm(np.ones(5, dtype), np.zeros(5, dtype), activation="relu")
    inner = nn.Residual([normalization, affine(5, 7, 1, "gelu"), nn.Dropout(0.2, 3)], projection=affine(5, 7, 2))
    layers = [affine(6, 5, 3, "relu"), nn.Residual([inner, affine(7, 5, 4)], activation="tanh"), affine(5, 4, 5)]
    return nn.Sequential(layers, weight_decay=0.01, dtype=dtype)


NETWORKS = {
    "plain": mlp(),
    "decay": mlp(weight_decay=0.1),
    "normalized": mlp(norm="batch"),
    "dropped": mlp(dropout=0.5),
    "all": mlp(norm="batch", dropout=0.25, weight_decay=0.01, activation="sigmoid"),
    "gelu": mlp(norm="batch", activation="gelu"),
    "silu": mlp(activation="silu"),
    "layer": mlp(norm="layer", dropout=0.25, activation="tanh"),  # with ReLU, rows without a live unit are on its kink
    "stack": stack,
    "blocks": blocks,
}


def layer_by_layer(network):
    network._plans.step = network._plans.forward = lambda *arguments: None
    return network


def memory(network):
    """All that a network has besides its settings."""
    layers = list(every_layer(network.layers))
    buffers = [getattr(layer, "buffers", {}) for layer in layers]
    return network.params, buffers, [getattr(layer, "step", 0) for layer in layers]


class Doubled(nn.Layer):
    """By NumPy: no plan can do it again."""

    def forward(self, x, train=False):
        return 2 * x

    def backward(self, dout):
        return 2 * dout


class Shifted(nn.ReLU):
    """A built-in layer with something else before it."""

    def forward(self, x, train=False):
        return super().forward(x - 0.125, train)
