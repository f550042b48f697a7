"""What every kernel makes of the same data. ``python everything.py FILE`` writes it as .npz; else prints its hash."""

from __future__ import annotations

import hashlib
import sys

import numpy as np

from fastdl import kernels

HYPER = {
    "lr": 0.1, "momentum": 0.9, "rho": 0.9, "beta1": 0.9, "beta2": 0.999, "eps": 1e-7, "momentum_decay": 0.004,
    "l1": 0.1, "l2": 0.1, "l2_shrinkage": 0.1, "beta": 1.0, "weight_decay": 0.1,
}  # fmt: skip


def results() -> dict[str, np.ndarray]:
    """All kernels on data that is large enough for a team of threads, and on a little: {what: array}."""
    rng = np.random.default_rng(0)
    return {
        f"{name} {dtype}": array
        for dtype in ("float32", "float64")
        for part in (affine, activations, additions, dropouts, losses, batches, numbers, updates)
        for name, array in part(rng, np.dtype(dtype))
    }


def normal(rng, dtype, *shape):
    return rng.standard_normal(shape).astype(dtype)


def affine(rng, dtype):
    for batch, inputs, outputs in [(128, 300, 100), (20, 600, 601), (3, 5, 7)]:
        x, dout = normal(rng, dtype, batch, inputs), normal(rng, dtype, batch, outputs)
        W, b = normal(rng, dtype, inputs, outputs) / dtype.type(inputs**0.5), normal(rng, dtype, outputs)
        for f in kernels.ACTIVATIONS:
            z = np.empty_like(dout)
            y = kernels.affine_forward(x, W, b, f, z=z)
            backward = kernels.affine_backward(dout, x, W, z if f in kernels.NEED_INPUT else y, f)
            for name, array in zip(("y", "dx", "dW", "db"), (y, *backward), strict=True):
                yield f"affine {batch} {f} {name}", array


def activations(rng, dtype):
    x, dout = 10 * normal(rng, dtype, 40_001), normal(rng, dtype, 40_001)
    x[:8] = [0, -0.0, np.inf, -np.inf, 88, -88, -103, 1e-40]
    for f in kernels.ACTIVATIONS:
        y = kernels.activation_forward(x, f)
        yield f"activation {f} y", y
        yield f"activation {f} dx", kernels.activation_backward(dout, x if f in kernels.NEED_INPUT else y, f)


def additions(rng, dtype):
    a, b = normal(rng, dtype, 40_001), normal(rng, dtype, 40_001)
    for f in (name for name in kernels.ACTIVATIONS if name not in kernels.NEED_INPUT):
        yield f"add {f}", kernels.add(a, b, f)


def dropouts(rng, dtype):
    x, dout = normal(rng, dtype, 40_001), normal(rng, dtype, 40_001)
    for f in (name for name in kernels.ACTIVATIONS if name not in kernels.NEED_INPUT):
        y = kernels.dropout_forward(x, 0.4, 1, 2, 3, f)
        yield f"dropout {f} y", y
        yield f"dropout {f} dx", kernels.dropout_backward(dout, 0.4, 1, 2, 3, y, f)


def losses(rng, dtype):
    x = 5 * normal(rng, dtype, 301, 67)
    labels, weights, t = rng.integers(0, 67, 301), rng.random(67).astype(dtype), rng.random((301, 67)).astype(dtype)
    yield "softmax", kernels.softmax(x)
    for name, (loss, gradient) in {
        "loss": kernels.softmax_cross_entropy(x, labels),
        "weighted loss": kernels.softmax_cross_entropy(x, labels, class_weights=weights, ignore_index=5),
        "smoothed loss": kernels.softmax_cross_entropy(x, labels, None, 0.1, weights),
        "sigmoid loss": kernels.sigmoid_cross_entropy(x, t),
        "squared loss": kernels.mean_squared_error(x, t),
        "huber loss": kernels.huber(x, t, 0.7),
    }.items():
        yield name, np.array(loss, dtype)
        yield f"{name} gradient", gradient


def batches(rng, dtype):
    pixels = rng.integers(0, 256, (500, 801), np.uint8)
    yield "gather", kernels.gather(pixels, rng.permutation(500), 1 / 255, dtype)


def numbers(rng, dtype):
    yield "uniform", kernels.random_uniform(40_001, 1, 2, dtype, -0.3, 0.8)
    yield "normal", kernels.random_normal(40_001, 1, 2, dtype, 0.1, 0.7)
    yield "bits", kernels.random_bits(10_001, 1, 2)


def updates(rng, dtype):
    for rule, spec in kernels.RULES.items():
        params, grads, *state = (
            [normal(rng, dtype, *shape) for shape in [(300, 101), (101,), (7,)]] for _ in range(2 + len(spec.state))
        )
        state = [[np.abs(array) for array in row] for row in state]
        if "a" in spec.state:  # v - a² far from 0, so that its rounding stays small
            for v, a in zip(*state[:2], strict=True):
                v += 1 + a * a
        steps, hyper = np.zeros(3, np.int64), [HYPER[name] for name in spec.hyper]
        for _ in range(3):
            kernels.update(rule, params, grads, state, steps, hyper)
        for name, arrays in zip(("p", *spec.state), (params, *state), strict=True):
            for number, array in enumerate(arrays):
                yield f"update {rule} {name}{number}", array
        yield f"update {rule} steps", steps


def digest() -> str:
    """The hash of all results."""
    return hashlib.sha256(b"".join(array.tobytes() for array in results().values())).hexdigest()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        np.savez(sys.argv[1], **results())
    else:
        print(digest())
