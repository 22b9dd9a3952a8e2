"""PettingZoo: their environments here, ours there."""

import numpy as np
import pytest
import torch

import tabular_marl as tm
from tabular_marl.deep.environments.matrix import IteratedMatrixGame
from tabular_marl.deep.environments.pettingzoo import PettingZooGame, parallel_env
from tabular_marl.deep.training import Run, train
from tabular_marl.deep.training.evaluation import evaluate
from tabular_marl.deep.training.lineup import line_up
from tabular_marl.validation import InputError

pettingzoo = pytest.importorskip("pettingzoo")
pytestmark = pytest.mark.filterwarnings("ignore")  # their test warns of what it does not check


def ours():
    return parallel_env(tm.games.bach_or_stravinsky(), episode=4)


class Counting:
    """A ParallelEnv with different observations, shifted actions, and an early end for one."""

    def __init__(self, length=3):
        from gymnasium.spaces import Box, Discrete

        self.possible_agents, self.agents, self.length = ["x", "y"], [], length
        self.spaces = {"x": Discrete(4, start=1), "y": Box(-1, 9, (2, 2))}
        self.moves = {"x": Discrete(2, start=5), "y": Discrete(3)}
        self.seeds = []

    def observation_space(self, agent):
        return self.spaces[agent]

    def action_space(self, agent):
        return self.moves[agent]

    def reset(self, seed=None, options=None):
        self.agents, self.time = ["x", "y"], 0
        self.seeds.append(seed)
        return self.seen(), {}

    def step(self, actions):
        assert all(self.moves[name].contains(action) for name, action in actions.items())
        self.time += 1
        ends = {"x": self.time == self.length, "y": False}
        paid = {"x": float(actions["x"]), "y": -float(actions["y"])}
        return self.seen(), paid, ends, dict.fromkeys(ends, False), {}

    def seen(self):
        return {"x": 1 + self.time, "y": np.full((2, 2), self.time)}


def test_ours_passes_their_test():
    from pettingzoo.test import parallel_api_test

    parallel_api_test(ours(), num_cycles=50)


def test_ours_pays_and_ends_as_the_game_says():
    env = ours()
    seen, _ = env.reset(seed=0)
    assert seen["agent"].tolist() == [1, 0, 0, 0, 0]
    for k, (a, b) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
        seen, paid, ended, truncated, _ = env.step({"agent": a, "opponent": b})
        assert paid == {"agent": [2, 0, 0, 1][k], "opponent": [1, 0, 0, 2][k]}
        assert seen["opponent"].argmax() == 1 + 2 * a + b  # the last too, though it is truncated
        assert not any(ended.values())
        assert all(truncated.values()) == (k == 3)
    assert env.agents == []


def test_there_and_back_is_the_same_game():
    back = PettingZooGame(lambda: parallel_env(tm.games.chicken(), episode=5), seeds=3)
    here = IteratedMatrixGame(tm.games.chicken(), 3, episode=5)
    random = torch.Generator().manual_seed(0)
    assert (back.widths, back.actions) == (here.widths, here.actions)
    for _ in range(12):
        a, b = torch.randint(2, (2, 3), generator=random)
        assert torch.equal(back.step(a, b), here.step(a, b))
        for one, two in zip(back.observations, here.observations, strict=True):
            assert torch.equal(one, two)


def test_each_sees_its_own_and_an_end_for_one_is_an_end_for_both():
    env = PettingZooGame(Counting, seeds=2, seed=7)
    assert env.widths == (4, 4)
    assert env.actions == (2, 3)
    zeros, twos = torch.zeros(2, dtype=torch.int64), torch.tensor([2, 1])
    for time in (1, 2, 3):
        assert env.step(zeros, twos).tolist() == [[5, 5], [-2, -1]]
        arrived = env.arrivals
        assert arrived[0].argmax(1).tolist() == [time, time]
        assert (arrived[1] == time).all()
        now = time % 3  # the third step ended the episode
        assert env.observations[0].argmax(1).tolist() == [now, now]
    assert [copy.seeds for copy in env.copies] == [[7, 9], [8, 10]]  # no two episodes alike


MAKE = """
import tabular_marl as tm
from tabular_marl.deep.environments.pettingzoo import parallel_env

def make():
    return parallel_env(tm.games.coordination(), episode=20)

made = make()
"""


def test_a_run_on_somebody_s_environment_trains_resumes_and_is_evaluated(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(MAKE)

    def run(steps, name="make", agent="dron"):
        environment = ("environment", f"{file}:{name}")
        settings = (environment, ("window", 30))
        return Run("ic", agent, seeds=2, steps=steps, interval=50, settings=settings)

    train(run(100), tmp_path / "run")
    reward = train(run(150), tmp_path / "run", resume=True).reward
    assert reward.shape == (3, 2)
    assert np.isfinite(evaluate(tmp_path / "run", steps=30)[0].reward).all()
    with pytest.raises(InputError, match="name a function in"):
        train(run(50, "gone"))
    with pytest.raises(InputError, match="name a function in"):
        train(run(50, "made"))
    with pytest.raises(InputError, match="does not look at the other's policy"):
        train(run(50, agent="masac"))


def test_what_cannot_be_played_is_told():
    class Three(Counting):
        def __init__(self):
            super().__init__()
            self.possible_agents = ["x", "y", "z"]

    class Steering(Counting):
        def __init__(self):
            super().__init__()
            self.moves["y"] = self.spaces["y"]

    class Texts(Counting):
        def __init__(self):
            super().__init__()
            from gymnasium.spaces import Text

            self.spaces["x"] = Text(3)

    for make, told in (
        (Three, "make a ParallelEnv of two agents; it had 3"),
        (Steering, "have Discrete actions; y's were in Box"),
        (Texts, "have observations in a Box or a Discrete space; those of x were in Text"),
        (dict, "it had 0 possible agents"),
    ):
        with pytest.raises(InputError, match=told):
            PettingZooGame(make, 1)


def test_without_it_the_way_to_install_it_is_told(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pettingzoo", None)
    with pytest.raises(ImportError, match="pip install pettingzoo"):
        ours()


def test_line_up_is_unchanged_by_a_detour_over_pettingzoo(tmp_path):
    """The same seeds in the same game, in our environment and in theirs around ours."""
    file = tmp_path / "mine.py"
    file.write_text(MAKE.replace("episode=20", "episode=150"))
    settings = (("window", 20),)
    here = Run("ic", "dron", seeds=2, steps=100, interval=50, settings=settings)
    away = Run(
        "ic",
        "dron",
        seeds=2,
        steps=100,
        interval=50,
        settings=(*settings, ("environment", f"{file}:make")),
    )
    assert np.array_equal(train(here).reward, train(away).reward)
    assert line_up(away.plan, "dron", 2, torch.Generator())[0].shared is False
