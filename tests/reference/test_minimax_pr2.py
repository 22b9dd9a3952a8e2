"""Minimax-PR2 against its equations in mpmath, brute force, and the models it must agree with."""

from __future__ import annotations

import itertools
import math

import mpmath as mp
import numpy as np
import pytest

import tabular_marl as tm

S, A, B = 3, 2, 3
INF = math.inf


def game_of(seed, discount=0.8):
    rng = np.random.default_rng(seed)
    return tm.StochasticGame(
        rng.dirichlet(np.ones(S), size=(S, A, B)), rng.normal(size=(S, A, B)), discount=discount
    )


@pytest.mark.parametrize(("beta", "beta_opponent"), [(2.0, None), (0.5, -7.0), (30.0, -1e-6)])
def test_equations_in_mpmath(beta, beta_opponent):
    game, rng = game_of(1), np.random.default_rng(2)
    p, r = rng.dirichlet(np.ones(A), S), rng.dirichlet(np.ones(B), (S, A))
    solution = tm.minimax_pr2(game, beta, beta_opponent, agent_prior=p, opponent_prior=r)
    with mp.workdps(40):
        up, down = mp.mpf(beta), mp.mpf(-beta if beta_opponent is None else beta_opponent)
        gamma = mp.mpf(game.discount)
        P, R = game.transition.tolist(), game.reward.tolist()
        weights = [[mp.mpf(x) / mp.fsum(row) for x in row] for row in p.tolist()]
        answers = [
            [[mp.mpf(x) / mp.fsum(row) for x in row] for row in per_state]
            for per_state in r.tolist()
        ]
        V = [mp.mpf(v) for v in solution.value.tolist()]
        for _ in range(120):  # 0.8 ** 120 < 3e-12 of an error that is already below 1e-10
            new, pi, rho = [], [], []
            for s in range(S):
                q = [
                    [R[s][a][b] + gamma * mp.fdot(P[s][a][b], V) for b in range(B)]
                    for a in range(A)
                ]
                e = [
                    [w * mp.exp(down * x) for w, x in zip(answers[s][a], q[a], strict=True)]
                    for a in range(A)
                ]
                q_a = [mp.log(mp.fsum(row)) / down for row in e]
                f = [w * mp.exp(up * x) for w, x in zip(weights[s], q_a, strict=True)]
                new.append(mp.log(mp.fsum(f)) / up)
                pi.append([x / mp.fsum(f) for x in f])
                rho.append([[x / mp.fsum(row) for x in row] for row in e])
            V = new
        gap = max(abs(mp.mpf(v) - w) for v, w in zip(solution.value.tolist(), V, strict=True))
        assert gap <= solution.error_bound + mp.mpf(10) ** -20
    np.testing.assert_allclose(solution.agent_policy, np.array(pi, float), rtol=0, atol=1e-8)
    np.testing.assert_allclose(solution.opponent_policy, np.array(rho, float), rtol=0, atol=1e-8)


def test_infinite_betas_are_the_leader_who_is_seen():
    """max over π(s), min over answers ρ(s, a), of the discounted reward, by listing them all."""
    game = game_of(3)
    best = np.full(S, -INF)
    for pi in itertools.product(range(A), repeat=S):
        worst = np.full(S, INF)
        for rho in itertools.product(range(B), repeat=S):  # only ρ(s, π(s)) matters
            at = (np.arange(S), pi, rho)
            value = np.linalg.solve(
                np.eye(S) - game.discount * game.transition[at], game.reward[at]
            )
            worst = np.minimum(worst, value)
        best = np.maximum(best, worst)
    solution = tm.minimax_pr2(game, INF)
    np.testing.assert_allclose(solution.value, best, rtol=0, atol=1e-10)
    enclosure = solution.certify()
    assert (enclosure.lower - 1e-12 <= best).all()
    assert (best <= enclosure.upper + 1e-12).all()


def test_it_is_balancing_q_in_the_agents_view():
    game = game_of(4)
    one, other = tm.minimax_pr2(game, 2.0, -3.0), tm.balancing_q(game, 2.0, -3.0)
    np.testing.assert_allclose(one.value, other.value, rtol=0, atol=1e-9)
    np.testing.assert_allclose(one.opponent_policy, other.conditional_policy, rtol=0, atol=1e-8)


@pytest.mark.parametrize("beta", [0.5, 3.0, 40.0])
def test_a_minimiser_is_worse_than_a_helper_and_a_stronger_one_worse_still(beta):
    game = game_of(5)
    helped = tm.pr2(game, beta).value
    indifferent = tm.minimax_pr2(game, beta, 0.0).value
    opposed = tm.minimax_pr2(game, beta).value
    assert (helped > indifferent + 1e-6).all()
    assert (indifferent > opposed + 1e-6).all()
    assert (opposed > tm.minimax_pr2(game, beta, -INF).value + 1e-9).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((-1.0,), "beta must be at least 0"), ((1.0, 0.5), "beta_opponent must be at most 0"),
     ((math.nan,), "beta must be a number")],
)  # fmt: skip
def test_signs_are_checked(arguments, message):
    with pytest.raises(tm.InputError, match=message):
        tm.minimax_pr2(game_of(6), *arguments)
