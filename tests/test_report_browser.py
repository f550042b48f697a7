"""The report in a real browser: what is seen, what moves, and that the race's and the films' paths are fastdl's."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

from fastdl import optim
from fastdl.data import load_digits
from fastdl.experiments import NAMES, hard_surfaces
from fastdl.experiments.surfaces import descend
from fastdl.report import LANGUAGES, Outcome, race, run_chapter, write
from fastdl.report.films import films as report_films
from fastdl.report.texts import language

pytest.importorskip("matplotlib")
pytest.importorskip("sklearn")
sync_api = pytest.importorskip("playwright.sync_api", reason="the page is tested with Playwright, the extra browser")

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="the page is tested in Chromium, which is not installed")

WIDTHS = (390, 1280)


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def addresses(tmp_path_factory):
    """The page with a quick experiment, in each language."""
    return {
        code: write(
            run_chapter(load_digits(), ["anisotropy"], lang=code), tmp_path_factory.mktemp("report") / code
        ).as_uri()
        for code in LANGUAGES
    }


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """The page with the experiment that is filmed, and its races."""
    result = hard_surfaces.hard_surfaces(steps=40, rates=[0.1, 0.4])
    races = hard_surfaces.races(result)
    words = language("en")
    outcome = Outcome("hard_surfaces", "claim", figure="<svg></svg>", films=report_films(races, words.words))
    chapter = dataclasses.replace(run_chapter(load_digits(), []), outcomes=(outcome,))
    return write(chapter, tmp_path_factory.mktemp("report") / "films").as_uri(), races


@pytest.fixture
def opened(browser, addresses):
    """Open the page; after the test its console must be empty."""
    complaints, contexts = [], []

    def open_page(width=1280, lang="en", address=None, **settings):
        context = browser.new_context(viewport={"width": width, "height": 900}, **settings)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: request.url.startswith(("file:", "data:")) or complaints.append(request.url))
        page.goto(address or addresses[lang])
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not complaints


def points(page, name):
    return page.get_attribute(f'[data-race="path-{name}"] polyline', "points")


@pytest.mark.parametrize("course", race.COURSES)
@pytest.mark.parametrize("name", race.OPTIMIZERS)
def test_the_race_s_paths_are_fastdl_s(opened, course, name):
    page, track = opened(), race.COURSES[course]
    for factor in (1.0, 0.3):
        settings = track.settings[name] | {"lr": factor * track.settings[name]["lr"]}
        optimizer = optim.get(
            name, lr=settings["lr"], **({race.MEMORIES[name]: settings["memory"]} if "memory" in settings else {})
        )
        ours = descend(track.surface, optimizer, track.steps)
        theirs = page.evaluate(
            "([course, name, settings, start, steps]) => descend(course, name, settings, start, steps)",
            [course, name, settings, list(track.surface.start), track.steps],
        )
        np.testing.assert_allclose(np.array(theirs), ours, rtol=1e-9, atol=1e-12)
        height = page.evaluate("([course, point]) => SURFACES[course].height(...point)", [course, theirs[3]])
        np.testing.assert_allclose(height, track.surface.height(*ours[3]), rtol=1e-9)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("width", WIDTHS)
def test_everything_is_seen_and_nothing_sticks_out(opened, width, lang):
    page = opened(width, lang)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    for figure in page.query_selector_all("figure"):
        (shown,) = [each for each in figure.query_selector_all("svg, img") if each.is_visible()]
        box = shown.bounding_box()
        assert box["width"] > 300
        assert box["height"] > 150
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
    for table in page.query_selector_all("table"):
        box = table.bounding_box()
        assert box["x"] + box["width"] <= width


@pytest.mark.parametrize("width", [320, *WIDTHS])
def test_what_is_tapped_is_large_enough(opened, width):
    page = opened(width)
    if width < 1000:
        page.click("summary")
    targets = page.query_selector_all(
        "button, select, summary, input[type=range], .standings label, nav a, .overview a"
    )
    sizes = [(each.text_content(), each.bounding_box()["height"]) for each in targets if each.is_visible()]
    assert len(sizes) > 10
    assert [each for each in sizes if each[1] < (44 if width < 1000 else 32)] == []


def test_sliders_move_the_path(opened):
    page = opened()
    for name in race.OPTIMIZERS:
        page.select_option("#race-optimizer", name)
        before = {each: points(page, each) for each in race.OPTIMIZERS}
        page.focus("#race-lr")
        page.keyboard.press("ArrowLeft")
        moved = points(page, name)
        assert moved != before[name]
        assert page.is_visible("#race-memory") == (name in race.MEMORIES)
        if name in race.MEMORIES:
            page.focus("#race-memory")
            page.keyboard.press("ArrowLeft")
            assert points(page, name) != moved
        for other in race.OPTIMIZERS:
            assert (points(page, other) == before[other]) == (other != name)
    page.click('[data-race="reset"]')
    assert page.text_content('[data-race="row-adam"] .rate') == "0.3"


def test_another_surface_has_other_paths(opened):
    page = opened()
    seen = set()
    for course in race.COURSES:
        page.select_option("#race-surface", course)
        seen.add(points(page, "adam"))
        assert page.get_attribute('[data-race="contours"]', "d")
    assert len(seen) == len(race.COURSES)


def test_the_clock_shows_the_race_step_by_step(opened):
    page = opened()
    page.focus("#race-step")
    page.keyboard.press("Home")
    assert points(page, "sgd").count(",") <= 2
    assert page.text_content('[data-race="step-shown"]').startswith("0 /")
    page.keyboard.press("ArrowRight")
    assert page.text_content('[data-race="step-shown"]').startswith("1 /")


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_play_and_pause(opened, motion):
    page = opened(reduced_motion=motion)
    whole = points(page, "sgd")
    page.click('[data-race="play"]')
    assert page.text_content('[data-race="play"]') == "Pause"
    page.wait_for_function("document.querySelector('#race-step').value >= 3")
    page.click('[data-race="play"]')
    assert page.text_content('[data-race="play"]') == "Play"
    assert 0 < len(points(page, "sgd")) < len(whole)


def test_nothing_moves_unasked(opened):
    page = opened()
    before = points(page, "sgd")
    page.wait_for_timeout(300)
    assert points(page, "sgd") == before


def test_an_optimizer_can_be_hidden(opened):
    page = opened()
    page.uncheck('[data-race="row-momentum"] input')
    assert not page.is_visible('[data-race="path-momentum"] circle')
    assert page.is_visible('[data-race="path-adam"] circle')


CONTRAST = """() => {
  const style = getComputedStyle(document.documentElement);
  const light = (name) => {
    const hex = style.getPropertyValue(name).trim();
    const [r, g, b] = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255)
      .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const pairs = [["--ink", "--paper"], ["--muted", "--paper"], ["--muted", "--panel"], ["--accent", "--paper"],
    ["--good", "--good-tint"], ["--bad", "--bad-tint"], ["--ink", "--panel"]];
  return pairs.map(([a, b]) => [a, b, (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05)]);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_what_it_is_on(opened, scheme):
    page = opened(color_scheme=scheme)
    assert [pair for pair in page.evaluate(CONTRAST) if pair[2] < 4.5] == []


def test_the_theme_follows_the_system_and_the_button(opened):
    page = opened(color_scheme="dark")
    background = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(background)
    page.click("#theme")
    light = page.evaluate(background)
    assert light == "rgb(255, 255, 255)" != dark
    page.reload()
    assert page.evaluate(background) == light


def test_the_contents_lead_to_the_sections(opened):
    page = opened(390)
    assert not page.is_visible("nav a[href='#anisotropy']")
    page.click("summary")
    page.click("nav a[href='#anisotropy']")
    assert not page.is_visible("nav a[href='#anisotropy']")
    page.wait_for_function("Math.abs(document.getElementById('anisotropy').getBoundingClientRect().top - 72) < 30")


def test_the_page_can_be_read_without_scripts(opened):
    page = opened(390, java_script_enabled=False)
    assert page.is_visible("figure svg.narrow")
    assert page.is_visible("noscript p")
    assert not page.is_visible("#race-lr")


def drawn(page, run, number):
    """The points of the path of a film that has this number, first those from above and then those in space."""
    text = page.locator(f"#film-{run.slug} .paths polyline").nth(number).get_attribute("points")
    return np.array([[float(each) for each in point.split(",")] for point in text.split()])


def test_a_film_s_paths_are_the_race_s(opened, films):
    address, races = films
    page = opened(address=address)
    for run in races:
        rows = [
            np.hstack([drawn(page, run, number), path, np.ones((len(path), 1))])
            for number, path in enumerate(run.paths.values())
        ]
        seen = np.concatenate(rows)
        place = np.linalg.lstsq(seen[:, 2:], seen[:, :2], rcond=None)[0]  # the axes are linear
        np.testing.assert_allclose(seen[:, 2:] @ place, seen[:, :2], atol=0.1)  # written with one decimal
        assert place[0, 0] > 0 > place[1, 1]


def test_a_film_s_views_hold_its_paths(opened, films):
    address, races = films
    page = opened(390, address=address)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    for run in races:
        views = page.locator(f"#film-{run.slug} .views svg")
        assert views.count() == 2
        for view in views.all():
            box = view.bounding_box()
            assert box["width"] > 300
            for line in view.locator("polyline").all():
                inner = line.bounding_box()
                assert box["x"] <= inner["x"]
                assert inner["x"] + inner["width"] <= box["x"] + box["width"]
                assert box["y"] <= inner["y"]
                assert inner["y"] + inner["height"] <= box["y"] + box["height"]


def test_the_paths_in_space_are_on_the_surface(opened, films):
    """They are a projection, 11 numbers of which all points are, of (x, y, the logarithm of f)."""
    address, races = films
    page = opened(address=address)
    for run in races:
        surface = run.surface
        path = np.concatenate(list(run.paths.values()))
        height = np.log10(surface.height(*path.T) - surface.height(*surface.minimum) + 0.01)
        point = np.column_stack([path, height, np.ones(len(path))])
        seen = np.concatenate([drawn(page, run, len(run.paths) + number) for number in range(len(run.paths))]) / 300
        zero = np.zeros_like(point)
        system = np.vstack(
            [
                np.hstack([point, zero, -seen[:, :1] * point]),
                np.hstack([zero, point, -seen[:, 1:] * point]),
            ]
        )
        across, up, away = np.linalg.svd(system)[2][-1].reshape(3, 4) @ point.T
        np.testing.assert_allclose(300 * np.column_stack([across, up]) / away[:, None], 300 * seen, atol=0.3)


def test_the_slider_shows_a_film_step_by_step(opened, films):
    address, races = films
    page = opened(address=address)
    film = f"#film-{races[0].slug}"
    whole = len(drawn(page, races[0], 0))
    page.focus(f"{film} input[type=range]")
    page.keyboard.press("Home")
    for number in range(2 * len(races[0].paths)):
        assert len(drawn(page, races[0], number)) == 1
    page.keyboard.press("ArrowRight")
    assert page.text_content(f"{film} output") == f"1 / {whole - 1}"
    line, ball = drawn(page, races[0], 0), page.locator(f"{film} .paths circle").first
    assert len(line) == 2
    assert [float(ball.get_attribute(each)) for each in ("cx", "cy")] == line[-1].tolist()
    assert len(drawn(page, races[1], 0)) == whole


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_one_film_plays_at_a_time(opened, films, motion):
    address, races = films
    page = opened(address=address, reduced_motion=motion)
    first, second = (f"#film-{run.slug}" for run in races[:2])
    whole = len(drawn(page, races[0], 0))
    page.wait_for_timeout(200)
    assert len(drawn(page, races[0], 0)) == whole  # nothing moves unasked
    page.focus(f"{first} button")
    page.keyboard.press("Enter")
    assert page.text_content(f"{first} button") == "Pause"
    page.wait_for_function(f"document.querySelector('{first} input[type=range]').value == 4")
    page.click(f"{second} button")
    assert page.text_content(f"{first} button") == "Play"
    seen = len(drawn(page, races[0], 0))
    page.wait_for_function(f"document.querySelector('{second} input[type=range]').value >= 4")
    assert len(drawn(page, races[0], 0)) == seen < whole
    page.click(f"{second} button")
    assert page.text_content(f"{second} button") == "Play"


def test_a_path_of_a_film_can_be_hidden(opened, films):
    address, races = films
    page = opened(address=address)
    film = page.locator(f"#film-{races[0].slug}")
    film.get_by_label("Show: Momentum").uncheck()
    number, last = list(races[0].paths).index("Momentum"), len(races[0].paths)
    for each in range(2 * last):
        assert film.locator(".paths > g").nth(each).is_visible() == (each % last != number)


def test_a_film_without_scripts_shows_its_end(opened, films):
    address, races = films
    page = opened(390, address=address, java_script_enabled=False)
    film = page.locator(f"#film-{races[0].slug}")
    assert not film.locator("button").is_visible()
    assert not film.locator("input").first.is_visible()
    for picture in film.locator("svg").all():
        assert picture.is_visible()
    assert len(drawn(page, races[0], 0)) > 40


SECTION = """(name) => {
  const section = document.getElementById(name);
  const count = (selector) => section.querySelectorAll(selector).length;
  const formulas = [...section.querySelectorAll("math")];
  return {
    title: section.querySelector("h3").textContent.length > 0,
    formula: formulas.length > 0 && formulas.every((each) => each.getBoundingClientRect().height > 10),
    figure: count(":scope > figure") === 1,
    verdict: count(".claim .verdict") === 1,
    numbers: count(".checks li") > 0 && count(".checks li .verdict") === count(".checks li"),
    speed: count(".times .ours") === 1 && count(".times .theirs") === 1,
    ran: count(".error") === 0,
    listed: document.querySelectorAll(`.overview a[href="#${name}"], nav a[href="#${name}"]`).length === 2,
  };
}"""
UNLOADED = """() => Promise.all([...document.querySelectorAll("img, image")].map(async (each) => {
  const image = new Image();
  image.src = each.getAttribute("src") ?? each.getAttribute("href");
  try { await image.decode(); } catch { return each.outerHTML.slice(0, 80); }
})).then((found) => found.filter(Boolean))"""


@pytest.mark.long
@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_whole_report_from_the_command_line(opened, tmp_path, lang):
    command = [sys.executable, "-m", "fastdl", "report", "--lang", lang, "--out", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    (file,) = tmp_path.iterdir()
    assert file.stat().st_size < 6_000_000
    source = file.read_text(encoding="utf-8")
    assert not re.search(r"https?:|//\w+\.\w", re.sub(r"base64,[^\"]*", "", source))
    for scheme in ("light", "dark"):
        for width in WIDTHS:
            page = opened(width, address=file.as_uri(), color_scheme=scheme)
            assert page.evaluate("document.documentElement.scrollWidth") == width
            assert page.evaluate(UNLOADED) == []
            for figure in page.query_selector_all("figure"):
                (shown,) = [each for each in figure.query_selector_all("svg, img") if each.is_visible()]
                box = shown.bounding_box()
                assert box["width"] > 300
                assert box["height"] > 100
    for name in NAMES:
        assert [what for what, there in page.evaluate(SECTION, name).items() if not there] == [], name
    assert page.locator(".film").count() == len(hard_surfaces.SURFACES)
    if lang == "ko":
        for statement in page.locator(".checks li span:first-child").all_text_contents():
            assert re.search("[가-힣]", statement), f"not translated: {statement}"
