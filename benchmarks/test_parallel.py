"""The model of data-parallel steps explains what it was made for, and its measurement runs."""

import importlib.util

import pytest

from benchmarks.parallel import fit, table
from benchmarks.parallel.cost import Link


def test_the_model_gives_back_its_parts():
    results = table.example()
    (check,) = fit.checks(results)
    assert check.modelled == pytest.approx(check.measured)
    assert fit.link(results["seconds"]["sum"]["2 x 1"], 2) == Link(0.0, round(4e6 / 3e-3))


def test_more_machines_pay_only_where_the_link_is_fast_enough():
    step = fit.machine_step(table.example(), table.example()["models"][0])
    quickest = [step.quickest(link) for link in (Link(1e-6, 1e12), Link(1e-5, 3e9), Link(1e-3, 1e9))]
    assert quickest == [128, 16, 1]


def test_figure():
    figures = pytest.importorskip("benchmarks.parallel.figures", reason="figures need the extra plot")
    model = table.example()["models"][0]
    results = table.example()
    seconds = results["seconds"]
    seconds |= {name.replace("toy", "book"): each for name, each in seconds.items()}
    ax = figures.draw(results, model | {"name": "book"})
    assert len(ax.child_axes) == 2


def test_figures_name_what_the_committed_results_have():
    pytest.importorskip("matplotlib", reason="figures need the extra plot")
    from benchmarks.parallel.__main__ import MODELS
    from benchmarks.parallel.figures import TITLES

    assert {model.name for model in MODELS} >= TITLES.keys()


@pytest.mark.skipif(importlib.util.find_spec("mpi4py") is None, reason="ranks need the extra mpi")
def test_measurement_runs():
    from benchmarks.parallel.__main__ import Place, run

    assert run(Place(2, 1), {"sizes": [3, 4, 2], "rows": 6, "calls": 1}).keys() == {"step", "gradient", "update", "sum"}
    assert run(Place(2, 1), {"elements": [1, 5], "calls": 1}).keys() == {"1", "5"}
