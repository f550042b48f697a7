"""PyTorch, eager, with fused Adam. Batches are rows of one tensor: a DataLoader would cost more than the training."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import pairwise

import torch

from benchmarks.peers.mnist import ADAM, BATCH, EPS, MOMENTUM, SIZES, load
from fastdl.data import Dataset

torch.set_num_threads(len(os.sched_getaffinity(0)))


class _Training:
    def __init__(self, data: Dataset, seed: int) -> None:
        torch.manual_seed(seed)
        self.x, self.t = torch.from_numpy(data.x_train), torch.from_numpy(data.t_train)
        self.scale = data.scale
        layers: list[torch.nn.Module] = []
        for n_in, n_out in pairwise(SIZES[:-1]):
            norm = torch.nn.BatchNorm1d(n_out, eps=EPS, momentum=1 - MOMENTUM)
            layers += [torch.nn.Linear(n_in, n_out), norm, torch.nn.ReLU()]
        self.network = torch.nn.Sequential(*layers, torch.nn.Linear(*SIZES[-2:]))
        for layer in self.network:
            if isinstance(layer, torch.nn.Linear):
                torch.nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                torch.nn.init.zeros_(layer.bias)
        betas = ADAM["beta1"], ADAM["beta2"]
        self.optimizer = torch.optim.Adam(
            self.network.parameters(), lr=ADAM["lr"], betas=betas, eps=ADAM["eps"], fused=True
        )

    def epoch(self) -> float:
        loss_of = torch.nn.functional.cross_entropy
        for rows in torch.randperm(len(self.x)).split(BATCH):
            x = self.x.index_select(0, rows).float().mul_(self.scale)
            self.optimizer.zero_grad(set_to_none=True)
            loss = loss_of(self.network(x), self.t.index_select(0, rows))
            loss.backward()
            self.optimizer.step()
        return loss.item()


def epoch(folder: str | None) -> Callable[[], float]:
    return _Training(load(folder), 0).epoch


def accuracy(folder: str, seed: int, epochs: int) -> Callable[[], float]:
    data = load(folder)

    def train() -> float:
        training = _Training(data, seed)
        for _ in range(epochs):
            training.epoch()
        training.network.eval()
        with torch.inference_mode():
            logits = training.network(torch.from_numpy(data.x_test).float().mul_(data.scale))
        return float((logits.argmax(1) == torch.from_numpy(data.t_test)).double().mean())

    return train
