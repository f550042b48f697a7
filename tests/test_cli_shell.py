"""The command in a shell: completion, pipes, locales, terminals."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from fastdl.cli import main

COMMANDS = [
    "train", "evaluate", "predict", "compare", "experiment", "tune", "report", "bench", "info", "completion",
]  # fmt: skip


@pytest.fixture
def script(tmp_path, monkeypatch, capsys):
    """Writes a shell's script, in a folder with a file to complete."""

    def script(shell):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "flowers.csv").touch()
        assert main(["completion", shell]) == 0
        (tmp_path / "script").write_text(capsys.readouterr().out)

    return script


def run(*command, **settings):
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, **settings)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_names_everything(shell, script, tmp_path):
    script(shell)
    for word in ("train", "evaluate", "predict", "batch-size", "overwrite", "float64"):
        assert word in (tmp_path / "script").read_text()


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("tr", {"train"}),
        ("", {*COMMANDS, "--help", "--version"}),
        ("train --ov", {"--overwrite"}),
        ("train --norm ", {"none", "batch", "layer"}),
        ("train --data flow", set()),  # left to the shell, which knows files
        ("completion f", {"fish"}),
    ],
)  # fmt: skip
def test_bash(words, expected, script):
    script("bash")
    line = ["fastdl", *words.split(" ")]
    source = f"source ./script; COMP_WORDS=({' '.join(repr(word) for word in line)}); COMP_CWORD={len(line) - 1}\n"
    done = run("bash", "-c", source + '_fastdl; printf "%s\\n" "${COMPREPLY[@]}"')
    assert done.stderr == ""
    assert set(done.stdout.split()) == expected


# What a user does in a terminal: types the words, presses Tab and Enter; fastdl prints what it is given.
TERMINAL = r"""
zmodload zsh/zpty
zpty terminal zsh -f -i
zpty -w terminal "$2; fastdl() { print -r -- \"<<\$*>>\" }; source ./script; print RE''ADY"
zpty -r terminal out '*READY*'
zpty -w -n terminal "fastdl $1"$'\t\n'
zpty -w terminal "print DO''NE"
zpty -r terminal out '*DONE*'
print -r -- "$out"
zpty -d terminal
"""


@pytest.mark.skipif(shutil.which("zsh") is None, reason="there is no zsh")
@pytest.mark.parametrize("before", ["true", "autoload -U compinit && compinit -u -D"])
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("tr", "train"),
        ("train --ov", "train --overwrite"),
        ("train --norm b", "train --norm batch"),
        ("tune --metric l", "tune --metric loss"),
        ("train --data flow", "train --data flowers.csv"),
        ("completion f", "completion fish"),
    ],
)
def test_zsh(words, expected, before, script, tmp_path):
    script("zsh")
    done = run("zsh", "-f", "-c", TERMINAL, "zsh", words, before, env=os.environ | {"HOME": str(tmp_path)})
    assert done.stderr == ""
    assert f"<<{expected}>>" in done.stdout


@pytest.mark.skipif(shutil.which("fish") is None, reason="there is no fish")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("tr", {"train"}),
        ("", set(COMMANDS)),
        ("train --ov", {"--overwrite"}),
        ("train --norm ", {"none", "batch", "layer"}),
        ("tune --metric=", {"--metric=accuracy", "--metric=loss"}),
        ("train --data flow", {"flowers.csv"}),
        ("evaluate flow", {"flowers.csv"}),
        ("completion f", {"fish"}),
    ],
)
def test_fish(words, expected, script, tmp_path):
    script("fish")
    source = f"source script; complete -C 'fastdl {words}'"
    done = run("fish", "--no-config", "-c", source, env=os.environ | {"HOME": str(tmp_path)})
    assert done.stderr == ""
    assert {line.split("\t")[0] for line in done.stdout.splitlines()} == expected


FASTDL = f"'{sys.executable}' -m fastdl"


@pytest.mark.parametrize(
    "words", ["experiment --list", "train --epochs 200 --hidden 5 --out run", "completion bash", "train --help"]
)
def test_a_broken_pipe_is_silent(words, tmp_path):
    pytest.importorskip("sklearn")
    source = f"{FASTDL} {words} | true; echo ${{PIPESTATUS[0]}}"
    done = run("bash", "-c", source, cwd=tmp_path)
    assert done.stdout in ("141\n", "0\n")
    assert done.stderr == ""
    if words.startswith(("experiment", "train --epochs")):
        assert done.stdout == "141\n"


def test_output_that_cannot_be_written(tmp_path):
    if os.path.exists("/dev/full"):
        done = run("bash", "-c", f"{FASTDL} info > /dev/full")
        assert (done.returncode, done.stderr) == (1, "fastdl: error: No space left on device\n")
    done = run("bash", "-c", f"{FASTDL} info >&-")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("locale", [{"LC_ALL": "C"}, {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}])
def test_a_locale_without_utf8(locale, tmp_path):
    (tmp_path / "d.csv").write_text("1,2,é\n2,1,日\n1,3,é\n3,1,日\n", encoding="utf-8")
    for words in (
        "train --data d.csv --epochs 1 --validation-share 0 --out run",
        "predict run --data d.csv --label -1",
        "predict run --data d.csv --label -1 --out labels.txt",
        "evaluate run --data d.csv",
        "experiment --list",
        "--help",
    ):
        done = run(sys.executable, "-m", "fastdl", *words.split(), cwd=tmp_path, env=os.environ | locale)
        assert (done.returncode, done.stderr) == (0, "")
    assert set((tmp_path / "labels.txt").read_text(encoding="utf-8").split()) <= {"é", "日"}


def test_a_file_gets_no_control_characters(tmp_path):
    pytest.importorskip("sklearn")
    for words in ("train --epochs 2 --out run", "experiment --list", "evaluate run", "train --help", "--help", "info"):
        done = run(sys.executable, "-m", "fastdl", *words.split(), cwd=tmp_path)
        assert done.returncode == 0
        assert all(character.isprintable() or character == "\n" for character in done.stdout + done.stderr)


@pytest.mark.parametrize("command", ["", *COMMANDS])
@pytest.mark.parametrize("columns", [50, 80])
def test_help_in_a_narrow_terminal(command, columns, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", str(columns))
    with pytest.raises(SystemExit):
        main([*command.split(), "--help"])
    lines = capsys.readouterr().out.splitlines()
    wide = [line for line in lines if len(line) > columns and not {"{", "["} & set(line)]  # choices are one word
    assert wide == []
    example = next(number for number, line in enumerate(lines) if line.startswith("example: "))
    assert all(line.endswith(" \\") for line in lines[example:-1])
