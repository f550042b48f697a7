"""What the kernels cannot do is left to torch, and what they can do they do right: layouts, dtypes, memory, hooks."""

from __future__ import annotations

import gc
import warnings
import weakref

import pytest

from tests.parity.experiment import EXTRA

torch = pytest.importorskip("torch", reason=EXTRA)

from tests.parity.drop_in import (  # noqa: E402
    NAMES,
    compare,
    copies,
    draw,
    draw_gradients,
    kernels_counted,
    ours,
    run_both,
    step,
    theirs,
    transposed,
)

pytestmark = [pytest.mark.parity, pytest.mark.usefixtures("torch_in_float64")]

EVERY = pytest.mark.parametrize("name", NAMES)
MOMENTUM = {"SGD": {"momentum": 0.9}, "RMSprop": {"momentum": 0.9}}


def both(name, params, **settings):
    """The two optimizers over copies of their own, layouts kept."""
    settings = {"lr": 0.01} | MOMENTUM.get(name, {}) | settings
    return [make(name)(copies(params), **settings) for make in (ours, theirs)]


def run(mine, other, gradients):
    """Take the steps with both, compared after each, and return how many parameters the kernels stepped in each."""
    with kernels_counted() as counted:
        for gradient in gradients:
            step(mine, gradient)
            step(other, [None if each is None else each.clone() for each in gradient])
            compare(mine, other)
    return counted


@EVERY
def test_parameters_in_another_order_in_memory(name, rng):
    """Transposed and channels-last parameters are stepped where they are, whatever the gradient's layout."""
    params = draw(rng, torch.float64, ((5, 7), (2, 3, 4, 5), (3, 4, 5)))
    params = [
        transposed(params[0]),
        params[1].contiguous(memory_format=torch.channels_last),
        params[2].permute(1, 2, 0),
    ]
    like = [
        [torch.empty_like(p).copy_(g) for p, g in zip(params, g, strict=True)] for g in draw_gradients(rng, params, 5)
    ]
    other_layout = [[g.contiguous() for g in gradients] for gradients in draw_gradients(rng, params, 5)]
    assert not any(p.is_contiguous() for p in params)
    mine, other = both(name, params)
    assert run(mine, other, [*like, *other_layout])[-9:] == [3] * 9
    assert [p.stride() for p in mine.param_groups[0]["params"]] == [p.stride() for p in params]


@pytest.mark.parametrize("name", ["SGD", "Adagrad", "Adam", "AdamW"])  # those with a fused kernel
def test_fused_and_transposed_gradients_from_the_first_step(name, rng):
    """The fused kernels of torch step the wrong elements there; the first step is not theirs either."""
    params = draw(rng, torch.float64)
    gradients = [[transposed(g) for g in each] for each in draw_gradients(rng, params, 4)]
    run_both(name, {"fused": True} | MOMENTUM.get(name, {}), params, gradients, reference={"fused": False})


@EVERY
def test_storage_offsets_and_expanded_gradients(name, rng):
    flat = draw(rng, torch.float64, ((100,),))[0]
    params = [flat[3:15].view(3, 4), flat[20:27]]
    mine, other = (
        make(name)([torch.nn.Parameter(p) for p in (whole[3:15].view(3, 4), whole[20:27])], lr=0.01)
        for make, whole in ((ours, flat.clone()), (theirs, flat.clone()))
    )
    gradients = [[torch.tensor(0.5).expand(3, 4), torch.tensor([0.25]).expand(7)] for _ in range(4)]
    assert run(mine, other, gradients)[-3:] == [2] * 3
    assert [p.shape for p in params] == [p.shape for p in mine.param_groups[0]["params"]]


@EVERY
def test_dtypes_side_by_side(name, rng):
    """float32 and float64 in one call; float16 is left to torch."""
    params = [p.to(d) for d in (torch.float32, torch.float64, torch.float16)
              for p in draw(rng, torch.float64, ((4, 3),))]  # fmt: skip
    mine, other = both(name, params)
    assert run(mine, other, draw_gradients(rng, params, 5))[-4:] == [2] * 4


@EVERY
def test_gradients_that_come_and_go(name, rng):
    """A parameter without a gradient is left alone, its step not counted; without any it has no state."""
    params = draw(rng, torch.float64, ((4, 3), (3,), (5,), (2,)))
    mine, other = both(name, params)
    mine.param_groups[0]["params"][3].requires_grad_(False)
    gradients = [
        [g if (number + k) % (k + 2) else None for k, g in enumerate(each[:3])] + [None]
        for number, each in enumerate(draw_gradients(rng, params, 12))
    ]
    run(mine, other, gradients)


@EVERY
def test_a_group_added_later_and_settings_changed_on_the_way(name, rng):
    params = draw(rng, torch.float64, ((4, 3), (3,), (5,)))
    gradients = draw_gradients(rng, params, 12)
    mine, other = both(name, params[:2])
    run(mine, other, [each[:2] for each in gradients[:4]])
    for optimizer in (mine, other):
        optimizer.add_param_group({"params": copies(params[2:]), "lr": 0.1, "weight_decay": 0.1})
    run(mine, other, gradients[4:8])
    for optimizer in (mine, other):
        optimizer.param_groups[0] |= {"maximize": True, "weight_decay": 0.05, "lr": torch.tensor(0.02)}
    assert run(mine, other, gradients[8:])[-2:] == [2, 1]


@EVERY
def test_states_and_memory_that_others_change(name, rng):
    """States replaced, cleared, filled; a parameter's memory, shape and place in the list."""
    params = draw(rng, torch.float64, ((4, 3), (5,)))
    mine, other = both(name, params)

    def change(how):
        for optimizer in (mine, other):
            how(optimizer, optimizer.param_groups[0]["params"])
        run(mine, other, draw_gradients(rng, mine.param_groups[0]["params"], 3))

    run(mine, other, draw_gradients(rng, params, 3))
    change(lambda optimizer, params: optimizer.state.pop(params[0], None))
    change(
        lambda optimizer, params: optimizer.state.update(
            {p: {k: v.clone() if torch.is_tensor(v) else v for k, v in s.items()} for p, s in optimizer.state.items()}
        )
    )
    change(lambda optimizer, params: [s["step"].fill_(40.0) for s in optimizer.state.values() if "step" in s])
    change(lambda optimizer, params: [s.update(step=s["step"] + 2) for s in optimizer.state.values() if "step" in s])
    change(lambda optimizer, params: setattr(params[0], "data", params[0].data.clone()))
    change(lambda optimizer, params: setattr(optimizer, "state", type(optimizer.state)(dict)))
    change(lambda optimizer, params: params.reverse())
    change(lambda optimizer, params: params.__setitem__(0, torch.nn.Parameter(params[0].detach().clone())))
    for optimizer in (mine, other):
        optimizer.state.clear()
    change(lambda optimizer, params: setattr(params[1], "data", params[1].data.t().contiguous().view(-1, 2)))
    change(lambda optimizer, params: [p.share_memory_() for p in params])


@EVERY
def test_tensors_that_share_memory(name, rng):
    """Two views of the same elements, the same parameter's gradient twice, a gradient that is the parameter."""
    flat = draw(rng, torch.float64, ((20,),))[0]
    mine, other = (
        make(name)([torch.nn.Parameter(whole[:12]), torch.nn.Parameter(whole[6:])], lr=0.01)
        for make, whole in ((ours, flat.clone()), (theirs, flat.clone()))
    )
    counted = run(mine, other, draw_gradients(rng, [flat[:12], flat[6:]], 5))
    assert sum(counted) == 0
    mine, other = both(name, [flat.clone(), flat.clone()])
    shared = draw_gradients(rng, [flat], 5)
    run(mine, other, [[each[0], each[0]] for each in shared])
    for optimizer in (mine, other):
        params = optimizer.param_groups[0]["params"]
        params[0].grad = params[1].grad = params[1].detach()
        optimizer.step()
    compare(mine, other)


@EVERY
def test_parameters_that_are_not_dense(name, rng):
    flat = draw(rng, torch.float64, ((6, 8),))[0]
    mine, other = (
        make(name)([torch.nn.Parameter(whole[:, ::2]), torch.nn.Parameter(flat[0].clone())], lr=0.01)
        for make, whole in ((ours, flat.clone()), (theirs, flat.clone()))
    )
    assert run(mine, other, draw_gradients(rng, [flat[:, ::2], flat[0]], 5))[-4:] == [1] * 4


@EVERY
def test_one_that_is_left_to_torch_and_shares_memory(name, rng):
    """The order of the steps shows in weight decay; it is torch's."""
    flat = draw(rng, torch.float64, ((6, 8),))[0]
    settings = {"lr": 0.1} | ({"weight_decay": 0.5} if name != "SGD" else {"momentum": 0.9, "weight_decay": 0.5})
    mine, other = (
        make(name)([torch.nn.Parameter(whole[:, ::2]), torch.nn.Parameter(whole)], **settings)
        for make, whole in ((ours, flat.clone()), (theirs, flat.clone()))
    )
    gradients = [[g[0][:, ::2].contiguous(), g[1]] for g in draw_gradients(rng, [flat, flat], 5)]
    assert sum(run(mine, other, gradients)) == 0


@EVERY
def test_parameters_made_of_other_tensors(name, rng):
    """As a DTensor is: they have no memory of their own that could be looked at."""
    two = pytest.importorskip("torch.testing._internal.two_tensor", reason="torch keeps it to itself").TwoTensor
    drawn = draw(rng, torch.float64, ((5,), (5,), (3,)))
    settings = {"lr": 0.01} | MOMENTUM.get(name, {})
    made = [[two(*(each.clone() for each in drawn[:2])), drawn[2].clone()] for _ in range(2)]
    mine, other = (make(name)(copies(params), **settings) for make, params in zip((ours, theirs), made, strict=True))
    for a, b, c in draw_gradients(rng, drawn, 4):
        for optimizer in (mine, other):
            step(optimizer, [two(a, b), c])
    for p, expected in zip(*(optimizer.param_groups[0]["params"] for optimizer in (mine, other)), strict=True):
        torch.testing.assert_close(p, expected, rtol=1e-11, atol=0)


@pytest.mark.parametrize("name", [each for each in NAMES if each != "Adagrad"])  # which makes its state at once
def test_lazy_parameters_that_get_a_gradient_later(name):
    results = []
    for make in (ours, theirs):
        torch.manual_seed(0)
        net = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.LazyLinear(2))
        optimizer = make(name)(net.parameters(), lr=0.01)
        for part in (net[0], net[0], net, net, net):
            optimizer.zero_grad()
            part(torch.ones(1, 3)).square().sum().backward()
            optimizer.step()
        results.append([p.detach() for p in net.parameters()])
    torch.testing.assert_close(*results, rtol=1e-9, atol=1e-12)


@EVERY
def test_complex_parameters(name, rng):
    params = [torch.complex(*draw(rng, torch.float64, ((3, 4),) * 2)), *draw(rng, torch.float64, ((5,),))]
    gradients = [[torch.complex(*(g[:1] * 2)), g[1]] for g in draw_gradients(rng, [params[0].real, params[1]], 4)]
    run(*both(name, params), gradients)


@EVERY
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
def test_numbers_that_are_yet_to_be_negated(name, dtype, rng):
    """Such as the imaginary part of a conjugate; as parameter and as gradient."""
    drawn = draw(rng, dtype, ((5,), (5,)))
    gradients = draw_gradients(rng, drawn, 4)
    mine, other = (
        make(name)([torch.nn.Parameter(torch._neg_view(drawn[0].clone())), *copies(drawn[1:])], lr=0.01)
        for make in (ours, theirs)
    )
    counted = run(mine, other, [[a, torch._neg_view(b.clone())] for a, b in gradients])
    assert mine.param_groups[0]["params"][0].is_neg()
    assert sum(counted) == 0


@pytest.mark.filterwarnings("ignore:Sparse invariant checks")
@pytest.mark.parametrize("name", ["SGD", "Adagrad"])
def test_sparse_gradients(name, rng):
    """An embedding's gradient is torch's, the other parameter's the kernels'."""
    params = draw(rng, torch.float64, ((6, 3), (5,)))
    mine, other = (make(name)(copies(params), lr=0.01) for make in (ours, theirs))
    gradients = [[g[0].to_sparse(1), g[1]] for g in draw_gradients(rng, params, 4)]
    assert run(mine, other, gradients) == [1] * 4


@pytest.mark.filterwarnings("ignore:Sparse invariant checks")
@EVERY
def test_what_torch_refuses_is_refused(name, rng):
    params = draw(rng, torch.float64, ((6, 3),))
    mine, other = both(name, params)
    if name in ("SGD", "Adagrad"):
        return
    gradient = draw_gradients(rng, params, 1)[0][0].to_sparse(1)
    for optimizer in (mine, other):
        optimizer.param_groups[0]["params"][0].grad = gradient
        with pytest.raises(RuntimeError):
            optimizer.step()


@EVERY
def test_nadam_in_torch_s_usual_dtype_and_all_others(name, rng):
    """With float32 as torch's default NAdam rounds its product to float32."""
    torch.set_default_dtype(torch.float32)
    params = draw(rng, torch.float64, ((4, 3), (5,)))
    run(*both(name, params), draw_gradients(rng, params, 12))
    params = draw(rng, torch.float32, ((4, 3), (5,)))
    assert run(*both(name, params), draw_gradients(rng, params, 12))[-1] == 2


@EVERY
def test_versions_are_bumped(name, rng):
    """Autograd notices that a step has changed what it had kept, and only that."""
    params = draw(rng, torch.float64, ((3,), (3,)))
    mine, _ = both(name, params)
    one, two = mine.param_groups[0]["params"]
    gradients = draw_gradients(rng, params, 3)
    for gradient in gradients[:2]:
        step(mine, gradient)
    kept, versions = (one.square() * two).sum(), (one._version, two._version)
    states = [value for value in mine.state[one].values() if torch.is_tensor(value) and value.ndim]
    before = [value._version for value in states]
    with kernels_counted() as counted:
        step(mine, gradients[1])
        assert all(value._version > version for value, version in zip(states, before, strict=True))
        versions, before = (one._version, two._version), [value._version for value in states]
        step(mine, [gradients[2][0], None])
    assert counted == [2, 1]
    assert one._version > versions[0]
    assert two._version == versions[1]
    assert all(value._version > version for value, version in zip(states, before, strict=True))
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        kept.backward()


@EVERY
def test_hooks(name, rng):
    """Those of the optimizer and of all optimizers, once in each step, with the kernels between them."""
    params = draw(rng, torch.float64, ((3,),))
    mine, other = both(name, params)
    gradients = draw_gradients(rng, params, 6)
    run(mine, other, gradients[:2])
    called = []
    from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

    handles = [
        mine.register_step_pre_hook(lambda *each: called.append("pre")),
        mine.register_step_post_hook(lambda *each: called.append("post")),
        register_optimizer_step_pre_hook(lambda *each: called.append("all pre")),
        register_optimizer_step_post_hook(lambda *each: called.append("all post")),
    ]
    with kernels_counted() as counted:
        step(mine, gradients[2])
    assert called == ["all pre", "pre", "post", "all post"]
    assert counted == [1]
    for handle in handles:
        handle.remove()
    step(other, gradients[2])
    run(mine, other, gradients[3:])
    assert len(called) == 4


@EVERY
def test_hooks_get_the_arguments_as_they_were_given(name, rng):
    """And a hook may give others: here a closure."""
    params = draw(rng, torch.float64, ((3,),))
    results = []
    for optimizer in both(name, params):
        (param,) = optimizer.param_groups[0]["params"]

        def closure(optimizer=optimizer, param=param):
            optimizer.zero_grad()
            loss = param.square().sum()
            loss.backward()
            return loss

        seen = []

        def note(_, args, kwargs, seen=seen):
            seen.append((len(args), list(kwargs)))

        handles = [optimizer.register_step_pre_hook(note), optimizer.register_step_post_hook(note)]
        optimizer.step()
        optimizer.step(closure)
        optimizer.step(closure=closure)
        for handle in handles:
            handle.remove()
        optimizer.register_step_pre_hook(lambda _, args, kwargs, closure=closure: (args, {"closure": closure}))
        results.append((seen, [optimizer.step().item() for _ in range(3)]))
    (seen, losses), (expected, their_losses) = results
    assert seen == expected
    assert losses == pytest.approx(their_losses, rel=1e-12)


def test_a_closure_has_gradients_where_there_are_none(rng):
    (param,) = copies(draw(rng, torch.float64, ((3,),)))
    optimizer = ours("SGD")([param], lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = param.square().sum()
        loss.backward()
        return loss

    before = param.detach().clone()
    with torch.no_grad():
        assert optimizer.step(closure).requires_grad
    torch.testing.assert_close(param.detach(), before * 0.8)


def test_a_profiler_sees_the_step(rng):
    params = draw(rng, torch.float64, ((3,),))
    mine, _ = both("Adam", params)
    with torch.profiler.profile() as profile:
        step(mine, draw_gradients(rng, params, 1)[0])
    assert any(event.key == "Optimizer.step#Adam.step" for event in profile.key_averages())


@EVERY
def test_a_subclass_and_no_grad_and_inference(name, rng):
    class Mine(ours(name)):
        def step(self, closure=None):
            with torch.no_grad():
                return super().step(closure)

    params = draw(rng, torch.float64, ((3,),))
    gradients = draw_gradients(rng, params, 5)
    settings = {"lr": 0.01} | MOMENTUM.get(name, {})
    mine, other = Mine(copies(params), **settings), theirs(name)(copies(params), **settings)
    assert run(mine, other, gradients)[-4:] == [1] * 4


def test_grad_scaler(rng):
    """A scaler of torch's hands fused optimizers the scale, and takes it off for the others."""
    params = draw(rng, torch.float64, ((3,), (4, 3)))
    for settings in ({}, {"fused": True}):
        mine, other = both("Adam", params, **settings)
        scalers = [torch.amp.GradScaler("cpu", init_scale=4.0) for _ in range(2)]
        for number in range(6):
            for optimizer, scaler in zip((mine, other), scalers, strict=True):
                optimizer.zero_grad()
                loss = sum((p.square() * 0.1).sum() for p in optimizer.param_groups[0]["params"])
                scaler.scale(loss * (float("inf") if number == 3 else 1.0)).backward()
                scaler.step(optimizer)
                scaler.update()
        compare(mine, other)


@EVERY
def test_memory_is_let_go(name, rng):
    """Nothing holds a gradient after the step, nor old states after others have been loaded."""
    params = draw(rng, torch.float64, ((3, 4),))
    mine, other = both(name, params)
    run(mine, other, draw_gradients(rng, params, 3))
    (param,) = mine.param_groups[0]["params"]
    param.grad = torch.ones(3, 4)
    mine.step()
    gradient = weakref.ref(param.grad)
    mine.zero_grad()
    gc.collect()
    assert gradient() is None
    states = [weakref.ref(value) for value in mine.state[param].values() if torch.is_tensor(value) and value.ndim]
    mine.load_state_dict(other.state_dict())
    gc.collect()
    assert all(state() is None for state in states)


@pytest.mark.parametrize("name", ["SGD", "Adam", "NAdam"])
def test_compiled_steps_are_torch_s(name, rng):
    """What torch.compile traces is torch's own step; the kernels go on behind it."""
    params = draw(rng, torch.float64, ((3,), (4, 3)))
    mine, other = both(name, params)
    gradients = draw_gradients(rng, params, 9)
    run(mine, other, gradients[:3])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compiled = torch.compile(lambda optimizer: optimizer.step(), backend="eager")
        for gradient in gradients[3:6]:
            for optimizer in (mine, other):
                for p, each in zip(optimizer.param_groups[0]["params"], gradient, strict=True):
                    p.grad = each
            compiled(mine)
            other.step()
            compare(mine, other)
    assert run(mine, other, gradients[6:]) == [2] * 3
