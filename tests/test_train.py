"""The training loop: what it learns, records, resumes, survives and refuses."""

from __future__ import annotations

import io
import signal
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from fastdl import errors
from fastdl.nn import MLP, SoftmaxCrossEntropy
from fastdl.optim import SGD, Adam
from fastdl.train import EpochRecord, StepRecord, StopTraining, Trainer, evaluate


@pytest.fixture
def digits():
    """250 rows of 6 bytes; the label is the largest of the first three."""
    x = np.random.default_rng(0).integers(0, 256, (250, 6), dtype=np.uint8)
    return SimpleNamespace(x=x, t=x[:, :3].argmax(axis=1), scale=1 / 255)


def make_trainer(**options):
    options = {"batch_size": 40, "epochs": 3, "seed": 7, **options}
    return Trainer(MLP([6, 16, 3], seed=1), Adam(lr=0.01), **options)


def snapshot(network):
    return {key: value.tobytes() for key, value in network.params.items()}


def test_it_learns(digits):
    trainer = make_trainer(epochs=60)
    history = trainer.fit(digits.x, digits.t, scale=digits.scale, validation=(digits.x, digits.t))
    assert history is trainer.history
    assert history.epochs[-1].loss < 0.3 * history.epochs[0].loss
    assert history.epochs[-1].validation_accuracy > 0.95
    assert history.diverged is None


def test_every_epoch_is_recorded(digits):
    history = make_trainer().fit(digits.x, digits.t, scale=digits.scale, validation=(digits.x, digits.t))
    assert len(history.losses) == 3 * 7  # 250 rows in batches of 40: six whole ones and one of ten
    assert [record.epoch for record in history.epochs] == [1, 2, 3]
    assert [record.step for record in history.epochs] == [7, 14, 21]
    assert history.epochs[1].loss == pytest.approx(np.mean(history.losses[7:14]), rel=1e-12)
    assert all(record.seconds > 0 for record in history.epochs)


def test_validation_is_that_of_the_trained_network(digits):
    trainer = make_trainer()
    history = trainer.fit(digits.x, digits.t, scale=digits.scale, validation=(digits.x[:90], digits.t[:90]))
    x = digits.x[:90].astype(np.float32) * np.float32(digits.scale)
    last = history.epochs[-1]
    assert last.validation_loss == pytest.approx(trainer.network.loss(x, digits.t[:90]), rel=1e-5)
    assert last.validation_accuracy == pytest.approx(trainer.network.accuracy(x, digits.t[:90]))


def test_without_validation_there_are_no_figures_of_it(digits):
    record = make_trainer(epochs=1).fit(digits.x, digits.t, scale=digits.scale).epochs[0]
    assert record.validation_loss is None
    assert record.validation_accuracy is None


def test_steps_may_end_within_an_epoch(digits):
    history = make_trainer(epochs=None, steps=10).fit(digits.x, digits.t, scale=digits.scale)
    assert [record.step for record in history.epochs] == [7, 10]
    assert len(history.losses) == 10


def test_fitting_again_goes_on(digits):
    once, twice = make_trainer(epochs=4), make_trainer(epochs=2)
    once.fit(digits.x, digits.t, scale=digits.scale)
    for _ in range(2):
        twice.fit(digits.x, digits.t, scale=digits.scale)
    assert twice.history.losses == once.history.losses
    assert [record.epoch for record in twice.history.epochs] == [1, 2, 3, 4]
    assert snapshot(twice.network) == snapshot(once.network)


def test_the_seed_decides_the_order(digits):
    first, same, other = (
        make_trainer(seed=seed).fit(digits.x, digits.t, scale=digits.scale).losses for seed in (1, 1, 2)
    )
    assert first == same
    assert first != other


def test_bytes_scaled_on_the_way_are_floats_scaled_before(digits):
    floats = digits.x.astype(np.float32) * np.float32(digits.scale)
    scaled = make_trainer().fit(digits.x, digits.t, scale=digits.scale)
    plain = make_trainer().fit(floats, digits.t)
    assert scaled.losses == plain.losses


def test_one_hot_labels_are_labels(digits):
    integers = make_trainer().fit(digits.x, digits.t, scale=digits.scale)
    one_hot = make_trainer().fit(digits.x, np.eye(3)[digits.t], scale=digits.scale)
    assert one_hot.losses == integers.losses


def test_evaluate_weighs_chunks_by_their_rows(monkeypatch, digits):
    network = MLP([6, 3], seed=0)
    whole = evaluate(network, digits.x, digits.t, scale=digits.scale)
    monkeypatch.setattr("fastdl.train.evaluation.CHUNK", 101)
    assert evaluate(network, digits.x, digits.t, scale=digits.scale) == pytest.approx(whole, rel=1e-6)


def test_a_float64_network_is_trained_in_float64(digits):
    network = MLP([6, 3], dtype="float64", seed=0)
    Trainer(network, SGD(), epochs=1).fit(digits.x, digits.t, scale=digits.scale, validation=(digits.x, digits.t))
    assert {value.dtype for value in network.params.values()} == {np.dtype(np.float64)}


def test_a_callable_sees_every_step_and_epoch(digits):
    seen = []
    history = make_trainer(epochs=2, progress=seen.append).fit(digits.x, digits.t, scale=digits.scale)
    steps = [record for record in seen if isinstance(record, StepRecord)]
    assert [record.loss for record in steps] == history.losses
    assert [record.step for record in steps] == list(range(1, 15))
    assert [record for record in seen if isinstance(record, EpochRecord)] == history.epochs
    assert seen.index(history.epochs[0]) == 7


def test_callbacks_are_called_in_turn_after_progress(digits):
    seen = []

    def listener(name):
        return lambda record: seen.append((name, record))

    callbacks = [listener("first"), listener("second")]
    history = make_trainer(epochs=1, progress=listener("progress"), callbacks=callbacks).fit(digits.x, digits.t)
    assert [name for name, _ in seen] == ["progress", "first", "second"] * 8  # seven steps and an epoch
    assert [record for name, record in seen if name == "second"][-1] == history.epochs[0]
    assert seen[0][1] is seen[1][1] is seen[2][1]


def test_an_exception_from_a_callback_ends_the_run(digits):
    class Enough(Exception):
        pass

    def stop_after_nine(record):
        if record.step == 9:
            raise Enough

    stopped, clean = make_trainer(callbacks=[stop_after_nine]), make_trainer(epochs=None, steps=9)
    with pytest.raises(Enough):
        stopped.fit(digits.x, digits.t, scale=digits.scale)
    clean.fit(digits.x, digits.t, scale=digits.scale)
    assert stopped.history.losses == clean.history.losses
    assert snapshot(stopped.network) == snapshot(clean.network)


def test_what_cannot_be_called_is_no_callback():
    with pytest.raises(errors.HyperparameterError) as caught:
        make_trainer(callbacks=[print, 3])
    assert (caught.value.arg, caught.value.key) == ("callbacks", 1)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_in_a_terminal_is_one_bar(monkeypatch, digits):
    pytest.importorskip("tqdm")
    monkeypatch.setattr(sys, "stderr", Terminal())
    make_trainer(progress=True).fit(digits.x, digits.t, scale=digits.scale)
    shown = sys.stderr.getvalue()
    assert "21/21" in shown
    assert "loss" in shown


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_elsewhere_is_a_line_an_epoch(monkeypatch, digits, terminal):
    monkeypatch.setattr(sys, "stderr", Terminal() if terminal else io.StringIO())
    if terminal:
        monkeypatch.setitem(sys.modules, "tqdm", None)  # as if it were not installed
    make_trainer(progress=True).fit(digits.x, digits.t, scale=digits.scale, validation=(digits.x, digits.t))
    lines = sys.stderr.getvalue().splitlines()
    assert [line.split(":")[0] for line in lines] == ["epoch 1", "epoch 2", "epoch 3"]
    assert all("accuracy" in line for line in lines)


def test_silent_by_default(capfd, digits):
    make_trainer().fit(digits.x, digits.t, scale=digits.scale)
    assert capfd.readouterr() == ("", "")


def test_an_interrupt_leaves_the_last_whole_step(digits):
    def stop_after_nine(record):
        if record.step == 9:
            raise KeyboardInterrupt

    stopped, clean = make_trainer(progress=stop_after_nine), make_trainer(epochs=None, steps=9)
    with pytest.raises(KeyboardInterrupt):
        stopped.fit(digits.x, digits.t, scale=digits.scale)
    clean.fit(digits.x, digits.t, scale=digits.scale)
    assert stopped.history.losses == clean.history.losses
    assert len(stopped.history.epochs) == 1
    assert snapshot(stopped.network) == snapshot(clean.network)


def test_signals_at_any_time_fall_between_steps(digits):
    whole = {}  # parameters after each step of a clean run

    def remember(record):
        whole[tuple(snapshot(clean.network).values())] = record.step

    clean = make_trainer(epochs=100, progress=remember)
    whole[tuple(snapshot(clean.network).values())] = 0
    clean.fit(digits.x, digits.t, scale=digits.scale)

    def interrupt(number, frame):
        raise KeyboardInterrupt

    interrupted = 0
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for delay in np.random.default_rng(0).uniform(0.001, 0.01, 60):
            trainer = make_trainer(epochs=100)
            try:
                signal.setitimer(signal.ITIMER_REAL, delay)
                trainer.fit(digits.x, digits.t, scale=digits.scale)
                signal.setitimer(signal.ITIMER_REAL, 0)
            except KeyboardInterrupt:
                interrupted += 1
            step = whole[tuple(snapshot(trainer.network).values())]
            assert len(trainer.history.losses) in (step, step - 1)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert interrupted > 10


def test_a_diverged_run_goes_on_and_says_where(digits):
    trainer = Trainer(MLP([6, 16, 3], seed=1), SGD(lr=1e30), epochs=2, batch_size=40, seed=0)
    history = trainer.fit(digits.x, digits.t, scale=digits.scale)
    assert len(history.losses) == 14
    assert not np.isfinite(history.losses[-1])
    assert np.isfinite(history.losses[: history.diverged - 1]).all()
    assert not np.isfinite(history.losses[history.diverged - 1])


@pytest.mark.parametrize(
    ("options", "arg"),
    [
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": 1.5}, "batch_size"),
        ({"batch_size": True}, "batch_size"),
        ({"epochs": 0}, "epochs"),
        ({"epochs": "3"}, "epochs"),
        ({"epochs": None, "steps": -1}, "steps"),
        ({"epochs": 1, "steps": 1}, "steps"),
        ({"seed": -1}, "seed"),
    ],
)
def test_a_number_out_of_range_is_refused(options, arg):
    with pytest.raises(errors.HyperparameterError) as caught:
        make_trainer(**options)
    assert caught.value.arg == arg


def wrong_inputs():
    x, t = np.zeros((30, 6), np.uint8), np.zeros(30, np.int64)
    yield "lengths", errors.ArrayError, (x, t[:-1]), None
    yield "no rows", errors.ArrayError, (x[:0], t[:0]), None
    yield "features", errors.ArrayError, (x[:, :5].copy(), t), None
    yield "dtype of x", errors.DtypeError, (x.astype(np.int32), t), None
    yield "dtype of t", errors.LabelError, (x, t.astype(np.float64)), None
    yield "label", errors.LabelError, (x, t + 3), None
    yield "classes", errors.LabelError, (x, np.eye(4)[t]), None
    yield "validation lengths", errors.ArrayError, (x, t), (x, t[:-1])
    yield "validation features", errors.ArrayError, (x, t), (x[:, :5].copy(), t)
    yield "validation label", errors.LabelError, (x, t), (x, t - 1)


@pytest.mark.parametrize(
    ("error", "data", "validation"), [pytest.param(*case[1:], id=case[0]) for case in wrong_inputs()]
)
def test_wrong_data_is_refused_before_the_first_step(error, data, validation):
    trainer = make_trainer()
    before = snapshot(trainer.network)
    with pytest.raises(error):
        trainer.fit(*data, validation=validation)
    assert trainer.history.losses == []
    assert snapshot(trainer.network) == before


def test_more_steps_than_a_c_integer_has(digits):
    def stop_after_three(record):
        if isinstance(record, StepRecord) and record.step == 3:
            raise StopTraining

    history = make_trainer(epochs=None, steps=10**30, callbacks=[stop_after_three]).fit(digits.x, digits.t)
    assert len(history.losses) == 3


def test_every_label_is_checked_before_the_first_step(digits):
    for label in (3, -1):
        t = digits.t.copy()
        t[200] = label
        for data, validation, name in (
            ((digits.x, t), None, "x, t"),
            ((digits.x, digits.t), (digits.x, t), "validation"),
        ):
            trainer = make_trainer()
            before = snapshot(trainer.network)
            with pytest.raises(errors.LabelError, match=rf"^fit: {name}: .*labels\[200\]"):
                trainer.fit(*data, scale=digits.scale, validation=validation)
            assert trainer.history.losses == []
            assert snapshot(trainer.network) == before


@pytest.mark.parametrize(
    ("arg", "value", "words"),
    [
        ("optimizer", Adam, "Make one"),
        ("optimizer", "adam", "update"),
        ("callbacks", print, "Put it in a list"),
        ("callbacks", [3], "cannot be called"),
    ],
)
def test_what_is_no_optimizer_and_no_callback(arg, value, words):
    arguments = {"network": MLP([6, 3]), "optimizer": Adam(), arg: value}
    with pytest.raises(errors.HyperparameterError, match=words) as caught:
        Trainer(**arguments)
    assert caught.value.arg == arg


def test_validation_that_is_no_pair(digits):
    with pytest.raises(
        errors.HyperparameterError, match=r"fit: validation: not a pair \(expected \(x, t\), got ndarray\)"
    ):
        make_trainer().fit(digits.x, digits.t, validation=digits.x)


def test_a_long_value_is_cut_in_an_error():
    with pytest.raises(errors.HyperparameterError) as caught:
        Adam({"W": np.zeros((50, 50))})  # as torch's is called
    assert "lr: out of range" in str(caught.value)
    assert len(str(caught.value)) < 600


def test_of_another_loss_a_wrong_label_amid_the_data_leaves_the_steps_before_it(digits):
    class Own(SoftmaxCrossEntropy):
        """Not planned: its targets may be anything."""

    t = digits.t.copy()
    t[200] = 3
    trainer = make_trainer()
    trainer.network.loss_function = Own()
    with pytest.raises(errors.LabelError):
        trainer.fit(digits.x, t, scale=digits.scale)
    clean = make_trainer(epochs=None, steps=max(1, len(trainer.history.losses)))
    clean.fit(digits.x, digits.t, scale=digits.scale)
    assert trainer.history.losses == clean.history.losses[: len(trainer.history.losses)]
    assert snapshot(trainer.network) == snapshot(clean.network)
