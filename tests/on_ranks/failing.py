"""On every rank: training in which the last rank fails in its seventh step, in the way that the argument names."""

from __future__ import annotations

import os
import signal
import sys

import numpy as np

from fastdl import nn, optim
from fastdl.parallel import DataParallel, world
from fastdl.train import Trainer


def memory_error():
    np.empty(2**60, np.uint8)


def error():
    raise RuntimeError("as planned")


WAYS = {
    "memory": memory_error,
    "error": error,
    "exit": lambda: sys.exit(3),
    "os._exit": lambda: os._exit(3),
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "crash": lambda: os.kill(os.getpid(), signal.SIGSEGV),
}


def fail(record):
    if record.step == 7 and world().rank == world().size - 1:
        WAYS[sys.argv[1]]()


x = np.random.default_rng(0).random((200, 3), np.float32)
network = DataParallel(nn.MLP([3, 8, 3], seed=0))
Trainer(network, optim.SGD(lr=0.1), batch_size=5, epochs=10**6, seed=0, callbacks=[fail]).fit(x, x.argmax(axis=1))
