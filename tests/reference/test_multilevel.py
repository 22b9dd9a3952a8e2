"""Aggregation on many levels against elimination, and where it must leave the work to others."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from tabular_marl.active import evaluation
from tabular_marl.active.chains import MarkovChain
from tabular_marl.active.multilevel import Multilevel


def torus(height, width):
    """A lazy walk to the four neighbours."""

    def circle(n):
        step = sparse.eye_array(n, k=1) + sparse.eye_array(n, k=1 - n)
        return (step + step.T) / 2

    across = sparse.kron(circle(height), sparse.eye_array(width))
    along = sparse.kron(sparse.eye_array(height), circle(width))
    return sparse.csr_array(0.4 * across + 0.4 * along + 0.2 * sparse.eye_array(height * width))


def blocks(rng, count, size, link):
    """Random blocks, each with links to random others."""
    states = count * size
    block = np.arange(states) // size
    inside = block[:, None] * size + rng.integers(0, size, (states, 6))
    targets = np.column_stack([inside, rng.integers(0, states, states)])
    weight = np.column_stack([(1 - link) * rng.dirichlet(np.ones(6), states), [link] * states])
    rows = np.repeat(np.arange(states), 7)
    return sparse.csr_array((weight.ravel(), (rows, targets.ravel())), shape=(states, states))


def with_transients(matrix):
    """As many transient states again, each of which leads to its twin or the next transient."""
    n = matrix.shape[0]
    ahead = sparse.eye_array(n, k=1) + sparse.csr_array(([1.0], ([n - 1], [0])), shape=(n, n))
    return sparse.csr_array(
        sparse.block_array([[matrix, None], [0.1 * sparse.eye_array(n), 0.9 * ahead]])
    )


CHAINS = {
    "torus": lambda rng: torus(16, 25),
    "ring": lambda rng: torus(1, 300),
    "blocks": lambda rng: blocks(rng, 12, 30, 1e-3),
    "nearly decoupled": lambda rng: blocks(rng, 12, 30, 1e-6),
    "periodic": lambda rng: sparse.csr_array(np.roll(np.eye(120), 1, axis=1)),
    "transient states": lambda rng: with_transients(torus(10, 15)),
}


def check(matrix, rng, coarsest=20):
    chain, reward = MarkovChain(matrix), rng.normal(size=matrix.shape[0])
    gain, bias = chain.gain_and_bias(reward)
    levels = Multilevel(chain.transition, coarsest)
    assert len(levels.sizes) > 2
    h, width = levels.solve(reward)
    size = 1 + np.ptp(bias)
    assert width < 1e-11 * size
    gap = reward + chain.transition @ h - h
    assert gap.min() - 1e-12 * size <= gain[0] <= gap.max() + 1e-12 * size
    np.testing.assert_allclose(h - h[0], bias - bias[0], rtol=0, atol=1e-7 * size)


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize("seed", range(3))
def test_the_solution_is_that_of_elimination(name, seed):
    rng = np.random.default_rng(seed)
    check(CHAINS[name](rng), rng)


@pytest.mark.parametrize("name", ["torus", "blocks", "transient states"])
def test_the_order_of_the_states_does_not_matter(name):
    rng = np.random.default_rng(5)
    matrix = CHAINS[name](rng)
    order = rng.permutation(matrix.shape[0])
    check(sparse.csr_array(matrix[order][:, order]), rng)


def test_a_good_guess_is_kept():
    rng = np.random.default_rng(0)
    matrix, reward = torus(16, 25), rng.normal(size=400)
    levels = Multilevel(matrix, 20)
    h, width = levels.solve(reward)
    again, kept = levels.solve(reward, h)
    assert kept <= width
    np.testing.assert_array_equal(again, h)


def test_several_classes_are_left_to_elimination(monkeypatch):
    monkeypatch.setattr(evaluation, "Multilevel", None)  # not called
    apart = MarkovChain(sparse.block_diag([torus(4, 5), torus(4, 5)], format="csr"))
    reward = np.repeat([1.0, 2.0], 20)
    np.testing.assert_allclose(evaluation.evaluate(apart, reward)[0], reward)


def test_twenty_thousand_states_of_a_lattice_mix_slowly(monkeypatch):
    """Some 10 000 steps to mix; without elimination."""
    monkeypatch.setattr(evaluation, "PATIENCE", 0)
    rng = np.random.default_rng(2)
    chain, reward = MarkovChain(torus(100, 200)), rng.normal(size=20_000)
    gain, bias, exact = evaluation._on_levels(chain, reward, None)
    assert exact
    # the law is uniform
    np.testing.assert_allclose(gain, reward.mean(), atol=1e-11)
    assert np.ptp(reward + chain.transition @ bias - bias) < 1e-11


def test_biases_do_not_drown_in_those_of_a_state_that_is_hardly_ever_visited():
    """A walk with drift: the reference given is (3/7)^300 times as likely as the start."""
    n, up = 400, 0.3
    matrix = np.diag([up] * (n - 1), 1) + np.diag([1 - up] * (n - 1), -1)
    matrix[0, 0], matrix[-1, -1] = 1 - up, up
    chain = MarkovChain(matrix)
    chain.__dict__["references"] = np.array([n - 100])
    reward = np.zeros(n)
    reward[0] = 1.0
    gain, bias = chain.gain_and_bias(reward)
    np.testing.assert_allclose(gain + bias, reward + matrix @ bias, atol=1e-12 * np.abs(bias).max())
    # every step down costs g/(1 − 2 up) far from 0
    np.testing.assert_allclose(np.diff(bias)[50:300], -gain[0] / (1 - 2 * up), rtol=1e-9)
