"""The product form of (17)-(19), its three values, Nash limits and exact exploitability."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

import tabular_marl as tm
from tabular_marl.equilibria.nash import NashStatus
from tabular_marl.equilibria.product_form import proved_order
from tabular_marl.solution import Status


def random_game(states, counts, seed, common=True, discount=0.9):
    rng = np.random.default_rng(seed)
    transition = rng.dirichlet(np.full(states, 0.5), size=(states, *counts))
    one, two = rng.normal(size=(2, states, *counts))
    return tm.StochasticGame(transition, one, None if common else two, discount=discount)


def test_the_saddle_against_alternating_sweeps():
    """Value iteration with damped mutual best answers in each state."""
    game = random_game(3, (3, 2), seed=5, discount=0.8)
    beta, other = 1.5, -1.0
    value = np.zeros(3)
    pi, rho = np.full((3, 3), 1 / 3), np.full((3, 2), 1 / 2)
    for _ in range(150):
        q = game.reward + 0.8 * game.transition @ value
        for s in range(3):
            for _ in range(300):
                x = np.exp(beta * q[s] @ rho[s])
                y = np.exp(other * pi[s] @ q[s])
                pi[s] = 0.6 * pi[s] + 0.4 * x / x.sum()
                rho[s] = 0.6 * rho[s] + 0.4 * y / y.sum()
            value[s] = pi[s] @ q[s] @ rho[s]
            value[s] -= pi[s] @ np.log(3 * pi[s]) / beta + rho[s] @ np.log(2 * rho[s]) / other
    found = tm.logit(game, beta, other)
    assert found.status is Status.CONVERGED
    assert found.unique
    assert np.allclose(found.value, value, atol=1e-11)
    assert np.allclose(found.agent_policy, pi, atol=1e-11)
    assert np.allclose(found.opponent_policy, rho, atol=1e-11)
    assert found.error_bound < 1e-13


@pytest.mark.parametrize(
    "betas",
    [(2.0, -3.0), (-1.0, 2.0), (1.5, 0.5), (0.5, 1.5), (-1.0, -2.0), (0.0, 2.0), (3.0, 0.0)],
)
@pytest.mark.parametrize("seed", range(3))
def test_the_three_values_keep_their_proved_order(betas, seed):
    three = tm.three_values(random_game(4, (3, 2), seed), *betas)
    values = {
        "agent first": three.agent_first.value,
        "product form": three.product_form.value,
        "opponent first": three.opponent_first.value,
    }
    names = three.order.split(" <= ")
    assert sorted(names) == sorted(values)
    for lower, higher in pairwise(names):
        assert (values[lower] <= values[higher] + 1e-10).all()
    if betas[0] * betas[1] != 0:  # strict in a generic game: the order says something
        assert max((values[names[-1]] - values[names[0]]).tolist()) > 1e-4


def test_orders_by_sign():
    assert proved_order(1, -1) == "agent first <= product form <= opponent first"
    assert proved_order(-1, 1) == "opponent first <= product form <= agent first"
    assert proved_order(1, 2) == "product form <= opponent first <= agent first"
    assert proved_order(-1, -2) == "agent first <= opponent first <= product form"
    assert proved_order(1, 1) == "product form <= agent first = opponent first"


def test_certificates_agree_and_hold_the_value():
    """The saddle's bound from two policies, and Krawczyk's box, both contain the float value."""
    game = random_game(3, (2, 3), seed=2)
    found = tm.logit(game, 2.0, -1.0)
    rough, fine = found.certify(64), found.certify(128)
    assert (rough.lower <= fine.lower).all()
    assert (fine.upper <= rough.upper).all()
    assert "saddle" in rough.method
    assert "Krawczyk" in fine.method
    assert max(float(r) for r in fine.radius) < 1e-30
    assert np.abs(found.value - 0.5 * (fine.lower + fine.upper)).max() <= found.error_bound


def test_a_wrong_policy_widens_the_saddles_bound_and_never_lies():
    from tabular_marl.equilibria.saddle import enclose

    game = random_game(3, (2, 2), seed=3)
    true = tm.logit(game, 2.0, -2.0)
    uniform = np.full((3, 2), 0.5)
    proof = enclose(
        game.reward, game.transition, 0.9, (2.0, -2.0), (uniform, uniform), (uniform, uniform),
        np.zeros(3), 64,
    )  # fmt: skip
    assert (proof.lower < true.value).all()
    assert (true.value < proof.upper).all()
    assert proof.width > 0.01


def test_general_sum_against_both_players_views():
    """Swapping the players swaps the policies."""
    game = random_game(3, (3, 3), seed=7, common=False)
    here, there = tm.logit(game, 1.0, 2.0), tm.logit(game.against(1), 2.0, 1.0)
    assert np.allclose(here.agent_policy, there.opponent_policy, atol=1e-12)
    assert np.allclose(here.opponent_value, there.value, atol=1e-12)
    assert here.status is Status.EQUILIBRIUM
    assert not here.unique


@pytest.mark.parametrize(
    ("name", "row", "column"),
    [
        ("prisoners-dilemma", ["0", "1"], ["0", "1"]),
        ("biased-pennies", ["1/2", "1/2"], ["1/8", "7/8"]),
        ("matching-pennies", ["1/2", "1/2"], ["1/2", "1/2"]),
        ("rock-paper-scissors", ["1/3"] * 3, ["1/3"] * 3),
        ("climbing", ["0", "1", "0"], ["0", "1", "0"]),
    ],
)
def test_nash_limits_by_hand(name, row, column):
    limit = tm.nash_limit(tm.games.named(name))
    assert limit.status is NashStatus.EXACT
    assert limit.exploitability == 0
    assert isinstance(limit.exploitability, Fraction)
    expected = [[Fraction(p) for p in policy] for policy in (row, column)]
    assert [policy[0].tolist() for policy in limit.exact_policies] == expected


def test_exact_exploitability_by_hand():
    """Row plays the first action for sure: its best answer to 1/3, 2/3 earns 2/3 more."""
    game = tm.MatrixGame([[[1, 0], [0, 1]], [[0, 0], [0, 0]]])
    policies = [[Fraction(1), Fraction(0)], [Fraction(1, 6), Fraction(5, 6)]]
    found = tm.exploitability(game, policies, exact=True)
    assert found.gains == ((Fraction(2, 3),), (Fraction(0),))
    assert found.answers[0] == (1,)


def test_exploitability_of_a_stochastic_game_exact_against_floats_and_engine():
    game = random_game(4, (3, 2), seed=1, common=False)
    rng = np.random.default_rng(0)
    policies = (rng.dirichlet(np.ones(3), size=4), rng.dirichlet(np.ones(2), size=4))
    rough = tm.exploitability(game, policies)
    exact = tm.exploitability(game, policies, exact=True)
    for one, two in zip(rough.gains, exact.gains, strict=True):
        assert np.allclose(one, [float(g) for g in two], atol=1e-12)
    # the agent's best answer is the engine's: b in expectation under its policy, then max over a
    recipe = (tm.Aggregation(1, 0.0, policies[1]), tm.Aggregation(0, float("inf")))
    best = tm.solve(game, recipe).value
    joint = policies[0][:, :, None] * policies[1][:, None, :]
    flow = np.einsum("sab,sabt->st", joint, game.transition)
    own = np.linalg.solve(np.eye(4) - 0.9 * flow, (joint * game.reward).sum(axis=(1, 2)))
    assert np.allclose(rough.gains[0], best - own, atol=1e-10)


def test_nash_limit_of_a_stochastic_game_is_proved():
    limit = tm.nash_limit(tm.games.iterated_prisoners_dilemma())
    assert limit.status is NashStatus.EXACT
    assert limit.exploitability == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tol": math.nan}, "tol must be a number > 0"),
        ({"on_failure": "ignore"}, "on_failure must be one of"),
        ({"agent_prior": [0.5, 0.6]}, "agent_prior must have rows that sum to 1"),
        ({"opponent_prior": [1.0]}, "opponent_prior must have shape"),
        ({"opponent_prior": np.full((1, 2, 2), 0.5)}, "opponent_prior must have one or two axes"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(tm.InputError, match=message):
        tm.logit(tm.games.stag_hunt(), 1.0, 1.0, **arguments)


@pytest.mark.parametrize("given", [None, 1.0, [[0.5, 0.5]]])
def test_one_policy_and_one_prior_a_player(given):
    game = tm.games.stag_hunt()
    with pytest.raises(tm.InputError, match="policies must hold 2 policies, one a player"):
        tm.exploitability(game, given)
    if given is not None:
        with pytest.raises(tm.InputError, match="priors must hold 2 priors or None, one a player"):
            tm.nash_limit(game, given)
