"""Training on several ranks: the numbers of one process, what is saved, what happens when a rank fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ranks import needs_mpi, output_of_ranks

HERE = Path(__file__).parent / "on_ranks"

pytestmark = needs_mpi


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_training_is_that_of_one_process(ranks):
    output_of_ranks(HERE / "same_as_one.py", ranks)
