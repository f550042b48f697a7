"""fastdl.book: the book's names do what the book's code does, and scripts in its style run with them."""

from __future__ import annotations

import copy
import json
from collections import OrderedDict

import numpy as np
import pytest

from benchmarks.peers import with_book
from benchmarks.peers.with_book import BookAdam, BookNetwork, BookSGD
from fastdl import book, nn, optim
from fastdl.errors import (
    ArrayError,
    DtypeError,
    FastdlError,
    HyperparameterError,
    KeyMismatchError,
    LabelError,
)
from tests.compare import assert_close, assert_same_bits, digest, unchanged
from tests.test_book import BookAdaGrad, BookMomentum, mnist, naive_path, setting  # noqa: F401 - mnist is a fixture

RELATIVE = 1e-10
OPTIMIZERS = {
    "SGD": BookSGD,
    "Momentum": BookMomentum,
    "AdaGrad": BookAdaGrad,
    "Adam": BookAdam,
}


@pytest.fixture(autouse=True)
def _global_random_state():
    """The book draws from NumPy's global random state: the tests after this one do not notice."""
    state = np.random.get_state()  # noqa: NPY002
    yield
    np.random.set_state(state)  # noqa: NPY002


def seed(number=0):
    np.random.seed(number)  # noqa: NPY002 - as the book's scripts do


@pytest.fixture
def data(rng):
    """Images of 20 pixels in float32, and labels of 5 classes."""
    x = rng.random((60, 20), dtype=np.float32)
    return x, (x[:, :5].argmax(axis=1)).astype(np.uint8)


def twin(network, **settings):
    """The book's way, with the same parameters."""
    own = BookNetwork({key: value.copy() for key, value in network.params.items()}, **settings)
    own.params |= {key: own.params[key] for key in network.params}
    return own


# Optimizers.


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_paths_of_floats(name):
    lr = {"SGD": 0.95, "Momentum": 0.1, "AdaGrad": 1.5, "Adam": 0.3}[name]
    path = naive_path(getattr(book, name)(lr=lr))
    assert_close(path, naive_path(OPTIMIZERS[name](lr=lr)), RELATIVE)


def test_rmsprop_and_nesterov(rng):
    """By their formulas; Nesterov's is that of the corrected edition."""
    g, W = rng.standard_normal((3, 4)), rng.standard_normal(4)
    params, optimizer, h = {"W": W.copy()}, book.RMSprop(), np.zeros(4)
    for each in g:
        optimizer.update(params, {"W": each})
        h = 0.99 * h + 0.01 * each**2
        W = W - 0.01 * each / (np.sqrt(h) + 1e-7)
        assert_close(params["W"], W, 1e-14)
        assert_close(optimizer.h["W"], h, 1e-14)
    params, optimizer, v = {"W": W.copy()}, book.Nesterov(lr=0.1), np.zeros(4)
    for each in g:
        optimizer.update(params, {"W": each})
        W = W + 0.9 * 0.9 * v - 1.9 * 0.1 * each
        v = 0.9 * v - 0.1 * each
        assert_close(params["W"], W, 1e-14)


@pytest.mark.parametrize("name", ["SGD", "Momentum", "Nesterov", "AdaGrad", "RMSprop", "Adam"])
def test_optimizers(name):
    optimizer = getattr(book, name)()
    states = {"SGD": "", "Momentum": "v", "Nesterov": "v", "AdaGrad": "h", "RMSprop": "h", "Adam": "mv"}[name]
    assert optimizer.lr == (0.001 if name == "Adam" else 0.01)
    assert all(getattr(optimizer, state) is None for state in states)
    W = np.ones(3)
    params = {"W": W, "x": 2.0}
    optimizer.update(params, {"W": np.ones(3), "x": 1.0})
    assert params["W"] is W  # in place
    assert (W != 1).all()
    assert isinstance(params["x"], float)  # rebound
    assert all(getattr(optimizer, state)["W"].shape == (3,) for state in states)
    optimizer.lr = 0.0
    if not states:
        with unchanged(params):
            optimizer.update(params, {"W": np.ones(3), "x": 1.0})
    assert type(optimizer).from_config(optimizer.get_config()).get_config() == optimizer.get_config()
    assert optimizer.name in repr(optimizer).lower()
    with pytest.raises(HyperparameterError):
        type(optimizer)(lr=-1)
    with pytest.raises(KeyMismatchError):
        optimizer.update(params, {"W": np.ones(3)})


def test_settings_and_counts():
    adam = book.Adam(0.1, 0.8, 0.9)
    assert (adam.beta1, adam.beta2, adam.iter) == (0.8, 0.9, 0)
    for _ in range(3):
        adam.update({"x": 1.0}, {"x": 1.0})
    assert adam.iter == 3
    rmsprop = book.RMSprop(decay_rate=0.5)
    rmsprop.decay_rate = 0.25
    rmsprop.update({"x": 1.0}, {"x": 1.0})
    assert rmsprop.h["x"] == 0.75
    assert book.Momentum(momentum=0.5).momentum == 0.5


def test_one_sgd_serves_several_networks(data):
    optimizer = book.SGD(lr=0.5)
    networks = [book.MultiLayerNetExtend(20, hidden, 5, use_batchnorm=bool(hidden)) for hidden in ([], [7], [8, 9])]
    before = [network.loss(*data) for network in networks]
    for _ in range(40):
        for network in networks:
            optimizer.update(network.params, network.gradient(*data))
    assert all(network.loss(*data) < 0.8 * start for network, start in zip(networks, before, strict=True))


# Layers.


def test_affine_takes_images(rng):
    W, b, x = rng.standard_normal((12, 3)), rng.standard_normal(3), rng.standard_normal((4, 1, 3, 4))
    layer, dout = book.Affine(W, b), rng.standard_normal((4, 3))
    assert layer.W is W
    assert layer.b is b
    assert layer.dW is None
    assert_close(layer.forward(x), x.reshape(4, 12) @ W + b, 1e-14)
    assert_close(layer.backward(dout), (dout @ W.T).reshape(x.shape), 1e-14)
    assert_close(layer.dW, x.reshape(4, 12).T @ dout, 1e-14)
    assert_close(layer.db, dout.sum(axis=0), 1e-14)
    assert_close(layer.forward((x * 10).astype(int)), (x * 10).astype(int).reshape(4, 12) @ W + b, 1e-14)


@pytest.mark.parametrize(("ours", "theirs"), [(book.Relu, with_book.Relu), (book.Sigmoid, with_book.Sigmoid)])
def test_activations(ours, theirs, rng):
    x, dout = rng.standard_normal((4, 5)), rng.standard_normal((4, 5))
    ours, theirs = ours(), theirs()
    assert_close(ours.forward(x), theirs.forward(x, True), 1e-15)
    with unchanged(dout):
        dx = ours.backward(dout)
    assert_close(dx, theirs.backward(dout), 1e-15)


def test_dropout(rng):
    seed()
    layer, x = book.Dropout(0.2), rng.standard_normal((100, 50)) + 10
    assert (layer.forward(x, train_flg=False) == x * (1.0 - 0.2)).all()
    y = layer.forward(x)
    assert set(np.unique(y / x)) == {0.0, 1.0}  # not scaled in training
    assert 0.17 < np.mean(y == 0) < 0.23
    assert_same_bits(layer.backward(np.ones_like(x)), (y != 0).astype(float))
    assert (layer.forward(x) != y).any()
    layer.dropout_ratio = 0.5
    assert 0.45 < np.mean(layer.forward(x) == 0) < 0.55
    assert layer.dropout_ratio == 0.5
    assert book.Dropout().dropout_ratio == 0.5


def test_dropout_obeys_the_seed_and_draws_nothing_until_it_trains():
    outputs = []
    for _ in range(2):
        seed(3)
        layer = book.Dropout()
        layer.forward(np.ones((1, 4)), train_flg=False)
        weights = np.random.randn(2)  # noqa: NPY002
        outputs.append((weights, layer.forward(np.ones((1, 100)))))
    seed(3)
    assert_same_bits(np.random.randn(2), outputs[0][0])  # noqa: NPY002
    assert digest(outputs[0]) == digest(outputs[1])


@pytest.mark.parametrize("shape", [(6, 24), (6, 2, 3, 4), (1, 24), (1, 2, 3, 4)])
def test_batch_normalization(shape, rng):
    ours, theirs = book.BatchNormalization(rng.random(24), rng.random(24)), with_book.BatchNorm(24)
    theirs.params = {"gamma": ours.gamma, "beta": ours.beta}
    assert_close(ours.forward(np.ones(shape), train_flg=False).reshape(len(np.ones(shape)), 24),
                 theirs.forward(np.ones((shape[0], 24)), False), 1e-13)  # fmt: skip
    for _ in range(3):
        x, dout = rng.standard_normal(shape), rng.standard_normal(shape)
        rows, dout_rows = x.reshape(len(x), 24), dout.reshape(len(x), 24)
        y = ours.forward(x)
        assert y.shape == shape
        assert_close(y.reshape(rows.shape), theirs.forward(rows, True), 1e-13)
        dx = ours.backward(dout)
        assert dx.shape == shape
        np.testing.assert_allclose(dx.reshape(rows.shape), theirs.backward(dout_rows), rtol=0, atol=1e-10)
        assert_close(ours.dgamma, theirs.grads["gamma"], 1e-12)
        assert_close(ours.dbeta, theirs.grads["beta"], 1e-13)
        assert_close(ours.running_mean, theirs.running_mean, 1e-13)
        assert_close(ours.running_var, theirs.running_var, 1e-13)
        assert_close(ours.forward(x, train_flg=False).reshape(rows.shape), theirs.forward(rows, False), 1e-12)


def test_batch_normalization_leaves_given_statistics_alone(rng):
    mean, var = rng.random(3), rng.random(3)
    layer = book.BatchNormalization(np.ones(3), np.zeros(3), 0.5, mean, var)
    x = rng.random((4, 3))
    with unchanged(mean, var):
        assert_close(layer.forward(x, False), (x - mean) / np.sqrt(var + 1e-6), 1e-14)
        layer.forward(x)
    assert_close(layer.running_mean, 0.5 * mean + 0.5 * x.mean(axis=0), 1e-14)
    layer.running_mean = mean
    assert_same_bits(layer.running_mean, mean)


def test_softmax_with_loss(rng):
    x, t = rng.standard_normal((4, 3)), np.array([0, 2, 1, 1], np.uint8)
    layer = book.SoftmaxWithLoss()
    assert layer.y is None
    y = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
    loss = layer.forward(x, t)
    assert_close(loss, -np.log(y[range(4), t] + 1e-7).mean(), 1e-14)
    assert_close(layer.y, y, 1e-14)
    assert (layer.loss, layer.t is t) == (loss, True)
    assert_close(layer.backward(), (y - np.eye(3)[t]) / 4, 1e-14)
    assert layer.forward(x, np.eye(3)[t]) == loss
    assert 16.1 < layer.forward(np.array([[0.0, 1000.0, 0.0]]), np.array([0])) < 16.2


# Networks.


@pytest.mark.parametrize(
    ("std", "scale"),
    [("relu", 2.0), ("He", 2.0), ("sigmoid", 1.0), ("XAVIER", 1.0), (0.01, None), (np.float64(1), None), (2, None)],
)
def test_initial_weights(std, scale):
    seed(5)
    network = book.MultiLayerNetExtend(7, [6, 5], 4, weight_init_std=std, use_dropout=True, use_batchnorm=True)
    seed(5)
    for i, (n_in, n_out) in enumerate([(7, 6), (6, 5), (5, 4)], start=1):
        factor = std if scale is None else np.sqrt(scale / n_in)
        assert_same_bits(network.params[f"W{i}"], factor * np.random.randn(n_in, n_out))  # noqa: NPY002
        assert_same_bits(network.params[f"b{i}"], np.zeros(n_out))
    assert set(network.params) == {"W1", "b1", "gamma1", "beta1", "W2", "b2", "gamma2", "beta2", "W3", "b3"}
    assert isinstance(network.layers, OrderedDict)
    assert list(network.layers)[:5] == ["Affine1", "BatchNorm1", "Activation_function1", "Dropout1", "Affine2"]
    assert network.layers["Affine3"].W is network.params["W3"]
    assert network.layers["BatchNorm2"].gamma is network.params["gamma2"]


def test_names_without_extensions():
    network = book.MultiLayerNet(7, [6], 4, "sigmoid")
    assert list(network.layers) == ["Affine1", "Activation_function1", "Affine2"]
    assert isinstance(network.layers["Activation_function1"], book.Sigmoid)
    assert isinstance(network.last_layer, book.SoftmaxWithLoss)
    assert (network.hidden_layer_num, network.hidden_size_list) == (1, [6])


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({}, {}),
        ({"weight_decay_lambda": 0.1}, {"weight_decay": 0.1}),
        ({"activation": "sigmoid", "weight_init_std": "sigmoid"}, {"activation": "sigmoid"}),
        ({"use_batchnorm": True}, {"batch_norm": True}),
        ({"use_batchnorm": True, "weight_decay_lambda": 0.01}, {"batch_norm": True, "weight_decay": 0.01}),
    ],
    ids=str,
)
def test_training_is_the_book_s(optimizer, ours, theirs, data):
    seed(1)
    kind = book.MultiLayerNetExtend if "use_batchnorm" in ours else book.MultiLayerNet
    network = kind(20, [16, 12, 8], 5, **ours)
    other = twin(network, **theirs)
    steps = getattr(book, optimizer)(), OPTIMIZERS[optimizer]()
    x, t = data
    for i in range(20):
        rows = slice(i % 3 * 20, i % 3 * 20 + 20 - (i == 7))
        grads, expected = network.gradient(x[rows], t[rows]), other.gradient(x[rows].astype(float), t[rows])
        largest = max(np.abs(g).max() for g in expected.values())
        for key, gradient in grads.items():
            np.testing.assert_allclose(gradient, expected[key], rtol=0, atol=RELATIVE * largest)
        # The same gradients for both: Adam and AdaGrad make steps of what is nothing but rounding.
        for step, each in zip(steps, (network, other), strict=True):
            step.update(each.params, grads)
        for key, value in other.params.items():  # biases before a normalization are nothing but rounding
            np.testing.assert_allclose(network.params[key], value, rtol=RELATIVE, atol=1e-12)
        assert network.loss(x, t) == pytest.approx(other.loss(x.astype(float), t), rel=RELATIVE)
    y = other.predict(x.astype(float))
    assert_close(network.predict(x), y, RELATIVE)
    assert network.accuracy(x, t) == np.mean(y.argmax(axis=1) == t)
    assert network.accuracy(x, np.eye(5)[t]) == network.accuracy(x, t)
    assert network.loss(x, np.eye(5)[t]) == network.loss(x, t)


@pytest.mark.parametrize("rows", [1, 4])
@pytest.mark.parametrize("settings", [{}, {"use_batchnorm": True}, {"use_batchnorm": True, "weight_decay_lambda": 0.1}])
def test_gradients_by_differences(settings, rows, data):
    """As the book checks batch normalization, also with a batch of one, which it takes to 0, the bend of ReLU."""
    seed()
    network = book.MultiLayerNetExtend(20, [6, 7], 5, "relu" if rows > 1 else "sigmoid", **settings)
    x, t = data[0][:rows], data[1][:rows]
    grads = network.gradient(x, t)
    by_differences = network.numerical_gradient(x, t)
    assert list(grads) == list(by_differences)
    for key, gradient in grads.items():
        assert np.average(np.abs(gradient - by_differences[key])) < 1e-6, key


def test_dropout_is_evaluated_as_in_the_book(data):
    seed()
    network = book.MultiLayerNetExtend(20, [16, 12], 5, use_dropout=True, dropout_ration=0.2)
    other = twin(network, dropout=0.2)
    x = data[0].astype(float)
    assert_close(network.predict(x), other.predict(x), RELATIVE)
    assert (network.predict(x, train_flg=True) != network.predict(x, train_flg=True)).any()
    first, second = network.gradient(*data), network.gradient(*data)
    assert (first["W1"] != second["W1"]).any()


def test_seeded_training_with_dropout_is_repeatable(data):
    results = []
    for _ in range(2):
        seed(9)
        network = book.MultiLayerNetExtend(20, [16], 5, use_dropout=True)
        optimizer = book.Adam()
        for _ in range(5):
            optimizer.update(network.params, network.gradient(*data))
        results.append(digest(network.params))
    assert results[0] == results[1]


def test_gradients_stay_as_they_are(data):
    network = book.MultiLayerNet(20, [16], 5)
    kept = [network.gradient(*data)]
    expected = copy.deepcopy(kept)
    for _ in range(5):
        network.params["W1"] += 0.1
        kept.append(network.gradient(*data))
        expected.append(copy.deepcopy(kept[-1]))
        assert digest(kept) == digest(expected)
    assert_same_bits(network.layers["Affine1"].dW, kept[-1]["W1"])
    assert_same_bits(network.layers["Affine2"].db, kept[-1]["b2"])


def test_an_array_put_into_params_is_not_seen(data):
    network = book.MultiLayerNet(20, [16], 5)
    before = network.predict(data[0])
    network.params["W1"] = np.zeros((20, 16))
    assert_same_bits(network.predict(data[0]), before)


class Double:
    """A layer that a reader of the book wrote."""

    def forward(self, x):
        return 2 * x

    def backward(self, dout):
        return 2 * dout


class Noise:
    def forward(self, x, train_flg=True):
        self.was_training = train_flg
        return x

    def backward(self, dout):
        return dout


@pytest.mark.parametrize("settings", [{}, {"use_batchnorm": True, "weight_decay_lambda": 0.1}])
def test_layers_of_one_s_own(settings, data):
    seed()
    network = book.MultiLayerNetExtend(20, [6, 7], 5, **settings)
    plain = network.predict(data[0])
    network.gradient(*data)
    network.layers["Twice"] = Double()
    network.layers["Dropout of mine"] = noise = Noise()
    if not settings:  # the call of gradient has changed the running statistics
        assert_close(network.predict(data[0]), 2 * plain, 1e-14)
    else:
        network.predict(data[0])
    assert noise.was_training is False
    grads = network.gradient(*data)
    assert noise.was_training is True
    for key, gradient in network.numerical_gradient(data[0], data[1]).items():
        np.testing.assert_allclose(grads[key], gradient, rtol=0, atol=5e-5)
    network.layers.move_to_end("Twice", last=False)  # before the first: it needs the gradient of its output
    grads = network.gradient(*data)
    for key in ("W1", "b3"):
        np.testing.assert_allclose(
            grads[key], book.numerical_gradient(lambda _: network.loss(*data, True), network.params[key]), atol=5e-5
        )


def test_large_inputs_are_the_same_in_any_dtype(rng):
    network = book.MultiLayerNet(20, [16], 5)
    pixels = rng.integers(0, 256, (2000, 4, 5), dtype=np.uint8)
    y = network.predict(pixels)
    assert y.dtype == np.float64
    assert_same_bits(y, network.predict(pixels.reshape(2000, 20).astype(float)))
    assert_same_bits(network.predict(pixels.astype(np.float32)), y)


def test_copies(data):
    network = book.MultiLayerNet(20, [16], 5)
    network.gradient(*data)
    other = copy.deepcopy(network)
    optimizer = book.SGD(lr=0.5)
    optimizer.update(other.params, other.gradient(*data))
    assert other.loss(*data) != network.loss(*data)
    assert other.layers["Affine1"].W is other.params["W1"]


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda n, x, t: book.MultiLayerNet(0, [3], 2), HyperparameterError),
        (lambda n, x, t: book.MultiLayerNet(2, [3.5], 2), HyperparameterError),
        (lambda n, x, t: book.MultiLayerNet(2, [3], 2, activation="tanh"), HyperparameterError),
        (lambda n, x, t: book.MultiLayerNet(2, [3], 2, weight_init_std="best"), HyperparameterError),
        (lambda n, x, t: book.MultiLayerNet(2, [3], 2, weight_init_std=None), HyperparameterError),
        (lambda n, x, t: book.MultiLayerNet(2, [3], 2, weight_decay_lambda=-1), HyperparameterError),
        (lambda n, x, t: book.MultiLayerNetExtend(2, [3], 2, use_dropout=True, dropout_ration=1), HyperparameterError),
        (lambda n, x, t: n.gradient(x[:, 1:], t), ArrayError),
        (lambda n, x, t: n.gradient(x, t[1:]), LabelError),
        (lambda n, x, t: n.gradient(x, t + 5), LabelError),
        (lambda n, x, t: n.gradient(x.astype(str), t), DtypeError),
        (lambda n, x, t: n.loss(x, t.astype(float)), LabelError),
        (lambda n, x, t: n.accuracy(x, t[1:]), LabelError),
        (lambda n, x, t: n.predict(x.astype(complex)), DtypeError),
        (lambda n, x, t: n.layers["Affine1"].backward(x), FastdlError),
        (lambda n, x, t: book.numerical_gradient(lambda x: 0.0, np.arange(3)), DtypeError),
        (lambda n, x, t: book.numerical_gradient(lambda x: 0.0, [1.0]), DtypeError),
        (lambda n, x, t: book.shuffle_dataset(x, t[1:]), ArrayError),
        (lambda n, x, t: book.smooth_curve(x), ArrayError),
        (lambda n, x, t: book.smooth_curve([]), ArrayError),
        (lambda n, x, t: book.softmax("abc"), DtypeError),
        (lambda n, x, t: book.softmax(np.ones((2, 2, 2))), ArrayError),
        (lambda n, x, t: book.Trainer(n, x, t, x, t, optimizer="best"), HyperparameterError),
        (lambda n, x, t: book.Trainer(n, x, t, x, t, mini_batch_size=0), HyperparameterError),
        (lambda n, x, t: book.Trainer(n, x, t, x, t, optimizer_param={"lr": -1}), HyperparameterError),
        (lambda n, x, t: book.Trainer(n, x, t, x, t, optimizer_param=0.1), HyperparameterError),
        (lambda n, x, t: book.Trainer(n, x, t, x, t, optimizer=book.SGD()), HyperparameterError),
        (lambda n, x, t: book.Trainer(n, x, t, x, t, epochs="2"), HyperparameterError),
        (lambda n, x, t: book.Trainer(n, x, t, x, t, epochs=-1), HyperparameterError),
        (lambda n, x, t: book.Trainer(n, x, t[1:], x, t), ArrayError),
        (lambda n, x, t: book.Trainer(n, x, t, x[1:], t), ArrayError),
        (lambda n, x, t: book.MultiLayerNet(2, 3, 2), HyperparameterError),
        (lambda n, x, t: book.numerical_gradient(lambda x: x, np.ones(3)), ArrayError),
    ],
)
def test_refusals(call, error, data):
    network = book.MultiLayerNetExtend(20, [6], 5)
    with unchanged(network.params, data), pytest.raises(error):
        call(network, *data)


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda n, x, t: n.gradient(x[:, 1:], t), r"MultiLayerNetExtend: x: .*expected \(B, 20\), got \(60, 19\)"),
        (lambda n, x, t: n.predict(x[0]), r"MultiLayerNetExtend: x: .*got \(20,\)"),
        (lambda n, x, t: book.Affine(np.ones((20, 2), int), np.ones(2)).forward(x), "affine_forward: W: .*int64"),
        (lambda n, x, t: book.BatchNormalization(1.0, 0.0).forward(x), "batch_norm_forward: gamma: .*float"),
    ],
)
def test_errors_name_what_is_wrong(call, what, data):
    with pytest.raises(FastdlError, match=what):
        call(book.MultiLayerNetExtend(20, [6], 5), *data)


def test_lists_will_do(data):
    x, t = data
    network = book.MultiLayerNet(20, [6], 5)
    assert network.loss(x.tolist(), t.tolist()) == network.loss(x, t)
    book.Trainer(network, x.tolist(), t.tolist(), x, t, epochs=1, mini_batch_size=30, verbose=False).train()
    assert len(book.shuffle_dataset(x.tolist(), t.tolist())[1]) == len(t)


# Functions.


def test_functions(rng):
    x = rng.standard_normal((4, 3))
    softmax = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
    assert_close(book.softmax(x), softmax, 1e-14)
    assert_close(book.softmax(x[0]), softmax[0], 1e-14)
    assert_close(book.sigmoid(x), 1 / (1 + np.exp(-x)), 1e-14)
    assert_same_bits(book.relu(x), np.maximum(x, 0))
    assert (book.sigmoid(0), book.relu(-3), book.relu(2)) == (0.5, 0.0, 2.0)
    t = np.array([0, 2, 1, 1])
    expected = -np.log(softmax[range(4), t] + 1e-7).mean()
    for labels in (t, np.eye(3)[t], np.eye(3, dtype=int)[t]):
        assert_close(book.cross_entropy_error(softmax, labels), expected, 1e-14)
    assert_close(book.cross_entropy_error(softmax[1], np.array([0, 0, 1])), -np.log(softmax[1, 2] + 1e-7), 1e-14)
    assert_close(book.cross_entropy_error(softmax[1], 2), -np.log(softmax[1, 2] + 1e-7), 1e-14)


def test_numerical_gradient(rng):
    x = rng.standard_normal((3, 2))
    with unchanged(x):
        assert_close(book.numerical_gradient(lambda x: (x**3).sum(), x), 3 * x**2, 1e-7)

        def fails(x):
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            book.numerical_gradient(fails, x)


@pytest.mark.parametrize("length", [11, 12, 50])
def test_smooth_curve(length, rng):
    """By the weighted mean of eleven neighbours, mirrored at the ends: at the first without repeating it."""
    x, window = rng.random(length), np.kaiser(11, 2) / np.kaiser(11, 2).sum()

    def at(i):
        return x[-i] if i < 0 else x[2 * length - 1 - i] if i >= length else x[i]

    expected = [sum(window[k] * at(i + k - 5) for k in range(11)) for i in range(length)]
    assert_close(book.smooth_curve(x.tolist()), expected, 1e-14)


def test_shuffle_dataset():
    x = np.arange(24.0).reshape(6, 1, 2, 2)
    seed(2)
    shuffled, t = book.shuffle_dataset(x, np.arange(6))
    seed(2)
    assert t.tolist() == np.random.permutation(6).tolist()  # noqa: NPY002
    assert_same_bits(shuffled, x[t])


# Scripts in the style of the book's chapter 6: with star imports, some of which bring np.

SCRIPTS = {
    "optimizers on a surface": """
from collections import OrderedDict
from fastdl.book import *

def df(x, y):
    return x / 10.0, 2.0 * y

params, grads = {}, {}
optimizers = OrderedDict()
optimizers["SGD"] = SGD(lr=0.95)
optimizers["Momentum"] = Momentum(lr=0.1)
optimizers["AdaGrad"] = AdaGrad(lr=1.5)
optimizers["Adam"] = Adam(lr=0.3)
for key in optimizers:
    params["x"], params["y"] = -7.0, 2.0
    for i in range(30):
        grads["x"], grads["y"] = df(params["x"], params["y"])
        optimizers[key].update(params, grads)
    assert abs(params["x"]) < 3 and abs(params["y"]) < 0.6, (key, params)
""",
    "optimizers compared": """
from fastdl.book.mnist import load_mnist
from fastdl.book.util import smooth_curve
from fastdl.book.multi_layer_net import MultiLayerNet
from fastdl.book.optimizer import *

(x_train, t_train), (x_test, t_test) = load_mnist(normalize=True)
optimizers = {"SGD": SGD(), "Momentum": Momentum(), "AdaGrad": AdaGrad(), "Adam": Adam(), "RMSprop": RMSprop(0.001)}
networks, train_loss = {}, {}
for key in optimizers.keys():
    networks[key] = MultiLayerNet(input_size=784, hidden_size_list=[100, 100, 100, 100], output_size=10)
    train_loss[key] = []
for i in range(40):
    batch_mask = np.random.choice(x_train.shape[0], 128)
    x_batch, t_batch = x_train[batch_mask], t_train[batch_mask]
    for key in optimizers.keys():
        grads = networks[key].gradient(x_batch, t_batch)
        optimizers[key].update(networks[key].params, grads)
        train_loss[key].append(networks[key].loss(x_batch, t_batch))
ends = {key: smooth_curve(losses)[-1] for key, losses in train_loss.items()}
assert ends["SGD"] == max(ends.values()) and ends["Adam"] < 1.5, ends
""",
    "initial weights compared": """
import numpy as np
from fastdl.book import load_mnist, MultiLayerNet, SGD

(x_train, t_train), _ = load_mnist(normalize=True)
weight_init_types = {"std=0.01": 0.01, "Xavier": "sigmoid", "He": "relu"}
optimizer = SGD(lr=0.01)
last = {}
for key, weight_type in weight_init_types.items():
    network = MultiLayerNet(784, [100, 100, 100, 100], 10, weight_init_std=weight_type)
    for i in range(150):
        batch_mask = np.random.choice(x_train.shape[0], 128)
        grads = network.gradient(x_train[batch_mask], t_train[batch_mask])
        optimizer.update(network.params, grads)
    last[key] = network.loss(x_train, t_train)
assert abs(last["std=0.01"] - np.log(10)) < 0.1 and last["He"] < last["Xavier"] < 2.3, last
""",
    "batch normalization": """
import numpy as np
from fastdl.book import load_mnist, MultiLayerNetExtend, SGD, Adam

(x_train, t_train), _ = load_mnist(normalize=True)
x_train, t_train = x_train[:300], t_train[:300]
bn_network = MultiLayerNetExtend(input_size=784, hidden_size_list=[100, 100, 100, 100, 100], output_size=10,
                                 weight_init_std=0.1, use_batchnorm=True)
network = MultiLayerNetExtend(input_size=784, hidden_size_list=[100, 100, 100, 100, 100], output_size=10,
                              weight_init_std=0.001)
optimizer = SGD(lr=0.05)
for i in range(60):
    batch_mask = np.random.choice(300, 100)
    for _network in (bn_network, network):
        grads = _network.gradient(x_train[batch_mask], t_train[batch_mask])
        optimizer.update(_network.params, grads)
assert bn_network.accuracy(x_train, t_train) > 0.8 > 0.3 > network.accuracy(x_train, t_train)
""",
    "weight decay": """
import numpy as np
from fastdl.book import *

(x_train, t_train), (x_test, t_test) = load_mnist(normalize=True)
x_train, t_train = x_train[:100], t_train[:100]
last = {}
for weight_decay_lambda in (0, 0.1):
    network = MultiLayerNet(784, [100] * 6, 10, weight_decay_lambda=weight_decay_lambda)
    optimizer = SGD(lr=0.05)
    for i in range(150):
        batch_mask = np.random.choice(100, 50)
        grads = network.gradient(x_train[batch_mask], t_train[batch_mask])
        optimizer.update(network.params, grads)
    last[weight_decay_lambda] = sum((network.params[f"W{i}"] ** 2).sum() for i in range(1, 8))
assert last[0.1] < 0.5 * last[0], last
""",
    "dropout, with a trainer": """
from fastdl.book import *

(x_train, t_train), (x_test, t_test) = load_mnist(normalize=True)
network = MultiLayerNetExtend(input_size=784, hidden_size_list=[100, 100], output_size=10,
                              use_dropout=True, dropout_ration=0.2)
trainer = Trainer(network, x_train[:300], t_train[:300], x_test, t_test, epochs=30, mini_batch_size=100,
                  optimizer="sgd", optimizer_param={"lr": 0.1}, verbose=True)
trainer.train()
assert len(trainer.train_acc_list) == len(trainer.test_acc_list) == 30
assert trainer.train_acc_list[-1] > 0.7 > 0.4 > trainer.train_acc_list[0]
""",
    "hyper-parameters": """
import numpy as np
from fastdl.book.mnist import load_mnist
from fastdl.book.multi_layer_net import MultiLayerNet
from fastdl.book.util import shuffle_dataset
from fastdl.book.trainer import Trainer

(x_train, t_train), _ = load_mnist(normalize=True)
validation_num = int(x_train.shape[0] * 0.20)
x_train, t_train = shuffle_dataset(x_train, t_train)
x_val, t_val = x_train[:validation_num], t_train[:validation_num]
x_train, t_train = x_train[validation_num:], t_train[validation_num:]
results = {}
for _ in range(4):
    weight_decay, lr = 10 ** np.random.uniform(-8, -4), 10 ** np.random.uniform(-6, -2)
    network = MultiLayerNet(784, [100] * 6, 10, weight_decay_lambda=weight_decay)
    trainer = Trainer(network, x_train, t_train, x_val, t_val, epochs=3, mini_batch_size=100,
                      optimizer="SGD", optimizer_param={"lr": lr}, verbose=False)
    trainer.train()
    results[lr] = trainer.test_acc_list
assert all(len(each) == 3 for each in results.values())
""",
}


@pytest.fixture
def images(tmp_path, monkeypatch):
    """MNIST's files where scripts find them: images whose digit shows, 500 and 100 of them."""
    rng = np.random.default_rng(0)
    for part, count in (("train", 500), ("t10k", 100)):
        t = rng.integers(0, 10, count, dtype=np.uint8)
        x = rng.integers(0, 100, (count, 28, 28), dtype=np.uint8)
        for image, label in zip(x, t, strict=True):
            image[2 * label : 2 * label + 6, 4:24] += 150
        for kind, array in (("images-idx3", x), ("labels-idx1", t)):
            header = bytes((0, 0, 8, array.ndim)) + np.array(array.shape, ">i4").tobytes()
            (tmp_path / f"{part}-{kind}-ubyte").write_bytes(header + array.tobytes())
    monkeypatch.setenv("FASTDL_DATA", str(tmp_path))


@pytest.mark.parametrize("source", SCRIPTS.values(), ids=SCRIPTS)
def test_script(source, images, threads):
    threads(1)
    seed(0)
    exec(source, {})


def test_trainer(capsys, data):
    """What it draws, takes and prints, against a loop like the book's."""
    x, t = data
    settings = {"epochs": 2, "mini_batch_size": 25, "optimizer": "rmsprpo", "optimizer_param": {"lr": 0.003}}
    seed(4)
    trainer = book.Trainer(book.MultiLayerNet(20, [16], 5), x, t, x[:9], t[:9], **settings)
    trainer.train()
    printed = capsys.readouterr().out.splitlines()
    seed(4)
    network, optimizer, losses = book.MultiLayerNet(20, [16], 5), book.RMSprop(lr=0.003), []
    for _ in range(int(2 * 60 / 25)):
        chosen = np.random.choice(60, 25)  # noqa: NPY002
        optimizer.update(network.params, network.gradient(x[chosen], t[chosen]))
        losses.append(network.loss(x[chosen], t[chosen]))
    assert trainer.train_loss_list == losses
    assert [line for line in printed if line.startswith("train loss:")] == [f"train loss:{loss}" for loss in losses]
    assert len(trainer.train_acc_list) == 1  # 2.4 steps an epoch: at steps 0, 12, ...
    assert printed[1] == f"=== epoch:1, train acc:{trainer.train_acc_list[0]}, test acc:{trainer.test_acc_list[0]} ==="
    assert printed[-2:] == [
        "=============== Final Test Accuracy ===============",
        f"test acc:{network.accuracy(x[:9], t[:9])}",
    ]


@pytest.mark.parametrize("name", ["SGD", "momentum", "Nesterov", "AdaGrad", "rmsprop", "RMSprpo", "ADAM"])
def test_names_of_optimizers(name, data):
    trainer = book.Trainer(
        book.MultiLayerNet(20, [4], 5), *data, *data, optimizer=name, evaluate_sample_num_per_epoch=10, verbose=False
    )
    trainer.train_step()
    assert isinstance(trainer.optimizer, optim.Optimizer)
    assert trainer.optimizer.lr == 0.01
    assert len(trainer.train_acc_list) == trainer.current_epoch == trainer.current_iter == 1
    assert round(trainer.train_acc_list[0] * 10, 9).is_integer()


def test_the_layers_are_fastdl_s():
    for name in ("Affine", "Relu", "Sigmoid", "Dropout", "BatchNormalization"):
        assert issubclass(getattr(book, name), nn.Layer)
        assert getattr(book, name).can_be_planned


# Recorded runs of the book's code; see test_book.py.


@pytest.mark.parametrize("number", range(10))
def test_recorded_runs(number, mnist):  # noqa: F811 - the fixture
    run = json.loads(setting("FASTDL_BOOK_RUNS").read_text())["runs"][number]
    x, t = mnist
    seed(run["numpy_seed"])
    network = getattr(book, run["network"])(784, [100, 100, 100, 100], 10, **run["network_args"])
    optimizer, size, losses = getattr(book, run["optimizer"])(**run["optimizer_args"]), run["batch"], []
    for i in range(len(run["losses"])):
        batch = x[i * size : (i + 1) * size].astype(np.float32), t[i * size : (i + 1) * size]
        optimizer.update(network.params, network.gradient(*batch))
        losses.append(network.loss(*batch))
    assert_close(np.array(losses) / run["losses"], np.ones(len(losses)), RELATIVE)
    assert network.accuracy(x, t) == pytest.approx(run["accuracy"], abs=1e-12)
    for key, value in network.params.items():
        # Biases before a normalization have a gradient of 0: what is left of it is rounding.
        assert abs(value.sum() - run["sums"][key]) <= RELATIVE * np.abs(value).sum() + 1e-12
        assert abs(np.square(value).sum() - run["sumsq"][key]) <= RELATIVE * run["sumsq"][key] + 1e-12
