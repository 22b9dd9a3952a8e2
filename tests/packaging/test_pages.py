"""What the pages tell a reader to type works, in the order told."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    "README.md",
    *(p.relative_to(ROOT).as_posix() for p in sorted((ROOT / "docs").rglob("*.md"))),
]
ELSEWHERE = "docs/claims.md"  # tests/claims/test_page.py looks at its verdicts too


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page != ELSEWHERE and blocks(page, "python")]
)
def test_a_page_s_python_runs(page: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(blocks(page, "python"))],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_both_commands_of_the_readme_install_in_one_way() -> None:
    """Kernels cached beside an installed copy outlive it and would hide the tree installed -e."""
    installs = [b for b in blocks("README.md", "sh") if "pip install" in b]
    assert len(installs) == 2
    assert all(" -e " in block for block in installs)


def test_every_picture_of_a_page_is_there_and_every_one_there_is_drawn_by_the_script() -> None:
    shown = {
        (ROOT / page).parent / link
        for page in PAGES
        for link in re.findall(r"!\[[^]]*\]\(([^)]+)\)", (ROOT / page).read_text(encoding="utf-8"))
    }
    shown = {path.resolve() for path in shown}
    assert shown
    assert sorted(path.name for path in shown if not path.exists()) == []
    kept = set((ROOT / "docs" / "_static").glob("*.png"))
    assert kept == shown
    script = (ROOT / "docs" / "figures.py").read_text(encoding="utf-8")
    drawn = set(re.findall(r'^    "([\w-]+)": \w+,$', script, re.MULTILINE))
    for example in (ROOT / "examples").glob("*.py"):  # pictures that take a study of their own
        text = example.read_text(encoding="utf-8")
        drawn |= set(re.findall(r'savefig\(folder / "([\w-]+)\.png"', text))
    assert {path.stem for path in kept} - drawn == set()
