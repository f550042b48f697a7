"""Random bits and numbers: the published generator, the distributions, and the same everywhere."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fastdl import kernels, reference
from fastdl.errors import ArrayError, DtypeError, HyperparameterError
from fastdl.nn import initializers
from tests.catalog import DTYPES
from tests.compare import assert_same_bits, assert_ulps
from tests.processes import output

every_dtype = pytest.mark.parametrize("dtype", DTYPES)
every_draw = pytest.mark.parametrize("draw", [kernels.random_uniform, kernels.random_normal], ids=lambda f: f.__name__)

# Of Random123's file kat_vectors, philox4x32-10: counter, key, result.
KNOWN = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]
SIZES = (0, 1, 2, 3, 7, 17, 31, 32, 33, 1000, 2047, 2049, 40_001)


def words(text):
    return [int(word, 16) for word in text.split()]


def uniforms(u):
    """By hand: the middles of 2**52 parts of (0, 1), as long doubles, exactly."""
    bits = u.astype(np.uint64)
    numbers = bits[0::2] + (bits[1::2] << np.uint64(32)) >> np.uint64(12)
    return (numbers.astype(np.longdouble) + np.longdouble(0.5)) / np.longdouble(2) ** 52


def cos_of_turns(v):
    """cos(2πv), whose argument is reduced exactly."""
    quarters = np.rint(4 * v)
    a = (4 * v - quarters) * (4 * np.arctan(np.longdouble(1)) / 2)
    table = [np.cos(a), -np.sin(a), -np.cos(a), np.sin(a)]
    return np.choose(quarters.astype(int) % 4, table)


def distance(sample, distribution):
    """sqrt(n) times Kolmogorov and Smirnov's distance: more than 2.5 for one sample in 130,000."""
    expected = distribution(np.sort(sample))
    n = len(sample)
    above, below = np.arange(1, n + 1) / n - expected, expected - np.arange(n) / n
    return math.sqrt(n) * max(above.max(), below.max())


def normal_distribution(x):
    return np.array([0.5 * math.erfc(-value / math.sqrt(2)) for value in x])


class TestBits:
    @pytest.mark.parametrize(("counter", "key", "result"), KNOWN, ids=["zeros", "ones", "pi"])
    @pytest.mark.parametrize("implementation", [kernels, reference], ids=["kernels", "reference"])
    def test_known_answers(self, implementation, counter, key, result):
        c, k = words(counter), words(key)
        bits = implementation.random_bits(1, k[0] | k[1] << 32, stream=c[3], step=c[2], first=c[0] | c[1] << 32)
        assert bits.tolist() == [words(result)]

    @pytest.mark.parametrize("blocks", [*SIZES, 8191, 8193])
    def test_same_as_the_reference(self, blocks, rng, threads):
        seed, first = (int(n) for n in rng.integers(0, 2**64, 2, np.uint64))
        stream, step = (int(n) for n in rng.integers(0, 2**32, 2))
        expected = reference.random_bits(blocks, seed, stream, step, first)
        for count in (1, 2, 3, 7):
            threads(count)
            assert_same_bits(kernels.random_bits(blocks, seed, stream, step, first), expected)

    @pytest.mark.parametrize("first", [2**32 - 20, 2**64 - 20])
    def test_the_number_of_a_block_carries_over(self, first):
        assert_same_bits(kernels.random_bits(40, 1, first=first), reference.random_bits(40, 1, first=first))

    def test_every_argument_counts(self):
        base = {"seed": 1, "stream": 2, "step": 3, "first": 5}
        drawn = [kernels.random_bits(64, **base)]
        for name in base:
            for bit in range(64 if name in ("seed", "first") else 32):
                if name != "first" or bit > 6:  # else there would be blocks in common
                    drawn.append(kernels.random_bits(64, **(base | {name: base[name] ^ 1 << bit})))
        assert len({block.tobytes() for part in drawn for block in part}) == 64 * len(drawn)

    def test_bits_are_balanced_and_independent_of_their_neighbours(self, rng):
        """Each bit, and each bit's agreement with the next word, block, step, stream and seed, is 1 half the time."""
        seed, n = rng.seed, 20_000
        bits = np.unpackbits(kernels.random_bits(n, seed, 1, 1).view(np.uint8), axis=1).astype(int)
        others = [np.roll(bits, 32, axis=1), np.roll(bits, 1, axis=0), np.roll(bits, 1, axis=1)]
        for arguments in ((seed, 1, 2), (seed, 2, 1), (seed + 1, 1, 1)):
            others.append(np.unpackbits(kernels.random_bits(n, *arguments).view(np.uint8), axis=1).astype(int))
        for value in (bits, *(bits ^ other for other in others)):
            assert np.abs(value.mean(axis=0) - 0.5).max() < 6 * 0.5 / math.sqrt(n)
            assert abs(value.mean() - 0.5) < 5 * 0.5 / math.sqrt(value.size)

    def test_all_16_bit_numbers_are_equally_likely(self, rng):
        n = 1 << 20
        counts = np.bincount(kernels.random_bits(n // 8, rng.seed).view(np.uint16).ravel(), minlength=65536)
        chi_square = ((counts - n / 65536) ** 2 / (n / 65536)).sum()
        assert abs(chi_square - 65535) < 5 * math.sqrt(2 * 65535)


class TestNumbers:
    @every_dtype
    @pytest.mark.parametrize("size", SIZES)
    def test_uniform_same_bits_as_the_reference(self, size, dtype, rng):
        for low, high in ((0.0, 1.0), (-0.3, 0.8), (2.0, 2.0)):
            expected = reference.random_uniform(size, rng.seed, 3, dtype, low, high)
            assert_same_bits(kernels.random_uniform(size, rng.seed, 3, dtype, low, high), expected)

    def test_uniform_by_hand(self, rng):
        u = uniforms(kernels.random_bits(5000, rng.seed, 3).ravel())
        assert (kernels.random_uniform(10_000, rng.seed, 3, "float64") == u).all()

    def test_normal_in_ulps(self, rng):
        u = uniforms(kernels.random_bits(300_000, rng.seed, 3).ravel())
        radius, v = np.sqrt(-2 * np.log(u[0::2])), u[1::2]
        z = kernels.random_normal(u.size, rng.seed, 3, "float64")
        assert_ulps(z[0::2], radius * cos_of_turns(v), 4)
        assert_ulps(z[1::2], radius * cos_of_turns(v - np.longdouble(0.25)), 4)

    @pytest.mark.parametrize("size", SIZES)
    def test_normal_next_to_the_reference(self, size, rng):
        """NumPy's cos(2πv) has the rounding of its argument, which is up to 2π."""
        z = kernels.random_normal(size, rng.seed, 3, "float64", 0.5, 2.0)
        expected = reference.random_normal(size, rng.seed, 3, "float64", 0.5, 2.0)
        np.testing.assert_allclose(z, expected, rtol=0, atol=2e-14)

    @every_draw
    def test_float32_is_float64_rounded(self, draw, rng):
        assert_same_bits(draw(999, rng.seed), draw(999, rng.seed, dtype="float64").astype(np.float32))

    @every_dtype
    @every_draw
    def test_same_bits_for_any_number_of_threads_size_and_shape(self, draw, dtype, rng, threads):
        threads(1)
        whole = draw(40_001, rng.seed, 1, dtype)
        for count in (2, 3, 7):
            threads(count)
            assert_same_bits(draw(40_001, rng.seed, 1, dtype), whole)
        for size in SIZES:
            assert_same_bits(draw(size, rng.seed, 1, dtype), whole[:size])
        assert_same_bits(draw((3, 5, 7), rng.seed, 1, dtype), whole[:105].reshape(3, 5, 7))
        assert_same_bits(draw((), rng.seed, 1, dtype), whole[0].reshape(()))

    def test_same_bits_at_every_cpu_level(self):
        """Normal numbers too, although they go through a logarithm: nothing is contracted."""
        source = """
import hashlib
from fastdl import kernels
numbers = [draw(100_001, 5, 1, dtype, 0.1, 0.7) for draw in (kernels.random_uniform, kernels.random_normal)
           for dtype in ("float32", "float64")] + [kernels.random_bits(10_001, 5)]
print(hashlib.sha256(b"".join(array.tobytes() for array in numbers)).hexdigest())
"""
        levels = kernels.build_info()["levels"]
        usable = levels[: levels.index(kernels.cpu_level()) + 1]
        assert len({output(source, env={"FASTDL_CPU": level}) for level in usable}) == 1

    @every_dtype
    def test_distributions(self, dtype, rng):
        n = 200_000
        u = kernels.random_uniform(n, rng.seed, 1, dtype, -2.0, 3.0).astype(float)
        assert u.min() >= -2
        assert u.max() <= 3
        assert abs(u.mean() - 0.5) < 5 * u.std() / math.sqrt(n)
        assert abs(u.var() / (25 / 12) - 1) < 5 * math.sqrt(0.8 / n)
        assert distance(u, lambda x: (x + 2) / 5) < 2.5
        z = (kernels.random_normal(n, rng.seed, 2, dtype, 1.0, 3.0).astype(float) - 1) / 3
        assert abs(z.mean()) < 5 / math.sqrt(n)
        assert abs(z.var() - 1) < 5 * math.sqrt(2 / n)
        assert abs((z**3).mean()) < 5 * math.sqrt(15 / n)
        assert abs((z**4).mean() - 3) < 5 * math.sqrt(96 / n)
        assert distance(z, normal_distribution) < 2.5

    def test_the_comparison_rejects_other_distributions(self):
        """That the distance notices a deviation that is 4% too large, and a mean that is 0.02 off."""
        z = kernels.random_normal(200_000, 1, dtype="float64")
        assert distance(1.04 * z, normal_distribution) > 2.5
        assert distance(z + 0.02, normal_distribution) > 2.5

    def test_streams_and_seeds_are_independent(self, rng):
        n = 100_000
        seeds = (rng.seed, rng.seed + 1)
        drawn = [kernels.random_normal(n, seed, stream, "float64") for seed in seeds for stream in (0, 1, 2)]
        drawn += [np.roll(drawn[0], shift) for shift in (1, 2, 32, 2048)]
        correlations = np.corrcoef(drawn)[np.triu_indices(len(drawn), 1)]
        assert np.abs(correlations).max() < 5 / math.sqrt(n)
        squares = np.corrcoef(np.square(drawn))[np.triu_indices(len(drawn), 1)]
        assert np.abs(squares).max() < 5 / math.sqrt(n)

    def test_scale_and_place(self):
        z, u = kernels.random_normal(99, 1, dtype="float64"), kernels.random_uniform(99, 1, dtype="float64")
        assert_same_bits(kernels.random_normal(99, 1, dtype="float64", mean=3.0, std=0.5), 3 + 0.5 * z)
        assert_same_bits(kernels.random_uniform(99, 1, dtype="float64", low=3.0, high=3.5), 3 + 0.5 * u)
        assert (kernels.random_normal(99, 1, std=0.0, mean=2.0) == 2).all()


class TestRefusals:
    @every_draw
    @pytest.mark.parametrize(
        ("arguments", "error", "arg"),
        [
            ({"shape": -1}, ArrayError, "shape"),
            ({"shape": (2, 1.5)}, ArrayError, "shape"),
            ({"shape": "3"}, ArrayError, "shape"),
            ({"seed": -1}, HyperparameterError, "seed"),
            ({"seed": 2**64}, HyperparameterError, "seed"),
            ({"seed": True}, HyperparameterError, "seed"),
            ({"seed": 1.0}, HyperparameterError, "seed"),
            ({"stream": -1}, HyperparameterError, "stream"),
            ({"stream": 2**32}, HyperparameterError, "stream"),
            ({"dtype": "float16"}, DtypeError, "dtype"),
            ({"dtype": int}, DtypeError, "dtype"),
        ],
        ids=str,
    )
    def test_what_does_not_fit(self, arguments, error, arg, draw):
        with pytest.raises(error) as caught:
            draw(**({"shape": 3, "seed": 0} | arguments))
        assert (caught.value.op, caught.value.arg) == (draw.__name__, arg)

    @pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, True, "1", None, 10**400])
    def test_what_is_no_finite_number(self, bad):
        for draw, names in ((kernels.random_uniform, ("low", "high")), (kernels.random_normal, ("mean", "std"))):
            for name in names:
                with pytest.raises(HyperparameterError) as caught:
                    draw(3, 0, **{name: bad})
                assert caught.value.arg == name

    def test_ranges(self):
        for draw, name, arguments in (
            (kernels.random_uniform, "high", {"low": 1.0, "high": 0.5}),
            (kernels.random_uniform, "high", {"low": -1e308, "high": 1e308}),
            (kernels.random_normal, "std", {"std": -1.0}),
        ):
            with pytest.raises(HyperparameterError) as caught:
                draw(3, 0, **arguments)
            assert caught.value.arg == name

    @pytest.mark.parametrize("bad", [-1, 1.0, True, None])
    def test_bits(self, bad):
        for name in ("blocks", "seed", "stream", "step", "first"):
            with pytest.raises(HyperparameterError) as caught:
                kernels.random_bits(**({"blocks": 1, "seed": 0} | {name: bad}))
            assert caught.value.arg == name


class TestInitializers:
    """Their scales; test_nn.py has the rest."""

    @every_dtype
    @pytest.mark.parametrize(
        ("init", "std", "is_uniform"),
        [
            (initializers.xavier, math.sqrt(1 / 300), False),
            (initializers.lecun_normal, math.sqrt(1 / 300), False),
            (initializers.lecun_uniform, math.sqrt(1 / 300), True),
            (initializers.glorot_normal, math.sqrt(2 / 700), False),
            (initializers.glorot_uniform, math.sqrt(2 / 700), True),
            (initializers.he, math.sqrt(2 / 300), False),
            (initializers.he_uniform, math.sqrt(2 / 300), True),
            (initializers.normal(0.01), 0.01, False),
            (initializers.uniform(0.5), 0.5 / math.sqrt(3), True),
        ],
        ids=lambda value: getattr(value, "__name__", ""),
    )
    def test_deviation_and_distribution(self, init, std, is_uniform, dtype, rng):
        W = init((300, 400), rng.seed, 7, dtype)
        assert W.shape == (300, 400)
        assert W.dtype == dtype
        z = W.astype(float).ravel() / std
        assert abs(z.mean()) < 5 / math.sqrt(z.size)
        assert abs(z.var() - 1) < 5 * math.sqrt((0.8 if is_uniform else 2) / z.size)
        bound = math.sqrt(3)
        assert distance(z, (lambda x: (x + bound) / (2 * bound)) if is_uniform else normal_distribution) < 2.5

    def test_constant(self):
        assert_same_bits(initializers.constant(0.3)((2, 3), 0, 0, "float32"), np.full((2, 3), 0.3, np.float32))

    @every_dtype
    @pytest.mark.parametrize("shape", [(1, 1), (5, 5), (70, 30), (30, 70)], ids=str)
    def test_orthogonal(self, shape, dtype, rng):
        W = initializers.orthogonal(shape, rng.seed, 1, dtype)
        assert (W.shape, W.dtype) == (shape, dtype)
        assert W.flags.c_contiguous
        small = (W if shape[0] >= shape[1] else W.T).astype(float)
        np.testing.assert_allclose(small.T @ small, np.eye(small.shape[1]), atol=8 * np.finfo(dtype).eps)

    def test_orthogonal_has_no_direction_of_its_own(self, rng):
        """The mean of each element over many matrices is 0, and of its square 1/n: without the signs it is not."""
        n, count = 3, 4000
        W = np.array([initializers.orthogonal((n, n), rng.seed, stream, "float64") for stream in range(count)])
        assert np.abs(W.mean(axis=0)).max() < 5 * math.sqrt(1 / n / count)
        assert np.abs((W**2).mean(axis=0) - 1 / n).max() < 5 / math.sqrt(count)

    @pytest.mark.parametrize("name", [name for name in initializers.INITIALIZERS if name != "zeros"])
    def test_seed_and_stream(self, name):
        init = initializers.get(name)
        first, again, *others = (init((5, 4), *at, "float64") for at in ((1, 1), (1, 1), (1, 2), (2, 1)))
        assert_same_bits(first, again)
        for other in others:
            assert (first != other).all()

    @pytest.mark.parametrize("name", [name for name in initializers.INITIALIZERS if name != "zeros"])
    @pytest.mark.parametrize("shape", [(), (3,), (0, 3), (3, 0), (2, 3, 4)], ids=str)
    def test_shapes_that_are_not_those_of_weights(self, name, shape):
        with pytest.raises(ArrayError):
            initializers.get(name)(shape, 0, 0, "float32")

    @pytest.mark.parametrize("bad", ["1", None, True, math.nan, math.inf, -math.inf])
    def test_settings(self, bad):
        for make, arg in ((initializers.constant, "value"), (initializers.uniform, "bound")):
            with pytest.raises(HyperparameterError) as caught:
                make(bad)
            assert caught.value.arg == arg
        with pytest.raises(HyperparameterError):
            initializers.uniform(-1.0)
