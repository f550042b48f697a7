"""Hyper-parameter search: exact splits, reproducible trials, records of failures, the test data read once."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace

import numpy as np
import pytest

from fastdl import errors, tune
from fastdl.cli import main
from fastdl.nn import MLP
from fastdl.optim import SGD
from fastdl.tune import Choice, Range, TrialRecord, next_space, space
from fastdl.tune.network import BuildMLP, check_space
from fastdl.tune.trial import RECORD

SPACE = {"lr": Range(1e-3, 1.0, log=True), "layers": 1, "units": Range(2, 20)}


def rows(labels):
    """As many different rows as labels."""
    t = np.asarray(labels)
    return np.arange(len(t), dtype=np.float32).reshape(-1, 1), t


def points(n=120, seed=0):
    x = np.random.default_rng(seed).standard_normal((n, 2)).astype(np.float32)
    return tune.split(x, (x[:, 0] > x[:, 1]).astype(np.int64), validation=0.25, test=0.25)


class TestSplit:
    def test_every_row_is_in_one_part(self, rng):
        x, t = rows(rng.integers(0, 5, 101))
        parts = tune.split(x, t, validation=0.2, test=0.3)
        every = np.concatenate([parts.train[0], parts.validation[0], parts.test[0]]).ravel()
        assert sorted(every) == list(range(101))
        assert len(parts.validation[1]) == 20
        assert len(parts.test[1]) == 30
        for x_part, t_part in (parts.train, parts.validation, parts.test):
            np.testing.assert_array_equal(t_part, t[x_part.ravel().astype(int)])

    @pytest.mark.parametrize("sizes", [(60, 30, 10), (1, 2, 97), (33, 33, 34), (7, 11, 13, 17, 1, 1)])
    def test_classes_have_their_shares_by_largest_remainder(self, sizes):
        x, t = rows(np.repeat(np.arange(len(sizes)), sizes))
        got = np.bincount(tune.split(x, t, validation=0.25).validation[1], minlength=len(sizes))
        quotas = round(0.25 * len(t)) * np.array(sizes) / len(t)
        over = quotas - np.floor(quotas)
        expected = np.floor(quotas).astype(int)
        expected[np.argsort(-over, kind="stable")[: round(0.25 * len(t)) - expected.sum()]] += 1
        np.testing.assert_array_equal(got, expected)

    def test_small_classes_are_not_used_twice(self):
        x, t = rows([0, 1, 2, 3, 4, 5, 6, 7])
        parts = tune.split(x, t, validation=0.4, test=0.4)
        assert sorted(np.concatenate([p[1] for p in (parts.train, parts.validation, parts.test)])) == list(range(8))

    def test_one_hot_labels_are_stratified_as_well(self):
        x, t = rows(np.repeat([0, 1], [80, 20]))
        parts = tune.split(x, np.eye(2)[t], validation=0.5)
        np.testing.assert_array_equal(parts.validation[1].sum(axis=0), [40, 10])
        assert parts.classes == 2

    def test_a_seed_makes_a_split_and_another_one_another(self, rng):
        x, t = rows(rng.integers(0, 3, 60))
        first, same, other = (tune.split(x, t, seed=seed) for seed in (1, 1, 2))
        np.testing.assert_array_equal(first.train[0], same.train[0])
        assert first.fingerprint() == same.fingerprint() != other.fingerprint()

    def test_without_shuffling_the_order_stays(self):
        parts = tune.split(*rows([0, 1] * 10), validation=0.2, test=0.1, shuffle=False)
        assert parts.test[0].ravel().tolist() == [0, 1]
        assert parts.validation[0].ravel().tolist() == [2, 3, 4, 5]
        assert parts.train[0].ravel().tolist() == list(range(6, 20))

    def test_shuffled_parts_are_in_no_order_of_classes(self):
        t = tune.split(*rows(np.repeat([0, 1], 50))).train[1]
        assert 20 < np.count_nonzero(np.diff(t)) < 60

    def test_test_data_that_is_apart_is_kept(self):
        apart = rows([1, 0])
        assert tune.split(*rows([0, 1] * 5), test=apart).test is apart

    @pytest.mark.parametrize(
        ("settings", "arg"),
        [
            ({"validation": 0}, "validation"),
            ({"validation": 1.0}, "validation"),
            ({"validation": 0.01}, "validation"),
            ({"validation": True}, "validation"),
            ({"test": -0.5}, "test"),
            ({"validation": 0.5, "test": 0.5}, "test"),
            ({"seed": -1}, "seed"),
        ],
    )
    def test_what_is_not_possible_is_refused(self, settings, arg):
        with pytest.raises(errors.HyperparameterError) as caught:
            tune.split(*rows([0, 1] * 5), **settings)
        assert caught.value.arg == arg

    def test_labels_must_be_as_many(self):
        with pytest.raises(errors.ArrayError):
            tune.split(np.zeros((3, 1)), np.zeros(2, int))


def test_a_worker_that_dies_before_its_trial_has_ended():
    """Its trial has a record, which Optuna copies to the one that is run again."""
    optuna = pytest.importorskip("optuna")
    from fastdl.tune.search import counting

    record = {"outcome": "complete", "failed": False, "curve": [0.5], "losses": [1.0]}
    states = optuna.trial.TrialState
    study = optuna.create_study()
    for state, kept in (
        (states.FAIL, {RECORD: record}),
        (states.WAITING, {RECORD: record}),
        (states.FAIL, {RECORD: record | {"failed": True}}),
        (states.FAIL, {}),
    ):
        study.add_trial(optuna.trial.create_trial(state=state, user_attrs=kept))
    assert [trial.number for trial in counting(study)] == [1, 2]


def test_what_is_no_split_is_refused():
    data = np.zeros((9, 2)), np.zeros(9, int)
    for take_part in (lambda: tune.search({"lr": 0.1}, data), lambda: tune.join(data, "nowhere.db")):
        with pytest.raises(errors.DtypeError, match="expected what split"):
            take_part()


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("part", ["train", "validation"])
@pytest.mark.parametrize("number", [0, 1])
def test_data_that_is_not_finite_ends_it_before_the_first_trial(bad, part, number, tmp_path):
    x, t = np.zeros((40, 3)), np.eye(2)[np.arange(40) % 2]
    whole = tune.split(x, t)
    rows = tuple(array.copy() for array in getattr(whole, part))
    rows[number][5, 1] = rows[number][7, 0] = bad
    data = replace(whole, **{part: rows})
    path = tmp_path / "tune.db"
    for take_part in (
        lambda: tune.search(SPACE, data, storage=path),
        lambda: tune.join(data, path),
        lambda: tune.narrow(SPACE, data, storage=path),
    ):
        with pytest.raises(errors.ArrayError, match=rf"{bad} at index \(5, 1\)") as caught:
            take_part()
        assert caught.value.arg == f"data.{part}[{number}]"
    assert not path.exists()


def test_what_is_not_finite_has_its_index_in_the_data_that_is_split():
    x, t = rows([0, 1] * 10)
    x[13] = math.nan
    for bad, arg in (
        (lambda: tune.split(x, t), "x"),
        (lambda: tune.split(t.astype(float).reshape(-1, 1), np.eye(2)[t] + 0 * x), "t"),
        (lambda: tune.split(*rows(t), test=(x, t)), "test[0]"),
    ):
        with pytest.raises(errors.ArrayError, match=r"nan at index \(13, 0\)") as caught:
            bad()
        assert caught.value.arg == arg


@pytest.mark.parametrize("t", [[0, 1] * 5, np.full(10, np.nan), np.array(["a", "b"] * 5), np.array([-1, 0] * 5)])
def test_what_is_no_label_is_refused(t):
    with pytest.raises(errors.ArrayError) as caught:
        tune.split(np.zeros((10, 2)), t)
    assert caught.value.arg == "t"


@pytest.mark.parametrize("x", [[[1.0]] * 10, np.full((10, 1), "a"), np.zeros((10, 1), object), None])
def test_what_is_no_input_is_refused(x):
    for given in ((x, np.arange(10) % 2), (np.zeros((10, 1)), np.arange(10) % 2, 0.2, (x, np.arange(10) % 2))):
        with pytest.raises(errors.DtypeError, match=r"split: (x|test\[0\]): not inputs"):
            tune.split(*given)


@pytest.mark.parametrize(
    "test", [(np.zeros((3, 1)), np.zeros(2, int)), (np.zeros((3, 2)), np.zeros(3, int)), (1, 2, 3)]
)
def test_test_data_that_does_not_fit_is_refused(test):
    with pytest.raises(errors.ArrayError, match="split: test"):
        tune.split(np.zeros((10, 1)), np.arange(10) % 2, test=test)


class TestSpace:
    def test_numbers_of_numpy_are_numbers(self):
        assert Range(np.float32(0.5), np.int64(3)) == Range(0.5, 3)
        kept = Range(np.int64(1), np.int32(3)), Choice(np.int64(3), np.str_("a"))
        assert json.dumps(space.to_json(dict(enumerate(kept))))
        assert kept[0].is_integer

    @pytest.mark.parametrize("given", [None, [1], "lr"])
    def test_a_space_is_a_mapping(self, given):
        with pytest.raises(errors.HyperparameterError, match="search: space: not a space"):
            tune.search(given, points())

    @pytest.mark.parametrize("ends", [(2, 1), (0, math.inf), (math.nan, 1), ("a", 1), (True, 2)])
    def test_a_range_needs_its_ends(self, ends):
        with pytest.raises(errors.HyperparameterError):
            Range(*ends)

    def test_a_logarithmic_range_is_above_zero(self):
        with pytest.raises(errors.HyperparameterError):
            Range(0.0, 1.0, log=True)

    @pytest.mark.parametrize("text", ["", "lr", "lr=", "=1", "lr=a..b", "lr=1..2,exp"])
    def test_text_that_says_nothing_is_refused(self, text):
        with pytest.raises(errors.HyperparameterError):
            space.parse(text)

    @pytest.mark.parametrize(
        ("text", "values"),
        [
            ("a=1..6", Range(1, 6)),
            ("a=1..6,log", Range(1, 6, log=True)),
            ("a=0.0..1", Range(0.0, 1)),
            ("a=he|0.01", Choice("he", 0.01)),
            ("a=adam", "adam"),
        ],
    )
    def test_text_and_json(self, text, values):
        assert space.parse(text) == ("a", values)
        assert space.from_json(json.loads(json.dumps(space.to_json({"a": values})))) == {"a": values}

    def test_names_are_known(self):
        build = BuildMLP(features=2, classes=2, seed=0)
        with pytest.raises(errors.HyperparameterError) as caught:
            check_space({"learning_rate": Range(0.0, 1.0)}, build)
        assert caught.value.key == "learning_rate"

    def test_momentum_needs_an_optimizer_that_has_it(self):
        build = BuildMLP(features=2, classes=2, seed=0)
        with pytest.raises(errors.HyperparameterError):
            check_space({"momentum": Range(0.0, 0.9), "optimizer": Choice("sgd", "adam")}, build)
        check_space({"momentum": Range(0.0, 0.9), "optimizer": Choice("sgd", "momentum")}, build)


def record(number, **params):
    return TrialRecord(number, params, "complete", 0.5, (0.5,), (1.0,), 0.1)


def test_the_next_space_holds_the_best():
    before = {"lr": Range(1e-6, 1.0, log=True), "units": Range(1, 9), "init": Choice("he", "xavier", 0.1), "layers": 3}
    trials = [record(0, lr=0.1, units=3, init=0.1, layers=3), record(1, lr=0.01, units=7, init="he", layers=3)]
    assert next_space(before, trials) == {
        "lr": Range(0.01, 0.1, log=True),
        "units": Range(3, 7),
        "init": Choice("he", 0.1),
        "layers": 3,
    }


def test_missing_optuna_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(errors.MissingDependencyError) as caught:
        tune.search(SPACE, points(), storage=None)
    assert "fastdl[tune]" in caught.value.hint


def small(data=None, **options):
    pytest.importorskip("optuna")
    return tune.search(SPACE, data or points(), **{"trials": 6, "epochs": 3, "storage": None, **options})


def choices(result):
    return [trial.params for trial in result.trials]


class TestSearch:
    def test_the_trials_are_in_the_space_and_the_best_is_best(self):
        result = small(trials=10)
        assert [trial.number for trial in result.trials] == list(range(10))
        for trial in result.trials:
            assert 1e-3 <= trial.params["lr"] <= 1.0
            assert isinstance(trial.params["units"], int)
            assert trial.params["layers"] == 1
            assert (trial.outcome, len(trial.curve), len(trial.losses)) == ("complete", 3, 3)
            assert trial.value == trial.curve[-1]
        assert result.best.value == max(trial.value for trial in result.trials) == result.best_so_far[-1]
        assert [row["number"] for row in result.table()] == list(range(10))
        assert str(result.best.number) in str(result).splitlines()[2]

    def test_a_loss_is_best_when_small(self):
        result = small(metric="loss")
        assert result.best.value == min(trial.value for trial in result.trials) == result.best_so_far[-1]

    @pytest.mark.parametrize("sampler", ["random", "tpe"])
    def test_a_seed_makes_a_search(self, sampler):
        first, same, other = (small(sampler=sampler, seed=seed, trials=12) for seed in (1, 1, 2))
        assert choices(first) == choices(same)
        assert choices(first) != choices(other)
        assert [trial.curve for trial in first.trials] == [trial.curve for trial in same.trials]

    def test_logarithmic_ranges_are_drawn_by_orders_of_magnitude(self):
        assert 0.2 < np.mean([trial.params["lr"] < 10**-1.5 for trial in small(trials=60, epochs=1).trials]) < 0.8

    def test_gaussian_processes(self):
        pytest.importorskip("torch", reason="Gaussian processes need torch")
        pytest.importorskip("scipy", reason="Gaussian processes need SciPy")
        assert len(small(sampler="gp", trials=12).complete) == 12

    @pytest.mark.parametrize("pruner", ["median", "hyperband"])
    def test_pruned_trials_end_early(self, pruner):
        result = small(pruner=pruner, trials=30, epochs=9)
        pruned = [trial for trial in result.trials if trial.outcome.startswith("pruned after epoch")]
        assert pruned
        for trial in pruned:
            assert len(trial.curve) == int(trial.outcome.split()[-1]) < 9
            assert trial.value is None
        assert len(pruned) + len(result.complete) == 30

    @pytest.mark.parametrize("pruner", [None, "median"])
    @pytest.mark.parametrize("is_file", [False, True])
    def test_optuna_has_the_curves(self, pruner, is_file, tmp_path):
        result = small(pruner=pruner, trials=12, epochs=6, storage=tmp_path / "study.db" if is_file else None)
        optunas = {trial.number: trial.intermediate_values for trial in result.study.get_trials()}
        for trial in result.trials:
            assert optunas[trial.number] == dict(enumerate(trial.curve, 1))

    def test_a_failed_or_diverged_trial_is_recorded_and_not_fatal(self):
        def build(params):
            if params["units"] % 3 == 0:
                raise RuntimeError("no such network")
            return MLP([2, params["units"], 2], seed=0), SGD(lr=1e30 if params["units"] % 3 == 1 else 0.1)

        with np.errstate(all="ignore"):
            result = small(build=build, trials=12)
        kinds = [trial.params["units"] % 3 for trial in result.trials]
        assert set(kinds) == {0, 1, 2}
        for kind, trial in zip(kinds, result.trials, strict=True):
            if kind == 0:
                assert trial.outcome == "RuntimeError: no such network"
            assert trial.outcome.startswith("diverged at step") == (kind == 1)
            assert (trial.value is not None) == (kind == 2)

    def test_where_all_fail_the_best_says_why(self):
        def build(params):
            raise KeyError("nothing works")

        result = small(build=build)
        assert "nothing works" in str(result)
        with pytest.raises(errors.HyperparameterError, match="nothing works"):
            _ = result.best

    def test_an_interrupt_ends_it_and_it_goes_on(self, tmp_path):
        calls = []

        def build(params):
            calls.append(params)
            if len(calls) == 3:
                raise KeyboardInterrupt
            return MLP([2, params["units"], 2], seed=0), SGD(lr=params["lr"])

        file = tmp_path / "study.db"
        with pytest.raises(KeyboardInterrupt):
            small(build=build, storage=file)
        assert len(small(build=build, storage=file).complete) == 6
        assert len(calls) == 7

    def test_more_trials_go_on_with_the_same_choices(self, tmp_path):
        file = tmp_path / "study.db"
        first = small(storage=file)
        more = small(storage=file, trials=9)
        assert choices(more)[:6] == choices(first)
        assert choices(more) == choices(small(trials=9))

    def test_another_search_needs_another_name(self, tmp_path):
        small(storage=tmp_path / "study.db")
        with pytest.raises(errors.DataError, match="epochs"):
            small(storage=tmp_path / "study.db", epochs=4)
        assert len(small(storage=tmp_path / "study.db", epochs=4, study="other").trials) == 6

    def test_who_joins_needs_the_same_data(self, tmp_path):
        file = tmp_path / "study.db"
        small(storage=file)
        assert len(tune.join(points(), file).trials) == 6
        with pytest.raises(errors.DataError, match="not the data"):
            tune.join(points(seed=1), file)
        with pytest.raises(errors.DataError, match="no such search"):
            tune.join(points(), file, study="other")
        with pytest.raises(errors.DataError, match="no such file"):
            tune.join(points(), tmp_path / "another.db")
        assert not (tmp_path / "another.db").exists()

    @pytest.mark.parametrize(
        ("settings", "arg"),
        [
            ({"trials": 0}, "trials"),
            ({"epochs": 0}, "epochs"),
            ({"batch_size": 0}, "batch_size"),
            ({"seed": -1}, "seed"),
            ({"metric": "f1"}, "metric"),
            ({"sampler": "grid"}, "sampler"),
            ({"pruner": "best"}, "pruner"),
            ({"workers": 0}, "workers"),
            ({"workers": 2}, "storage"),
            ({"heartbeat": 0}, "heartbeat"),
            ({"build": 3}, "build"),
            ({"study": 3}, "study"),
        ],
    )
    def test_what_is_out_of_range_is_refused(self, settings, arg):
        with pytest.raises(errors.HyperparameterError) as caught:
            small(**settings)
        assert caught.value.arg == arg

    @pytest.mark.parametrize(
        ("name", "values"),
        [
            ("activation", Choice("relu", "thanh")),
            ("optimizer", Choice("sgd", "adamm")),
            ("init", Choice("he", "hee")),
            ("layers", Range(0.5, 2.0)),
            ("units", Range(0, 5)),
            ("batch_size", Choice(10, 0)),
            ("dropout", Range(0.0, 2.0)),
            ("rate", Range(0.0, 2.0)),
        ],
    )
    def test_a_wrong_value_ends_it_before_the_first_trial(self, name, values, tmp_path):
        with pytest.raises(errors.HyperparameterError):
            tune.search({**SPACE, name: values}, points(), storage=tmp_path / "study.db")
        assert not (tmp_path / "study.db").exists()

    def test_a_float_range_may_end_where_its_values_are_refused(self):
        small(trials=2)  # Optuna is there
        space = {"lr": Range(0.0, 0.1), "dropout": Range(0.0, 1.0), "layers": 1}
        assert len(tune.search(space, points(), trials=2, epochs=1, storage=None).complete) == 2

    def test_a_password_is_in_no_error(self):
        with pytest.raises(errors.DataError) as caught:
            small(storage="postgresql://me:secret@127.0.0.1:1/none")
        assert "127.0.0.1" in str(caught.value)
        assert "secret" not in str(caught.value)


class TestTestData:
    def test_no_trial_reads_it(self):
        data = points()
        poisoned = replace(data, test=(np.full_like(data.test[0], np.nan), data.test[1]))
        assert choices(small(data)) == choices(small(poisoned))

    def test_it_is_read_once_also_after_a_restart(self, tmp_path):
        result = small(storage=tmp_path / "study.db")
        score = result.evaluate_on_test(points())
        network = result.train_again(points(), result.best_params).network
        assert score == network.accuracy(*points().test)
        for again in (result, small(storage=tmp_path / "study.db")):
            assert again.test_score == score
            with pytest.raises(errors.DataError, match="has been used"):
                again.evaluate_on_test(points())

    def test_training_again_gives_the_trial_s_network(self):
        result = small()
        again = result.train_again(points(), result.best_params)
        assert tuple(epoch.validation_accuracy for epoch in again.history.epochs) == result.best.curve

    def test_there_must_be_some(self):
        with pytest.raises(errors.DataError, match="no test data"):
            small().evaluate_on_test(replace(points(), test=None))

    def test_of_another_split_it_is_not_read(self):
        """Its test data may be what this search was trained on."""
        result = small()
        with pytest.raises(errors.DataError, match="not the data of this search"):
            result.evaluate_on_test(points(seed=1))
        assert result.test_score is None


class TestNarrow:
    def test_ranges_follow_the_best(self):
        pytest.importorskip("optuna")
        found = tune.narrow(SPACE, points(), stages=3, keep=3, trials=8, epochs=2, small=0.0, storage=None)
        assert len(found.results) == 3
        for before, result, after in zip(found.spaces, found.results, found.spaces[1:], strict=False):
            assert result.space == before
            assert after == next_space(before, result.top(3))
        assert found.ranges["lr"].shape == (4, 2)
        assert (np.diff(found.ranges["lr"][:, 0]) >= 0).all()
        assert found.best.best.value == max(result.best.value for result in found.results)

    def test_it_ends_when_the_ranges_are_small(self):
        pytest.importorskip("optuna")
        found = tune.narrow(SPACE, points(), stages=9, keep=2, trials=8, epochs=1, small=0.9, storage=None)
        assert len(found.results) < 9


class TestCommand:
    @pytest.fixture
    def run(self, tmp_path, capsys):
        for name in ("optuna", "matplotlib", "sklearn"):
            pytest.importorskip(name)

        def run(*more):
            arguments = ["tune", "--trials", "3", "--epochs", "2", "--images", "100", "--out", str(tmp_path)]
            status = main([*arguments, *more])
            return (status, *capsys.readouterr())

        return run

    def test_it_writes_figures_and_numbers_and_goes_on(self, run, tmp_path):
        status, out, err = run("--test")
        assert (status, err) == (0, "")
        assert "3 trials, 3 complete" in out
        assert "used this once" in out
        for name in ("best.png", "parallel.png"):
            assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
        numbers = json.loads((tmp_path / "tune.json").read_text())
        assert len(numbers["stages"][0]["trials"]) == 3
        status, out, err = run("--trials", "5", "--test")
        assert status == 1
        assert "has been used" in err
        assert len(json.loads((tmp_path / "tune.json").read_text())["stages"][0]["trials"]) == 5

    def test_a_worker_takes_part_and_writes_no_file(self, run, tmp_path):
        run()
        status, out, _ = run("--worker", "--storage", str(tmp_path / "tune.db"), "--out", str(tmp_path / "of worker"))
        assert status == 0
        assert "3 trials, 3 complete" in out
        assert not (tmp_path / "of worker").exists()

    def test_stages(self, run, tmp_path):
        status, _, _ = run("--stages", "2", "--trials", "6", "--space", "lr=1e-3..1,log", "layers=1")
        assert status == 0
        assert (tmp_path / "ranges.png").exists()
        assert len(json.loads((tmp_path / "tune.json").read_text())["stages"]) == 2

    @pytest.mark.parametrize(
        ("more", "word"),
        [
            (["--space", "lr"], "NAME=LOW..HIGH"),
            (["--space", "rate=1..2"], "rate"),
            (["--space", "lr=1..2", "lr=2..3"], "twice"),
            (["--images", "0"], "--images"),
            (["--worker"], "--storage"),
            (["--worker", "--storage", "nowhere/none.db"], "nowhere"),
        ],
    )
    def test_a_wrong_argument_is_one_line_on_stderr(self, run, more, word):
        status, out, err = run(*more)
        assert (status, out) == (1 if word == "nowhere" else 2, "")
        assert err.startswith("fastdl: error: ")
        assert word in err
        assert len(err.splitlines()) == 1
