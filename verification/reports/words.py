"""What all reports say in the same words: sections, evidence in a line, counterexamples."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from tabular_marl.verification.claim import READINGS
from tabular_marl.verification.documents import REPORT, SECTIONS, Place, places, section_of
from tabular_marl.verification.evidence import Evidence, Outcome
from tabular_marl.verification.result import Report, Row
from tabular_marl.verification.verdict import WORDS

LEMMAS, OTHERS = "Lemmas", "Other claims"
_FAMILIES = ("free-energy.", "recipe.", "kl.", "log.")

COLOURS = {
    "proved": "green",
    "exhausted": "green",
    "certified": "green",
    "supported": "cyan",
    "refuted": "red",
    "suspect": "magenta",
    "stale": "yellow",
    "open": "yellow",
}


def section(row: Row) -> str:
    """The section of the document that a claim's first source lies in."""
    if row.claim.id.startswith(_FAMILIES):
        return LEMMAS
    found = places(row.claim.source)
    home = section_of(found[0]) if found else None
    if home is None:
        return OTHERS
    if home.document == REPORT and home.name[0].isalpha():  # its sub-sections together
        home = section_of(Place(REPORT, ".".join(home.name.split(".")[:2]))) or home
    return home.heading


def _place(row: Row) -> tuple[Any, ...]:
    """Where a row stands in its section: by number, then as printed, corrected, added."""
    numbers = tuple(int(n) for n in re.findall(r"\d+", row.claim.source.split(";")[0]))
    reading = READINGS.index(row.claim.reading)
    return (numbers, row.claim.id.rsplit(".", 1)[0], reading, row.claim.id)


def short_source(source: str) -> str:
    """ "report (14); report A.1.2" as "(14), A.1.2"."""
    return ", ".join(part.strip().removeprefix("report ") for part in source.split(";"))


def by_section(report: Report) -> dict[str, list[Row]]:
    """Rows by section, in the document's order, lemmas last."""
    order = [section.heading for section in SECTIONS]
    groups: dict[str, list[Row]] = {}
    for row in report.rows:
        groups.setdefault(section(row), []).append(row)

    def place(title: str) -> tuple[int, str]:
        if title in order:
            return order.index(title), title
        return {LEMMAS: 998, OTHERS: 999}.get(title, 900), title

    return {
        title: groups[title] if title == LEMMAS else sorted(groups[title], key=_place)
        for title in sorted(groups, key=place)
    }


def counted(report: Report) -> dict[str, int]:
    """How many rows have each verdict, best first."""
    found = Counter(row.verdict.word for row in report.rows)
    return {word: found[word] for word in WORDS if found[word]}


def headline(report: Report) -> str:
    """One line: the counts and whether all is as expected."""
    parts = [f"{count} {word}" for word, count in counted(report).items()]
    wrong = len(report.unexpected)
    state = f"{wrong} not as expected" if wrong else "all as expected"
    if report.interrupted:
        state = "interrupted: run again to resume"
    claims = f"{len(report.rows)} claim{'' if len(report.rows) == 1 else 's'}"
    return f"{claims}: {', '.join(parts)}; {state}"


def in_a_line(evidence: Evidence) -> str:
    """Method, amount, scope, and how it was decided."""
    about = str(evidence.scope)
    amounts = {
        Outcome.SUPPORTED: f"{evidence.count} instances, {about}",
        Outcome.EXHAUSTED: f"{evidence.count} members, {about}",
        Outcome.CERTIFIED: f"{evidence.count} boxes, {about}",
        Outcome.PROVED: about,
        Outcome.REFUTED: f"after {evidence.count} instances" if evidence.count > 1 else "",
    }
    amount = amounts.get(evidence.outcome, "")
    first = evidence.detail.strip().splitlines()[-1] if evidence.detail.strip() else ""
    parts = [evidence.method, amount, first]
    return "; ".join(part for part in parts if part)


def counterexample(witness: dict[str, Any] | None) -> list[tuple[str, str]]:
    """A witness as (name, value) pairs: the instance, then the sides and the gap."""
    if witness is None:
        return []
    pairs = [(name, shown(value)) for name, value in witness["instance"].items()]
    if witness.get("left") is not None:
        pairs += [("left side", brief(witness["left"])), ("right side", brief(witness["right"]))]
    pairs.append(("gap", f"{brief(witness['violation'])}, the claim says {witness['relation']}"))
    return pairs


def shown(value: Any) -> str:
    """Nested lists of "p/q" strings without quotes."""
    if isinstance(value, list):
        return "[" + ", ".join(shown(v) for v in value) + "]"
    return str(value)


def brief(ball: str) -> str:
    """A ball's decimals, cut to what a reader needs: "−0.1 ± 3e-35" keeps twelve digits."""
    match = re.fullmatch(r"\[(-?\d+\.?\d*(?:e[+-]?\d+)?) \+/- (\S+)\]", ball)
    if match is None:
        return ball
    return f"{float(match[1]):.12g} ± {match[2]}"


def plain_list(items: Sequence[str]) -> str:
    """Sentences as one."""
    return "; ".join(items)
