"""``python -m fastdl``: the command `fastdl`."""

from fastdl.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
