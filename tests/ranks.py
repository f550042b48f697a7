"""Python programs on several ranks, started by mpiexec."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

# An mpiexec that pip installed is beside the interpreter; Python itself may not be on the path.
MPIEXEC = shutil.which("mpiexec", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
MISSING = [name for name, found in (("mpi4py", importlib.util.find_spec("mpi4py")), ("mpiexec", MPIEXEC)) if not found]

needs_mpi = pytest.mark.skipif(bool(MISSING), reason=f"{' and '.join(MISSING)} not installed")


@contextmanager
def started(command: list[object], ranks: int, env: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """Ranks that run Python with this command line, on one thread each; none is left behind."""
    settings = {name: value for name, value in os.environ.items() if not name.startswith(("FASTDL_", "OMP_", "GOMP_"))}
    process = subprocess.Popen(
        [MPIEXEC, "-n", str(ranks), sys.executable, *map(str, command)],
        env=settings | {"FASTDL_NUM_THREADS": "1"} | dict(env or {}),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    with process:
        try:
            yield process
        finally:
            _end_all(process)


def run_ranks(
    script: str | Path, ranks: int, *arguments: object, timeout: float = 60, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a script, or with the name of a module that, on so many ranks."""
    program = [script] if str(script).endswith(".py") else ["-m", script]
    with started([*program, *arguments], ranks, env) as process:
        out, err = process.communicate(timeout=timeout)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def output_of_ranks(script: str | Path, ranks: int, *arguments: object, **settings) -> str:
    """What the ranks printed; they must end well and write nothing to standard error."""
    done = run_ranks(script, ranks, *arguments, **settings)
    if done.returncode != 0 or done.stderr:
        raise AssertionError(f"exit status {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def _end_all(process: subprocess.Popen[str]) -> None:
    """End mpiexec and what it started: every rank has a process group of its own."""
    if process.poll() is None:
        for pid in (process.pid, *_descendants(process.pid)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _descendants(pid: int) -> list[int]:
    children = [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/stat") if _parent(path) == pid]
    return [each for child in children for each in (child, *_descendants(child))]


def _parent(stat: Path) -> int | None:
    try:
        return int(stat.read_text().rpartition(")")[2].split()[1])
    except OSError:  # it has ended
        return None
