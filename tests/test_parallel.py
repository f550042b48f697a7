"""Training on several ranks: the numbers of one process, what is saved, what happens when a rank fails."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest

from fastdl.kernels import build_info
from fastdl.parallel.threads import threads_of
from tests.ranks import needs_mpi, output_of_ranks

HERE = Path(__file__).parent / "on_ranks"

pytestmark = needs_mpi


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_training_is_that_of_one_process(ranks):
    output_of_ranks(HERE / "same_as_one.py", ranks)


@pytest.mark.parametrize("ranks", [2, 3])
def test_trainers_on_ranks(ranks, tmp_path):
    output_of_ranks(HERE / "trainers.py", ranks, tmp_path)


@pytest.mark.skipif(not build_info()["openmp"], reason="built without OpenMP")
def test_threads_are_shared_unless_somebody_chose_a_number():
    program = (
        "import fastdl; from fastdl.parallel import share_cores, world; "
        "before = fastdl.get_num_threads(); found = world().gather((before, share_cores(world()))); "
        "print(found) if found else None"
    )

    def threads(program=program, **env):
        return ast.literal_eval(output_of_ranks("-c", 2, program, env={"FASTDL_NUM_THREADS": ""} | env))

    cores = len(os.sched_getaffinity(0))
    assert threads() == [(cores, max(1, cores // 2))] * 2
    assert threads(FASTDL_NUM_THREADS="3") == threads(OMP_NUM_THREADS="3") == [(3, 3)] * 2
    assert threads(program.replace("before =", "fastdl.set_num_threads(5); before =", 1)) == [(5, 5)] * 2


@pytest.mark.parametrize(
    ("masks", "allowed", "expected"),
    [
        ([range(8)] * 4, 8, [2] * 4),
        ([range(8)] * 3, 8, [2] * 3),
        ([range(2)] * 3, 2, [1] * 3),
        ([range(4), range(4, 8)], 4, [4] * 2),
        ([range(4), range(2, 4)], 4, [3, 1]),
        ([range(8)] * 2, 4, [2] * 2),  # a quota of four of the eight
        ([range(3)] * 3, 3, [1] * 3),
    ],
)
def test_threads_of_a_rank(masks, allowed, expected):
    masks = [set(mask) for mask in masks]
    assert [threads_of(masks, rank, min(allowed, len(masks[rank]))) for rank in range(len(masks))] == expected
