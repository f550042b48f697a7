"""What the kernels run on: the CPU level, chosen at import, and the number of threads."""

import importlib
import os
import warnings
from contextlib import contextmanager

from cpython.pycapsule cimport PyCapsule_GetPointer

from fastdl.kernels cimport _recording
from fastdl.kernels._table cimport fastdl_kernels, fastdl_queue
from fastdl.kernels.errors import HyperparameterError

cdef extern from "threads.hpp" namespace "fastdl" nogil:
    void watch_forks() noexcept
    bint can_run_threads(int threads) noexcept
    int enter_region(int threads) noexcept
    void leave_region(int threads) noexcept
    int supported_level "fastdl::cpu_level"() noexcept

cdef extern from *:
    # What setup.py compiled, and how.
    const char* FASTDL_LEVELS
    const char* FASTDL_FLAGS
    bint FASTDL_OPENMP

cdef const fastdl_kernels* _kernels = NULL
cdef int _threads = 1
cdef bint _has_team = True

MAX_THREADS = 1024
LEVELS = FASTDL_LEVELS.decode().split()
FLAGS = FASTDL_FLAGS.decode()
OPENMP = bool(FASTDL_OPENMP)


def _choose_level():
    """The name of the CPU level to use: FASTDL_CPU if set, else the best one that was built and that the CPU supports."""
    cdef int highest = supported_level()
    usable = [level for level in LEVELS if level == "generic" or int(level[1:]) <= highest]
    wanted = os.environ.get("FASTDL_CPU", "")
    if not wanted:
        if not usable:
            raise ImportError(
                f"fastdl: this CPU supports none of the levels that fastdl was built for ({', '.join(LEVELS)})"
            )
        return usable.pop()
    if wanted not in usable:
        raise HyperparameterError(
            "no kernels for this CPU level",
            op="import fastdl",
            arg="FASTDL_CPU",
            expected=f"one of {', '.join(usable)} on this CPU",
            got=wanted,
            hint="Unset FASTDL_CPU to let fastdl choose",
        )
    return wanted


def _read_text(path):
    with open(path) as file:
        return file.read()


def _quota():
    """CPUs that the process may use at the same time by its cgroup's quota, or a large number without one."""
    for paths in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        try:
            quota, period = " ".join(_read_text(f"/sys/fs/cgroup/{path}") for path in paths).split()
            if int(quota) > 0:
                return max(1, -(-int(quota) // int(period)))
        except (OSError, ValueError):  # another version of cgroups, or "max"
            continue
    return MAX_THREADS


def _default_threads():
    """FASTDL_NUM_THREADS, or else what OMP_NUM_THREADS, the affinity mask and the cgroup's quota allow."""
    wanted = os.environ.get("FASTDL_NUM_THREADS", "")
    if wanted:
        if not wanted.isascii() or not wanted.isdigit():
            raise _bad_threads(wanted, "import fastdl", "FASTDL_NUM_THREADS")
        return _checked_threads(int(wanted), "import fastdl", "FASTDL_NUM_THREADS")
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    count = min(allowed, _quota())
    for_openmp = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if for_openmp.isascii() and for_openmp.isdigit() and int(for_openmp) > 0:
        count = min(int(for_openmp), MAX_THREADS)
    return count


def _bad_threads(value, op, arg):
    return HyperparameterError(
        "not a number of threads", op=op, arg=arg, expected=f"an integer from 1 to {MAX_THREADS}", got=repr(value)
    )


def _checked_threads(value, op, arg):
    if isinstance(value, bool) or not hasattr(value, "__index__") or not 1 <= value.__index__() <= MAX_THREADS:
        raise _bad_threads(value, op, arg)
    return value.__index__()


def set_num_threads(n):
    """Set the number of threads that fastdl's kernels use, in the whole process.

    Results do not depend on it: they have the same bits for any number of threads. A kernel on little data runs on the
    calling thread alone whatever the number, and so does everything in a process forked after fastdl was imported.

    Parameters
    ----------
    n : int
        From 1 to 1024.

    Raises
    ------
    HyperparameterError
        If ``n`` is not such an integer.

    Examples
    --------
    >>> import fastdl
    >>> before = fastdl.get_num_threads()
    >>> fastdl.set_num_threads(1)
    >>> fastdl.get_num_threads()
    1
    >>> fastdl.set_num_threads(before)
    """
    global _threads
    checked = _checked_threads(n, "set_num_threads", "n")
    if OPENMP:
        _threads = checked


def get_num_threads():
    """Return the number of threads that fastdl's kernels use.

    At first it is FASTDL_NUM_THREADS; without that OMP_NUM_THREADS; without that as many as the process may use by its
    affinity mask and its cgroup's CPU quota. A build without OpenMP always has 1.

    Returns
    -------
    int

    Examples
    --------
    >>> import fastdl
    >>> fastdl.get_num_threads() >= 1
    True
    """
    return _threads


def cpu_level():
    """Return the name of the CPU level whose kernels are in use.

    Returns
    -------
    str
        ``"v2"``, ``"v3"`` or ``"v4"`` (x86-64-v2, -v3 with AVX2 and FMA, -v4 with AVX-512), or ``"generic"``.

    Examples
    --------
    >>> import fastdl
    >>> fastdl.kernels.cpu_level() in ("v2", "v3", "v4", "generic")
    True
    """
    return _kernels.level.decode()


cdef const fastdl_kernels* kernels() noexcept nogil:
    return _kernels


cdef fastdl_queue enter(tuple arrays) except *:
    cdef fastdl_queue queue
    queue.plan = _recording.plan()
    if queue.plan != NULL:
        _recording.keep(arrays)
    queue.threads = _members()
    return queue


cdef int _members() except -1:
    global _has_team
    if _threads == 1 or not _has_team:
        return 1
    if not can_run_threads(_threads):
        _has_team = False
        warnings.warn(
            f"fastdl cannot create {_threads - 1} threads here; it goes on with one thread", RuntimeWarning, stacklevel=2
        )
        return 1
    return enter_region(_threads)


cdef void leave(fastdl_queue queue) noexcept nogil:
    leave_region(queue.threads)


@contextmanager
def _short_waits():
    """Have GNU's OpenMP, which reads this when it is loaded, put a thread to sleep that has waited for some 0.2 ms.

    By itself it lets a thread spin for some 10 ms. Where another process has the core of the one that is waited for,
    every barrier may take as long: a step of 0.2 ms then took 36 ms. A setting of the user's stays.
    """
    if "GOMP_SPINCOUNT" in os.environ or "OMP_WAIT_POLICY" in os.environ:
        yield
        return
    os.environ["GOMP_SPINCOUNT"] = "5000"
    try:
        yield
    finally:
        del os.environ["GOMP_SPINCOUNT"]


def _load():
    global _kernels, _threads
    level = _choose_level()
    with _short_waits():
        module = importlib.import_module(f"fastdl.kernels._level_{level}")
    _kernels = <const fastdl_kernels*>PyCapsule_GetPointer(module.kernels, "fastdl_kernels")
    _threads = _default_threads() if OPENMP else 1
    watch_forks()


_load()
