"""Affine potentials: proved bounds against per-state learners, and who contradicts them."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest

from tabular_marl.active import potential_bounds
from tabular_marl.active.greedy_learner import dilemma
from tabular_marl.active.influence import influence
from tabular_marl.active.learners import QLearning
from tabular_marl.active.potential_bounds import TableLearner
from tabular_marl.active.table_play import Setting, periodic_play
from tabular_marl.games import MatrixGame, iterated_prisoners_dilemma, prisoners_dilemma
from tabular_marl.validation import InputError

#: Values that learning in Table 1's dilemma does not leave: C in [-21, -1], D in [-20, 0].
BOX = [[-21, -1], [-20, 0]]


def test_one_half_is_pinned_between_verified_play_and_a_potential():
    """−10/19 is earned (test_table_learners.py), and nothing exceeds −14/27."""
    bound = TableLearner(prisoners_dilemma(), "1/2", "9/10", box=BOX).upper_bound()
    assert -10 / 19 < bound == pytest.approx(-14 / 27, abs=1e-9)
    assert bound >= -14 / 27 - 1e-12


def test_memory_tightens_the_bound_for_step_size_one():
    learner = TableLearner(prisoners_dilemma(), 1, "9/10", box=BOX)
    short, long = learner.upper_bound(1), learner.upper_bound(2)
    assert -1 / 2 < long < short - 0.04
    assert long < -0.35  # cells of 0.1 give −0.3327 (kernels/held.py)


@pytest.mark.parametrize("alpha", ["1/2", "1", "3/4"])
def test_no_word_of_up_to_six_actions_exceeds_the_bound(alpha):
    bound = TableLearner(prisoners_dilemma(), alpha, "9/10", box=BOX).upper_bound()
    setting = Setting(dilemma(prisoners_dilemma(), alpha, "9/10"), (-10, -20), per_state=True)
    best = Fraction(-9)
    for n in range(1, 7):
        for word in itertools.product((0, 1), repeat=n):
            try:
                best = max(best, periodic_play(setting, [], word))
            except InputError:
                continue
    assert -1 <= best <= bound < -0.2


@pytest.mark.parametrize(("epsilon", "memory"), [(0.0, 1), (0.0, 2), (0.1, 1), (1.0, 1)])
def test_a_learner_with_finitely_many_tables_lies_in_the_bracket(epsilon, memory):
    """γ = 0, α = 1: a value is the last reward, so the whole joint chain is explored exactly."""
    game = iterated_prisoners_dilemma()
    table = [[-1, -2]] * game.num_states
    rule = QLearning(table, 1, 0, epsilon, per_state=True, tie="first")
    gain = float(influence(game, {1: rule}, states=[0]).gain[0])
    learner = TableLearner(prisoners_dilemma(), 1, 0, epsilon)
    assert gain <= learner.upper_bound(memory)
    for policy in ([[1, 1]] * 4, [[0, 0], [1, 0], [0, 1], [1, 1]]):
        assert learner.lower_bound(policy, memory) <= gain + 1e-9
    if epsilon == 1.0:  # the tables do not matter, and both bounds are exact: defect for ever
        assert learner.upper_bound(memory) == pytest.approx(gain, abs=1e-9) == -1
        assert learner.lower_bound([[1, 1]] * 4, memory) == pytest.approx(-1, abs=1e-9)


def simulated(alpha, epsilon, policy, steps, seed):
    """The mean of agent i's rewards, from the definition in floats; ties to C."""
    rng = np.random.default_rng(seed)
    own, learned = [[-1, -3], [0, -2]], [[-1, 0], [-3, -2]]
    q, s, total = [[-10.0, -20.0] for _ in range(4)], 0, 0.0
    for _ in range(steps):
        greedy = 0 if q[s][0] >= q[s][1] else 1
        a, b = policy[s][greedy], greedy
        if rng.random() < epsilon:
            b = int(rng.integers(2))
        after = 2 * a + b
        total += own[a][b]
        q[s][b] += alpha * (learned[a][b] + 0.9 * max(q[after]) - q[s][b])
        s = after
    return total / steps


@pytest.mark.parametrize("alpha", ["1/2", "1"])
def test_an_exploring_learner_that_is_simulated_stays_in_the_bracket(alpha):
    learner = TableLearner(prisoners_dilemma(), alpha, "9/10", "1/20", BOX)
    most = learner.upper_bound()
    assert most < (-0.54 if alpha == "1/2" else -0.25)
    for policy in ([[1, 1]] * 4, [[1, 0], [0, 1], [1, 1], [0, 1]]):
        earned = simulated(float(Fraction(alpha)), 0.05, policy, 40_000, 1)
        assert learner.lower_bound(policy) <= earned + 0.02  # three standard errors and more
        assert earned - 0.02 <= most
    assert learner.lower_bound([[1, 1]] * 4) == pytest.approx(-1.95, abs=1e-9)


def test_whatever_the_programme_says_the_bound_holds(monkeypatch):
    """Random potentials and multipliers, negative ones among them, only make the bound worse."""
    learner = TableLearner(prisoners_dilemma(), "1/2", "9/10", box=BOX)
    tight = learner.upper_bound()
    solved = potential_bounds._solved
    rng = np.random.default_rng(0)
    for size in (1e-9, 1e-2):

        def noisy(cases, modes, width, sign, size=size):
            found = list(solved(cases, modes, width, sign))
            noise = size * rng.normal(size=(modes, width))
            for case, potential, weights in found:
                yield case, potential + noise, weights + size * rng.normal(size=weights.size)

        monkeypatch.setattr(potential_bounds, "_solved", noisy)
        assert learner.upper_bound() > tight >= -14 / 27 - 1e-12


def test_other_games_and_the_other_seat():
    """Three own actions; transposed, the learner in seat 0 gets the same bounds."""
    rng = np.random.default_rng(4)
    pay = rng.integers(-3, 4, (2, 3, 2)).astype(float)
    policy = rng.integers(0, 3, (6, 2))
    here = TableLearner(MatrixGame(pay), "1/2", "1/2", "1/10")
    there = TableLearner(MatrixGame(pay[::-1].transpose(0, 2, 1)), "1/2", "1/2", "1/10", seat=0)
    assert here.upper_bound() == pytest.approx(there.upper_bound(), abs=1e-9)
    assert here.lower_bound(policy) == pytest.approx(there.lower_bound(policy), abs=1e-9)
    assert here.lower_bound(policy) <= here.upper_bound()


def test_what_is_refused():
    game = prisoners_dilemma()
    with pytest.raises(InputError, match="box must be one that no update leaves"):
        TableLearner(game, "1/2", "9/10", box=[[-21, -1], [-19, 0]])
    with pytest.raises(InputError, match=r"discount must be in \[0, 1\)"):
        TableLearner(game, "1/2", 1)
    with pytest.raises(InputError, match=r"step_size must be in \[0, 1\]"):
        TableLearner(game, 2, 0.9)
    with pytest.raises(InputError, match="game must give the learner two actions"):
        TableLearner(MatrixGame(np.zeros((2, 2, 3))), 1, 0.9)
    with pytest.raises(InputError, match="memory must give at most 20000 inequalities"):
        TableLearner(game, 1, 0.9).upper_bound(9)
    with pytest.raises(InputError, match=r"policy must hold actions, shape \(4, 2\)"):
        TableLearner(game, 1, 0.9).lower_bound([0, 1])
