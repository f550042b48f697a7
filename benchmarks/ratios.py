"""``python -m benchmarks.ratios``: every kernel, optimizer and training step against the same in NumPy."""

from benchmarks.measure import main
from benchmarks.work import KERNELS, OPTIMIZERS, TRAIN_STEPS

if __name__ == "__main__":
    main([*KERNELS, *OPTIMIZERS, *TRAIN_STEPS], "ratios.json")
