"""The report: every technique has its section, in both languages; the page is whole without a network."""

from __future__ import annotations

import dataclasses
import re
from html.parser import HTMLParser
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from fastdl.cli import main
from fastdl.data import load_digits
from fastdl.experiments import NAMES, Check
from fastdl.report import LANGUAGES, chapter, race, render, run_chapter
from fastdl.report.formulas import FORMULAS
from fastdl.report.mathml import mathml
from fastdl.report.speed import CONTESTS, WORK, Contest, Speed, measure
from fastdl.report.texts import language
from fastdl.viz.style import new_axes

pytest.importorskip("matplotlib")
pytest.importorskip("sklearn")

LARGEST = 6_000_000  # bytes
VOID = {"meta", "link", "input", "img", "br", "hr"}


class Stand(SimpleNamespace):
    """Stands in for an experiment: at once, with one check that holds and one that does not."""

    claim = "the claim & its <limits>"
    races = None

    def run(self, data, *, seed, progress):
        progress(1.0, "done")
        return np.array([1.0, 3.0, 2.0])

    def check(self, result):
        return [Check("3 > 2", True), Check("1 > 2 & <b>", False)]

    def draw(self, result, ax=None):
        ax = ax or new_axes("test")
        ax.set_title("a title", loc="left")
        ax.plot(result, label="path")
        ax.legend()
        return ax


@pytest.fixture
def quick(monkeypatch):
    """All experiments replaced by ones that take no time, and nothing timed."""
    monkeypatch.setattr(chapter, "load", lambda name: Stand(name=name))
    settings = {"network": "64-10", "optimizer": "SGD", "batch": 128, "units": 100}
    monkeypatch.setattr(chapter, "measure", lambda contest, data: Speed(contest.work, settings, 1e-4, 4e-3))


class Page(HTMLParser):
    """The elements of a page with the text inside them; complains of tags that do not match."""

    def __init__(self, source):
        super().__init__()
        self.elements, self._open = [], []
        self.feed(source)
        assert not self._open

    def handle_starttag(self, tag, attributes):
        element = SimpleNamespace(tag=tag, text="", parents=list(self._open), at=dict(attributes))
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag):
        assert tag == self._open.pop().tag

    def handle_data(self, data):
        for element in self._open:
            element.text += data

    def all(self, tag, inside=None):
        """The elements of that tag, within the one with an id."""
        return [
            each
            for each in self.elements
            if each.tag == tag and (inside is None or inside in (parent.at.get("id") for parent in each.parents))
        ]


@pytest.fixture(params=LANGUAGES)
def page(request, quick):
    return Page(render(run_chapter(load_digits(), NAMES, lang=request.param)))


def texts(words):
    """Every text in a value made of dataclasses, mappings and tuples, with the way to it."""
    if isinstance(words, str):
        return {"": words}
    pairs = enumerate(words) if isinstance(words, tuple) else words.items()
    return {f".{key}{rest}": text for key, value in pairs for rest, text in texts(value).items()}


@pytest.mark.parametrize("name", NAMES)
def test_an_experiment_has_everything_that_the_page_says_of_it(name):
    for code in LANGUAGES:
        technique = language(code).techniques.get(name)
        assert technique, f"no text of {name} in {code}"
        assert technique.title
        assert len(technique.idea) == 3
        assert all(sentence.endswith(".") for sentence in technique.idea)
    assert language("ko").techniques[name].claim, f"no claim of {name} in ko"
    assert FORMULAS[name]
    assert CONTESTS[name].work in WORK
    assert sum(names.count(name) for names in chapter.GROUPS.values()) == 1


def test_the_languages_say_the_same_things():
    english, korean = (language(code) for code in ("en", "ko"))
    assert list(english.techniques) == list(korean.techniques)
    ours, theirs = (texts(dataclasses.asdict(each.words)) for each in (english, korean))
    assert ours.keys() == theirs.keys()
    for key, text in ours.items():
        assert text, key
        assert theirs[key], key
        assert sorted(re.findall(r"\{.*?\}", text)) == sorted(re.findall(r"\{.*?\}", theirs[key])), key
    for name, technique in korean.techniques.items():
        assert re.search("[가-힣]", technique.idea[0]), name


def test_a_statement_is_translated_as_a_whole_or_not_at_all():
    korean = language("ko")
    assert korean.statement("test accuracy, He 0.972 >= 0.9") == "시험 정확도, He 0.972 ≥ 0.9"
    assert (
        korean.statement("test accuracy, of something unheard of 0.9") == "test accuracy, of something unheard of 0.9"
    )
    assert language("en").statement("Beale's 1 <= 2") == "Beale’s 1 ≤ 2"


def test_every_experiment_has_its_section(page):
    for name in NAMES:
        (heading,) = page.all("h3", inside=name)
        assert heading.text
        for tag in ("math", "figure", "figcaption", "dl"):
            assert page.all(tag, inside=name), f"{name}: no {tag}"
        (claim,) = [each for each in page.all("p", inside=name) if each.at.get("class") == "claim"]
        own = language(page.all("html")[0].at["lang"]).techniques[name].claim
        assert (own or Stand.claim.capitalize()) in claim.text
        assert len([each for each in page.all("span", inside=name) if "verdict" in each.at.get("class", "")]) == 3
        assert f"#{name}" in [each.at.get("href") for each in page.all("a")]


def test_the_page_needs_no_network(page):
    for element in page.elements:
        for attribute in ("src", "href", "action", "data", "poster", "srcset"):
            address = element.at.get(attribute)
            assert address is None or address.startswith(("#", "data:")), f"{element.tag} {attribute}={address}"
    (style,) = page.all("style")
    assert "url(" not in style.text
    assert "@import" not in style.text


def test_the_page_names_no_address_at_all(quick):
    source = render(run_chapter(load_digits(), NAMES))
    assert "http" not in source
    assert len(source.encode()) < LARGEST


def test_the_page_is_sound(page):
    ids = [element.at["id"] for element in page.elements if "id" in element.at]
    assert len(set(ids)) == len(ids)
    (root,) = page.all("html")
    assert root.at["lang"] in LANGUAGES
    assert len(page.all("h1")) == 1
    levels = [int(element.tag[1]) for element in page.elements if re.fullmatch("h[1-6]", element.tag)]
    assert all(below <= above + 1 for above, below in pairwise(levels))
    targets = [element.at["href"][1:] for element in page.all("a")]
    assert set(targets) <= set(ids)
    labelled = {element.at.get("for") for element in page.all("label")}
    for control in [*page.all("select"), *(each for each in page.all("input") if each.at["type"] == "range")]:
        assert control.at["id"] in labelled
    for drawing in page.all("svg"):
        assert drawing.at["role"] == "img"
        assert drawing.at["aria-label"]
    for picture in page.all("img"):
        assert picture.at["alt"]


def test_no_data_of_the_script_ends_it(quick, monkeypatch):
    words = language("en").words
    monkeypatch.setitem(words.race, "away", "</script><b>")
    assert "</script><b>" not in race.race(words)


def test_what_raises_is_told_and_the_others_go_on(quick, monkeypatch, tmp_path, capsys):
    def fail(self, data, *, seed, progress):
        raise ValueError("no <luck>")

    monkeypatch.setattr(Stand, "run", fail)
    assert main(["report", "--only", NAMES[0], "--out", str(tmp_path / "out")]) == 1
    assert "ValueError: no <luck>" in capsys.readouterr().out
    source = (tmp_path / "out" / "index.html").read_text()
    assert "ValueError: no &lt;luck&gt;" in source
    assert language("en").words.failed in source


def test_the_command_writes_one_file_and_nothing_else(quick, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["report", "--lang", "ko", "--seed", "3", "--out", str(out)]) == 0
    assert [path.name for path in out.iterdir()] == ["index.html"]
    assert f"written: {out / 'index.html'}" in capsys.readouterr().out
    assert '<html lang="ko">' in (out / "index.html").read_text()


def test_the_command_refuses_an_unknown_experiment(capsys, tmp_path):
    assert main(["report", "--only", "anisotropi", "--out", str(tmp_path / "out")]) == 2
    assert "Did you mean anisotropy?" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("work", WORK)
def test_both_sides_of_a_timing_are_timed(work, monkeypatch):
    monkeypatch.setattr("fastdl.timing.TURNS", 1)
    monkeypatch.setattr("fastdl.timing.TURN_CALLS", 2)
    speed = measure(Contest(work, hidden=(10,), batch=20), load_digits())
    assert speed.seconds > 0
    assert speed.ratio == speed.numpy_seconds / speed.seconds
    assert language("ko").words.work[work].format(**speed.settings)


@pytest.mark.parametrize("source", [r"\frac{1}{", r"x}", r"\unknown{x}"])
def test_a_formula_that_makes_no_sense_is_refused(source):
    with pytest.raises(ValueError, match=r"formula|command"):
        mathml(source)


@pytest.mark.parametrize("name", FORMULAS)
def test_formulas_are_sound(name):
    for line in FORMULAS[name]:
        assert Page(mathml(line)).all("mi") or "text" in line
        assert not re.search(r"[\\{}_^]", re.sub(r"<mo stretchy.*?</mo>", "", mathml(line)))
