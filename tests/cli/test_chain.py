"""`tabular-marl chain`: classes, periods, periodic and stable distributions."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tabular_marl import cli


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as exit_:
        cli.main(["chain", *arguments])
    out, err = capsys.readouterr()
    return int(exit_.value.code or 0), out, err


def found(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    code, out, err = run(capsys, *arguments, "--json")
    assert code == 0, err
    return json.loads(out)


def test_best_responses_in_a_coordination_game(capsys) -> None:
    """Both copy the other: two conventions and the 2-cycle of miscoordination."""
    row = found(capsys, "coordination", "--learner", "best-response", "--k", "2")
    assert row["recurrent_classes"] == 3
    by_reward = {c["rewards"][0]: c for c in row["classes"]}
    assert {r: (c["size"], c["period"], c["arrival"]) for r, c in by_reward.items()} == {
        4: (1, 1, 0.25),
        0: (2, 2, 0.5),
        8: (1, 1, 0.25),
    }
    assert len(row["periodic"]) == 1 + 1 + 2  # Σ gcd(k, period)
    cycle = by_reward[0]["members"]
    laws = [s for s in row["periodic"] if set(s[0]) <= {str(x) for x in cycle}]
    assert len(laws) == 2
    assert all(list(law.values()) == [1.0] for s in laws for law in s)


def test_the_better_convention_is_stochastically_stable(capsys) -> None:
    learners = ("--learner", "fictitious-play", "--memory", "2", "--epsilon", "0.1")
    row = found(capsys, "coordination", *learners, "--stable")
    (x,) = row["stable"]["support"]
    assert row["states"][x]["parameters"] == {"0": [1, 1], "1": [1, 1]}
    assert row["stable"]["distribution"] == [1.0]
    code, out, _ = run(capsys, "coordination", *learners, "--stable")
    assert code == 0
    assert "stochastically stable" in out


def test_agent_i_with_a_fixed_policy(capsys, tmp_path) -> None:
    pavlov = ("--learner", "win-stay-lose-shift", "--aspiration", "-1", "--player", "0")
    row = found(capsys, "prisoners-dilemma", *pavlov, "--policy", "D")
    (only,) = row["classes"]  # always D: Pavlov alternates
    assert (only["period"], only["size"]) == (2, 2)
    np.testing.assert_allclose(only["rewards"], [-1, -2.5])
    best = found(capsys, "prisoners-dilemma", *pavlov, "--policy", "optimal")
    assert {c["rewards"][0] for c in best["classes"]} == {-1.0}
    (tmp_path / "policy.json").write_text("[[0, 1]]")
    same = found(capsys, "prisoners-dilemma", *pavlov, "--policy", str(tmp_path / "policy.json"))
    assert same["classes"] == row["classes"]
    uniform = found(capsys, "prisoners-dilemma", *pavlov, "--policy", "uniform")
    assert uniform["classes"][0]["period"] == 1


def test_a_picture(capsys, tmp_path) -> None:
    path = tmp_path / "graph.png"
    code, out, err = run(capsys, "coordination", "--learner", "best-response", "--plot", str(path))
    assert code == 0
    assert path.read_bytes().startswith(b"\x89PNG")
    assert "wrote" in err
    assert "3 recurrent classes" in out


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("tricky", "--learner", "best-response", "--policy", "A"), ("--player", "--policy")),
        (("tricky", "--learner", "best-response", "--player", "0"), ("--policy", "--player")),
        (
            ("tricky", "--learner", "best-response", "--player", "0", "--policy", "C"),
            ("--policy", "A, B, optimal, uniform"),
        ),
        (("tricky", "--learner", "best-response", "--k", "0"), ("k must", "0")),
        (("coordination", "--learner", "best-response", "--stable"), ("one recurrent class", "3")),
    ],
)
def test_wrong_input(capsys, arguments, parts) -> None:
    code, out, err = run(capsys, *arguments)
    assert code == 2
    assert out == ""
    for part in parts:
        assert part in err
