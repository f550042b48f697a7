"""Evaluation by plans: the same bits as layer by layer, whatever the batch, and in memory of the caller's own."""

from __future__ import annotations

import threading
import tracemalloc
import weakref
from itertools import pairwise

import numpy as np
import pytest

from fastdl import kernels, nn, optim
from fastdl.errors import ArrayError, LabelError
from fastdl.nn.planned import BLOCK, FORWARDS
from tests.compare import assert_same_bits, digest
from tests.networks import NETWORKS, Doubled, Shifted, data, layer_by_layer, mlp

SIZES = (1, 2, 7, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 5)


def trained(make, dtype, rng):
    """Its running statistics and parameters are not those of the start."""
    network = make(dtype)
    for _ in range(3):
        network.train_step(*data(rng, 16, dtype=dtype), optim.SGD(lr=0.1))
    return network


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
class TestNetworks:
    def test_the_same_bits_as_layer_by_layer(self, make, dtype, rng):
        network = trained(make, dtype, rng)
        for size in SIZES:
            for _ in range(2):
                x, _ = data(rng, size, dtype=dtype)
                assert_same_bits(network.forward(x), network.forward_layers(x))
        assert len(network._plans._forwards) == FORWARDS

    def test_a_row_has_the_same_bits_in_any_batch(self, make, dtype, rng):
        network = trained(make, dtype, rng)
        x, _ = data(rng, BLOCK + 9, dtype=dtype)
        y = network.forward(x)
        for rows in (slice(0, 1), slice(3, 20), slice(BLOCK - 2, BLOCK + 2), slice(5, None)):
            assert_same_bits(network.forward(x[rows]), y[rows])

    def test_results_are_new_arrays(self, make, dtype, rng):
        network = trained(make, dtype, rng)
        xs = [data(rng, size, dtype=dtype)[0] for size in (3, 3, 3, BLOCK + 1, BLOCK + 1)]
        results = [network.forward(x) for x in xs]
        for x, y in zip(xs, results, strict=True):
            assert_same_bits(y, network.forward_layers(x))
            assert y.flags.owndata
            assert y.flags.writeable

    def test_between_training_steps(self, make, dtype, rng):
        planned, plain = make(dtype), layer_by_layer(make(dtype))
        for _ in range(4):
            x, t = data(rng, 16, dtype=dtype)
            losses = [network.train_step(x, t, optim.SGD(lr=0.1)) for network in (planned, plain)]
            assert losses[0] == losses[1]
            assert_same_bits(planned.forward(x), plain.forward(x))

    def test_with_any_number_of_threads(self, make, dtype, rng, threads):
        network = trained(make, dtype, rng)
        x, _ = data(rng, BLOCK + 50, dtype=dtype)
        results = set()
        for count in (1, 2, 3, 7):
            threads(count)
            results.add(digest(network.forward(x), network.forward(x[:40])))
        assert len(results) == 1

    def test_what_is_made_of_it(self, make, dtype, rng):
        network = trained(make, dtype, rng)
        for size in (1, 5, BLOCK + 3):
            x, t = data(rng, size, dtype=dtype)
            y = network.forward_layers(x)
            labels = np.array([max(range(4), key=lambda k, row=row: row[k]) for row in y])
            assert network.predict(x).tolist() == labels.tolist()
            for targets in (t, np.eye(4)[t], t.astype("u1")):
                assert network.accuracy(x, targets) == np.mean(labels == t)
                assert network.loss_and_accuracy(x, targets) == (network.loss(x, t), network.accuracy(x, t))


class TestChanges:
    """They take effect at the next call."""

    CHANGES = {
        "activation": lambda n: setattr(n.layers[1], "activation", "tanh"),
        "eps": lambda n: setattr(n.layers[1], "eps", 0.5),
        "inverted": lambda n: setattr(n.layers[2], "inverted", False),
        "weights": lambda n: n.layers[0].params.update(W=n.layers[0].params["W"] * 2),
        "other params": lambda n: setattr(n.layers[0], "params", {k: p + 1 for k, p in n.layers[0].params.items()}),
        "weights in place": lambda n: np.multiply(n.params["W1"], 2, out=n.params["W1"]),
        "running mean": lambda n: n.layers[1].buffers.update(running_mean=np.ones(9, np.float32)),
        "running mean in place": lambda n: n.layers[1].buffers["running_mean"].fill(1),
        "a layer more": lambda n: n.layers.insert(1, nn.Tanh()) or n._keys.insert(1, {}),
        "a layer less": lambda n: n.layers.pop(1) and n._keys.pop(1),
        "another layer": lambda n: n.layers.__setitem__(2, nn.Sigmoid()) or n._keys.__setitem__(2, {}),
        "training": lambda n: n.train_step(*data(np.random.default_rng(1), 6), optim.SGD()),
    }

    @pytest.mark.parametrize("size", [4, BLOCK + 4])
    @pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
    def test_changes(self, change, size, rng):
        network = mlp(norm="batch", dropout=0.25)("float32")
        x, _ = data(rng, size)
        before = [network.forward(x) for _ in range(2)]
        assert_same_bits(*before)
        change(network)
        for _ in range(2):
            assert_same_bits(network.forward(x), network.forward_layers(x))
        assert digest(network.forward(x)) != digest(before[0])

    def test_of_others_leave_the_plans(self, rng):
        network, other = mlp()("float32"), mlp()("float32")
        x, _ = data(rng, 4)
        network.forward(x)
        plans = dict(network._plans._forwards)
        other.layers[0].activation = "tanh"
        nn.BatchNorm(np.ones(1), np.zeros(1))
        network.forward(x)
        assert network._plans._forwards == plans

    def test_of_a_layer_within_a_layer(self, rng):
        class Inner(nn.Layer):
            can_be_planned = True

            def __init__(self):
                super().__init__()
                self.inner = nn.ELU()

            @property
            def inner_layers(self):
                return (self.inner,)

            def forward(self, x, train=False):
                return self.inner.forward(x, train)

        network = nn.Sequential([Inner()])
        x, _ = data(rng, 4)
        network.forward(x)
        network.layers[0].inner.alpha = 0.25
        assert_same_bits(network.forward(x), nn.ELU(0.25).forward(x))


class Same(nn.Layer):
    """Its output is its input: no kernel writes it anew."""

    can_be_planned = True

    def forward(self, x, train=False):
        return x.reshape(x.shape)


@pytest.mark.parametrize("layer", [Doubled, Shifted, Same])
def test_layers_that_no_plan_can_do_again(layer, rng):
    for layers in ([nn.Tanh(), layer()], [layer(), nn.Tanh()], [layer()]):
        network = nn.Sequential(layers)
        for size in (3, 3, 3, BLOCK + 3):
            x, _ = data(rng, size)
            expected = x
            for each in layers:
                expected = each.forward(expected)
            assert_same_bits(network.forward(x), expected)


def test_layouts(rng):
    network = mlp()("float32")
    for size in (5, 5, BLOCK + 5):
        x, _ = data(rng, size)
        expected = network.forward_layers(x)
        for same in (np.asfortranarray(x), np.repeat(x, 2, axis=1)[:, ::2], x[::-1].copy()[::-1]):
            assert_same_bits(network.forward(same), expected)


@pytest.mark.parametrize("is_planned", [False, True])
def test_what_does_not_fit(is_planned, rng):
    network = nn.Sequential(mlp()("float32").layers)
    x, t = data(rng, 4)
    if is_planned:
        network.forward(x)
    for bad in (x[:, :5], x[0], x[:0], np.ones((BLOCK + 1, 5), np.float32), np.ones((2, 6, 1), np.float32)):
        with pytest.raises(ArrayError):
            network.forward(bad)
    for bad in (t + 4, t[:-1], t.astype(float), np.zeros((4, 4))):
        with pytest.raises(LabelError):
            network.accuracy(x, bad)
    images = np.ones((2, 3, 4), np.float32)
    for call in (nn.Sequential([nn.Tanh()]).predict, lambda x: nn.Sequential([nn.Tanh()]).accuracy(x, t)):
        with pytest.raises(ArrayError, match="classifier"):
            call(images)


def test_as_part_of_a_plan(rng):
    network, sizes = mlp()("float32"), (4, BLOCK + 3)
    for size in sizes + sizes:
        (x, _), (other, _) = data(rng, size), data(rng, size)
        with kernels.Plan(x) as plan:
            y = network.forward(x)
        plan.run(other)
        assert_same_bits(y, network.forward(other))


def test_memory_does_not_grow_with_the_rows(rng):
    """But for the result: of 4 numbers a row, where each of the layers has 64."""
    he = nn.initializers.he
    sizes = [6, *[64] * 8, 4]
    network = nn.Sequential([nn.Affine(he(each, 1), np.zeros(each[1], "f4"), "relu") for each in pairwise(sizes)])
    x, _ = data(rng, 20 * BLOCK)
    tracemalloc.start()
    y = network.forward(x)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < y.nbytes + 4 * BLOCK * 64 * 4


def test_inputs_are_not_kept(rng):
    network = mlp(norm="batch")("float32")
    for size in (3, 3, BLOCK + 3):
        x, _ = data(rng, size)
        network.forward(x)
        gone = weakref.ref(x)
        del x
        assert gone() is None


def test_several_python_threads(rng):
    """Inputs of one shape, so that they share a plan, and one thread that trains another network meanwhile."""
    network = nn.MLP([6, 200, 200, 4], seed=3)
    xs = [data(rng, 300)[0] for _ in range(4)]
    expected = [network.forward_layers(x) for x in xs]
    wrong = []

    def evaluate(x, y):
        for _ in range(60):
            if network.forward(x).tobytes() != y.tobytes():
                wrong.append(x)

    workers = [threading.Thread(target=evaluate, args=pair) for pair in zip(xs, expected, strict=True)]
    for worker in workers:
        worker.start()
    other, batch = mlp()("float32"), data(rng, 16)
    for _ in range(60):
        other.train_step(*batch, optim.SGD())
    for worker in workers:
        worker.join()
    assert not wrong
