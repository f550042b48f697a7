"""The names of the book "Deep Learning from Scratch": its scripts run on fastdl when their imports point here.

=============================  ===================================================================================
file                           holds
=============================  ===================================================================================
``optimizer.py``               `SGD`, `Momentum`, `Nesterov`, `AdaGrad`, `RMSprop`, `Adam`
``layers.py``                  `Affine`, `Relu`, `Sigmoid`, `Dropout`, `BatchNormalization`, `SoftmaxWithLoss`
``multi_layer_net.py``         `MultiLayerNet`
``multi_layer_net_extend.py``  `MultiLayerNetExtend`: with batch normalization and dropout
``trainer.py``                 `Trainer`: the training loop
``functions.py``               `softmax`, `sigmoid`, `relu`, `cross_entropy_error`
``gradient.py``                `numerical_gradient`
``util.py``                    `smooth_curve`, `shuffle_dataset`
``mnist.py``                   `load_mnist`
=============================  ===================================================================================

The files have the names of the book's: ``from common.optimizer import Adam`` becomes ``from fastdl.book.optimizer
import Adam`` or ``from fastdl.book import Adam``. A star import brings NumPy as ``np`` too: some scripts rely on that.

Everything is in float64 and gives the book's numbers, but for what dropout drops, which is drawn otherwise. Random
numbers come from NumPy's global random state, so that ``numpy.random.seed`` makes a script repeatable. Where the
editions differ, this follows the Japanese one, which is the corrected one: see `Nesterov`.
"""

from __future__ import annotations

import numpy as np

from fastdl.book.functions import cross_entropy_error, relu, sigmoid, softmax
from fastdl.book.gradient import numerical_gradient
from fastdl.book.layers import Affine, BatchNormalization, Dropout, Relu, Sigmoid, SoftmaxWithLoss
from fastdl.book.mnist import load_mnist
from fastdl.book.multi_layer_net import MultiLayerNet
from fastdl.book.multi_layer_net_extend import MultiLayerNetExtend
from fastdl.book.optimizer import SGD, AdaGrad, Adam, Momentum, Nesterov, RMSprop
from fastdl.book.trainer import Trainer
from fastdl.book.util import shuffle_dataset, smooth_curve

__all__ = [
    "SGD",
    "AdaGrad",
    "Adam",
    "Affine",
    "BatchNormalization",
    "Dropout",
    "Momentum",
    "MultiLayerNet",
    "MultiLayerNetExtend",
    "Nesterov",
    "RMSprop",
    "Relu",
    "Sigmoid",
    "SoftmaxWithLoss",
    "Trainer",
    "cross_entropy_error",
    "load_mnist",
    "np",
    "numerical_gradient",
    "relu",
    "shuffle_dataset",
    "sigmoid",
    "smooth_curve",
    "softmax",
]
