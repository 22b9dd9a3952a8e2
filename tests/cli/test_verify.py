"""`tabular-marl verify`: where it writes, and what it says when it cannot."""

from __future__ import annotations

import json

import pytest

from tabular_marl import cli

CLAIM = "free-energy.sign"


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as exit_:
        cli.main(["verify", CLAIM, "--examples", "20", *arguments])
    out, err = capsys.readouterr()
    return int(exit_.value.code or 0), out, err


def test_a_report_is_written_where_asked(capsys, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, "--report", "deep/er", "--json")
    assert code == 0
    assert [row["id"] for row in json.loads(out)] == [CLAIM]
    assert all((tmp_path / f"deep/er/ledger.{end}").is_file() for end in ("html", "md", "xml"))
    assert "wrote" in err


def test_a_folder_that_cannot_be_is_named_before_the_work(capsys, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").write_text("")
    code, out, err = run(capsys, "--report", "taken")
    assert (code, out) == (2, "")
    assert "'taken'" in err
    assert not (tmp_path / ".tabular-marl").exists()


def test_a_cache_that_cannot_be_written_is_named(capsys, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").write_text("")
    monkeypatch.setenv("TABULAR_MARL_CACHE", str(tmp_path / "taken"))
    code, _, err = run(capsys)
    assert code == 2
    assert "taken" in err
