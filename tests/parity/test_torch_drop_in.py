"""The drop-ins for torch's optimizers against torch's own, over all of their settings."""

from __future__ import annotations

import copy
import inspect
import io
import pickle

import pytest

from tests.parity.experiment import EXTRA

torch = pytest.importorskip("torch", reason=EXTRA)
pytest.importorskip("expecttest", reason=EXTRA)  # torch's test cases need it

from torch.optim import lr_scheduler  # noqa: E402
from torch.testing._internal.common_optimizers import (  # noqa: E402
    OptimizerErrorEnum,
    _get_optim_inputs_including_global_cliquey_kwargs,
    optim_db,
)

from tests.parity.drop_in import (  # noqa: E402
    NAMES,
    SHAPES,
    STEPS,
    TOLERANCE,
    compare,
    copies,
    draw,
    draw_gradients,
    kernels_counted,
    ours,
    run_both,
    step,
    theirs,
)

pytestmark = [pytest.mark.parity, pytest.mark.usefixtures("torch_in_float64")]

INFOS = {info.name: info for info in optim_db if info.name in NAMES}
DTYPES = pytest.mark.parametrize("dtype", list(TOLERANCE), ids=str)
EVERY = pytest.mark.parametrize("name", NAMES)

# Beside torch's own cases.
MORE = {
    "SGD": (
        {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1, "maximize": True},
        {"lr": 0.1, "momentum": 0.9, "nesterov": True, "maximize": True, "foreach": True},
    ),
    "Adagrad": ({"lr_decay": 0.1, "initial_accumulator_value": 0.5, "weight_decay": 0.1, "maximize": True},),
    "RMSprop": ({"momentum": 0.8, "centered": True, "weight_decay": 0.1, "alpha": 0.9, "maximize": True},),
    "Adadelta": ({"lr": 1.0, "rho": 0.5, "eps": 1e-3, "weight_decay": 0.1},),
    "Adam": (
        {"betas": (0.5, 0.6), "amsgrad": True, "weight_decay": 0.1, "decoupled_weight_decay": True, "maximize": True},
        {"lr": 0.01, "eps": 0.0},
        {"betas": (0.0, 0.0), "eps": 1e-2},
    ),
    "AdamW": ({"betas": (0.5, 0.6), "amsgrad": True, "eps": 1e-2, "foreach": True},),
    "Adamax": ({"betas": (0.5, 0.6), "eps": 1e-2, "weight_decay": 0.1, "maximize": True},),
    "NAdam": ({"betas": (0.5, 0.6), "momentum_decay": 0.5, "eps": 1e-2}, {"momentum_decay": 0.0}),
    "RAdam": ({"betas": (0.5, 0.9), "eps": 1e-2, "weight_decay": 0.1},),
}


def cases():
    for name, info in INFOS.items():
        found = [each.kwargs for each in _get_optim_inputs_including_global_cliquey_kwargs("cpu", torch.float64, info)]
        for number, settings in enumerate([*found, *MORE[name]]):
            words = "-".join(f"{key}={value}" for key, value in settings.items() if value is not False)
            yield pytest.param(name, settings, id=f"{name}-{number}-{words}")


def test_all_of_torch_s_cases_are_there():
    assert set(INFOS) == set(NAMES)


@EVERY
def test_signature_and_defaults(name):
    assert inspect.signature(ours(name)) == inspect.signature(theirs(name))
    assert issubclass(ours(name), theirs(name))
    params = draw_one()
    assert ours(name)(params).defaults == theirs(name)(params).defaults


def draw_one():
    return [torch.nn.Parameter(torch.ones(3))]


@DTYPES
@pytest.mark.parametrize(("name", "settings"), list(cases()))
def test_settings(name, settings, dtype, rng):
    """Every element after every step, with transposed gradients and odd sizes; the kernels take all but the first.

    torch's fused kernel takes a transposed gradient for one that is not: the reference is torch without it.
    """
    params = draw(rng, dtype)
    gradients = draw_gradients(rng, params, 12)
    reference = {"fused": False} if settings.get("fused") else {}
    # Under differentiable and capturable torch computes its own way, without eps it may divide by what is subnormal.
    is_ours = not any(settings.get(key) for key in ("differentiable", "capturable")) and settings.get("eps") != 0
    if settings.get("capturable"):
        with pytest.raises(AssertionError, match="capturable"):
            run_both(name, settings, params, gradients)
        return
    if settings.get("differentiable"):
        mine, other = ours(name)([p.clone() for p in params], **settings), theirs(name)(params, **settings)
        with kernels_counted() as counted:
            for gradient in gradients:
                step(mine, gradient)
                step(other, gradient)
        compare(mine, other, 0.0)
    else:
        counted = run_both(name, settings, params, gradients, reference=reference)
    has_state = name == "Adagrad" or (name == "SGD" and not settings.get("momentum"))  # all it needs, from the start
    by_kernels = len(gradients) - (not has_state)
    assert [each for each in counted if each] == [len(params)] * by_kernels * is_ours


def schedulers():
    for name, info in INFOS.items():
        for number, chain in enumerate(info.scheduler_inputs):
            for place, make in enumerate(chain):
                yield pytest.param(name, make, id=f"{name}-{number}-{place}")


@pytest.mark.parametrize(("name", "schedule"), list(schedulers()))
def test_schedulers_of_torch_s_cases(name, schedule, rng):
    params = draw(rng, torch.float64)
    counted = run_both(name, {}, params, draw_gradients(rng, params), schedule=schedule)
    assert counted[-1] == len(params)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "NAdam", "RAdam", "RMSprop"])
def test_one_cycle_which_changes_betas_and_momentum(name, rng):
    """NAdam's product of momenta is then no longer what the rule takes it for; torch steps until it has faded."""
    params = draw(rng, torch.float64)
    settings = {"momentum": 0.9} if name in ("SGD", "RMSprop") else {}
    run_both(
        name, settings, params, draw_gradients(rng, params),
        schedule=lambda optimizer: lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=STEPS + 1),
    )  # fmt: skip


@EVERY
def test_errors_are_torch_s(name):
    for case in INFOS[name].optim_error_inputs_func(device="cpu", dtype=torch.float32):
        if case.error_on is not OptimizerErrorEnum.CONSTRUCTION_ERROR or case.error_type is UserWarning:
            continue
        given = case.optimizer_error_input
        params = draw_one() if given.params is None else given.params
        with pytest.raises(case.error_type, match=case.error_regex):
            ours(name)(params, **given.kwargs)


def settings_of(name):
    return {"lr": 0.01} | ({"momentum": 0.9} if name in ("SGD", "RMSprop") else {})


def through_a_file(state_dict):
    """A checkpoint."""
    file = io.BytesIO()
    torch.save(state_dict, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@DTYPES
@EVERY
@pytest.mark.parametrize("direction", ["from torch", "to torch", "within"])
def test_checkpoints_go_both_ways(name, direction, dtype, rng):
    """Half-way the states move to an optimizer of the other class; all go on as one that never stopped."""
    params = draw(rng, dtype)
    gradients = draw_gradients(rng, params)
    before = (theirs if direction == "from torch" else ours)(name)(copies(params), **settings_of(name))
    whole = theirs(name)(copies(params), **settings_of(name))
    schedules = [lr_scheduler.StepLR(each, 7, 0.5) for each in (before, whole)]
    for gradient in gradients[: STEPS // 2]:
        for optimizer in (before, whole):
            step(optimizer, gradient)
        for each in schedules:
            each.step()
    after = (theirs if direction == "to torch" else ours)(name)(copies(before.param_groups[0]["params"]), lr=0.5)
    with kernels_counted() as counted:
        after.load_state_dict(through_a_file(before.state_dict()))
        schedule = lr_scheduler.StepLR(after, 7, 0.5)
        schedule.load_state_dict(schedules[0].state_dict())
        for gradient in gradients[STEPS // 2 :]:
            step(after, gradient)
            step(whole, gradient)
            schedule.step()
            schedules[1].step()
            compare(after, whole)
    assert counted == [] if direction == "to torch" else [len(params)] * (STEPS - STEPS // 2)


@EVERY
def test_states_may_be_loaded_into_an_optimizer_that_has_stepped(name, rng):
    params = draw(rng, torch.float64)
    gradients = draw_gradients(rng, params, 8)
    mine, other = (make(name)(copies(params), **settings_of(name)) for make in (ours, theirs))
    for gradient in gradients[:3]:
        step(mine, gradient)
        step(other, gradient)
    kept = copy.deepcopy(mine.state_dict()), copy.deepcopy(other.state_dict())
    for gradient in gradients[3:5]:
        step(mine, gradient)
        step(other, gradient)
    mine.load_state_dict(kept[0])
    other.load_state_dict(kept[1])
    for gradient in gradients[5:]:
        step(mine, gradient)
        step(other, gradient)
        compare(mine, other)


@EVERY
@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda both: pickle.loads(pickle.dumps(both))], ids=["deepcopy", "pickle"]
)
def test_copies_go_on_by_themselves(name, copied, rng):
    """Model and optimizer are copied together, as torch's are, and the original does not feel it."""
    params = draw(rng, torch.float64)
    gradients = draw_gradients(rng, params, 6)
    mine, other = (make(name)(copies(params), **settings_of(name)) for make in (ours, theirs))
    for gradient in gradients[:3]:
        step(mine, gradient)
        step(other, gradient)
    twin = copied(mine)
    assert type(twin) is type(mine)
    compare(twin, other)
    with kernels_counted() as counted:
        for gradient in gradients[3:]:
            step(twin, gradient)
            step(other, gradient)
            compare(twin, other)
    assert counted == [len(params)] * 3
    assert all(mine.state[p]["step"] == 3 for p in mine.param_groups[0]["params"] if "step" in mine.state[p])


@EVERY
def test_a_model_of_torch_s_learns_the_same(name, rng):
    """Gradients that autograd makes, groups with settings of their own, zero_grad, a closure, a schedule."""

    def train(cls):
        torch.manual_seed(0)
        network = torch.nn.Sequential(torch.nn.Linear(7, 5), torch.nn.Tanh(), torch.nn.Linear(5, 3))
        groups = [
            {"params": network[0].parameters(), "weight_decay": 0.1},
            {"params": network[2].parameters(), "lr": 0.003},
        ]
        optimizer = cls(groups, **settings_of(name))
        schedule = lr_scheduler.ExponentialLR(optimizer, 0.9)

        def closure():
            optimizer.zero_grad()
            loss = (network(x) - y).square().mean()
            loss.backward()
            return loss

        for _ in range(STEPS):
            loss = optimizer.step(closure)
            schedule.step()
        assert loss.requires_grad
        return optimizer

    x, y = torch.tensor(rng.normal(size=(11, 7))), torch.tensor(rng.normal(size=(11, 3)))
    with kernels_counted() as counted:
        mine = train(ours(name))
    assert [each for each in counted if each] == [2] * len([each for each in counted if each])
    assert sum(counted) >= 4 * (STEPS - 1)
    compare(mine, train(theirs(name)), 1e-10)


def test_shapes_are_odd():
    assert {0, 1, 3, 1003} <= {torch.Size(shape).numel() for shape in SHAPES}
