"""``python -m benchmarks.peers``: fastdl, NumPy, and PyTorch and JAX where installed, at the same work."""

from benchmarks.measure import main
from benchmarks.work import PEERS

if __name__ == "__main__":
    main(PEERS, "peers.json")
