"""The ledger as Markdown, with the statements as LaTeX between dollars."""

from __future__ import annotations

from tabular_marl.verification.reports.words import (
    by_section,
    counterexample,
    headline,
    in_a_line,
    plain_list,
)
from tabular_marl.verification.result import Report, Row


def render(report: Report) -> str:
    """A table of all rows by section, then each claim with its evidence."""
    lines = ["# The ledger", "", f"{headline(report)}.", ""]
    sections = by_section(report)
    for title, rows in sections.items():
        lines += [f"## {title}", "", "| | claim | reading | verdict | expected |"]
        lines += ["|---|---|---|---|---|"]
        for row in rows:
            mark = "✓" if row.as_expected else "✗"
            name = f"[{row.claim.id}](#{_anchor(row.claim.id)})"
            cells = (mark, name, row.claim.reading, str(row.verdict), row.claim.expects)
            lines.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
        lines.append("")
    for rows in sections.values():
        for row in rows:
            lines += [*_claim(row), ""]
    return "\n".join(lines).rstrip() + "\n"


def _claim(row: Row) -> list[str]:
    c = row.claim
    lines = [f'<a id="{_anchor(c.id)}"></a>', f"### {c.id}", ""]
    lines += [f"$${c.statement}$$", "", f"- Source: {c.source} ({c.reading})"]
    if c.assumes:
        lines.append(f"- Assumes: {plain_list(c.assumes)}")
    lines += [f"- Scope: {c.scope}", f"- Verdict: **{row.verdict}**, expected {c.expects}"]
    if c.note:
        lines.append(f"- {c.note}")
    if c.premises:
        lines.append("- Rests on: " + ", ".join(f"[{p}](#{_anchor(p)})" for p in c.premises))
    lines += [f"- Evidence: {in_a_line(item)}" for item in row.evidence]
    pairs = counterexample(row.witness)
    if pairs:
        lines += ["- Smallest counterexample:", ""]
        lines += [f"      {name} = {value}" for name, value in pairs]
    return lines


def _anchor(name: str) -> str:
    return name.replace(".", "-").lower()


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
