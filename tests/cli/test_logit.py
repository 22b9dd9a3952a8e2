"""``solve --model logit`` on the command line."""

from __future__ import annotations

import json

import pytest

from tabular_marl.cli import main


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        main(["solve", *arguments])
    return stop.value.code, capsys.readouterr()


def test_common_reward_is_a_proved_saddle(capsys):
    code, out = run(
        capsys, "climbing", "--model", "logit", "--beta-agent", "1", "--beta-opponent", "-1",
        "--certify", "--json",
    )  # fmt: skip
    row = json.loads(out.out)
    assert code == 0
    assert row["unique"] is True
    assert row["evaluation"] == "regularised"
    low, high = row["certificate"]["lower"][0], row["certificate"]["upper"][0]
    assert low <= row["value"][0] + row["error_bound"]
    assert row["value"][0] - row["error_bound"] <= high


def test_general_sum_reports_folds_and_exploitability(capsys):
    code, out = run(
        capsys, "chicken", "--model", "logit", "--beta-agent", "3", "--beta-opponent", "3", "--json"
    )
    row = json.loads(out.out)
    assert code == 0
    assert row["evaluation"] == "expectation"
    assert len(row["bifurcations"]) == 1  # at λ = 2, of β = 3: the symmetric pitchfork
    assert row["exploitability"] >= 0
    assert "bifurcation" in row["branch_status"]


def test_infinite_beta_is_refused(capsys):
    code, out = run(
        capsys, "chicken", "--model", "logit", "--beta-agent", "inf", "--beta-opponent", "1"
    )
    assert code == 2
    assert "beta" in out.err
