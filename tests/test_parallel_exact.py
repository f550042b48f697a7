"""Dropout and batch normalization on several ranks: what one process computes, also without rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fastdl import nn
from fastdl.parallel import DataParallel
from tests.compare import assert_same_bits
from tests.on_ranks.exact import SCENARIOS, train
from tests.ranks import needs_mpi, output_of_ranks

HERE = Path(__file__).parent / "on_ranks"

# Sums in another order differ by some 1e-16 of their terms; in three epochs, with gradients through 1 / std of batches
# of two rows, that grows to some 1e-14.
TOLERANCE = 1e-12


@pytest.fixture(scope="module")
def expected():
    return {
        f"{name}/{key}": array
        for name, (make, batch) in SCENARIOS.items()
        for key, array in train(make(), batch).items()
    }


@needs_mpi
@pytest.mark.parametrize("ranks", [2, 3, 4])
def test_ranks_train_as_one_process(ranks, expected, tmp_path):
    """The ranks agree to the bit, which they check themselves; and from run to run."""
    runs = []
    for run in range(2 if ranks == 3 else 1):
        file = tmp_path / f"{run}.npz"
        output_of_ranks(HERE / "exact.py", ranks, file)
        with np.load(file) as results:
            runs.append(dict(results))
    assert set(runs[0]) == set(expected)
    for key, array in expected.items():
        np.testing.assert_allclose(runs[0][key], array, rtol=TOLERANCE, atol=TOLERANCE, err_msg=key)
        assert_same_bits(runs[-1][key], runs[0][key])


@needs_mpi
def test_one_rank_is_the_plain_path(expected):
    for name, (make, batch) in SCENARIOS.items():
        for key, array in train(DataParallel(make()), batch).items():
            assert_same_bits(array, expected[f"{name}/{key}"])


@needs_mpi
@pytest.mark.parametrize("ranks", [2, 3])
def test_a_rank_that_fails(ranks):
    """Nobody waits for it, and nothing has changed; see on_ranks/failed_steps.py."""
    output_of_ranks(HERE / "failed_steps.py", ranks)


@needs_mpi
def test_a_checkpoint_loads_without_ranks():
    make, batch = SCENARIOS["all"]
    trained = DataParallel(make())
    train(trained, batch)
    other = make()
    other.load_state_dict(trained.network.state_dict())
    x = np.linspace(-1, 1, 15).reshape(3, 5)
    assert_same_bits(other.forward(x), trained.network.forward(x))
    assert [type(layer) for layer in trained.network.layers] == [type(layer) for layer in other.layers]
    assert sum(type(layer) is nn.BatchNorm for layer in other.layers) == 2
