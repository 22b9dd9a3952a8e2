"""Own update rules against fixed policies and the optimum."""

from __future__ import annotations

import pytest

from tabular_marl.active.learners import (
    FunctionLearner,
    Grid,
    QLearning,
    Schedule,
    WinStayLoseShift,
    best_response,
)
from tabular_marl.active.own_learning import own_learning
from tabular_marl.games import iterated_prisoners_dilemma, matching_pennies, prisoners_dilemma
from tabular_marl.validation import InputError


def clock(word, states=1):
    return Schedule([[[1 - a, a]] * states for a in word], after="again")


def test_a_clock_beats_every_fixed_policy_and_not_the_optimum():
    learner = QLearning([-10, -20], epsilon=0, tie="first", grid=Grid(-30, 0, 121, "linear"))
    game = iterated_prisoners_dilemma()
    found = own_learning(
        game,
        {1: learner},
        {"CCD": clock([0, 0, 1], 5), "Pavlov": WinStayLoseShift(-1, initial=[0])},
    )
    assert found.fixed == pytest.approx(-1)
    assert found.rules["CCD"] == pytest.approx(-2 / 3)  # two C and one D, the learner always C
    assert found.rules["Pavlov"] == pytest.approx(-1)
    assert all(v <= found.optimum_upper for v in found.rules.values())
    assert found.optimum_lower > found.rules["CCD"] + 0.1


def test_whoever_sees_theta_gains_nothing():
    """Pennies against a best response: the optimum, 1, is also what an imitating rule earns."""
    ahead = FunctionLearner(
        lambda last, s: [1 - last, last], lambda last, s, a, r, t: 1 - a[0], [0]
    )
    start = best_response()
    found = own_learning(matching_pennies(), {1: start}, {"alternate": ahead})
    assert found.optimum_upper == pytest.approx(1)
    assert found.fixed == pytest.approx(-1)
    assert found.rules["alternate"] <= found.optimum_upper


def test_what_is_refused():
    with pytest.raises(InputError, match="agent i's seat free"):
        own_learning(prisoners_dilemma(), {0: best_response(), 1: best_response()}, {})
