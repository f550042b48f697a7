"""bfloat16 parameters in the drop-in; states in bfloat16 and in bytes: stored so, saved, loaded, left to torch."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from fastdl import kernels
from fastdl.errors import DtypeError, HyperparameterError
from tests.parity.experiment import EXTRA

torch = pytest.importorskip("torch", reason=EXTRA)

from fastdl.interop.torch import reduced  # noqa: E402
from tests.parity.drop_in import NAMES, draw, draw_gradients, kernels_counted, ours, step, theirs, transposed  # noqa: E402

pytestmark = pytest.mark.parity

EVERY = pytest.mark.parametrize("name", NAMES)
REDUCED = pytest.mark.parametrize("state_dtype", ["bfloat16", "uint8"])
MOMENTUM = {"SGD": {"momentum": 0.9}, "RMSprop": {"momentum": 0.9}}
SHAPES = ((5, 7), (3,), (), (17, 31), (0, 3), (1003,))
ULP = 2.0**-7  # the distance of two numbers of bfloat16, relative to the smaller one, at most


def make(name, params, **group):
    """The drop-in over copies of the parameters, layouts kept."""
    params = [torch.nn.Parameter(p.clone()) for p in params]
    return ours(name)([{"params": params, **group}], lr=0.01, **MOMENTUM.get(name, {}))


def params_of(optimizer):
    return [p.detach() for p in optimizer.param_groups[0]["params"]]


def bits(optimizer):
    """Parameters and states to the last bit."""
    tensors = params_of(optimizer)
    for p in optimizer.param_groups[0]["params"]:
        tensors += [each for each in optimizer.state.get(p, {}).values() if isinstance(each, torch.Tensor)]
    return [each.contiguous().reshape(-1).view(torch.uint8).tolist() for each in tensors]


@EVERY
@pytest.mark.parametrize("maximize", [False, True])
def test_a_step_of_bfloat16_is_that_of_float32_rounded_once(name, maximize, rng):
    """Each from the same parameters and states as torch's in float32: at most half a unit of bfloat16 apart."""
    params = [p.to(torch.bfloat16) for p in draw(rng, torch.float64, SHAPES)]
    if name != "SGD":  # whose velocity torch makes in the layout of the first gradient
        params[0] = transposed(params[0])
    mine = make(name, params, maximize=maximize)
    gradients = draw_gradients(rng, params, 8)
    with kernels_counted() as counted:
        for gradient in gradients:
            wide = [torch.nn.Parameter(p.float()) for p in params_of(mine)]
            other = theirs(name)(wide, lr=0.01, maximize=maximize, **MOMENTUM.get(name, {}))
            other.load_state_dict(copy.deepcopy(mine.state_dict()))
            step(mine, gradient)
            step(other, [g.float() for g in gradient])
            for got, expected in zip(params_of(mine), wide, strict=True):
                assert got.dtype is torch.bfloat16
                off = (got.float() - expected.detach()).abs()
                # torch's own first step rounds each of its results.
                assert bool((off <= (0.51 if any(counted) else 1.5) * ULP * expected.detach().abs()).all())
    assert counted[-7:] == [len(SHAPES)] * 7


@EVERY
@REDUCED
def test_states_are_stored_so(name, state_dtype, rng):
    params = draw(rng, torch.float32, SHAPES)
    params[0] = transposed(params[0])
    mine = make(name, params, state_dtype=state_dtype)
    other = make(name, params)
    gradients = draw_gradients(rng, params, 12)
    with kernels_counted() as counted:
        for gradient in gradients:
            step(mine, gradient)
    assert counted[-11:] == [len(SHAPES)] * 11
    for gradient in gradients:
        step(other, gradient)
    for p, q in zip(mine.param_groups[0]["params"], other.param_groups[0]["params"], strict=True):
        for key, exact in other.state[q].items():
            if key in ("step", "mu_product"):
                assert mine.state[p][key] == exact
                continue
            stored = mine.state[p][key]
            assert stored.dtype is reduced.DTYPES[state_dtype]
            decoded = reduced._decoded(stored, p, key)
            assert decoded.shape == exact.shape
            if exact.numel():
                off, largest = (decoded - exact).abs(), exact.abs().max()
                assert bool((off <= {"bfloat16": 0.03, "uint8": 1.0}[state_dtype] * largest).all())
                if exact.numel() > 1000:
                    assert bool(off.mean() <= {"bfloat16": 0.002, "uint8": 0.05}[state_dtype] * largest)


@EVERY
@REDUCED
def test_a_checkpoint_goes_on_bit_for_bit(name, state_dtype, rng):
    params = draw(rng, torch.float32, SHAPES)
    gradients = draw_gradients(rng, params, 9)
    mine = make(name, params, state_dtype=state_dtype, seed=5)
    for gradient in gradients[:5]:
        step(mine, gradient)
    other = make(name, params_of(mine))
    other.load_state_dict(copy.deepcopy(mine.state_dict()))
    for gradient in gradients[5:]:
        step(mine, gradient)
        step(other, gradient)
    assert other.param_groups[0]["state_dtype"] == state_dtype
    assert bits(mine) == bits(other)


@REDUCED
def test_groups_and_seeds_are_rounded_by_other_numbers(state_dtype, rng):
    """Two groups of one seed, with the same parameters and gradients, and the same group with two seeds."""
    (param,) = draw(rng, torch.float32, ((1003,),))
    (gradient,) = draw_gradients(rng, [param], 1)[0]
    stored = []
    for seed in (0, 7):
        groups = [{"params": [torch.nn.Parameter(param.clone())], "seed": seed} for _ in range(2)]
        mine = ours("Adam")([group | {"state_dtype": state_dtype} for group in groups])
        for _ in range(3):
            step(mine, [gradient] * 2)
        stored += [mine.state[group["params"][0]] for group in groups]
    for name in ("exp_avg", "exp_avg_sq"):
        assert not torch.equal(stored[0][name], stored[1][name])
        assert not torch.equal(stored[0][name], stored[2][name])


@REDUCED
def test_a_checkpoint_of_torch_s_is_brought_into_the_group_s_form(state_dtype, rng):
    params = draw(rng, torch.float32, SHAPES)
    gradients = draw_gradients(rng, params, 4)
    other = theirs("Adam")([torch.nn.Parameter(p.clone()) for p in params], lr=0.01)
    for gradient in gradients[:3]:
        step(other, gradient)
    mine = make("Adam", params_of(other), state_dtype=state_dtype)
    mine.load_state_dict(other.state_dict())
    step(mine, gradients[3])
    for p, q in zip(mine.param_groups[0]["params"], other.param_groups[0]["params"], strict=True):
        assert mine.state[p]["exp_avg"].dtype is reduced.DTYPES[state_dtype]
        assert other.state[q]["exp_avg"].dtype is torch.float32


def test_torch_goes_on_with_states_of_bfloat16(rng):
    params = draw(rng, torch.float32, SHAPES)
    gradients = draw_gradients(rng, params, 4)
    mine = make("Adam", params, state_dtype="bfloat16")
    for gradient in gradients[:3]:
        step(mine, gradient)
    other = theirs("Adam")([torch.nn.Parameter(p.clone()) for p in params_of(mine)], lr=0.01)
    other.load_state_dict(copy.deepcopy(mine.state_dict()))
    step(mine, gradients[3])
    step(other, gradients[3])
    for got, expected in zip(params_of(mine), params_of(other), strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-6, atol=0)


@REDUCED
def test_what_is_left_to_torch_gets_its_states_back(state_dtype, rng):
    """A gradient that the kernels cannot read for one step: torch takes that parameter's, the kernels the next ones."""
    params = draw(rng, torch.float32, SHAPES)
    params[0] = transposed(params[0])
    gradients = draw_gradients(rng, params, 6)
    mine = make("Adam", params, state_dtype=state_dtype)
    for number, gradient in enumerate(gradients):
        first = mine.param_groups[0]["params"][0]
        if number == 3:
            before = reduced._decoded(mine.state[first]["exp_avg"], first, "exp_avg")
            gradient = [gradient[0].to_sparse().to_dense().as_subclass(Odd), *gradient[1:]]
        step(mine, gradient)
        if number == 3:
            assert mine.state[first]["exp_avg"].dtype is torch.float32
            expected = torch.lerp(before, torch.Tensor(gradient[0]), 0.1)
            torch.testing.assert_close(mine.state[first]["exp_avg"], expected, rtol=1e-5, atol=1e-7)
    assert mine.state[first]["exp_avg"].dtype is reduced.DTYPES[state_dtype]


class Odd(torch.Tensor):
    """A tensor of another class, which may mean something else by its memory."""


@pytest.mark.parametrize(
    ("name", "dtype", "group", "error"),
    [
        ("Adam", torch.float64, {"state_dtype": "uint8"}, DtypeError),
        ("Adam", torch.float32, {"state_dtype": "int4"}, HyperparameterError),
        ("Adam", torch.float32, {"state_dtype": "uint8", "seed": -1}, HyperparameterError),
        ("RMSprop", torch.float32, {"state_dtype": "bfloat16", "centered": True}, HyperparameterError),
    ],
)
def test_what_cannot_be_is_refused_before_a_step(name, dtype, group, error, rng):
    params = draw(rng, dtype, SHAPES)
    mine = make(name, params, **group)
    with pytest.raises(error):
        step(mine, draw_gradients(rng, params, 1)[0])
    assert all(torch.equal(got, p) for got, p in zip(params_of(mine), params, strict=True))
    assert not mine.state


@EVERY
def test_which_states_are_never_negative(name):
    """The names agree with what the kernels' rules declare."""
    for settings in ({}, {"amsgrad": True}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}):
        try:
            optimizer = ours(name)([torch.nn.Parameter(torch.ones(1))], **settings)
        except TypeError:
            continue
        formula = optimizer._formula(optimizer.param_groups[0])
        spec = kernels.RULES[formula.rule]
        named = {torch_name for own, torch_name in zip(spec.state, formula.states, strict=True) if own in spec.squares}
        assert named == reduced.SQUARES & set(formula.states)


def test_rounding_is_right_on_average(rng):
    """A mean of squares that changes by less than a unit of bfloat16 a step still arrives."""
    p = torch.nn.Parameter(torch.ones(4096))
    optimizer = ours("Adam")([{"params": [p], "state_dtype": "bfloat16"}], lr=0.0, betas=(0.9, 0.999))
    for _ in range(400):
        p.grad = torch.full_like(p, 2.0)
        optimizer.step()
    mean = float(optimizer.state[p]["exp_avg_sq"].float().mean())
    assert mean == pytest.approx(4 * (1 - 0.999**400), rel=0.01)
    assert np.isfinite(mean)
