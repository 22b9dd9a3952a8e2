"""Policy evaluation against dense solves: every route, near γ = 1, and Krylov's worst cases."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from tabular_marl.numerics import linear
from tabular_marl.numerics.linear import PolicyEquations

GAMMAS = [0.0, 0.5, 0.99, 0.999999]


def random_rows(rng, rows, states, successors=None):
    """Dense rows of probabilities with a given number of non-zeros."""
    if successors is None:
        return rng.dirichlet(np.ones(states), rows)
    out = np.zeros((rows, states))
    for row in out:
        row[rng.choice(states, successors, replace=False)] = rng.dirichlet(np.ones(successors))
    return out


def ring_rows(rng, states, actions, reach):
    out = np.zeros((states * actions, states))
    for row in range(states * actions):
        near = (row // actions + np.arange(-reach, reach + 1)) % states
        out[row, near] = rng.dirichlet(np.ones(near.size))
    return out


def system(rows, weights, discount):
    states = weights.shape[0]
    policy = np.einsum("sn,snt->st", weights, rows.reshape(states, -1, states))
    return np.eye(states) - discount * policy


def check(rows, weights, discount, sparse_input, tolerance=1e-12, scrutinise=None):
    """Solve, and compare with numpy.linalg.solve; returns the solution for further questions."""
    states = weights.shape[0]
    transition = sparse.csr_array(rows) if sparse_input else rows.reshape(states, -1, states)
    b = np.random.default_rng(7).normal(size=states)
    found = PolicyEquations(transition, discount).solve(weights, b, tolerance)
    matrix = system(rows, weights, discount)
    exact = np.linalg.solve(matrix, b)
    measured = np.abs(b - matrix @ found.x).max()
    floor = 1e-14 * (np.abs(found.x).max() + np.abs(b).max())
    assert found.residual <= tolerance * np.abs(b).max() + floor
    assert abs(measured - found.residual) <= floor
    # the theorem that the residual stands for
    assert np.abs(found.x - exact).max() <= (found.residual + 10 * floor) / (1 - discount)
    return found


@pytest.mark.parametrize("discount", GAMMAS)
@pytest.mark.parametrize("sparse_input", [False, True])
@pytest.mark.parametrize("policy", ["mixed", "deterministic"])
@pytest.mark.parametrize("structure", ["dense", "few", "ring"])
def test_agrees_with_a_dense_solve(discount, sparse_input, policy, structure):
    rng = np.random.default_rng(1)
    states, actions = 60, 3
    rows = {
        "dense": lambda: random_rows(rng, states * actions, states),
        "few": lambda: random_rows(rng, states * actions, states, 4),
        "ring": lambda: ring_rows(rng, states, actions, 2),
    }[structure]()
    weights = rng.dirichlet(np.ones(actions), states)
    if policy == "deterministic":
        weights = np.eye(actions)[rng.integers(0, actions, states)]
    check(rows, weights, discount, sparse_input)


@pytest.mark.parametrize("sparse_input", [False, True])
def test_joint_actions_keep_their_shape(sparse_input):
    rng = np.random.default_rng(2)
    rows = random_rows(rng, 5 * 6, 5)
    weights = rng.dirichlet(np.ones(6), 5)
    transition = sparse.csr_array(rows) if sparse_input else rows.reshape(5, 2, 3, 5)
    b = np.arange(5.0)
    found = PolicyEquations(transition, 0.9).solve(weights.reshape(5, 2, 3), b)
    np.testing.assert_allclose(found.x, np.linalg.solve(system(rows, weights, 0.9), b), rtol=1e-12)


@pytest.mark.parametrize("discount", [0.9, 1 - 1e-6, 1 - 1e-9])
def test_a_periodic_chain_of_many_states(discount):
    """A permutation: its spectrum is the whole circle, the worst case for a Krylov method."""
    states = 300
    cycle = np.random.default_rng(3).permutation(states)
    rows = np.zeros((states, states))
    rows[cycle, np.roll(cycle, 1)] = 1.0
    found = check(rows, np.ones((states, 1)), discount, True)
    # x = Σ_k γ^k b(k steps on) / (1 − γ^n), summed along the cycle
    b = np.random.default_rng(7).normal(size=states)
    start = cycle[0]
    along = b[np.roll(cycle[::-1], 1)]
    value = np.sum(discount ** np.arange(states) * along) / -np.expm1(states * np.log(discount))
    assert found.x[start] == pytest.approx(value, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("coupling", [1e-3, 1e-9, 1e-15])
@pytest.mark.parametrize("discount", [0.99, 0.99999])
def test_nearly_decoupled_blocks(coupling, discount):
    rng = np.random.default_rng(4)
    half = 40
    rows = np.zeros((2 * half, 2 * half))
    rows[:half, :half] = random_rows(rng, half, half, 5)
    rows[half:, half:] = random_rows(rng, half, half, 5)
    rows *= 1 - coupling
    rows[:half, half:] += coupling / half
    rows[half:, :half] += coupling / half
    check(rows, np.ones((2 * half, 1)), discount, True)


@pytest.mark.parametrize("sparse_input", [False, True])
def test_absorbing_and_transient_states(sparse_input):
    """A corridor with an absorbing end: x there is b / (1 − γ), elsewhere discounted on the way."""
    states, discount = 50, 0.9999
    rows = np.zeros((states, states))
    rows[np.arange(states - 1), np.arange(1, states)] = 1.0
    rows[-1, -1] = 1.0
    transition = sparse.csr_array(rows) if sparse_input else rows[:, None, :]
    b = np.zeros(states)
    b[-1] = 1.0
    found = PolicyEquations(transition, discount).solve(np.ones((states, 1)), b)
    away = np.arange(states)[::-1]
    np.testing.assert_allclose(found.x, discount**away / (1 - discount), rtol=1e-12)


def routes():
    rng = np.random.default_rng(5)
    states = 2000
    ring = (np.arange(states)[:, None] + np.array([-2, -1, 1, 3])) % states
    hidden = rng.permutation(states)
    scrambled = hidden[ring[np.argsort(hidden)]]
    anywhere = rng.integers(0, states, (states, 4))
    return {
        "ring": (ring, 0.999, {"banded"}),
        "scrambled ring": (scrambled, 0.9999, {"banded"}),
        "anywhere": (anywhere, 0.99, {"bicgstab"}),
    }


@pytest.mark.parametrize("name", ["ring", "scrambled ring", "anywhere"])
def test_the_structure_decides_the_route(name):
    successors, discount, expected = routes()[name]
    states, count = successors.shape
    rng = np.random.default_rng(6)
    data = rng.dirichlet(np.ones(count), states).ravel()
    rows = sparse.csr_array(
        (data, successors.ravel(), np.arange(0, states * count + 1, count)), shape=(states, states)
    )
    b = rng.normal(size=states)
    equations = PolicyEquations(rows, discount)
    found = equations.solve(np.ones((states, 1)), b, 1e-11)
    assert found.method in expected
    measured = b - found.x + discount * (rows @ found.x)
    assert np.abs(measured).max() <= 1e-11 * np.abs(b).max() + 1e-14 * np.abs(found.x).max()


def test_gauss_seidel_takes_over_when_krylov_may_not_run(monkeypatch):
    monkeypatch.setattr(linear.packed, "bicgstab", lambda *given: (0, 1e3))
    monkeypatch.setattr(linear, "MAX_KRYLOV", 0)
    monkeypatch.setattr(PolicyEquations, "_band", lambda *given: linear.Band(np.inf, 0, None, None))
    rng = np.random.default_rng(8)
    rows = random_rows(rng, 30, 30, 4)
    found = check(rows, np.ones((30, 1)), 0.95, True, tolerance=1e-9)
    assert found.method == "gauss-seidel"


def test_large_dense_uses_krylov_and_falls_back_to_lu():
    rng = np.random.default_rng(9)
    states = linear.SMALL + 50
    mixing = random_rows(rng, states, states)
    assert check(mixing, np.ones((states, 1)), 0.99, False, 1e-10).method == "bicgstab"
    # blocks that hardly talk to each other, with half of the entries non-zero
    half = states // 2
    sticky = np.kron(np.eye(2), np.full((half, half), 0.5 / half)) + 0.5 * np.eye(states)
    sticky[:, rng.integers(0, states, 1)] += 1e-9
    sticky /= sticky.sum(axis=1, keepdims=True)
    assert check(sticky, np.ones((states, 1)), 0.9999, False, 1e-12).residual < 1e-9


@pytest.mark.parametrize("name", ["anywhere", "ring"])
def test_loose_tolerance_and_a_good_guess_save_work(name, monkeypatch):
    monkeypatch.setattr(PolicyEquations, "_band", lambda *given: linear.Band(np.inf, 0, None, None))
    monkeypatch.setattr(linear, "LOOSE", np.inf)
    successors, discount, _ = routes()[name]
    states, count = successors.shape
    rows = sparse.csr_array(
        (np.full(successors.size, 1 / count), successors.ravel(),
         np.arange(0, successors.size + 1, count)), shape=(states, states),
    )  # fmt: skip
    b = np.random.default_rng(10).normal(size=states)
    one = np.ones((states, 1))
    tight = PolicyEquations(rows, discount).solve(one, b, 1e-10)
    loose = PolicyEquations(rows, discount).solve(one, b, 1e-2)
    warm = PolicyEquations(rows, discount).solve(one, b, 1e-10, initial=tight.x)
    assert loose.method == tight.method
    assert loose.iterations < tight.iterations
    assert warm.iterations == 0
    np.testing.assert_array_equal(warm.x, tight.x)


def test_one_object_serves_many_policies():
    rng = np.random.default_rng(11)
    rows = random_rows(rng, 40 * 3, 40, 5)
    equations = PolicyEquations(sparse.csr_array(rows), 0.95)
    b = rng.normal(size=40)
    for concentration in (0.1, 1.0, 10.0):
        weights = rng.dirichlet(np.full(3, concentration), 40)
        x = equations.solve(weights, b).x
        np.testing.assert_allclose(x, np.linalg.solve(system(rows, weights, 0.95), b), rtol=1e-10)


def test_zero_right_hand_side_and_one_state():
    assert PolicyEquations(np.ones((1, 1, 1)), 0.9).solve(np.ones((1, 1)), np.zeros(1)).x == 0.0
    one = PolicyEquations(sparse.csr_array(np.ones((1, 1))), 0.9).solve(np.ones((1, 1)), np.ones(1))
    assert one.x == pytest.approx(10.0)
