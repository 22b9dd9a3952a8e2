"""`tabular-marl games | solve | cite`: tables, JSON, and errors that name what is wrong."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

import tabular_marl as tm
from tabular_marl import cli

ROOT = Path(__file__).resolve().parents[2]


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as exit_:
        cli.main(list(arguments))
    out, err = capsys.readouterr()
    return int(exit_.value.code or 0), out, err


def solve_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    code, out, err = run(capsys, "solve", *arguments, "--json")
    assert code == 0, err
    return json.loads(out)


BALANCING = ("--model", "balancing-q", "--beta-agent", "2", "--beta-opponent", "-1")


def test_balancing_q_on_the_prisoners_dilemma_is_the_closed_form(capsys) -> None:
    row = solve_json(capsys, "prisoners-dilemma", *BALANCING, "--certify")
    # report (20): Q^i(a)/β^i = -log(mean_b exp(-R(a, b))), then V^i/β^i = log(mean_a exp(2 Q))/2
    inner = [-math.log((math.e + math.e**3) / 2), -math.log((1 + math.e**2) / 2)]
    value = math.log((math.exp(2 * inner[0]) + math.exp(2 * inner[1])) / 2) / 2
    assert abs(row["value"][0] - value) <= row["error_bound"] + 1e-15
    assert row["error_bound"] < 1e-10
    (low,), (high,) = row["certificate"]["lower"], row["certificate"]["upper"]
    assert low <= value + 1e-15
    assert value - 1e-15 <= high
    assert {"model", "game", "status", "q", "agent_policy", "opponent_policy"} <= row.keys()
    assert {"iterations", "residual", "seconds"} <= row.keys()


@pytest.mark.parametrize("suffix", ["npz", "json", "nfg"])
def test_the_same_game_from_a_file_gives_the_same_answer(capsys, tmp_path, suffix) -> None:
    path = tmp_path / f"game.{suffix}"
    tm.save_game(tm.games.prisoners_dilemma(), path)
    named = solve_json(capsys, "prisoners-dilemma", *BALANCING)
    assert solve_json(capsys, str(path), *BALANCING)["value"] == named["value"]


def test_arrays_without_labels_are_shown_by_number(capsys, tmp_path) -> None:
    rng = np.random.default_rng(0)
    transition, reward = rng.dirichlet(np.ones(3), (3, 2, 4)), rng.normal(size=(3, 2, 4))
    np.savez(tmp_path / "own.npz", transition=transition, reward=reward, discount=0.75)
    arguments = (str(tmp_path / "own.npz"), "--model", "rommeo", "--beta", "2")
    code, out, err = run(capsys, "solve", *arguments)
    assert (code, err) == (0, "")
    value = tm.rommeo(tm.StochasticGame(transition, reward, discount=0.75), 2.0).value
    assert all(f"{v:.12g}" in out for v in value)  # a row for every state
    assert "discount=0.75" in out
    assert solve_json(capsys, *arguments)["discount"] == 0.75
    assert solve_json(capsys, *arguments, "--discount", "0.5")["discount"] == 0.5
    payoffs = tmp_path / "payoffs.json"
    payoffs.write_text('{"payoffs": [[[1, 0, 2], [0, "1/2", 1]], [[0, 1, 2], [1, 0, 3]]]}')
    code, out, err = run(capsys, "solve", str(payoffs), "--model", "pr2", "--beta", "2")
    assert (code, err) == (0, "")
    assert "discount=0" in out


def test_a_file_that_gambit_wrote(capsys) -> None:
    row = solve_json(capsys, str(ROOT / "examples/games/stag-hunt.nfg"), *BALANCING)
    assert np.isfinite(row["value"]).all()


def test_tables_show_values_policies_and_the_bound(capsys) -> None:
    code, out, _ = run(capsys, "solve", "prisoners-dilemma", *BALANCING, "--certify")
    assert code == 0
    for part in ("-1.71689041524", "0.880797", "proved error bound", "iterations", "128-bit"):
        assert part in out


def test_three_players_are_seen_as_one_against_the_others(capsys) -> None:
    row = solve_json(
        capsys, "three-player-pennies", "--model", "rommeo", "--beta", "1", "--player", "2"
    )
    assert np.shape(row["q"]) == (1, 2, 4)


def test_infinite_beta_is_printed_as_valid_json(capsys) -> None:
    row = solve_json(capsys, "soccer", "--model", "pr2", "--beta", "inf")
    assert row["beta"] == "inf"


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("prisoner-dilema", "--model", "pr2", "--beta", "1"), ("did you mean 'prisoners-dil",)),
        (("soccer", "--model", "romeo", "--beta", "1"), ("--model", "did you mean 'rommeo'")),
        (("soccer", "--model", "rommeo", "--beta", "nan"), ("beta", "nan")),
        (("soccer", "--model", "rommeo"), ("--beta", "must be given")),
        (("soccer", "--model", "rommeo", "--beta", "1", "--view", "agent"), ("--view",)),
        (("soccer", "--model", "rommeo", "--beta", "1", "--discount", "1"), ("discount", "1.0")),
        (("no/such.npz", "--model", "rommeo", "--beta", "1"), ("no/such.npz", "exist")),
        (("soccer", "--model", "rommeo", "--beta", "1", "--player", "7"), ("player", "7")),
        (("soccer", "--model", "rommeo", "--beta", "1", "--tol", "-1"), ("tol", "-1")),
        (
            ("soccer", "--model", "rommeo", "--beta", "1", "--priors", "gone.json"),
            ("'gone.json' must exist; there is no such file",),
        ),
    ],
)
def test_wrong_input_names_the_argument_the_rule_and_the_value(capsys, arguments, parts) -> None:
    code, out, err = run(capsys, "solve", *arguments)
    assert code == 2
    assert out == ""
    assert all(part in err for part in parts), err
    assert "Traceback" not in err


NEW_MODELS = {
    "minimax-pr2": ("--beta", "1"),
    "fictitious-play": ("--beta-agent", "1", "--beta-opponent", "-1", "--prior-update", "kept"),
    "perfect-model": ("--beta-agent", "1", "--beta-opponent", "1", "--coupled", "--damping", ".5"),
    "level-k": ("--beta", "1", "--levels", "3", "--chain", "opponent"),
    "rommeo-em": ("--beta", "1", "--prior-update", "kept", "--evaluation", "regularised"),
    "em": ("--beta-agent", "1", "--beta-opponent", "1", "--rounds", "5"),
    "options": ("--beta", "1", "--num-options", "3"),
    "multi-agent-options": ("--beta", "1", "--beta-opponent", "-1"),
}


@pytest.mark.parametrize("model", NEW_MODELS)
def test_models_of_several_systems_as_json_and_as_tables(capsys, model) -> None:
    arguments = ("chicken", "--model", model, *NEW_MODELS[model])
    row = solve_json(capsys, *arguments)
    assert {"value", "q", "agent_policy", "opponent_policy", "error_bound", "status"} <= row.keys()
    assert row["model"] == model
    assert np.isfinite(np.array(row["value"])).all()
    code, out, _ = run(capsys, "solve", *arguments)
    assert code == 0
    assert "proved error bound" in out


def test_a_path_is_part_of_the_json(capsys) -> None:
    row = solve_json(capsys, "stag-hunt", "--model", "level-k", "--beta", "1", "--levels", "4")
    assert (row["rounds"], len(row["path_values"]), len(row["agent_marginals"])) == (4, 4, 5)


def test_priors_come_from_a_json_file(capsys, tmp_path) -> None:
    path = tmp_path / "priors.json"
    path.write_text('{"prior": [[["1/2", 0.1], [0.5, "0.4"]], [[0, 0.25], [0, 0.25]]]}')
    arguments = ("stag-hunt", "--model", "options", "--beta", "2", "--priors", str(path))
    row = solve_json(capsys, *arguments)
    prior = np.array([[[0.5, 0.1], [0.5, 0.4]], [[0, 0.25], [0, 0.25]]])
    expected = tm.options(tm.games.stag_hunt(), 2.0, prior=prior)
    np.testing.assert_allclose(row["value"], expected.value, rtol=0, atol=0)
    path.write_text('{"priors": 1}')
    code, _, err = run(capsys, "solve", *arguments)
    assert code == 2
    assert "did you mean 'prior'" in err


def test_games_lists_every_named_game_with_its_source(capsys) -> None:
    code, out, _ = run(capsys, "games", "--json")
    rows = json.loads(out)
    assert code == 0
    assert {"prisoners-dilemma", "stag-hunt", "climbing", "soccer"} <= {r["name"] for r in rows}
    assert all(row["source"] for row in rows)


def test_cite_gives_exactly_the_methods_used(capsys) -> None:
    code, out, _ = run(capsys, "cite", "--model", "rommeo", "--method", "newton", "--certify")
    assert code == 0
    assert "tian2019" in out
    assert "johansson2017" in out
    assert "grau-moya2018" not in out


def test_an_interrupt_inside_compiled_code_ends_like_any_other(capsys, monkeypatch) -> None:
    def interrupted() -> int:
        raise SystemError("a kernel returned with an exception set") from KeyboardInterrupt()

    monkeypatch.setitem(cli.COMMANDS, "games", interrupted)
    assert run(capsys, "games") == (130, "", "tabular-marl: interrupted\n")


def test_a_wrong_level_is_named_as_the_command_names_it(capsys) -> None:
    arguments = ("stag-hunt", "--model", "level-k", "--beta", "1", "--levels", "0")
    code, _, err = run(capsys, "solve", *arguments)
    assert (code, err) == (2, "tabular-marl: levels must be an integer >= 1; it was 0\n")
