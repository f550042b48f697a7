"""The README says what the results say, and nothing of what has not been measured."""

import json
import re

import pytest

from benchmarks import tables

MACHINE = {"cores": 2, "cpu": "a CPU", "python": "3.11.7", "date": "2026-11-22"}
RESULTS = {
    "machine": MACHINE,
    "contenders": {"fastdl": {"versions": {"fastdl": "0.1.0"}}},
    "rounds": 7,
    "seconds": 0.1,
    "works": [
        {
            "name": "an epoch",
            "seconds": {"fastdl": {"median": 0.25}, "torch": {"median": 0.7}},
            "ratio": {"torch": {"median": 2.8}},
        }
    ],
}
ACCURACY = {
    "epochs": 5,
    "seeds": 3,
    "fastdl": {"mean": 0.97921, "error": 0.0002, "runs": []},
    "torch": {"mean": 0.9788, "error": 0.00011, "runs": []},
}


@pytest.fixture
def results(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "RESULTS", tmp_path)
    monkeypatch.setattr(tables, "FIGURES", tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["mnist", "memory", "growth", "peers"])
def test_what_is_not_measured_is_not_spoken_of(results, name):
    text = f"a\n<!-- table:{name} -->\n<!-- /table -->\nb\n"
    assert tables.filled_in(text) == text


@pytest.mark.parametrize("name", ["mnist", "memory", "growth"])
def test_tables_come_and_go_with_their_results(results, name):
    memory = {"name": "3-4", "needed": {"parameters": 10**6}, "peak": {"fastdl": 1_500_000}}
    contents = {
        "mnist": {**RESULTS, "accuracy": ACCURACY},
        "memory": {"machine": MACHINE, "contenders": {}, "runs": 5, "works": [memory]},
        "growth": {**RESULTS, "works": [{"figure": "batch", "size": 1, "name": "x", "seconds": {}, "ratio": {}}]},
    }
    empty = f"a\n<!-- table:{name} -->\n<!-- /table -->\nb\n"
    file = results / f"{name}.json"
    file.write_text(json.dumps(contents[name]))
    (results / "growth-batch.png").write_bytes(b"")
    full = tables.filled_in(empty)
    says = {"mnist": "97.92% ± 0.02%", "memory": "1.50 MB, 1.50×", "growth": "(growth-batch.png)"}
    assert says[name] in full
    assert MACHINE["date"] in full
    assert tables.filled_in(full) == full
    file.unlink()
    assert tables.filled_in(full) == empty


def test_every_contender_has_a_column():
    for name in ("peers", "optimizers"):
        for work in json.loads((tables.RESULTS / f"{name}.json").read_text())["works"]:
            assert work["seconds"].keys() <= tables.COLUMNS.keys()


def test_accuracy_stands_below_its_contender():
    *_, accuracy, _, _ = tables.with_accuracy({**RESULTS, "accuracy": ACCURACY}).splitlines()
    assert accuracy.endswith("runs ± its standard error | 97.92% ± 0.02% | 97.88% ± 0.01% |")


def test_the_first_figures_of_the_readme_are_the_measured_ones():
    text = " ".join(tables.DOCUMENTS[0].read_text().split())
    words = re.search(
        r"a step of a small network with Adam takes about a (\w+) of PyTorch's time and a (\w+) of NumPy's", text
    )
    works = json.loads((tables.RESULTS / "peers.json").read_text())["works"]
    (ratio,) = (work["ratio"] for work in works if work["name"] == "training step, book network, adam")
    for word, contender in zip(words.groups(), ("torch", "numpy"), strict=True):
        assert {"half": 2, "third": 3, "quarter": 4, "fifth": 5}[word] == pytest.approx(
            ratio[contender]["median"], rel=0.2
        )
