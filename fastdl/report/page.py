"""The page: one HTML file with everything in it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from html import escape
from importlib import resources

from fastdl.report.chapter import GROUPS, Chapter, Outcome
from fastdl.report.formulas import FORMULAS
from fastdl.report.mathml import mathml
from fastdl.report.race import race
from fastdl.report.speed import Speed
from fastdl.report.texts import Words


def _asset(name: str) -> str:
    return resources.files("fastdl.report").joinpath("assets", name).read_text(encoding="utf-8")


def render(chapter: Chapter) -> str:
    r"""Make the page.

    Parameters
    ----------
    chapter : Chapter
        From `run_chapter`.

    Returns
    -------
    str
        HTML that needs nothing else.

    Examples
    --------
    >>> from fastdl.data import load_digits
    >>> from fastdl.report import run_chapter
    >>> render(run_chapter(load_digits(), [], lang="ko"))[:32]
    '<!doctype html>\n<html lang="ko">'
    """
    words = chapter.language.words
    title = escape(words.title)
    groups = _groups(chapter)
    sections = "".join(_group(name, outcomes, chapter) for name, outcomes in groups.items())
    race_script = [_asset("race.js")] if 'id="race"' in sections else []
    scripts = "".join([_asset("optimizers.js"), *race_script, _asset("films.js"), _asset("page.js")])
    return f"""<!doctype html>
<html lang="{chapter.language.code}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="description" content="{escape(words.lede, quote=True)}">
<title>{title} · fastdl</title>
<link rel="icon" href="data:,">
<style>
{_asset("page.css")}</style>
<script>
{_asset("theme.js")}</script>
</head>
<body>
<a class="skip" href="#main">{escape(words.skip)}</a>
<div class="bar">
<p class="brand"><a href="#top">{title}</a></p>
<button type="button" id="theme">{escape(words.theme)}</button>
<nav aria-label="{escape(words.contents, quote=True)}">{_contents(groups, chapter)}</nav>
</div>
<main id="main">
<header id="top">
<h1>{title}</h1>
<p class="lede">{escape(words.lede)}</p>
{_facts(chapter)}
</header>
<section id="overview" aria-labelledby="overview-title">
<h2 id="overview-title">{escape(words.overview)}</h2>
{_overview(chapter)}
</section>
{sections}
<footer><p>{escape(words.colophon)}</p></footer>
</main>
<dialog id="zoom" class="zoom" aria-label="{escape(words.enlarge, quote=True)}">
<button type="button">{escape(words.close)}</button><div tabindex="0"></div>
</dialog>
<script>
{scripts}</script>
</body>
</html>
"""


def _groups(chapter: Chapter) -> dict[str, list[Outcome]]:
    """The outcomes of each section that has some."""
    of = {name: group for group, names in GROUPS.items() for name in names}
    found: dict[str, list[Outcome]] = {}
    for outcome in chapter.outcomes:
        found.setdefault(of[outcome.name], []).append(outcome)
    return found


def _contents(groups: dict[str, list[Outcome]], chapter: Chapter) -> str:
    words, techniques = chapter.language.words, chapter.language.techniques
    items = "".join(
        f'<li><a href="#part-{group}">{escape(words.groups[group])}</a><ol>'
        + "".join(
            f'<li><a href="#{outcome.name}">{escape(techniques[outcome.name].title)}</a></li>' for outcome in outcomes
        )
        + ('<li><a href="#race">' + escape(words.race["title"]) + "</a></li>" if group == "updating" else "")
        + "</ol></li>"
        for group, outcomes in groups.items()
    )
    overview = f'<li><a href="#overview">{escape(words.overview)}</a></li>'
    return (
        f'<details id="contents" open><summary>{escape(words.contents)}</summary><ol>{overview}{items}</ol></details>'
    )


def _facts(chapter: Chapter) -> str:
    words, machine = chapter.language.words, chapter.environment
    outcomes = chapter.outcomes
    held, failed = sum(outcome.held for outcome in outcomes), sum(bool(outcome.error) for outcome in outcomes)
    summary = [words.summary.format(held=held, total=len(outcomes))]
    if failed:
        summary.append(words.summary_failed.format(failed=failed))
    if not math.isnan(chapter.median_ratio):
        summary.append(words.summary_faster.format(chapter.median_ratio))
    seconds = _duration(sum(outcome.seconds for outcome in outcomes), words)
    facts = {
        words.data: chapter.data,
        words.seed: str(chapter.seed),
        words.threads: str(chapter.threads),
        words.machine: f"{machine['system']}, {machine['machine']}, {machine['kernels']['cpu_level']}",
        words.versions: f"fastdl {machine['fastdl']}, NumPy {machine['numpy']}, Python {machine['python']}",
        words.duration: seconds,
        words.date: chapter.day,
    }
    entries = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts.items())
    stated = "".join(f"<li>{escape(text)}</li>" for text in summary)
    return f'<ul class="summary">{stated}</ul>\n<dl class="facts" aria-label="{escape(words.run)}">{entries}</dl>'


def _overview(chapter: Chapter) -> str:
    words, techniques = chapter.language.words, chapter.language.techniques
    rows = "".join(
        f'<tr><th scope="row"><a href="#{outcome.name}">{escape(techniques[outcome.name].title)}</a></th>'
        f"<td>{_verdict(outcome, words)}</td>"
        f'<td class="number">{f"{outcome.speed.ratio:.1f}×" if outcome.speed else "–"}</td></tr>'
        for outcome in chapter.outcomes
    )
    heads = (
        f'<th scope="col">{escape(words.technique)}</th><th scope="col">{escape(words.claim)}</th>'
        f'<th scope="col" class="number">{escape(words.speed)}</th>'
    )
    return (
        f'<table class="overview"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'
        f'<p class="note">{escape(words.overview_note)}</p>'
    )


def _verdict(outcome: Outcome, words: Words) -> str:
    if outcome.error:
        return f'<span class="verdict failed">{escape(words.failed)}</span>'
    return _mark(outcome.held, words)


def _mark(holds: bool, words: Words) -> str:
    kind, text = ("holds", words.holds) if holds else ("fails", words.does_not_hold)
    return f'<span class="verdict {kind}">{escape(text)}</span>'


def _group(name: str, outcomes: Iterable[Outcome], chapter: Chapter) -> str:
    words = chapter.language.words
    parts = [_technique(outcome, chapter) for outcome in outcomes]
    if name == "updating":
        parts.append(race(words))
    return (
        f'<section class="group" id="part-{name}" aria-labelledby="part-{name}-title">\n'
        f'<h2 id="part-{name}-title">{escape(words.groups[name])}</h2>\n'
        f'<p class="lede">{escape(words.group_ideas[name])}</p>\n{"".join(parts)}</section>\n'
    )


def _technique(outcome: Outcome, chapter: Chapter) -> str:
    words, text = chapter.language.words, chapter.language.techniques[outcome.name]
    formula = "".join(f"<div>{mathml(line)}</div>" for line in FORMULAS[outcome.name])
    if outcome.error:
        result = f'<p>{escape(words.failed_text)}</p><pre class="error">{escape(outcome.error)}</pre>'
    else:
        caption = escape(words.figure.format(title=text.title))
        enlarge = f'<button type="button" data-enlarge>{escape(words.enlarge)}</button>'
        caption = f"<figcaption><span>{caption}</span>{enlarge}</figcaption>"
        result = f"<figure>{outcome.figure}{caption}</figure>{outcome.films}{_numbers(outcome, words)}"
    claim = escape(outcome.claim)
    return f"""<section class="technique" id="{outcome.name}" aria-labelledby="{outcome.name}-title">
<h3 id="{outcome.name}-title">{escape(text.title)}</h3>
<p>{escape(" ".join(text.idea))}</p>
<div class="formula" role="group" aria-label="{escape(words.formula, quote=True)}">{formula}</div>
<p class="claim"><span class="label">{escape(words.claim)}</span> {claim}. {_verdict(outcome, words)}</p>
{result}
</section>
"""


def _unbroken(statement: str) -> str:
    """The statement with no end of a line beside a relation."""
    return re.sub(" ([<>≤≥]) ", "\N{NO-BREAK SPACE}\\1\N{NO-BREAK SPACE}", statement)


def _numbers(outcome: Outcome, words: Words) -> str:
    checks = "".join(
        f"<li><span>{escape(_unbroken(check.text))}</span> {_mark(check.holds, words)}</li>" for check in outcome.checks
    )
    numbers = f'<h4>{escape(words.numbers)}</h4><ul class="checks">{checks}</ul>' if checks else ""
    return (
        f'<div class="numbers">{numbers}{_speed(outcome.speed, outcome.seconds, words) if outcome.speed else ""}</div>'
    )


def _speed(speed: Speed, seconds: float, words: Words) -> str:
    form = words.faster if speed.ratio >= 1 else words.slower
    bars = _bar("ours", "fastdl", speed.seconds, speed, words) + _bar(
        "theirs", "NumPy", speed.numpy_seconds, speed, words
    )
    work = words.work[speed.work].format(**speed.settings)
    note = words.speed_note.format(work=work, seconds=_duration(seconds, words))
    return (
        f"<h4>{escape(words.speed)}: {escape(form.format(speed.ratio))}</h4>"
        f'<dl class="times">{bars}</dl><p class="note">{escape(note)}</p>'
    )


def _bar(kind: str, name: str, seconds: float, speed: Speed, words: Words) -> str:
    share = seconds / max(speed.seconds, speed.numpy_seconds)
    line = f'<span class="bar-line" style="width: {share:.1%}"></span>'
    return f'<div class="{kind}"><dt>{name}</dt><dd>{line}<span>{escape(_time(seconds, words))}</span></dd></div>'


def _duration(seconds: float, words: Words) -> str:
    return words.seconds.format(seconds) if seconds >= 1 else words.under_a_second


def _time(seconds: float, words: Words) -> str:
    return words.milliseconds.format(1e3 * seconds) if seconds >= 1e-3 else words.microseconds.format(1e6 * seconds)
