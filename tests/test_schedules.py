"""Learning-rate schedules: their formulas by hand, torch's schedulers, their limits, and saving them."""

from __future__ import annotations

import copy
import itertools
import json
import math
import pickle
import re

import numpy as np
import pytest

from fastdl.errors import CheckpointError, HyperparameterError
from fastdl.optim.schedules import (
    SCHEDULES,
    Constant,
    Cosine,
    CosineRestarts,
    Exponential,
    InverseTime,
    Milestones,
    OneCycle,
    Polynomial,
    ReduceOnPlateau,
    Schedule,
    StepDecay,
    Warmup,
)

HALF = math.sqrt(0.5)

# Learning rates worked out by hand: {step: learning rate}.
BY_HAND = [
    (Constant(0.3), {0: 0.3, 10**9: 0.3}),
    (StepDecay(1, every=3), {0: 1, 2: 1, 3: 0.1, 5: 0.1, 6: 0.01}),
    (Milestones(2.0, [3, 4, 9], factor=0.5), {0: 2, 2: 2, 3: 1, 4: 0.5, 8: 0.5, 9: 0.25, 10**9: 0.25}),
    (Milestones(2.0, []), {0: 2, 100: 2}),
    (Exponential(2.0, factor=0.5, period=4), {0: 2, 2: 2 * HALF, 4: 1, 8: 0.5, 10**6: 0}),
    (InverseTime(1.0, period=4), {0: 1, 1: 0.8, 4: 0.5, 12: 0.25}),
    (Polynomial(1.1, steps=4, power=2, minimum=0.1), {0: 1.1, 1: 0.6625, 2: 0.35, 4: 0.1, 5: 0.1, 10**9: 0.1}),
    (Cosine(1.0, steps=4), {0: 1, 1: (1 + HALF) / 2, 2: 0.5, 3: (1 - HALF) / 2, 4: 0, 5: 0, 10**9: 0}),
    (Cosine(1.2, steps=4, minimum=0.2), {0: 1.2, 2: 0.7, 4: 0.2, 5: 0.2}),
    (Cosine(1.0, steps=1), {0: 1, 1: 0}),
    (CosineRestarts(1.0, period=4), {0: 1, 2: 0.5, 4: 1, 7: (1 - HALF) / 2, 10**12: 1, 10**12 + 2: 0.5}),
    (CosineRestarts(1.0, period=2, multiplier=3), {0: 1, 1: 0.5, 2: 1, 5: 0.5, 8: 1, 17: 0.5, 26: 1}),
    (CosineRestarts(1.2, period=2, minimum=0.2), {0: 1.2, 1: 0.7, 2: 1.2, 3: 0.7}),
    (CosineRestarts(1.2, period=1, multiplier=2), {0: 1.2, 1: 1.2, 2: 0.6, 3: 1.2, 5: 0.6, 7: 1.2}),
    (Warmup(3, then=0.8), {0: 0.2, 1: 0.4, 2: 0.6, 3: 0.8, 4: 0.8}),
    (Warmup(0, then=0.8), {0: 0.8}),
    (Warmup(1, then=InverseTime(1.0, period=1)), {0: 0.5, 1: 1, 2: 0.5, 4: 0.25}),
    (Warmup(1, then=Warmup(1, then=1.0)), {0: 0.25, 1: 0.5, 2: 1}),
    (OneCycle(1.0, steps=11, warmup=5 / 11, first=0, last=0.5), {0: 0, 2: 0.5, 4: 1, 7: 0.75, 10: 0.5, 11: 0.5}),
    (OneCycle(1.0, steps=2, warmup=0, last=0), {0: 1, 1: 0, 10**9: 0}),
    (ReduceOnPlateau(0.5), {0: 0.5, 10**9: 0.5}),
]
SHRINKING = [
    StepDecay(1.0, every=7),
    Milestones(1.0, [3, 50], factor=0.3),
    Exponential(1.0, factor=0.97),
    InverseTime(1.0, period=10),
    Polynomial(1.0, steps=80, power=0.9),
    Polynomial(1.0, steps=80, power=3, minimum=0.2),
    Cosine(1.0, steps=80, minimum=0.1),
    OneCycle(1.0, steps=80, warmup=0),
]


def values(schedule, steps):
    return [schedule(step) for step in range(steps)]


@pytest.mark.parametrize(("schedule", "expected"), BY_HAND, ids=str)
def test_by_hand(schedule, expected):
    got = [schedule(step) for step in expected]
    assert got == pytest.approx(list(expected.values()), rel=1e-14, abs=1e-16)
    assert {type(lr) for lr in got} == {float}


def test_the_comparison_rejects_a_neighbouring_step():
    """Where a schedule moves, being late or early by one step does not pass."""
    for schedule, expected in BY_HAND:
        if len({schedule(step) for step in expected}) > 2:
            for shift in (1, -1):
                shifted = [schedule(max(step + shift, 0)) for step in expected]
                assert shifted != pytest.approx(list(expected.values()), rel=1e-14, abs=1e-16)


@pytest.mark.parametrize("schedule", SHRINKING, ids=str)
def test_what_shrinks_never_grows(schedule):
    rates = values(schedule, 100)
    assert all(after <= before for before, after in itertools.pairwise(rates))
    assert rates[0] == 1
    assert rates[-1] < 0.3


@pytest.mark.parametrize("schedule", [schedule for schedule, _ in BY_HAND], ids=str)
def test_all_of_them_are_finite_and_not_negative(schedule):
    rates = [*values(schedule, 50), schedule(2**53 - 1)]
    assert all(0 <= lr < math.inf for lr in rates)


def test_a_cycle_climbs_and_falls():
    rates = np.array(values(OneCycle(2.0, steps=100), 130))
    assert rates.argmax() == 29
    assert (np.diff(rates[:30]) > 0).all()
    assert (np.diff(rates[29:100]) < 0).all()
    assert (rates[99:] == rates[99]).all()
    assert rates[[0, 29, 99]] == pytest.approx([0.08, 2.0, 8e-6], rel=1e-12)


def test_steps_may_be_numpy_integers():
    for schedule, expected in BY_HAND:
        for step in expected:
            assert schedule(np.int64(step)) == schedule(step)


# ------------------------------------------------------------------ torch


def torch_rates(make, lr, steps):
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)
    scheduler = make(torch.optim.lr_scheduler, optimizer)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def torch_warmup(schedulers, optimizer):
    first = schedulers.LinearLR(optimizer, start_factor=1 / 6, total_iters=5)
    second = schedulers.CosineAnnealingWarmRestarts(optimizer, 20)
    return schedulers.SequentialLR(optimizer, [first, second], [5])


TORCH = {
    "step": (StepDecay(0.3, every=7, factor=0.2), lambda s, o: s.StepLR(o, 7, 0.2)),
    "milestones": (Milestones(0.3, [3, 4, 30], factor=0.2), lambda s, o: s.MultiStepLR(o, [3, 4, 30], 0.2)),
    "exponential": (Exponential(0.3, factor=0.9), lambda s, o: s.ExponentialLR(o, 0.9)),
    "polynomial": (Polynomial(0.3, steps=40, power=1.7), lambda s, o: s.PolynomialLR(o, 40, 1.7)),
    "restarts": (
        CosineRestarts(0.3, period=5, multiplier=2, minimum=0.01),
        lambda s, o: s.CosineAnnealingWarmRestarts(o, 5, 2, 0.01),
    ),
    "one-cycle": (OneCycle(0.3, steps=61), lambda s, o: s.OneCycleLR(o, 0.3, total_steps=61)),
    "one-cycle-odd": (
        OneCycle(0.3, steps=61, warmup=0.37, first=0.2, last=0.02),
        lambda s, o: s.OneCycleLR(o, 0.3, total_steps=61, pct_start=0.37, div_factor=5, final_div_factor=10),
    ),
    "warmup": (Warmup(5, then=CosineRestarts(0.3, period=20)), torch_warmup),
}


@pytest.mark.parity
@pytest.mark.parametrize("name", TORCH)
def test_torch_has_the_same(name):
    schedule, make = TORCH[name]
    assert values(schedule, 60) == pytest.approx(torch_rates(make, 0.3, 60), rel=1e-11, abs=1e-15)


@pytest.mark.parity
def test_torch_has_the_same_cosine_up_to_its_end():
    ours = values(Cosine(0.3, steps=40, minimum=0.01), 45)
    theirs = torch_rates(lambda s, o: s.CosineAnnealingLR(o, 40, 0.01), 0.3, 45)
    assert ours[:41] == pytest.approx(theirs[:41], rel=1e-11)
    assert ours[41:] == [0.01] * 4 != theirs[41:]


@pytest.mark.parity
@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("cooldown", [0, 3])
def test_torch_has_the_same_plateaus(mode, cooldown, rng):
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    settings = {"factor": 0.5, "patience": 2, "threshold": 0.02, "cooldown": cooldown, "mode": mode}
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, min_lr=0.001, **settings)
    ours = ReduceOnPlateau(0.3, minimum=0.001, **settings)
    reductions = set()
    for step, metric in enumerate([*rng.uniform(1.0, 1.2, size=60), math.nan, math.nan]):
        ours.observe(metric)
        theirs.step(metric)
        assert ours(step) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)
        reductions.add(ours(step))
    assert len(reductions) > 4


# ------------------------------------------------------------------ the one with a memory


def rates_of(schedule, metrics):
    rates = []
    for metric in metrics:
        schedule.observe(metric)
        rates.append(schedule(0))
    return rates


@pytest.mark.parametrize(
    ("settings", "metrics", "expected"),
    [
        ({"patience": 0}, [1, 1, 1, 0.5, 0.5], [1, 0.1, 0.01, 0.01, 0.001]),
        ({"patience": 1}, [1, 1, 1, 1, 1], [1, 1, 0.1, 0.1, 0.01]),
        ({"patience": 1, "cooldown": 2}, [1] * 8, [1, 1, 0.1, 0.1, 0.1, 0.1, 0.01, 0.01]),
        ({"patience": 0, "mode": "max"}, [1, 2, 3, 3, 2], [1, 1, 1, 0.1, 0.01]),
        ({"patience": 0, "threshold": 0.1}, [1, 0.95, 0.85], [1, 0.1, 0.1]),
        ({"patience": 0, "threshold": 0.1}, [-1, -1.05, -1.2], [1, 0.1, 0.1]),
        ({"patience": 0, "threshold": 0.1, "mode": "max"}, [-1, -0.95, -0.8], [1, 0.1, 0.1]),
        ({"patience": 0, "minimum": 0.05}, [1, 1, 1, 1], [1, 0.1, 0.05, 0.05]),
        ({"patience": 0}, [math.nan, 1, math.nan, 0.5], [0.1, 0.1, 0.01, 0.01]),
        ({"patience": 0}, [math.inf, 1, 0.5], [1, 1, 1]),
        ({"patience": 0, "mode": "max"}, [-math.inf, 1, 2], [1, 1, 1]),
        ({"patience": 0}, [0, 0, -1e-300], [1, 0.1, 0.1]),
    ],
)
def test_plateaus_by_hand(settings, metrics, expected):
    assert rates_of(ReduceOnPlateau(1.0, **settings), metrics) == pytest.approx(expected)


def test_a_plateau_goes_on_where_it_was_saved(rng):
    metrics = rng.uniform(1, 1.2, size=40)
    whole, first = ReduceOnPlateau(1.0, patience=2, cooldown=1), ReduceOnPlateau(1.0, patience=2, cooldown=1)
    expected = rates_of(whole, metrics)
    for cut in range(0, 40, 7):
        first = ReduceOnPlateau(1.0, patience=2, cooldown=1)
        rates = rates_of(first, metrics[:cut])
        second = Schedule.from_config(first.get_config())
        second.load_state_dict(json.loads(json.dumps(first.state_dict())))
        assert rates + rates_of(second, metrics[cut:]) == expected
        assert second.state_dict() == whole.state_dict()


def test_a_warmup_saves_the_plateau_that_follows():
    plateau = ReduceOnPlateau(1.0, patience=0)
    rates_of(plateau, [1, 1])
    state = Warmup(2, then=plateau).state_dict()
    again = Warmup(2, then=ReduceOnPlateau(1.0, patience=0))
    again.load_state_dict(state)
    assert again(2) == pytest.approx(0.1)


@pytest.mark.parametrize("metric", ["1", None, True, [1.0], 1j])
def test_a_metric_is_a_number(metric):
    schedule = ReduceOnPlateau(1.0)
    with pytest.raises(HyperparameterError) as caught:
        schedule.observe(metric)
    assert (caught.value.op, caught.value.arg) == ("ReduceOnPlateau", "metric")
    assert schedule.state_dict() == ReduceOnPlateau(1.0).state_dict()


GOOD_STATE = {"best": 1.0, "bad": 1, "resting": 0, "reductions": 2}


@pytest.mark.parametrize(
    ("state", "arg"),
    [
        (None, "state_dict"),
        ({}, "state_dict"),
        (GOOD_STATE | {"more": 1}, "state_dict"),
        (GOOD_STATE | {"best": "1"}, "best"),
        (GOOD_STATE | {"best": math.nan}, "best"),
        (GOOD_STATE | {"bad": -1}, "bad"),
        (GOOD_STATE | {"resting": 1.0}, "resting"),
        (GOOD_STATE | {"reductions": True}, "reductions"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(state, arg):
    schedule = ReduceOnPlateau(1.0)
    with pytest.raises(CheckpointError) as caught:
        schedule.load_state_dict(state)
    assert (caught.value.op, caught.value.arg) == ("ReduceOnPlateau", arg)
    assert schedule.state_dict() == ReduceOnPlateau(1.0).state_dict()
    schedule.load_state_dict(GOOD_STATE)
    assert schedule.state_dict() == GOOD_STATE


def test_the_others_remember_nothing():
    schedule = Warmup(2, then=Cosine(0.1, steps=10))
    assert schedule.state_dict() == {}
    schedule.load_state_dict({})
    with pytest.raises(CheckpointError) as caught:
        schedule.load_state_dict(GOOD_STATE)
    assert (caught.value.op, caught.value.arg) == ("Cosine", "state_dict")


# ------------------------------------------------------------------ values


@pytest.mark.parametrize("schedule", [schedule for schedule, _ in BY_HAND], ids=str)
def test_a_schedule_survives_its_config(schedule):
    config = json.loads(json.dumps(schedule.get_config()))
    again = Schedule.from_config(config)
    assert again.get_config() == schedule.get_config()
    assert repr(again) == repr(schedule)
    assert values(again, 30) == values(schedule, 30)
    if not isinstance(schedule, ReduceOnPlateau):
        assert again == schedule
        assert hash(again) == hash(schedule)


def test_every_schedule_is_tested():
    tested = {type(schedule) for schedule, _ in BY_HAND}
    assert tested == set(SCHEDULES.values())
    assert all(issubclass(kind, Schedule) for kind in tested)


@pytest.mark.parametrize("schedule", [schedule for schedule, _ in BY_HAND], ids=str)
def test_a_schedule_does_not_change(schedule):
    with pytest.raises(AttributeError):
        schedule.lr = 1.0
    assert repr(pickle.loads(pickle.dumps(schedule))) == repr(copy.deepcopy(schedule)) == repr(schedule)


@pytest.mark.parametrize("schedule", [schedule for schedule, _ in BY_HAND], ids=str)
def test_a_pickle_may_name_the_package(schedule):
    """As those did that were made when all classes were in one file."""
    pickled = re.sub(rb"(fastdl\.optim\.schedules)\.\w+\n", rb"\1\n", pickle.dumps(schedule, protocol=0))
    again = pickle.loads(pickled)
    assert (type(again), again.get_config()) == (type(schedule), schedule.get_config())
    assert again.state_dict() == schedule.state_dict()


@pytest.mark.parametrize(
    ("config", "op", "arg"),
    [
        (None, "Schedule.from_config", "config"),
        ({}, "Schedule.from_config", "config"),
        ({"schedule": "Cosinus"}, "Schedule.from_config", "config"),
        ({"schedule": ["Cosine"]}, "Schedule.from_config", "config"),
        ({"schedule": "Cosine", "lr": 0.1}, "Cosine", "steps"),
        ({"schedule": "Constant", "lr": 0.1, "warmup": 3}, "Constant", "warmup"),
        ({"schedule": "ReduceOnPlateau", "lr": 0.1, "_progress": 3}, "ReduceOnPlateau", "_progress"),
        ({"schedule": "Constant", "lr": "fast"}, "Constant", "lr"),
        ({"schedule": "Warmup", "steps": 3, "then": {"schedule": "Constant", "lr": -1}}, "Constant", "lr"),
        ({"schedule": "Warmup", "steps": 3, "then": None}, "Warmup", "then"),
    ],
)
def test_a_config_that_does_not_fit(config, op, arg):
    with pytest.raises(HyperparameterError) as caught:
        Schedule.from_config(config)
    assert (caught.value.op, caught.value.arg) == (op, arg)


NOT_COUNTS = (-1, 1.5, 2.0, True, "3", None, math.nan)
NOT_SIZES = (-0.1, math.inf, math.nan, "1", None, True, 1j, [0.1], 10**400)
OUT_OF_RANGE = [
    (Constant, {}, {"lr": NOT_SIZES}),
    (StepDecay, {"lr": 1, "every": 2}, {"lr": NOT_SIZES, "every": (0, *NOT_COUNTS), "factor": (0, 1.1, *NOT_SIZES)}),
    (
        Milestones,
        {"lr": 1, "milestones": (1, 2)},
        {
            "milestones": (3, None, "12", (0, 1), (2, 1), (1, 1), (1.0, 2), (1, math.nan)),
            "factor": (0, 1.1, *NOT_SIZES),
        },
    ),
    (Exponential, {"lr": 1, "factor": 0.5}, {"lr": NOT_SIZES, "factor": (0, 1.1), "period": (0, *NOT_SIZES)}),
    (InverseTime, {"lr": 1, "period": 10}, {"lr": NOT_SIZES, "period": (0, *NOT_SIZES)}),
    (
        Polynomial,
        {"lr": 1, "steps": 2},
        {"lr": NOT_SIZES, "steps": (0, *NOT_COUNTS), "power": (0, *NOT_SIZES), "minimum": (1.1, *NOT_SIZES)},
    ),
    (Cosine, {"lr": 1, "steps": 2}, {"lr": NOT_SIZES, "steps": (0, *NOT_COUNTS), "minimum": (1.1, *NOT_SIZES)}),
    (
        CosineRestarts,
        {"lr": 1, "period": 2},
        {"period": (0, *NOT_COUNTS), "multiplier": (0, *NOT_COUNTS), "minimum": (1.1, *NOT_SIZES)},
    ),
    (Warmup, {"steps": 1, "then": 1.0}, {"steps": NOT_COUNTS, "then": NOT_SIZES}),
    (
        OneCycle,
        {"lr": 1, "steps": 10},
        {
            "steps": (0, 1, *NOT_COUNTS),
            "warmup": (1, *NOT_SIZES),
            "first": (1.1, *NOT_SIZES),
            "last": (1.1, *NOT_SIZES),
        },
    ),
    (
        ReduceOnPlateau,
        {"lr": 1},
        {
            "lr": NOT_SIZES,
            "factor": (0, 1.1, *NOT_SIZES),
            "patience": NOT_COUNTS,
            "threshold": (1.1, *NOT_SIZES),
            "cooldown": NOT_COUNTS,
            "minimum": (1.1, *NOT_SIZES),
            "mode": ("smallest", None, 1),
        },
    ),
]


@pytest.mark.parametrize(
    ("kind", "good", "arg", "values"),
    [(kind, good, arg, values) for kind, good, bad in OUT_OF_RANGE for arg, values in bad.items()],
    ids=lambda value: getattr(value, "__name__", value if isinstance(value, str) else ""),
)
def test_a_setting_out_of_range_is_named(kind, good, arg, values):
    if good:
        kind(**good)
    for value in values:
        with pytest.raises(HyperparameterError) as caught:
            kind(**(good | {arg: value}))
        error = caught.value
        assert (error.op, error.arg, error.got) == (kind.__name__, arg, repr(value))
        assert error.expected


def test_settings_are_python_numbers():
    schedule = Cosine(np.float32(0.5), steps=np.int64(4), minimum=0)
    assert [type(value) for value in (schedule.lr, schedule.steps, schedule.minimum)] == [float, int, float]
    assert schedule == Cosine(0.5, 4)
    assert Milestones(1, range(2, 6, 2)) == Milestones(1.0, (2, 4))
    assert Warmup(2, then=0.5) == Warmup(2, then=Constant(0.5))
