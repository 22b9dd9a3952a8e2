"""The page about claims runs, word for word."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "claims.md"


def test_the_code_of_the_page_runs(tmp_path, monkeypatch):
    if not PAGE.exists():
        pytest.skip("not a source tree")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    assert len(blocks) == 2
    path = tmp_path / "page.py"  # fingerprints read sources, so the code lives in a file
    path.write_text("\n".join(blocks))
    exec(compile(path.read_text(), str(path), "exec"), {"__name__": "page"})
    assert (tmp_path / ".tabular-marl" / "witnesses" / "mine.lipschitz.json").exists()
