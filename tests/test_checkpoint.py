"""Checkpoints: a run goes on bit for bit; no damaged, hostile or foreign file is taken for one."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import signal
import struct
import subprocess
import sys
import time
import tracemalloc
import zipfile

import numpy as np
import pytest

from fastdl import optim
from fastdl.errors import ArrayError, CheckpointError, DataError, HyperparameterError
from fastdl.nn import MLP, Affine, Dropout, Residual, Sequential
from fastdl.optim import schedules
from fastdl.train import StepRecord, Trainer, load_checkpoint, save_checkpoint
from fastdl.train.checkpoints.container import read_container, write_container
from fastdl.train.checkpoints.tree import flatten, rebuild

ROWS, BATCH = 110, 20  # the last batch of an epoch has ten rows


@pytest.fixture
def data():
    rng = np.random.default_rng(3)
    x = rng.integers(0, 256, (ROWS, 6), dtype=np.uint8)
    return x, x.argmax(axis=1) % 3


def make_network(dtype="float32", seed=5):
    return MLP([6, 16, 8, 3], norm="batch", dropout=0.25, weight_decay=1e-4, dtype=dtype, seed=seed)


def make_optimizer(name="adam"):
    schedule = schedules.Warmup(4, schedules.Cosine(0.01, steps=12))
    return optim.get(name, lr=schedule, clip_norm=1.0, ema=0.9)


def make_trainer(network, optimizer, callbacks=(), **options):
    return Trainer(network, optimizer, batch_size=BATCH, seed=11, callbacks=callbacks, **{"epochs": 3, **options})


def bits(network, optimizer):
    """Everything that training changes, as bytes."""
    found = {}

    def walk(value, way):
        if isinstance(value, dict):
            for key, each in value.items():
                walk(each, (*way, key))
        else:
            found[way] = value.tobytes() if isinstance(value, np.ndarray) else value

    walk({"network": network.state_dict(), "optimizer": optimizer.state_dict()}, ())
    return found


def fit(trainer, data):
    return trainer.fit(*data, scale=1 / 255, validation=(data[0][:30], data[1][:30]))


def without_seconds(history):
    return [(r.epoch, r.step, r.loss, r.validation_loss, r.validation_accuracy) for r in history.epochs]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", ["adam", "sgd", "momentum", "lion"])
@pytest.mark.parametrize("stop", [1, 5, 6, 7, 12, 17, 18])  # in the midst of an epoch, at its last step, at the run's
def test_a_run_goes_on_bit_for_bit(tmp_path, data, stop, optimizer, dtype):
    path = tmp_path / "run.safetensors"

    class Killed(Exception):
        pass

    def save(record):
        if isinstance(record, StepRecord) and record.step == stop:
            save_checkpoint(path, network, used, trainer)
            raise Killed

    network, used = make_network(dtype), make_optimizer(optimizer)
    trainer = make_trainer(network, used, [save])
    with pytest.raises(Killed):
        fit(trainer, data)

    clean_network, clean_used = make_network(dtype), make_optimizer(optimizer)
    clean = fit(make_trainer(clean_network, clean_used), data)

    checkpoint = load_checkpoint(path)
    network, used = checkpoint.make_network(), checkpoint.make_optimizer()
    trainer = make_trainer(network, used)
    checkpoint.restore(network, used, trainer)
    history = fit(trainer, data)

    assert history.losses == clean.losses
    assert without_seconds(history) == without_seconds(clean)
    assert bits(network, used) == bits(clean_network, clean_used)


def test_a_run_goes_on_between_epochs_and_after_its_end(tmp_path, data):
    path = tmp_path / "run.safetensors"
    network, used = make_network(), make_optimizer()
    first = make_trainer(network, used, epochs=1)
    fit(first, data)
    save_checkpoint(path, network, used, first)
    network, used = make_network(seed=6), make_optimizer()
    second = Trainer(network, used, batch_size=BATCH, epochs=2)
    load_checkpoint(path).restore(network, used, second)
    fit(second, data)

    clean_network, clean_used = make_network(), make_optimizer()
    clean = fit(make_trainer(clean_network, clean_used), data)
    assert second.history.losses == clean.losses
    assert bits(network, used) == bits(clean_network, clean_used)


def test_a_network_alone(tmp_path, data):
    network, used = make_network(), make_optimizer()
    fit(make_trainer(network, used), data)
    save_checkpoint(tmp_path / "n", network, notes={"classes": ["a", "b"], "scale": 1 / 255})
    checkpoint = load_checkpoint(tmp_path / "n")
    x = (data[0] / np.float32(255)).astype(np.float32)
    np.testing.assert_array_equal(checkpoint.make_network().forward(x), network.forward(x))
    assert checkpoint.notes == {"classes": ["a", "b"], "scale": 1 / 255}
    for make in (checkpoint.make_optimizer, lambda: checkpoint.restore(make_network(), make_optimizer())):
        with pytest.raises(CheckpointError):
            make()


def test_a_seed_that_was_drawn_is_kept(tmp_path):
    network = MLP([2, 4, 2], dropout=0.5)
    save_checkpoint(tmp_path / "n", network)
    again = load_checkpoint(tmp_path / "n").make_network()
    assert again.get_config() == network.get_config()
    x = np.ones((7, 2), np.float32)
    np.testing.assert_array_equal(again.forward(x, train=True), network.forward(x, train=True))


def test_any_network_is_restored(tmp_path):
    def make(value):
        inner = [Affine(np.full((2, 2), value), np.zeros(2)), Dropout(0.5, seed=4)]
        return Sequential([Residual(inner), Affine(np.full((2, 2), value), np.zeros(2))], dtype="float64")

    network = make(1.0)
    network.forward(np.ones((1, 2)), train=True)
    save_checkpoint(tmp_path / "n", network)
    checkpoint = load_checkpoint(tmp_path / "n")
    other = make(2.0)
    checkpoint.restore(other)
    assert other.params["W2"][0, 0] == 1
    assert other.layers[0].layers[1].step == 1
    with pytest.raises(CheckpointError, match="configuration"):
        checkpoint.make_network()


def test_a_function_among_the_settings_has_no_configuration(tmp_path):
    network = MLP([2, 2], init=lambda shape, seed, stream, dtype: np.zeros(shape, dtype))
    with pytest.raises(HyperparameterError):
        network.get_config()
    save_checkpoint(tmp_path / "n", network, optim.SGD(lr=lambda step: 0.1))
    checkpoint = load_checkpoint(tmp_path / "n")
    assert checkpoint.network_config is checkpoint.optimizer_config is None
    checkpoint.restore(MLP([2, 2]), optim.SGD(lr=0.1))


def test_special_values_keep_their_bits(tmp_path):
    payload = np.array([0x7FC12345, 0xFFC00001, 0x7F800000, 0x80000000, 1], np.uint32).view(np.float32)
    network = MLP([5, 1])
    network.params["W1"][:, 0] = payload
    save_checkpoint(tmp_path / "n", network, notes={"losses": [float("nan"), float("-inf"), 0.1]})
    again = load_checkpoint(tmp_path / "n")
    assert again.make_network().params["W1"].tobytes() == payload.tobytes()
    assert repr(again.notes["losses"]) == "[nan, -inf, 0.1]"


def test_arrays_of_all_kinds(tmp_path):
    arrays = {
        f"{dtype} {order} {shape}": np.arange(np.prod(shape)).reshape(shape, order=order).astype(dtype)
        for dtype in ("f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", ">f8")
        for order in "CF"
        for shape in ((), (0,), (3,), (2, 0, 3), (3, 5))
    }
    arrays["strided"] = np.arange(10.0)[::-3]
    arrays["../../x"] = arrays["\0"] = np.ones(1)
    write_container(tmp_path / "c", arrays, {"text": "é\ud800"})
    again = read_container(tmp_path / "c")
    assert again.texts == {"text": "é\ud800"}
    assert again.arrays.keys() == arrays.keys()
    assert [p.name for p in tmp_path.iterdir()] == ["c"]
    for name, array in arrays.items():
        np.testing.assert_array_equal(again.arrays[name], array, strict=not name.startswith(">"))
        assert again.arrays[name].flags.aligned
    for bad in (np.array([None]), np.array(["a"]), np.zeros(2, complex), np.zeros(2, "M8[s]")):
        with pytest.raises(CheckpointError):
            write_container(tmp_path / "c", {"bad": bad}, {})


def test_trees():
    tree = {"a.b": {"c": np.zeros(1)}, "a": {"b.c": np.ones(1), "": 0}}
    with pytest.raises(CheckpointError):
        flatten(tree)
    del tree["a"][""]
    arrays, text = flatten(tree)
    again = rebuild(arrays, text)
    assert (again["a.b"]["c"], again["a"]["b.c"]) == (0, 1)
    for bad in ({1: 2}, {"x": object()}, {"x": {1, 2}}, {"x": b"bytes"}):
        with pytest.raises(CheckpointError):
            flatten(bad)
    deep = {}
    for _ in range(1000):
        deep = {"x": deep}
    with pytest.raises(CheckpointError):
        flatten(deep)


# Files.


@pytest.fixture
def small(tmp_path):
    """A small checkpoint, as bytes, and the path to write others to."""
    network = MLP([2, 2], seed=0)
    save_checkpoint(tmp_path / "small", network, optim.Momentum(lr=0.1))
    return (tmp_path / "small").read_bytes(), tmp_path / "other"


def test_truncated_at_every_byte(small):
    content, path = small
    path.write_bytes(content)
    for end in reversed(range(len(content))):
        os.truncate(path, end)
        with pytest.raises(CheckpointError):
            load_checkpoint(path)


def test_every_flipped_bit_is_found(small):
    content, path = small
    path.write_bytes(content)
    with path.open("r+b", buffering=0) as file:
        for place in range(len(content)):
            for bit in range(8) if place < 100 or place > len(content) - 50 else (place % 8,):
                os.pwrite(file.fileno(), bytes([content[place] ^ 1 << bit]), place)
                with pytest.raises(CheckpointError):
                    load_checkpoint(path)
            os.pwrite(file.fileno(), content[place : place + 1], place)
    load_checkpoint(path)


def test_trailing_bytes(small):
    content, path = small
    for extra in (b"\0", b" ", content):
        path.write_bytes(content + extra)
        with pytest.raises(CheckpointError):
            load_checkpoint(path)


def forged(header, payload=b"", length=None):
    """A file with a right checksum."""
    before = b'{"__metadata__":{"sha256":"'
    text = header.encode()
    assert text.startswith(before)
    head = (len(text) if length is None else length).to_bytes(8, "little") + text
    at = 8 + len(before)
    digest = hashlib.sha256(head[:at] + head[at + 64 :] + payload).hexdigest()
    return head[:at] + digest.encode() + head[at + 64 :] + payload


def header(entries, **texts):
    return json.dumps({"__metadata__": {"sha256": "0" * 64, **texts}, **entries}, separators=(",", ":"))


def entry(shape, begin=0, end=8, dtype="F64"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


HOSTILE = {
    "more than there is": forged(header({"a": entry([1 << 40], 0, 8 << 40)}), bytes(8)),
    "overflow": forged(header({"a": entry([2**62, 4, 2**62], 0, 0)})),
    "size of 2**63": forged(header({"a": entry([0, 2**63], 0, 0)})),
    "0 times huge": forged(header({"a": entry([0, 2**62, 2**62], 0, 0)})),
    "negative size": forged(header({"a": entry([-1])}), bytes(8)),
    "two negative sizes": forged(header({"a": entry([-1, -1])}), bytes(8)),
    "true as a size": forged(header({"a": entry([True])}), bytes(8)),
    "65 dimensions": forged(header({"a": entry([1] * 65)}), bytes(8)),
    "not a list": forged(header({"a": entry("11")}), bytes(8)),
    "wrong offsets": forged(header({"a": entry([1], 8, 16)}), bytes(16)),
    "overlap": forged(header({"a": entry([1]), "b": entry([1])}), bytes(8)),
    "a hole": forged(header({"a": entry([1]), "b": entry([1], 16, 24)}), bytes(24)),
    "bytes of no array": forged(header({"a": entry([1])}), bytes(9)),
    "object dtype": forged(header({"a": entry([1], dtype="O")}), bytes(8)),
    "big-endian dtype": forged(header({"a": entry([1], dtype=">f8")}), bytes(8)),
    "dtype of a list": forged(header({"a": entry([1], dtype=["F64"])}), bytes(8)),
    "unknown member": forged(header({"a": {**entry([1]), "x": 1}}), bytes(8)),
    "no entry": forged(header({"a": 5})),
    "a name twice": forged(header({"a": entry([1])})[:-1] + ',"a":' + json.dumps(entry([1], 8, 16)) + "}", bytes(16)),
    "texts twice": forged(header({}, format="1")[:-1] + ',"__metadata__":{"sha256":"x"}}'),
    "a text that is none": forged(header({})[:-2] + ',"x":{}}}'),
    "no object": forged(header({})[:-1]),
    "deep": forged(header({})[:-1] + ',"a":' + "[" * 200_000 + "]" * 200_000 + "}"),
    "no UTF-8": forged(header({})).replace(b"sha256", b"sha\xff56"),
    "header of length 0": forged(header({}), length=0),
    "header of length 2**63": forged(header({}), length=2**63),
    "a huge number": forged(header({})[:-1] + ',"a":' + "9" * 10_000 + "}"),
    "no format": forged(header({}, fastdl="{}")),
    "another format": forged(header({}, format="2", fastdl="{}")),
    "no tree": forged(header({}, format="1", fastdl="[")),
    "no dict": forged(header({}, format="1", fastdl="[]")),
    "no members": forged(header({}, format="1", fastdl="{}")),
    "wrong members": forged(
        header({}, format="1", fastdl='{"network": [], "optimizer": 1, "trainer": 2, "notes": 3, "made": 4}')
    ),
    "an array that is not there": forged(header({}, format="1", fastdl='{"network": {"": "a"}}')),
    "empty": b"",
    "pickle": pickle.dumps({"a": 1}),
    "PNG": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "another safetensors": struct.pack("<Q", 2) + b"{}",
}


WORDS = {  # of the check that is to find it, where another one might
    "more than there is": "wrong offsets",
    "negative size": "wrong shape",
    "two negative sizes": "wrong shape",
    "true as a size": "wrong shape",
    "0 times huge": "impossible shape",
    "object dtype": "wrong dtype",
    "overlap": "wrong offsets",
    "a name twice": "twice",
    "texts twice": "twice",
    "no format": "another format",
    "an array that is not there": "names an array",
    "another safetensors": "not a checkpoint",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files(tmp_path, name):
    path = tmp_path / "f"
    path.write_bytes(HOSTILE[name])
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointError) as caught:
            load_checkpoint(path)
        assert tracemalloc.get_traced_memory()[1] < 16 * len(HOSTILE[name]) + (1 << 20)
    finally:
        tracemalloc.stop()
    assert str(path) in str(caught.value)
    assert WORDS.get(name, "") in str(caught.value)


def test_the_forged_files_are_refused_for_what_is_wrong_with_them(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(forged(header({"a": entry([1]), "b": entry([2], 8, 24)}, x="y"), struct.pack("<3d", 1, 2, 3)))
    contents = read_container(path)
    assert contents.texts == {"x": "y"}
    assert {name: array.tolist() for name, array in contents.arrays.items()} == {"a": [1], "b": [2, 3]}


def test_no_files(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "none", tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(CheckpointError):
            load_checkpoint(path)
    with zipfile.ZipFile(tmp_path / "zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a", bytes(1 << 24))
    with pytest.raises(CheckpointError):
        load_checkpoint(tmp_path / "zip")


# States that do not fit.


def test_another_network_is_told_all_that_differs(tmp_path, data):
    network, used = make_network(), make_optimizer()
    fit(make_trainer(network, used, epochs=1), data)
    save_checkpoint(tmp_path / "n", network, used)
    checkpoint = load_checkpoint(tmp_path / "n")
    other = MLP([6, 16, 9, 4, 3], norm="batch", seed=0)
    other_used = make_optimizer()
    before = bits(other, other_used)
    with pytest.raises(CheckpointError) as caught:
        checkpoint.restore(other, other_used)
    for name in ("params['W4'] is missing", "buffers['running_mean3'] is missing", "dropouts['dropout1'] is not"):
        assert name in str(caught.value)
    assert bits(other, other_used) == before

    other = MLP([6, 16, 9, 3], norm="batch", dropout=0.25, seed=0)
    before = bits(other, other_used)
    with pytest.raises(CheckpointError) as caught:
        checkpoint.restore(other, other_used)
    assert "params['W2'] is float32 of shape (16, 8) instead of float32 of shape (16, 9)" in str(caught.value)
    assert "buffers['running_var2']" in str(caught.value)
    assert bits(other, other_used) == before

    with pytest.raises(CheckpointError, match="float32 of shape"):
        checkpoint.restore(make_network("float64"))


def test_all_are_restored_or_none(tmp_path, data):
    network, used = make_network(), make_optimizer()
    trainer = make_trainer(network, used)
    fit(trainer, data)
    save_checkpoint(tmp_path / "n", network, used, trainer)
    checkpoint = load_checkpoint(tmp_path / "n")
    network, used = make_network(seed=8), make_optimizer()
    before = bits(network, used)
    for bad_used, bad_trainer in (
        (make_optimizer("sgd"), None),
        (used, Trainer(network, used, batch_size=BATCH + 1)),
    ):
        with pytest.raises(CheckpointError):
            checkpoint.restore(network, bad_used, bad_trainer)
        assert bits(network, used) == before


VALIDATION = ("validation_loss", "validation_accuracy")


@pytest.mark.parametrize(
    "change",
    [
        {"seed": -1},
        {"seed": 1.0},
        {"epoch": True},
        {"taken": 0},
        {"taken": 100},
        {"left": -1},
        {"rows": None},
        {"losses": [1.0]},
        {"losses": np.zeros(3, np.float32)},
        {"epochs": {}},
        {"epochs": [{}]},
        {"epochs": [{"epoch": 1, "step": 2, "loss": "x", "seconds": 0.0, **dict.fromkeys(VALIDATION)}]},
        {"more": 1},
    ],
    ids=str,
)  # fmt: skip
def test_wrong_states_of_a_trainer(change):
    trainer = make_trainer(make_network(), make_optimizer())
    state = trainer.state_dict()
    trainer.load_state_dict(state)
    with pytest.raises(CheckpointError):
        trainer.load_state_dict(state | change)
    assert trainer.state_dict()["seed"] == 11
    with pytest.raises(CheckpointError):
        trainer.load_state_dict([])


def test_an_epoch_does_not_go_on_with_other_rows(data):
    trainer = make_trainer(make_network(), make_optimizer())
    state = trainer.state_dict() | {"epoch": 1, "taken": 2, "left": 4, "rows": ROWS, "losses": np.ones(2)}
    trainer.load_state_dict(state)
    with pytest.raises(ArrayError):
        trainer.fit(data[0][:60], data[1][:60], scale=1 / 255)


@pytest.mark.parametrize("part", ["params", "buffers", "dropouts"])
def test_wrong_states_of_a_network(part):
    network = make_network()
    for wrong in (None, [], {}, {1: 2}):
        with pytest.raises(CheckpointError):
            network.load_state_dict(network.state_dict() | {part: wrong})
    with pytest.raises(CheckpointError):
        network.load_state_dict({})
    for numbers in ({"seed": -1, "step": 0}, {"seed": 0, "step": 2**32}, {"seed": 0}, {"seed": 0, "step": 1.0}, 5):
        state = network.state_dict()
        state["dropouts"]["dropout2"] = numbers
        with pytest.raises(CheckpointError):
            network.load_state_dict(state)


def test_wrong_configurations(tmp_path):
    network = make_network()
    for wrong in ({}, {"sizes": [6]}, {"sizes": [6, 2], "x": 1}, {"sizes": "66"}, {"sizes": [1 << 40, 1 << 40]}):
        network.get_config = lambda wrong=wrong: wrong
        save_checkpoint(tmp_path / "n", network)
        with pytest.raises(CheckpointError):
            load_checkpoint(tmp_path / "n").make_network()


# Crashes.


def test_a_failed_save_leaves_the_old_file(tmp_path):
    path = tmp_path / "folder" / "n"
    path.parent.mkdir()
    network = MLP([2, 2], seed=0)
    save_checkpoint(path, network)
    before = path.read_bytes()
    with pytest.raises(CheckpointError):
        save_checkpoint(path, network, notes={"x": object()})
    with pytest.raises(CheckpointError):
        save_checkpoint(path, network, object())
    with pytest.raises(DataError):
        save_checkpoint(tmp_path / "missing" / "n", network)
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == ["n"]


def test_a_symbolic_link_is_replaced_not_followed(tmp_path):
    target = tmp_path / "target"
    target.write_text("old")
    (tmp_path / "link").symlink_to(target)
    save_checkpoint(tmp_path / "link", MLP([2, 2]))
    assert target.read_text() == "old"
    assert not (tmp_path / "link").is_symlink()


SAVE_FOR_EVER = """
import sys
from fastdl.nn import MLP
from fastdl.train import save_checkpoint
network = MLP([100, 300, 10], seed=0)
number = 0
while True:
    for array in network.params.values():
        array[...] = number
    save_checkpoint(sys.argv[1], network, notes={"number": number})
    number += 1
    if number == 1:
        print("saved", flush=True)
"""


def test_a_killed_save_leaves_the_old_file_or_the_new(tmp_path):
    rng = np.random.default_rng(0)
    numbers = []
    for run in range(6):
        folder = tmp_path / str(run)
        folder.mkdir()
        path = folder / "n"
        with subprocess.Popen([sys.executable, "-c", SAVE_FOR_EVER, path], stdout=subprocess.PIPE) as process:
            assert process.stdout.readline() == b"saved\n"
            time.sleep(rng.uniform(0, 0.05))
            process.send_signal(signal.SIGKILL)
        checkpoint = load_checkpoint(path)
        number = checkpoint.notes["number"]
        assert all((array == number).all() for array in checkpoint.network["params"].values())
        numbers.append(number)
    assert max(numbers) > 0
