"""Python code in a process of its own. conftest.py sees to it that this imports the fastdl that is tested."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager


def run(
    source: str,
    *arguments: str,
    env: Mapping[str, str] | None = None,
    options: Sequence[str] = (),
    preexec_fn: Callable[[], None] | None = None,
    timeout: float = 60,
) -> subprocess.CompletedProcess[str]:
    """Run the source with these arguments, and these options of Python.

    ``env`` is added to this process's environment, of which settings of threads and CPU level are left out.
    """
    settings = {name: value for name, value in os.environ.items() if not name.startswith(("FASTDL_", "OMP_", "GOMP_"))}
    return subprocess.run(
        [sys.executable, *options, "-c", source, *arguments],
        env=settings | dict(env or {}),
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


@contextmanager
def started(command: Sequence[object]) -> Iterator[subprocess.Popen[str]]:
    """A process with this command line, whose output is piped; it does not outlive the test."""
    pipe = subprocess.PIPE
    with subprocess.Popen(list(map(str, command)), stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()
