"""The experiments on updating parameters: their claims hold by default, and the checks can fail."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from fastdl import kernels, optim
from fastdl.data import load_digits
from fastdl.experiments import load, surfaces, write

pytest.importorskip("matplotlib.figure")
pytest.importorskip("sklearn")

QUICK = ["momentum", "nesterov", "adagrad", "rmsprop", "adam", "family", "gradient_descent", "hard_surfaces"]
LONG = ["learning_rate_decay", "optimizers"]  # seconds


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """The same bits, and quicker where other processes hold the other cores."""
    before = kernels.get_num_threads()
    kernels.set_num_threads(1)
    yield
    kernels.set_num_threads(before)


@pytest.fixture(scope="module")
def results():
    """The result of each experiment's default run, made when it is first asked for."""
    made = {}

    def result(name):
        if name not in made:
            made[name] = load(name).run(load_digits())
        return made[name]

    return result


@pytest.mark.parametrize("name", [*QUICK, *LONG])
def test_the_claim_holds(name, results):
    checks = load(name).check(results(name))
    assert checks
    assert [str(check) for check in checks if not check.holds] == []


def failing(name, result):
    return [check.text for check in load(name).check(result) if not check.holds]


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("momentum", "momentum", "sgd"),
        ("nesterov", "momentum_overshoot", "nesterov_overshoot"),
        ("adagrad", "adagrad", "sgd"),
        ("adagrad", "adagrad_lengths", "sgd_lengths"),
        ("rmsprop", "rmsprop_slope", "adagrad_slope"),
        ("rmsprop", "rmsprop_cliff", "adagrad_cliff"),
        ("adam", "adam", "momentum"),
    ],
)
def test_the_check_fails_where_two_optimizers_are_swapped(name, one, other, results):
    result = results(name)
    swapped = dataclasses.replace(result, **{one: getattr(result, other), other: getattr(result, one)})
    assert failing(name, swapped)


@pytest.mark.parametrize(
    ("name", "field", "one", "other"),
    [
        ("optimizers", "runs", "SGD", "Adam"),
        ("learning_rate_decay", "excess", "cosine", "constant, × 0.1"),
        ("gradient_descent", "descents", "all images", "one image at a time"),
    ],
)
def test_the_check_fails_where_two_runs_are_swapped(name, field, one, other, results):
    runs = dict(getattr(results(name), field))
    runs[one], runs[other] = runs[other], runs[one]
    assert failing(name, dataclasses.replace(results(name), **{field: runs}))


def test_the_check_of_the_races_fails_where_sgd_arrives(results):
    result = results("hard_surfaces")
    for name, race in result.races.items():
        faster = race | {"SGD": race["Adam"], "Adam": race["SGD"]}
        assert failing("hard_surfaces", dataclasses.replace(result, races=result.races | {name: faster}))


def test_the_check_of_the_family_fails_where_paths_part(results):
    result = results("family")
    for key in result.differences:
        parted = dataclasses.replace(result, differences=result.differences | {key: 1e-3})
        assert any(key in text for text in failing("family", parted))
    for key in result.steps:
        parted = dataclasses.replace(result, steps=result.steps | {key: math.nan})
        assert any(key in text for text in failing("family", parted))


def test_the_family_is_complete():
    from fastdl.experiments.family import MEMBERS

    assert {name.lower() for name in MEMBERS} == set(optim.OPTIMIZERS)


@pytest.mark.parametrize("name", ["momentum", "nesterov", "adagrad", "rmsprop", "adam", "gradient_descent"])
def test_each_is_drawn_and_written(name, results, tmp_path):
    assert [path.name for path in write(load(name), results(name), tmp_path)] == [f"{name}.png", f"{name}.json"]


def test_long_ones_are_drawn(results):
    for name in LONG:
        assert load(name).draw(results(name)).figure


def test_further_files_are_written(results, tmp_path):
    paths = write(load("family"), results("family"), tmp_path)
    assert [path.name for path in paths] == ["family.png", "family.json", "family-paths.png"]
    assert paths[-1].read_bytes().startswith(b"\x89PNG")


def test_races_are_filmed(results, tmp_path):
    paths = write(load("hard_surfaces"), results("hard_surfaces"), tmp_path)
    films = [path for path in paths if path.suffix == ".gif"]
    assert [path.stem.removeprefix("hard_surfaces-") for path in films] == [
        "long-valley", "turned-valley", "saddle-point", "beales-function",
    ]  # fmt: skip
    for path in films:
        assert path.read_bytes().startswith(b"GIF89a")
        assert path.stat().st_size < 2_000_000


ALL = {name: each for name, each in vars(surfaces).items() if isinstance(each, surfaces.Surface)}


@pytest.mark.parametrize("surface", ALL.values(), ids=ALL)
def test_gradients_are_those_of_the_heights(surface):
    x, y = np.random.default_rng(0).uniform(-2, 2, (2, 50))
    step = 1e-5
    for given, (dx, dy) in zip(surface.gradient(x, y), ((step, 0), (0, step)), strict=True):
        numerical = (surface.height(x + dx, y + dy) - surface.height(x - dx, y - dy)) / (2 * step)
        np.testing.assert_allclose(given, numerical, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("surface", [each for each in ALL.values() if each.minimum], ids=lambda each: each.name)
def test_minima_are_where_nothing_near_is_lower(surface):
    x, y = surface.minimum
    np.testing.assert_allclose(surface.gradient(x, y), 0, atol=1e-12)
    near = np.random.default_rng(0).normal(0, 0.3, (2, 1000))
    assert surface.height(x, y) <= surface.height(x + near[0], y + near[1]).min()


def test_paths_are_measured():
    path = np.array([(0.0, 1.0), (0.0, -1.0), (2.0, -1.0), (2.0, 1.0)])
    assert surfaces.path_length(path) == 6
    assert surfaces.crossings(path) == 2
    assert surfaces.mean_turn(path) == pytest.approx(90)


def test_a_turned_surface_has_the_same_heights():
    turned = surfaces.turned(surfaces.LONG_VALLEY, 90)
    assert turned.height(-2.0, 3.0) == pytest.approx(surfaces.LONG_VALLEY.height(3.0, 2.0))
    assert turned.minimum == (0, 0)
    assert surfaces.turned(surfaces.SLOPE, 90).minimum is None


def test_the_least_loss_is_a_minimum():
    from fastdl.experiments.softmax_regression import SoftmaxRegression

    problem = SoftmaxRegression(load_digits(), weight_decay=0.003)
    assert problem.least_loss() == pytest.approx(problem.least_loss(steps=4000), abs=1e-9)
