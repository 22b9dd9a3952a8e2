"""Reports of a run: the terminal's tables, Markdown, one HTML page, JUnit XML, JSON.

``write(report, directory)`` writes the files; each module's ``render`` gives one of them.
"""

from __future__ import annotations

import json
from pathlib import Path

from tabular_marl.verification.result import Report
from tabular_marl.verification.witness import write_text


def write(report: Report, directory: Path | str) -> list[Path]:
    """``ledger.md``, ``.html``, ``.xml`` (JUnit) and ``.json`` in ``directory``; their paths."""
    from tabular_marl.verification.reports import html, junit, markdown

    texts = {
        "ledger.md": markdown.render(report),
        "ledger.html": html.render(report),
        "ledger.xml": junit.render(report),
        "ledger.json": json.dumps(report.as_json(), indent=1, ensure_ascii=False) + "\n",
    }
    for name, text in texts.items():
        write_text(Path(directory) / name, text)
    return [Path(directory) / name for name in texts]
