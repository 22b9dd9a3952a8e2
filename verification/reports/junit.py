"""The ledger as JUnit XML: one test case a claim, failed where the verdict is not the expected."""

from __future__ import annotations

from xml.etree import ElementTree

from tabular_marl.verification.reports.words import by_section, counterexample, in_a_line
from tabular_marl.verification.result import Report, Row


def render(report: Report) -> str:
    """A test suite for each section."""
    sections = by_section(report)
    failed = len(report.unexpected)
    root = ElementTree.Element(
        "testsuites",
        name="ledger",
        tests=str(len(report.rows)),
        failures=str(failed),
        time=f"{report.seconds:.3f}",
    )
    for title, rows in sections.items():
        wrong = sum(not row.as_expected for row in rows)
        suite = ElementTree.SubElement(
            root, "testsuite", name=title, tests=str(len(rows)), failures=str(wrong)
        )
        for row in rows:
            _case(row, title, suite)
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode", xml_declaration=True)
    return _printable(text) + "\n"


def _case(row: Row, title: str, suite: ElementTree.Element) -> None:
    seconds = sum(item.seconds for item in row.evidence)
    case = ElementTree.SubElement(
        suite, "testcase", classname=title, name=row.claim.id, time=f"{seconds:.3f}"
    )
    told = [in_a_line(item) for item in row.evidence]
    told += [f"{name} = {value}" for name, value in counterexample(row.witness)]
    if row.as_expected:
        ElementTree.SubElement(case, "system-out").text = "\n".join([str(row.verdict), *told])
        return
    message = f"{row.verdict}, expected {row.claim.expects}"
    failure = ElementTree.SubElement(case, "failure", message=message)
    failure.text = "\n".join([*told, row.error])


def _printable(text: str) -> str:
    """Without the control characters that XML forbids."""
    return "".join(c for c in text if c in "\n\t" or ord(c) >= 32)
