"""Affine potentials: proved bounds against per-state learners, and who contradicts them."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest

from tabular_marl.active import potential_bounds
from tabular_marl.active.fixed_play import against_fixed_policy, best_fixed_play
from tabular_marl.active.greedy_learner import dilemma
from tabular_marl.active.influence import influence
from tabular_marl.active.joint_chain import explore
from tabular_marl.active.learners import QLearning
from tabular_marl.active.potential_bounds import TableLearner
from tabular_marl.active.table_play import Setting, periodic_play
from tabular_marl.games import (
    MatrixGame,
    StochasticGame,
    iterated_prisoners_dilemma,
    prisoners_dilemma,
)
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
    if epsilon:
        assert best_fixed_play(prisoners_dilemma(), 0, epsilon).gain <= gain + 1e-9
    if epsilon == 1.0:  # the tables do not matter, and both are exact: defect for ever
        assert learner.upper_bound(memory) == pytest.approx(gain, abs=1e-9) == -1
        assert best_fixed_play(prisoners_dilemma(), 0, 1).gain == pytest.approx(-1, abs=1e-12)


def simulated(alpha, epsilon, policy, steps, seed):
    """The mean of agent i's later rewards, from the definition in floats; ties to C."""
    rng = np.random.default_rng(seed)
    own, learned = [[-1, -3], [0, -2]], [[-1, 0], [-3, -2]]
    q, s, total = [[-15.0, -14.0] for _ in range(4)], 3, 0.0
    for t in range(steps):
        a, b = policy[s], 0 if q[s][0] >= q[s][1] else 1
        if rng.random() < epsilon:
            b = int(rng.integers(2))
        after = 2 * a + b
        total += own[a][b] * (t >= steps // 4)
        q[s][b] += alpha * (learned[a][b] + 0.9 * max(q[after]) - q[s][b])
        s = after
    return total / (steps - steps // 4)


@pytest.mark.parametrize("alpha", ["1/2", "1"])
def test_an_exploring_learner_lies_in_a_bracket(alpha):
    """Tit for tat earns −1.025, and that is what simulation says, from a start that defects."""
    game = prisoners_dilemma()
    most = TableLearner(game, alpha, "9/10", "1/20", BOX).upper_bound()
    assert most < (-0.54 if alpha == "1/2" else -0.25)
    for policy, wanted in (([0, 1, 0, 1], -1.025), ([1, 1, 1, 1], -1.95), ([1, 1, 0, 1], None)):
        earned = against_fixed_policy(game, policy, 0.9, 0.05).gain
        if wanted is not None:
            assert earned == pytest.approx(wanted, abs=1e-12)
        run = simulated(float(Fraction(alpha)), 0.05, policy, 80_000, 1)
        assert run == pytest.approx(earned, abs=0.02)
        assert earned <= most
    assert best_fixed_play(game, 0.9, 0.05).gain == pytest.approx(-1.025, abs=1e-12)


def test_fixed_policies_earn_what_the_explored_chain_says():
    """γ = 0, α = 1 on random games: a value is one of two rewards, so the joint chain is finite."""
    rng = np.random.default_rng(7)
    agreed = 0
    for _ in range(8):
        pay = rng.permutation(8).reshape(2, 2, 2).astype(float)
        transition = np.zeros((4, 2, 2, 4))
        for a, b in itertools.product(range(2), repeat=2):
            transition[:, a, b, 2 * a + b] = 1
        game = StochasticGame(transition, np.broadcast_to(pay[:, None], (2, 4, 2, 2)).copy())
        policy = rng.integers(0, 2, 4)
        try:
            earned = against_fixed_policy(MatrixGame(pay), policy, 0, 0.3).gain
        except InputError:
            continue
        rule = QLearning([pay[1, 0].tolist()] * 4, 1, 0, 0.3, per_state=True, tie="first")
        process = explore(game, {1: rule}, states=[0])
        chosen = policy[process.state]
        reward = process.reward[np.arange(process.num_states), chosen]
        gain = process.chain(chosen).gain_and_bias(reward)[0]
        np.testing.assert_allclose(gain[process.starts], earned, atol=1e-10)
        agreed += 1
    assert agreed >= 3


def test_whatever_the_programme_says_the_bound_holds(monkeypatch):
    """Random potentials and multipliers, negative ones among them, only make the bound worse."""
    learner = TableLearner(prisoners_dilemma(), "1/2", "9/10", box=BOX)
    tight = learner.upper_bound()
    solved = potential_bounds._solved
    rng = np.random.default_rng(0)
    for size in (1e-9, 1e-2):

        def noisy(cases, modes, width, size=size):
            found = list(solved(cases, modes, width))
            noise = size * rng.normal(size=(modes, width))
            for case, potential, weights in found:
                yield case, potential + noise, weights + size * rng.normal(size=weights.size)

        monkeypatch.setattr(potential_bounds, "_solved", noisy)
        assert learner.upper_bound() > tight >= -14 / 27 - 1e-12


def test_other_games_and_the_other_seat():
    """Three own actions; transposed, the learner in seat 0 gets the same bounds."""
    rng = np.random.default_rng(4)
    pay = rng.integers(-3, 4, (2, 3, 2)).astype(float)
    here = TableLearner(MatrixGame(pay), "1/2", "1/2", "1/10")
    there = TableLearner(MatrixGame(pay[::-1].transpose(0, 2, 1)), "1/2", "1/2", "1/10", seat=0)
    assert here.upper_bound() == pytest.approx(there.upper_bound(), abs=1e-9)
    first = best_fixed_play(here.game, 0.5, 0.1)
    second = best_fixed_play(there.game, 0.5, 0.1, seat=0)
    assert first.gain == pytest.approx(second.gain, abs=1e-12)
    assert first.gain <= here.upper_bound()


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
    with pytest.raises(InputError, match="policy must hold 4 actions"):
        against_fixed_policy(game, [0, 1], 0.9, 0.1)
    with pytest.raises(InputError, match="policy must lead to one recurrent class"):
        against_fixed_policy(game, [0, 0, 1, 1], 0.9, 0.1)
    with pytest.raises(InputError, match="epsilon must be a number > 0"):
        against_fixed_policy(game, [0, 1, 0, 1], 0.9, 0)
    indifferent = MatrixGame(np.zeros((2, 2, 2)))
    with pytest.raises(InputError, match="policy must leave the learner no tie"):
        against_fixed_policy(indifferent, [0, 1, 0, 1], 0.9, 0.1)
