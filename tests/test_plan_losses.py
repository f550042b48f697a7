"""Training by a plan with each loss: the same bits as layer by layer, and targets refused before anything changes."""

from __future__ import annotations

import numpy as np
import pytest

from fastdl import kernels, nn, optim
from fastdl.errors import ArrayError, DtypeError, LabelError
from tests.compare import assert_same_bits, digest
from tests.networks import data, layer_by_layer, memory


class Tripled(nn.SoftmaxCrossEntropy):
    def forward(self, logits, labels):
        return 3 * super().forward(logits, labels)

    def backward(self):
        return 3 * super().backward()


@pytest.mark.parametrize("loss", [Tripled(), nn.SoftmaxCrossEntropy(ignore_index=-1)])
def test_losses_of_classes(loss, rng):
    """One that no plan can do again is computed layer by layer."""
    W = nn.initializers.he((6, 4), 1)
    network, optimizer = nn.Sequential([nn.Affine(W, np.zeros(4, np.float32))], loss), optim.SGD(lr=0.1)
    for step in range(4):
        x, t = data(rng, 8)
        if loss.ignore_index == -1:
            t[step] = -1
        y = network.forward(x)
        expected, dout = loss.forward(y, t), loss.backward()
        stepped = W - np.float32(0.1) * (x.T @ dout)
        assert network.train_step(x, t, optimizer) == pytest.approx(expected, rel=1e-6)
        np.testing.assert_allclose(W, stepped, rtol=1e-4, atol=1e-6)


def regression(loss, dtype="float32"):
    """A network whose output has the shape of its input, and which normalizes the batch."""
    W, b = nn.initializers.he((6, 6), 1, dtype=dtype), np.zeros(6, dtype)
    return nn.Sequential([nn.BatchNorm(np.ones(6, dtype), np.zeros(6, dtype)), nn.Affine(W, b)], loss(), dtype=dtype)


def regression_data(rng, count, dtype="float32"):
    """Targets in [0, 1], as one of the losses has them."""
    return rng.standard_normal((count, 6)).astype(dtype), rng.random((count, 6)).astype(dtype)


@pytest.mark.parametrize("loss", [nn.MeanSquaredError, nn.Huber, nn.SigmoidCrossEntropy])
class TestRealTargets:
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_the_same_bits_as_layer_by_layer(self, loss, dtype, rng):
        planned, plain = regression(loss, dtype), layer_by_layer(regression(loss, dtype))
        optimizers = optim.Adam(), optim.Adam()
        for count in (16, 16, 5, 16, 5, 1200, 1200):
            x, t = regression_data(rng, count, dtype)
            losses = [
                network.train_step(x, t, each) for network, each in zip((planned, plain), optimizers, strict=True)
            ]
            assert losses[0] == losses[1]
            assert digest(memory(planned)) == digest(memory(plain))
            assert digest(planned.gradient(x, t)) == digest(plain.gradient(x, t))
        assert len(planned._plans._steps) == 2

    def test_layouts(self, loss, rng):
        planned, plain = regression(loss), layer_by_layer(regression(loss))
        for layout in (np.asarray, np.asfortranarray, lambda t: np.repeat(t, 2, axis=1)[:, ::2], np.asfortranarray):
            x, t = regression_data(rng, 8)
            assert planned.train_step(x, layout(t), optim.SGD()) == plain.train_step(x, t, optim.SGD())
            assert digest(memory(planned)) == digest(memory(plain))

    def test_targets_that_are_the_inputs(self, loss, rng):
        """As an autoencoder's: the plan tells them apart when they are not, before and after."""
        planned, plain = regression(loss), layer_by_layer(regression(loss))
        for shared in (True, False, True, True, False, False):
            x, t = regression_data(rng, 8)
            x, t = (t, t[:]) if shared else (x, t)
            assert planned.train_step(x, t, optim.SGD()) == plain.train_step(x, t, optim.SGD())
            assert digest(memory(planned)) == digest(memory(plain))

    @pytest.mark.parametrize("is_planned", [False, True])
    def test_what_does_not_fit_changes_nothing(self, loss, is_planned, rng):
        network, optimizer = regression(loss), optim.Adam()
        x, t = regression_data(rng, 8)
        if is_planned:
            for _ in range(2):
                network.train_step(x, t, optimizer)
        before = digest(memory(network), optimizer.state_dict())
        cases = [
            (t[:-1], ArrayError),
            (t[:, :1], ArrayError),
            (t.astype("f8"), DtypeError),
            (t.astype(int), DtypeError),
            (t.tolist(), DtypeError),
        ]
        if loss is nn.SigmoidCrossEntropy:
            cases += [(t - 1, LabelError), (np.full_like(t, np.nan), LabelError), (t * 1e9, LabelError)]
        for bad, error in cases:
            with pytest.raises(error):
                network.train_step(x, bad, optimizer)
            assert digest(memory(network), optimizer.state_dict()) == before


def test_the_delta_of_a_loss(rng):
    planned, plain = regression(nn.Huber), layer_by_layer(regression(nn.Huber))
    for delta in (1.0, 1.0, 0.25, 0.25):
        x, t = regression_data(rng, 8)
        planned.loss_function.delta = plain.loss_function.delta = delta
        assert planned.train_step(x, t, optim.SGD()) == plain.train_step(x, t, optim.SGD())


class TestTargets:
    """What plans ask for before they run."""

    @pytest.mark.parametrize("check", [kernels.real_targets, kernels.probabilities])
    def test_they_stay_where_they_are(self, check, rng):
        for dtype in ("float32", "float64"):
            t = rng.random((3, 5)).astype(dtype)
            assert check(t, t.shape, dtype) is t
            for same in (np.asfortranarray(t), np.repeat(t, 2, axis=1)[:, ::2]):
                converted = check(same, t.shape, np.dtype(dtype))
                assert converted.flags.c_contiguous
                assert_same_bits(converted, t)

    def test_the_place_of_one_that_is_no_probability(self):
        t = np.zeros((3, 2000))
        t[2, 7] = 1.5
        with pytest.raises(LabelError, match=r"\(2, 7\).*1\.5"):
            kernels.probabilities(t, t.shape, "float64")
        assert kernels.real_targets(t, t.shape, "float64") is t

    @pytest.mark.parametrize("dtype", ["float16", int, "f4"])
    def test_dtype(self, dtype):
        with pytest.raises(DtypeError):
            kernels.real_targets(np.zeros(3), (3,), dtype)
