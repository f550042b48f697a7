"""Layers, losses, initial weights and networks.

A layer has ``forward(x, train=False)``, ``backward(dout)``, and its parameters and their gradients in the dicts
``params`` and ``grads``. In training it keeps what its backward pass needs; otherwise it keeps nothing.

A loss has ``forward(predictions, targets)``, which returns a number, and ``backward()``, which returns its gradient.
"""

from __future__ import annotations

from fastdl.nn import initializers
from fastdl.nn.affine import Affine
from fastdl.nn.batch_norm import BatchNorm
from fastdl.nn.dropout import Dropout
from fastdl.nn.elu import ELU
from fastdl.nn.gelu import GELU
from fastdl.nn.gradient_check import GradientError, GradientReport, check_gradients
from fastdl.nn.huber import Huber
from fastdl.nn.layer import Layer
from fastdl.nn.layer_norm import LayerNorm
from fastdl.nn.leaky_relu import LeakyReLU
from fastdl.nn.loss import Loss
from fastdl.nn.mean_squared_error import MeanSquaredError
from fastdl.nn.mlp import MLP
from fastdl.nn.relu import ReLU
from fastdl.nn.residual import Residual
from fastdl.nn.sequential import Sequential
from fastdl.nn.sigmoid import Sigmoid
from fastdl.nn.sigmoid_cross_entropy import SigmoidCrossEntropy
from fastdl.nn.silu import SiLU
from fastdl.nn.softmax_cross_entropy import SoftmaxCrossEntropy
from fastdl.nn.softplus import Softplus
from fastdl.nn.tanh import Tanh
from fastdl.nn.user_activation import activation, check_activation

__all__ = [
    "ELU",
    "GELU",
    "MLP",
    "Affine",
    "BatchNorm",
    "Dropout",
    "GradientError",
    "GradientReport",
    "Huber",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "Loss",
    "MeanSquaredError",
    "ReLU",
    "Residual",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SigmoidCrossEntropy",
    "SoftmaxCrossEntropy",
    "Softplus",
    "Tanh",
    "activation",
    "check_activation",
    "check_gradients",
    "initializers",
]
