"""Plans: what is done again has the same bits as what was done, and what cannot be done again is not."""

from __future__ import annotations

import copy
import pickle
import threading
import weakref

import numpy as np
import pytest

from fastdl import kernels, nn, optim
from fastdl.errors import AliasError, ArrayError, DtypeError, HyperparameterError, LabelError
from tests.compare import assert_same_bits, digest
from tests.networks import NETWORKS, Doubled, Shifted, data, layer_by_layer, memory, mlp


class TestPlan:
    def test_other_inputs(self, rng):
        x, W, b = rng.standard_normal((7, 5)), rng.standard_normal((5, 3)), rng.standard_normal(3)
        with kernels.Plan(x) as plan:
            y = kernels.softmax(kernels.affine_forward(x, W, b, "tanh"))
        for _ in range(3):
            other = rng.standard_normal((7, 5))
            plan.run(other)
            assert_same_bits(y, kernels.softmax(kernels.affine_forward(other, W, b, "tanh")))

    def test_memory_that_nobody_has_any_more_is_used_again(self, rng):
        x = rng.standard_normal(1000)
        with kernels.Plan(x) as plan:
            kept = kernels.activation_forward(x, "tanh")
            y = kept
            for _ in range(10):
                y = kernels.activation_forward(y, "sigmoid")
        x = rng.standard_normal(1000)
        plan.run(x)
        expected = kernels.activation_forward(x, "tanh")
        assert_same_bits(kept, expected)
        for _ in range(10):
            expected = kernels.activation_forward(expected, "sigmoid")
        assert_same_bits(y, expected)

    def test_views_keep_memory(self, rng):
        x = rng.standard_normal((4, 6))
        with kernels.Plan(x) as plan:
            view = kernels.activation_forward(x, "tanh").reshape(6, 4)[1:]
            y = kernels.activation_forward(kernels.activation_forward(x, "sigmoid"), "sigmoid")
        x = rng.standard_normal((4, 6))
        plan.run(x)
        assert_same_bits(view, kernels.activation_forward(x, "tanh").reshape(6, 4)[1:])
        assert_same_bits(y, kernels.activation_forward(kernels.activation_forward(x, "sigmoid"), "sigmoid"))

    def test_inputs_that_change_places(self, rng):
        """One's address is the other's from the step before."""
        a, b = rng.standard_normal(8), rng.standard_normal(8)
        with kernels.Plan(a, b) as plan:
            y, z = kernels.activation_forward(a, "tanh"), kernels.activation_forward(b, "sigmoid")
        plan.run(b, a)
        assert_same_bits(y, kernels.activation_forward(b, "tanh"))
        assert_same_bits(z, kernels.activation_forward(a, "sigmoid"))

    def test_losses_are_added_up(self, rng):
        x, W, t = rng.standard_normal((4, 3)), rng.standard_normal((3, 3)), np.array([0, 2, 1, 1])
        dW = np.zeros((3, 3))
        with kernels.Plan(x, t) as plan:
            first, _ = kernels.softmax_cross_entropy(x, t)
            second = kernels.decay_gradient(W, dW, 0.1)
        assert plan.loss == first + second
        plan.run(2 * x, t)
        assert plan.loss == kernels.softmax_cross_entropy(2 * x, t)[0] + second
        np.testing.assert_allclose(dW, 0.2 * W)

    @pytest.mark.parametrize("count", [1, 2, 3, 7])
    def test_same_bits_for_any_number_of_threads(self, rng, threads, count):
        x, W, b = rng.standard_normal((300, 200)), rng.standard_normal((200, 100)), rng.standard_normal(100)
        expected = kernels.affine_forward(2 * x, W, b, "relu")
        with kernels.Plan(x) as plan:
            y = kernels.affine_forward(x, W, b, "relu")
        threads(count)
        plan.run(2 * x)
        assert_same_bits(y, expected)

    @pytest.mark.parametrize(
        "bad",
        [
            np.ones((4, 3)),
            np.ones((3, 4), np.float32),
            np.ones((4, 3)).T,
            np.ones((3, 8))[:, ::2],
            np.ones((3, 4), ">f8"),
        ],
        ids=["shape", "dtype", "fortran", "strided", "byte order"],
    )
    def test_inputs_that_do_not_fit(self, bad):
        x = np.ones((3, 4))
        with kernels.Plan(x) as plan:
            y = kernels.activation_forward(x, "tanh")
        before = digest(y)
        with pytest.raises(ArrayError):
            plan.run(bad)
        with pytest.raises(ArrayError):
            plan.run(x, x)
        assert digest(y) == before

    def test_where_an_array_had_to_be_copied_it_cannot_run(self):
        with kernels.Plan() as plan:
            kernels.activation_forward(np.ones((3, 4)).T, "tanh")
        assert not plan.can_run
        with pytest.raises(ArrayError):
            plan.run()

    def test_nor_where_the_block_raised(self):
        plan = kernels.Plan()
        with pytest.raises(HyperparameterError), plan:
            kernels.activation_forward(np.ones(3), "nothing")
        assert not plan.can_run
        with kernels.Plan() as another:
            kernels.activation_forward(np.ones(3), "tanh")
        assert another.can_run

    def test_nor_within_another(self):
        with kernels.Plan() as outer, kernels.Plan() as inner:
            kernels.activation_forward(np.ones(3), "tanh")
        assert outer.can_run
        assert not inner.can_run

    def test_what_other_threads_do_is_not_recorded(self):
        x = np.ones(3)
        with kernels.Plan(x) as plan:
            elsewhere = []
            worker = threading.Thread(target=lambda: elsewhere.append(kernels.activation_forward(x, "sigmoid")))
            worker.start()
            worker.join()
            y = kernels.activation_forward(x, "tanh")
        before = digest(elsewhere)
        plan.run(np.zeros(3))
        assert digest(elsewhere) == before
        assert digest(y) == digest(np.zeros(3))

    def test_inputs_that_begin_at_one_address(self, rng):
        x, y = rng.standard_normal(4), rng.standard_normal(4)
        with pytest.raises(AliasError):
            kernels.Plan(x, x[:2])
        with kernels.Plan(x, y) as plan:
            z = kernels.activation_forward(x, "tanh"), kernels.activation_forward(y, "tanh")
        for _ in range(2):
            plan.run(y, y[:])
            assert_same_bits(z[0], kernels.activation_forward(y, "tanh"))
            assert_same_bits(z[1], z[0])
            plan.run(x, y)
            assert_same_bits(z[1], kernels.activation_forward(y, "tanh"))

    def test_inputs_are_not_kept(self, rng):
        x = rng.standard_normal(5)
        with kernels.Plan(x) as plan:
            y = kernels.activation_forward(x, "tanh")
        for _ in range(3):
            gone = weakref.ref(x)
            del x
            assert gone() is None
            x = rng.standard_normal(5)
            plan.run(x)
            assert_same_bits(y, kernels.activation_forward(x, "tanh"))

    def test_another_plan_cannot_be_part_of_one(self, rng):
        x = rng.standard_normal(5)
        with kernels.Plan(x) as inner:
            kernels.activation_forward(x, "tanh")
        with kernels.Plan(x) as outer:
            inner.run(x)
        assert not outer.can_run

    def test_too_many_inputs(self):
        with pytest.raises(ArrayError):
            kernels.Plan(*(np.ones(1) for _ in range(9)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
class TestNetworks:
    def test_the_same_bits_as_layer_by_layer(self, make, dtype, rng):
        planned, plain = make(dtype), layer_by_layer(make(dtype))
        optimizers = [optim.Adam(clip_norm=1.0, weight_decay=0.01) for _ in range(2)]
        for count in (16, 16, 5, 16, 5, 16, 3):
            batch = data(rng, count, dtype=dtype)
            losses = [
                network.train_step(*batch, each) for network, each in zip((planned, plain), optimizers, strict=True)
            ]
            assert losses[0] == losses[1]
            assert digest(memory(planned)) == digest(memory(plain))
        assert any(each.plan.can_run for recorded in planned._plans._steps.values() for each in recorded)

    def test_gradients_are_new_arrays(self, make, dtype, rng):
        planned, plain = make(dtype), layer_by_layer(make(dtype))
        kept = []
        for _ in range(3):
            batch = data(rng, 16, dtype=dtype)
            kept.append([planned.gradient(*batch), plain.gradient(*batch)])
        for ours, theirs in kept:
            assert digest(ours) == digest(theirs)

    def test_a_view_of_a_gradient_is_left_alone(self, make, dtype, rng):
        network, batches = make(dtype), [data(rng, 16, dtype=dtype) for _ in range(3)]
        kept = []
        for batch in (*batches, *batches):
            kept.append(network.gradient(*batch)["W1"].T[1:, ::2])
            before = digest(kept)
            network.train_step(*batch, optim.SGD())
            network.gradient(*batches[0])
            assert digest(kept) == before

    def test_gradients_that_nobody_keeps_lie_in_the_same_memory(self, make, dtype, rng):
        """Those of the last call are the caller's until it has the next ones: two places take turns."""
        network, batch = make(dtype), data(rng, 16, dtype=dtype)
        places = []
        for _ in range(6):
            gradient = network.gradient(*batch)
            places.append(gradient["W1"].ctypes.data)
        assert len(set(places)) == 2

    def test_with_any_number_of_threads(self, make, dtype, rng, threads):
        batches, results = [data(rng, 64, dtype=dtype) for _ in range(3)], set()
        for count in (1, 2, 3, 7):
            threads(count)
            network, optimizer = make(dtype), optim.Momentum()
            losses = [network.train_step(*batch, optimizer) for batch in batches]
            results.add(digest(losses, memory(network)))
        assert len(results) == 1

    @pytest.mark.parametrize(
        "duplicate", [copy.deepcopy, lambda n: pickle.loads(pickle.dumps(n))], ids=["copy", "pickle"]
    )
    def test_copies_go_on_alike(self, make, dtype, rng, duplicate):
        network = make(dtype)
        network.train_step(*data(rng, 16, dtype=dtype), optim.SGD())
        other = duplicate(network)
        before = digest(memory(other))
        batch = data(rng, 16, dtype=dtype)
        losses = [network.train_step(*batch, optim.SGD())]
        assert digest(memory(other)) == before
        losses.append(other.train_step(*batch, optim.SGD()))
        assert losses[0] == losses[1]
        assert digest(memory(network)) == digest(memory(other))


class TestWhatAPlanIsMadeFrom:
    """A change takes effect at the next step."""

    CHANGES = {
        "activation": lambda n: setattr(n.layers[1], "activation", "tanh"),
        "ratio": lambda n: setattr(n.layers[2], "ratio", 0.75),
        "step": lambda n: setattr(n.layers[2], "step", 77),
        "momentum": lambda n: setattr(n.layers[1], "momentum", 0.25),
        "decay": lambda n: setattr(n, "weight_decay", 0.5),
        "weights": lambda n: n.layers[0].params.update(W=n.layers[0].params["W"] * 2),
        "weights in place": lambda n: np.multiply(n.params["W1"], 2, out=n.params["W1"]),
        "layers": lambda n: n.layers.insert(1, nn.Tanh()) or n._keys.insert(1, {}),
        "smoothing": lambda n: setattr(n.loss_function, "label_smoothing", 0.25),
        "loss": lambda n: setattr(n, "loss_function", nn.SoftmaxCrossEntropy(label_smoothing=0.25)),
    }

    @pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
    def test_changes(self, change, rng):
        make = mlp(norm="batch", dropout=0.25)
        planned, plain = make("float32"), layer_by_layer(make("float32"))
        for step in range(4):
            if step == 2:
                change(planned)
                change(plain)
            batch = data(rng, 16)
            assert planned.train_step(*batch, optim.SGD()) == plain.train_step(*batch, optim.SGD())
            assert digest([layer.params for layer in planned.layers]) == digest(
                [layer.params for layer in plain.layers]
            )


@pytest.mark.parametrize("layer", [Doubled, Shifted])
def test_a_layer_of_ones_own(layer, rng):
    """Layer by layer then, with the same result as by hand."""
    W = nn.initializers.he((6, 4), 1)
    network = nn.Sequential([nn.Affine(W, np.zeros(4, np.float32)), layer()])
    for _ in range(3):
        x, t = data(rng, 8)
        z = x @ W + network.params["b1"]
        y = 2 * z if layer is Doubled else np.maximum(z - 0.125, 0)
        loss, dout = kernels.softmax_cross_entropy(y.astype(np.float32), t)
        dz = 2 * dout if layer is Doubled else dout * (y > 0)
        expected = W - 0.1 * (x.T @ dz)
        assert network.train_step(x, t, optim.SGD(lr=0.1)) == pytest.approx(loss, rel=1e-5)
        np.testing.assert_allclose(W, expected, rtol=1e-4, atol=1e-6)


def test_a_loss_of_ones_own(rng):
    """Its part that is done by NumPy is done at each step."""

    class Doubling(nn.SoftmaxCrossEntropy):
        def loss_and_gradient(self, predictions, targets):
            loss, gradient = super().loss_and_gradient(predictions, targets)
            return 2 * loss, 2 * gradient

    networks = [nn.Sequential(mlp()("float32").layers, Doubling()) for _ in range(2)]
    layer_by_layer(networks[1])
    for _ in range(3):
        batch = data(rng, 8)
        losses = [network.train_step(*batch, optim.SGD()) for network in networks]
        assert losses[0] == losses[1]
        assert digest(networks[0].params) == digest(networks[1].params)


def test_any_optimizer_with_an_update(rng):
    class Mine:
        def update(self, params, grads):
            for key, p in params.items():
                p -= 0.25 * grads[key]

    one, other = mlp()("float64"), mlp()("float64")
    for _ in range(3):
        batch = data(rng, 8, dtype="float64")
        assert one.train_step(*batch, Mine()) == other.train_step(*batch, optim.SGD(lr=0.25))
    for key, p in one.params.items():
        np.testing.assert_allclose(p, other.params[key], rtol=1e-12)


@pytest.mark.parametrize("how", ["class", "instance"])
def test_an_update_of_ones_own_is_called(how, rng):
    calls = []

    class Counting(optim.SGD):
        def update(self, params, grads):
            calls.append(1)
            super().update(params, grads)

    optimizer = Counting(lr=0.25) if how == "class" else optim.SGD(lr=0.25)
    if how == "instance":
        update = optimizer.update
        optimizer.__dict__["update"] = lambda params, grads: calls.append(1) or update(params, grads)
    one, other = mlp()("float32"), mlp()("float32")
    for _ in range(3):
        batch = data(rng, 8)
        assert one.train_step(*batch, optimizer) == other.train_step(*batch, optim.SGD(lr=0.25))
    assert len(calls) == 3


@pytest.mark.parametrize("planned", [False, True], ids=["at the first step", "later"])
def test_what_does_not_fit_changes_nothing(planned, rng):
    network, optimizer = mlp(norm="batch")("float32"), optim.Adam()
    x, t = data(rng, 8)
    if planned:
        for _ in range(2):
            network.train_step(x, t, optimizer)
    before = digest(memory(network), optimizer.state_dict())
    for bad_x, bad_t, error in [
        (x, t + 4, LabelError),
        (x, t[:-1], LabelError),
        (x, t.astype(float), LabelError),
        (x.astype("f8"), t, DtypeError),
        (x[:, :-1], t, ArrayError),
        (x[:0], t[:0], ArrayError),
        (x.tolist(), t, DtypeError),
    ]:
        with pytest.raises(error):
            network.train_step(bad_x, bad_t, optimizer)
        assert digest(memory(network), optimizer.state_dict()) == before
    if planned:
        optimizer.lr = -1.0
        with pytest.raises(HyperparameterError):
            network.train_step(x, t, optimizer)
        optimizer.lr = 0.001
        assert digest(memory(network), optimizer.state_dict()) == before


def test_layouts_of_a_batch(rng):
    planned, plain = mlp()("float32"), layer_by_layer(mlp()("float32"))
    for layout in (np.asarray, np.asfortranarray, lambda x: np.repeat(x, 2, axis=1)[:, ::2], np.asfortranarray):
        x, t = data(rng, 8)
        one_hot = np.eye(4, dtype="f4")[t]
        assert planned.train_step(layout(x), one_hot, optim.SGD()) == plain.train_step(layout(x), t, optim.SGD())


def test_gradients_that_are_not_finite(rng):
    network, optimizer = mlp()("float32"), optim.SGD(nonfinite="skip")
    x, t = data(rng, 8)
    network.train_step(x, t, optimizer)
    before = digest(network.params)
    x[0, 0] = np.nan
    network.train_step(x, t, optimizer)
    assert digest(network.params) == before
    optimizer.nonfinite = "raise"
    with pytest.raises(ArrayError):
        network.train_step(x, t, optimizer)
    assert digest(network.params) == before


def test_several_python_threads(rng):
    """Each network in a thread of its own, and one that they share."""
    batches = [data(rng, 16) for _ in range(20)]
    expected = mlp(dropout=0.5)("float32")
    losses = [expected.train_step(*batch, optim.SGD()) for batch in batches]
    results, shared = [], mlp()("float32")

    def train():
        network = mlp(dropout=0.5)("float32")
        results.append([network.train_step(*batch, optim.SGD()) for batch in batches])
        for batch in batches:
            shared.train_step(*batch, optim.SGD())

    workers = [threading.Thread(target=train) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert results == [losses] * 4
    assert all(np.isfinite(p).all() for p in shared.params.values())


class TestSequential:
    @pytest.mark.parametrize("bad", [[], None, [1], nn.Tanh(), [nn.Tanh()] * 0])
    def test_layers(self, bad):
        with pytest.raises(HyperparameterError):
            nn.Sequential(bad)

    @pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf, "0.1", True, None])
    def test_weight_decay(self, bad):
        with pytest.raises(HyperparameterError):
            nn.Sequential([nn.Tanh()], weight_decay=bad)

    @pytest.mark.parametrize("bad", ["float16", int, None, np.ones(2), 3])
    def test_dtype(self, bad):
        with pytest.raises(HyperparameterError):
            nn.Sequential([nn.Tanh()], dtype=bad)
        with pytest.raises(HyperparameterError):
            nn.MLP([2, 2], dtype=bad)

    def test_names_of_parameters(self):
        network = mlp(norm="batch")("float32")
        assert list(network.params) == [
            "W1", "b1", "gamma1", "beta1", "W2", "b2", "gamma2", "beta2", "W3", "b3",
        ]  # fmt: skip
        assert network.params["gamma2"] is network.layers[3].params["gamma"]

    @pytest.mark.parametrize(
        "settings", [{}, {"norm": "batch"}, {"norm": "layer"}, {"weight_decay": 0.1, "activation": "gelu"}]
    )
    def test_gradient(self, settings, rng):
        """By central differences, in float64."""
        network = nn.MLP([6, 5, 4], seed=1, dtype="float64", **settings)
        layer_by_layer(network)
        x, t = data(rng, 7, dtype="float64")
        grads = network.gradient(x, t)

        def loss():
            return network.loss_and_gradient(x, t)[0]

        for key, p in network.params.items():
            for place in list(np.ndindex(p.shape))[:12]:
                before, losses = p[place], []
                for h in (1e-6, -1e-6):
                    p[place] = before + h
                    losses.append(loss())
                p[place] = before
                assert (losses[0] - losses[1]) / 2e-6 == pytest.approx(grads[key][place], rel=1e-5, abs=1e-8)
