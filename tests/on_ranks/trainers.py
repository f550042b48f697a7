"""On every rank: what a trainer with callbacks does on all of them; argument: a folder that all share."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path

import numpy as np

import fastdl
from fastdl import nn, optim
from fastdl.errors import DataError, FastdlError, LabelError, ParallelError
from fastdl.parallel import DataParallel, Sharded, share_cores, world
from fastdl.train import (
    Checkpoints,
    EarlyStopping,
    MetricsLog,
    StopTraining,
    Trainer,
    latest_checkpoint,
    load_checkpoint,
)

FOLDER = Path(sys.argv[1])
RANK, RANKS = world().rank, world().size
LAST = RANKS - 1
rng = np.random.default_rng(0)
x = rng.random((203, 5), np.float32)
t = x[:, :3].argmax(axis=1)


def same(value):
    values = world().allgather(value)
    assert all(each == values[0] for each in values), values
    return value


def trainer(callbacks=(), seed=0, network=None, optimizer=None, **settings):
    network = DataParallel(nn.MLP([5, 9, 3], seed=RANK)) if network is None else network
    settings = {"batch_size": 20, "epochs": 3} | settings
    return Trainer(network, optimizer or optim.Adam(lr=0.01), seed=seed, callbacks=callbacks, **settings)


def bits(network):
    return same([array.tobytes() for array in network.params.values()])


def raised(run, *kinds):
    try:
        run()
    except kinds as error:
        return error
    raise AssertionError("nothing was raised")


# Without a seed: that of rank 0.
one = trainer(seed=None)
one.fit(x, t)
same(one.seed)
same(one.history.losses)
bits(one.network)

# An optimizer that took steps on one rank only has rank 0's state afterwards.
optimizer = optim.Adam(lr=0.01)
network = DataParallel(nn.MLP([5, 9, 3], seed=0))
if RANK == LAST:
    network.network.train_step(x, t, optimizer)
one = trainer(network=network, optimizer=optimizer)
one.fit(x, t)
assert optimizer.steps == len(one.history.losses) == 33
bits(network)
other = trainer(network=DataParallel(nn.MLP([5, 9, 3], seed=0)))
other.fit(x, t)
assert other.history.losses == one.history.losses
assert bits(other.network) == bits(network)

# One rank's callback stops all, after the same step.
for who in (0, LAST):

    def stop(record, who=who):
        if record.step == 14 and who == RANK:
            raise StopTraining

    one = trainer([stop])
    assert len(one.fit(x, t).losses) == 14
    bits(one.network)


# Ctrl-C on one rank: all raise after the same step, and can go on.
def press(record):
    if record.step == 5 and RANK == LAST:
        os.kill(os.getpid(), signal.SIGINT)


one = trainer([press])
raised(lambda: one.fit(x, t), KeyboardInterrupt)
assert 5 <= same(len(one.history.losses)) <= 6
one.callbacks = ()
one.fit(x, t)
bits(one.network)
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


# An error of one rank reaches all, whoever catches it.
def fail(record):
    if record.step == 7 and RANK == LAST:
        raise OSError("no space left")


one = trainer([fail])
error = raised(lambda: one.fit(x, t), OSError, ParallelError)
assert isinstance(error, OSError if RANK == LAST else ParallelError)
assert "no space left" in str(error)
assert RANK == LAST or f"rank {LAST}" in str(error)
assert same(len(one.history.losses)) == 7

wrong = t.copy()
wrong[100:] = 9
error = raised(lambda: trainer().fit(x, wrong if RANK == LAST else t), FastdlError)
assert isinstance(error, LabelError if RANK == LAST else ParallelError), error
assert "no such class" in str(error), error
error = raised(lambda: trainer().fit(x, t, validation=(x, t[:5]) if RANK == 0 else (x, t)), FastdlError)
assert isinstance(error, ParallelError) == (RANK != 0), error


# Parameters that one rank changed.
def tamper(record):
    if record.step == 3 and RANK == LAST:
        one.network.params["b1"][0] += 1


one = trainer([tamper])
assert "no longer the same" in str(raised(lambda: one.fit(x, t), ParallelError))

# Early stopping, best epoch, files and progress: of rank 0 alone.
text = StringIO()
with redirect_stderr(text):
    stopping = EarlyStopping(patience=1, min_delta=0.02, restore_best=True)
    saving = Checkpoints(FOLDER / "run" if RANK == 0 else f"{__file__}/all", best="validation_loss")
    metrics = MetricsLog(FOLDER / "metrics.csv" if RANK == 0 else f"{__file__}/all.csv")
    one = trainer([stopping, metrics, saving], epochs=40, progress=True)
    one.fit(x, t, validation=(x, t))
epochs = same(len(one.history.epochs))
assert epochs < 40
same(stopping.best_epoch)
bits(one.network)
assert text.getvalue().count("\n") == (epochs if RANK == 0 else 0)
assert len((FOLDER / "metrics.csv").read_text().splitlines()) == epochs + 1
checkpoint = load_checkpoint(latest_checkpoint(FOLDER / "run"))
assert isinstance(checkpoint.make_network(), nn.MLP)

# A checkpoint that only rank 0 has read.
again = trainer([EarlyStopping(patience=1, min_delta=0.02, restore_best=True)])
if RANK == 0:
    checkpoint.restore(again.network, again.optimizer, again)
again.fit(x, t, validation=(x, t))
same(again.history.losses)
bits(again.network)

# Checkpoints of a sharded state: gathered from all ranks for the first one, which goes on with it, sharded or not.
one = trainer([Checkpoints(FOLDER / "sharded", every=5)], optimizer=Sharded(optim.Adam(lr=0.01)))
one.fit(x, t)
checkpoint = load_checkpoint(latest_checkpoint(FOLDER / "sharded"))
one.fit(x, t)
for optimizer in (Sharded(optim.Adam(lr=0.01)), optim.Adam(lr=0.01)):
    again = trainer(optimizer=optimizer)
    if RANK == 0:
        checkpoint.restore(again.network, again.optimizer, again)
    again.fit(x, t)
    np.testing.assert_allclose(again.history.losses, one.history.losses, rtol=1e-5)
    bits(again.network)

# Where it cannot be written, all end.
blocked = FOLDER / "file"
blocked.touch()
error = raised(lambda: trainer([Checkpoints(blocked)]).fit(x, t), DataError, ParallelError)
assert "file" in str(error)

# What is not said otherwise is the network's.
np.testing.assert_array_equal(one.network.predict(x), one.network.network.predict(x))
assert one.network.get_config()["sizes"] == [5, 9, 3]
assert one.network.dtype == np.float32

assert (
    share_cores(world())
    == fastdl.get_num_threads()
    == int(os.environ.get("FASTDL_NUM_THREADS", fastdl.get_num_threads()))
)
