"""The experiments on initial weights, batch normalization and overfitting: their claims hold, and faults show."""

from __future__ import annotations

import numpy as np
import pytest

from fastdl import nn
from fastdl.data import load_digits
from fastdl.experiments import load
from fastdl.experiments.training import part

pytest.importorskip("matplotlib.figure")
pytest.importorskip("sklearn")

# On the digits the plain network of one scale learns faster than the normalized one of any scale.
DO_NOT_HOLD = {"batch_norm": ["mean training accuracy over the epochs, best scale"]}
NAMES = (
    "zero_weights",
    "activations",
    "initial_weights",
    "vanishing_gradients",
    "batch_norm",
    "gradient_check",
    "overfitting",
    "weight_decay",
    "dropout",
    "ensemble",
)


@pytest.fixture(scope="module")
def digits():
    return load_digits()


@pytest.mark.parametrize("name", NAMES)
def test_the_claim_holds_on_the_digits(name, digits):
    experiment, shown = load(name), []
    result = experiment.run(digits, progress=lambda share, text: shown.append(share))
    checks = experiment.check(result)
    failed = [check.text for check in checks if not check.holds]
    assert len(failed) == len(DO_NOT_HOLD.get(name, []))
    for text, start in zip(failed, DO_NOT_HOLD.get(name, []), strict=True):
        assert text.startswith(start)
    if shown:
        assert shown == sorted(shown)
        assert shown[-1] == pytest.approx(1)
    assert experiment.draw(result).get_title(loc="left")


def failed(name, result):
    return [check.text for check in load(name).check(result) if not check.holds]


def test_equal_weights_that_part_are_noticed(monkeypatch, digits):
    monkeypatch.setitem(load("zero_weights").function.__globals__["INITS"], "all 0.01", "he")
    texts = failed("zero_weights", load("zero_weights").function(digits, steps=100))
    assert any("difference between units, all 0.01" in text for text in texts)


def test_weights_of_the_wrong_size_are_noticed(monkeypatch, digits):
    inits = load("activations").function.__globals__["INITS"]
    monkeypatch.setitem(inits, "He", 0.01)
    assert any("relu, He" in text for text in failed("activations", load("activations").function(seeds=1)))
    result = load("vanishing_gradients").function(digits, depth=8, seeds=1)
    assert any("relu, He" in text for text in failed("vanishing_gradients", result))


def test_a_wrong_gradient_is_noticed(monkeypatch, digits):
    backward = nn.BatchNorm.backward

    def wrong(self, dout):
        dx = backward(self, dout)
        self.grads["gamma"] = 0.999 * self.grads["gamma"]
        return dx

    monkeypatch.setattr(nn.BatchNorm, "backward", wrong)
    (text,) = failed("gradient_check", load("gradient_check").function(digits, samples=20))
    assert "of gamma" in text


def test_a_remedy_that_does_nothing_is_noticed(digits):
    assert len(failed("weight_decay", load("weight_decay").function(digits, decay=0.0, epochs=201, seeds=1))) == 2
    assert failed("dropout", load("dropout").function(digits, ratio=0.0, epochs=30, seeds=1))


def test_no_overfitting_is_noticed(digits):
    assert failed("overfitting", load("overfitting").function(digits, epochs=5, seeds=1))


def test_results_are_those_of_the_seed(digits):
    run = load("overfitting").function
    first, same, other = (run(digits, epochs=3, seeds=1, seed=seed).accuracies.training for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, same)
    assert (first != other).any()


def test_progress_of_a_part_is_within_its_bounds():
    seen = []
    second = part(lambda share, text: seen.append(share), 1, 4)
    for share in (0.0, 0.5, 1.0):
        second(share, "")
    assert seen == [0.25, 0.375, 0.5]
