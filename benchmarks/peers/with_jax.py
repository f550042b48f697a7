"""JAX with optax: every step compiled as a whole, buffers donated, each call waits for its results."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax

from benchmarks.work import (
    BOOK_BATCH,
    BOOK_SIZES,
    HYPER,
    book_batch,
    book_params,
    labels_of,
    layer_inputs,
    normal,
    tensors,
    training_hyper,
)

Call = Callable[[], Any]


def _optimizer(rule: str, hyper: dict[str, float]) -> optax.GradientTransformation:
    lr = hyper["lr"]
    match rule:
        case "sgd" | "momentum":
            return optax.sgd(lr, momentum=hyper.get("momentum"))
        case "adagrad":
            return optax.adagrad(lr, initial_accumulator_value=0.0, eps=hyper["eps"])
        case "adam":
            return optax.adam(lr, b1=hyper["beta1"], b2=hyper["beta2"], eps=hyper["eps"])
    raise ValueError(rule)


def optimizer_step(rule: str, shapes: tuple[tuple[int, ...], ...]) -> Call:
    params, grads = ([jnp.asarray(array) for array in side.values()] for side in tensors(shapes))
    optimizer = _optimizer(rule, HYPER[rule])
    state = optimizer.init(params)

    @partial(jax.jit, donate_argnums=(0, 1))
    def update(params: Any, state: Any, grads: Any) -> Any:
        updates, state = optimizer.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    def step() -> list[jax.Array]:
        nonlocal params, state
        params, state = jax.block_until_ready(update(params, state, grads))
        return params

    return step


def affine_relu(batch: int, n_in: int, n_out: int) -> Call:
    arrays = [jnp.asarray(array) for array in layer_inputs(batch, n_in, n_out)]
    forward = jax.jit(lambda x, W, b: jax.nn.relu(x @ W + b))
    return lambda: forward(*arrays).block_until_ready()


def _batch_norm(x: jax.Array, gamma: jax.Array, beta: jax.Array) -> jax.Array:
    return (x - x.mean(axis=0)) * jax.lax.rsqrt(x.var(axis=0) + 1e-5) * gamma + beta


def layer(name: str, shape: tuple[int, ...]) -> Call:
    x, dout = jnp.asarray(normal(shape)), jnp.asarray(normal(shape, seed=1))
    if name == "softmax_cross_entropy":
        labels = jnp.asarray(labels_of(shape))
        loss = jax.jit(jax.value_and_grad(lambda x: optax.softmax_cross_entropy_with_integer_labels(x, labels).mean()))
        return lambda: jax.block_until_ready(loss(x))
    function, others = {
        "batch_norm": (_batch_norm, (jnp.ones(shape[1]), jnp.zeros(shape[1]))),
        "relu": (jax.nn.relu, ()),
        "sigmoid": (jax.nn.sigmoid, ()),
        "silu": (jax.nn.silu, ()),
        "gelu": (partial(jax.nn.gelu, approximate=False), ()),
    }[name]

    @jax.jit
    def both(dout: jax.Array, *arguments: jax.Array) -> Any:
        y, backward = jax.vjp(function, *arguments)
        return y, backward(dout)

    def call() -> list[jax.Array]:
        y, (dx, *_) = jax.block_until_ready(both(dout, x, *others))
        return [y, dx]

    return call


def _layers(sizes: tuple[int, ...] = BOOK_SIZES) -> list[tuple[jax.Array, jax.Array]]:
    values = list(book_params(sizes=sizes).values())
    return [(jnp.asarray(W), jnp.asarray(b)) for W, b in zip(values[::2], values[1::2], strict=True)]


def _logits(params: list[tuple[jax.Array, jax.Array]], x: jax.Array) -> jax.Array:
    for W, b in params[:-1]:
        x = jax.nn.relu(x @ W + b)
    W, b = params[-1]
    return x @ W + b


def inference(rows: int) -> Call:
    params, forward = _layers(), jax.jit(_logits)
    x = jnp.asarray(book_batch(rows=rows)[0])
    return lambda: forward(params, x).block_until_ready()


def train_step(rule: str, sizes: tuple[int, ...] = BOOK_SIZES, rows: int = BOOK_BATCH) -> Call:
    params = _layers(sizes)
    x, t = map(jnp.asarray, book_batch(sizes=sizes, rows=rows))
    optimizer = _optimizer(rule, training_hyper(rule, sizes, rows))
    state = optimizer.init(params)

    def loss_of(params: Any, x: jax.Array, t: jax.Array) -> jax.Array:
        return optax.softmax_cross_entropy_with_integer_labels(_logits(params, x), t).mean()

    @partial(jax.jit, donate_argnums=(0, 1))
    def train(params: Any, state: Any, x: jax.Array, t: jax.Array) -> Any:
        loss, grads = jax.value_and_grad(loss_of)(params, x, t)
        updates, state = optimizer.update(grads, state, params)
        return loss, optax.apply_updates(params, updates), state

    def step() -> float:
        nonlocal params, state
        loss, params, state = jax.block_until_ready(train(params, state, x, t))
        return float(loss)

    return step


def regularized_step(rule: str) -> Call:
    """With batch normalization and dropout on all hidden layers."""
    values = list(book_params().values())
    params = [
        (jnp.asarray(W), jnp.asarray(b), jnp.ones_like(b), jnp.zeros_like(b))
        for W, b in zip(values[::2], values[1::2], strict=True)
    ]
    running = [(jnp.zeros_like(b), jnp.ones_like(b)) for _, b, *_ in params[:-1]]
    x, t = map(jnp.asarray, book_batch())
    optimizer = _optimizer(rule, training_hyper(rule))
    state, key = optimizer.init(params), jax.random.key(0)

    def loss_of(params: Any, running: Any, key: jax.Array, x: jax.Array, t: jax.Array) -> Any:
        statistics = []
        for i, ((W, b, gamma, beta), (mean, var)) in enumerate(zip(params[:-1], running, strict=True)):
            z = x @ W + b
            batch_mean, batch_var = z.mean(axis=0), z.var(axis=0)
            statistics.append((0.9 * mean + 0.1 * batch_mean, 0.9 * var + 0.1 * batch_var))
            y = jax.nn.relu((z - batch_mean) * jax.lax.rsqrt(batch_var + 1e-5) * gamma + beta)
            x = jnp.where(jax.random.bernoulli(jax.random.fold_in(key, i), 0.5, y.shape), 2 * y, 0)
        W, b, *_ = params[-1]
        return optax.softmax_cross_entropy_with_integer_labels(x @ W + b, t).mean(), statistics

    @partial(jax.jit, donate_argnums=(0, 1, 2))
    def train(params: Any, state: Any, running: Any, key: jax.Array, x: jax.Array, t: jax.Array) -> Any:
        key, now = jax.random.split(key)
        (loss, running), grads = jax.value_and_grad(loss_of, has_aux=True)(params, running, now, x, t)
        updates, state = optimizer.update(grads, state, params)
        return loss, optax.apply_updates(params, updates), state, running, key

    def step() -> float:
        nonlocal params, state, running, key
        loss, params, state, running, key = jax.block_until_ready(train(params, state, running, key, x, t))
        return float(loss)

    return step
