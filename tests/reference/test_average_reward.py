"""Average reward against enumeration in rationals, a linear programme, spectra and Question 1."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import flint
import numpy as np
import pytest
from scipy import sparse

from tabular_marl.active import chains, evaluation
from tabular_marl.active.average_reward import average_reward
from tabular_marl.active.chains import MarkovChain
from tabular_marl.active.decision import DecisionProcess
from tabular_marl.active.discounted import discounted
from tabular_marl.active.gain_bounds import end_components, lower_bound, upper_bound
from tabular_marl.active.joint_chain import explore
from tabular_marl.active.learners import Grid, QLearning
from tabular_marl.active.linear_programme import gain_by_linear_programme
from tabular_marl.games import bach_or_stravinsky
from tabular_marl.numerics.elimination import TooMuchFill, eliminate
from tabular_marl.solution import NotConverged, Status
from tabular_marl.validation import InputError


def dyadic(rng, states, actions, successors):
    """Few successors with probabilities k/8, integer rewards: rows sum to one exactly."""
    rows = np.zeros((states * actions, states))
    for row in rows:
        np.add.at(row, rng.choice(rng.integers(0, states, successors), 8), 1 / 8)
    rewards = rng.integers(-4, 5, (states, actions)).astype(float)
    return DecisionProcess(rewards, rows.reshape(states, actions, states))


def exact_gain(matrix, reward):
    """P* r in exact rationals from the Cesàro limit: g = r − (I − P) z with (I − P)² z = (I − P) r.

    z is any solution; it exists because the range of I − P meets its kernel only in 0.
    """
    n = len(reward)
    a = flint.fmpq_mat(
        n,
        n,
        [flint.fmpq(*Fraction(float(v)).as_integer_ratio()) for v in (np.eye(n) - matrix).ravel()],
    )
    r = flint.fmpq_mat(n, 1, [flint.fmpq(*Fraction(float(v)).as_integer_ratio()) for v in reward])
    augmented = flint.fmpq_mat(n, n + 1)
    square, right = a * a, a * r
    for i in range(n):
        for j in range(n):
            augmented[i, j] = square[i, j]
        augmented[i, n] = right[i, 0]
    reduced, rank = augmented.rref()
    z = flint.fmpq_mat(n, 1)
    for i in range(rank):
        pivot = next(j for j in range(n + 1) if reduced[i, j] != 0)
        assert pivot < n
        z[pivot, 0] = reduced[i, n]
    g = r - a * z
    return [Fraction(int(g[i, 0].p), int(g[i, 0].q)) for i in range(n)]


def exact_optimum(process):
    """max over all deterministic policies, state by state, in rationals."""
    states, actions = process.reward.shape
    dense = process.transition.toarray().reshape(states, actions, states)
    every = np.arange(states)
    best = [Fraction(-(10**9))] * states
    for policy in itertools.product(range(actions), repeat=states):
        gain = exact_gain(dense[every, policy], process.reward[every, policy])
        best = [max(b, g) for b, g in zip(best, gain, strict=True)]
    return best


@pytest.mark.parametrize("seed", range(12))
def test_multichain_optimum_is_bracketed_in_rationals(seed):
    process = dyadic(np.random.default_rng(seed), 5, 2, 1 + seed % 3)
    exact = exact_optimum(process)
    found = average_reward(process)
    assert found.status is Status.CONVERGED
    for lower, gain, upper, true in zip(
        found.gain_lower, found.gain, found.gain_upper, exact, strict=True
    ):
        assert Fraction(float(lower)) <= true <= Fraction(float(upper))
        assert abs(Fraction(float(gain)) - true) < Fraction(1, 10**13)
    assert found.width < 1e-11
    # the bounds are theorems about any h, any guess and any policy
    rng = np.random.default_rng(seed)
    for scale in (0.1, 10.0):
        h, guess = rng.normal(size=(2, 5)) * scale
        policy = rng.dirichlet(np.ones(2), 5)
        high = upper_bound(process, h, guess)
        low = lower_bound(process, h, guess, policy, process.chain(policy))
        for a, b, true in zip(low, high, exact, strict=True):
            assert Fraction(float(a)) <= true <= Fraction(float(b))


@pytest.mark.parametrize(("states", "actions"), [(40, 3), (150, 2)])
@pytest.mark.parametrize("seed", range(3))
def test_policy_iteration_and_the_linear_programme(states, actions, seed):
    rng = np.random.default_rng(seed)
    local = np.zeros((states * actions, states))
    for k, row in enumerate(local):
        near = np.clip(k // actions + rng.integers(-4, 2, 3), 0, states - 1)
        np.add.at(row, near, [0.5, 0.25, 0.25])
    process = DecisionProcess(rng.normal(size=(states, actions)), sparse.csr_array(local))
    found = average_reward(process)
    np.testing.assert_allclose(found.gain, gain_by_linear_programme(process), atol=1e-7)
    assert found.width < 1e-9
    chain = process.chain(found.actions)
    assert chain.num_classes == found.recurrent_classes
    paid = process.reward[np.arange(states), found.actions]
    np.testing.assert_allclose(found.gain, chain.cesaro_limit @ paid, atol=1e-11)
    size = np.abs(found.bias).max()
    np.testing.assert_allclose(chain.cesaro_limit @ found.bias, 0, atol=1e-12 * size)
    both = found.gain + found.bias
    np.testing.assert_allclose(both, paid + chain.transition @ found.bias, atol=1e-12 * size)


def test_all_methods_on_a_periodic_unichain():
    ring = np.roll(np.eye(6), 1, axis=1)
    process = DecisionProcess(
        np.array([[1.0, 2], [0, 0], [0, 1], [5, 4], [0, 0], [0, 0]]),
        np.stack([ring, ring @ ring], axis=1),
    )
    wanted = float(max(exact_optimum(process)))
    for method in ("policy-iteration", "relative-value-iteration"):
        found = average_reward(process, method=method)
        np.testing.assert_allclose(found.gain, wanted, atol=1e-8)
        assert (found.gain_lower <= wanted).all()
        assert (found.gain_upper >= wanted).all()


def test_relative_value_iteration_says_when_the_gain_depends_on_the_start():
    process = DecisionProcess([[1.0], [2.0]], np.eye(2)[:, None])
    with pytest.raises(NotConverged, match=r"2 recurrent classes.*use method='policy-iteration'"):
        average_reward(process, method="relative-value-iteration")
    found = average_reward(process, method="relative-value-iteration", on_failure="return")
    assert (found.gain_lower <= [1, 2]).all()
    assert (found.gain_upper >= [1, 2]).all()
    np.testing.assert_allclose(average_reward(process).gain, [1, 2])


@pytest.mark.parametrize("beta", [0.3, 2.0, 40.0])
@pytest.mark.parametrize("method", ["policy-iteration", "relative-value-iteration"])
def test_soft_gain_is_a_log_spectral_radius(beta, method):
    """Deterministic moves: e^{βg} is the Perron root of Σ_a p_a e^{βr(x,a)} 1[y = f(x,a)]."""
    rng = np.random.default_rng(4)
    states, actions = 7, 3
    to = rng.integers(0, states, (states, actions))
    to[:, 0] = (np.arange(states) + 1) % states
    process = DecisionProcess(rng.normal(size=(states, actions)), np.eye(states)[to])
    prior = rng.dirichlet(np.ones(actions), states)
    found = average_reward(process, method=method, beta=beta, prior=prior)
    matrix = np.zeros((states, states))
    for x in range(states):
        for a in range(actions):
            matrix[x, to[x, a]] += prior[x, a] * math.exp(beta * process.reward[x, a])
    wanted = math.log(np.abs(np.linalg.eigvals(matrix)).max()) / beta
    np.testing.assert_allclose(found.gain, wanted, atol=1e-8)
    assert (found.gain_lower - 1e-13 <= wanted).all()
    assert (found.gain_upper + 1e-13 >= wanted).all()
    # the policy earns what is claimed: r − KL(π‖p)/β on average
    relative = (found.policy * np.log(found.policy / prior)).sum(axis=1) / beta
    paid = (found.policy * process.reward).sum(axis=1) - relative
    earned = process.chain(found.policy).gain_and_bias(paid)[0]
    np.testing.assert_allclose(earned, wanted, atol=1e-7)


def test_soft_limits():
    process = dyadic(np.random.default_rng(1), 6, 2, 3)
    uniform = np.full((6, 2), 0.5)
    assert process.chain(uniform).is_unichain
    mean = process.chain(uniform).gain_and_bias(process.reward.mean(axis=1))[0]
    np.testing.assert_allclose(average_reward(process, beta=0.0).gain, mean, atol=1e-9)
    hard = average_reward(process).gain
    soft = average_reward(process, beta=1e3).gain
    assert np.all(soft <= hard + 1e-9)
    np.testing.assert_allclose(soft, hard, atol=math.log(2) / 1e3 + 1e-9)


def test_soft_multichain_is_refused():
    apart = DecisionProcess([[1.0, 0.0], [2.0, 0.0]], np.eye(2)[[[0, 0], [1, 1]]])
    with pytest.raises(InputError, match="several closed classes; it has 2"):
        average_reward(apart, beta=1.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tol": -1.0}, "tol must be a number > 0"),
        ({"tol": math.nan}, "tol must be a number > 0"),
        ({"max_iterations": 0}, "max_iterations must be an integer >= 1"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(InputError, match=message):
        average_reward(DecisionProcess([[1.0, 0.0]], np.ones((1, 2, 1))), **arguments)


def test_end_components_keep_what_can_be_kept():
    """States 0, 1 can cycle; 2 only passes; 3 absorbs; the risky action of 1 leaves."""
    rows = np.zeros((4, 2, 4))
    rows[0, :, 1] = 1
    rows[1, 0, 0] = 1
    rows[1, 1] = [0.5, 0, 0.5, 0]
    rows[2, :, 3] = 1
    rows[3, :, 3] = 1
    process = DecisionProcess(np.zeros((4, 2)), rows)
    labels, inside = end_components(process)
    assert labels[0] == labels[1] != labels[3]
    assert labels[2] == -1
    assert inside.tolist() == [[True, True], [True, False], [False, False], [True, True]]


def test_elimination_that_does_not_fit_gives_way_to_levels(monkeypatch):
    rng = np.random.default_rng(6)
    weight = rng.dirichlet(np.ones(500) / 50, 1500) + 1e-6
    transition = sparse.csr_array(weight / weight.sum(axis=1, keepdims=True))
    process = DecisionProcess(rng.normal(size=(500, 3)), transition)
    wanted = average_reward(process).gain
    assert np.ptp(wanted) == 0

    def refuse(matrix, *arguments):
        if matrix.shape[0] > 400 or matrix.shape[0] < 4:
            raise TooMuchFill("no room")
        return eliminate(matrix, *arguments)

    monkeypatch.setattr(chains, "eliminate", refuse)
    found = average_reward(process)
    np.testing.assert_allclose(found.gain, wanted, atol=1e-12)
    assert found.width < 1e-10
    apart = DecisionProcess([[1.0], [2.0], [0.0]], [[[1, 0, 0]], [[0, 1, 0]], [[0.5, 0.5, 0]]])
    with pytest.raises(TooMuchFill):
        average_reward(apart)


# -- Question 1 of FURTHER G.1: Bach or Stravinsky against a Q-learner --------------------------


@pytest.fixture(scope="module", params=[(1.0, 7), (0.5, 14)], ids=["code", "paper"])
def question_1(request):
    """Q from [10, 20], γ = 0.9, ε = 0.05 uniform, on a grid of step 0.05."""
    step_size, flips = request.param
    learner = QLearning([10, 20], step_size, 0.9, 0.05, grid=Grid(0, 20, 401))
    return explore(bach_or_stravinsky(), {1: learner}), flips


def test_committing_is_optimal_on_average(question_1):
    process, _ = question_1
    found = average_reward(process.decision)
    np.testing.assert_allclose(found.gain, 2 * 0.975, atol=1e-9)
    assert found.width < 1e-9
    start = process.starts[0]
    always = np.zeros(process.num_states, dtype=int)
    commit = process.chain(always).gain_and_bias(process.reward[:, 0])[0]
    comply = process.chain(always + 1).gain_and_bias(process.reward[:, 1])[0]
    assert commit[start] == pytest.approx(1.95, abs=1e-9)
    assert comply[start] == pytest.approx(0.975, abs=1e-9)


def test_the_discount_decides(question_1):
    process, flips = question_1
    start = process.starts[0]
    assert discounted(process.decision, 0.99).policy[start].tolist() == [1, 0]
    assert discounted(process.decision, 0.88).policy[start].tolist() == [0, 1]
    # always committing against always complying: 0 for the mismatches, then 1.95 instead of 0.975
    size = process.num_states
    worth = {}
    for gamma in (0.88, 0.99):
        for action in (0, 1):
            pure = DecisionProcess.trusted(
                process.reward[:, [action]], process.transition[np.arange(size) * 2 + action]
            )
            worth[gamma, action] = discounted(pure, gamma, tol=1e-8).value[start]
    assert worth[0.88, 0] < worth[0.88, 1]
    assert worth[0.99, 0] > worth[0.99, 1]
    # against the greedy learner the flip comes after exactly `flips` mismatches
    greedy = explore(
        process.game,
        {1: QLearning([10, 20], 1.0 if flips == 7 else 0.5, 0.9, 0.0, grid=Grid(0, 20, 2001))},
    )
    x, count = greedy.starts[0], 0
    while greedy.reward[x, 0] == 0:
        x = greedy.transition[[2 * x]].indices[0]
        count += 1
    assert count == flips


def test_nearly_decoupled_blocks_of_many_states():
    """Sixty random blocks in a ring, linked at 1e-3: much fill, and too slow for plain steps."""
    rng = np.random.default_rng(3)
    size, blocks, link = 100, 60, 1e-3
    states = size * blocks
    block = np.repeat(np.arange(blocks), size)[:, None]
    inside = block * size + rng.integers(0, size, (states, 8))
    beside = (block[:, 0] + rng.choice([-1, 1], states)) % blocks * size
    targets = np.column_stack([inside, beside + rng.integers(0, size, states)])
    weight = np.column_stack([(1 - link) * rng.dirichlet(np.ones(8), states), [link] * states])
    rows = np.repeat(np.arange(states), 9)
    chain = MarkovChain(
        sparse.csr_array((weight.ravel(), (rows, targets.ravel())), shape=(states, states))
    )
    reward = rng.normal(size=states)
    gain, bias, exact = evaluation._on_levels(chain, reward, None)
    assert exact
    gap = reward + chain.transition @ bias - bias - gain
    assert np.abs(gap).max() < 1e-9 < 1 < np.abs(bias).max()
    assert np.ptp(gain) == 0
