"""Inputs and labels from a user's own files; errors that name file, line and column."""

from __future__ import annotations

import gzip
import io
import os
import tracemalloc
import zipfile

import numpy as np
import pytest

from fastdl.data import load_inputs, load_labelled, read_csv, read_npy, read_npz
from fastdl.errors import DataError


@pytest.fixture
def write(tmp_path):
    def write(text, name="data.csv", encoding="utf-8"):
        (tmp_path / name).write_bytes(text.encode(encoding))
        return tmp_path / name

    return write


@pytest.mark.parametrize(
    ("text", "label", "x", "labels", "names"),
    [
        ("1,2\n3,4\n", None, [[1, 2], [3, 4]], None, None),
        ("a,b\n1,2\n3,4\n", None, [[1, 2], [3, 4]], None, ("a", "b")),
        ("a,b\n1,x\n3,y\n", "b", [[1], [3]], ["x", "y"], ("a",)),
        ("b,a\n x ,1\ny,3\n", "b", [[1], [3]], ["x", "y"], ("a",)),
        ("x,1\ny,3\n", 0, [[1], [3]], ["x", "y"], None),  # a label that is no number makes no header
        ("x,1\ny,3\n", -2, [[1], [3]], ["x", "y"], None),
        ("1,2\n3,4\n", "2", None, None, None),
        ("1,0\n3,1\n", -1, [[1], [3]], ["0", "1"], None),
        ('"a, b",c\n"1",2\n', None, [[1, 2]], None, ("a, b", "c")),
        ('a,c\n1,"x, y"\n', "c", [[1]], ["x, y"], ("a",)),
        ("\n\na,b\n\n1,2\n\n", None, [[1, 2]], None, ("a", "b")),
        ("\ufeffa,b\n1,2\n", None, [[1, 2]], None, ("a", "b")),
        ("a,b\r\n1,2\r\n", None, [[1, 2]], None, ("a", "b")),
        ("1e3,-2.5\n", None, [[1000, -2.5]], None, None),
        ("5\n6", None, [[5], [6]], None, None),
    ],
)
def test_tables(write, text, label, x, labels, names):
    path = write(text)
    if label == "2":  # the name of a column, which only a header can have
        table = read_csv(path, label)
        assert (table.x.tolist(), table.labels.tolist(), table.names) == ([[3]], ["4"], ("1",))
        return
    table = read_csv(path, label, dtype="float64")
    assert table.x.tolist() == x
    assert (None if table.labels is None else table.labels.tolist()) == labels
    assert table.names == names


def test_a_header_that_looks_like_numbers(write):
    path = write("1,2\n3,4\n")
    assert read_csv(path, header=True).x.tolist() == [[3, 4]]
    assert read_csv(path, header=True).names == ("1", "2")
    assert read_csv(write("1\t2\n3\t4\n", "data.tsv")).x.tolist() == [[1, 2], [3, 4]]


def test_numbers_are_the_nearest(write):
    values = np.random.default_rng(0).standard_normal((50, 3))
    path = write("\n".join(",".join(map(repr, row)) for row in values.tolist()))
    np.testing.assert_array_equal(read_csv(path, dtype="float64").x, values)
    np.testing.assert_array_equal(read_csv(path).x, values.astype(np.float32))


@pytest.mark.parametrize(
    ("text", "label", "words"),
    [
        ("", None, ["empty"]),
        ("\n\n", None, ["empty"]),
        ("a,b\n", None, ["no rows"]),
        ("a,b\n1,2\n3\n", None, ["line 3", "expected 2", "got 1"]),
        ("a,b\n1,2\n3,4,5\n", None, ["line 3", "expected 2", "got 3"]),
        ("1,2\n3,4,5\n", None, ["line 2", "expected 2", "got 3"]),
        ("a,b\n1,2\n\n3,x\n", None, ["line 4", "column 2 (b)", "'x'"]),
        ("a,b\n1,\n", None, ["line 2", "column 2 (b)", "''"]),
        ("a,b\n1,nan\n", None, ["line 2", "column 2 (b)", "'nan'"]),
        ("1,2\ninf,2\n", None, ["line 2", "column 1", "'inf'"]),
        ("1,2\n1_0,2\n", None, ["line 2", "column 1"]),
        ("a,b\n1,x\n2,\n", "b", ["line 3", "column 2 (b)", "no label"]),
        ("a,b\n1,2\n", "c", ["no column 'c'", "a, b"]),
        ("a,a\n1,2\n", "a", ["more than one"]),
        ("a,b\n1,2\n", 2, ["no column 2"]),
        ("a,b\n1,2\n", -3, ["no column -3"]),
        ("a\nx\n", "a", ["besides"]),
    ],
)
def test_what_is_wrong_with_a_table(write, text, label, words):
    path = write(text)
    with pytest.raises(DataError) as caught:
        read_csv(path, label)
    for word in (str(path), *words):
        assert word in str(caught.value)


def test_what_is_no_table(write, tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    for path in (tmp_path / "none.csv", tmp_path, tmp_path / "pipe.csv", write("a,b\n1,2\n", encoding="utf-16")):
        with pytest.raises(DataError):
            read_csv(path)
    (tmp_path / "later.csv").write_bytes(b"1,2\n" * 100_000 + b"\xff,1\n")
    with pytest.raises(DataError, match="UTF-8"):
        read_csv(tmp_path / "later.csv")


# NumPy's files.


def npy(array, **options):
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def test_arrays(tmp_path):
    arrays = [np.arange(6).reshape(2, 3).astype(dtype) for dtype in ("u1", "<i2", ">i4", "<f2", ">f4", "f8", "?")] + [
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.float32(3),
        np.zeros((0, 4)),
        np.zeros((2, 1, 3)),
    ]
    for array in arrays:
        np.save(tmp_path / "a.npy", array)
        np.savez_compressed(tmp_path / "a.npz", a=array, b=1)
        for again in (read_npy(tmp_path / "a.npy"), read_npz(tmp_path / "a.npz", ("a",))["a"]):
            np.testing.assert_array_equal(again, array)
            assert again.shape == np.shape(array)
            assert again.dtype.isnative
            assert again.flags.c_contiguous


def test_damaged_arrays(tmp_path):
    content, path = npy(np.arange(5.0)), tmp_path / "a.npy"
    huge = content.replace(b"(5,)", b"(50000000000,)", 1).replace(b" " * 10, b"", 1)
    assert len(huge) == len(content)
    wrong = [content[:end] for end in range(len(content))] + [
        content + b"\0", huge, b"\x93NUMPY\x09" + content[7:], b"PK\x03\x04", b"",
        npy(np.array([None]), allow_pickle=True), npy(np.array(["a"])), npy(np.zeros(2, complex)),
        npy(np.zeros(2, [("a", "f4")])),
    ]  # fmt: skip
    for bad in wrong:
        path.write_bytes(bad)
        tracemalloc.start()
        with pytest.raises(DataError) as caught:
            read_npy(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 22
        tracemalloc.stop()
        assert str(path) in str(caught.value)
        assert bad is not huge or "too long" in str(caught.value)
    with pytest.raises(DataError):
        read_npy(tmp_path)


def test_damaged_archives(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, x=np.arange(5.0))
    content = path.read_bytes()
    for end in range(0, len(content), 3):
        path.write_bytes(content[:end])
        with pytest.raises(DataError):
            read_npz(path, ("x",))
    at = content.index(np.arange(5.0).tobytes()) + 9
    path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])  # its CRC is another
    with pytest.raises(DataError):
        read_npz(path, ("x",))
    path.write_bytes(content)
    with pytest.raises(DataError, match="one of x"):
        read_npz(path, ("y",))
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("x.npy", b"no array")
    with pytest.raises(DataError):
        read_npz(path, ("x",))


# Inputs with labels.


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.tobytes()


def test_every_format_gives_the_same(tmp_path):
    rng = np.random.default_rng(0)
    x, t = rng.integers(0, 256, (7, 2, 3), dtype=np.uint8), rng.integers(0, 3, 7, dtype=np.uint8)
    t[:3] = 0, 1, 2
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "t.npy", t.astype(np.int32))
    np.save(tmp_path / "one-hot.npy", np.eye(3)[t])
    np.savez(tmp_path / "d.npz", x=x, t=t[:, None], images=x, labels=t.astype(float))
    (tmp_path / "x.idx").write_bytes(idx(x))
    (tmp_path / "t-ubyte.gz").write_bytes(gzip.compress(idx(t)))
    rows = [[*row, label] for row, label in zip(x.reshape(7, -1).tolist(), t.tolist(), strict=True)]
    (tmp_path / "d.csv").write_text("\n".join(",".join(map(str, row)) for row in rows))
    for labelled in (
        load_labelled(tmp_path / "x.npy", tmp_path / "t.npy"),
        load_labelled(tmp_path / "x.npy", tmp_path / "one-hot.npy"),
        load_labelled(tmp_path / "x.idx", tmp_path / "t-ubyte.gz"),
        load_labelled(tmp_path / "x.idx", tmp_path / "t.npy"),
        load_labelled(tmp_path / "d.npz"),
        load_labelled(tmp_path / "d.npz", names=("images", "labels")),
        load_labelled(tmp_path / "d.csv"),
    ):
        np.testing.assert_array_equal(labelled.x, x.reshape(7, -1))
        np.testing.assert_array_equal(labelled.t, t)
        assert labelled.t.dtype == np.int64
        assert labelled.classes == ("0", "1", "2")
    np.testing.assert_array_equal(load_inputs(tmp_path / "d.csv", label=-1), x.reshape(7, -1))
    for name in ("x.npy", "x.idx", "d.npz"):
        assert load_inputs(tmp_path / name).dtype == np.uint8


def test_names_of_classes(write):
    path = write("1,rose\n2,lily\n3,rose\n")
    assert load_labelled(path).classes == ("lily", "rose")
    assert load_labelled(path).t.tolist() == [1, 0, 1]
    assert load_labelled(path, classes=("rose", "tulip", "lily")).t.tolist() == [0, 2, 0]
    with pytest.raises(DataError, match="row 1"):
        load_labelled(path, classes=("rose",))
    many = write("".join(f"0,{label}\n" for label in (10, 9, 2, 10)))
    assert load_labelled(many).classes == ("2", "9", "10")
    assert load_labelled(many).t.tolist() == [2, 1, 0, 2]


@pytest.mark.parametrize(
    "t", [[0, -1], [0, 0.5], [0, np.nan], [0], [0, 1, 2], [[1, 1], [0, 1]], [[0, 1, 0]] * 3, [0, 2**40]], ids=str
)
def test_labels_that_are_none(tmp_path, t):
    np.savez(tmp_path / "d.npz", x=np.zeros((2, 3)), t=np.array(t))
    with pytest.raises(DataError):
        load_labelled(tmp_path / "d.npz", classes=("a", "b"))


def test_inputs_that_are_none(tmp_path, write):
    np.save(tmp_path / "t.npy", np.zeros(2, int))
    for x in (np.zeros((2, 0)), np.float32(1), np.array([[1, 2], [3, np.inf]])):
        np.save(tmp_path / "x.npy", x)
        with pytest.raises(DataError):
            load_labelled(tmp_path / "x.npy", tmp_path / "t.npy")
    np.save(tmp_path / "x.npy", np.zeros((2, 3), np.int64))
    assert load_inputs(tmp_path / "x.npy").dtype == np.float32
    with pytest.raises(DataError, match="labels"):
        load_labelled(tmp_path / "x.npy")
    with pytest.raises(DataError, match="itself"):
        load_labelled(write("1,2\n"), tmp_path / "t.npy")
