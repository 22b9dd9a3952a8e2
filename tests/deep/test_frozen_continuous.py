"""A continuous checkpoint against the exact answer on a grid: set to it, it passes."""

import json

import numpy as np
import pytest
import torch

from tabular_marl.cli import main
from tabular_marl.deep.agents.replayed import POINTS
from tabular_marl.deep.crosscheck.figures import bench
from tabular_marl.deep.crosscheck.frozen import check_run
from tabular_marl.deep.crosscheck.frozen_continuous import FrozenOnGrid
from tabular_marl.deep.training import Run, Session, train

KINDS = ("further", "sac", "rommeo", "pr2", "balancing-q", "soft-q-svgd")


def run_of(kind):
    small = (("window", 20), ("batch", 16), ("hidden", 8))
    return Run("two-quadratics", kind, seeds=2, steps=40, interval=10, settings=small)


@pytest.mark.parametrize("kind", KINDS)
def test_every_checkpoint_of_a_differential_game_is_told_how_far_it_is(kind, tmp_path):
    train(run_of(kind), tmp_path)
    found = check_run(tmp_path / "checkpoint.pt", steps=1).findings
    assert [f.check for f in found] == [
        "policy",
        *(["gain"] if kind == "further" else []),
        "exploitability",
    ]
    assert not found[0].passed
    assert np.isfinite([f.measured for f in found]).all()


@pytest.mark.parametrize("kind", KINDS)
def test_an_agent_set_to_the_exact_answer_passes(kind):
    session = Session(run_of(kind))
    for _ in range(3):
        session.advance()
    held = FrozenOnGrid(session, 1e-6)
    if kind == "further":  # one exact answer for both seeds
        held.opponent["law"][1] = held.opponent["law"][0]
    matrix, about = held.matrix.as_stochastic(0.0), held._about()
    exact = [held.agent.exact(matrix, about[n : n + 1]) for n in range(2)]
    for name in held.learned.keys() & exact[0].keys():
        held.learned[name] = torch.as_tensor(np.stack([answer[name] for answer in exact]))
    held.learned["law"] = torch.cat([law_of(answer) for answer in exact])
    assert all(f.passed for f in held.findings(1)), [f.says for f in held.findings(1)]


@pytest.mark.parametrize("kind", ["further", "rommeo"])
def test_a_picture_shows_the_learned_law_beside_the_exact_one(kind, tmp_path):
    train(run_of(kind), tmp_path)
    found = check_run(tmp_path / "checkpoint.pt", steps=1)
    law, *by_seed = bench(found).axes
    assert [line.get_label() for line in law.lines[:2]] == [
        "learned, mean of seeds",
        "exact, mean of seeds",
    ]
    for line in law.lines:
        assert line.get_xdata()[[0, -1]] == pytest.approx([-9.875, 9.875])
        assert line.get_ydata().sum() == pytest.approx(1)
    assert len(by_seed) == (2 if kind == "further" else 1)
    for axis in by_seed:
        assert all(line.get_xdata().tolist() == [0, 1] for line in axis.lines)


def law_of(answer):
    """Σ_b ρ(b) π(a|b), or π(a), [1, A]: written out once more."""
    policy = torch.as_tensor(np.array(answer["policy"]))
    if policy.ndim == 2:
        return policy
    if policy.shape[2] == 1:
        return policy[:, :, 0]
    opponent = torch.as_tensor(np.array(answer["opponent"])).reshape(1, -1)
    return torch.einsum("sab,sb->sa", policy, opponent)


def test_laws_are_laws_on_the_cells():
    held = FrozenOnGrid(Session(run_of("rommeo")), 0.1)
    for tables in (held.learned, held.opponent):
        assert tables["law"].shape == (2, POINTS)
        assert tables["law"].sum(1).numpy() == pytest.approx(1)


def test_the_command_line_reads_one(tmp_path, capsys):
    train(run_of("sac"), tmp_path)
    with pytest.raises(SystemExit, match="1"):
        main(["crosscheck", "--checkpoint", str(tmp_path / "checkpoint.pt"), "--json"])
    told = json.loads(capsys.readouterr().out)
    assert "80 cells" in json.dumps(told)
