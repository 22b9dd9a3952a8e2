"""A checkpoint against the exact answer: an agent set to it passes, one that was not does not."""

import json

import numpy as np
import pytest
import torch

from tabular_marl.cli import main
from tabular_marl.deep.crosscheck.figures import bench
from tabular_marl.deep.crosscheck.findings import CrossCheck, Finding
from tabular_marl.deep.crosscheck.frozen import Frozen, check_run
from tabular_marl.deep.training import Run, Session
from tabular_marl.deep.training.experiments import Experiment
from tabular_marl.validation import InputError


def experiment(opponent, initial=(0.0, 0.0), **agent):
    return Experiment.of(
        {
            "name": "small",
            "environment": "prisoners-dilemma",
            "opponent": opponent,
            "steps": 250,
            "episode": 10,
            "agent": {"window": 10, **agent},
            "q_learner": {"initial": list(initial), "step_size": 0.5, "discount": 0.5},
        }
    )


def session(kind, opponent="self", **agent):
    run = Run(experiment(opponent, **agent), kind, seeds=2, steps=250)
    return Session(run)


def as_exact(held, game, opponent):
    """Networks that answer with the exact tables."""
    exact = held.agent.exact(game, opponent)
    tables = {n: torch.from_numpy(np.array(t)).expand(2, *t.shape) for n, t in exact.items()}
    held.agent.tables = lambda obs: tables
    held.agent.probabilities = lambda obs: torch.einsum(
        "nks,nsa->nka", obs.double(), tables["policy"]
    )


def test_a_soft_agent_set_to_the_exact_answer_passes():
    held = Frozen(session("sac", beta=1.0, hidden=0, discount=0.8), 1e-3)
    fresh = list(held.findings(10))
    assert [f.check for f in fresh] == ["tables", "policy", "exploitability"]
    assert not fresh[0].passed
    uniform = held.opponent[0]  # any law: both seeds' must be the same for one exact answer
    held.opponent[1] = uniform
    as_exact(held, held.game, uniform)
    held.policy = held._policy(held.agent)
    tables, policy, exploited = held.findings(10)
    assert tables.passed, tables.says
    assert policy.passed
    assert len(policy.series["kl"]) == held.game.num_states
    assert max(np.abs(policy.series["value gap"])) < 1e-4
    assert exploited.passed
    assert exploited.measured > 0.01  # a soft policy can be exploited, and so can the exact one


def test_a_gain_is_measured_beside_the_optimum():
    """Defecting against a Q-learner who learns to defect: the frozen uniform policy earns less."""
    held = Frozen(session("dron", opponent="q-learner", discount=0.9), 0.05)
    exploited, gain = held.findings(400)
    assert exploited.check == "exploitability"
    assert gain.check == "gain"
    assert len(gain.series["reward"]) == 2
    (optimum,) = gain.series["optimum"]
    assert max(gain.series["reward"]) < optimum + 0.2
    assert "measured" in gain.says


def test_a_learner_may_start_between_the_points_of_the_grid():
    held = Frozen(session("dron", opponent="q-learner", initial=(0.1234, 3.3), discount=0.9), 0.05)
    exploited, gain = held.findings(20)
    assert (exploited.check, gain.check) == ("exploitability", "gain")
    near = Frozen(session("dron", opponent="q-learner", initial=(0.12, 3.3), discount=0.9), 0.05)
    assert gain.series["optimum"] == pytest.approx(list(near.findings(20))[1].series["optimum"])


def test_a_picture_has_the_states_labels_units_seeds_and_no_rounding():
    kl = {"kl": [1e-16, 0.2, 0.3], "value gap": [-0.1, 1e-14, 0.0]}
    gains = {"best answer's gain": [0.0, 1.0, 2.0]}
    earned = {"seed": [0.0, 2.0], "reward": [-1.0, 0.5], "optimum": [0.7]}
    found = CrossCheck(
        "sac",
        "small",
        (
            Finding("policy", False, 0.3, 0.05, "", kl),
            Finding("exploitability", False, 2.0, 0.05, "", gains),
            Finding("gain", False, 0.9, 0.05, "", earned),
        ),
        ("start", "up", "down"),
    )
    figure = bench(found)
    figure.draw_without_rendering()
    policy, exploited, gain = figure.axes
    assert policy.get_ylim()[0] > 1e-5
    assert [text.get_text() for text in policy.get_xticklabels()] == list(found.states)
    assert exploited.get_ylabel() == "reward units"
    assert all(tick == round(tick) for tick in gain.get_xticks())
    (measured, _) = gain.lines
    assert measured.get_xydata().tolist() == [[0.0, -1.0], [2.0, 0.5]]  # a seed may be left out
    with pytest.raises(InputError, match=r"--plot must have .* to draw; there was only target"):
        bench(CrossCheck("sac", "small", (Finding("target", True, 0.0, 0.0, ""),)))


def test_the_command_line_takes_a_checkpoint(capsys, tmp_path):
    path = tmp_path / "checkpoint.pt"
    session("balancing-q", beta=1.0, hidden=0, discount=0.8).save(path)
    picture = tmp_path / "frozen.png"
    words = ["crosscheck", "--checkpoint", str(path), "--plot", str(picture)]
    with pytest.raises(SystemExit) as stop:
        main([*words, "--json"])
    row = json.loads(capsys.readouterr().out)
    assert stop.value.code == 1
    assert (row["model"], row["game"]) == ("balancing-q", "small")
    assert [f["check"] for f in row["findings"]] == ["tables", "policy", "exploitability"]
    assert row["states"] == ["start", "CC", "CD", "DC", "DD"]
    assert picture.stat().st_size > 10_000
    with pytest.raises(SystemExit) as stop:
        main([*words, "--model", "pr2"])
    assert stop.value.code == 2
    assert "--checkpoint must be given alone" in capsys.readouterr().err


def test_bad_input_is_named(tmp_path):
    with pytest.raises(InputError, match="checkpoint must exist"):
        check_run(tmp_path / "none.pt")
    with pytest.raises(InputError, match="tolerance must be > 0"):
        check_run(tmp_path / "none.pt", tolerance=0.0)
