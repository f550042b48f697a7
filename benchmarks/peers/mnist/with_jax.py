"""JAX with optax: a step compiled as a whole, with the gathering of its batch; buffers donated."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.peers.mnist import ADAM, BATCH, EPS, MOMENTUM, SIZES, load


def _normalize(z: jax.Array, gamma: jax.Array, beta: jax.Array, mean: jax.Array, var: jax.Array) -> jax.Array:
    return (z - mean) * jax.lax.rsqrt(var + EPS) * gamma + beta


def _loss_of(params: Any, running: Any, x: jax.Array, t: jax.Array) -> Any:
    statistics = []
    for (W, b, gamma, beta), (mean, var) in zip(params[:-1], running, strict=True):
        z = x @ W + b
        now = z.mean(axis=0), z.var(axis=0)
        statistics.append((MOMENTUM * mean + (1 - MOMENTUM) * now[0], MOMENTUM * var + (1 - MOMENTUM) * now[1]))
        x = jax.nn.relu(_normalize(z, gamma, beta, *now))
    W, b = params[-1]
    return optax.softmax_cross_entropy_with_integer_labels(x @ W + b, t).mean(), statistics


def epoch(folder: str | None) -> Callable[[], float]:
    data, rng = load(folder), np.random.default_rng(0)
    x_train, t_train, scale = jnp.asarray(data.x_train), jnp.asarray(data.t_train), data.scale
    params: list[Any] = []
    for n_in, n_out in pairwise(SIZES):
        W = jnp.asarray((rng.standard_normal((n_in, n_out)) * (2 / n_in) ** 0.5).astype(np.float32))
        params.append((W, jnp.zeros(n_out), jnp.ones(n_out), jnp.zeros(n_out)))
    params[-1] = params[-1][:2]
    running = [(jnp.zeros(n), jnp.ones(n)) for n in SIZES[1:-1]]
    optimizer = optax.adam(ADAM["lr"], b1=ADAM["beta1"], b2=ADAM["beta2"], eps=ADAM["eps"])
    state = optimizer.init(params)

    @partial(jax.jit, donate_argnums=(0, 1, 2))
    def step(params: Any, state: Any, running: Any, x: jax.Array, t: jax.Array, rows: jax.Array) -> Any:
        batch = x[rows].astype(jnp.float32) * scale, t[rows]
        (loss, running), grads = jax.value_and_grad(_loss_of, has_aux=True)(params, running, *batch)
        updates, state = optimizer.update(grads, state, params)
        return loss, optax.apply_updates(params, updates), state, running

    def one() -> float:
        nonlocal params, state, running
        order = rng.permutation(len(x_train)).astype(np.int32)
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            loss, params, state, running = step(params, state, running, x_train, t_train, rows)
        jax.block_until_ready(params)
        return float(loss)

    return one
