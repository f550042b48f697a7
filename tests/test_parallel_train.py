"""fastdl train under mpiexec: the files of one process, one voice, ranks that are killed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from fastdl.cli import last_words, main
from fastdl.train import latest_checkpoint, load_checkpoint
from tests.ranks import needs_mpi, ranks_of, run_ranks, started

HERE = Path(__file__).parent / "on_ranks"
COMMAND = ["-m", "fastdl"]
ROUNDINGS = 100  # in float64, of a loss of about 1

pytestmark = needs_mpi


@pytest.fixture(scope="module")
def arguments(tmp_path_factory):
    """Of a run over a CSV file of 200 rows whose class is the largest of three numbers."""
    rows = np.random.default_rng(0).random((200, 3)).round(3)
    path = tmp_path_factory.mktemp("data") / "flowers.csv"
    path.write_text("\n".join(",".join([*map(str, row), "abc"[row.argmax()]]) for row in rows))
    return ["train", "--data", path, "--hidden", "16", "--lr", "0.02", "--batch-size", "20", "--dtype", "float64"]


def losses(folder):
    return load_checkpoint(latest_checkpoint(folder)).trainer["losses"]


def assert_same_losses(folder, other):
    assert len(losses(folder)) == len(losses(other))
    np.testing.assert_allclose(losses(folder), losses(other), rtol=0, atol=ROUNDINGS * np.finfo(float).eps)


def test_a_run_on_ranks_is_that_of_one_process(arguments, tmp_path, capsys):
    alone = tmp_path / "alone"
    assert main([*map(str, arguments), "--epochs", "3", "--out", str(alone)]) == 0
    lines = capsys.readouterr().out.splitlines()
    for ranks in (2, 3):
        folder = tmp_path / str(ranks)
        done = run_ranks("-m", ranks, "fastdl", *arguments, "--epochs", 3, "--out", folder)
        assert (done.returncode, done.stderr) == (0, "")
        assert [line.rpartition(",")[0] for line in done.stdout.splitlines()[:3]] == [
            line.rpartition(",")[0] for line in lines[:3]
        ]
        assert len(done.stdout.splitlines()) == len(lines)
        assert sorted(path.name for path in folder.iterdir()) == sorted(path.name for path in alone.iterdir())
        assert_same_losses(folder, alone)


@pytest.mark.parametrize(
    ("more", "words", "status"),
    [
        (["--hidden", "x"], "--hidden", 2),
        (["--data", "none.csv"], "none.csv", 1),
        (["--bogus"], "--bogus", 2),
        (["--resume", "nowhere"], "no run", 1),
    ],
)
def test_an_error_is_told_once(arguments, tmp_path, more, words, status):
    given = arguments if "--resume" not in more else ["train"]
    done = run_ranks("-m", 2, "fastdl", *given, *more, *(["--out", tmp_path / "r"] if given is arguments else []))
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.count("error:") == 1
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == (2 if "usage" in done.stderr else 1)
    assert not (tmp_path / "r").exists()


def test_other_commands_run_in_one_process(tmp_path):
    done = run_ranks("-m", 2, "fastdl", "info")
    assert done.returncode == 1
    assert done.stderr == (
        "fastdl: error: this command runs in one process, not on 2 ranks. Start it without mpiexec\n"
    )


def test_ranks_without_mpi4py_do_not_train_alone(arguments, tmp_path):
    hidden = "import sys; sys.modules['mpi4py'] = None; from fastdl.cli import main; sys.exit(main(sys.argv[1:]))"
    done = run_ranks("-c", 2, hidden, *arguments, "--out", tmp_path / "r")
    assert done.returncode == 1
    assert done.stderr.startswith("fastdl: error: fastdl.parallel: MPI cannot be used")
    assert 'pip install "fastdl[mpi]"' in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "r").exists()


def test_ranks_of_another_mpi_do_not_train_alone(arguments, tmp_path):
    settings = {name: value for name, value in os.environ.items() if not name.startswith("PMI_")}
    settings |= {"OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "2"}
    command = [sys.executable, "-m", "fastdl", *map(str, arguments), "--out", str(tmp_path / "r")]
    done = subprocess.run(command, env=settings, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "2 ranks were started, but not by the mpiexec of mpi4py's MPI" in done.stderr
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_rank_ends_the_job_and_any_number_goes_on(arguments, tmp_path, victim):
    folder = tmp_path / "run"
    command = [*COMMAND, *arguments, "--steps", 10**6, "--save-every", 4, "--keep", 50, "--out", folder]
    with started(command, 2) as process:
        assert "rows" in process.stdout.readline()
        for _ in range(3):
            assert process.stdout.readline().startswith("epoch")
        pid = ranks_of(process)[victim]
        begin = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        _, err = process.communicate(timeout=30)
        assert time.monotonic() - begin < 10
    assert process.returncode != 0
    step = int(latest_checkpoint(folder).stem[5:])
    told = next(line for line in err.splitlines() if line.startswith("fastdl: error:"))
    assert f"rank {victim} (PID {pid})" in told  # on a busy machine "or" the other, which may have ended meanwhile
    assert "ended before the run was done" in told
    assert f"`mpiexec -n 2 fastdl train --resume {folder}` goes on from step {step}," in told

    steps = step + 30
    clean = tmp_path / "clean"
    assert main([*map(str, arguments), "--steps", str(steps), "--out", str(clean)]) == 0
    assert main(["train", "--resume", str(folder), "--steps", str(steps)]) == 0
    assert_same_losses(folder, clean)
    for path in folder.glob("step-*"):  # as if the process had been killed ten steps after the rank was
        if int(path.stem[5:]) > step + 10:
            path.unlink()
    done = run_ranks("-m", 3, "fastdl", "train", "--resume", folder, "--steps", steps)
    assert (done.returncode, done.stderr) == (0, "")
    assert_same_losses(folder, clean)
    assert main(["evaluate", str(folder), "--data", str(arguments[2])]) == 0


def test_ctrl_c_saves_once_and_all_end(arguments, tmp_path):
    folder = tmp_path / "run"
    with started([*COMMAND, *arguments, "--steps", 10**6, "--out", folder], 2) as process:
        assert "rows" in process.stdout.readline()
        assert process.stdout.readline().startswith("epoch 1")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err == "fastdl: interrupted\n"
    assert out.count(f"saved: {latest_checkpoint(folder)}") == 1
    done = run_ranks("-m", 3, "fastdl", "train", "--resume", folder, "--steps", len(losses(folder)) + 20)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ("memory", r"rank 2.*ArrayMemoryError: Unable to allocate"),  # its own words, or what it told the others
        ("error", r"rank 2.*RuntimeError: as planned"),
        ("exit", r"rank 2: SystemExit: 3"),
        ("os._exit", ""),  # the launcher's own message, if it has one
        ("kill", ""),
        ("crash", ""),
    ],
)
def test_a_program_of_which_a_rank_fails_ends(way, words):
    done = run_ranks(HERE / "failing.py", 3, way, timeout=20)
    assert done.returncode != 0
    assert re.search(words, done.stderr, re.DOTALL)


def test_last_words():
    pids = {0: 11, 1: 12}
    assert last_words.words(Path("a b"), 4, [1], pids) == (
        "fastdl: error: rank 1 (PID 12) ended before the run was done, and with it all of them. "
        "There is no checkpoint yet: begin again, with --save-every N for one every N steps\n"
    )
    assert "rank 0 (PID 11) or rank 1 (PID 12) ended" in last_words.words(Path("a"), 4, [0, 1], pids)
    assert "a rank on another machine ended" in last_words.words(Path("a"), 4, [], pids)
