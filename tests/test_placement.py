"""Where large states lie in memory."""

import numpy as np
import pytest

from fastdl import kernels, optim
from fastdl.kernels.placement import LARGE, PAGE, empty_state, placed_state

LINE = 64
RULES = {"adam": {}, "rmsprop": {"convention": "torch", "momentum": 0.9}, "ftrl": {}}


def places(arrays):
    return [array.ctypes.data % PAGE for array in arrays]


def are_apart(arrays):
    """Whether they start at lines of a page that are far from each other, and from where NumPy's large arrays start."""
    found = sorted([0, *places(arrays), PAGE])
    return all(place % LINE == 0 for place in found) and min(np.diff(found)) >= 4 * LINE


class TestArrays:
    @pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
    @pytest.mark.parametrize("shape", [(LARGE,), (LARGE + 7,), (3, LARGE // 2 + 1), LARGE])
    def test_large_ones_are_apart(self, shape, dtype):
        states = [empty_state(shape, dtype, number) for number in range(4)]
        assert are_apart(states)
        for state in states:
            assert state.dtype == dtype
            assert state.shape == np.empty(shape).shape
            assert state.flags.carray
            state.fill(1)  # all of it is memory of its own
        assert all((state == 1).all() for state in states)

    @pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (7,), (LARGE - 1,)])
    def test_small_ones_take_no_memory_more(self, shape):
        state = empty_state(shape, np.uint8, 1)
        assert state.shape == shape
        assert state.base is None

    @pytest.mark.parametrize("layout", ["C", "F", "strided"])
    @pytest.mark.parametrize("size", [5, 400])
    def test_values_are_copied(self, size, layout, rng):
        values = rng.standard_normal((size, 2 * size)).astype("float32")
        values = values[:, ::2] if layout == "strided" else np.array(values, order=layout)
        before = values.copy()
        state = placed_state(values, 0)
        np.testing.assert_array_equal(state, before)
        assert state.flags.c_contiguous
        state += 1
        np.testing.assert_array_equal(values, before)


class TestOptimizers:
    @pytest.mark.parametrize("state_dtype", [None, "float32", "bfloat16", "uint8"])
    @pytest.mark.parametrize("rule", RULES)
    def test_states_are_apart_made_and_loaded(self, rule, state_dtype, rng):
        if rule == "ftrl" and state_dtype in ("bfloat16", "uint8"):
            pytest.skip("refused: its state does not stand being rounded")
        W = rng.standard_normal((400, 401)).astype("float32")
        made, loaded = (optim.get(rule, lr=0.1, state_dtype=state_dtype, **RULES[rule]) for _ in range(2))
        made.update({"W": W}, {"W": W.copy()})
        loaded.load_state_dict(made.state_dict())
        for optimizer in (made, loaded):
            states = [row["W"] for row in optimizer._stored_state().values()]
            assert len(states) == 2
            assert are_apart(states)

    def test_encoded_states_are_apart(self):
        zeros = np.zeros(2 * LARGE, np.float32)
        for dtype in ("bfloat16", "uint8"):
            assert are_apart([kernels.encode_state(zeros, dtype, number=number) for number in range(4)])

    @pytest.mark.parametrize("state_dtype", ["bfloat16", "uint8"])
    def test_of_the_drop_in_for_torch(self, state_dtype):
        torch = pytest.importorskip("torch")
        from fastdl.interop.torch import Adam

        W = torch.ones(2 * LARGE, requires_grad=True)
        optimizer = Adam([{"params": [W], "state_dtype": state_dtype}])
        W.grad = torch.ones_like(W)
        for _ in range(2):
            optimizer.step()
        starts = [optimizer.state[W][name].data_ptr() % PAGE for name in ("exp_avg", "exp_avg_sq")]
        assert starts == places([empty_state(2 * LARGE, np.uint8, number) for number in range(2)])
