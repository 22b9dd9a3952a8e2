"""Stochastic stability against spanning trees in rationals, and against solved games."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

from tabular_marl.active.chains import MarkovChain
from tabular_marl.active.joint_chain import explore
from tabular_marl.active.learners import FictitiousPlay, FunctionLearner, best_response
from tabular_marl.active.stability import (
    PerturbedChain,
    stable_distribution,
    with_noise,
    with_trembles,
)
from tabular_marl.games import MatrixGame, matching_pennies
from tabular_marl.validation import InputError


def by_trees(c, r):
    """Least resistance and total weight of the x-trees of each state, by enumeration."""
    n = len(c)
    found = []
    for root in range(n):
        others = [x for x in range(n) if x != root]
        best, weight = math.inf, Fraction(0)
        for targets in itertools.product(range(n), repeat=n - 1):
            edges = dict(zip(others, targets, strict=True))
            if any(c[x][y] == 0 or x == y for x, y in edges.items()):
                continue
            for x in others:  # every path must end in the root
                seen = set()
                while x != root and x not in seen:
                    seen.add(x)
                    x = edges[x]
                if x != root:
                    break
            else:
                total = sum(r[x][y] for x, y in edges.items())
                product = math.prod(Fraction(float(c[x][y])) for x, y in edges.items())
                if total < best:
                    best, weight = total, product
                elif total == best:
                    weight += product
        found.append((best, weight))
    return found


def random_perturbed(rng, n):
    r = rng.integers(0, 4, (n, n))
    c = rng.integers(1, 5, (n, n)) / 4
    c[rng.random((n, n)) < 0.2] = 0
    np.fill_diagonal(r, 0)
    np.fill_diagonal(c, 1)
    cycle = np.roll(np.arange(n), -1)
    c[np.arange(n), cycle] = np.where(c[np.arange(n), cycle] == 0, 1, c[np.arange(n), cycle])
    sums = np.where(r == 0, c, 0).sum(axis=1)
    return np.where(r == 0, c / sums[:, None], c), r


@pytest.mark.parametrize("seed", range(20))
def test_against_the_matrix_tree_theorem(seed):
    rng = np.random.default_rng(seed)
    n = 3 + seed % 3
    c, r = random_perturbed(rng, n)
    found = stable_distribution(PerturbedChain(c, r))
    trees = by_trees(c, r)
    least = min(best for best, _ in trees)
    total = sum(weight for best, weight in trees if best == least)
    np.testing.assert_array_equal(found.potential, [best - least for best, _ in trees])
    for x, (best, weight) in enumerate(trees):
        wanted = float(weight / total) if best == least else 0.0
        assert found.distribution[x] == pytest.approx(wanted, rel=1e-13)


@pytest.mark.parametrize("seed", range(4))
def test_it_is_the_limit_of_stationary_distributions(seed):
    """At ε = 1e-12 the stationary law (exact to rounding by elimination) is the limit to O(ε)."""
    rng = np.random.default_rng(seed)
    base = rng.dirichlet(np.ones(8), 8)
    base[base < 0.2] = 0
    base[:4, 4:] = 0
    base[4:, :4] = 0
    base[base.sum(axis=1) == 0, 0] = 1
    base /= base.sum(axis=1, keepdims=True)
    noise = rng.dirichlet(np.ones(8), 8)
    limit = stable_distribution(with_noise(base, noise)).distribution
    epsilon = 1e-12
    near = MarkovChain((1 - epsilon) * base + epsilon * noise).class_distribution
    np.testing.assert_allclose(near, limit, atol=1e-9)


def test_fractional_resistances_and_their_units():
    half = Fraction(1, 2)
    r = np.array([[0, half], [Fraction(1, 3), 0]], dtype=object)
    found = stable_distribution(PerturbedChain([[1, 1], [1, 1]], r))
    np.testing.assert_allclose(found.potential, [0, 1 / 6])


def kandori_mailath_rob(population, agent):
    """N players choose best replies to last period's mix; each then mutates with odds ε to odds ½.

    z players use the first strategy. Leading terms: |z' − b(z)| mutations, as many ways as there
    are subsets, each with probability ½.
    """
    n = population
    c = np.zeros((n + 1, n + 1))
    r = np.zeros((n + 1, n + 1), dtype=int)
    for z in range(n + 1):
        first = agent[0][0] * z + agent[0][1] * (n - z)
        second = agent[1][0] * z + agent[1][1] * (n - z)
        target = n if first > second else 0
        for after in range(n + 1):
            slips = abs(after - target)
            c[z, after] = math.comb(n, slips) * 0.5**slips
            r[z, after] = slips
    return PerturbedChain(c, r)


@pytest.mark.parametrize(
    ("agent", "convention"),
    [([[5, 0], [4, 3]], 0), ([[2, 0], [0, 1]], 10), ([[1, 0], [0, 2]], 0), ([[9, 0], [8, 2]], 0)],
)
def test_the_risk_dominant_convention_of_kandori_mailath_and_rob(agent, convention):
    """Payoff-dominant first strategies lose where the second one risk-dominates."""
    found = stable_distribution(kandori_mailath_rob(10, agent))
    assert found.support.tolist() == [convention]


@pytest.mark.parametrize(
    ("agent", "convention"), [([[5, 0], [4, 3]], 1), ([[2, 0], [0, 1]], 0), ([[4, 1], [3, 2.5]], 1)]
)
def test_youngs_adaptive_play(agent, convention):
    """Two players, memory 4, samples of 2, best replies with ties at random, vanishing mistakes."""
    memory, sample = 4, 2
    payoff = np.array(agent)
    game = MatrixGame([payoff, payoff.T])

    def player(me):
        own = payoff

        def policy(window, s):
            out = np.zeros(2)
            draws = list(itertools.combinations(window, sample))
            for draw in draws:
                worth = own[:, list(draw)].sum(axis=1)
                best = worth == worth.max()
                out += best / best.sum() / len(draws)
            return out

        return FunctionLearner(
            policy,
            lambda window, s, a, r, t: (*window[1:], a[1 - me]),
            list(itertools.product(range(2), repeat=memory)),
            epsilon=0.1,
        )

    process = explore(game, {0: player(0), 1: player(1)})
    found = stable_distribution(with_trembles(process))
    (x,) = found.support
    assert all(window == (convention,) * memory for window in process.describe(x)[1].values())


def test_trembles_of_learners_are_the_derivative_of_the_kernel():
    """Leading terms against the kernel itself at ε = 1e-7, entry by entry."""
    rng = np.random.default_rng(0)
    game = MatrixGame(rng.normal(size=(2, 2, 3)))
    epsilon = 1e-7

    def process(rate):
        return explore(game, {0: best_response(rate), 1: FictitiousPlay(2, epsilon=rate)})

    perturbed = with_trembles(process(0.1))
    small = process(epsilon).transition.toarray()
    lead = np.where(
        perturbed.coefficient > 0,
        perturbed.coefficient * epsilon ** np.minimum(perturbed.resistance, 9),
        0.0,
    )
    np.testing.assert_array_equal(small > 0, lead > 0)
    np.testing.assert_allclose(small, lead, rtol=1e-5)
    assert perturbed.resistance[perturbed.coefficient > 0].max() == 2


def test_agent_i_does_not_tremble():
    process = explore(matching_pennies(), {1: best_response(epsilon=0.1)})
    policy = np.array([[1.0, 0.0]] * process.num_states)
    found = stable_distribution(with_trembles(process, policy))
    (x,) = found.support
    assert process.describe(x)[1][1] == (0,)


def test_what_is_refused():
    with pytest.raises(InputError, match="sum to 1 over the resistances 0 of every row; row 1"):
        PerturbedChain([[1, 1], [1, 1]], [[0, 1], [1, 1]])
    with pytest.raises(InputError, match="it had 2"):
        stable_distribution(PerturbedChain(np.eye(2), np.zeros((2, 2), dtype=int)))
    with pytest.raises(InputError, match="common denominator"):
        PerturbedChain([[1, 1], [1, 1]], [[0, 0.1], [0.2, 0]])
