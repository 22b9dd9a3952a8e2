"""The terminal's report: a table for each section, coloured by verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tabular_marl.verification.reports.words import (
    COLOURS,
    by_section,
    counterexample,
    headline,
    in_a_line,
    plain_list,
    short_source,
)
from tabular_marl.verification.result import Report, Row

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text


def render(report: Report, console: Console | None = None, details: bool = False) -> None:
    """Print the rows by section and what was not as expected; ``details`` prints each claim with
    its equation, scope, evidence and counterexample instead of the tables."""
    from rich.console import Console
    from rich.text import Text

    console = console or Console()
    for title, rows in by_section(report).items():
        if details:
            console.rule(Text(title, "bold"), align="left")
            for row in rows:
                console.print(_detailed(row))
        else:
            console.print(_table(title, rows))
    for row in report.unexpected:
        if not (report.interrupted and row.verdict.word == "open"):  # not reached yet
            _unexpected(row, console)
    console.print(Text(headline(report), "bold green" if report.ok else "bold red"))


def _mark(row: Row) -> Text:
    from rich.text import Text

    return Text("✓", "green") if row.as_expected else Text("✗", "bold red")


def _table(title: str, rows: list[Row]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=title, title_justify="left", title_style="bold", box=None, show_header=False
    )
    table.add_column(min_width=9, no_wrap=True)
    table.add_column(no_wrap=True, overflow="ellipsis")
    table.add_column(no_wrap=True, overflow="ellipsis", style="dim")
    for row in rows:
        verdict = Text.assemble(_mark(row), " ", (str(row.verdict), COLOURS[row.verdict.word]))
        table.add_row(verdict, Text(row.claim.id), Text(short_source(row.claim.source)))
    return table


def _detailed(row: Row) -> Text:
    from rich.text import Text

    c = row.claim
    text = Text.assemble(
        _mark(row),
        (f" {c.id}  ", "bold"),
        (str(row.verdict), COLOURS[row.verdict.word]),
        f"  {c.reading}, {short_source(c.source)}\n",
        (f"    {c.statement}\n", "dim"),
    )
    facts = [("assumes", plain_list(c.assumes)), ("scope", str(c.scope)), ("note", c.note)]
    facts += [("rests on", ", ".join(c.premises))]
    facts += [("evidence", in_a_line(item)) for item in row.evidence]
    facts += counterexample(row.witness)
    for name, value in facts:
        if value:
            text.append(f"    {name}  ", "cyan")
            text.append(f"{value}\n")
    return text


def _unexpected(row: Row, console: Console) -> None:
    from rich.panel import Panel
    from rich.text import Text

    lines = [f"verdict {row.verdict}; expected {row.claim.expects}"]
    lines += [in_a_line(item) for item in row.evidence]
    lines += [f"  {name} = {value}" for name, value in counterexample(row.witness)]
    if row.error:
        lines += ["", row.error.rstrip()]
    console.print(Panel(Text("\n".join(lines)), title=row.claim.id, border_style="red"))
