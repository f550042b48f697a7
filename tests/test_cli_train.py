"""fastdl train, evaluate, predict, bench and completion, as their users meet them."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest

from fastdl import timing
from fastdl.cli import main
from fastdl.train import latest_checkpoint, load_checkpoint
from tests.processes import started

NAMES = ["lily", "rose", "tulip"]


@pytest.fixture
def flowers(tmp_path):
    """A CSV file of 200 rows whose class is the largest of three numbers."""
    rng = np.random.default_rng(0)
    rows = rng.random((200, 3)).round(3)
    lines = ["length,width,height,kind", *(",".join([*map(str, row), NAMES[row.argmax()]]) for row in rows)]
    (tmp_path / "flowers.csv").write_text("\n".join(lines))
    return str(tmp_path / "flowers.csv")


@pytest.fixture
def train(flowers, tmp_path):
    """The command, its folder and a short run's arguments."""

    def train(*more, out="run", status=0):
        arguments = ["train", "--data", flowers, "--hidden", "16", "--lr", "0.02", "--batch-size", "20"]
        assert main([*arguments, "--out", str(tmp_path / out), *map(str, more)]) == status
        return tmp_path / out

    return train


EVERYTHING = [
    "--norm", "batch", "--dropout", "0.1", "--optimizer", "adamw", "--set", "weight_decay=0.01", "--set", "ema=0.9",
    "--set", "clip_norm=1", "--schedule", "cosine", "--warmup", "5", "--save-every", "4",
]  # fmt: skip


def bits(path):
    """All arrays of a checkpoint, as bytes."""
    found = {}

    def walk(value, way):
        if isinstance(value, dict):
            for key, each in value.items():
                walk(each, (*way, key))
        elif isinstance(value, np.ndarray):
            found[way] = value.tobytes()

    checkpoint = load_checkpoint(path)
    walk({"network": checkpoint.network, "optimizer": checkpoint.optimizer, "trainer": checkpoint.trainer}, ())
    return found


def test_a_run(train, capsys):
    folder = train("--epochs", 12)
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines.pop(0) == "180 rows, 20 for validation; 3 features, 3 classes; 3-16-3, 115 parameters"
    assert [line.split(":")[0] for line in lines] == [*(f"epoch {n}" for n in range(1, 13)), "best epoch", "written"]
    assert err == ""
    assert sorted(path.name for path in folder.iterdir()) == [
        "best.safetensors", "config.json", "metrics.csv", "metrics.jsonl", "step-0000000108.safetensors",
    ]  # fmt: skip
    config = json.loads((folder / "config.json").read_text())
    assert config["network"]["sizes"] == [3, 16, 3]
    assert config["optimizer"] == {"name": "adam", "convention": "book", "lr": 0.02} | config["optimizer"]
    metrics = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert len(metrics) == 12
    assert metrics[-1]["validation_accuracy"] > 0.8
    assert load_checkpoint(latest_checkpoint(folder)).notes["classes"] == NAMES


def test_evaluate_and_predict(train, flowers, tmp_path, capsys):
    folder = train("--epochs", 12)
    capsys.readouterr()
    assert main(["evaluate", str(folder), "--data", flowers, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["rows"] == 200
    assert main(["evaluate", told["model"], "--data", flowers]) == 0
    assert f"accuracy {told['accuracy']:.2%} (200 rows)" in capsys.readouterr().out

    assert main(["predict", str(folder), "--data", flowers, "--label", "kind"]) == 0
    labels = capsys.readouterr().out.splitlines()
    with open(flowers) as file:
        right = [line.strip().split(",")[-1] for line in file][1:]
    assert np.mean([label == kind for label, kind in zip(labels, right, strict=True)]) == told["accuracy"] > 0.8

    out = tmp_path / "probabilities.csv"
    assert main(["predict", str(folder), "--data", flowers, "--label", "-1", "--probabilities", "--out", str(out)]) == 0
    assert capsys.readouterr().out == ""
    rows = np.loadtxt(out, delimiter=",", skiprows=1)
    assert out.read_text().splitlines()[0] == "lily,rose,tulip"
    np.testing.assert_allclose(rows.sum(axis=1), 1, rtol=1e-6)
    assert [NAMES[i] for i in rows.argmax(axis=1)] == labels


def test_a_run_goes_on_bit_for_bit(train, capsys):
    clean = train(*EVERYTHING, "--epochs", 6, out="clean")
    clean_metrics = (clean / "metrics.csv").read_text()
    assert "clean" in capsys.readouterr().out

    short = train(*EVERYTHING, "--epochs", 6, "--keep", 100, out="short")
    for stop in (8, 9, 20, 45):  # as if killed after this checkpoint
        run = short.with_name(f"run-{stop}")
        shutil.copytree(short, run)
        for path in run.glob("step-*"):
            if int(path.stem[5:]) > stop:
                path.unlink()
        assert main(["train", "--resume", str(run)]) == 0
        assert bits(latest_checkpoint(run)) == bits(latest_checkpoint(clean))
        lines = [line.rpartition(",")[0] for line in (run / "metrics.csv").read_text().splitlines()]
        assert lines == [line.rpartition(",")[0] for line in clean_metrics.splitlines()]


def test_a_finished_run_goes_on_when_told(train, capsys):
    folder = train("--epochs", 2)
    capsys.readouterr()
    assert main(["train", "--resume", str(folder)]) == 0
    assert "finished" in capsys.readouterr().out
    assert main(["train", "--resume", str(folder), "--epochs", "3"]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("epoch 3:")
    clean = train("--epochs", 3, out="clean")
    assert bits(latest_checkpoint(folder)) == bits(latest_checkpoint(clean))


def test_ctrl_c_saves_and_resume_goes_on(flowers, tmp_path):
    command = [sys.executable, "-m", "fastdl", "train"]
    run = [
        *command, "--data", flowers, "--hidden", "8", "--batch-size", "1", "--steps", "150000", "--out", tmp_path / "r",
    ]  # fmt: skip
    with started(run) as process:
        assert "rows" in process.stdout.readline()
        assert process.stdout.readline().startswith("epoch 1")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == "fastdl: interrupted\n"
    assert f"saved: {latest_checkpoint(tmp_path / 'r')}" in out
    taken = len(load_checkpoint(latest_checkpoint(tmp_path / "r")).trainer["losses"])
    steps = taken + 300
    assert main(["train", "--resume", str(tmp_path / "r"), "--steps", str(steps)]) == 0
    assert main([str(word) for word in run[3:-1]] + [str(tmp_path / "c"), "--steps", str(steps)]) == 0
    assert bits(latest_checkpoint(tmp_path / "r")) == bits(latest_checkpoint(tmp_path / "c"))


@pytest.mark.parametrize("more", [["--out", "other"], ["--overwrite"], ["--lr", "0.1"]], ids=" ".join)
def test_what_is_not_of_a_run_that_goes_on(train, capsys, more):
    folder = train("--epochs", 1)
    capsys.readouterr()
    assert main(["train", "--resume", str(folder), "--epochs", "2", *more]) == 2
    assert f"error: {more[0]}: cannot change when a run goes on" in capsys.readouterr().err


def test_early_stopping(train, capsys):
    folder = train("--epochs", 50, "--patience", 2, "--min-delta", 0.05)
    epochs = len((folder / "metrics.jsonl").read_text().splitlines())
    assert epochs < 50
    capsys.readouterr()
    assert main(["train", "--resume", str(folder)]) == 0
    assert "finished" in capsys.readouterr().out


def test_a_run_is_not_overwritten_unless_told(train, capsys):
    folder = train("--epochs", 1)
    before = (folder / "metrics.csv").read_text()
    train("--epochs", 1, status=1)
    assert "--resume" in capsys.readouterr().err
    spaced = train("--epochs", 1, out="a run")
    capsys.readouterr()
    train("--epochs", 1, out="a run", status=1)
    assert f"--resume '{spaced}' goes on" in capsys.readouterr().err
    assert (folder / "metrics.csv").read_text() == before
    train("--epochs", 2, "--overwrite")
    assert len((folder / "metrics.csv").read_text().splitlines()) == 3


@pytest.mark.parametrize(
    "name",
    [
        "step-decay:every=10,factor=0.5",
        "one_cycle",
        "ReduceOnPlateau:patience=1",
        "cosine",
        "milestones:milestones=[5,9]",
    ],
)
def test_schedules(train, name):
    folder = train("--epochs", 3, "--schedule", name, "--warmup", 3)
    assert load_checkpoint(latest_checkpoint(folder)).optimizer_config["lr"]["schedule"] == "Warmup"


def test_files_of_numpy_and_idx(tmp_path, capsys):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (100, 2, 2), dtype=np.uint8)
    t = x.reshape(100, 4).argmax(axis=1)
    np.savez(tmp_path / "d.npz", images=x, labels=t)
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "t.npy", t)
    losses = []
    for number, more in enumerate(
        (["d.npz", "--arrays", "images,labels"], ["x.npy", "--labels", str(tmp_path / "t.npy")])
    ):
        out = tmp_path / str(number)
        data = ["--data", str(tmp_path / more[0]), *more[1:]]
        assert main(["train", *data, "--out", str(out), "--epochs", "2", "--seed", "1"]) == 0
        losses.append(load_checkpoint(latest_checkpoint(out)).trainer["losses"].tolist())
        assert load_checkpoint(out / "best.safetensors").notes["scale"] == 1 / 255
    assert losses[0] == losses[1]
    capsys.readouterr()
    assert main(["predict", str(tmp_path / "0"), "--data", str(tmp_path / "x.npy")]) == 0
    assert set(capsys.readouterr().out.split()) <= {"0", "1", "2", "3"}


def test_validation_from_a_file_and_without(train, flowers, capsys):
    train("--epochs", 1, "--validation", flowers)
    assert "accuracy" in capsys.readouterr().out
    train("--epochs", 1, "--validation-share", 0, out="none")
    assert "accuracy" not in capsys.readouterr().out


def test_a_run_that_diverges_says_so(train, flowers, capsys):
    folder = train("--epochs", 2, "--optimizer", "sgd", "--lr", "1e38")
    assert "best epoch: none, no loss was finite; a smaller --lr may help\n" in capsys.readouterr().out
    assert main(["evaluate", str(folder), "--data", flowers, "--json"]) == 0
    assert json.loads(capsys.readouterr().out, parse_constant=pytest.fail)["loss"] is None


def test_the_digits_are_tested(tmp_path, capsys):
    pytest.importorskip("sklearn")
    assert main(["train", "--epochs", "3", "--hidden", "30", "--lr", "0.01", "--out", str(tmp_path / "r")]) == 0
    line = capsys.readouterr().out.splitlines()[-2]
    assert line.startswith("best epoch: 3; on the test data: loss")
    assert main(["evaluate", str(tmp_path / "r")]) == 0
    assert line.rpartition(" ")[2] in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--hidden", "a"], "--hidden"),
        (["--hidden", "0"], "--hidden"),
        (["--activation", "relo"], "activation"),
        (["--dropout", "1"], "--dropout"),
        (["--optimizer", "adan"], "adam"),
        (["--set", "x"], "NAME=VALUE"),
        (["--set", "x=1"], "x"),
        (["--lr", "-1"], "lr"),
        (["--schedule", "cosin"], "cosine"),
        (["--schedule", "cosine:x=1"], "Cosine"),
        (["--schedule", "exponential"], "factor"),
        (["--warmup", "-1"], "--warmup"),
        (["--epochs", "0"], "--epochs"),
        (["--steps", "0"], "--steps"),
        (["--epochs", "1", "--steps", "1"], "--epochs"),
        (["--batch-size", "0"], "--batch-size"),
        (["--patience", "0"], "patience"),
        (["--keep", "0"], "keep"),
        (["--metric", "validation_loss", "--validation-share", "0"], "validation"),
        (["--validation-share", "1"], "--validation-share"),
        (["--seed", "-1"], "--seed"),
        (["--threads", "0"], "threads"),
        (["--data-dir", "x"], "--data-dir"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_errors(train, capsys, more, words):
    train(*more, status=2)
    out, err = capsys.readouterr()
    assert words in err
    assert err.startswith("fastdl: error: ")
    assert len(err.splitlines()) == 1
    assert out == ""


def test_errors_of_resume(train, flowers, tmp_path, capsys):
    def resume(*more, status=1):
        assert main(["train", "--resume", *map(str, more)]) == status
        return capsys.readouterr().err

    folder = train("--epochs", 1)
    assert "--hidden" in resume(folder, "--hidden", "5", status=2)
    assert "no run" in resume(tmp_path)
    config = (folder / "config.json").read_text()
    for wrong in ("", "{}", "[]", '{"options": {}}', '{"options": 5}'):
        (folder / "config.json").write_text(wrong)
        assert "config.json" in resume(folder)
    (folder / "config.json").write_text(config)
    with open(flowers, "a") as file:
        file.write("\n1,0,0,lily")
    assert "other data" in resume(folder, "--epochs", "2")
    latest = latest_checkpoint(folder)
    latest.write_bytes(latest.read_bytes()[:-1])
    assert latest.name in resume(folder)
    latest.unlink()
    assert "no checkpoint" in resume(folder)


def test_errors_of_evaluate_and_predict(train, tmp_path, capsys):
    folder = train("--epochs", 1)
    (tmp_path / "wide.csv").write_text("1,2,3,4,lily\n")
    (tmp_path / "kind.csv").write_text("1,2,3,daisy\n" * 2)
    capsys.readouterr()
    for command, words in (
        (["evaluate", tmp_path / "none", "--data", tmp_path / "wide.csv"], "none"),
        (["evaluate", folder, "--data", tmp_path / "wide.csv"], "features"),
        (["evaluate", folder, "--data", tmp_path / "kind.csv"], "daisy"),
        (["predict", folder, "--data", tmp_path / "wide.csv", "--label", "9"], "column 9"),
        (["predict", folder, "--data", tmp_path / "kind.csv"], "column 4"),
        (["predict", tmp_path / "wide.csv", "--data", tmp_path / "wide.csv"], "not a checkpoint"),
    ):
        assert main(list(map(str, command))) == 1
        err = capsys.readouterr().err
        assert words in err
        assert len(err.splitlines()) == 1


def test_debug_shows_the_traceback(tmp_path):
    for more, lines in (([], 1), (["--debug"], 5)):
        done = subprocess.run(
            [sys.executable, "-m", "fastdl", "evaluate", tmp_path / "none", *more], capture_output=True, text=True
        )
        assert done.returncode == 1
        assert ("Traceback" in done.stderr) == bool(more)
        assert len(done.stderr.splitlines()) >= lines


# The others.


COMMANDS = [
    "train", "evaluate", "predict", "compare", "experiment", "tune", "report", "bench", "info", "completion",
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_has_an_example(command, capsys):
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    out = capsys.readouterr().out
    assert "example:" in out
    assert "--debug" in out


def test_bench(monkeypatch, capsys):
    monkeypatch.setattr(timing, "TURNS", 1)
    monkeypatch.setattr(timing, "TURN_CALLS", 1)
    monkeypatch.setattr(timing, "WARM_CALLS", 1)
    assert main(["bench"]) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = [line for line in lines if line.endswith("x") and " ms" in line]
    assert len(rows) == 10
    assert len({len(row) for row in rows}) == 1
