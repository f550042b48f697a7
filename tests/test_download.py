"""Downloads are whole and right or not there at all, whatever the server and the connection do."""

from __future__ import annotations

import functools
import gzip
import hashlib
import http.server
import socket
import subprocess
import sys
import threading

import numpy as np
import pytest

from fastdl import book, data
from fastdl.data import download as downloads
from fastdl.data import mnist
from fastdl.data.download import Published, cache_folder, download
from fastdl.errors import DataError

CONTENT = np.random.default_rng(0).bytes(300_000)
WANTED = Published("file.gz", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves ``server.files``; ``server.behaviour`` is what it does to the request of each number."""

    def do_GET(self):
        server = self.server
        asked = self.headers.get("Range")
        server.requests.append((self.path, asked))
        behaviour = server.behaviour.pop(0) if server.behaviour else ""
        content = server.files.get(self.path.removeprefix("/"))
        if behaviour == "hang up":
            return
        if content is None or behaviour == "404":
            self.send_error(404)
            return
        start = 0
        if asked and server.knows_ranges:
            start = int(asked.removeprefix("bytes=").removesuffix("-")) + (behaviour == "shifted")
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        if behaviour != "no length":
            self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        sent = content[start:]
        self.wfile.write(sent[: len(sent) // 3] if behaviour in ("cut", "no length") else sent)

    def log_message(self, *args):
        pass


@pytest.fixture
def serve(monkeypatch):
    """A function that starts a server: ``(files, behaviour=(), knows_ranges=True)`` to a server with ``url``."""
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(downloads, "PAUSE", 0.0)
    monkeypatch.setattr(downloads, "TIMEOUT", 10.0)
    servers = []

    def start(files, behaviour=(), knows_ranges=True):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.files, server.behaviour, server.knows_ranges = files, list(behaviour), knows_ranges
        server.requests = []
        server.url = f"http://127.0.0.1:{server.server_port}/"
        threading.Thread(target=functools.partial(server.serve_forever, poll_interval=0.01), daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def nowhere():
    """An address where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/"


def fetch(folder, *mirrors, file=WANTED):
    return download(file, folder, mirrors, op="test", hint="Put it there yourself")


def refusal(folder, *mirrors, file=WANTED):
    with pytest.raises(DataError) as caught:
        fetch(folder, *mirrors, file=file)
    assert caught.value.op == "test"
    assert caught.value.hint == "Put it there yourself"
    assert file.name in caught.value.problem
    return caught.value.problem


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_whole_download(serve, tmp_path):
    server = serve({"file.gz": CONTENT})
    folder = tmp_path / "made" / "for it"
    assert fetch(folder, server.url) == folder / "file.gz"
    assert (folder / "file.gz").read_bytes() == CONTENT
    assert names(folder) == ["file.gz"]
    assert server.requests == [("/file.gz", None)]


def test_what_is_there_is_not_downloaded(serve, tmp_path):
    server = serve({"file.gz": CONTENT})
    (tmp_path / "file.gz").write_bytes(b"mine")
    fetch(tmp_path, server.url)
    assert (tmp_path / "file.gz").read_bytes() == b"mine"
    assert not server.requests


@pytest.mark.parametrize("cut", ["cut", "no length"])
def test_a_cut_connection_is_resumed(serve, tmp_path, cut):
    server = serve({"file.gz": CONTENT}, [cut, cut])
    assert fetch(tmp_path, server.url).read_bytes() == CONTENT
    assert server.requests == [
        ("/file.gz", None),
        ("/file.gz", "bytes=100000-"),
        ("/file.gz", f"bytes={100_000 + 200_000 // 3}-"),
    ]


def test_a_later_call_goes_on(serve, tmp_path):
    server = serve({"file.gz": CONTENT}, ["cut", "404"])
    assert "404" in refusal(tmp_path, server.url)
    assert names(tmp_path) == ["file.gz.part"]
    assert fetch(tmp_path, server.url).read_bytes() == CONTENT
    assert server.requests[-1] == ("/file.gz", "bytes=100000-")
    assert names(tmp_path) == ["file.gz"]


def test_another_mirror_goes_on(serve, tmp_path):
    first, second = serve({"file.gz": CONTENT}, ["cut", "404"]), serve({"file.gz": CONTENT})
    assert fetch(tmp_path, first.url, second.url).read_bytes() == CONTENT
    assert second.requests == [("/file.gz", "bytes=100000-")]


def test_a_server_that_knows_no_ranges(serve, tmp_path):
    server = serve({"file.gz": CONTENT}, ["cut"], knows_ranges=False)
    assert fetch(tmp_path, server.url).read_bytes() == CONTENT
    assert len(server.requests) == 2


def test_a_server_that_sends_another_range(serve, tmp_path):
    server = serve({"file.gz": CONTENT}, ["cut", "shifted"])
    assert "another range" in refusal(tmp_path, server.url)
    assert names(tmp_path) == ["file.gz.part"]
    assert (tmp_path / "file.gz.part").read_bytes() == CONTENT[:100_000]


def test_connections_that_are_always_cut(serve, tmp_path):
    server = serve({"file.gz": CONTENT}, ["hang up"] * 100)
    assert "no answer" in refusal(tmp_path, server.url)
    assert len(server.requests) == downloads.TRIES
    assert names(tmp_path) == []


def test_a_wrong_checksum(serve, tmp_path):
    server = serve({"file.gz": b"x" + CONTENT[1:]})
    problem = refusal(tmp_path, server.url)
    assert "wrong checksum" in problem
    assert WANTED.sha256 in problem
    assert names(tmp_path) == []
    assert len(server.requests) == 1


def test_a_wrong_checksum_then_the_next_mirror(serve, tmp_path):
    wrong, right = serve({"file.gz": b"x" + CONTENT[1:]}), serve({"file.gz": CONTENT})
    assert fetch(tmp_path, wrong.url, right.url).read_bytes() == CONTENT
    assert right.requests == [("/file.gz", None)]


@pytest.mark.parametrize("length", [1, 1000, len(CONTENT), len(CONTENT) + 1])
def test_a_part_of_something_else(serve, tmp_path, length):
    """Its end fits on, but not its checksum: once more, from the beginning."""
    server = serve({"file.gz": CONTENT})
    (tmp_path / "file.gz.part").write_bytes(bytes(length))
    assert fetch(tmp_path, server.url).read_bytes() == CONTENT
    assert server.requests[-1] == ("/file.gz", None)


def test_a_part_that_is_whole(serve, tmp_path):
    server = serve({"file.gz": CONTENT})
    (tmp_path / "file.gz.part").write_bytes(CONTENT)
    assert fetch(tmp_path, server.url).read_bytes() == CONTENT
    assert not server.requests


@pytest.mark.parametrize("content", [CONTENT + b"more", CONTENT[:-1], b""], ids=["longer", "shorter", "empty"])
def test_a_file_of_another_size(serve, tmp_path, content):
    server = serve({"file.gz": content})
    refusal(tmp_path, server.url)
    assert "file.gz" not in names(tmp_path)
    assert len(server.requests) <= downloads.TRIES


def test_missing_then_the_next_mirror(serve, tmp_path, nowhere):
    without, with_it = serve({}), serve({"file.gz": CONTENT})
    assert fetch(tmp_path, nowhere, without.url, with_it.url).read_bytes() == CONTENT
    assert len(without.requests) == 1


def test_no_mirror_has_it(serve, tmp_path, nowhere):
    without = serve({})
    problem = refusal(tmp_path, nowhere, without.url)
    for part in (nowhere, "refused", without.url, "404"):
        assert part in problem
    assert names(tmp_path) == []


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match="folder"):
        fetch(tmp_path / "file" / "folder")


def test_a_part_that_cannot_be_written(serve, tmp_path):
    (tmp_path / "file.gz.part").mkdir()
    with pytest.raises(DataError, match="cannot write"):
        fetch(tmp_path, serve({}).url)


def test_an_interrupt_leaves_what_has_come(serve, tmp_path, monkeypatch):
    server, receive = serve({"file.gz": CONTENT}), downloads._read

    def interrupted(response):
        block = receive(response)
        if len(block) < downloads._BLOCK:
            raise KeyboardInterrupt
        return block

    monkeypatch.setattr(downloads, "_read", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fetch(tmp_path, server.url)
    monkeypatch.undo()
    have = (tmp_path / "file.gz.part").read_bytes()
    assert len(have) > 100_000
    assert CONTENT.startswith(have)
    assert names(tmp_path) == ["file.gz.part"]


PROGRAM = """
import sys
from pathlib import Path
from fastdl.data.download import Published, download
name, size, sha256, folder, url = sys.argv[1:]
print(download(Published(name, int(size), sha256), Path(folder), [url], op="", hint="").stat().st_size)
"""


def test_processes_at_once(serve, tmp_path):
    server = serve({"file.gz": CONTENT}, ["cut", "cut"])
    command = [sys.executable, "-c", PROGRAM, *map(str, WANTED), str(tmp_path), server.url]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) for _ in range(4)]
    assert [process.communicate()[0] for process in running] == [b"300000\n"] * 4
    assert names(tmp_path) == ["file.gz"]
    assert (tmp_path / "file.gz").read_bytes() == CONTENT
    assert len(server.requests) == 3  # of one process


def test_threads_at_once(serve, tmp_path):
    server = serve({"file.gz": CONTENT})
    running = [threading.Thread(target=fetch, args=(tmp_path, server.url)) for _ in range(6)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert names(tmp_path) == ["file.gz"]
    assert len(server.requests) == 1


def test_the_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder("name") == tmp_path / "fastdl" / "name"
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    assert cache_folder("name") == tmp_path / ".cache" / "fastdl" / "name"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert cache_folder("name") == tmp_path / "Library" / "Caches" / "fastdl" / "name"


# MNIST: four files in their format, of few images.


def idx(array):
    sizes = np.array(array.shape, ">i4").tobytes()
    return gzip.compress(bytes((0, 0, 8, array.ndim)) + sizes + array.tobytes(), mtime=0)


@pytest.fixture
def few(rng):
    """The contents of four files like MNIST's, by name."""
    contents = {}
    for part, count in (("train", 30), ("t10k", 20)):
        contents[f"{part}-images-idx3-ubyte.gz"] = idx(rng.integers(0, 256, (count, 28, 28), dtype=np.uint8))
        contents[f"{part}-labels-idx1-ubyte.gz"] = idx(rng.integers(0, 10, count, dtype=np.uint8))
    return contents


@pytest.fixture
def published(few, serve, monkeypatch, tmp_path):
    """A server from which `load_mnist` downloads them to ``tmp_path / "mnist"``."""
    server = serve(few)
    files = tuple(Published(name, len(few[name]), hashlib.sha256(few[name]).hexdigest()) for name in few)
    monkeypatch.setattr(mnist, "_FILES", files)
    monkeypatch.setattr(mnist, "_MIRRORS", (server.url,))
    monkeypatch.setenv("FASTDL_DATA", str(tmp_path / "mnist"))
    return server


def test_the_published_files_are_mnist_s():
    """Sizes of the files on the mirrors, and their checksums as other projects know them."""
    assert [file.size for file in mnist._FILES] == [9912422, 28881, 1648877, 4542]
    assert [file.sha256[:8] for file in mnist._FILES] == ["440fcabf", "3552534a", "8d422c7b", "f7ae60f9"]
    assert all(len(file.sha256) == 64 and file.name.endswith("-ubyte.gz") for file in mnist._FILES)
    assert all(mirror.startswith("https://") and mirror.endswith("/") for mirror in mnist._MIRRORS)


@pytest.mark.parametrize("load", [data.load_mnist, book.load_mnist])
def test_mnist_is_downloaded_once(published, few, tmp_path, load):
    load()
    assert names(tmp_path / "mnist") == sorted(few)
    assert len(published.requests) == 4
    load()
    assert len(published.requests) == 4


def test_mnist_goes_to_the_cache_without_a_setting(published, few, tmp_path, monkeypatch):
    monkeypatch.delenv("FASTDL_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert len(data.load_mnist().x_train) == 30
    assert names(tmp_path / "cache" / "fastdl" / "mnist") == sorted(few)


def test_a_folder_that_is_named_is_all_that_is_looked_at(published, tmp_path):
    with pytest.raises(DataError, match="is not a folder"):
        data.load_mnist(tmp_path / "other")
    with pytest.raises(DataError, match="lacks"):
        book.load_mnist(folder=tmp_path)
    assert not published.requests


def test_some_of_the_files_are_there(published, few, tmp_path):
    folder = tmp_path / "mnist"
    folder.mkdir()
    name, *others = few
    (folder / name).write_bytes(few[name])
    data.load_mnist()
    assert sorted(path for path, _ in published.requests) == sorted(f"/{other}" for other in others)


def test_files_of_another_data_set_are_there(published, few, tmp_path):
    """The rest would not belong to them."""
    folder = tmp_path / "mnist"
    folder.mkdir()
    (folder / next(iter(few))).write_bytes(gzip.compress(gzip.decompress(next(iter(few.values()))), mtime=1))
    with pytest.raises(DataError, match="lacks"):
        data.load_mnist()
    assert not published.requests


def test_without_a_network(published, nowhere, few, tmp_path, monkeypatch):
    monkeypatch.setattr(mnist, "_MIRRORS", (nowhere,))
    with pytest.raises(DataError) as caught:
        book.load_mnist()
    message = str(caught.value)
    for part in ("load_mnist", "refused", repr(str(tmp_path / "mnist")), "FASTDL_DATA", "Put the four IDX files"):
        assert part in message
    for name in few:
        assert name.removesuffix(".gz") in message
    assert names(tmp_path / "mnist") == []
    for name, content in few.items():  # what the message advises
        (tmp_path / "mnist" / name.removesuffix(".gz")).write_bytes(gzip.decompress(content))
    assert len(book.load_mnist()[1][1]) == 20


def test_the_book_s_form(published, few, tmp_path):
    plain = data.load_mnist()
    (x, t), (x_test, t_test) = book.load_mnist()
    assert (x.dtype, x.shape, t.dtype, t.shape) == (np.float32, (30, 784), np.uint8, (30,))
    assert (x_test.shape, t_test.shape) == ((20, 784), (20,))
    np.testing.assert_array_equal(x, plain.x_train.astype(np.float32) / np.float32(255))
    np.testing.assert_array_equal(t, plain.t_train)
    (x, t), (x_test, _) = book.load_mnist(normalize=False, flatten=False, one_hot_label=True)
    assert (x.dtype, x.shape, x_test.shape) == (np.uint8, (30, 1, 28, 28), (20, 1, 28, 28))
    assert (t.dtype, t.shape) == (np.float64, (30, 10))
    np.testing.assert_array_equal(x.reshape(30, 784), plain.x_train)
    np.testing.assert_array_equal(t.argmax(axis=1), plain.t_train)
    assert (t.sum(axis=1) == 1).all()
    assert len(book.load_mnist(folder=tmp_path / "mnist")[0][0]) == 30
