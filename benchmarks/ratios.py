"""``python -m benchmarks.ratios``: every kernel, optimizer step and training step against `fastdl.reference`."""

from benchmarks.measure import main
from benchmarks.work import KERNELS, OPTIMIZERS, TRAIN_STEPS

if __name__ == "__main__":
    main([*KERNELS, *OPTIMIZERS, *TRAIN_STEPS], "ratios.json")
