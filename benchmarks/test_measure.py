"""The measuring tools measure, and refuse to compare what is not the same work."""

import itertools
import os
import time
from dataclasses import replace

import pytest

from benchmarks import interleaved, tables, work
from benchmarks.measure import measure
from benchmarks.worker import Worker


def test_contenders_take_turns():
    turns = []

    def contender(name, times):
        answers = itertools.cycle(times)
        return lambda seconds: turns.append(name) or next(answers)

    times, ratios = interleaved.interleave(
        {"a": contender("a", [1.0, 2.0, 3.0]), "b": contender("b", [2.0, 2.0, 9.0])}, rounds=3, seconds=0.1
    )
    assert turns == ["a", "b"] * 3
    assert times == {"a": (2.0, 1.5, 2.5), "b": (2.0, 2.0, 5.5)}
    assert ratios == {"b": (2.0, 1.5, 2.5)}


def test_a_block_is_timed():
    calls = []

    def call():
        calls.append(None)
        time.sleep(0.002)

    assert 0.002 < interleaved.block(call, 0.0) < 0.2
    assert len(calls) > 3  # the warm-up, and three samples


def without_compilation(row):
    return replace(row, recipes={who: recipe for who, recipe in row.recipes.items() if who != "torch_compile"})


def test_installed_contenders_agree_on_every_row():
    rows = [without_compilation(row) for row in (*work.TRAIN_STEPS, *work.PEERS)]
    results = measure(rows, rounds=2, seconds=0.001)
    for each, row in zip(rows, results["works"], strict=True):
        assert {"fastdl", "numpy"} & set(each.recipes) <= set(row["seconds"])
        assert "fastdl" not in row["ratio"]
        assert row["name"] in tables.table(results)
    assert results["machine"]["date"] in tables.conditions(results)


@pytest.mark.long
def test_what_torch_compiles_agrees():
    rows = [row for row in work.PEERS if "torch_compile" in row.recipes]
    assert len(measure(rows, rounds=2, seconds=0.001)["works"]) == len(rows) > 0


def test_different_work_is_refused():
    one, other = (work.among(("numpy",), "", "optimizer_step", rule, ((3, 4),)) for rule in ("sgd", "adam"))
    with pytest.raises(RuntimeError, match="differ"):
        measure([work.Work("unlike", {"numpy": one.recipes["numpy"], "book": other.recipes["numpy"]})])


def test_a_failing_contender_is_named():
    worker = Worker("someone")
    with pytest.raises(RuntimeError, match=r"someone(.|\n)*no_such_function"):
        worker.prepare(work.Recipe("benchmarks.kernels:no_such_function", ()))
    worker.close()


def test_work_can_be_done_once():
    worker = Worker("someone")
    assert worker.once(work.Recipe("benchmarks.test_measure:prepared", (3,))) == [3]
    worker.close()


def prepared(number, calls=()):
    """Return a call that says how often it has been made."""
    made = list(calls)
    return lambda: made.append(number) or made


def test_a_dead_contender_is_named():
    worker = Worker("someone")
    with pytest.raises(RuntimeError, match="someone died, exit code 3"):
        worker.prepare(work.Recipe("os:_exit", (3,)))


def test_workers_run_with_their_own_blas_settings(monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    Worker("someone").close()
    assert "OPENBLAS_CORETYPE" not in os.environ
