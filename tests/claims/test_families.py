"""Every file of claims has its verdicts, and every audit page says what the ledger expects."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import pytest

from tabular_marl.verification import claims, verify
from tabular_marl.verification.ledger import LEDGER

LEDGER.load_own()
FILES = sorted({c.module for c in LEDGER if ".verification.claims." in c.module})
DOCUMENTS = ("report", "further", "deep")  #: what the first word of an id may be on a page
EXPECTED = {c.id: c.expects for c in LEDGER if c.id.split(".")[0] in DOCUMENTS}
PAGES = sorted((Path(__file__).parents[2] / "docs").glob("audit-*.md"))
WORDS = "proved|exhausted|certified|supported|refuted|open"


def said(page: Path) -> dict[str, str]:
    """Verdicts by claim id: cells read "refuted `022`", in the column of their reading; a page of
    FURTHER, or of the deep losses, may name the report's rows in full: "refuted `report.022`"."""
    document = page.stem.removeprefix("audit-")
    document = document if document in DOCUMENTS else "report"
    found = {}
    for line in page.read_text(encoding="utf-8").splitlines():
        cells = re.split(r"(?<!\\)\|", line)
        if len(cells) != 7:
            continue
        for cell, column in ((cells[3], "printed"), (cells[4], "corrected"), (cells[5], "added")):
            reading = "added" if "added:" in cell else column
            for word, name in re.findall(rf"({WORDS}) `([^`]+)`", cell):
                full = name if name.split(".")[0] in DOCUMENTS else f"{document}.{name}"
                found[f"{full}.{reading}"] = word
    return found


def test_every_file_of_claims_loads():
    for file in pkgutil.iter_modules(claims.__path__):
        importlib.import_module(f"{claims.__name__}.{file.name}")  # raises where the ledger did


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.rsplit(".", 1)[1])
def test_every_row_has_its_verdict(file):
    mine = [c.id for c in LEDGER if c.module == file]
    report = verify(*mine, examples=100, store=False, progress=False)
    assert [f"{row.claim.id}: {row.verdict}" for row in report.unexpected] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_says_what_the_ledger_expects(page):
    assert said(page)
    assert {name: EXPECTED.get(name) for name in said(page)} == said(page)


def test_every_claim_about_a_document_stands_on_a_page():
    told = set().union(*map(said, PAGES))
    assert sorted(set(EXPECTED) - told) == []
