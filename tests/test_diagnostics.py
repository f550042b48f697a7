"""Diagnostics: what layers put out and got back, against passes by hand; being watched changes no training."""

from __future__ import annotations

import numpy as np
import pytest

from fastdl import nn, optim
from fastdl.errors import DtypeError, HyperparameterError
from fastdl.train import Diagnostics, Trainer, diagnose, update_ratios
from tests.compare import assert_same_bits, digest
from tests.networks import NETWORKS, Doubled, data, memory, mlp


def by_hand(network, x, t):
    """Output of each layer, and the gradient that it gets."""
    outputs, douts = [], []
    for layer in network.layers:
        x = layer.forward(x, train=True)
        outputs.append(x)
    network.loss_function.forward(x, t)
    dout = network.loss_function.backward()
    for layer in reversed(network.layers):
        douts.insert(0, dout)
        dout = layer.backward(dout)
    return outputs, douts


@pytest.mark.parametrize("name", NETWORKS)
def test_what_layers_put_out_and_got_back(name, rng):
    network = NETWORKS[name]("float32")
    x, t = data(rng, 9)
    network.gradient(x, t)
    before = digest(memory(network))
    found = diagnose(network, x, t)
    assert digest(memory(network)) == before
    assert found.step == 0
    assert found.update_ratios is None
    loss, gradient = network.loss_and_gradient(x, t)
    assert found.loss == loss
    weights = [array for layer in found.layers for array in layer.weights.values()]
    assert [array.tobytes() for array in weights] == [p.tobytes() for p in network.params.values()]
    grads = [array for layer in found.layers for array in layer.weight_gradients.values()]
    assert [array.tobytes() for array in grads] == [g.tobytes() for g in gradient.values()]
    outer = NETWORKS[name]("float32")
    outer.gradient(x, t)  # as many masks drawn
    outputs, douts = by_hand(outer, x, t)
    whole = found.layers if name != "blocks" else [found.layers[0], found.layers[1], found.layers[-1]]
    for layer, output, dout in zip(whole, outputs, douts, strict=True):
        assert_same_bits(layer.activations, output)
        assert_same_bits(layer.gradients, dout)


def test_names_count_the_layers_within_layers_too(rng):
    block = nn.Residual([nn.Affine(np.ones((6, 6)), np.zeros(6), "tanh"), Doubled()])
    network = nn.Sequential([block, nn.ReLU()], dtype="float64")
    names = [layer.name for layer in diagnose(network, *data(rng, 3, dtype="float64")).layers]
    assert names == ["1 Residual", "2 Affine, tanh", "3 Doubled", "4 ReLU"]


def test_numbers_of_a_layer(rng):
    W = np.array([[1.0, -1.0, 0.0], [0.0, -1.0, 0.0]])
    network = nn.Sequential([nn.Affine(W, np.array([0.0, 0.0, -1.0]), "relu")], dtype="float64")
    x, t = np.array([[1.0, 2.0], [-3.0, 1.0]]), np.array([0, 1])
    (layer,) = diagnose(network, x, t).layers
    assert layer.dead_share == pytest.approx(1 / 3)  # -1 - 2 < 0 and 3 - 1 > 0: the second unit is alive
    gradient = network.gradient(x, t)
    expected = np.sqrt((gradient["W1"] ** 2).sum() + (gradient["b1"] ** 2).sum())
    assert layer.weight_gradient_norm == pytest.approx(expected, rel=1e-14)
    assert layer.weight_norm == pytest.approx(2, rel=1e-14)
    assert layer.gradient_norm == pytest.approx(np.linalg.norm(layer.gradients), rel=1e-14)


def test_update_ratios():
    before = {"moved": np.array([3.0, 4.0]), "still": np.ones(2), "zero": np.zeros(2), "zero still": np.zeros(2)}
    after = {"moved": np.array([3.0, 4.5]), "still": np.ones(2), "zero": np.ones(2), "zero still": np.zeros(2)}
    assert update_ratios(before, after) == {"moved": 0.1, "still": 0.0, "zero": np.inf, "zero still": 0.0}


def test_what_has_no_layers_is_refused():
    with pytest.raises(DtypeError, match="has no layers"):
        diagnose(np.ones(3), np.ones(1), np.ones(1))


@pytest.fixture
def run(rng):
    """A training run, for the callbacks that it is given, with dropout and batch normalization."""
    x, t = data(rng, 40)

    def fit(make_callbacks, steps=7):
        network = mlp(norm="batch", dropout=0.3)("float32")
        callbacks = make_callbacks(network, x[:10], t[:10])
        trainer = Trainer(network, optim.SGD(lr=0.1), batch_size=8, steps=steps, seed=0, callbacks=callbacks)
        return network, callbacks, trainer.fit(x, t)

    return fit


def test_the_callback_changes_nothing_in_the_training(run):
    plain, _, history = run(lambda *arguments: [])
    watched, _, same_history = run(lambda *arguments: [Diagnostics(*arguments, every=2)])
    assert digest(memory(plain)) == digest(memory(watched))
    assert history.losses == same_history.losses


@pytest.mark.parametrize(("every", "steps"), [(1, [1, 2, 3, 4, 5, 6, 7]), (3, [1, 4, 7]), (100, [1])])
def test_the_callback_records_every_so_many_steps(run, every, steps):
    seen = []  # parameters after each step

    def callbacks(network, x, t):
        def remember(record):
            if hasattr(record, "loss") and not hasattr(record, "seconds"):
                seen.append({key: p.copy() for key, p in network.params.items()})

        seen.append({key: p.copy() for key, p in network.params.items()})
        return [remember, Diagnostics(network, x, t, every=every)]

    _, (_, diagnostics), _ = run(callbacks)
    assert [record.step for record in diagnostics.records] == steps
    for record in diagnostics.records:
        assert record.update_ratios == update_ratios(seen[record.step - 1], seen[record.step])
    norms = diagnostics.course(lambda layer: layer.weight_norm)
    assert list(norms) == [layer.name for layer in diagnostics.records[0].layers]
    first, last = (np.sqrt((seen[steps[k]]["W1"] ** 2).sum() + (seen[steps[k]]["b1"] ** 2).sum()) for k in (0, -1))
    assert norms["1 Affine"][0] == pytest.approx(first, rel=1e-6)
    assert norms["1 Affine"][-1] == pytest.approx(last, rel=1e-6)


def test_inputs_that_do_not_fit_are_refused_at_once(rng):
    network = nn.MLP([4, 3], seed=0)
    with pytest.raises(DtypeError, match="not of the network's dtype"):
        Diagnostics(network, rng.random((5, 4)), np.zeros(5, int))


@pytest.mark.parametrize("every", [0, 1.5, True])
def test_every_is_an_integer(every):
    with pytest.raises(HyperparameterError) as caught:
        Diagnostics(mlp()("float32"), np.ones((1, 6)), np.ones(1), every=every)
    assert caught.value.arg == "every"


def test_a_diagnosis_is_drawn():
    pytest.importorskip("matplotlib")
    from fastdl import viz

    x = np.random.default_rng(0).random((60, 5), np.float32)
    t = x.argmax(axis=1)
    network = nn.MLP([5, 12, 12, 5], seed=0)
    diagnostics = Diagnostics(network, x, t, every=10)
    Trainer(network, optim.SGD(lr=0.1), batch_size=20, steps=21, seed=0, callbacks=[diagnostics]).fit(x, t)
    record = diagnostics.records[-1]
    outputs, gradients, norms, updates = viz.plot_diagnosis(record).child_axes
    shares = [label.get_text() for label in outputs.get_xticklabels()]
    assert shares == [f"{number}\n{layer.dead_share:.0%}" for number, layer in enumerate(record.layers, 1)]
    (last,) = [layer.activations for layer in record.layers][-1:]
    low, high = outputs.get_ylim()
    assert np.mean((low <= last) & (last <= high)) > 0.9
    assert len(gradients.get_xticks()) == len(record.layers)
    ours = [line.get_ydata().tolist() for line in norms.lines]
    np.testing.assert_allclose(ours[0], [layer.gradient_norm for layer in record.layers])
    np.testing.assert_allclose(ours[1], [layer.weight_gradient_norm for layer in record.layers])
    assert [label.get_text() for label in updates.get_xticklabels()] == list(record.update_ratios)
    np.testing.assert_allclose(updates.lines[0].get_ydata(), list(record.update_ratios.values()))


def test_a_diagnosis_without_updates_or_signal_is_drawn():
    pytest.importorskip("matplotlib")
    from fastdl import viz

    network = nn.MLP([4, 6, 3], init="zeros")
    found = diagnose(network, np.zeros((5, 4), np.float32), np.arange(5) % 3)
    updates = viz.plot_diagnosis(found, title="Title", note="note").child_axes[-1]
    assert len(updates.lines[0].get_ydata()) == 0
