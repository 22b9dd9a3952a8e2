"""`tabular-marl influence`: every learner by name, JSON, pictures, errors that name the rule."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import numpy as np
import pytest

import tabular_marl as tm
from tabular_marl import cli
from tabular_marl.active import joint_chain

Q1 = ("bach-or-stravinsky", "--learner", "q-learning", "--initial", "10,20", "--epsilon", "0.05")


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as exit_:
        cli.main(["influence", *arguments])
    out, err = capsys.readouterr()
    return int(exit_.value.code or 0), out, err


def found(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    code, out, err = run(capsys, *arguments, "--json")
    assert code == 0, err
    return json.loads(out)


def test_question_1_commits(capsys) -> None:
    row = found(capsys, *Q1, "--step-size", "1", "--discount", "0.88")
    assert row["gain_lower"] <= row["gain"] <= row["gain_upper"]
    assert row["gain_upper"] - row["gain_lower"] < 1e-8
    assert row["gain"] == pytest.approx(1.95, abs=1e-8)
    (start,) = row["starts"]
    assert row["states"][start]["parameters"] == {"1": [10.0, 20.0]}
    assert np.shape(row["policy"]) == (row["joint_states"], 2)
    assert row["policy"][start] == [1.0, 0.0]  # commits on average …
    assert row["discounted"]["policy"][start] == [0.0, 1.0]  # … complies when short-sighted
    assert row["recurrent_classes"] == 1
    assert row["seconds"] > 0


def test_the_other_seat(capsys) -> None:
    """Against a learner in seat 0 that starts at its favourite, player 1 commits as well."""
    arguments = (*Q1[:3], "--initial", "20,10", "--epsilon", "0.05", "--player", "1")
    row = found(capsys, *arguments, "--step-size", "1")
    assert row["gain"] == pytest.approx(1.95, abs=1e-8)
    assert row["policy"][row["starts"][0]] == [0.0, 1.0]


def test_epsilon_zero_is_greedy(capsys) -> None:
    arguments = ("prisoners-dilemma", "--learner", "q-learning", "--epsilon", "0", "--tie", "first")
    low = found(capsys, *arguments, "--initial", "-25,-10")
    assert low["gain"] == pytest.approx(-2, abs=1e-9)
    exact = (*arguments, "--exact", "--step-size", "1", "--learner-discount", "0")
    high = found(capsys, *exact, "--initial", "-1,-2")
    assert high["gain"] == pytest.approx(-1, abs=1e-9)
    assert high["states"][0]["parameters"]["1"] == ["-1", "-2"]


@pytest.mark.parametrize(
    ("options", "gain"),
    [
        (("best-response",), -2),
        (("logit-response", "--learner-beta", "0"), -1),  # D against a fair coin
        (("fictitious-play", "--memory", "3", "--initial", "0,0,1"), -2),
        # Pavlov cooperates again after its payoff −2: D costs it a step of C in turn
        (("win-stay-lose-shift", "--aspiration", "-1", "--initial", "0"), -1),
        # the replicator freezes at one tenth of C: 1·1/(1·1 + 9·2) of 10 is put back on 1
        (("replicator", "--resolution", "10", "--background", "4", "--initial", "0.5,0.5"), -1.8),
        (("best-response", "--epsilon", "0.2"), -1.8),
        (("best-response", "--rates", "0.5,0.2"), -1.8),
    ],
)
def test_every_learner_by_name(capsys, options, gain) -> None:
    row = found(capsys, "prisoners-dilemma", "--learner", *options)
    assert np.ravel(row["gain"]) == pytest.approx(gain, abs=1e-9)


def test_a_schedule_and_a_learner_of_ones_own(capsys, tmp_path) -> None:
    (tmp_path / "clock.json").write_text("[[[1, 0]], [[0, 1]]]")
    clock = ("--learner", "schedule", "--policies", str(tmp_path / "clock.json"))
    assert found(capsys, "matching-pennies", *clock, "--after", "again")["gain"] == 1
    (tmp_path / "own.py").write_text(
        "from tabular_marl.active.learners import FunctionLearner\n"
        "copycat = FunctionLearner(lambda last, s: [1 - last, last],\n"
        "                          lambda last, s, a, r, t: a[0], [0])\n"
    )
    row = found(capsys, "prisoners-dilemma", "--learner", f"{tmp_path / 'own.py'}:copycat")
    assert row["gain"] == pytest.approx(-1)  # tit for tat


def test_several_learners_at_once(capsys) -> None:
    names = ("--learner", "best-response", "q-learning", "--initial", "0", "0,0")
    exact = ("--exact", "--step-size", "1", "--learner-discount", "0", "--epsilon", "0")
    row = found(capsys, "three-player-pennies", *names, *exact)
    assert row["gain"] == pytest.approx(1)
    assert row["states"][0]["parameters"] == {"1": [0], "2": ["0", "0"]}


def test_every_start_gives_a_map_of_plateaus(capsys, tmp_path) -> None:
    arguments = ("prisoners-dilemma", "--learner", "q-learning", "--epsilon", "0")
    wide = (*arguments, "--initial", "every", "--grid", "-30,0,31", "--tie", "first")
    path = tmp_path / "deep/er/map.png"
    code, out, err = run(capsys, *wide, "--plot", str(path))
    assert code == 0
    assert path.read_bytes().startswith(b"\x89PNG")
    assert f"wrote {path}" in err
    assert "-0.523809524" in out
    row = found(capsys, *wide)
    assert np.shape(row["gain"]) == (31 * 31,)
    assert min(row["gain"]) == pytest.approx(-2)


def test_a_soft_value_says_that_it_is_one(capsys) -> None:
    soft = ("prisoners-dilemma", "--learner", "best-response", "--beta", "1")
    row = found(capsys, *soft)
    assert row["beta"] == 1
    assert row["gain"][0] == pytest.approx(-2 + np.log((1 + np.exp(-1)) / 2))
    _, out, _ = run(capsys, *soft)
    assert "D (0.731)" in out
    assert "KL(policy‖uniform)" in out
    assert "beta" not in found(capsys, *soft[:-2])


def test_one_start_gives_a_strip(capsys, tmp_path) -> None:
    path = tmp_path / "strip.svg"
    assert run(capsys, *Q1, "--plot", str(path))[0] == 0
    assert path.stat().st_size > 1000


def test_tables_show_the_grid_the_bracket_and_the_speed(capsys) -> None:
    code, out, _ = run(capsys, *Q1)
    assert code == 0
    for part in ("201 points in [0, 20], projection linear", "1.95", "proved bracket", "Bach"):
        assert part in out


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("prisoners-dilema", "--learner", "best-response"), ("did you mean 'prisoners-dil",)),
        (("tricky", "--learner", "best-respons"), ("--learner", "did you mean 'best-response'")),
        (("tricky", "--learner", "q-learning"), ("--initial", "must be given")),
        (("tricky", "--learner", "best-response", "--memory", "2"), ("--memory", "not be given")),
        (("tricky", "--learner", "best-response", "--player", "2"), ("--player", "0..1", "2")),
        ((*Q1, "--learner-discount", "1"), ("--learner-discount", "[0, 1)", "1")),
        ((*Q1, "--step-size", "x"), ("--step-size", "numbers", "'x'")),
        ((*Q1, "--grid", "0,20"), ("--grid", "LOW,HIGH,POINTS")),
        ((*Q1, "--grid", "0,20,8"), ("lie on the grid",)),
        ((*Q1, "--grid", "0,20,21", "--exact"), ("--grid", "--exact")),
        ((*Q1, "--exact", "--max-states", "99"), ("more than 99",)),
        ((*Q1[:3], "--initial", "1,2,3"), ("initial", "shape")),
        ((*Q1[:3], "--initial", "0.00001,2"), ("--grid", "be given", "points")),
        ((*Q1, "--start", "nowhere"), ("--start", "nowhere")),
        ((*Q1, "--plot", "figure.txt"), ("--plot", ".png", "figure.txt")),
        ((*Q1, "--discount", "1"), ("discount", "1.0")),
        (("tricky", "--learner", "gone.py:mine"), ("--learner", "file that exists")),
        (("tricky", "--learner", "schedule", "--policies", "gone.json"), ("gone.json",)),
    ],
)
def test_wrong_input_names_the_argument_the_rule_and_the_value(capsys, arguments, parts) -> None:
    code, out, err = run(capsys, *arguments)
    assert code == 2
    assert out == ""
    assert err.count("\n") == 1
    for part in parts:
        assert part in err


def test_a_bracket_out_of_reach_exits_with_3(capsys) -> None:
    code, _, err = run(capsys, *Q1, "--tol", "1e-30")
    assert code == 3
    assert "Proved bracket" in err


@pytest.mark.parametrize("wrapped", [False, True])
def test_ctrl_c_is_one_line_and_130(capsys, monkeypatch, wrapped) -> None:
    """Also where numba wraps it in a SystemError."""

    def interrupt(*_: object, **__: object) -> None:
        if wrapped:
            raise SystemError("returned a result with an exception set") from KeyboardInterrupt()
        raise KeyboardInterrupt

    monkeypatch.setattr("tabular_marl.active.average_reward.average_reward", interrupt)
    code, _, err = run(capsys, *Q1)
    assert (code, err) == (130, "tabular-marl: interrupted\n")


def test_help_stays_light() -> None:
    """No numba, scipy or matplotlib before they are needed."""
    script = (
        "import sys; from tabular_marl import cli\n"
        "try: cli.main(['influence', '--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'numba', 'scipy', 'matplotlib', 'sympy'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_same_answer_in_python(capsys) -> None:
    from tabular_marl.active.influence import influence
    from tabular_marl.active.learners import Grid, QLearning

    learner = QLearning([10, 20], epsilon=0.05, grid=Grid(0, 20, 201, "linear"))
    assert found(capsys, *Q1)["gain"] == influence(tm.games.bach_or_stravinsky(), {1: learner}).gain


def test_the_default_tie_rule_stays_inside_the_proved_bracket(capsys) -> None:
    """Exploring, α = 1/2: [−0.8931, −0.8225] holds without a grid; ties at random leave it."""
    arguments = ("prisoners-dilemma", "--learner", "q-learning", "--initial", "-10,-20")
    row = found(capsys, *arguments, "--grid", "-30,0,61")
    assert -0.8931 < row["gain"] < -0.8225
    assert "notes" not in row
    random = found(capsys, *arguments, "--grid", "-30,0,61", "--tie", "uniform")
    assert random["gain"] < -0.8931
    assert "breaks ties at random on a grid" in random["notes"][0]
    assert "note" in run(capsys, *arguments, "--grid", "-30,0,61", "--tie", "uniform")[1]


def test_many_states_are_summed_up_and_saved(capsys, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("tabular_marl.cli.active_answers.MOST_STATES", 900)
    arguments = ("prisoners-dilemma", "--learner", "q-learning", "--epsilon", "0")
    arguments += ("--initial", "every", "--grid", "-30,0,31", "--discount", "0.5")
    path = tmp_path / "new/every.npz"
    row = found(capsys, *arguments, "--save", str(path))
    assert {"policy", "bias", "states", "starts", "gain"} == set(row["omitted"])
    assert not {"policy", "states", "gain"} & row.keys()
    assert (row["gain_lower"], row["gain_upper"]) == pytest.approx((-2, 0), abs=0.1)
    assert sum(p["starts"] for p in row["plateaus"]) <= 31 * 31
    assert row["plateaus"][0]["gain"] == pytest.approx(-11 / 21, abs=1e-3)
    assert len(json.dumps(row)) < 20_000
    assert row["saved"] == str(path)
    with np.load(path) as full:
        assert full["gain"].shape == (961,)
        assert full["policy"].shape == (row["joint_states"], 2)
    code, out, _ = run(capsys, *arguments)
    assert code == 0
    assert "discounted" in out
    code, _, err = run(capsys, *arguments, "--save", "x.csv")
    assert (code, "--save must end in .npz" in err) == (2, True)


def test_a_grid_that_does_not_fit_is_refused_at_once(capsys) -> None:
    arguments = ("prisoners-dilemma", "--learner", "q-learning", "--initial", "every")
    code, out, err = run(capsys, *arguments, "--grid=-30,0,3001", "--json")
    assert (code, out) == (2, "")
    assert "max_states must allow the 9006001 starts, which need about 4.0" in err


def test_ctrl_c_while_exploring_ends_cleanly(capsys, monkeypatch) -> None:
    """A real SIGINT between two batches; what was interrupted can be asked for again."""
    merge = joint_chain.kernels.merge
    calls = []

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == 2:
            signal.raise_signal(signal.SIGINT)
        return merge(*arguments)

    monkeypatch.setattr(joint_chain, "BATCH", 100)
    monkeypatch.setattr(joint_chain.kernels, "merge", interrupted)
    arguments = ("prisoners-dilemma", "--learner", "q-learning", "--initial", "every")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
    code, out, err = run(capsys, *arguments, "--grid=-30,0,31", "--json")
    signal.signal(signal.SIGINT, before)
    assert (code, out, err) == (130, "", "tabular-marl: interrupted\n")
    assert len(found(capsys, *arguments, "--grid=-30,0,31")["gain"]) == 961
