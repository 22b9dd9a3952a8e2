"""What breaks a run: SIGKILL, Ctrl-C, a seed that is no longer finite, a file that is damaged."""

import signal
import subprocess
import sys

import numpy as np
import pytest
import torch

from tabular_marl.deep.training import Run, Session, TrainingError, train
from tabular_marl.deep.training.checkpoint import (
    by_seed,
    clear,
    differences,
    not_finite,
    read_checkpoint,
    replace_file,
)
from tabular_marl.deep.training.experiments import AGENTS, CONTINUOUS
from tabular_marl.deep.training.logs import read_curve
from tabular_marl.validation import InputError

KILLED = """
import sys, torch
from pathlib import Path
from tabular_marl.deep.training import Run, train
torch.set_num_threads(1)
run = Run("ibs", "lili", seeds=2, steps=160, interval=5, settings=(("window", 20),))
out = Path(sys.argv[1])
told = lambda step, reward: print(step, flush=True)
train(run, out, (out / "checkpoint.pt").exists(), told, seconds_between_checkpoints=0.0)
"""


def same(one, two):
    """Whether two nested states are equal to the last bit."""
    if isinstance(one, torch.Tensor):
        return one.dtype == two.dtype and torch.equal(one.nan_to_num(7), two.nan_to_num(7))
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(same(one[k], two[k]) for k in one)
    if isinstance(one, list | tuple):
        return len(one) == len(two) and all(map(same, one, two))
    return one == two or (one != one and two != two)


def start(out):
    command = [sys.executable, "-c", KILLED, str(out)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_a_run_that_is_killed_and_resumed_ends_bit_for_bit_where_an_unbroken_one_does(tmp_path):
    """It writes a checkpoint every five steps, so that it dies in the middle of one or between."""
    for last in (45, 105):
        child = start(tmp_path / "killed")
        for line in child.stdout:
            if int(line) >= last:
                break
        child.send_signal(signal.SIGKILL)
        child.stdout.close()
        assert child.wait() == -signal.SIGKILL
    step = read_checkpoint(tmp_path / "killed" / "checkpoint.pt")["step"]
    assert 100 <= step < 160
    for folder in ("killed", "whole"):
        child = start(tmp_path / folder)
        told = child.communicate()[0].split()
        assert child.returncode == 0
        assert told[0] == ("0" if folder == "whole" else str(step))
    one, two = (read_checkpoint(tmp_path / k / "checkpoint.pt") for k in ("killed", "whole"))
    assert same(one, two)
    for name in ("curve.csv", "losses.csv"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_resumed_run_of_a_differential_game_is_the_unbroken_one(tmp_path):
    def run(steps):
        settings = (("window", 20), ("batch", 8))
        return Run("rotational", "further", seeds=2, steps=steps, interval=20, settings=settings)

    train(run(80), tmp_path / "whole")
    train(run(40), tmp_path / "broken")
    train(run(80), tmp_path / "broken", resume=True)
    one, two = (read_checkpoint(tmp_path / k / "checkpoint.pt") for k in ("whole", "broken"))
    assert same(one, two)


def poisoned(agent, where, keep_going, seeds=3, game="ic"):
    run = Run(game, agent, seeds=seeds, steps=300, interval=10, settings=(("window", 20),))
    session = Session(run, keep_going)
    for _ in range(5):
        session.advance()
    if where is not None:
        part, seed = where
        with torch.no_grad():
            held = getattr(session.players[0], part).state_dict()
            next(by_seed(held, seeds))[seed] = torch.nan
    return session


PARTS = {
    "further": "critics",
    "lili": "actor",
    "masac": "actor",
    "dron": "critic",
    "moa": "critic",
    "sac": "actor",
    "rommeo": "critic",
    "pr2": "critic",
    "balancing-q": "critic",
    "options": "critic",
}


@pytest.mark.parametrize(
    ("game", "agent"),
    [*(("ic", agent) for agent in AGENTS), *(("two-quadratics", agent) for agent in CONTINUOUS)],
)
def test_the_other_seeds_go_on_as_if_nothing_had_been(game, agent):
    part = PARTS[agent] if game == "ic" else "critic" if "svgd" in agent else "actor"
    broken = poisoned(agent, (part, 1), keep_going=True, game=game)
    sound = poisoned(agent, None, keep_going=True, game=game)
    for session in (broken, sound):
        for _ in range(3):
            session.advance()
    assert list(broken.failed) == [1]
    assert " in seed 1" in broken.failed[1]
    curve, expected = broken.as_curve(), sound.as_curve()
    assert np.isnan(curve.reward[5:, 1]).all()
    assert np.isfinite(curve.reward[:5]).all()
    assert np.array_equal(curve.reward[:, [0, 2]], expected.reward[:, [0, 2]])
    assert curve.failed == (broken.failed[1],)
    for one, two in zip(broken.players, sound.players, strict=True):
        for held, wanted in zip(
            by_seed(one.state_dict(), 3), by_seed(two.state_dict(), 3), strict=True
        ):
            assert torch.equal(held[[0, 2]], wanted[[0, 2]])
            assert held.isfinite().all()


def test_a_failed_seed_stops_all_unless_told_to_keep_going():
    with pytest.raises(
        TrainingError,
        match=r"the critic loss of further on ic was nan at step 51 in seed 2; the last good "
        r"checkpoint is kept; --resume --keep-going goes on",
    ):
        poisoned("further", ("critics", 2), keep_going=False).advance()
    with pytest.raises(TrainingError, match=r"the policy of masac .* in seed 0; .*is kept$"):
        poisoned("masac", ("actor", 0), keep_going=True, seeds=1).advance()


def test_when_no_seed_is_left_all_that_failed_are_told(tmp_path):
    session = poisoned("further", ("critics", 2), keep_going=True)
    session.advance()
    with torch.no_grad():
        next(by_seed(session.players[0].critics.state_dict(), 3))[:2] = torch.nan
    with pytest.raises(TrainingError, match=r"in seeds 0, 1, after seeds 2: none is left"):
        session.advance()


def test_a_file_that_cannot_be_written_is_told_and_leaves_nothing_behind(tmp_path):
    held = tmp_path / "checkpoint.pt"
    held.write_text("the last one")

    def write(beside):
        beside.write_text("half")
        raise RuntimeError("no room\nand more")

    with pytest.raises(InputError, match=r"with room .*checkpoint.pt could not be .*: no room$"):
        replace_file(held, write)
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint.pt"]
    assert held.read_text() == "the last one"


def test_a_loss_that_overflows_alone_gives_up_no_seed(monkeypatch):
    sound, shaken = (poisoned("dron", None, keep_going=True) for _ in range(2))
    observe = shaken.players[0].observe

    def overflowing(*row):
        return {name: loss + torch.inf for name, loss in observe(*row).items()}

    monkeypatch.setattr(shaken.players[0], "observe", overflowing)
    sound.advance()
    shaken.advance()
    assert not shaken.failed
    assert torch.equal(shaken.curve, sound.curve)
    shaken.keep_going = False
    with pytest.raises(TrainingError, match=r"loss of dron on ic was inf at step 61; .*goes on"):
        shaken.advance()


def test_the_opponent_s_failure_names_it():
    session = poisoned("moa", None, keep_going=False)
    with torch.no_grad():
        session.players[1].critic.weights[0][:] = torch.inf
    with pytest.raises(TrainingError, match=r"loss of the opponent \(moa\) .*0, 1, 2"):
        session.advance()


def test_what_failed_is_kept_in_the_checkpoint_and_in_the_files(tmp_path):
    run = Run("ic", "dron", seeds=2, steps=150, interval=50, settings=(("window", 30),))
    train(Run("ic", "dron", seeds=2, steps=50, interval=50, settings=run.settings), tmp_path)
    path = tmp_path / "checkpoint.pt"
    state = read_checkpoint(path)
    state["players"][0]["modules"]["critic"]["weights.0"][1] = torch.inf
    torch.save(state, path)
    with pytest.raises(TrainingError, match="seed 1"):
        train(run, tmp_path, resume=True)
    assert read_checkpoint(path)["step"] == 50  # the last good one
    told = train(run, tmp_path, resume=True, keep_going=True).failed
    assert len(told) == 1
    reward = read_curve(tmp_path).reward
    assert np.isnan(reward).tolist() == [[False, False], [False, True], [False, True]]
    again = Session.open(path)
    assert again.as_curve().failed == told
    longer = Run("ic", "dron", seeds=2, steps=200, interval=50, settings=run.settings)
    assert np.isnan(train(longer, tmp_path, resume=True).reward[-1]).tolist() == [False, True]


def test_losses_are_written_and_nan_before_training(tmp_path):
    run = Run("ibs", "moa", seeds=2, steps=150, interval=50, settings=(("window", 60),))
    train(run, tmp_path)
    lines = (tmp_path / "losses.csv").read_text().splitlines()
    assert lines[0] == "step,actor,critic,model"
    rows = np.loadtxt(lines[1:], delimiter=",")
    assert rows[:, 0].tolist() == [50, 100, 150]
    assert np.isnan(rows[0, 1:]).all()
    assert np.isfinite(rows[1:, 1:]).all()


def test_tensorboard_gets_the_same_and_a_resumed_run_goes_on(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    def run(steps):
        return Run("ic", "dron", seeds=2, steps=steps, interval=50, settings=(("window", 60),))

    train(run(100), tmp_path)
    curve = train(run(200), tmp_path, resume=True)
    events = EventAccumulator(str(tmp_path)).Reload()
    found = events.Scalars("reward/mean")
    assert [event.step for event in found] == [50, 100, 150, 200]
    np.testing.assert_allclose([event.value for event in found], curve.reward.mean(1), rtol=1e-6)
    assert [event.step for event in events.Scalars("loss/critic")] == [100, 150, 200]


def test_without_tensorboard_the_csv_files_are_written(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    train(Run("ic", "dron", seeds=1, steps=50, interval=50), tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"curve.csv", "losses.csv", "checkpoint.pt"}


@pytest.mark.parametrize("kept", [0, 100, 4000])
def test_a_damaged_checkpoint_is_told(tmp_path, kept):
    path = tmp_path / "checkpoint.pt"
    train(Run("ic", "dron", seeds=1, steps=50, interval=50), tmp_path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InputError, match="so it is damaged or not one"):
        Session.open(path)


def test_something_else_than_a_checkpoint_is_told(tmp_path):
    with pytest.raises(InputError, match=r"none\.pt was not found"):
        Session.open(tmp_path / "none.pt")
    torch.save({"weights": torch.zeros(2)}, tmp_path / "other.pt")
    with pytest.raises(InputError, match=r"other\.pt holds something else"):
        Session.open(tmp_path / "other.pt")
    torch.save(print, tmp_path / "code.pt")  # a pickle that names code is not run
    with pytest.raises(InputError, match=r"code\.pt could not be read \(UnpicklingError\)"):
        Session.open(tmp_path / "code.pt")


def test_a_checkpoint_of_other_networks_is_told(tmp_path):
    run = Run("ic", "dron", seeds=1, steps=50, interval=50)
    train(run, tmp_path)
    path = tmp_path / "checkpoint.pt"
    state = read_checkpoint(path)
    del state["players"][0]["modules"]["critic"]["weights.0"]
    torch.save(state, path)
    with pytest.raises(InputError, match="checkpoint must be of this version of the agents"):
        Session.load(path, run)


def test_tensors_by_seed():
    state = {"a": [torch.ones(3, 2), torch.tensor(1.0)], "b": torch.ones(4)}
    state["c"] = {0: torch.ones(6)}  # two rows a seed
    state["a"][0][1, 1] = torch.inf
    assert not_finite(state, 3) == [1]
    clear(state, 3, [1])
    assert state["a"][0].tolist() == [[1, 1], [0, 0], [1, 1]]
    assert state["c"][0].tolist() == [1, 1, 0, 0, 1, 1]
    assert state["b"].tolist() == [1] * 4
    assert differences({"x": 1, "y": 2}, {"x": 1, "z": 3}) == ["z None not 3", "y 2 not None"]
