"""The terminal's report: a table for each section, coloured by verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tabular_marl.verification.reports.words import (
    COLOURS,
    by_section,
    counterexample,
    headline,
    in_a_line,
    short_source,
)
from tabular_marl.verification.result import Report, Row

if TYPE_CHECKING:
    from rich.console import Console


def render(report: Report, console: Console | None = None, details: bool = False) -> None:
    """Print the rows by section and what was not as expected; ``details`` adds the evidence and
    the counterexamples."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = console or Console()
    for title, rows in by_section(report).items():
        table = Table(title=title, title_justify="left", title_style="bold", expand=True)
        table.add_column("", width=1)
        table.add_column("claim", ratio=5, overflow="fold")
        table.add_column("source", ratio=2, overflow="fold")
        table.add_column("reading", width=9)
        table.add_column("verdict", ratio=4, overflow="fold")
        if details:
            table.add_column("strongest evidence", ratio=5, overflow="fold")
        for row in rows:
            mark = Text("✓", "green") if row.as_expected else Text("✗", "bold red")
            verdict = Text(str(row.verdict), COLOURS[row.verdict.word])
            cells = [
                mark,
                Text(row.claim.id),
                Text(short_source(row.claim.source)),
                Text(row.claim.reading),
            ]
            told = [Text(_evidence(row))] if details else []
            table.add_row(*cells, verdict, *told)
        console.print(table)
    for row in report.unexpected:
        _unexpected(row, console)
    console.print(Text(headline(report), "bold green" if report.ok else "bold red"))


def _evidence(row: Row) -> str:
    lines = [in_a_line(row.strongest)] if row.strongest else []
    lines += [f"  {name} = {value}" for name, value in counterexample(row.witness)]
    return "\n".join(lines)


def _unexpected(row: Row, console: Console) -> None:
    from rich.panel import Panel
    from rich.text import Text

    lines = [f"verdict {row.verdict}; expected {row.claim.expects}"]
    lines += [in_a_line(item) for item in row.evidence]
    lines += [f"  {name} = {value}" for name, value in counterexample(row.witness)]
    if row.error:
        lines += ["", row.error.rstrip()]
    console.print(Panel(Text("\n".join(lines)), title=row.claim.id, border_style="red"))
