"""Searches whose processes are killed: nothing is lost, and as many trials are complete as were asked for."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from fastdl import errors, tune
from fastdl.data import load_digits
from fastdl.tune import Range
from fastdl.tune.storage import address

optuna = pytest.importorskip("optuna")
sqlalchemy = pytest.importorskip("sqlalchemy")
pytest.importorskip("sklearn")

RUNNING, COMPLETE, FAIL = (
    optuna.trial.TrialState.RUNNING,
    optuna.trial.TrialState.COMPLETE,
    optuna.trial.TrialState.FAIL,
)
TRIALS, EPOCHS = 6, 1200
SECONDS = 180  # after which a test gives up

# What a user's program does; its trials take about a second.
PROGRAM = f"""
import sys
from fastdl import set_num_threads, tune
from fastdl.data import load_digits

if __name__ == "__main__":
    set_num_threads(int(sys.argv[2]))  # one for each worker
    digits = load_digits()
    data = tune.split(digits.x_train[:250], digits.t_train[:250], scale=digits.scale)
    space = {{"lr": tune.Range(1e-3, 1e-1, log=True)}}
    storage, workers = sys.argv[1:]
    result = tune.search(
        space, data, trials={TRIALS}, epochs={EPOCHS}, storage=storage, workers=int(workers), heartbeat=1
    )
    print(len(result.complete))
"""


def start(storage, workers=1):
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(storage), str(workers)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    """What it printed; it must end well."""
    out, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, err
    return out.strip()


@contextmanager
def ended(process):
    """Leave no process behind, whatever happens."""
    try:
        yield process
    finally:
        for child in [*children(process), process.pid]:
            kill(child)
        process.communicate()


def kill(pid):
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def children(process):
    """The workers that a process has started: its children that run multiprocessing's spawn."""
    try:
        pids = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        return [int(pid) for pid in pids if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def url(storage):
    return address(storage)


def opened_storage(storage, **options):
    """The storage as Optuna opens it, with no connection that stays open."""
    options["engine_kwargs"] = {"poolclass": sqlalchemy.pool.NullPool}
    return optuna.storages.RDBStorage(url(storage), **options)


def trials(storage):
    """The trials in the storage so far."""
    try:
        opened = opened_storage(storage, skip_table_creation=True, skip_compatibility_check=True)
        return opened.get_all_trials(opened.get_study_id_from_name("search"))
    except (KeyError, optuna.exceptions.StorageInternalError, sqlalchemy.exc.SQLAlchemyError):
        return []  # not made yet


def count(storage, state):
    return sum(trial.state == state for trial in trials(storage))


def wait_until(condition):
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.02)


def check_whole(storage):
    """All trials complete; those that were killed have been run again with the same choices."""
    every = trials(storage)
    assert sum(trial.state == COMPLETE for trial in every) == TRIALS
    assert not any(trial.state == RUNNING for trial in every)
    assert all(len(trial.intermediate_values) == EPOCHS for trial in every if trial.state == COMPLETE)
    complete = [trial.params for trial in every if trial.state == COMPLETE]
    assert len({params["lr"] for params in complete}) == TRIALS
    return [trial for trial in every if trial.state == FAIL]


@pytest.fixture(params=["sqlite", "postgresql"])
def storage(request, tmp_path):
    """An empty storage of each kind."""
    if request.param == "sqlite":
        return tmp_path / "study.db"
    return request.getfixturevalue("postgresql")


@pytest.fixture
def postgresql():
    """A PostgreSQL server of its own, on the loopback interface; the URL of an empty database."""
    psycopg = pytest.importorskip("psycopg", reason="needs psycopg, of the extra tune")
    programs = [shutil.which("initdb"), *map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb"))]
    initdb = next((program for program in programs if program), None)
    if initdb is None:
        pytest.skip("no PostgreSQL server is installed (Debian: apt-get install postgresql)")
    binaries = Path(initdb).resolve().parent
    folder = Path(tempfile.mkdtemp(prefix="fastdl-postgresql-"))
    who = {}
    if os.geteuid() == 0:  # as whom PostgreSQL refuses to run
        user = next((u for name in ("postgres", "nobody") for u in pwd.getpwall() if u.pw_name == name), None)
        if user is None:
            pytest.skip("PostgreSQL does not run as root, and there is no user postgres or nobody")
        os.chown(folder, user.pw_uid, user.pw_gid)
        who = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder, **who}
    data = folder / "data"
    subprocess.run([binaries / "initdb", "-D", data, "-U", "fastdl", "-A", "trust", "-N"], check=True, **quiet)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = ["-h", "127.0.0.1", "-p", str(port), "-k", str(folder), "-F"]
    server = subprocess.Popen([binaries / "postgres", "-D", data, *settings], **quiet)

    def is_up():
        assert server.poll() is None, "PostgreSQL did not start"
        try:
            psycopg.connect(f"host=127.0.0.1 port={port} user=fastdl dbname=postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    try:
        wait_until(is_up)
        yield f"postgresql://fastdl@127.0.0.1:{port}/postgres"
    finally:
        server.send_signal(signal.SIGINT)  # a fast shutdown
        server.wait(timeout=SECONDS)
        shutil.rmtree(folder)


def have_begun(storage):
    """How many trials are running and have got their hyper-parameters."""
    return sum(trial.state == RUNNING and bool(trial.params) for trial in trials(storage))


def test_started_again_after_kill_9_it_goes_on(storage):
    with ended(start(storage)) as first:
        wait_until(lambda: count(storage, COMPLETE) >= 2)
        kill(first.pid)
        first.wait()
    before = {trial.number: trial.values for trial in trials(storage) if trial.state == COMPLETE}
    assert 2 <= len(before) < TRIALS
    with ended(start(storage)) as second:
        assert finish(second) == str(TRIALS)
    killed = check_whole(storage)
    assert len(killed) <= 1
    after = {trial.number: trial.values for trial in trials(storage)}
    assert {number: after[number] for number in before} == before


def test_a_killed_worker_s_trial_is_run_again_by_another(storage):
    with ended(start(storage, workers=2)) as search:
        wait_until(lambda: count(storage, COMPLETE) >= 2 and have_begun(storage) == 2)
        kill(children(search)[0])
        assert finish(search) == str(TRIALS)
    killed = check_whole(storage)
    assert len(killed) == 1
    again = [trial for trial in trials(storage) if trial.system_attrs.get("failed_trial") == killed[0].number]
    assert len(again) == 1
    assert killed[0].params.items() <= again[0].params.items()  # none, had it just begun another trial


def test_a_search_goes_on_without_its_other_worker(tmp_path):
    storage = tmp_path / "study.db"
    with ended(start(storage, workers=2)) as search:
        wait_until(lambda: children(search))
        kill(children(search)[0])  # while it starts
        assert finish(search) == str(TRIALS)
    assert check_whole(storage) == []


def test_workers_end_with_the_process_that_started_them(tmp_path):
    storage = tmp_path / "study.db"
    with ended(start(storage, workers=2)) as search:
        wait_until(lambda: count(storage, COMPLETE) >= 1)
        workers = children(search)
        kill(search.pid)
        search.wait()
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))
    assert count(storage, COMPLETE) < TRIALS


def test_a_worker_joins_from_elsewhere(postgresql, tmp_path):
    """One process begins, one joins by the command, the first is killed: the one that joined ends the search."""
    out = str(tmp_path / "out")
    begin = [sys.executable, "-m", "fastdl", "tune", "--storage", postgresql, "--images", "250", "--heartbeat", "1"]
    settings = ["--trials", str(TRIALS), "--epochs", str(EPOCHS), "--threads", "1", "--out", out]
    with ended(subprocess.Popen([*begin, *settings], stdout=subprocess.DEVNULL)) as first:
        wait_until(lambda: count(postgresql, COMPLETE) >= 1)
        join = subprocess.Popen(
            [*begin, "--worker", "--threads", "1", "--out", out],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with ended(join):
            wait_until(lambda: count(postgresql, RUNNING) == 2)
            kill(first.pid)
            assert f"{TRIALS} trials, {TRIALS} complete" in finish(join)
    assert len(check_whole(postgresql)) == 1


def test_the_same_trials_for_any_number_of_workers(tmp_path):
    digits = load_digits()
    data = tune.split(digits.x_train[:200], digits.t_train[:200], scale=digits.scale)
    space = {"lr": Range(1e-3, 1e-1, log=True), "units": Range(5, 20), "layers": 2}
    one, two = (
        tune.search(space, data, trials=10, epochs=3, storage=tmp_path / f"{workers}.db", workers=workers)
        for workers in (1, 2)
    )
    assert [(t.number, t.params, t.curve) for t in one.trials] == [(t.number, t.params, t.curve) for t in two.trials]


def test_a_trial_without_any_heartbeat_is_given_up(tmp_path):
    """What a worker leaves that is killed between the beginning of a trial and its first heartbeat."""
    digits = load_digits()
    data = tune.split(digits.x_train[:200], digits.t_train[:200], scale=digits.scale)
    settings = {"space": {"lr": Range(1e-3, 1e-1, log=True)}, "epochs": 1, "storage": tmp_path / "study.db"}
    tune.search(data=data, trials=2, **settings)
    optuna.load_study(study_name="search", storage=opened_storage(tmp_path / "study.db")).ask()
    result = tune.search(data=data, trials=4, heartbeat=1, **settings)
    assert len(result.complete) == 4


def local(params):
    raise AssertionError("never run")


def test_a_function_within_a_function_cannot_be_sent(tmp_path):
    digits = load_digits()
    data = tune.split(digits.x_train[:100], digits.t_train[:100], scale=digits.scale)
    with pytest.raises(errors.HyperparameterError) as caught:
        tune.search(
            {"lr": Range(0.1, 1.0)}, data, build=lambda params: local(params), storage=tmp_path / "a.db", workers=2
        )
    assert caught.value.arg == "build"
