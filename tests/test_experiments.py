"""The chapter's experiments: each runs, is drawn, checks its claim, and says when it does not hold."""

from __future__ import annotations

import dataclasses
import json
import math

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
