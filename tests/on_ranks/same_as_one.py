"""On every rank: training by all of them against training by this process alone."""

from __future__ import annotations

import hashlib

import numpy as np

from fastdl import nn, optim
from fastdl.parallel import DataParallel, world
from fastdl.train import Trainer

RANKS = world().size
ROUNDINGS = 100  # of the largest loss or of 1, after up to 500 steps; 10 have been seen


def digest(network, losses):
    params = [array.tobytes() for array in network.params.values()]
    return hashlib.sha256(b"".join([*params, np.array(losses).tobytes()])).hexdigest()


def train(wrap, dtype, optimizer, batch_size, loss=None, rows=333, x_dtype=np.uint8):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (rows, 12)).astype(x_dtype)
    t = x[:, :4].argmax(axis=1)
    network = nn.MLP([12, 33, 17, 4], weight_decay=1e-3, dtype=dtype, seed=0)
    if loss is not None:
        network.loss_function = loss
    trained = wrap(network)
    trainer = Trainer(trained, optimizer(), batch_size=batch_size, epochs=3, seed=0)
    history = trainer.fit(x, t, scale=1 / 255, validation=(x[:100], t[:100]))
    return network, history, digest(network, history.losses)


def check(dtype, **settings):
    optimizer = settings.pop("optimizer", lambda: optim.Adam(lr=0.01))
    alone, alone_history, alone_bits = train(lambda network: network, dtype, optimizer, **settings)
    ours, history, bits = train(DataParallel, dtype, optimizer, **settings)
    again = train(DataParallel, dtype, optimizer, **settings)[2]
    assert bits == again, "other bits in the second run"
    assert len(set(world().allgather(bits))) == 1, "other bits on another rank"
    assert len(history.losses) == len(alone_history.losses)
    if RANKS == 1:
        assert bits == alone_bits, "one rank is not the plain path"
    eps = np.finfo(dtype).eps
    worst = max(np.abs(np.subtract(history.losses, alone_history.losses)) / np.max(alone_history.losses))
    worst = max(worst, *(np.abs(alone.params[key] - ours.params[key]).max() for key in ours.params))
    assert worst <= ROUNDINGS * eps, f"{worst / eps:.0f} eps off"
    for one, other in zip(history.epochs, alone_history.epochs, strict=True):
        assert abs(one.validation_loss - other.validation_loss) <= ROUNDINGS * eps
        assert one.validation_accuracy == other.validation_accuracy
    return worst / eps


for dtype in (np.float32, np.float64):
    found = [
        check(dtype, batch_size=32),
        check(dtype, batch_size=RANKS),
        check(dtype, batch_size=332),  # whose last batch is one row: most ranks have none of it
        check(dtype, batch_size=7, rows=20),
        check(dtype, batch_size=50, x_dtype=dtype, optimizer=lambda: optim.SGD(lr=0.1)),
        check(
            dtype,
            batch_size=9,
            loss=nn.SoftmaxCrossEntropy(class_weights=np.array([1, 5, 0, 2], dtype), ignore_index=3),
        ),
    ]
    if world().rank == 0:
        print(*(f"{each:.0f}" for each in found))
