"""``python -m benchmarks.peers.optimizers``: fastdl's optimizers against PyTorch's, and against the machine."""

from benchmarks.measure import main
from benchmarks.work import OPTIMIZER_PEERS

if __name__ == "__main__":
    main(OPTIMIZER_PEERS, "optimizers.json")
