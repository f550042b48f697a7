"""fastdl.data: every byte of an IDX file is checked, and every row of a data set comes once an epoch."""

from __future__ import annotations

import gzip
import math
import os
import struct
import sys
import tracemalloc

import numpy as np
import pytest

from fastdl.data import Batches, Dataset, load_digits, load_mnist, read_idx
from fastdl.errors import ArrayError, DataError, DtypeError, HyperparameterError, MissingDependencyError

CODES = {"uint8": 0x08, "int8": 0x09, "int16": 0x0B, "int32": 0x0C, "float32": 0x0D, "float64": 0x0E}


def header(code, *sizes):
    return struct.pack(f">HBB{len(sizes)}I", 0, code, len(sizes), *sizes)


def idx(array):
    """The bytes of an IDX file."""
    big_endian = array.astype(array.dtype.newbyteorder(">"))
    return header(CODES[array.dtype.name], *array.shape) + big_endian.tobytes()


GOOD = idx(np.arange(24, dtype=np.int16).reshape(2, 3, 4))
AS_IS = pytest.param(lambda content: content, id="plain")
GZIPPED = pytest.param(gzip.compress, id="gzip")


@pytest.fixture
def write(tmp_path):
    def write(content, name="file"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


@pytest.mark.parametrize("pack", [AS_IS, GZIPPED])
@pytest.mark.parametrize("dtype", CODES)
@pytest.mark.parametrize("shape", [(1,), (7,), (3, 5), (2, 3, 4), (2, 1, 3, 1)])
def test_read_idx_reads_what_was_written(write, shape, dtype, pack):
    array = (np.arange(math.prod(shape)) - 3).astype(dtype).reshape(shape)
    path = write(pack(idx(array)))
    for given in (path, str(path)):
        got = read_idx(given)
        assert got.dtype == np.dtype(dtype)
        assert got.dtype.isnative
        assert got.flags.writeable
        assert got.flags.c_contiguous
        np.testing.assert_array_equal(got, array)


def refusal(path):
    """The DataError of a bad file, which has to name the file, say what is wrong and what to do."""
    with pytest.raises(DataError) as caught:
        read_idx(path)
    assert caught.value.op == "read_idx"
    assert caught.value.arg == "path"
    assert str(path) in str(caught.value)
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize("pack", [AS_IS, GZIPPED])
@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(100), "not an IDX file", id="png"),
        pytest.param(b"\x00\x01" + GOOD[2:], "not an IDX file", id="first-bytes-not-zero"),
        pytest.param(header(0x0A, 2) + bytes(2), "not an IDX file", id="unknown-type"),
        pytest.param(header(0x08) + bytes(1), "not an IDX file", id="no-dimensions"),
        pytest.param(header(0x08, *[1] * 65) + bytes(1), "not an IDX file", id="65-dimensions"),
        pytest.param(header(0x08, 3, 0, 2), "no elements", id="size-0"),
        pytest.param(header(0x08, 0, 2**32 - 1, 2**32 - 1, 2**32 - 1), "no elements", id="size-0-and-overflow"),
        pytest.param(GOOD + b"\x00", "goes on", id="one-byte-more"),
        pytest.param(GOOD * 2, "goes on", id="twice"),
        pytest.param(header(0x0E, 2**32 - 1) + bytes(99), "cut short", id="32-gigabytes-promised"),
        pytest.param(header(0x0E, *[2**32 - 1] * 4) + bytes(99), "cut short", id="more-than-2**64-promised"),
        pytest.param(header(0x08, *[2**32 - 1] * 64) + bytes(99), "cut short", id="64-absurd-sizes"),
        pytest.param(GOOD[3::-1] + GOOD[4:], "not an IDX file", id="little-endian"),
    ],
)
def test_bad_content(write, pack, content, problem):
    assert problem in refusal(write(pack(content))).problem


@pytest.mark.parametrize("pack", [AS_IS, GZIPPED])
def test_cut_short_at_every_byte(write, pack):
    content = pack(GOOD)
    for length in range(len(content)):
        assert "cut short" in refusal(write(content[:length])).problem


@pytest.mark.parametrize("pack", [AS_IS, GZIPPED])
def test_sizes_of_what_is_cut_short(write, pack):
    error = refusal(write(pack(GOOD[:-5])))
    assert error.expected == "48 bytes"
    assert error.got == "43"


def test_cut_gzip_content_that_is_whole_but_for_the_checksum(write):
    assert "cut short" in refusal(write(gzip.compress(GOOD)[:-8])).problem


@pytest.mark.parametrize("position", [-1, -4, -5, -8], ids=["length", "length", "crc", "crc"])
def test_wrong_gzip_checksum(write, position):
    content = bytearray(gzip.compress(GOOD))
    content[position] ^= 1
    assert "damaged" in refusal(write(content)).problem


def test_a_flipped_bit_of_a_gzipped_file_never_gives_other_data(write):
    content = gzip.compress(GOOD)
    harmless = 0
    for bit in range(8 * len(content)):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            array = read_idx(write(flipped))
        except DataError:
            continue
        np.testing.assert_array_equal(array.ravel(), np.arange(24))
        harmless += 1
    assert harmless <= 8 * 10  # the bits of gzip's own header, such as the time


def test_garbage_after_the_gzip_stream(write):
    assert "damaged" in refusal(write(gzip.compress(GOOD) + b"garbage")).problem


def test_damaged_deflate_stream(write):
    assert "damaged" in refusal(write(gzip.compress(GOOD)[:10] + b"\xff" * 40)).problem


def test_a_gzip_bomb_is_not_unpacked(write):
    """64 MiB of zeros behind a promise of 1,000 bytes, and in place of the header."""
    zeros = bytes(1 << 26)
    for content in (header(0x08, 1000) + zeros, zeros):
        path = write(gzip.compress(content, compresslevel=1))
        tracemalloc.start()
        refusal(path)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 4 << 20


def test_an_absurd_promise_takes_no_memory(write):
    path = write(header(0x08, 2**32 - 1) + bytes(99))
    tracemalloc.start()
    refusal(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 << 20


def test_an_array_longer_than_a_chunk(write):
    array = np.random.default_rng(0).integers(0, 256, size=(3, 1 << 20), dtype=np.uint8)
    np.testing.assert_array_equal(read_idx(write(gzip.compress(idx(array), compresslevel=1))), array)


def test_files_that_are_none(tmp_path, write):
    assert "does not exist" in refusal(tmp_path / "missing").problem
    assert "not a regular file" in refusal(tmp_path).problem
    assert "cut short" in refusal(write(b"")).problem
    os.mkfifo(tmp_path / "pipe")
    assert "not a regular file" in refusal(tmp_path / "pipe").problem


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(write):
    path = write(GOOD)
    path.chmod(0)
    assert "cannot be read" in refusal(path).problem


MNIST = {
    "train-images-idx3-ubyte": np.arange(5 * 784, dtype=np.uint8).reshape(5, 28, 28),
    "train-labels-idx1-ubyte": np.array([5, 0, 4, 1, 9], np.uint8),
    "t10k-images-idx3-ubyte": np.full((2, 28, 28), 255, np.uint8),
    "t10k-labels-idx1-ubyte": np.array([7, 2], np.uint8),
}


def write_mnist(folder, rename=str, pack=bytes, **replaced):
    for name, array in MNIST.items():
        array = replaced.get(name.split("-idx")[0].replace("-", "_"), array)
        (folder / rename(name)).write_bytes(pack(idx(array)))


@pytest.mark.parametrize(
    ("rename", "pack"),
    [
        pytest.param(str, bytes, id="plain"),
        pytest.param(lambda name: name + ".gz", gzip.compress, id="gz"),
        pytest.param(lambda name: name.replace("-idx", ".idx"), bytes, id="dot"),
        pytest.param(lambda name: name.replace("-idx", ".idx") + ".gz", gzip.compress, id="dot-gz"),
        pytest.param(lambda name: name + ".gz", bytes, id="gz-but-unpacked"),
    ],
)
def test_load_mnist(tmp_path, rename, pack):
    write_mnist(tmp_path, rename, pack)
    data = load_mnist(tmp_path)
    assert (data.name, data.classes, data.features, data.scale) == ("mnist", 10, 784, 1 / 255)
    for x, images in ((data.x_train, "train-images-idx3-ubyte"), (data.x_test, "t10k-images-idx3-ubyte")):
        assert x.dtype == np.uint8
        np.testing.assert_array_equal(x, MNIST[images].reshape(-1, 784))
    for t, labels in ((data.t_train, "train-labels-idx1-ubyte"), (data.t_test, "t10k-labels-idx1-ubyte")):
        assert t.dtype == np.int64
        np.testing.assert_array_equal(t, MNIST[labels])


@pytest.mark.parametrize("folder", ["missing", "a-file", "empty"])
def test_mnist_that_is_not_there(tmp_path, folder):
    (tmp_path / "a-file").write_bytes(GOOD)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError) as caught:
        load_mnist(tmp_path / folder)
    assert (caught.value.op, caught.value.arg) == ("load_mnist", "folder")
    assert folder in caught.value.problem
    for name in MNIST:
        assert name in caught.value.hint


def test_mnist_that_lacks_a_file(tmp_path):
    write_mnist(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError) as caught:
        load_mnist(tmp_path)
    assert "t10k-labels-idx1-ubyte" in caught.value.problem
    assert "train" not in caught.value.problem


@pytest.mark.parametrize(
    ("replaced", "name", "got"),
    [
        ({"train_images": np.zeros((5, 28, 27), np.uint8)}, "train-images", "uint8 (5, 28, 27)"),
        ({"train_images": np.zeros((5, 784), np.uint8)}, "train-images", "uint8 (5, 784)"),
        ({"t10k_images": np.zeros((2, 28, 28), np.float32)}, "t10k-images", "float32 (2, 28, 28)"),
        ({"train_labels": np.zeros((5, 1), np.uint8)}, "train-labels", "uint8 (5, 1)"),
        ({"train_labels": np.zeros(5, np.int32)}, "train-labels", "int32 (5,)"),
        ({"train_labels": np.zeros(4, np.uint8)}, "train-labels", "4"),
        ({"t10k_labels": np.array([0, 10], np.uint8)}, "t10k-labels", "10"),
    ],
)
def test_mnist_that_does_not_fit(tmp_path, replaced, name, got):
    write_mnist(tmp_path, **replaced)
    with pytest.raises(DataError) as caught:
        load_mnist(tmp_path)
    assert caught.value.op == "load_mnist"
    assert name in caught.value.problem
    assert caught.value.got == got
    assert caught.value.hint


def test_mnist_with_a_damaged_file(tmp_path):
    write_mnist(tmp_path)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(GOOD[:-1])
    with pytest.raises(DataError) as caught:
        load_mnist(tmp_path)
    assert caught.value.op == "read_idx"


def test_a_dataset_is_short_to_look_at():
    x, t = np.zeros((100, 3), np.uint8), np.zeros(100, np.int64)
    data = Dataset(x, t, x, t, scale=0.5, name="zeros", classes=2)
    assert repr(data) == "Dataset(scale=0.5, name='zeros', classes=2)"


def test_digits():
    datasets = pytest.importorskip("sklearn.datasets")
    data = load_digits(test=100, seed=3)
    assert (data.name, data.classes, data.features, data.scale) == ("digits", 10, 64, 1 / 16)
    assert (data.x_train.shape, data.x_test.shape) == ((1697, 64), (100, 64))
    assert data.x_train.dtype == data.x_test.dtype == np.uint8
    assert data.t_train.dtype == data.t_test.dtype == np.int64
    pixels, labels = datasets.load_digits(return_X_y=True)
    ours = np.column_stack([np.vstack([data.x_test, data.x_train]), np.concatenate([data.t_test, data.t_train])])
    theirs = np.column_stack([pixels, labels])
    assert sorted(ours.tolist()) == sorted(theirs.tolist())


def test_the_split_of_the_digits_depends_on_the_seed_alone():
    pytest.importorskip("sklearn")
    one, same, other = load_digits(seed=1), load_digits(seed=1), load_digits(seed=2)
    np.testing.assert_array_equal(one.x_test, same.x_test)
    assert np.any(one.x_test != other.x_test)
    assert np.bincount(load_digits().t_test, minlength=10).min() > 20


@pytest.mark.parametrize(
    ("arguments", "arg"),
    [
        ({"test": 0}, "test"),
        ({"test": 1797}, "test"),
        ({"test": 0.2}, "test"),
        ({"seed": -1}, "seed"),
        ({"seed": True}, "seed"),
    ],
)
def test_bad_arguments_of_load_digits(arguments, arg):
    pytest.importorskip("sklearn")
    with pytest.raises(HyperparameterError) as caught:
        load_digits(**arguments)
    assert (caught.value.op, caught.value.arg) == ("load_digits", arg)
    assert caught.value.got == repr(arguments[arg])


def test_digits_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(MissingDependencyError) as caught:
        load_digits()
    assert "fastdl[data]" in caught.value.hint


def test_digits_are_read_as_scikit_learn_reads_them(monkeypatch):
    datasets = pytest.importorskip("sklearn.datasets")
    from fastdl.data import digits

    direct = digits._table()
    np.testing.assert_array_equal(direct, np.column_stack(datasets.load_digits(return_X_y=True)))
    monkeypatch.setattr(digits.importlib.util, "find_spec", lambda name: None)  # as where the file has moved
    np.testing.assert_array_equal(digits._table(), direct)


def rows(n):
    """N rows, every one of which tells its number, and their labels."""
    return np.arange(n, dtype=np.float32).reshape(n, 1) * [[1, -1]], np.arange(n)


def an_epoch(batches):
    """The rows of an epoch in their order, after a check that inputs and labels go together."""
    order = []
    for x, t in batches:
        np.testing.assert_array_equal(x, np.column_stack([t, -t]) * batches.scale)
        order += t.tolist()
    return order


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize(("n", "batch_size"), [(1, 1), (10, 3), (12, 4), (5, 100), (130, 64)])
def test_every_row_once_an_epoch(n, batch_size, shuffle):
    batches = Batches(*rows(n), batch_size, shuffle=shuffle, seed=0)
    for _ in range(3):
        sizes = [len(x) for x, _ in batches]
        assert len(sizes) == len(batches)
        assert sizes == [batch_size] * (n // batch_size) + [n % batch_size] * (n % batch_size > 0)
        assert sorted(an_epoch(batches)) == list(range(n))


def test_orders():
    assert an_epoch(Batches(*rows(50), 8, shuffle=False)) == list(range(50))
    batches = Batches(*rows(50), 8, seed=7)
    first, second = an_epoch(batches), an_epoch(batches)
    assert first != second
    assert first != list(range(50))
    same, other = Batches(*rows(50), 8, seed=7), Batches(*rows(50), 8, seed=8)
    assert [an_epoch(same), an_epoch(same)] == [first, second]
    assert an_epoch(other) != first


def test_the_order_does_not_depend_on_the_batch_size():
    assert an_epoch(Batches(*rows(50), 8, seed=7)) == an_epoch(Batches(*rows(50), 50, seed=7))


def test_a_stopped_run_goes_on():
    batches = Batches(*rows(50), 8)
    epochs = [an_epoch(batches) for _ in range(4)]
    assert batches.epoch == 4
    resumed = Batches(*rows(50), 8, seed=batches.seed)
    resumed.epoch = 2
    assert [an_epoch(resumed), an_epoch(resumed)] == epochs[2:]


def test_seeds_are_drawn_apart():
    assert Batches(*rows(5), 2).seed != Batches(*rows(5), 2).seed


def test_two_epochs_at_the_same_time_do_not_mix():
    batches = Batches(*rows(6), 2, shuffle=False)
    for (x, t), (_, _) in zip(batches, batches, strict=True):
        np.testing.assert_array_equal(x[:, 0], t)


def test_the_batch_of_inputs_is_reused():
    xs = [x for x, _ in Batches(*rows(6), 2)]
    assert np.shares_memory(xs[0], xs[2])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("source", ["uint8", "float32", "float64"])
def test_scale_and_dtypes(source, dtype):
    images = np.arange(5 * 6).reshape(5, 2, 3).astype(source)
    one_hot = np.eye(5)
    for x, t in Batches(images, one_hot, 2, scale=1 / 16, dtype=dtype, seed=0):
        labels = t.argmax(axis=1)
        assert x.dtype == dtype
        assert x.flags.c_contiguous
        np.testing.assert_array_equal(x, images[labels] / 16)
        np.testing.assert_array_equal(t, one_hot[labels])


@pytest.mark.parametrize("order", ["C", "F"])
def test_inputs_are_copied_only_when_not_in_c_order(order):
    x = np.asarray(np.arange(12, dtype=np.uint8).reshape(4, 3), order=order)
    batches = Batches(x, np.arange(4), 4, shuffle=False)
    assert np.shares_memory(batches.x, x) == (order == "C")
    np.testing.assert_array_equal(next(iter(batches))[0], x)


@pytest.mark.parametrize(
    ("arguments", "error", "arg"),
    [
        ({"scale": math.nan}, HyperparameterError, "scale"),
        ({"dtype": "float16"}, DtypeError, "dtype"),
        ({"x": np.zeros((5, 2), np.int32)}, DtypeError, "data"),
    ],
)
def test_batches_refuse_at_once_what_gather_refuses(arguments, error, arg):
    x, t = rows(5)
    with pytest.raises(error) as caught:
        Batches(**({"x": x, "t": t, "batch_size": 2} | arguments))
    assert (caught.value.op, caught.value.arg) == ("gather", arg)


@pytest.mark.parametrize(
    ("change", "error", "arg"),
    [
        ({"t": np.arange(4)}, ArrayError, "t"),
        ({"x": np.zeros((0, 2), np.float32), "t": np.arange(0)}, ArrayError, "x"),
        ({"x": [[1.0]] * 5}, DtypeError, "x"),
        ({"x": None}, DtypeError, "x"),
        ({"t": [0, 1, 2, 3, 4]}, DtypeError, "t"),
        ({"t": np.array(3)}, DtypeError, "t"),
        ({"batch_size": 0}, HyperparameterError, "batch_size"),
        ({"batch_size": -1}, HyperparameterError, "batch_size"),
        ({"batch_size": 2.0}, HyperparameterError, "batch_size"),
        ({"batch_size": True}, HyperparameterError, "batch_size"),
        ({"batch_size": "2"}, HyperparameterError, "batch_size"),
        ({"seed": -1}, HyperparameterError, "seed"),
        ({"seed": 0.5}, HyperparameterError, "seed"),
    ],
)
def test_bad_arguments_of_batches(change, error, arg):
    x, t = rows(5)
    with pytest.raises(error) as caught:
        Batches(**({"x": x.astype(np.float32), "t": t, "batch_size": 2} | change))
    assert (caught.value.op, caught.value.arg) == ("Batches", arg)
