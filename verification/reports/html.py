"""The ledger as one self-contained HTML page: no network, equations in MathML.

Each claim is a card: the equation, what is assumed, the verdict and whether it was expected, the
strongest evidence with its scope, the smallest counterexample. Buttons filter by verdict.
"""

from __future__ import annotations

from html import escape
from pathlib import Path

from tabular_marl.verification.reports.words import (
    by_section,
    counted,
    counterexample,
    headline,
    in_a_line,
    plain_list,
)
from tabular_marl.verification.result import Report, Row

_PAGE = Path(__file__).with_name("page.html")


def render(report: Report) -> str:
    """The whole page."""
    buttons = "".join(
        f'<button data-word="{word}" class="{word}">{count} {word}</button>'
        for word, count in counted(report).items()
    )
    if report.unexpected:
        wrong = len(report.unexpected)
        buttons += f'<button data-word="unexpected" class="wrong">{wrong} not as expected</button>'
    sections = "".join(
        f"<section><h2>{escape(title)}</h2>{''.join(_card(row) for row in rows)}</section>"
        for title, rows in by_section(report).items()
    )
    page = _PAGE.read_text(encoding="utf-8")
    parts = {"HEADLINE": escape(headline(report)), "BUTTONS": buttons, "SECTIONS": sections}
    for name, text in parts.items():
        page = page.replace(f"<!-- {name} -->", text)
    return page


def equation(latex: str) -> str:
    """LaTeX as MathML; as source text where the converter is missing or does not know a command."""
    try:
        from latex2mathml.converter import convert
    except ImportError:
        return f"<code>{escape(latex)}</code>"
    try:
        return str(convert(latex.replace(r"\arg", r"\mathrm{arg}\,"), display="block"))
    except Exception:  # the converter raises many kinds of errors of its own
        return f"<code>{escape(latex)}</code>"


def _card(row: Row) -> str:
    c = row.claim
    mark = "✓ as expected" if row.as_expected else f"✗ expected {c.expects}"
    words = f"{row.verdict.word}{'' if row.as_expected else ' unexpected'}"
    facts = [("Assumes", plain_list(c.assumes)), ("Scope", str(c.scope)), ("Note", c.note)]
    listed = "".join(f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in facts if text)
    if c.premises:
        links = ", ".join(f'<a href="#{escape(p)}">{escape(p)}</a>' for p in c.premises)
        listed += f"<dt>Rests on</dt><dd>{links}</dd>"
    if row.strongest is not None:
        listed += f"<dt>Evidence</dt><dd>{escape(in_a_line(row.strongest))}</dd>"
    others = [in_a_line(e) for e in row.evidence if e is not row.strongest]
    if others:
        items = "".join(f"<li>{escape(text)}</li>" for text in others)
        listed += f"<dt></dt><dd><details><summary>more evidence</summary><ul>{items}</ul>"
        listed += "</details></dd>"
    return (
        f'<article id="{escape(c.id)}" data-words="{words}" class="{row.verdict.word}">'
        f'<header><span class="badge">{escape(str(row.verdict))}</span>'
        f'<span class="mark{"" if row.as_expected else " wrong"}">{escape(mark)}</span>'
        f'<span class="reading">{c.reading}</span><span class="source">{escape(c.source)}</span>'
        f'<a class="id" href="#{escape(c.id)}">{escape(c.id)}</a></header>'
        f'<div class="equation">{equation(c.statement)}</div><dl>{listed}</dl>'
        f"{_counterexample(row)}{_error(row)}</article>"
    )


def _counterexample(row: Row) -> str:
    pairs = counterexample(row.witness)
    if not pairs:
        return ""
    rows = "".join(f"<tr><th>{escape(n)}</th><td>{escape(v)}</td></tr>" for n, v in pairs)
    return f"<table><caption>Smallest counterexample</caption>{rows}</table>"


def _error(row: Row) -> str:
    return f"<pre>{escape(row.error)}</pre>" if row.error else ""
