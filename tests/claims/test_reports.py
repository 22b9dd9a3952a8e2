"""Reports: the same rows in every format, self-contained and well formed."""

import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from rich.console import Console

from tabular_marl.verification import (
    Claim,
    Counterexample,
    Sampling,
    instances,
    number,
    register,
    scope,
    sides,
    verify,
)
from tabular_marl.verification.reports import html, junit, markdown, terminal, write
from tabular_marl.verification.reports.words import brief, by_section, headline, section

FAMILY = instances(x=number())


def square(arithmetic, x):
    return sides(x * x, arithmetic.number("1/2"))


def above(arithmetic, x):
    return x * x


def failing(arithmetic, x):
    raise RuntimeError("a <b>bold</b> mistake \x00")


@pytest.fixture(scope="module")
def report():
    note = "a note with <tags> & ampersands | bars"
    rows = [
        ("report (34)", "printed", (Counterexample(square, {"x": 0}),), "refuted"),
        ("report (34); report A.4.1", "corrected", (Sampling(above, FAMILY),), "supported"),
        ("report A.4.1", "added", (Sampling(square, FAMILY),), "proved"),
        ("report (2)", "added", (Sampling(failing, FAMILY),), "open"),
        ("mine", "added", (), "open"),
    ]
    for k, (source, reading, checks, expects) in enumerate(rows):
        register(
            Claim(
                f"shown.{k}",
                source,
                reading,
                r"x^2 \ge \tfrac12 \text{ for } x < y",
                scope(),
                checks,
                expects=expects,
                note=note,
                assumes=("x is real", "y is not"),
            )
        )
    return verify("shown.*", examples=200, store=False, progress=False)


def test_json_rows_carry_what_is_promised(report):
    rows = json.loads(json.dumps(report.as_json()))
    promised = {"id", "source", "reading", "statement", "assumes", "scope", "verdict", "expects"}
    promised |= {"evidence", "witness"}
    assert all(promised <= set(row) for row in rows)
    words = [row["verdict"].split()[0] for row in rows]
    assert words == ["refuted", "supported", "refuted", "open", "open"]
    assert rows[0]["witness"]["instance"] == {"x": 0}
    assert [row["as_expected"] for row in rows] == [True, True, False, False, True]


def test_sections_follow_the_document(report):
    titles = list(by_section(report))
    assert titles == [
        "1.1.1 ROMMEO",
        "1.2.2 Balancing-Q, theory",
        "Appendix A.4 Balancing-Q, theory",
        "Other claims",
    ]
    readings = [row.claim.reading for row in by_section(report)["1.2.2 Balancing-Q, theory"]]
    assert readings == ["printed", "corrected"]
    assert section(report.rows[0]) == "1.2.2 Balancing-Q, theory"


def test_headline_counts_verdicts_and_surprises(report):
    said = headline(report)
    assert said == "5 claims: 1 supported, 2 refuted, 2 open; 2 not as expected"


def test_terminal_marks_what_was_not_expected(report):
    stream = io.StringIO()
    terminal.render(report, Console(file=stream, width=140))
    text = stream.getvalue()
    assert text.count("✓") == 3
    assert text.count("✗") == 2
    assert "5 claims" in text
    terminal.render(report, Console(file=stream, width=140), details=True)
    detailed = stream.getvalue()[len(text) :]
    assert "a note with <tags>" in detailed
    assert r"x^2 \ge \tfrac12" in detailed
    text = detailed
    assert "verdict refuted; expected proved" in text
    assert "a <b>bold</b> mistake" in text
    assert "x = 0" in text


def test_html_is_one_well_formed_page_without_network(report):
    page = html.render(report)
    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//""", page)
    assert "<link" not in page
    assert "@import" not in page
    assert page.count("<article") == 5
    assert "<math" in page
    assert "a &lt;b&gt;bold&lt;/b&gt; mistake" in page
    assert "<tags>" not in page
    assert "<!-- " not in page

    class Balance(HTMLParser):
        void = ("meta", "input", "br", "link")

        def __init__(self):
            super().__init__()
            self.stack = []

        def handle_starttag(self, tag, attrs):
            if tag not in self.void:
                self.stack.append(tag)

        def handle_endtag(self, tag):
            assert self.stack.pop() == tag

    parser = Balance()
    parser.feed(page)
    assert parser.stack == []


def test_an_unknown_command_is_shown_as_source():
    assert html.equation(r"\frac{") == r"<code>\frac{</code>"


def test_markdown_has_a_row_and_a_paragraph_for_each_claim(report):
    text = markdown.render(report)
    assert len(re.findall(r"^### shown\.\d", text, re.M)) == 5
    assert len(re.findall(r"^\| [✓✗] \| \[shown", text, re.M)) == 5
    for row in report.rows:
        anchor = row.claim.id.replace(".", "-")
        assert f'<a id="{anchor}"></a>' in text


def test_junit_fails_exactly_where_the_verdict_surprises(report):
    root = ElementTree.fromstring(junit.render(report))
    assert root.get("tests") == "5"
    assert root.get("failures") == "2"
    failed = [
        case.get("name") for case in root.iter("testcase") if case.find("failure") is not None
    ]
    assert failed == ["shown.3", "shown.2"]


def test_files_are_written(report, tmp_path):
    paths = write(report, tmp_path / "out")
    assert [path.name for path in paths] == [
        "ledger.md",
        "ledger.html",
        "ledger.xml",
        "ledger.json",
    ]
    assert all(path.stat().st_size > 500 for path in paths)


def test_balls_are_shown_briefly():
    shown = brief("[-0.100000000000000000000000000000 +/- 3e-35]")
    assert shown == "-0.1 ± 3e-35"
    assert brief("-1/10") == "-1/10"


def test_what_an_interruption_left_undone_is_counted_and_not_explained(report):
    stream = io.StringIO()
    terminal.render(replace(report, interrupted=True), Console(file=stream, width=140))
    text = stream.getvalue()
    assert "verdict refuted; expected proved" in text
    assert "verdict open" not in text
    assert "2 open; interrupted: run again to resume" in text
