"""fastdl trains as the book's own NumPy code does, in float64, to 1e-10.

The book's network and optimizers stand here in a few lines, as its chapters 5 and 6 give them. Recorded runs
of the book's code are compared as well where there are any: FASTDL_BOOK_RUNS names their JSON file, and
FASTDL_DATA the folder of MNIST.
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest

from fastdl import data, nn, optim
from tests.compare import assert_close

RELATIVE = 1e-10
STEPS = 20
START = {"x": -7.0, "y": 2.0}
NAIVE_LR = {"sgd": 0.95, "momentum": 0.1, "adagrad": 1.5, "adam": 0.3}


class BookSGD:
    def __init__(self, lr=0.01):
        self.lr = lr

    def update(self, params, grads):
        for key in params:
            params[key] -= self.lr * grads[key]


class BookMomentum:
    def __init__(self, lr=0.01, momentum=0.9):
        self.lr, self.momentum, self.v = lr, momentum, {}

    def update(self, params, grads):
        for key in params:
            self.v[key] = self.momentum * self.v.get(key, 0.0) - self.lr * grads[key]
            params[key] += self.v[key]


class BookAdaGrad:
    def __init__(self, lr=0.01):
        self.lr, self.h = lr, {}

    def update(self, params, grads):
        for key in params:
            self.h[key] = self.h.get(key, 0.0) + grads[key] * grads[key]
            params[key] -= self.lr * grads[key] / (np.sqrt(self.h[key]) + 1e-7)


class BookAdam:
    def __init__(self, lr=0.001, beta1=0.9, beta2=0.999):
        self.lr, self.beta1, self.beta2, self.iter, self.m, self.v = lr, beta1, beta2, 0, {}, {}

    def update(self, params, grads):
        self.iter += 1
        lr_t = self.lr * np.sqrt(1.0 - self.beta2**self.iter) / (1.0 - self.beta1**self.iter)
        for key in params:
            m, v = self.m.get(key, 0.0), self.v.get(key, 0.0)
            self.m[key] = m + (1 - self.beta1) * (grads[key] - m)
            self.v[key] = v + (1 - self.beta2) * (grads[key] ** 2 - v)
            params[key] -= lr_t * self.m[key] / (np.sqrt(self.v[key]) + 1e-7)


BOOK = {"sgd": BookSGD, "momentum": BookMomentum, "adagrad": BookAdaGrad, "adam": BookAdam}


class BookNetwork:
    """Affine layers with ReLU or sigmoid between them; weights by numpy.random.randn, W1 first."""

    def __init__(self, sizes, activation, std, weight_decay):
        self.activation, self.weight_decay, self.depth = activation, weight_decay, len(sizes) - 1
        self.params = {}
        for i in range(1, len(sizes)):
            scale = {"he": np.sqrt(2.0 / sizes[i - 1]), "xavier": np.sqrt(1.0 / sizes[i - 1])}.get(std, std)
            self.params[f"W{i}"] = scale * np.random.randn(sizes[i - 1], sizes[i])  # noqa: NPY002 - as the book does
            self.params[f"b{i}"] = np.zeros(sizes[i])

    def forward(self, x):
        outputs = [x]
        for i in range(1, self.depth + 1):
            x = np.dot(x, self.params[f"W{i}"]) + self.params[f"b{i}"]
            if i < self.depth:
                x = np.where(x > 0, x, 0) if self.activation == "relu" else 1 / (1 + np.exp(-x))
            outputs.append(x)
        return outputs

    def loss(self, x, t):
        return book_loss(self.forward(x)[-1], t, self.params, self.weight_decay)

    def gradient(self, x, t):
        *outputs, logits = self.forward(x)
        dout = book_softmax(logits)
        dout[np.arange(len(t)), t] -= 1
        dout /= len(t)
        grads = {}
        for i in range(self.depth, 0, -1):
            W, x = self.params[f"W{i}"], outputs[i - 1]
            grads[f"W{i}"] = np.dot(x.T, dout) + self.weight_decay * W
            grads[f"b{i}"] = np.sum(dout, axis=0)
            dout = np.dot(dout, W.T)
            dout *= (x > 0) if self.activation == "relu" else x * (1 - x)
        return grads


def book_softmax(x):
    x = x - np.max(x, axis=-1, keepdims=True)
    return np.exp(x) / np.sum(np.exp(x), axis=-1, keepdims=True)


def book_loss(logits, t, params, weight_decay):
    """With 1e-7 inside the logarithm, where fastdl's loss has nothing."""
    entropy = -np.sum(np.log(book_softmax(logits)[np.arange(len(t)), t] + 1e-7)) / len(t)
    return entropy + 0.5 * weight_decay * sum(np.sum(W**2) for key, W in params.items() if key[0] == "W")


def train(network, optimizer, batches):
    """The losses after each step, as the book computes them."""
    losses = []
    for x, t in batches:
        optimizer.update(network.params, network.gradient(x, t))
        logits = network.forward(x)
        logits = logits if isinstance(logits, np.ndarray) else logits[-1]
        losses.append(book_loss(logits, t, network.params, network.weight_decay))
    return losses


def fastdl_network(sizes, activation, std, weight_decay, seed):
    """A network of fastdl with the weights that the book's gets from the same seed."""
    np.random.seed(seed)  # noqa: NPY002 - as the book does
    initial = BookNetwork(sizes, activation, std, weight_decay).params
    network = nn.MLP(sizes, activation, std, weight_decay, dtype="float64")
    for key, value in initial.items():
        network.params[key][:] = value
    return network


@pytest.fixture(autouse=True)
def _global_random_state():
    """The book draws from NumPy's global random state: the tests after this one do not notice."""
    state = np.random.get_state()  # noqa: NPY002
    yield
    np.random.set_state(state)  # noqa: NPY002


@pytest.mark.parametrize("rule", BOOK)
@pytest.mark.parametrize(
    ("activation", "std", "weight_decay"),
    [
        ("relu", "he", 0.0),
        ("relu", "he", 0.1),
        ("sigmoid", "xavier", 0.0),
        ("sigmoid", "xavier", 0.01),
        ("relu", 0.1, 0.0),
    ],
)
def test_training(rule, activation, std, weight_decay, rng):
    sizes = [50, 40, 30, 20, 10]
    x, t = rng.random((STEPS * 40, 50)), rng.integers(0, 10, STEPS * 40)
    batches = [(x[i : i + 40], t[i : i + 40]) for i in range(0, len(x), 40)]
    np.random.seed(7)  # noqa: NPY002
    book = BookNetwork(sizes, activation, std, weight_decay)
    start = {key: value.copy() for key, value in book.params.items()}
    network = fastdl_network(sizes, activation, std, weight_decay, seed=7)
    losses = train(network, optim.get(rule), batches)
    assert_close(losses, train(book, BOOK[rule](), batches), RELATIVE)
    for key, value in book.params.items():
        assert (value != start[key]).any()
        assert_close(network.params[key], value, RELATIVE)


def naive_path(optimizer, steps=30):
    """The points before each step down f = x² / 20 + y², of Python floats."""
    params, path = dict(START), []
    for _ in range(steps):
        path.append((params["x"], params["y"]))
        optimizer.update(params, {"x": params["x"] / 10, "y": 2 * params["y"]})
    assert {type(value) for value in params.values()} <= {float, np.float64}
    return path


@pytest.mark.parametrize("rule", BOOK)
def test_naive_path(rule):
    path = naive_path(optim.get(rule, lr=NAIVE_LR[rule]))
    assert_close(path, naive_path(BOOK[rule](lr=NAIVE_LR[rule])), RELATIVE)


# Recorded runs of the book's code.


def setting(name):
    if not os.environ.get(name):
        pytest.skip(f"{name} is not set")
    return Path(os.environ[name])


@pytest.fixture(scope="module")
def book_runs():
    return json.loads(setting("FASTDL_BOOK_RUNS").read_text())


@pytest.fixture(scope="module")
def mnist():
    """The first 2,000 images, as the book has them: divided by 255 in float32."""
    images = data.load_mnist(setting("FASTDL_DATA"))
    return (images.x_train[:2000].astype(np.float32) / 255).astype(np.float64), images.t_train[:2000]


@pytest.mark.parametrize("rule", BOOK)
def test_recorded_naive_path(rule, book_runs):
    run = book_runs["naive"][optim.OPTIMIZERS[rule].__name__]
    assert_close(naive_path(optim.get(rule, lr=run["lr"])), run["path"], RELATIVE)


@pytest.mark.parametrize(
    ("optimizer", "arguments"),
    [
        ("SGD", {}),
        ("Momentum", {}),
        ("AdaGrad", {}),
        ("Adam", {}),
        ("Adam", {"activation": "sigmoid", "weight_init_std": "sigmoid"}),
        ("SGD", {"weight_init_std": 0.01}),
        ("SGD", {"weight_decay_lambda": 0.1}),
    ],
    ids=str,
)
def test_recorded_training(optimizer, arguments, book_runs, mnist):
    (run,) = (
        run
        for run in book_runs["runs"]
        if (run["network"], run["optimizer"], run["network_args"]) == ("MultiLayerNet", optimizer, arguments)
    )
    std = arguments.get("weight_init_std", "relu")
    network = fastdl_network(
        [784, 100, 100, 100, 100, 10],
        arguments.get("activation", "relu"),
        {"relu": "he", "sigmoid": "xavier"}.get(std, std),
        arguments.get("weight_decay_lambda", 0.0),
        run["numpy_seed"],
    )
    x, t = mnist
    size = run["batch"]
    batches = [(x[i * size : (i + 1) * size], t[i * size : (i + 1) * size]) for i in range(len(run["losses"]))]
    losses = train(network, optim.get(optimizer, **run["optimizer_args"]), batches)
    assert_close(losses, run["losses"], RELATIVE)
    assert network.accuracy(x, t) == pytest.approx(run["accuracy"], abs=1e-12)
    for key, value in network.params.items():
        # A sum of numbers around 0 cancels: it is right to a share of the sum of their magnitudes.
        assert math.isclose(value.sum(), run["sums"][key], abs_tol=RELATIVE * np.abs(value).sum())
        assert math.isclose(np.square(value).sum(), run["sumsq"][key], rel_tol=RELATIVE)
