"""The equation map: every number is in it, every tag names a place, the verdicts are the ledger's.

(1)-(109), (155)-(191) and FURTHER (15)-(24) must each have an implementation or a claim; the
imitation and public-belief equations (110)-(154) may still stand there as "not yet".
"""

from __future__ import annotations

import json
import re

import pytest

from tabular_marl.cli import main
from tabular_marl.models.registry import MODELS
from tabular_marl.validation import InputError
from tabular_marl.verification.documents import Place, places, section_of
from tabular_marl.verification.equations import equation_map, tagged_modules
from tabular_marl.verification.ledger import LEDGER, verify
from tabular_marl.verification.reports.equation_map import render

MAP = equation_map(store=False)
ENTRIES = {entry.place: entry for entry in MAP}
NUMBERED = [
    *(Place("report", f"({n})") for n in range(1, 192)),
    *(Place("FURTHER", f"({n})") for n in range(1, 27)),
    *(Place("FURTHER", f"Prop. {n}") for n in (1, 2, 3)),
]


def due(place: Place) -> bool:
    if place.name.startswith("Prop"):
        return True
    number = int(place.name.strip("()"))
    if place.document == "FURTHER":
        return 15 <= number <= 24
    return number <= 109 or number >= 155


def test_every_number_of_both_documents_is_in_the_map_once():
    assert set(NUMBERED) <= set(ENTRIES)
    assert len(MAP) == len(ENTRIES)


def test_every_equation_that_is_due_has_an_implementation_or_a_claim():
    missing = {place for place in NUMBERED if due(place) and ENTRIES[place].empty}
    assert sorted(map(str, missing)) == []


def test_every_tag_names_a_place_of_its_document():
    sources = {claim.source for claim in LEDGER}
    named = {*tagged_modules(), *places("; ".join(sources))}
    named |= {place for model in MODELS.values() for place in places("; ".join(model.equations))}
    assert sorted(str(place) for place in named if section_of(place) is None) == []


@pytest.mark.parametrize("document", ["report", "further"])
def test_every_claim_about_a_document_is_in_the_map(document):
    told = {claim.id for entry in MAP for claim in entry.claims}
    ids = {claim.id for claim in LEDGER if claim.id.startswith(f"{document}.")}
    assert sorted(ids - told) == []


def test_every_model_stands_where_its_equations_do():
    for name, model in MODELS.items():
        for place in places("; ".join(model.equations)):
            assert name in ENTRIES[place].models, (name, str(place))
            home = model.module if "." in model.module else f"models.{model.module}"
            assert any(home.replace(".", "/") in m for m in ENTRIES[place].modules), (name, place)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("report (17)-(19), A.5, (158)", ["(17)", "(18)", "(19)", "A.5", "(158)"]),
        ("Source: report 4.1.1,\n    (103)–(104).", ["4.1.1", "(103)", "(104)"]),
        ("the report's (25) leaves γ out", []),
        ("report (31), A wrong step", ["(31)", "A"]),
        ("FURTHER (19), Prop. 3 and (20)", ["(19)", "Prop. 3", "(20)"]),
        ("report (3); report A.1.1 (4)", ["(3)", "A.1.1"]),
    ],
)
def test_tags_are_read(text, expected):
    assert [place.name for place in places(text)] == expected


def test_a_range_in_a_docstring_counts_for_each_number():
    assert "models/fictitious_play.py" in ENTRIES[Place("report", "(45)")].modules


def test_an_equation_restated_in_the_appendix_has_what_is_said_there():
    again, first = (ENTRIES[Place("FURTHER", name)] for name in ("(9)", "Prop. 3"))
    assert again.restates == first.place
    assert set(first.modules) <= set(again.modules)


def test_a_place_that_does_not_exist_is_refused():
    with pytest.raises(InputError, match=r"report \(192\)"):
        equation_map(places("report (192)"))


def test_verdicts_are_stored_ones_where_all_is_fresh_and_else_the_expected(tmp_path):
    name = "report.034.printed"
    verify(name, examples=20, store=tmp_path, progress=False)
    told = {
        claim.id: claim
        for entry in equation_map(places("report (34)"), store=tmp_path)
        for claim in entry.claims
    }
    assert (told[name].verdict, told[name].stored) == ("refuted", True)
    others = [claim for claim in told.values() if not claim.stored]
    assert others
    assert all(claim.verdict == LEDGER[claim.id].expects for claim in others)
    (tmp_path / "ledger" / f"{name}.json").write_text("{}")
    assert not any(claim.stored for entry in equation_map(store=tmp_path) for claim in entry.claims)


def test_a_deduction_counts_as_stored_only_with_its_premises(tmp_path):
    deduced = LEDGER["free-energy.non-expansive"]
    verify(deduced.id, examples=20, store=tmp_path, progress=False)

    def stored():
        table = equation_map(store=tmp_path)
        return {claim.id for entry in table for claim in entry.claims if claim.stored}

    assert deduced.id in stored()
    (tmp_path / "ledger" / f"{deduced.premises[0]}.json").unlink()
    assert deduced.id not in stored()


def test_the_page_has_a_row_for_each_place_and_names_every_claim():
    page = render(MAP)
    rows = [line for line in page.splitlines() if line.startswith("| ") and "---" not in line]
    assert len(rows) - page.count("Implemented in") == len(MAP)
    assert "| (110) | not yet |" in page
    line = next(line for line in rows if line.startswith("| (34) "))
    assert re.search(r"\*refuted\* [^;|]*`034`", line.split("|")[3])
    assert "`034`" in line.split("|")[4]


def test_the_command_prints_the_map_as_json(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("TABULAR_MARL_CACHE", str(tmp_path))
    with pytest.raises(SystemExit) as end:
        main(["equations", "report (42)-(43)", "--json", "--report", str(tmp_path / "map")])
    assert end.value.code == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["place"] for row in rows] == ["report (42)", "report (43)"]
    assert rows[0]["models"] == ["fictitious-play"]
    assert "## 1.3" in (tmp_path / "map" / "equations.md").read_text(encoding="utf-8")
    with pytest.raises(SystemExit) as end:
        main(["equations", "42"])
    assert end.value.code == 2
    assert "it was '42'" in capsys.readouterr().err
