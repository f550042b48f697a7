"""The command, as its users meet it: output, files, errors, exit status."""

from __future__ import annotations

import dataclasses
import gzip
import json
import os
import re
import stat
import subprocess
import sys

import numpy as np
import pytest

import fastdl
from fastdl import compare as experiment
from fastdl import timing
from fastdl.cli import main
from tests.processes import output

pytest.importorskip("matplotlib")
pytest.importorskip("sklearn")

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def quick(monkeypatch, tmp_path):
    """Arguments of a short run that writes below the test's folder, with few steps timed."""
    monkeypatch.setattr(timing, "TURNS", 1)
    monkeypatch.setattr(timing, "TURN_CALLS", 3)
    return ["compare", "--steps", "30", "--out", str(tmp_path / "out")]


def run_quick(quick, tmp_path, *more):
    assert main([*quick, *more]) == 0
    return json.loads((tmp_path / "out" / "compare.json").read_text())


def test_compare_prints_a_table_and_writes_both_files(quick, tmp_path, capsys):
    result = run_quick(quick, tmp_path)
    out, err = capsys.readouterr()
    assert [run["optimizer"] for run in result["runs"]] == ["sgd", "momentum", "adagrad", "adam"]
    for run in result["runs"]:
        row = next(line for line in out.splitlines() if line.startswith(run["optimizer"]))
        assert f"{run['final_loss']:.3g}" in row
        assert f"{run['test_accuracy']:.1%}" in row
    assert max(map(len, out.splitlines()[:-1])) <= 80
    assert str(tmp_path / "out" / "compare.png") in out
    assert str(tmp_path / "out" / "compare.json") in out
    assert (tmp_path / "out" / "compare.png").read_bytes().startswith(PNG)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["compare.json", "compare.png"]
    assert [line.split(":")[0] for line in err.splitlines()] == ["sgd", "momentum", "adagrad", "adam"]


def test_the_columns_of_the_table_are_aligned(quick, capsys):
    main(quick)
    lines = capsys.readouterr().out.splitlines()
    rule = next(number for number, line in enumerate(lines) if set(line) == {"-"})
    table = [lines[rule - 1], *lines[rule + 1 : rule + 5]]
    assert {len(line) for line in table} == {len(lines[rule])}
    ends = [{match.end() for match in re.finditer(r"\S(?=  |$)", line)} for line in table]
    assert set.intersection(*ends) >= ends[1] - {min(ends[1])}


def test_the_json_has_everything_to_repeat_the_run(quick, tmp_path):
    result = run_quick(quick, tmp_path, "--optimizers", "Adam", "--seed", "3", "--batch-size", "50")
    assert result["data"] == "digits"
    assert result["sizes"] == [64, 100, 100, 100, 100, 10]
    assert (result["steps"], result["batch_size"], result["seed"]) == (30, 50, 3)
    assert result["threads"] == fastdl.get_num_threads()
    assert result["environment"]["fastdl"] == fastdl.__version__
    assert result["environment"]["numpy"] == np.__version__
    assert result["environment"]["kernels"] == json.loads(json.dumps(fastdl.kernels.build_info()))
    (run,) = result["runs"]
    assert run["hyperparameters"] == {"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-7}
    assert len(run["losses"]) == 30
    assert run["final_loss"] == pytest.approx(np.mean(run["losses"]))
    assert run["speedup"] == pytest.approx(run["numpy_step_seconds"] / run["step_seconds"])


def test_all_start_from_the_same_weights_and_batches(quick, tmp_path):
    result = run_quick(quick, tmp_path)
    assert len({run["losses"][0] for run in result["runs"]}) == 1
    assert len({run["losses"][-1] for run in result["runs"]}) == 4


def test_an_optimizer_s_run_does_not_depend_on_the_others(quick, tmp_path):
    together = {run["optimizer"]: run["losses"] for run in run_quick(quick, tmp_path)["runs"]}
    alone = run_quick(quick, tmp_path, "--optimizers", "adagrad")["runs"][0]["losses"]
    assert alone == together["adagrad"]


def test_threads_change_no_loss(quick, tmp_path):
    before = fastdl.get_num_threads()
    try:
        one, two = (run_quick(quick, tmp_path, "--threads", threads) for threads in ("1", "2"))
    finally:
        fastdl.set_num_threads(before)
    assert (one["threads"], two["threads"]) == (1, 2 if fastdl.kernels.build_info()["openmp"] else 1)
    assert [run["losses"] for run in one["runs"]] == [run["losses"] for run in two["runs"]]


def write_idx(path, array):
    header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    path.write_bytes(gzip.compress(header + array.astype(np.uint8).tobytes()))


def test_mnist_from_a_folder(quick, tmp_path, capsys):
    rng = np.random.default_rng(0)
    for part, images in (("train", 300), ("t10k", 40)):
        write_idx(tmp_path / f"{part}-images-idx3-ubyte.gz", rng.integers(0, 256, (images, 28, 28)))
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte.gz", rng.integers(0, 10, images))
    result = run_quick(quick, tmp_path, "--data", "mnist", "--data-dir", str(tmp_path), "--optimizers", "sgd")
    assert result["data"] == "mnist"
    assert result["sizes"][0] == 784


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--optimizers", "sgd,adm"], ["adm", "adam"]),
        (["--optimizers", "sgd,sgd"], ["sgd, sgd"]),
        (["--optimizers", ""], ["optimizer"]),
        (["--steps", "0"], ["steps", "0"]),
        (["--batch-size", "0"], ["--batch-size", "0"]),
        (["--seed", "-1"], ["seed", "-1"]),
        (["--threads", "0"], ["0"]),
        (["--data-dir", "nowhere"], ["--data-dir"]),
    ],
)
def test_a_wrong_argument_is_one_line_on_stderr(quick, tmp_path, capsys, more, words):
    assert main([*quick, *more]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("fastdl: error: ")
    assert len(err.splitlines()) == 1
    assert all(word in err for word in words)
    assert not (tmp_path / "out" / "compare.json").exists()


def test_debug_shows_the_traceback(quick):
    with pytest.raises(fastdl.errors.HyperparameterError):
        main([*quick, "--optimizers", "adm", "--debug"])


def test_an_output_folder_that_is_a_file_is_told_before_training(quick, tmp_path, capsys):
    (tmp_path / "out").write_text("mine")
    assert main(quick) == 1
    assert str(tmp_path / "out") in capsys.readouterr().err
    assert (tmp_path / "out").read_text() == "mine"


def test_missing_matplotlib_is_told_before_training(quick, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setattr(experiment, "compare", lambda *args, **options: pytest.fail("it trained"))
    assert main(quick) == 1
    assert "fastdl[plot]" in capsys.readouterr().err


def test_a_failed_write_leaves_the_old_file_and_no_other(quick, tmp_path, capsys, monkeypatch):
    run_quick(quick, tmp_path)
    old = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}

    def disk_full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", disk_full)
    assert main([*quick, "--seed", "1"]) == 1
    assert "No space left" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == old


def test_written_files_have_the_permissions_of_the_user_s_mask(quick, tmp_path):
    before = os.umask(0o027)
    try:
        run_quick(quick, tmp_path, "--optimizers", "sgd")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out" / "compare.json").stat().st_mode) == 0o640


def test_losses_that_are_not_finite_are_null_in_json():
    run = experiment.OptimizerRun("sgd", {"lr": 0.01}, (2.0, float("inf"), float("nan")), 0.1, 1e-3, 2e-3)
    comparison = experiment.Comparison("digits", (64, 10), 3, 128, 0, 1, {}, (run,))
    (entry,) = json.loads(experiment.as_json(comparison))["runs"]
    assert entry["losses"] == [2.0, None, None]
    assert entry["final_loss"] is None
    assert "nan" in experiment.summary(comparison)
    assert experiment.as_png(comparison).startswith(PNG)


def test_results_are_frozen():
    run = experiment.OptimizerRun("sgd", {"lr": 0.01}, (2.0,), 0.1, 1e-3, 2e-3)
    with pytest.raises(dataclasses.FrozenInstanceError):
        run.losses = ()


def test_ctrl_c_is_no_traceback(quick, monkeypatch, capsys):
    def interrupted(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(experiment, "compare", interrupted)
    assert main(quick) == 130
    assert capsys.readouterr().err == "fastdl: interrupted\n"


def test_version(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"fastdl {fastdl.__version__}\n"


@pytest.mark.parametrize("command", [[], ["compare"], ["info"]])
def test_help_has_an_example(capsys, command):
    with pytest.raises(SystemExit) as caught:
        main([*command, "--help"])
    assert caught.value.code == 0
    assert "example: fastdl" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["dance"], ["compare", "--steps", "many"], ["compare", "--step", "1"]])
def test_argparse_refuses_with_status_two(capsys, arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


def test_info_tells_the_version(capsys):
    assert main(["info"]) == 0
    assert fastdl.__version__ in capsys.readouterr().out


def test_python_m_fastdl_is_the_command():
    command = [sys.executable, "-m", "fastdl"]
    told = subprocess.run([*command, "info"], capture_output=True, text=True, check=True)
    assert fastdl.__version__ in told.stdout
    refused = subprocess.run([*command, "compare", "--optimizers", "adm"], capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert refused.stderr.startswith("fastdl: error: ")


@pytest.mark.parametrize("arguments", ["'--help'", "'train', '--help'", "'tune', '--help'", "'--version'"])
def test_help_imports_not_even_numpy(arguments):
    program = (
        f"import sys; from fastdl.cli import main\ntry: main([{arguments}])\n"
        "except SystemExit: print({'numpy', 'fastdl.kernels', 'matplotlib', 'sklearn', 'tqdm'} & set(sys.modules))"
    )
    assert output(program).endswith("set()")
