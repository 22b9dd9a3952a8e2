"""Importing the package loads nothing heavy; the mapped packages exist once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("numba", "sympy", "matplotlib", "flint", "hypothesis", "torch", "scipy", "joblib")


def python(code: str, cwd: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    "module", ["tabular_marl", "tabular_marl.cli", "tabular_marl.verification"]
)
def test_import_loads_nothing_heavy(module: str, tmp_path: Path) -> None:
    loaded = python(
        f"import sys, {module}; print([m for m in {HEAVY!r} if m in sys.modules])", tmp_path
    )
    assert loaded == "[]"


@pytest.mark.parametrize(
    "order",
    [
        "verification, tabular_marl.verification as v",
        "tabular_marl.verification as v, verification",
    ],
)
def test_plain_import_from_the_root_is_the_same_module(order: str) -> None:
    code = (
        f"import {order}; import verification.claim as a; "
        "import tabular_marl.verification.claim as b; assert a is b and verification is v"
    )
    python(code, ROOT)


def test_deep_is_importable_and_names_its_parts() -> None:
    import tabular_marl.deep as deep

    assert "torch" in deep.__doc__
    assert "crosscheck" in dir(deep)
    with pytest.raises(AttributeError, match="no attribute 'Agent'"):
        deep.Agent  # noqa: B018


def test_deep_without_torch_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import tabular_marl.deep as deep

    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r"pip install 'tabular-marl\[deep\]'"):
        deep.require_torch()
