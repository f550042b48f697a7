"""The command `fastdl bench`: how fast the installed fastdl is on this machine."""

from __future__ import annotations

import argparse

from fastdl.cli import options


def add_to(commands: options.Commands[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    command = options.add_command(
        commands, "bench", "time kernels and training steps against plain NumPy", "fastdl bench --threads 1"
    )
    options.add_threads(command)
    command.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    import numpy as np

    from fastdl import kernels, timing
    from fastdl._version import __version__
    from fastdl.bench import measure

    options.set_threads(arguments)
    print(
        f"fastdl {__version__}, CPU level {kernels.cpu_level()}, threads: {kernels.get_num_threads()}; "
        f"NumPy {np.__version__}, with the threads of its own BLAS\n"
    )
    head = f"{'':54}{'fastdl':>11}{'NumPy':>11}{'ratio':>8}"
    print(f"{head}\n{'-' * len(head)}")
    for timed in measure():
        numbers = f"{1e3 * timed.seconds:8.3f} ms{1e3 * timed.numpy_seconds:8.3f} ms{timed.speedup:7.1f}x"
        print(f"{timed.name:54}{numbers}", flush=True)
    print(
        f"\nfloat32; median of {timing.TURN_CALLS} calls, best of {timing.TURNS} turns, fastdl and NumPy by turns; "
        "ratio: NumPy's time over fastdl's"
    )
