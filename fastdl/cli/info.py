"""The command `fastdl info`: what is in use."""

from __future__ import annotations

import argparse

from fastdl.cli import options


def add_to(commands: options.Commands[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    command = options.add_command(
        commands, "info", "print version, CPU level, threads and how the kernels were compiled", "fastdl info"
    )
    command.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    import fastdl

    fastdl.show_config()
