"""What is measured next to fastdl: MNIST's images, the memory of training."""

import numpy as np
import pytest

from benchmarks.measure import installed
from benchmarks.peers import memory, mnist
from benchmarks.work import Recipe
from benchmarks.worker import Worker


@pytest.fixture
def folder(tmp_path):
    """Return a folder with files like MNIST's, of few images: two black halves that tell 0 from 1."""
    rng = np.random.default_rng(0)
    for name, count in (("train", 600), ("t10k", 100)):
        labels = rng.integers(0, 2, count).astype(np.uint8)
        images = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        images[labels == 0, :14] = 0
        images[labels == 1, 14:] = 0
        sizes = np.array(images.shape, ">i4").tobytes()
        (tmp_path / f"{name}-images-idx3-ubyte").write_bytes(bytes((0, 0, 8, 3)) + sizes + images.tobytes())
        (tmp_path / f"{name}-labels-idx1-ubyte").write_bytes(bytes((0, 0, 8, 1)) + sizes[:4] + labels.tobytes())
    return str(tmp_path)


@pytest.mark.parametrize("who", installed(("fastdl", "torch")))
def test_contenders_learn_from_images(folder, who):
    worker = Worker(who)
    assert worker.once(Recipe(f"benchmarks.peers.mnist.with_{who}:accuracy", (folder, 0, 3))) == 1.0
    worker.close()


@pytest.mark.parametrize("who", installed(("fastdl", "torch", "jax")))
def test_losses_fall_from_epoch_to_epoch(folder, who):
    worker = Worker(who)
    (loss,) = worker.prepare(Recipe(f"benchmarks.peers.mnist.with_{who}:epoch", (folder,)))[0]
    assert 0 < loss < 0.1
    worker.close()


def test_without_a_folder_images_are_as_many_as_mnist_s():
    data = mnist.load(None)
    assert (data.x_train.shape, data.x_test.shape, data.x_train.dtype) == ((60_000, 784), (10_000, 784), np.uint8)


def test_needed_memory_is_that_of_the_arrays():
    parts = memory.needed((784, 100, 10), rows=128)
    parameters = 784 * 100 + 100 + 100 * 10 + 10
    assert parts == {"parameters": 4 * parameters, "states": 8 * parameters, "activations": 4 * 128 * 110}


def test_a_peak_is_at_least_what_training_must_hold():
    sizes, rows = (784, 512, 10), 256
    found, facts = memory._run("fastdl", sizes, rows)
    assert 0.9 < found / sum(memory.needed(sizes, rows).values()) < 10
    assert "fastdl" in facts["versions"]
