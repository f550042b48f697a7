"""The chapter's experiments: each runs, is drawn, checks its claim, and says when it does not hold."""

from __future__ import annotations

import dataclasses
import json
import math
import sys

import pytest

from fastdl.cli import main
from fastdl.data import load_digits
from fastdl.experiments import NAMES, Check, Experiment, compared, load, write

Figure = pytest.importorskip("matplotlib.figure").Figure
pytest.importorskip("sklearn")


@pytest.mark.parametrize("name", NAMES)
def test_each_file_describes_its_experiment(name):
    experiment = load(name)
    assert experiment.name == name
    assert experiment.title
    assert experiment.claim
    assert not experiment.claim.endswith(".")
    assert experiment.seconds > 0


def test_the_command_lists_them(capsys):
    assert main(["experiment", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(NAMES)
    for name, line in zip(NAMES, lines, strict=True):
        assert line.endswith(f" s  {load(name).claim}")


def test_the_command_runs_them_and_writes_figure_and_numbers(tmp_path, capsys):
    assert main(["experiment", "anisotropy", "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "claim: SGD zig-zags" in out
    assert "30 >= 27: holds" in out
    assert (tmp_path / "anisotropy.png").read_bytes().startswith(b"\x89PNG")
    content = json.loads((tmp_path / "anisotropy.json").read_text())
    assert content["claim"] == load("anisotropy").claim
    assert len(content["result"]["path"]) == 31
    assert all(check["holds"] for check in content["checks"])


def test_the_command_names_the_nearest_experiment(capsys):
    assert main(["experiment", "anisotropi"]) == 2
    assert "Did you mean anisotropy?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("relation", "holds"), [("<", False), (">", True), ("<=", False), (">=", True)], ids=["lt", "gt", "le", "ge"]
)
def test_a_comparison_holds_or_not(relation, holds):
    check = compared("SGD", 0.41, relation, "AdaGrad", 0.08)
    assert check == Check(f"SGD 0.41 {relation} AdaGrad 0.08", holds)
    assert str(check).endswith(": holds" if holds else ": does not hold")


@pytest.mark.parametrize("relation", ["<", ">", "<=", ">="])
def test_a_comparison_with_nan_never_holds(relation):
    assert not compared("loss", math.nan, relation, "", 1.0).holds


@dataclasses.dataclass(frozen=True)
class Seen:
    """What an experiment was given."""

    number: float


def sees_seed(seed=1):
    """Return the seed."""
    return Seen(seed / 0.5 if seed else math.inf)


def test_an_experiment_is_given_what_it_takes_and_infinity_is_null_in_json(tmp_path):
    experiment = Experiment(
        sees_seed, claim="none", seconds=0, check=lambda result: [], draw=lambda result, ax=None: Figure().add_subplot()
    )
    assert experiment.run(load_digits(), seed=2) == Seen(4.0)
    _, path = write(experiment, experiment.run(load_digits()), tmp_path)
    assert json.loads(path.read_text())["result"] == {"number": None}


SMALL = {
    "data_split": {"trials": 3, "epochs": 2, "runs": 2},
    "random_search": {"trials": 20, "epochs": 2, "runs": 1},
    "narrowing": {"stages": 2, "trials": 5, "keep": 2, "epochs": 2, "runs": 1},
    "bayesian_search": {"trials": 12, "epochs": 1, "runs": 2},
}


@pytest.mark.parametrize("name", SMALL)
def test_searches_run_are_checked_and_drawn(name):
    pytest.importorskip("optuna", reason="searches need the extra tune")
    experiment = load(name)
    seen = []
    result = experiment.function(load_digits(), seed=1, progress=lambda share, text: seen.append(share), **SMALL[name])
    assert all(isinstance(check, Check) for check in experiment.check(result))
    assert experiment.draw(result).figure is not None
    assert seen
    assert all(0 <= share <= 1 for share in seen)


def test_a_score_that_was_tuned_on_is_the_best_of_its_trials():
    pytest.importorskip("optuna", reason="searches need the extra tune")
    result = load("data_split").function(load_digits(), **SMALL["data_split"])
    assert (result.chosen_by[:, 1:] >= result.chosen_by[:, :-1]).all()


def test_what_an_experiment_lacks_is_told_and_the_others_go_on(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert main(["experiment", "data_split", "anisotropy", "--out", str(tmp_path)]) == 1
    out, err = capsys.readouterr()
    assert "fastdl[tune]" in out
    assert "left out: data_split" in err
    assert (tmp_path / "anisotropy.png").exists()
