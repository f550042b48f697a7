"""Python code in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import fastdl

FOLDER = Path(fastdl.__file__).parents[1]  # the fastdl that this process tests


def run(
    source: str,
    *arguments: str,
    env: Mapping[str, str] | None = None,
    options: Sequence[str] = (),
    preexec_fn: Callable[[], None] | None = None,
    timeout: float = 60,
) -> subprocess.CompletedProcess[str]:
    """Run the source with these arguments and options of Python.

    ``env`` is added to this process's environment, of which settings of threads and CPU level are left out.
    """
    settings = {
        name: value for name, value in os.environ.items() if not name.startswith(("FASTDL_", "OMP_", "GOMP_"))
    }
    settings |= {"PYTHONPATH": str(FOLDER), "PYTHONFAULTHANDLER": "1"} | dict(env or {})
    # -P: the folder the tests run in, which may hold another fastdl, is not on the path.
    command = [sys.executable, "-P", *options, "-c", source, *arguments]
    return subprocess.run(
        command,
        env=settings,
        preexec_fn=preexec_fn,
        timeout=timeout,
        capture_output=True,
        text=True,
        check=False,
    )


def output(source: str, *arguments: str, **settings) -> str:
    """What the source printed; it must end well and write nothing to standard error."""
    done = run(source, *arguments, **settings)
    if done.returncode != 0 or done.stderr:
        raise AssertionError(f"exit status {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout.strip()
