"""Exploration that dies out: critical depths by enumeration, limits that are known."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest

from tabular_marl.active.average_reward import average_reward
from tabular_marl.active.decaying import (
    Decay,
    ExploringKernel,
    critical_depth,
    decaying_limit,
    exploring_kernel,
    follow,
    start_dependence,
)
from tabular_marl.active.joint_chain import explore
from tabular_marl.active.learners import FictitiousPlay, Grid, QLearning
from tabular_marl.active.stability import PerturbedChain, stable_distribution, with_trembles
from tabular_marl.games import coordination, prisoners_dilemma
from tabular_marl.validation import InputError


def wells(*depths):
    """States in a line; from k one mistake-power depths[k] leads down to k − 1, and up at 3."""
    n = len(depths) + 1
    c, r = np.eye(n), np.zeros((n, n), dtype=int)
    for k, depth in enumerate(depths, start=1):
        c[k, k - 1], r[k, k - 1] = 1, depth
        c[k - 1, k], r[k - 1, k] = 1, 3
    return PerturbedChain(c, r)


def by_forests(chain):
    """V(1) − V(2) from all maps of states to targets."""
    n, best = chain.num_states, {}
    options = [
        [None, *(y for y in range(n) if y != x and chain.coefficient[x, y] > 0)] for x in range(n)
    ]
    for targets in itertools.product(*options):
        roots = targets.count(None)
        if roots not in (1, 2):
            continue
        for x in range(n):
            seen = set()
            while x is not None and x not in seen:
                seen.add(x)
                x = targets[x]
            if x is not None:
                break
        else:
            cost = sum(int(chain.resistance[x, y]) for x, y in enumerate(targets) if y is not None)
            best[roots] = min(best.get(roots, cost), cost)
    return best[1] - best[2]


@pytest.mark.parametrize("seed", range(25))
def test_critical_depth_against_all_forests(seed):
    rng = np.random.default_rng(seed)
    n = 3 + seed % 3
    r = rng.integers(0, 6, (n, n))
    c = np.ones((n, n))
    c[rng.random((n, n)) < 0.4] = 0
    c[np.arange(n), (np.arange(n) + 1) % n] = 1
    np.fill_diagonal(r, 0)
    np.fill_diagonal(c, 1)
    c = np.where(r == 0, c / np.where(r == 0, c, 0).sum(axis=1, keepdims=True), c)
    chain = PerturbedChain(c, r)
    assert critical_depth(chain) == by_forests(chain)


def test_critical_depth_is_the_exponent_of_the_spectral_gap():
    """1 − |λ₂| ~ ε^d: the slope between two small ε, in a chain of three wells."""
    chain = wells(1, 2)
    assert critical_depth(chain) == 2
    gaps = []
    for epsilon in (1e-3, 1e-4):
        p = chain.coefficient * epsilon ** np.where(chain.coefficient > 0, chain.resistance, 0)
        np.fill_diagonal(p, 0)
        np.fill_diagonal(p, 1 - p.sum(axis=1))
        gaps.append(1 - np.sort(np.abs(np.linalg.eigvals(p)))[-2])
    assert np.log10(gaps[0] / gaps[1]) == pytest.approx(2, abs=0.01)


def test_a_chain_of_shallow_wells_is_as_shallow_as_one():
    """The way down costs 4 mistakes in all, but only one at a time."""
    assert critical_depth(wells(1, 1, 1, 1)) == 1
    assert critical_depth(wells(1, 2, 1)) == 2
    halves = PerturbedChain([[1, 1], [1, 1]], [[0, Fraction(1, 2)], [Fraction(2, 3), 0]])
    assert critical_depth(halves) == Fraction(1, 2)
    absorbed = PerturbedChain([[1, 1], [0, 1]], [[0, 2], [0, 0]])  # 0 is transient for ε > 0
    assert critical_depth(absorbed) == 2
    assert critical_depth(PerturbedChain([[1.0]], [[0]])) == 0


TWO = ExploringKernel([np.eye(2), [[1, 1], [0, 2]], [[0.5, 0.5], [0.5, 0.5]]])


def test_two_states_slow_and_fast():
    """0 is left at order 1, 1 at order 2: the depth is 1, and π* sits on 1."""
    assert critical_depth(TWO.perturbed) == 1
    np.testing.assert_array_equal(stable_distribution(TWO.perturbed).distribution, [0, 1])
    slow = decaying_limit(TWO, Decay("1/2", 0.5), [1, 0], [0.0, 1.0])
    assert (slow.lower, slow.upper, slow.forgets, slow.aperiodic) == (1, 1, True, True)
    edge = decaying_limit(TWO, Decay(1), [1, 0], [0.0, 1.0])
    assert edge.forgets
    fast = [decaying_limit(TWO, Decay(3, 0.5), x, [0.0, 1.0], 300) for x in ([1, 0], [0, 1])]
    assert not fast[0].forgets
    assert fast[0].upper < 0.75 < 0.85 < fast[1].lower  # the start is remembered
    assert fast[0].upper - fast[0].lower < 1e-4


def test_the_bracket_of_a_fast_decay_holds_a_product():
    """0 is left for good with ε_t = t^−2, t = 2, 3, …: Π (1 − ε_t) = 1/2."""
    kernel = ExploringKernel([np.eye(2), [[0, 1], [0, 1]]])
    for steps in (10, 100, 3000):
        found = decaying_limit(kernel, Decay(2, delay=2), [1, 0], [0, 1], steps)
        assert found.lower <= 0.5 <= found.upper
        assert found.upper - found.lower < 4 / steps


def test_laws_go_where_the_theorem_says():
    """Finite times: t^(−1/2) has nearly forgotten its start, t^−2 never will."""
    steps = np.arange(20_000)
    slow, fast = (Decay(p, 0.5).rate(steps) for p in (0.5, 2))
    assert start_dependence(TWO, slow) < 1e-6
    assert start_dependence(TWO, fast) > 0.3
    laws = follow(TWO, slow, np.eye(2))
    np.testing.assert_allclose(laws[-1][:, 1], 1, atol=0.01)
    assert np.abs(laws.sum(axis=2) - 1).max() < 1e-11


def test_between_the_orders_only_the_classes_bracket_it():
    """Depth 2 with Σ ε_t = ∞ > Σ ε_t²: not covered exactly, and said."""
    kernel = ExploringKernel([np.eye(2), 2 * np.eye(2), [[0, 1], [1, 0]]])
    found = decaying_limit(kernel, Decay("3/4"), [1, 0], [0.0, 1.0])
    assert (found.lower, found.upper, found.forgets, found.depth) == (0, 1, False, 2)
    assert decaying_limit(kernel, Decay("1/2"), [1, 0], [0.0, 1.0]).forgets


def test_learners_who_explore():
    """The kernel is the joint process's own at every ε, and its leading terms are the trembles."""
    learners = {j: FictitiousPlay(2, epsilon=0.1) for j in range(2)}
    process = explore(coordination(), learners)
    kernel = exploring_kernel(process)
    for epsilon in (0.1, 0.4):
        again = explore(coordination(), {j: FictitiousPlay(2, epsilon=epsilon) for j in range(2)})
        order = again.names(process.keys)
        wanted = again.chain().transition.toarray()[np.ix_(order, order)]
        np.testing.assert_allclose(kernel.at(epsilon).toarray(), wanted, atol=1e-15)
    stable = stable_distribution(with_trembles(process))
    np.testing.assert_allclose(
        stable_distribution(kernel.perturbed).distribution, stable.distribution, atol=1e-12
    )
    depth = critical_depth(kernel.perturbed)
    assert depth == critical_depth(with_trembles(process))
    assert depth == 1


def glie(points, epsilon):
    """A Q-learner whose exploration dies out, met by the policy that is best at ``epsilon``."""

    def against(rate):
        grid = Grid(-30, 0, points, "linear")
        return explore(
            prisoners_dilemma(), {1: QLearning("every", epsilon=rate, tie="first", grid=grid)}
        )

    exploring, greedy = against(0.1), against(0.0)
    solved = against(epsilon)
    actions = np.empty(exploring.num_states, dtype=int)
    actions[exploring.names(solved.keys)] = average_reward(solved.decision).actions
    reward = np.empty(exploring.num_states)
    reward[exploring.names(greedy.keys)] = greedy.reward[
        np.arange(greedy.num_states), actions[exploring.names(greedy.keys)]
    ]
    return exploring_kernel(exploring, actions), reward, exploring


def test_glie_is_not_enough_for_figure_6b():
    """1/t satisfies GLIE, but the optimal play against the greedy learner makes basins of depth 2.

    Slower decay forgets the start, into the trap of −2; play that expects exploration fares better.
    """
    kernel, reward, process = glie(31, 0.0)
    first = np.zeros((2, process.num_states))
    first[0, process.find(0, [20, 15])] = first[1, process.find(0, [5, 20])] = 1
    slow, between = (decaying_limit(kernel, Decay(p), first[0], reward) for p in ("1/2", 1))
    assert (slow.depth, slow.aperiodic) == (2, True)
    assert slow.lower == slow.upper == pytest.approx(-2, abs=1e-12)
    assert not between.forgets
    assert between.lower == pytest.approx(-2)
    fast = [decaying_limit(kernel, Decay(3, 0.01), x, reward, 200) for x in first]
    assert fast[0].lower > -0.6 > -1.9 > fast[1].upper  # the plateaus of Fig. 6a
    careful, paid, _ = glie(31, 0.01)
    found = decaying_limit(careful, Decay(1), first[0], paid)
    assert (found.depth, found.forgets) == (1, True)
    assert -0.65 < found.lower < -0.5


@pytest.mark.parametrize(
    ("call", "part"),
    [
        (lambda: Decay(0), "power must be > 0"),
        (lambda: Decay(1, -1), "scale"),
        (lambda: ExploringKernel([np.eye(2)]), "parts must be at least two"),
        (lambda: ExploringKernel([np.eye(2), np.eye(3)]), "one shape"),
        (lambda: ExploringKernel([np.eye(2), [[0.5, 0.4], [0, 1]]]), "row"),
        (lambda: follow(TWO, [1.5], [1, 0]), "rates must be in"),
        (lambda: critical_depth(PerturbedChain(np.eye(2), np.zeros((2, 2), int))), "one recurrent"),
    ],
)
def test_what_is_refused(call, part):
    with pytest.raises(InputError, match=part):
        call()
