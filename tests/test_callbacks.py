"""Callbacks of the trainer: when they act, what they write, and that a resumed run is the same run."""

from __future__ import annotations

import csv
import json
import math

import numpy as np
import pytest

from fastdl.errors import CheckpointError, DataError, HyperparameterError
from fastdl.nn import MLP
from fastdl.optim import SGD, Adam
from fastdl.train import (
    Checkpoints,
    EarlyStopping,
    EpochRecord,
    MetricsLog,
    StepRecord,
    StopTraining,
    Trainer,
    latest_checkpoint,
    load_checkpoint,
)

METRICS = ("loss", "validation_loss", "validation_accuracy")


@pytest.fixture
def data():
    rng = np.random.default_rng(1)
    x = rng.random((60, 4), np.float32)
    return x, x.argmax(axis=1)


def make_trainer(callbacks, optimizer=None, **options):
    network = MLP([4, 8, 4], dropout=0.2, norm="batch", seed=2)
    options = {"batch_size": 20, "epochs": 4, "seed": 3, **options}
    return Trainer(network, optimizer or Adam(lr=0.02), callbacks=callbacks, **options)


def epoch(number, loss, accuracy=0.5):
    return EpochRecord(number, 3 * number, loss, loss, accuracy, 0.1)


def feed(stopping, losses, accuracies=None):
    """The number of the epoch that ends the run; None if none does."""
    for number, loss in enumerate(losses, 1):
        try:
            stopping(epoch(number, loss, 0.5 if accuracies is None else accuracies[number - 1]))
        except StopTraining:
            return number
    return None


@pytest.mark.parametrize(
    ("patience", "min_delta", "losses", "end", "best"),
    [
        (2, 0.0, [3, 2, 1, 1, 1, 0], 5, 3),
        (2, 0.0, [3, 4, 2, 3, 1, 2, 3], 7, 5),
        (1, 0.0, [3, 3], 2, 1),
        (2, 0.5, [3, 2.6, 2.5, 2.4, 2.3], 3, 1),  # better by no more than min_delta
        (2, 0.5, [3, 2.6, 2.4, 2.3, 1.8], None, 5),
        (2, 0.0, [math.nan, math.nan], 2, 0),
        (2, 0.0, [1, math.nan, math.inf], 3, 1),
        (3, 0.0, [math.inf, 2, -1, -2], None, 4),
    ],
)
def test_early_stopping_ends_in_time(patience, min_delta, losses, end, best):
    for metric in ("loss", "validation_loss"):
        stopping = EarlyStopping(patience, min_delta=min_delta, metric=metric)
        assert feed(stopping, losses) == end
        assert stopping.best_epoch == best
        assert stopping.is_due == (end is not None)


def test_early_stopping_by_accuracy():
    stopping = EarlyStopping(2, metric="validation_accuracy")
    assert feed(stopping, [1] * 5, [0.1, 0.3, 0.2, 0.3, 0.9]) == 4
    assert stopping.best == 0.3


@pytest.mark.parametrize("restore", [False, True])
def test_early_stopping_restores_the_best_network(data, restore):
    states = {}
    stopping = EarlyStopping(2, metric="loss", restore_best=restore)

    def remember(record):
        if isinstance(record, EpochRecord):
            states[record.epoch] = {key: p.tobytes() for key, p in trainer.network.params.items()}

    trainer = make_trainer([stopping, remember], SGD(lr=30.0), epochs=50)
    history = trainer.fit(*data)
    last = history.epochs[-1].epoch
    assert last == stopping.best_epoch + 2 < 50
    wanted = stopping.best_epoch if restore else last
    assert {key: p.tobytes() for key, p in trainer.network.params.items()} == states[wanted]
    assert states[last] != states[stopping.best_epoch]


def test_early_stopping_without_validation(data):
    with pytest.raises(HyperparameterError):
        make_trainer([EarlyStopping(2)]).fit(*data)


@pytest.mark.parametrize(
    "options", [{"patience": 0}, {"patience": 1.5}, {"min_delta": -1}, {"min_delta": math.nan}, {"metric": "accuracy"}]
)
def test_early_stopping_refuses(options):
    with pytest.raises(HyperparameterError):
        EarlyStopping(**options)


@pytest.mark.parametrize("change", [{"best": "x"}, {"bad": -1}, {"best_epoch": 1.0}, {"network": 1}, {"more": 1}])
def test_wrong_states_of_early_stopping(change):
    stopping = EarlyStopping()
    feed(stopping, [2, 1, 3])
    before = stopping.state_dict()
    with pytest.raises(CheckpointError):
        stopping.load_state_dict(before | change)
    assert stopping.state_dict() == before
    other = EarlyStopping()
    other.load_state_dict(before)
    assert other.state_dict() == before


def test_all_callbacks_see_the_last_record(data):
    seen = []
    trainer = make_trainer([EarlyStopping(1, metric="loss"), seen.append], SGD(lr=0.0), epochs=9)
    history = trainer.fit(*data)
    assert seen[-1] is history.epochs[-1]
    assert len(history.epochs) < 9


@pytest.mark.parametrize(
    ("error", "told"), [(None, ["begin", "end"]), (StopTraining, ["begin", "end"]), (KeyboardInterrupt, ["begin"])]
)
def test_begin_and_end(data, error, told):
    class Callback:
        def __init__(self):
            self.told = []

        def begin(self, trainer):
            self.told.append("begin")
            assert trainer.callbacks == (self,)

        def __call__(self, record):
            if error is not None and record.step == 2:
                raise error

        def end(self):
            self.told.append("end")

    callback = Callback()
    trainer = make_trainer([callback])
    try:
        trainer.fit(*data)
    except KeyboardInterrupt:
        assert error is KeyboardInterrupt
    assert callback.told == told
    assert len(trainer.history.losses) == (12 if error is None else 2)


# Metrics.


@pytest.mark.parametrize("validated", [False, True])
def test_metrics(tmp_path, data, validated):
    logs = [MetricsLog(tmp_path / "m.jsonl"), MetricsLog(tmp_path / "m.csv")]
    history = make_trainer(logs).fit(*data, validation=data if validated else None)
    lines = [json.loads(line) for line in (tmp_path / "m.jsonl").read_text().splitlines()]
    assert [EpochRecord(**line) for line in lines] == history.epochs
    with (tmp_path / "m.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [list(row) for row in rows] == [list(line) for line in lines]
    for row, line in zip(rows, lines, strict=True):
        assert [None if value == "" else float(value) for value in row.values()] == list(line.values())


def test_metrics_that_are_not_finite(tmp_path):
    trainer = make_trainer([])
    for name in ("m.jsonl", "m.csv"):
        log = MetricsLog(tmp_path / name)
        log.begin(trainer)
        log(epoch(1, math.nan))
        log(StepRecord(1, 1, 0.5))
    assert json.loads((tmp_path / "m.jsonl").read_text())["loss"] is None
    assert (tmp_path / "m.csv").read_text().splitlines()[1] == "1,3,nan,nan,0.5,0.1"


def test_metrics_refuse(tmp_path, data):
    with pytest.raises(HyperparameterError):
        MetricsLog(tmp_path / "m.txt")
    with pytest.raises(DataError):
        make_trainer([MetricsLog(tmp_path / "missing" / "m.csv")]).fit(*data)


# Checkpoints.


def steps_in(folder):
    return sorted(int(path.name[5:15]) for path in folder.glob("step-*"))


def test_checkpoints_keep_the_latest(tmp_path, data):
    make_trainer([Checkpoints(tmp_path / "run", keep=3)]).fit(*data)
    assert steps_in(tmp_path / "run") == [6, 9, 12]
    make_trainer([Checkpoints(tmp_path / "every", every=2, keep=100)]).fit(*data)
    assert steps_in(tmp_path / "every") == [2, 3, 4, 6, 8, 9, 10, 12]
    assert load_checkpoint(latest_checkpoint(tmp_path / "every")).trainer["epoch"] == 4


def test_what_a_killed_run_left_behind_is_removed(tmp_path, data):
    (tmp_path / ".step-0000000001.safetensors.0123456789abcdef").write_bytes(b"half")
    (tmp_path / "notes.txt").write_text("kept")
    make_trainer([Checkpoints(tmp_path)]).fit(*data)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.txt", "step-0000000012.safetensors"]


@pytest.mark.parametrize("metric", METRICS)
def test_the_best_checkpoint(tmp_path, data, metric):
    history = make_trainer([Checkpoints(tmp_path, best=metric)], SGD(lr=5.0), epochs=8).fit(*data, validation=data)
    values = [getattr(record, metric) for record in history.epochs]
    best = (np.argmax if metric == "validation_accuracy" else np.argmin)(values) + 1
    assert load_checkpoint(tmp_path / "best.safetensors").trainer["epoch"] == best


def test_a_resumed_run_knows_the_best_of_before(tmp_path, data):
    network = MLP([4, 4], seed=0)
    Trainer(network, SGD(lr=0.1), epochs=3, seed=0, callbacks=[Checkpoints(tmp_path, best="loss")]).fit(*data)
    best = load_checkpoint(tmp_path / "best.safetensors").trainer["epoch"]
    checkpoint = load_checkpoint(latest_checkpoint(tmp_path))
    worse = Trainer(MLP([4, 4], init=100.0), SGD(lr=0.0), epochs=1, callbacks=[Checkpoints(tmp_path, best="loss")])
    worse.load_state_dict(checkpoint.trainer)
    worse.fit(*data)
    assert worse.history.epochs[3].loss > worse.history.epochs[2].loss
    assert load_checkpoint(tmp_path / "best.safetensors").trainer["epoch"] == best == 3
    assert load_checkpoint(latest_checkpoint(tmp_path)).trainer["epoch"] == 4


def test_no_checkpoint(tmp_path):
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(CheckpointError):
            latest_checkpoint(folder)
    with pytest.raises(CheckpointError):
        Checkpoints(tmp_path).save()
    for options in ({"every": 0}, {"keep": 0}, {"best": "x"}):
        with pytest.raises(HyperparameterError):
            Checkpoints(tmp_path, **options)


@pytest.mark.parametrize("stop", [2, 6, 7, 8, 14])
def test_a_resumed_run_is_the_same_run(tmp_path, data, stop):
    """Killed at any step and resumed from the last checkpoint: same files, same losses, same end."""

    class Killed(Exception):
        pass

    def kill(record):
        if isinstance(record, StepRecord) and record.step == stop:
            raise Killed

    def run(folder, *more):
        stopping = EarlyStopping(2, metric="loss", min_delta=0.12, restore_best=True)
        folder.mkdir(exist_ok=True)
        saving = Checkpoints(folder, every=2, keep=2, best="loss")
        trainer = make_trainer([MetricsLog(folder / "m.csv"), stopping, saving, *more], epochs=40)
        return trainer, lambda: trainer.fit(*data, validation=data)

    clean, fit = run(tmp_path / "clean")
    fit()
    assert 5 < len(clean.history.epochs) < 40

    _, fit = run(tmp_path / "killed", kill)
    try:
        fit()
    except Killed:
        resumed, fit = run(tmp_path / "killed")
        checkpoint = load_checkpoint(latest_checkpoint(tmp_path / "killed"))
        checkpoint.restore(resumed.network, resumed.optimizer, resumed)
        fit()
    else:
        pytest.fail(f"the run has no step {stop}")

    def without_seconds(folder):
        return [line.rpartition(",")[0] for line in (folder / "m.csv").read_text().splitlines()]

    assert resumed.history.losses == clean.history.losses
    assert without_seconds(tmp_path / "killed") == without_seconds(tmp_path / "clean")
    assert steps_in(tmp_path / "killed") == steps_in(tmp_path / "clean")
    for name in ("best.safetensors", latest_checkpoint(tmp_path / "clean").name):
        one, other = (load_checkpoint(tmp_path / folder / name) for folder in ("clean", "killed"))
        for key, array in one.network["params"].items():
            assert array.tobytes() == other.network["params"][key].tobytes()
