"""PyTorch, eager, with its fused optimizers."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch

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

torch.set_num_threads(len(os.sched_getaffinity(0)))


def _optimizer(rule: str, params: list[torch.Tensor], hyper: dict[str, float]) -> torch.optim.Optimizer:
    lr, eps = hyper["lr"], hyper.get("eps", 0.0)
    match rule:
        case "sgd" | "momentum":
            return torch.optim.SGD(params, lr=lr, momentum=hyper.get("momentum", 0.0), fused=True)
        case "adagrad":
            return torch.optim.Adagrad(params, lr=lr, eps=eps, fused=True)
        case "adam":
            betas = hyper["beta1"], hyper["beta2"]
            return torch.optim.Adam(params, lr=lr, betas=betas, eps=eps, fused=True)
    raise ValueError(rule)


def optimizer_step(rule: str, shapes: tuple[tuple[int, ...], ...]) -> Call:
    params, grads = ([torch.from_numpy(array) for array in side.values()] for side in tensors(shapes))
    for p, g in zip(params, grads, strict=True):
        p.grad = g
    optimizer = _optimizer(rule, params, HYPER[rule])

    def step() -> list[torch.Tensor]:
        optimizer.step()
        return params

    return step


_NAMED: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": partial(torch.optim.SGD, lr=0.01),
    "momentum": partial(torch.optim.SGD, lr=0.01, momentum=0.9),
    "nesterov": partial(torch.optim.SGD, lr=0.01, momentum=0.9, nesterov=True),
    "adagrad": torch.optim.Adagrad,
    "rmsprop": torch.optim.RMSprop,
    "adadelta": torch.optim.Adadelta,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "adamax": torch.optim.Adamax,
    "nadam": torch.optim.NAdam,
    "radam": torch.optim.RAdam,
}


def named_step(name: str, shapes: tuple[tuple[int, ...], ...], fused: bool) -> Call:
    """One of torch's optimizers with its own defaults, by its fused kernel or its default way."""
    params, grads = ([torch.from_numpy(array) for array in side.values()] for side in tensors(shapes))
    for p, g in zip(params, grads, strict=True):
        p.grad = g
    optimizer = _NAMED[name](params, fused=True) if fused else _NAMED[name](params)

    def step() -> list[torch.Tensor]:
        optimizer.step()
        return params

    return step


def model(name: str) -> torch.nn.Module:
    """Return the book's network, or a transformer, with the gradients of a batch."""
    torch.manual_seed(0)
    if name == "book":
        network = _network()
        x, t = map(torch.from_numpy, book_batch())
        _loss(network)(x, t).backward()
        return network
    layer = torch.nn.TransformerEncoderLayer(512, nhead=8, dim_feedforward=2048, dropout=0.0, batch_first=True)
    transformer = torch.nn.TransformerEncoder(layer, num_layers=4)
    transformer(torch.randn(2, 8, 512)).square().mean().backward()
    return transformer


def steps_of(optimizer: torch.optim.Optimizer) -> Call:
    """Return the whole ``step()`` of an optimizer on the gradients that are there."""

    def step() -> list[torch.Tensor]:
        optimizer.step()
        return [p.detach() for group in optimizer.param_groups for p in group["params"]]

    return step


def model_step(name: str, fused: bool) -> Call:
    """Torch's Adam on a model."""
    return steps_of(torch.optim.Adam(model(name).parameters(), fused=True if fused else None))


def affine_relu(batch: int, n_in: int, n_out: int) -> Call:
    x, W, b = map(torch.from_numpy, layer_inputs(batch, n_in, n_out))
    out = torch.empty(batch, n_out)

    def forward() -> torch.Tensor:
        return torch.addmm(b, x, W, out=out).relu_()

    return forward


def dropout(shape: tuple[int, ...]) -> Call:
    x, dout = torch.from_numpy(normal(shape)).requires_grad_(), torch.from_numpy(normal(shape, seed=1))

    def both() -> torch.Tensor:
        y = torch.nn.functional.dropout(x, 0.5)
        return torch.autograd.grad(y, x, dout)[0]

    return both


def layer(name: str, shape: tuple[int, ...]) -> Call:
    x, dout = torch.from_numpy(normal(shape)).requires_grad_(), torch.from_numpy(normal(shape, seed=1))
    f = torch.nn.functional
    if name == "softmax_cross_entropy":
        labels = torch.from_numpy(labels_of(shape))

        def loss() -> list[torch.Tensor]:
            value = f.cross_entropy(x, labels)
            return [value.detach(), *torch.autograd.grad(value, x)]

        return loss
    layers: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
        "batch_norm": torch.nn.BatchNorm1d(shape[1]),
        "relu": f.relu,
        "sigmoid": torch.sigmoid,
        "silu": f.silu,
        "gelu": f.gelu,
    }
    forward = layers[name]
    wanted = [x, *(forward.parameters() if isinstance(forward, torch.nn.Module) else [])]

    def both() -> list[torch.Tensor]:
        y = forward(x)
        return [y.detach(), torch.autograd.grad(y, wanted, dout)[0]]

    return both


def _network(
    sizes: tuple[int, ...] = BOOK_SIZES,
    after: Callable[[int], list[torch.nn.Module]] = lambda units: [torch.nn.ReLU()],
) -> torch.nn.Sequential:
    """Return linear layers, with the layers that ``after`` makes behind each but the last."""
    layers: list[torch.nn.Module] = []
    for n_in, n_out in pairwise(sizes[:-1]):
        layers += [torch.nn.Linear(n_in, n_out), *after(n_out)]
    network = torch.nn.Sequential(*layers, torch.nn.Linear(*sizes[-2:]))
    linear = [p for layer in network if isinstance(layer, torch.nn.Linear) for p in layer.parameters()]
    with torch.no_grad():
        for p, value in zip(linear, book_params(sizes=sizes).values(), strict=True):
            p.copy_(torch.from_numpy(value.T))
    return network


def _step(optimizer: torch.optim.Optimizer, loss_of: Callable[..., torch.Tensor], *batch: np.ndarray) -> Call:
    x, t = map(torch.from_numpy, batch)

    def step() -> float:
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(x, t)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def _loss(network: torch.nn.Module) -> Callable[..., torch.Tensor]:
    return lambda x, t: torch.nn.functional.cross_entropy(network(x), t)


def inference(rows: int) -> Call:
    network = _network().eval()
    x = torch.from_numpy(book_batch(rows=rows)[0])

    @torch.inference_mode()
    def forward() -> torch.Tensor:
        return network(x)

    return forward


def train_step(rule: str, sizes: tuple[int, ...] = BOOK_SIZES, rows: int = BOOK_BATCH) -> Call:
    network = _network(sizes)
    optimizer = _optimizer(rule, list(network.parameters()), training_hyper(rule, sizes, rows))
    return _step(optimizer, _loss(network), *book_batch(sizes=sizes, rows=rows))


def compiled_step(rule: str, sizes: tuple[int, ...] = BOOK_SIZES, rows: int = BOOK_BATCH) -> Call:
    """Forward and backward pass compiled; the optimizer's fused kernel is faster than what it compiles to."""
    network = _network(sizes)
    optimizer = _optimizer(rule, list(network.parameters()), training_hyper(rule, sizes, rows))
    return _step(optimizer, torch.compile(_loss(network)), *book_batch(sizes=sizes, rows=rows))


def regularized_step(rule: str) -> Call:
    """With batch normalization and dropout on all hidden layers."""
    network = _network(after=lambda units: [torch.nn.BatchNorm1d(units), torch.nn.ReLU(), torch.nn.Dropout(0.5)])
    optimizer = _optimizer(rule, list(network.parameters()), training_hyper(rule))
    return _step(optimizer, _loss(network), *book_batch())
