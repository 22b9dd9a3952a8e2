"""The equation map as Markdown and on the terminal.

A verdict in italics (on the terminal: dim) is the one that the ledger expects; the others are
stored results. Ids lose their document and reading, which the table tells: under *Printed*,
``014.index`` is ``report.014.index.printed``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from tabular_marl.verification.claim import READINGS
from tabular_marl.verification.documents import FURTHER
from tabular_marl.verification.equations import Entry, Told
from tabular_marl.verification.reports.words import COLOURS

_INTRODUCTION = """# Equation map

Every numbered equation, proposition and lettered section of both documents: the files that carry
its number in a docstring or comment, the models of the command line that name it, and the rows of
the ledger about it. Under *Printed*, `014.index` is `report.014.index.printed`. Verdicts in italics
are those the ledger expects; {known} of {total} are stored results of a run on this very code.
`tabular-marl equations "report (42)"` looks one up.
"""
_MAIN_TEXT = """
The main text is not among the project's sources. What its appendix, its published code and a later
thesis determine of (1)-(14) is implemented; an equation that the appendix restates points there.
"""
NOTHING = "not yet"


def render(entries: Sequence[Entry]) -> str:
    """One page, a table for each section of the documents."""
    claims = {claim.id: claim for entry in entries for claim in entry.claims}
    known = sum(claim.stored for claim in claims.values())
    lines = [_INTRODUCTION.format(known=known, total=len(claims))]
    for heading, group in groupby(entries, key=lambda entry: entry.section.heading):
        rows = list(group)
        lines.append(f"\n## {heading}\n")
        if rows[0].section.document == FURTHER and not rows[0].section.name:
            lines.append(_MAIN_TEXT)
        lines += ["| | Implemented in | Printed | Corrected | Added |", "|---|---|---|---|---|"]
        lines += [_row(entry) for entry in rows]
    return "\n".join(lines) + "\n"


def _row(entry: Entry) -> str:
    cells = [_verdicts(c for c in entry.claims if c.reading == reading) for reading in READINGS]
    return f"| {entry.place.name} | {', '.join(homes(entry, '`'))} | {' | '.join(cells)} |"


def homes(entry: Entry, quote: str = "") -> list[str]:
    """Files and models, in quotes; "not yet" for a number that nothing speaks of."""
    told = [f"restated as {entry.restates.name}"] if entry.restates else []
    told += [f"{quote}{name}{quote}" for name in entry.modules]
    told += [f"{quote}--model {name}{quote}" for name in entry.models]
    return told or ([NOTHING] if entry.empty and entry.numbered else [])


def _verdicts(claims: Iterable[Told]) -> str:
    """ "refuted `014.index`, `014`; *proved* `014.normalised`"."""
    groups: dict[str, list[str]] = {}
    for claim in claims:
        word = claim.verdict if claim.stored else f"*{claim.verdict}*"
        groups.setdefault(word, []).append(f"`{short_id(claim)}`")
    return "; ".join(f"{word} {', '.join(names)}" for word, names in groups.items())


def short_id(claim: Told) -> str:
    """The id without the document and the reading; a lemma's whole."""
    document, _, rest = claim.id.partition(".")
    short = document in ("report", "further") and rest.endswith(f".{claim.reading}")
    return rest.removesuffix(f".{claim.reading}") if short else claim.id


def show(entries: Sequence[Entry]) -> None:
    """Print the map."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    for heading, group in groupby(entries, key=lambda entry: entry.section.heading):
        table = Table(box=None, title=heading, title_justify="left", title_style="bold")
        table.add_column("", no_wrap=True)
        table.add_column("implemented in")
        table.add_column("claimed")
        for entry in group:
            told = Text("\n").join(
                Text.assemble(
                    (claim.verdict, COLOURS.get(claim.verdict, "") if claim.stored else "dim"),
                    f" {claim.id}",
                )
                for claim in entry.claims
            )
            table.add_row(entry.place.name, "\n".join(homes(entry)), told)
        console.print(table)
    console.print("[dim]dim: what the ledger expects; coloured: a stored result[/dim]")
