"""The gradient check: it accepts right gradients of every network and layer, and finds planted faults."""

from __future__ import annotations

import numpy as np
import pytest

from fastdl import nn
from fastdl.errors import ArrayError, DtypeError, FastdlError, HyperparameterError, KeyMismatchError
from fastdl.nn import check_gradients
from fastdl.nn.layer import every_layer
from tests.compare import digest
from tests.networks import NETWORKS, Doubled, data, memory, mlp


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NETWORKS)
def test_right_networks_pass_and_stay_as_they_are(name, dtype, rng):
    network = NETWORKS[name](dtype)
    x, t = data(rng, 7, dtype=dtype)
    network.gradient(x, t)  # the check does not mind what a pass before it left
    before = digest(memory(network), x)
    report = check_gradients(network, x, t)
    assert report.ok, str(report)
    assert [each.name for each in report.parameters] == list(network.params)
    assert all(each.checked == each.size for each in report.parameters)
    assert report.worst.error > 0  # they are two computations
    assert digest(memory(network), x) == before


LAYERS = {
    "affine": lambda: nn.Affine(nn.initializers.he((3, 4), 0), np.zeros(4, np.float32), "sigmoid"),
    "affine that returns no dx": lambda: nn.Affine(np.ones((3, 4)), np.zeros(4), need_dx=False),
    "batch norm": lambda: nn.BatchNorm(np.ones(3, np.float32), np.zeros(3, np.float32)),
    "layer norm": lambda: nn.LayerNorm(np.ones(3), np.zeros(3)),
    "dropout": lambda: nn.Dropout(0.5, seed=1),
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "the user's": Doubled,
    "residual": lambda: nn.Residual([Doubled(), nn.Affine(np.ones((3, 3)), np.zeros(3), "tanh")]),
}


@pytest.mark.parametrize("name", LAYERS)
def test_right_layers_pass_with_their_input(name, rng):
    report = check_gradients(LAYERS[name](), rng.standard_normal((5, 3)).astype(np.float32))
    assert report.ok, str(report)
    assert ("input" in [each.name for each in report.parameters]) == (name != "affine that returns no dx")


class Noise(nn.Layer):
    """Draws from a generator of its own at each pass."""

    def __init__(self):
        super().__init__()
        self.rng = np.random.default_rng(0)

    def forward(self, x, train=False):
        self.factor = self.rng.standard_normal(x.shape)
        return x * self.factor

    def backward(self, dout):
        return dout * self.factor


def test_a_user_s_generator_draws_the_same_at_every_pass(rng):
    layer = Noise()
    report = check_gradients(layer, rng.standard_normal((4, 3)))
    assert report.ok, str(report)
    assert layer.rng.standard_normal() == np.random.default_rng(0).standard_normal()


def test_only_samples_of_large_parameters_are_looked_at(rng):
    network = mlp()("float32")
    x, t = data(rng, 4)
    first, same, other = (check_gradients(network, x, t, samples=10, seed=seed) for seed in (1, 1, 2))
    assert first == same != other
    assert first.ok
    assert {each.name: (each.checked, each.size) for each in first.parameters}["W1"] == (10, 54)
    assert all(each.checked == min(each.size, 10) for each in first.parameters)
    assert check_gradients(network, x, t, samples=None).parameters[0].checked == 54


def test_kinks_are_no_faults(rng):
    """80,000 pre-activations: some are so near 0 that steps of 1e-4 lead over the kink."""
    network = nn.MLP([6, 40, 40, 4], seed=1)
    assert check_gradients(network, *data(rng, 1000), samples=10).ok


def test_units_at_a_kink_are_no_faults(rng):
    """Half the rows are 0, and so are their pre-activations: the backward pass has the slope below."""
    x, t = data(rng, 8)
    x[::2] = 0
    assert check_gradients(nn.MLP([6, 9, 9, 4], seed=1), x, t).ok


class WrongBackward(nn.Affine):
    """An affine layer whose gradient is changed by a function."""

    def __init__(self, change, **settings):
        super().__init__(nn.initializers.he((6, 4), 0, dtype="float64"), np.zeros(4), **settings)
        self.change = change

    def backward(self, dout):
        dx = super().backward(dout)
        self.grads = {key: grad.copy() for key, grad in self.grads.items()}
        self.change(self.grads)
        return dx


def halved(grads):
    grads["W"] /= 2


def one_element(grads):
    grads["W"][2, 1] *= 1.01


def nothing(grads):
    grads["b"][:] = 0


def nan(grads):
    grads["b"][1] = np.nan


@pytest.mark.parametrize(("fault", "name"), [(halved, "W1"), (one_element, "W1"), (nothing, "b1"), (nan, "b1")])
def test_a_fault_is_found_where_it_is(fault, name, rng):
    network = nn.Sequential([WrongBackward(fault), nn.Tanh()], dtype="float64")
    report = check_gradients(network, *data(rng, 5, dtype="float64"))
    assert not report.ok
    assert report.worst.name == name
    wrong = [line.split()[0] for line in str(report).splitlines() if line.endswith("wrong")]
    assert wrong == [name]
    assert "a gradient is wrong" in str(report)
    if fault is one_element:
        assert report.worst.index == (2, 1)
        assert report.worst.backward == pytest.approx(1.01 * report.worst.numerical, rel=1e-3)


def test_a_fault_in_a_small_gradient_is_found(rng):
    """The gradient of the first layer is a hundred thousandth of the last one's; half of it is missing."""
    layers = [WrongBackward(halved), nn.Affine(1e-5 * rng.standard_normal((4, 4)), np.zeros(4))]
    report = check_gradients(nn.Sequential(layers, dtype="float64"), *data(rng, 5, dtype="float64"))
    assert report.worst.name == "W1"
    assert not report.ok


def test_a_fault_within_a_block_is_found(rng):
    network = nn.Sequential([nn.Residual([WrongBackward(halved)], nn.Affine(np.ones((6, 4)), np.zeros(4)))])
    report = check_gradients(network, *data(rng, 5))
    assert [each.name for each in report.parameters if not each.error <= report.tolerance] == ["W1"]


class InSingle(nn.Layer):
    def forward(self, x, train=False):
        return x.astype(np.float32)

    def backward(self, dout):
        return dout.astype(np.float32)


class NoGradient(nn.Layer):
    def __init__(self):
        super().__init__()
        self.params = {"scale": np.ones(1)}

    def forward(self, x, train=False):
        return x * self.params["scale"]

    def backward(self, dout):
        return dout * self.params["scale"]


class OtherShape(NoGradient):
    def backward(self, dout):
        self.grads = {"scale": np.zeros((1, 1))}
        return super().backward(dout)


class Infinite(nn.Layer):
    def forward(self, x, train=False):
        return np.full(x.shape, np.inf)

    def backward(self, dout):
        return dout


class Constant(nn.Layer):
    def forward(self, x, train=False):
        return x

    def backward(self, dout):
        return None


@pytest.mark.parametrize(
    ("model", "error", "key"),
    [
        (InSingle(), DtypeError, "input"),
        (NoGradient(), KeyMismatchError, "scale1"),
        (OtherShape(), ArrayError, "scale1"),
        (Infinite(), FastdlError, None),
        (Constant(), ArrayError, None),
        (np.tanh, DtypeError, None),
    ],
    ids=["float32", "no gradient", "shape", "infinite", "nothing", "no model"],
)
def test_what_cannot_be_checked_is_refused(model, error, key):
    x = np.ones((2, 3))
    with pytest.raises(error) as caught:
        check_gradients(model, x)
    assert caught.value.op == "check_gradients"
    assert caught.value.key == key


@pytest.mark.parametrize(
    "settings", [{"samples": 0}, {"samples": 1.5}, {"tolerance": 0}, {"tolerance": "1"}, {"seed": -1}, {"seed": True}]
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(HyperparameterError) as caught:
        check_gradients(nn.ReLU(), np.ones((1, 1)), **settings)
    assert caught.value.arg == next(iter(settings))


@pytest.mark.parametrize("x", [[1.0], np.ones((2, 2), np.uint8)])
def test_inputs_are_floats(x):
    with pytest.raises(DtypeError, match="x: not an array of floats"):
        check_gradients(nn.ReLU(), x)


def test_every_array_of_the_copy_is_float64(rng):
    """Running statistics, class weights and what a layer keeps beside its parameters too."""
    network = nn.Sequential(
        [
            nn.BatchNorm(np.ones(6, np.float32), np.zeros(6, np.float32)),
            nn.Affine(np.ones((6, 4), np.float32), np.zeros(4, np.float32)),
        ],
        loss=nn.SoftmaxCrossEntropy(class_weights=np.ones(4, np.float32)),
    )
    assert check_gradients(network, *data(rng, 5)).ok
    assert {p.dtype for layer in every_layer(network.layers) for p in layer.params.values()} == {np.dtype("float32")}
