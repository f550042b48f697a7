"""Optimizer states cut among the ranks, against the plain optimizer; on_ranks/sharded.py has what the ranks run."""

from __future__ import annotations

import os
from math import prod
from pathlib import Path

import numpy as np
import pytest

from fastdl import kernels, nn, optim, reference
from fastdl.errors import ArrayError, HyperparameterError, RuleError
from fastdl.optim.binding import Origin
from fastdl.optim.schedules import Cosine
from fastdl.parallel.slices import Slices
from fastdl.train import load_checkpoint
from tests.catalog import RULES
from tests.compare import assert_same_bits, digest
from tests.ranks import needs_mpi, output_of_ranks

PROGRAM = Path(__file__).parent / "on_ranks" / "sharded.py"
ROOT = Path(__file__).parents[1]


def run(ranks: int, *arguments: object) -> str:
    """What the program prints, which finds the tests' helpers after the fastdl that is tested."""
    path = f"{os.environ['PYTHONPATH']}{os.pathsep}{ROOT}"
    return output_of_ranks(PROGRAM, ranks, *arguments, env={"PYTHONPATH": path})


@needs_mpi
@pytest.mark.parametrize("ranks", [2, 3])
def test_sharded_optimizers_on_several_ranks(ranks):
    """Every check of sharded.py, in one start."""
    program = PROGRAM.read_text()
    assert run(ranks).split() == [after.split("(")[0].removeprefix("def ") for after in program.split("@check\n")[1:]]


@needs_mpi
def test_a_checkpoint_goes_on_with_other_numbers_of_ranks(tmp_path):
    """2, 1 and 3 ranks in turn, against one plain optimizer that was never saved."""
    path = tmp_path / "run.safetensors"
    for begin, ranks in ((0, 2), (3, 1), (6, 3)):
        run(ranks, "go_on", path, begin)
    network = nn.MLP([20, 64, 10], seed=3)
    optimizer = optim.Adam(lr=Cosine(0.1, 20), ema=0.5, state_dtype="bfloat16", seed=3)
    for step in range(9):
        optimizer.update(network.params, {key: np.cos(array + step) for key, array in network.params.items()})
    saved = load_checkpoint(path)
    assert digest(dict(saved.network["params"])) == digest(network.params)
    plain = optim.Adam(lr=Cosine(0.1, 20), ema=0.5, state_dtype="bfloat16")
    plain.load_state_dict(saved.optimizer)
    assert digest(plain.state_dict()) == digest(optimizer.state_dict())


@needs_mpi
def test_one_rank_is_the_plain_optimizer():
    from fastdl.parallel import DataParallel, Sharded

    x = np.random.default_rng(0).random((50, 4), np.float32)
    networks = nn.MLP([4, 5, 3], seed=0), nn.MLP([4, 5, 3], seed=0)
    plain, sharded = optim.Adam(ema=0.5, clip_norm=0.1), Sharded(optim.Adam(ema=0.5, clip_norm=0.1))
    for _ in range(3):
        networks[0].train_step(x, x.argmax(axis=1) % 3, plain)
        DataParallel(networks[1]).train_step(x, x.argmax(axis=1) % 3, sharded)
    assert digest(networks[0].params, plain.state_dict()) == digest(networks[1].params, sharded.state_dict())
    assert sharded.averages.keys() == plain.averages.keys()
    assert sharded.get_config() == plain.get_config()
    tree = [{"p": 1.0}]
    Sharded(optim.SGD(lr=0.5)).update(tree, [{"p": 1.0}])
    assert tree == [{"p": 0.5}]


@pytest.mark.parametrize("whole", [False, True])
def test_slices_are_a_partition(rng, whole):
    """Each element is in one slice at one place; slices begin at blocks, or at parameters."""
    for _ in range(200):
        shapes = {i: tuple(rng.integers(0, 30, rng.integers(0, 4)).tolist()) for i in range(rng.integers(1, 6))}
        ranks = int(rng.integers(1, 8))
        slices = Slices(shapes, ranks, whole)
        sizes = [prod(shape) for shape in shapes.values()]
        assert list(slices.bounds) == sorted(slices.bounds)
        assert (slices.bounds[0], slices.bounds[-1]) == (0, sum(sizes))
        assert slices.counts() == np.diff(slices.bounds).tolist()
        assert len(slices.counts()) == ranks
        numbers = np.arange(sum(sizes))
        tensors = dict(zip(shapes, np.split(numbers, np.cumsum(sizes)[:-1]), strict=True))
        for rank in range(ranks):
            mine = numbers[slices.bounds[rank] : slices.bounds[rank + 1]]
            pieces = slices.pieces(mine, rank)
            assert_same_bits(np.concatenate(list(pieces.values())), mine)
            for key, piece in pieces.items():
                part = slices.part(key, rank)
                assert_same_bits(piece, tensors[key][part])
                assert part.start % 256 == 0
                assert not whole or len(piece) in (0, sizes[key])
            if not whole:
                assert abs(len(mine) - sum(sizes) / ranks) <= 256


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_says_whether_pieces_of_an_array_can_be_stepped_apart(rng, rule):
    """Pieces get the bits of the whole array, unless the rule is of whole arrays: then they do not."""
    spec = kernels.RULES[rule.name]
    p, g = rng.standard_normal((2, 1500))

    def stepped(pieces):
        params, grads = [p[piece].copy() for piece in pieces], [g[piece] for piece in pieces]
        states = [[np.ones_like(param) for param in params] for _ in spec.state]
        hyper = [rule.settings[0][name] for name in spec.hyper]
        kernels.update(rule.name, params, grads, states, np.zeros(len(params), np.int64), hyper)
        return np.concatenate(params)

    same = stepped([slice(0, 512), slice(512, 1500)]).tobytes() == stepped([slice(0, 1500)]).tobytes()
    assert same == (not spec.whole) == rule.is_elementwise


def test_a_part_of_a_parameter_is_refused_where_the_rule_is_of_whole_ones():
    W = np.ones(600)
    with pytest.raises(ArrayError, match=r"params\['W'\].*all 600.*got 344"):
        optim.LAMB().update_pieces({"W": W[256:]}, {"W": np.ones(344)}, {"W": Origin(W, 256)})
    assert W.min() == W.max() == 1
    for piece in (W, W[:0]):
        optim.LAMB().update_pieces({"W": piece}, {"W": np.ones(len(piece))}, {"W": Origin(W, 0)})


def test_a_rule_of_a_user_cannot_be_of_whole_arrays():
    pytest.importorskip("numba")

    @optim.rule(lr=0.1)
    def by_norm(p, g, *, lr):
        return p - lr * np.linalg.norm(p) * g

    with pytest.raises(RuleError):
        by_norm().update({"p": np.ones(3)}, {"p": np.ones(3)})
    assert not optim.Adam().spec.whole
    assert not by_norm.compiled.whole
    assert optim.LAMB().spec.whole


@pytest.mark.parametrize("dtype", ["bfloat16", "uint8"])
def test_a_piece_has_the_random_bits_of_the_whole(rng, dtype):
    """kernels.update(firsts=...) on pieces of a parameter, and on all of it."""
    p, g = rng.standard_normal((2, 1500)).astype(np.float32)
    grads, numbers = [g[:512], g[512:]], np.zeros(1500, np.float32)
    whole, steps = [[kernels.encode_state(numbers, dtype)]], np.zeros(1, np.int64)
    kernels.update("momentum", [p.copy()], [g], whole, steps, [0.1, 0.9], seed=5)
    for first, grad in zip((0, 512), grads, strict=True):
        mine = slice(first, first + grad.size)
        expected = kernels.decode_state(whole[0][0], 1500)[mine]
        state, steps = [[kernels.encode_state(np.zeros_like(grad), dtype)]], np.zeros(1, np.int64)
        kernels.update("momentum", [p[mine].copy()], [grad], state, steps, [0.1, 0.9], seed=5, firsts=[first])
        assert_same_bits(kernels.decode_state(state[0][0], grad.size), expected)
        state, steps = [[kernels.encode_state(np.zeros_like(grad), dtype)]], np.zeros(1, np.int64)
        reference.update("momentum", [p[mine].copy()], [grad], state, steps, [0.1, 0.9], seed=5, firsts=[first])
        assert (kernels.decode_state(state[0][0], grad.size) != expected).mean() < 0.01  # its sums round otherwise
    for wrong in (-256, 1, 255, 0.0, 2**63, None):
        with pytest.raises(HyperparameterError, match="firsts"):
            kernels.update("sgd", [p], [g], [], np.zeros(1, np.int64), [0.1], firsts=[wrong])
