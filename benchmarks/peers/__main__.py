"""``python -m benchmarks.peers``: fastdl, PyTorch, JAX and NumPy at the same work, those that are installed."""

from benchmarks.measure import main
from benchmarks.work import PEERS

if __name__ == "__main__":
    main(PEERS, "peers.json")
