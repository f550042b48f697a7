"""Every subcommand's exit status and errors, and where each takes its data from."""

from __future__ import annotations

import argparse
import gzip
import importlib
import json
import math
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from contextlib import suppress

import numpy as np
import pytest

from fastdl.cli import commands, interrupts, main
from fastdl.kernels import build_info
from tests.processes import started

pytest.importorskip("matplotlib")
pytest.importorskip("sklearn")

RUNS = {  # a run of each that takes data, which is short
    "train": ["--epochs", "1", "--hidden", "5"],
    "compare": ["--steps", "2", "--optimizers", "sgd"],
    "experiment": ["anisotropy"],
    "tune": ["--trials", "1", "--epochs", "1", "--images", "20", "--batch-size", "5", "--space", "lr=0.1..1"],
    "report": ["--only", "anisotropy"],
}  # fmt: skip


def status(*words):
    """Exit status, also where argparse ends the process."""
    try:
        return main([*map(str, words)])
    except SystemExit as ended:
        return ended.code


def idx(path, array):
    header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    path.write_bytes(gzip.compress(header + array.astype(np.uint8).tobytes()))


@pytest.fixture
def mnist(tmp_path, rng):
    """A folder with four small files as MNIST's."""
    folder = tmp_path / "mnist"
    folder.mkdir()
    for part, images in (("train", 60), ("t10k", 20)):
        idx(folder / f"{part}-images-idx3-ubyte.gz", rng.integers(0, 256, (images, 28, 28)))
        idx(folder / f"{part}-labels-idx1-ubyte.gz", np.arange(images) % 10)
    return folder


@pytest.mark.parametrize("command", RUNS)
@pytest.mark.parametrize("by", ["option", "environment"])
def test_mnist_is_found_alike(command, by, mnist, tmp_path, monkeypatch):
    if command == "tune":
        pytest.importorskip("optuna")
    monkeypatch.setenv("FASTDL_DATA", str(mnist if by == "environment" else tmp_path / "none"))
    more = ["--data-dir", mnist] if by == "option" else []
    assert status(command, *RUNS[command], "--data", "mnist", *more, "--out", tmp_path / "out") == 0
    if command == "train":
        assert status("evaluate", tmp_path / "out", "--data", "mnist", *more) == 0
        assert status("predict", tmp_path / "out", "--data", "mnist", *more, "--out", tmp_path / "labels") == 0
        assert len((tmp_path / "labels").read_text().splitlines()) == 20


@pytest.mark.parametrize("command", RUNS)
def test_a_folder_for_other_data_than_mnist_is_refused(command, tmp_path, capsys):
    assert status(command, *RUNS[command], "--data-dir", tmp_path, "--out", tmp_path / "out") == 2
    assert "--data-dir: there for --data mnist only" in capsys.readouterr().err


@pytest.mark.parametrize("command", RUNS)
def test_files_of_mnist_that_are_missing(command, mnist, tmp_path, capsys, monkeypatch):
    (mnist / "t10k-images-idx3-ubyte.gz").unlink()
    monkeypatch.setenv("FASTDL_DATA", str(mnist))  # none of the published files: nothing is downloaded beside them
    assert status(command, *RUNS[command], "--data", "mnist", "--out", tmp_path / "out") == 1
    assert "lacks t10k-images-idx3-ubyte" in capsys.readouterr().err


@pytest.mark.parametrize("command", RUNS)
def test_a_folder_that_cannot_be_written(command, tmp_path, capsys):
    (tmp_path / "out").touch()
    assert status(command, *RUNS[command], "--out", tmp_path / "out") == 1
    err = capsys.readouterr().err
    assert err.startswith("fastdl: error: ")
    assert str(tmp_path / "out") in err
    assert len(err.splitlines()) == 1


COMMANDS = [*RUNS, "evaluate", "predict", "bench", "info", "completion"]


@pytest.mark.parametrize("command", COMMANDS)
def test_an_unknown_option_is_of_usage(command, capsys):
    assert status(command, "--no-such-option") == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("command", sorted({*COMMANDS} - {"info", "completion"}))
def test_a_value_out_of_range_is_of_usage(command, tmp_path, capsys):
    more = [tmp_path] if command in ("evaluate", "predict") else RUNS.get(command, [])
    assert status(command, *more, "--threads", "0") == 2
    assert "--threads" in capsys.readouterr().err


def numbers(command):
    """The options of a command that are numbers."""
    (subparsers,) = (action for action in commands.parser()._actions if isinstance(action, argparse._SubParsersAction))
    options = [action for action in subparsers.choices[command]._actions if action.type in (int, float)]
    return [(action.option_strings[0], action.type) for action in options]


MORE = {"evaluate": ["m"], "predict": ["m"], "train": ["--patience", "1"]}


@pytest.mark.parametrize("command", sorted({*COMMANDS} - {"completion"}))
def test_no_number_ends_in_a_traceback_or_is_taken_at_random(command, tmp_path, monkeypatch, capsys):
    """What no option can be: each is named in one line, before anything else is looked at."""
    monkeypatch.chdir(tmp_path)
    for option, kind in numbers(command):
        for value in (math.nan, math.inf, -math.inf) if kind is float else (-1, -(10**30), 10**30):
            assert status(command, *MORE.get(command, []), f"{option}={value}") == 2, (option, value)
            out, err = capsys.readouterr()
            assert err.startswith(f"fastdl: error: {option}: out of range (expected "), err
            assert f"got {value})" in err
            assert (out, len(err.splitlines())) == ("", 1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("more", [[], ["--patience", "2"]])
@pytest.mark.parametrize("value", ["-1", "-1e-300", "0.5"])
def test_what_counts_as_an_improvement(value, more, tmp_path, capsys):
    words = ["train", *RUNS["train"], f"--min-delta={value}", *more, "--out", tmp_path / "out"]
    assert status(*words) == (0 if more and value == "0.5" else 2)
    err = capsys.readouterr().err
    assert ("--patience" in err) == (not more)
    assert ("--min-delta" in err) == (value != "0.5" or not more)


def test_a_run_s_file_with_a_number_that_cannot_be(tmp_path, capsys):
    out = tmp_path / "out"
    assert status("train", *RUNS["train"], "--out", out) == 0
    config = json.loads((out / "config.json").read_text())
    for name, bad in (("batch_size", 0), ("seed", -1), ("lr", math.nan)):
        (out / "config.json").write_text(json.dumps(config | {"options": config["options"] | {name: bad}}))
        assert status("train", "--resume", out) == 2
        assert f"--{name.replace('_', '-')}: out of range" in capsys.readouterr().err


def test_layers_of_any_size_are_refused(tmp_path, capsys):
    assert status("train", "--hidden", 10**30, "--out", tmp_path / "out") == 2
    assert "--hidden: not possible" in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("raised", "expected", "text"),
    [
        (KeyboardInterrupt(), 130, "fastdl: interrupted"),
        (OSError(28, "No space left on device", "a/b"), 1, "fastdl: error: a/b: No space left on device"),
        (MemoryError(), 1, "fastdl: error: MemoryError (--debug shows where)"),
        (RuntimeError("two\nlines"), 1, "fastdl: error: RuntimeError: two lines (--debug shows where)"),
    ],
)
def test_whatever_is_raised_is_one_line(command, raised, expected, text, monkeypatch, capsys):
    module = importlib.import_module(f"fastdl.cli.{command}")
    words = {"evaluate": ["m"], "predict": ["m"], "completion": ["bash"]}.get(command, [])

    def fail(*arguments):
        raise raised

    monkeypatch.setattr(module, "_words" if command == "completion" else "_run", fail)
    assert status(command, *words) == expected
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"{text}\n")
    with pytest.raises(type(raised)):
        main([command, *words, "--debug"])


@pytest.mark.parametrize("command", ["train", "compare", "experiment", "report", "bench"])
def test_ctrl_c_that_became_another_error(command, monkeypatch, capsys):
    """As the import of NumPy makes of it, and as the kernels' might: PyCapsule_Import raises ImportError."""

    def fail(*arguments):
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise ImportError('PyCapsule_Import could not import module "datetime"') from None

    monkeypatch.setattr(importlib.import_module(f"fastdl.cli.{command}"), "_run", fail)
    assert status(command) == 130
    assert capsys.readouterr() == ("", "fastdl: interrupted\n")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with pytest.raises(KeyboardInterrupt):
        main([command, "--debug"])


@pytest.mark.parametrize("module", ["argparse", "multiprocessing", "numpy", "fastdl.experiments", "matplotlib.figure"])
def test_ctrl_c_amid_an_import(module, tmp_path):
    """It comes when the command imports this module, from its own first ones to those of a figure."""
    program = f"""
import builtins, signal, sys
whole = builtins.__import__
def import_(name, globals=None, locals=None, fromlist=(), level=0):
    if name == "{module}":
        signal.raise_signal(signal.SIGINT)
    return whole(name, globals, locals, fromlist, level)
builtins.__import__ = import_
from fastdl.cli import main
sys.exit(main(["experiment", "anisotropy"]))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stderr == "fastdl: interrupted\n"
    assert done.returncode in (130, -signal.SIGINT)


@pytest.mark.parametrize("command", ["compare", "experiment", "tune", "report", "bench"])
def test_ctrl_c(command, tmp_path):
    words = {
        "compare": ["--steps", "10000000"],
        "experiment": ["all"],
        "tune": ["--trials", "100000"],
        "report": [],
        "bench": [],
    }[command]
    out = [] if command == "bench" else ["--out", str(tmp_path / "out")]
    run = [sys.executable, "-m", "fastdl", command, *words, *out]
    with started(run) as process:
        while out and not (tmp_path / "out").exists() and process.poll() is None:  # it is past its imports
            time.sleep(0.05)
        if not out:
            process.stdout.readline()
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    # Where it came within exec() of a text, as when a dataclass is made, CPython ends by the signal all the same;
    # shells call that 130 as well.
    assert process.returncode in (130, -signal.SIGINT)
    assert err.splitlines()[-1] == "fastdl: interrupted"
    assert "Traceback" not in err


def test_ctrl_c_that_is_swallowed_comes_again():
    handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGALRM)]

    def swallow():
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        time.sleep(20)

    with pytest.raises(KeyboardInterrupt), interrupts.insistent():
        swallow()
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGALRM)] == handlers
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


THREADS = pytest.param(
    "FASTDL_NUM_THREADS",
    "none",
    marks=pytest.mark.skipif(not build_info()["openmp"], reason="built without OpenMP, which reads it"),
)


@pytest.mark.parametrize(("name", "value"), [("FASTDL_CPU", "v9"), THREADS])
def test_an_environment_that_is_refused(name, value):
    for words, expected in (("info", 2), ("--help", 0)):
        command = [sys.executable, "-m", "fastdl", words]
        done = subprocess.run(command, env=os.environ | {name: value}, capture_output=True, text=True, check=False)
        assert done.returncode == expected
        assert (name in done.stderr) == (expected == 2)
        assert "Traceback" not in done.stderr


# Wrong data.

ROWS = ["0.5,1,rose", "1,2,lily", "2,0.5,rose"]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["a,b,kind", *ROWS, "1,,rose"], ["line 5, column 2 (b)", "fill in"]),
        ([*ROWS, "1,NA,rose"], ["line 4, column 2", "'NA'", "fill in"]),
        ([*ROWS, "1,rose"], ["line 4", "3", "2"]),
        ([*ROWS, "1,2,"], ["line 4, column 3", "no label", "out"]),
        (["red,1,a", "blue,2,b"], ["line 2, column 1", "'blue'", "numbers in place of words"]),
        (["1,2,0.5", "2,1,0.25", "2,2,1.0"], ["row 1", "0.25", "class"]),
        (["1,2,a", "2,1,a"], ["one label"]),
        (["1;2;a", "2;1;b"], ["Commas"]),
        ([""], ["empty"]),
    ],
)
def test_wrong_tables(lines, words, tmp_path, capsys):
    (tmp_path / "d.csv").write_text("\n".join(lines) + "\n")
    wrong(tmp_path, capsys, ["--data", tmp_path / "d.csv"], ["d.csv", *words])


def test_a_header_and_words_as_labels_are_no_errors(tmp_path, capsys):
    for head in (["a,b,kind"], []):
        (tmp_path / "d.csv").write_text("\n".join([*head, *ROWS]) + "\n")
        out = tmp_path / f"out{len(head)}"
        assert status("train", "--data", tmp_path / "d.csv", "--epochs", 1, "--validation-share", 0, "--out", out) == 0
        capsys.readouterr()
        assert status("predict", out, "--data", tmp_path / "d.csv") == 1
        assert "--label" in capsys.readouterr().err
        assert status("predict", out, "--data", tmp_path / "d.csv", "--label", -1) == 0
        assert set(capsys.readouterr().out.split()) <= {"rose", "lily"}


X = np.ones((4, 2))


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"images": X, "labels": [0, 1, 0, 1]}, ["'x'", "images, labels", "--arrays"]),
        ({"x": X, "t": [0, 1, 0]}, ["4 labels"]),
        ({"x": X, "t": [0, 0.5, 0, 1]}, ["row 1", "0.5"]),
        ({"x": X, "t": [0, 1, -1, 1]}, ["row 2", "-1"]),
        ({"x": X, "t": [0, 1, 10**12, 1]}, ["row 2", "1000000000000"]),
        ({"x": X, "t": ["a", "b", "a", "b"]}, ["['t'] holds no numbers"]),
        ({"x": [[1, np.nan]], "t": [0]}, ["row 0", "not finite"]),
    ],
)
def test_wrong_npz(arrays, words, tmp_path, capsys):
    np.savez(tmp_path / "d.npz", **arrays)
    wrong(tmp_path, capsys, ["--data", tmp_path / "d.npz"], ["d.npz", *words])


def test_other_wrong_files(tmp_path, capsys):
    (tmp_path / "cut").write_bytes(bytes([0, 0, 8, 2, 0, 0, 0, 9, 0, 0, 0, 2, 1, 2, 3]))
    wrong(tmp_path, capsys, ["--data", tmp_path / "cut"], ["cut", "cut short", "18 bytes", "3"])
    (tmp_path / "whole").write_bytes(bytes([0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2]))
    wrong(tmp_path, capsys, ["--data", tmp_path / "whole"], ["whole", "no labels", "--labels"])
    (tmp_path / "d.txt").write_text("1,2,3\n")
    wrong(tmp_path, capsys, ["--data", tmp_path / "d.txt"], ["d.txt", "format", ".csv"])
    wrong(tmp_path, capsys, ["--data", "minst"], ["minst", "Did you mean mnist?"])
    wrong(tmp_path, capsys, ["--data", tmp_path], [f"--data: {str(tmp_path)!r} is a folder", "--data mnist --data-dir"])
    wrong(tmp_path, capsys, ["--data", "nowhere.csv"], ["error: --data: 'nowhere.csv' does not exist"])
    more = ["--validation", "digits"]  # a data set has no validation data of its own
    wrong(tmp_path, capsys, more, ["error: --validation: 'digits' does not exist (expected a file)"])


def test_inputs_of_another_network(tmp_path, capsys):
    np.save(tmp_path / "x.npy", np.ones((4, 3)))
    np.savez(tmp_path / "d.npz", x=np.ones((4, 3)), t=[0, 1, 0, 1])
    assert status("train", "--epochs", 1, "--out", tmp_path / "run") == 0
    for words in (["predict", "--data", tmp_path / "x.npy"], ["evaluate", "--data", tmp_path / "d.npz"]):
        capsys.readouterr()
        assert status(words[0], tmp_path / "run", *words[1:]) == 1
        problem = "has another number of features than the training data (expected 64, got 3)"
        assert f"error: --data: {str(words[2])!r} {problem}" in capsys.readouterr().err


def test_a_file_that_cannot_be_written(tmp_path, capsys):
    assert status("train", "--epochs", 1, "--out", tmp_path / "run") == 0
    capsys.readouterr()
    assert status("predict", tmp_path / "run", "--out", tmp_path) == 1
    assert capsys.readouterr().err == f"fastdl: error: cannot write {str(tmp_path)!r}: it is a folder\n"


def test_an_error_names_the_option_or_the_file_first(tmp_path, capsys):
    (tmp_path / "d.csv").write_text("")
    wrong(tmp_path, capsys, ["--data", tmp_path / "d.csv"], [f"fastdl: error: {str(tmp_path / 'd.csv')!r} is empty"])
    assert status("train", "--threads", 0) == 2
    assert capsys.readouterr().err.startswith("fastdl: error: --threads: out of range (")


def wrong(tmp_path, capsys, more, words):
    assert status("train", *more, "--out", tmp_path / "out") == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("fastdl: error: ")
    assert len(err.splitlines()) == 1
    assert [word for word in words if word not in err] == []
    assert not (tmp_path / "out").exists()


# The examples in the help.


def example(command, capsys):
    assert status(*command.split(), "--help") == 0
    return re.search(r"^example: (.*)", capsys.readouterr().out, re.DOTALL | re.MULTILINE)[1].replace("\\\n", " ")


def run_examples(commands, folder, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    for command in commands:
        words = shlex.split(example(command, capsys), comments=True)
        assert words[0] == "fastdl"
        assert status(*words[1:]) == 0


def test_quick_examples(tmp_path, capsys, monkeypatch):
    commands = ("", "train", "evaluate", "predict", "info", "report")
    run_examples(commands, tmp_path, capsys, monkeypatch)


@pytest.mark.long
def test_slow_examples(tmp_path, capsys, monkeypatch, threads):
    pytest.importorskip("optuna")
    run_examples(("compare", "experiment", "tune", "bench"), tmp_path, capsys, monkeypatch)


def test_the_example_of_completion(capsys):
    assert example("completion", capsys).strip() == 'eval "$(fastdl completion bash)"'
