"""What an optimizer remembers: settings worked out once, steps, schedules, and how it describes itself."""

from __future__ import annotations

import numpy as np
import pytest

from fastdl import optim
from fastdl.errors import ArrayError, CheckpointError, HyperparameterError
from fastdl.optim import schedules
from fastdl.optim.options import Options


def one(value: float = 1.0) -> dict[str, np.ndarray]:
    return {"W": np.array([[value]])}


CHANGES = [
    ("lr", 0.5),
    ("lr", np.float32(0.5)),
    ("lr", np.array(0.5)),
    ("lr", lambda step: 0.5 / (step + 1)),
    ("weight_decay", 0.25),
    ("decoupled", True),
    ("decay_filter", lambda key, value: False),
    ("clip_norm", 0.5),
    ("clip_value", 0.5),
    ("momentum", 0.25),
    ("groups", {"W": {"lr": 0.5}}),
    ("ema", 0.5),
]


@pytest.mark.parametrize(("name", "value"), CHANGES, ids=[f"{name}-{i}" for i, (name, _) in enumerate(CHANGES)])
def test_a_setting_counts_from_the_step_after(name, value):
    """Compared with an optimizer that is copied, so works everything out anew, before each step."""
    kept, anew = optim.Momentum(lr=0.1, weight_decay=0.125), optim.Momentum(lr=0.1, weight_decay=0.125)
    params, others = one(), one()
    for step in range(6):
        if step == 3:
            setattr(kept, name, value)
            setattr(anew, name, value)
        kept.update(params, one(2.0 + step))
        anew._bound = None if anew._bound is None else anew._bound._replace(version=-1)
        anew.update(others, one(2.0 + step))
        np.testing.assert_array_equal(params["W"], others["W"])


@pytest.mark.parametrize("change", ["rates", "groups"])
def test_what_is_changed_in_place_counts(change):
    rate, params = np.array(1.0), one(0.0)
    optimizer = optim.SGD(lr=rate) if change == "rates" else optim.SGD(lr=1.0)
    for step, expected in ((1.0, -1.0), (1.0, -2.0), (8.0, -10.0), (8.0, -18.0)):
        if change == "rates":
            rate[...] = step
        elif step != 1.0:
            optimizer.groups["W"] = {"lr": step}
        optimizer.update(params, one())
        assert params["W"][0, 0] == expected


def test_groups_may_be_emptied_in_place():
    optimizer, params = optim.Momentum(lr=1.0, momentum=0.5, groups={"W": {"lr": 8.0}}), one(0.0)
    for expected in (-8.0, -13.0, -16.5):
        optimizer.update(params, one())
        assert params["W"][0, 0] == expected
        optimizer.groups.clear()


def test_a_schedule_is_asked_once_a_step():
    asked = []

    def usual(step):
        asked.append(("usual", step))
        return 1.0

    def own(step):
        asked.append(("own", step))
        return 0.5

    optimizer = optim.SGD(lr=usual, groups={"b?": {"lr": own}, "c": {"lr": usual}})
    params = {key: np.zeros(1) for key in ("a", "b1", "b2", "c")}
    for _ in range(2):
        optimizer.update(params, {key: np.ones(1) for key in params})
    assert asked == [("usual", 0), ("own", 0), ("usual", 1), ("own", 1)]
    assert {key: array[0] for key, array in params.items()} == {"a": -2.0, "b1": -1.0, "b2": -1.0, "c": -2.0}


def test_options_that_are_not_given():
    optimizer, other = optim.SGD(), optim.SGD()
    assert {name: getattr(optimizer, name) for name in Options.__annotations__} == {
        "weight_decay": 0.0, "decoupled": False, "decay_filter": "all", "clip_norm": None, "clip_value": None,
        "nonfinite": "propagate", "groups": {}, "ema": None, "state_dtype": None, "seed": 0,
    }  # fmt: skip
    assert optimizer.groups is not other.groups


def test_an_equal_value_of_another_type_is_checked():
    optimizer, params = optim.SGD(lr=1.0), one()
    optimizer.update(params, one())
    optimizer.lr = True
    with pytest.raises(HyperparameterError):
        optimizer.update(params, one())


def test_arrays_without_state_may_change_their_dimensions():
    optimizer = optim.SGD(lr=1.0, weight_decay=0.5, decay_filter="matrices")
    for shape, expected in (((1, 1), 0.5), ((1,), 1.0), ((1, 1), 0.5)):
        params = {"W": np.ones(shape)}
        optimizer.update(params, {"W": np.zeros(shape)})
        assert params["W"].item() == expected


class TestSteps:
    def test_without_state_they_go_on_with_other_parameters(self):
        optimizer = optim.SGD(lr=schedules.StepDecay(1.0, factor=0.5, every=2))
        for key, expected in (("a", -1.0), ("b", -1.0), ("c", -0.5)):
            params = {key: np.array([0.0])}
            optimizer.update(params, {key: np.array([1.0])})
            assert params[key][0] == expected
        assert optimizer.steps == 3

    @pytest.mark.parametrize("empty", [{}, []])
    def test_of_nothing(self, empty):
        optimizer, params = optim.Momentum(lr=1.0), one()
        optimizer.update(empty, empty)
        assert optimizer.steps == 0
        optimizer.update(params, one())
        assert params["W"][0, 0] == 0


class TestSaved:
    def test_weight_decay(self):
        saved, other = optim.AdamW(weight_decay=0.5).state_dict(), optim.AdamW()
        assert saved["hyperparameters"]["weight_decay"] == 0.5
        other.load_state_dict(saved)
        assert other.weight_decay == 0.5

    def grouped(self) -> tuple[optim.SGD, schedules.ReduceOnPlateau]:
        plateau = schedules.ReduceOnPlateau(1.0, factor=0.5, patience=0)
        return optim.SGD(lr=1.0, groups={"W": {"lr": plateau}, "*": {}}), plateau

    def test_schedules_of_groups(self):
        (optimizer, plateau), (other, others) = self.grouped(), self.grouped()
        for loss in (1.0, 2.0):
            plateau.observe(loss)
        other.load_state_dict(optimizer.state_dict())
        assert others(0) == 0.5

    def test_a_memory_without_its_schedule(self):
        optimizer, _ = self.grouped()
        for saved in (optimizer.state_dict(), optim.SGD(lr=schedules.ReduceOnPlateau(1.0)).state_dict()):
            other = optim.SGD(lr=0.25)
            with pytest.raises(CheckpointError, match="there is no schedule"):
                other.load_state_dict(saved)
            assert other.lr == 0.25

    def test_no_schedule_has_changed_where_one_does_not_fit(self):
        plateau = schedules.ReduceOnPlateau(1.0, factor=0.5, patience=0)
        for loss in (1.0, 2.0):
            plateau.observe(loss)
        saved = optim.SGD(lr=plateau, groups={"W": {"lr": plateau}}).state_dict()
        for part in (("lr",), ("groups", "W")):
            lr, own = (schedules.ReduceOnPlateau(1.0, factor=0.5, patience=0) for _ in range(2))
            bad = {**saved["schedules"], "groups": dict(saved["schedules"]["groups"])}
            place = bad if len(part) == 1 else bad["groups"]
            place[part[-1]] = {"best": None}
            with pytest.raises(CheckpointError):
                optim.SGD(lr=lr, groups={"W": {"lr": own}}).load_state_dict({**saved, "schedules": bad})
            assert lr(0) == own(0) == 1.0

    @pytest.mark.parametrize("bad", [{}, {"lr": {}}, {"lr": {}, "groups": {}, "more": {}}, {"lr": 1, "groups": {}}])
    def test_schedules_of_another_form(self, bad):
        optimizer = optim.SGD()
        with pytest.raises(CheckpointError):
            optimizer.load_state_dict({**optimizer.state_dict(), "schedules": bad})


@pytest.mark.parametrize(
    ("optimizer", "expected"),
    [
        (optim.SGD(lr=0.5), "SGD(lr=0.5)"),
        (optim.Momentum(convention="torch"), "Momentum(lr=0.001, momentum=0.9, convention='torch')"),
        (
            optim.Adam(amsgrad=True, clip_norm=1.0),
            "Adam(lr=0.001, beta1=0.9, beta2=0.999, eps=1e-07, amsgrad=True, clip_norm=1.0)",
        ),
        (
            optim.RMSprop(centered=True, groups={"b*": {"lr": 0.5}}),
            "RMSprop(lr=0.01, rho=0.99, eps=1e-07, momentum=0.0, centered=True, groups={'b*': {'lr': 0.5}})",
        ),
    ],
    ids=["sgd", "momentum", "adam", "rmsprop"],
)
def test_repr_makes_the_same_again(optimizer, expected):
    assert repr(optimizer) == expected
    assert repr(eval(expected, vars(optim))) == expected


def test_rmsprop_without_momentum_takes_none_later():
    optimizer, params = optim.RMSprop(), one()
    assert optimizer.momentum == 0
    optimizer.momentum = 0.0
    with pytest.raises(HyperparameterError, match="Make an optimizer with momentum"):
        optimizer.momentum = 0.9
    optimizer.update(params, one())
    later = optim.RMSprop(momentum=0.5)
    later.momentum = 0.9
    assert later.hyperparameters["momentum"] == 0.9


def test_errors_name_the_optimizer_and_not_its_variant():
    optimizer = optim.Adam(convention="torch")
    assert optimizer.rule == "adam_paper"
    with pytest.raises(ArrayError) as caught:
        optimizer.update(one(), {"W": np.ones(3)})
    assert caught.value.op == "adam"
