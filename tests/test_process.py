"""What fastdl does to the process, and what the process's circumstances do to fastdl: each in a process of its own."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys
import threading
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from fastdl import kernels
from tests import everything
from tests.compare import assert_same_bits, assert_ulps
from tests.processes import output, run

HERE = Path(__file__).parent
LEVELS = kernels.build_info()["levels"]
BEST = (
    output("from fastdl import kernels; print(kernels.cpu_level())")
    if os.environ.get("FASTDL_CPU")
    else kernels.cpu_level()
)
USABLE = [level for level in LEVELS if level <= BEST]
OPENMP = kernels.build_info()["openmp"]

needs_threads = pytest.mark.skipif(not OPENMP, reason="built without OpenMP")
needs_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")

# Where `everything` can be imported from, and nothing else of the tests.
EVERYTHING = f"""
import sys
sys.path.append({str(HERE)!r})
import everything
"""


def everything_hash(env=None, before=""):
    return output(before + EVERYTHING + "print(everything.digest())", env=env)


@cache
def serial_hash():
    """All results of one thread at the level of this process."""
    return everything_hash({"FASTDL_NUM_THREADS": "1", "FASTDL_CPU": kernels.cpu_level()})


class TestImport:
    def test_it_imports_numpy_and_nothing_else(self):
        found = output("""
import sys, numpy
before = set(sys.modules)
from fastdl import *
tops = {name.split(".")[0] for name in set(sys.modules) - before} - sys.stdlib_module_names
print(*sorted(name for name in tops if not name.startswith(("_cython_", "cython_runtime"))))
""")
        assert found in ("fastdl", "fastdl numpy")  # numpy.random comes when it is asked for

    def test_until_it_is_used_it_imports_not_even_numpy(self):
        found = output("""
import sys, fastdl
seen = {"numpy", "fastdl.kernels"} & set(sys.modules)
print(seen, set(fastdl.__all__) <= set(dir(fastdl)), seen & set(sys.modules))
""")
        assert found == "set() True set()"

    @pytest.mark.parametrize(
        "use",
        [
            "import fastdl; fastdl.nn.ReLU; fastdl.optim.Adam",
            "import fastdl.train; fastdl.nn.ReLU; fastdl.optim.Adam",
            "import fastdl; fastdl.set_num_threads(fastdl.get_num_threads())",
            "from fastdl import get_num_threads; import fastdl; assert get_num_threads is fastdl.get_num_threads",
            "from fastdl import nn as first; import fastdl.nn; assert first is fastdl.nn",
            "import fastdl.errors; fastdl.errors.DataError('a')",
        ],
    )
    def test_its_names_come_when_they_are_used(self, use):
        assert output(use) == ""

    def test_it_has_no_other_names(self):
        found = output("""
import fastdl
for name in ("nm", "numpy", "cli", "__path", "__wrapped__"):
    print(hasattr(fastdl, name))
try:
    fastdl.nm
except AttributeError as error:
    print(error)
""")
        assert found.splitlines() == ["False"] * 5 + ["module 'fastdl' has no attribute 'nm'"]

    def test_what_was_pickled_needs_no_other_import(self):
        source = "import pickle, sys, fastdl; sys.stdout.write(pickle.dumps({}).hex())"
        pickled = output(source.format("(fastdl.optim.Adam, fastdl.get_num_threads, fastdl.errors.DataError('a'))"))
        found = output("import pickle, sys; print(*pickle.loads(bytes.fromhex(sys.argv[1])))", pickled)
        assert found.startswith("<class 'fastdl.optim.adam.Adam'> <cyfunction get_num_threads")

    @needs_linux
    def test_it_starts_no_thread(self):
        found = output("""
import os, numpy
before = os.listdir("/proc/self/task")
from fastdl import *
print(os.listdir("/proc/self/task") == before)
""")
        assert found == "True"

    def test_the_process_is_as_before(self):
        """Import and training leave NumPy's settings, signals, environment, warnings and locale."""
        found = output("""
import locale, os, signal, threading, warnings
import numpy as np

def snapshot():
    state = np.random.get_state()
    return {
        "errstate": np.geterr(),
        "random": (state[0], state[1].tobytes(), *state[2:]),
        "signals": [signal.getsignal(number) for number in signal.valid_signals()],
        "environment": dict(os.environ),
        "locale": locale.setlocale(locale.LC_ALL),
        "warnings": list(warnings.filters),
        "print": np.get_printoptions(),
        "folder": os.getcwd(),
        "Python threads": threading.active_count(),
        "umask": os.umask(os.umask(0)),
    }

before = snapshot()
import fastdl
from fastdl import nn, optim
network, optimizer = nn.MLP([200, 150, 10], seed=0), optim.Adam()
x, t = np.ones((128, 200), np.float32), np.zeros(128, int)
for step in range(3):
    network.train_step(x, t, optimizer)
after = snapshot()
print([name for name in before if before[name] != after[name]])
""")
        assert found == "[]"

    @pytest.mark.skipif(platform.machine() != "x86_64" or not sys.platform.startswith("linux"), reason="x86-64 glibc")
    def test_it_changes_no_mode_of_the_floating_point_unit(self):
        """Neither subnormals nor rounding, on the main thread and on one that is started later."""
        found = output("""
import ctypes, threading
import numpy as np

def modes():
    environment = ctypes.create_string_buffer(32)
    assert ctypes.CDLL("libm.so.6").fegetenv(environment) == 0
    mxcsr = int.from_bytes(environment[28:32], "little")
    return environment[0:2], mxcsr & 0xFFC0  # without the flags of past exceptions

before = modes()
from fastdl import kernels
x = np.full((256, 256), 1e-20, np.float32)
y = kernels.affine_forward(x, x / 10, x[0] * 0)
later = []
thread = threading.Thread(target=lambda: later.append(modes()))
thread.start()
thread.join()
print(modes() == before, later == [before], bool((y > 0).all()), bool(y.max() < np.finfo(np.float32).tiny))
""", env={"FASTDL_NUM_THREADS": "3"})  # fmt: skip
        assert found == "True True True True"

    def test_without_docstrings_and_assertions(self):
        """With -OO everything is checked as before, and computes the same."""
        source = """
import numpy as np
from fastdl import errors, kernels, nn, optim
assert False, "not reached with -OO"
x = np.ones((4, 3), np.float32)
for call, error in [
    (lambda: kernels.affine_forward(x, x, x[0]), errors.ArrayError),
    (lambda: kernels.affine_forward(x, x.T.astype(float), x[0]), errors.DtypeError),
    (lambda: kernels.softmax_cross_entropy(x, np.array([0, 1, 2, 3])), errors.LabelError),
    (lambda: optim.SGD(lr=-1), errors.HyperparameterError),
    (lambda: optim.SGD().update({"W": x}, {"W": x}), errors.AliasError),
    (lambda: nn.MLP([3]), errors.HyperparameterError),
]:
    try:
        call()
    except error:
        continue
    raise SystemExit("not refused")
"""
        output(source, options=["-OO"])
        before = "assert False\n"
        env = {"FASTDL_CPU": kernels.cpu_level()}
        assert output(before + EVERYTHING + "print(everything.digest())", env=env, options=["-OO"]) == serial_hash()

    def test_sub_interpreters_are_refused(self):
        """By NumPy and by the kernels: fastdl belongs to the main interpreter."""
        found = output("""
import warnings
warnings.simplefilter("ignore")
import fastdl.kernels
source = "import warnings; warnings.simplefilter('ignore'); import fastdl.kernels"
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
interpreter = interpreters.create()
try:
    problem = getattr(interpreters, "exec", interpreters.run_string)(interpreter, source)
except interpreters.RunFailedError as error:
    problem = error
print("ImportError" in str(problem))
""")
        assert found == "True"


class TestLevels:
    """The CPU levels: each works, and they agree.

    v3 and v4 give the same bits. v2 has no fused multiply-add: its results are within 32 ulps of the largest element
    for sums of 600 products, and within 4 for everything else.
    """

    @pytest.fixture(scope="class")
    @classmethod
    def results(cls, tmp_path_factory):
        folder = tmp_path_factory.mktemp("levels")
        source = EVERYTHING + "import numpy; numpy.savez(sys.argv[1], **everything.results())"
        for level in USABLE:
            output(source, str(folder / f"{level}.npz"), env={"FASTDL_CPU": level})
        return {level: dict(np.load(folder / f"{level}.npz")) for level in USABLE}

    @pytest.mark.parametrize("level", USABLE)
    def test_forced(self, level):
        found = output("from fastdl import kernels; print(kernels.cpu_level())", env={"FASTDL_CPU": level})
        assert found == level

    def test_the_best_is_the_default(self):
        assert output("from fastdl import kernels; print(kernels.cpu_level())") == BEST

    @pytest.mark.parametrize("wanted", ["v5", "V3", "3", "v3 ", "avx2", "v" * 1000])
    def test_unknown(self, wanted):
        done = run("import fastdl.kernels", env={"FASTDL_CPU": wanted})
        assert done.returncode == 1
        assert "HyperparameterError" in done.stderr
        assert "FASTDL_CPU" in done.stderr
        assert all(level in done.stderr for level in USABLE)
        assert wanted[:400] in done.stderr  # of long values the error shows as much

    @pytest.mark.parametrize("level", USABLE)
    def test_they_agree(self, results, level):
        best = results[BEST]
        assert results[level].keys() == best.keys()
        for name, desired in best.items():
            actual = results[level][name]
            if level == "v2" and desired.dtype.kind == "f":
                largest = np.abs(desired[np.isfinite(desired)]).max()
                assert_ulps(actual, desired, 32 if name.startswith("affine") else 4, scale=largest)
            else:
                assert_same_bits(actual, desired)

    @pytest.mark.skipif("v2" not in USABLE or BEST == "v2", reason="needs two levels")
    def test_they_are_different_code(self, results):
        """Otherwise the test above would compare one level with itself."""
        names = [name for name in results[BEST] if name.startswith("affine 20")]
        assert any((results["v2"][name] != results[BEST][name]).any() for name in names)


def thread_count(env):
    return int(output("import fastdl; print(fastdl.get_num_threads())", env=env))


ALLOWED = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


class TestNumberOfThreads:
    @needs_threads
    @pytest.mark.parametrize("count", [1, 2, 3, 1024])
    def test_chosen(self, count):
        assert thread_count({"FASTDL_NUM_THREADS": str(count)}) == count
        assert thread_count({"FASTDL_NUM_THREADS": str(count), "OMP_NUM_THREADS": "5"}) == count

    @needs_threads
    @pytest.mark.parametrize("bad", ["0", "-1", "1025", "2.0", "two", "2,2", " ", "٣", "9" * 30])
    def test_refused(self, bad):
        done = run("import fastdl.kernels", env={"FASTDL_NUM_THREADS": bad, "PYTHONIOENCODING": "utf-8"})
        assert done.returncode == 1
        assert "HyperparameterError" in done.stderr
        assert "FASTDL_NUM_THREADS" in done.stderr
        assert bad in done.stderr

    @needs_threads
    @pytest.mark.parametrize(("text", "count"), [("1", 1), ("3", 3), ("3,2", 3), (" 4 ", 4)])
    def test_openmp_setting(self, text, count):
        assert thread_count({"OMP_NUM_THREADS": text}) == count

    @needs_threads
    @pytest.mark.parametrize("text", ["", "0", "-2", "many", "1e3"])
    def test_openmp_setting_that_means_nothing(self, text):
        """OpenMP itself says so on standard error, and goes on; so does fastdl."""
        done = run("import fastdl; print(fastdl.get_num_threads())", env={"OMP_NUM_THREADS": text})
        assert done.returncode == 0
        assert 1 <= int(done.stdout) <= ALLOWED

    @needs_threads
    @pytest.mark.parametrize(
        ("set", "turns"), [({}, "5000"), ({"GOMP_SPINCOUNT": "77"}, "77"), ({"OMP_WAIT_POLICY": "passive"}, "0")]
    )
    def test_a_thread_that_waits_spins_for_a_short_time(self, set, turns):
        """And nothing of that is left in the environment, which other libraries and processes have too."""
        source = "import os, fastdl.kernels; print(os.environ.get('GOMP_SPINCOUNT'))"
        done = run(source, env={"OMP_DISPLAY_ENV": "VERBOSE"} | set)
        assert done.stdout.strip() == str(set.get("GOMP_SPINCOUNT"))
        if "GOMP_SPINCOUNT" not in done.stderr:
            pytest.skip("the OpenMP that is loaded is not GNU's")
        assert f"GOMP_SPINCOUNT = '{turns}'" in done.stderr

    @needs_threads
    def test_default_keeps_to_the_affinity_mask(self):
        one = "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\n"
        assert output(one + "import fastdl; print(fastdl.get_num_threads())") == "1"
        assert 1 <= thread_count({}) <= ALLOWED

    @needs_threads
    def test_set(self, threads):
        for count in (1, 5, np.int64(3), 1024):
            threads(count)
            assert kernels.get_num_threads() == count

    @pytest.mark.parametrize("bad", [0, -1, 1025, 2.0, "2", None, True, 10**30])
    def test_set_refuses(self, bad, threads):
        before = kernels.get_num_threads()
        with pytest.raises(kernels.errors.HyperparameterError) as caught:
            threads(bad)
        assert caught.value.arg == "n"
        assert kernels.get_num_threads() == before

    @pytest.mark.skipif(OPENMP, reason="built with OpenMP")
    def test_without_openmp_there_is_one(self, threads):
        threads(3)
        assert kernels.get_num_threads() == 1
        assert thread_count({"FASTDL_NUM_THREADS": "3"}) == 1


class TestSameBits:
    """Results do not depend on threads, nor on what else decides how many of them there really are."""

    @pytest.mark.parametrize(
        "env",
        [
            {},
            {"FASTDL_NUM_THREADS": "2"},
            {"FASTDL_NUM_THREADS": "3"},
            {"FASTDL_NUM_THREADS": "7"},
            {"FASTDL_NUM_THREADS": "4", "OMP_THREAD_LIMIT": "1"},
            {"FASTDL_NUM_THREADS": "4", "OMP_THREAD_LIMIT": "3"},
            {"FASTDL_NUM_THREADS": "4", "OMP_MAX_ACTIVE_LEVELS": "0"},
            {"FASTDL_NUM_THREADS": "4", "OMP_DYNAMIC": "true"},
            {"FASTDL_NUM_THREADS": "4", "OMP_NESTED": "true", "OMP_SCHEDULE": "dynamic,1"},
            {"FASTDL_NUM_THREADS": "3", "OMP_PROC_BIND": "true"},
            {"FASTDL_NUM_THREADS": "3", "OMP_WAIT_POLICY": "passive"},
            {"FASTDL_NUM_THREADS": "3", "OMP_STACKSIZE": "256K"},
            {"FASTDL_NUM_THREADS": "2", "MALLOC_PERTURB_": "85"},
            {"FASTDL_NUM_THREADS": "2", "MALLOC_PERTURB_": "170"},
        ],
        ids=lambda env: " ".join(f"{name}={value}" for name, value in env.items()) or "default",
    )
    def test_environment(self, env):
        done = run(EVERYTHING + "print(everything.digest())", env={"FASTDL_CPU": kernels.cpu_level()} | env)
        assert done.returncode == 0, done.stderr  # OpenMP warns of OMP_NESTED on standard error
        assert done.stdout.strip() == serial_hash()

    @pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity masks here")
    def test_one_cpu(self):
        pin = "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\n"
        env = {"FASTDL_CPU": kernels.cpu_level(), "FASTDL_NUM_THREADS": "3"}
        assert everything_hash(env, before=pin) == serial_hash()

    def test_the_number_set_between_calls(self, threads):
        for count in (1, 7, 2, 3, 1):
            threads(count)
            assert everything.digest() == serial_hash()


FORKS = (
    EVERYTHING
    + """
import os, signal, threading
import fastdl

def in_child(work):
    '''True if the work, in a child process, returns True within 20 seconds.'''
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        try:
            os._exit(0 if work() else 1)
        finally:
            os._exit(2)
    return os.waitpid(child, 0)[1] == 0

def right():
    return everything.digest() == sys.argv[1]

"""
)


@needs_fork
class TestFork:
    """A forked child has none of its parent's threads. It runs serially, and right."""

    def check(self, source):
        env = {"FASTDL_CPU": kernels.cpu_level(), "FASTDL_NUM_THREADS": "3", "PYTHONWARNINGS": "ignore"}
        assert output(FORKS + source, serial_hash(), env=env) == "True"

    def test_before_use(self):
        self.check("print(in_child(right) and right())")

    def test_after_use(self):
        self.check("right(); print(all(in_child(right) for _ in range(5)) and right())")

    def test_grandchild(self):
        self.check("right(); print(in_child(lambda: in_child(right) and right()) and right())")

    def test_from_a_thread(self):
        self.check("""
right()
found = []
thread = threading.Thread(target=lambda: found.append(right() and in_child(right) and right()))
thread.start()
thread.join()
print(found == [True] and right())
""")

    def test_while_another_thread_is_in_a_kernel(self):
        self.check("""
import numpy as np
x = np.ones((500, 500))
stop = threading.Event()

def work():
    while not stop.is_set():
        fastdl.kernels.affine_forward(x, x, x[0])

thread = threading.Thread(target=work)
thread.start()
y = fastdl.kernels.affine_forward(x, x, x[0])

def same():
    return (fastdl.kernels.affine_forward(x, x, x[0]) == y).all()

found = [in_child(same) for _ in range(50)]
stop.set()
thread.join()
print(all(found) and right())
""")

    def test_more_threads_in_the_child(self):
        self.check("""
right()

def work():
    fastdl.set_num_threads(8)
    return right()

print(in_child(work) and right())
""")

    def test_threads_of_the_child(self):
        self.check("""
right()

def work():
    found = []
    threads = [threading.Thread(target=lambda: found.append(right())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found == [True] * 3

print(in_child(work))
""")

    def test_pool(self):
        self.check("""
import multiprocessing
right()

def work(number):
    signal.alarm(20)
    return right()

with multiprocessing.get_context("fork").Pool(2) as pool:
    print(all(pool.map(work, range(6))) and right())
""")


class TestPythonThreads:
    def test_many_at_once(self, rng, threads):
        """Twelve threads in the kernels at the same time: each gets what it gets alone."""
        threads(3)
        x, W = rng.standard_normal((12, 128, 200)), rng.standard_normal((12, 200, 100))

        def work(number):
            p, m, v = W[number].copy(), np.zeros((200, 100)), np.zeros((200, 100))
            steps = np.zeros(1, np.int64)
            for _ in range(20):
                y = kernels.affine_forward(x[number], p, p[0].copy(), "tanh")
                _, dW, _ = kernels.affine_backward(y, x[number], p, y, "tanh")
                kernels.update("adam", [p], [dW], [[m], [v]], steps, [0.01, 0.9, 0.999, 1e-7])
                loss, _ = kernels.softmax_cross_entropy(y, np.arange(128) % 100)
            return p.tobytes(), y.tobytes(), loss

        alone = [work(number) for number in range(12)]
        together, start = [None] * 12, threading.Barrier(12)

        def run_together(number):
            start.wait()
            together[number] = work(number)

        workers = [threading.Thread(target=run_together, args=(number,)) for number in range(12)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert together == alone

    def test_a_daemon_thread_in_a_kernel_at_exit(self):
        output(
            """
import threading, time
import numpy as np
from fastdl import kernels
x, running = np.ones((300, 300)), threading.Event()

def work():
    while True:
        kernels.affine_forward(x, x, x[0])
        running.set()

for _ in range(2):
    threading.Thread(target=work, daemon=True).start()
running.wait()
""",
            env={"FASTDL_NUM_THREADS": "2"},
        )


LITTLE_MEMORY = """
import resource, sys, threading, warnings
import numpy as np
from fastdl import kernels

x, y = np.ones((256, 256), np.float32), np.empty((256, 256), np.float32)

def no_more_threads():
    '''A thread's stack no longer fits into what the process may have.'''
    pages = int(open("/proc/self/statm").read().split()[0])
    size = pages * resource.getpagesize() + (8 << 20)
    resource.setrlimit(resource.RLIMIT_AS, (size, resource.getrlimit(resource.RLIMIT_AS)[1]))

def right():
    y[:] = 0
    kernels.affine_forward(x, x, x[0], out=y)
    return bool((y == 257).all())

"""


def large_stacks():
    """A thread of this process gets a stack of 64 MiB."""
    resource.setrlimit(resource.RLIMIT_STACK, (64 << 20, resource.getrlimit(resource.RLIMIT_STACK)[1]))


@needs_threads
@needs_linux
class TestNoThreads:
    """Where threads cannot be created kernels run serially and say so once; OpenMP would end the process."""

    def check(self, source, env=None, warned=True):
        env = {"FASTDL_NUM_THREADS": "4", "OPENBLAS_NUM_THREADS": "1"} | dict(env or {})
        done = run(LITTLE_MEMORY + source, env=env, preexec_fn=large_stacks)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == "True"
        assert done.stderr.count("RuntimeWarning: fastdl cannot create 3 threads") == (1 if warned else 0)

    def test_from_the_first(self):
        self.check("no_more_threads(); print(all(right() for _ in range(3)))")

    def test_a_warning_that_is_an_error(self):
        """Nothing has been written then, and the next call works."""
        self.check(
            """
no_more_threads()
warnings.simplefilter("error")
y[:] = 7
try:
    kernels.affine_forward(x, x, x[0], out=y)
except RuntimeWarning:
    print((y == 7).all() and right())
""",
            warned=False,
        )

    def test_after_use(self):
        """The team that there is goes on."""
        self.check("right(); no_more_threads(); print(right())", warned=False)

    def test_a_second_python_thread(self):
        """OpenMP starts a team for each Python thread that calls."""
        self.check("""
right()
go, found = threading.Event(), []
threading.stack_size(256 << 10)
thread = threading.Thread(target=lambda: go.wait() and found.append(right()))
thread.start()
no_more_threads()
go.set()
thread.join()
print(found == [True] and right())
""")

    def test_a_team_that_shrank(self):
        """OpenMP lets threads go when a team shrinks, and has to create them again."""
        self.check("""
import time
right()
kernels.set_num_threads(2)
right()
time.sleep(0.1)
no_more_threads()
kernels.set_num_threads(4)
print(right())
""")

    def test_stacks_that_are_too_large(self):
        self.check("print(right())", env={"OMP_STACKSIZE": "4096G"})


def test_many_processes_at_once():
    """Each of four processes on this machine's CPUs gets the same results."""
    env = os.environ | {"FASTDL_CPU": kernels.cpu_level(), "FASTDL_NUM_THREADS": "2"}
    command = [sys.executable, str(HERE / "everything.py")]
    started = [subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert {process.communicate(timeout=60)[0].strip() for process in started} == {serial_hash()}
