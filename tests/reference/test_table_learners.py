"""Greedy learners with several tables or late updates: proved from above, verified from below."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest

from tabular_marl.active.greedy_learner import best_against_greedy, dilemma, hold
from tabular_marl.active.table_bounds import greedy_upper_bound
from tabular_marl.active.table_play import Setting, descend, periodic_play, search_word
from tabular_marl.games import MatrixGame, prisoners_dilemma
from tabular_marl.validation import InputError

PAY = {(0, 0): (-1, -1), (0, 1): (-3, 0), (1, 0): (0, -3), (1, 1): (-2, -2)}


def ipd(alpha):
    return dilemma(prisoners_dilemma(), alpha, "9/10")


def follow(actions, first, alpha, per_state, late, gamma=0.9):
    """Agent i's rewards, from the definition, in floats: Q-learning over s = the last actions."""
    table = {s: list(first) for s in ["start", *itertools.product((0, 1), repeat=2)]}
    state, waiting, rewards = "start", None, []
    for own in actions:
        row = table[state if per_state else "start"]
        other = 0 if row[0] >= row[1] else 1
        reward, earned = PAY[own, other]
        rewards.append(reward)
        now = (row, other, earned)
        state = (own, other)
        row, played, paid = (waiting or (None, 0, 0)) if late else now
        ahead = now[0] if late else table[state if per_state else "start"]
        if row is not None:
            row[played] += alpha * (paid + gamma * max(ahead) - row[played])
        waiting = now
    return rewards


@pytest.mark.parametrize(
    ("alpha", "per_state", "late", "wanted"),
    [
        ("1/2", False, False, Fraction(-11, 21)),
        ("1/2", False, True, Fraction(-11, 21)),
        ("1", False, True, Fraction(-6, 11)),
        ("1/2", True, False, Fraction(-10, 19)),
        ("1", True, False, Fraction(-1, 2)),
        ("1", True, True, Fraction(-4, 9)),
    ],
)
def test_words_that_a_search_finds_earn_what_simulation_says(alpha, per_state, late, wanted):
    setting = Setting(ipd(alpha), (-10, -20), per_state, late)
    prefix, word = search_word(setting, steps=400 if per_state else 250, width=300)
    earned = periodic_play(setting, prefix, word)
    assert earned == wanted
    rounds = 4000 // len(word)
    run = follow(prefix + word * rounds, (-10.0, -20.0), float(Fraction(alpha)), per_state, late)
    assert np.mean(run[-len(word) * 20 :]) == pytest.approx(float(wanted), abs=1e-12)


@pytest.mark.parametrize(("per_state", "late"), [(False, True), (True, False), (True, True)])
@pytest.mark.parametrize("alpha", ["1/2", "1"])
def test_no_play_exceeds_the_upper_bound(alpha, per_state, late):
    """All words of up to six actions."""
    numbers = ipd(alpha)
    size = 0.25 if per_state else 0.01
    bound = greedy_upper_bound(numbers, -20, size, per_state, late, max_sweeps=150)
    best = Fraction(-9)
    setting = Setting(numbers, (-10, -20), per_state, late)
    for n in range(1, 7):
        for word in itertools.product((0, 1), repeat=n):
            try:
                best = max(best, periodic_play(setting, [], word))
            except InputError:
                continue
    assert -1 <= best <= bound < -0.15


def test_the_bound_closes_on_the_exact_answer_where_there_is_one():
    """One table, late, α = ½: the holding orbit is the same, so −11/21 is earned."""
    numbers = ipd("1/2")
    coarse, fine = (greedy_upper_bound(numbers, -20, h, late=True) for h in (0.02, 0.002))
    exact = float(best_against_greedy(numbers, (-10, -20)))
    assert exact < fine < coarse < exact + 0.02
    assert fine < exact + 0.008


def test_the_bound_holds_whatever_the_weight_and_falls_with_the_level():
    numbers = ipd("1/2")
    setting = Setting(numbers, (-10, -20), late=True)
    earned = float(periodic_play(setting, *search_word(setting, steps=250, width=50)))
    for weight in (0.9, 1.0, 1.3, 3.0):
        assert earned < greedy_upper_bound(numbers, -20, 0.05, late=True, weight=weight)
    lower = Setting(numbers, (-10, -25), late=True)
    more = periodic_play(lower, [], hold(numbers, Fraction(-25)).word)
    assert more == best_against_greedy(numbers, (-10, -25))
    assert float(more) < greedy_upper_bound(numbers, -25, 0.01, late=True)


def test_other_payoffs():
    """Costs that are not those of Table 1: a dilemma with κ = 2/5 and unequal losses."""
    game = MatrixGame(np.array([[[-1, -5], [1, -2]], [[-1, 0], [-6, -3]]], dtype=float))
    numbers = dilemma(game, "1/2", "4/5")
    bound = greedy_upper_bound(numbers, -15, 0.01, late=True)
    setting = Setting(numbers, (-8, -15), late=True)
    earned = periodic_play(setting, *search_word(setting, steps=300, width=100))
    assert best_against_greedy(numbers, (-8, -15)) - Fraction(1, 40) < earned
    assert float(earned) < bound < float(earned) + 0.06


def test_descending_leaves_the_learner_where_holding_pays():
    setting = Setting(ipd("1/2"), (-10, -15), late=True)
    earned = periodic_play(setting, *search_word(setting, descend(setting, 0.01, 120), 300, 50))
    assert Fraction(-11, 21) - Fraction(1, 100) < earned <= Fraction(-11, 21)


def test_what_is_refused():
    numbers = ipd("1/2")
    setting = Setting(numbers, (-10, -20))
    with pytest.raises(InputError, match="word must be actions 0 and 1"):
        periodic_play(setting, [], [])
    with pytest.raises(InputError, match="best_against_greedy is exact"):
        greedy_upper_bound(numbers, -20, 0.1)
    with pytest.raises(InputError, match=r"level must be in \[-30, -20\]"):
        greedy_upper_bound(numbers, -19, 0.1, late=True)
    with pytest.raises(InputError, match="weight must be >= the learner's discount"):
        greedy_upper_bound(numbers, -20, 0.1, late=True, weight=0.5)
    with pytest.raises(InputError, match="word must settle"):
        periodic_play(Setting(numbers, (-10, -10)), [], [0])  # a tie for ever
