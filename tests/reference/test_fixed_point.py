"""The engine on games with answers in closed form, and what it says when it cannot answer."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import sparse

from tabular_marl.numerics.backup import Backup
from tabular_marl.numerics.fixed_point import METHODS, fixed_point
from tabular_marl.numerics.recipe import AGENT, OPPONENT, Aggregation
from tabular_marl.solution import NotConverged, Status
from tabular_marl.validation import InputError

INF = math.inf


def random_arrays(rng, states=5, actions=(3, 2)):
    reward = rng.standard_normal((states, *actions))
    return reward, rng.dirichlet(np.ones(states), (states, *actions))


def logmeanexp(x, beta, axis, weights=None):
    """The textbook formula, fine for the modest numbers used here."""
    return np.log(np.average(np.exp(beta * x), axis=axis, weights=weights)) / beta


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("discount", [0.0, 0.5, 0.99])
def test_one_state_is_its_free_energy_over_one_minus_the_discount(method, discount):
    reward = np.array([[[1.0, -0.5], [0.25, 2.0], [0.0, 0.75]]])
    recipe = (Aggregation(AGENT, 2.0), Aggregation(OPPONENT, -3.0, [0.25, 0.75]))
    answer = fixed_point(Backup(reward, np.ones((1, 3, 2, 1)), discount, recipe), method)
    inner = logmeanexp(reward[0], 2.0, axis=0)
    expected = logmeanexp(inner, -3.0, axis=0, weights=[0.25, 0.75]) / (1 - discount)
    assert answer.status is Status.CONVERGED
    assert abs(answer.value[0] - expected) <= answer.error_bound + 1e-14 / (1 - discount)


def test_two_state_decision_process_by_hand():
    # Stay in 0 for 1 a step or go to 1 for nothing; there 3 a step for ever.
    reward = np.array([[1.0, 0.0], [3.0, 3.0]])
    transition = np.array([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [0.0, 1.0]]])
    answer = fixed_point(Backup(reward, transition, 0.5, (Aggregation(AGENT, INF),)))
    np.testing.assert_allclose(answer.value, [3.0, 6.0], rtol=0, atol=answer.error_bound)
    impatient = fixed_point(Backup(reward, transition, 0.25, (Aggregation(AGENT, INF),)))
    np.testing.assert_allclose(impatient.value, [4 / 3, 4.0], atol=1e-14)


def test_maximin_of_a_leader_and_a_follower():
    payoff = np.array([[[3.0, 1.0], [2.0, 2.5]]])
    follower_sees = (Aggregation(OPPONENT, -INF), Aggregation(AGENT, INF))
    leader_sees = (Aggregation(AGENT, INF), Aggregation(OPPONENT, -INF))
    ones = np.ones((1, 2, 2, 1))
    assert fixed_point(Backup(payoff, ones, 0.5, follower_sees)).value[0] == pytest.approx(4.0)
    assert fixed_point(Backup(payoff, ones, 0.5, leader_sees)).value[0] == pytest.approx(5.0)


def test_outcomes_of_prior_zero_are_never_chosen():
    reward = np.array([[[100.0, 1.0], [0.0, 2.0]]])
    recipe = (Aggregation(AGENT, INF, [[[0.0, 0.5], [1.0, 0.5]]]), Aggregation(OPPONENT, INF))
    assert fixed_point(Backup(reward, np.ones((1, 2, 2, 1)), 0.0, recipe)).value[0] == 2.0


def test_linearise_gives_the_backup_its_gradient_and_the_tilts():
    rng = np.random.default_rng(5)
    reward, transition = random_arrays(rng)
    prior = rng.dirichlet(np.ones(3), (5, 2)).transpose(0, 2, 1)
    operator = Backup(
        reward, transition, 0.9, (Aggregation(AGENT, 1.5, prior), Aggregation(OPPONENT, -0.7))
    )
    value = rng.standard_normal(5)
    q = reward + 0.9 * transition @ value
    inner = logmeanexp(q, 1.5, axis=1, weights=prior)
    there = operator.linearise(value)
    np.testing.assert_allclose(operator.q(value), q, atol=1e-14)
    np.testing.assert_allclose(there.backup, logmeanexp(inner, -0.7, axis=1), atol=1e-14)
    np.testing.assert_allclose(operator(value), there.backup, atol=0)
    agent, opponent = there.tilts
    assert agent.shape == (5, 3, 2)
    assert opponent.shape == (5, 1, 2)
    np.testing.assert_allclose(agent.sum(axis=1), 1.0)
    np.testing.assert_allclose(there.weights, agent * opponent, atol=1e-16)
    step = 1e-6 * rng.standard_normal(5)
    gradient = 0.9 * np.einsum("sab,sabt,t->s", there.weights, transition, step)
    change = (operator(value + step) - operator(value - step)) / 2
    np.testing.assert_allclose(change, gradient, atol=1e-13)


def test_three_players_in_any_order():
    rng = np.random.default_rng(6)
    reward, transition = random_arrays(rng, 3, (2, 3, 2))
    recipe = (Aggregation(1, 0.0), Aggregation(2, 4.0), Aggregation(0, -2.0))
    answer = fixed_point(Backup(reward, transition, 0.9, recipe))
    value = answer.value
    for _ in range(3):
        q = reward + 0.9 * transition @ value
        value = logmeanexp(logmeanexp(q.mean(axis=2), 4.0, axis=2), -2.0, axis=1)
    np.testing.assert_allclose(value, answer.value, atol=1e-13)


@pytest.mark.parametrize("betas", [(5.0, 3.0), (50.0, -50.0), (INF, -INF)])
def test_sparse_dense_and_compressed_agree(betas):
    rng = np.random.default_rng(7)
    states, actions = 40, (3, 2)
    reward = rng.random((states, *actions))
    ring = np.zeros((states, *actions, states))
    for s in range(states):
        ring[s][..., [(s - 1) % states, s, (s + 1) % states]] = rng.dirichlet(np.ones(3), actions)
    recipe = (Aggregation(AGENT, betas[0]), Aggregation(OPPONENT, betas[1]))
    compressed = Backup(reward, ring, 0.99, recipe)
    as_csr = Backup(reward, sparse.csr_array(ring.reshape(-1, states)), 0.99, recipe)
    spread_out = Backup(reward, ring + 1e-300, 0.99, recipe)
    assert compressed.is_sparse
    assert not spread_out.is_sparse
    answers = [fixed_point(operator) for operator in (compressed, as_csr, spread_out)]
    for answer in answers[1:]:
        bound = answer.error_bound + answers[0].error_bound
        assert np.max(np.abs(answer.value - answers[0].value)) <= bound


def test_the_game_is_taken_as_stored():
    # Rows that sum to 1 + 1e-10 make a different game, whose answer is not within the tolerance
    # of the other's.
    row = np.array([0.5, 0.5 + 1e-10])
    transition = np.broadcast_to(row, (2, 1, 2)).copy()
    answer = fixed_point(Backup([[1.0], [1.0]], transition, 0.999, (Aggregation(AGENT, 1.0),)))
    assert answer.error_bound <= 1e-10
    exact = 1 / (1 - 0.999 * (1 + 1e-10))
    assert np.max(np.abs(answer.value - exact)) <= 1e-10
    assert abs(exact - 1000) > 5e-5


def test_floor_is_reported_with_a_bound():
    rng = np.random.default_rng(8)
    reward, transition = random_arrays(rng)
    answer = fixed_point(
        Backup(1e8 * reward, transition, 0.999, (Aggregation(0, 1e-8), Aggregation(1, -1e-8)))
    )
    assert answer.status is Status.FLOOR
    assert 1e-10 < answer.error_bound < 1e-1


@pytest.mark.parametrize("method", ["value-iteration", "anderson", "newton", "auto"])
def test_too_few_iterations_fail_loudly(method):
    rng = np.random.default_rng(9)
    reward, transition = random_arrays(rng)
    operator = Backup(reward, transition, 0.999, (Aggregation(0, 50.0), Aggregation(1, -50.0)))
    with pytest.raises(NotConverged, match="iteration limit") as caught:
        fixed_point(operator, method, max_iterations=2)
    partial = caught.value.partial
    returned = fixed_point(operator, method, max_iterations=2, on_failure="return")
    assert returned.status is partial.status is Status.ITERATION_LIMIT
    exact = fixed_point(operator)
    assert np.max(np.abs(returned.value - exact.value)) <= returned.error_bound + 1e-10


def test_initial_value_at_the_answer_ends_at_once():
    rng = np.random.default_rng(10)
    reward, transition = random_arrays(rng)
    operator = Backup(reward, transition, 0.9, (Aggregation(0, 2.0), Aggregation(1, 1.0)))
    answer = fixed_point(operator)
    assert fixed_point(operator, initial=answer.value).iterations == 1


def test_answers_are_read_only_and_inputs_are_left_alone():
    rng = np.random.default_rng(11)
    reward, transition = random_arrays(rng)
    before = reward.copy(), transition.copy()
    answer = fixed_point(Backup(reward, transition, 0.9, (Aggregation(0, 2.0), Aggregation(1, 0))))
    assert not answer.value.flags.writeable
    np.testing.assert_array_equal(reward, before[0])
    np.testing.assert_array_equal(transition, before[1])
    assert len(answer.history) >= 1
    assert answer.history[-1] == answer.error_bound


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "newtom"}, "did you mean 'newton'"),
        ({"tol": 0.0}, "tol must be a number > 0"),
        ({"tol": math.nan}, "tol must be a number > 0"),
        ({"max_iterations": 0}, "max_iterations must be an integer >= 1"),
        ({"initial": [0.0, math.nan]}, "initial must hold finite numbers"),
        ({"initial": [0.0]}, "initial must have shape"),
        ({"on_failure": "ignore"}, "on_failure must be one of"),
    ],
)
def test_bad_arguments_of_the_solve(arguments, message):
    operator = Backup(np.ones((2, 2)), np.full((2, 2, 2), 0.5), 0.9, (Aggregation(0, 1.0),))
    with pytest.raises(InputError, match=message):
        fixed_point(operator, **arguments)


@pytest.mark.parametrize(
    ("reward", "transition", "discount", "message"),
    [
        (np.ones(2), np.full((2, 2, 2), 0.5), 0.9, "reward must have a state axis"),
        (np.ones((2, 2)), np.full((2, 3, 2), 0.5), 0.9, "transition must have shape"),
        (np.ones((2, 2)), sparse.eye_array(4, format="csr"), 0.9, "transition must have shape"),
        (np.ones((2, 2)), np.full((2, 2, 2), 0.5), 1.0, "discount must be a number"),
    ],
)
def test_bad_games(reward, transition, discount, message):
    with pytest.raises(InputError, match=message):
        Backup(reward, transition, discount, (Aggregation(0, 1.0),))


@pytest.mark.parametrize("method", ["auto", "newton", "value-iteration", "anderson"])
@pytest.mark.parametrize("beta", [0.0, 2.0, math.inf])
def test_a_value_of_exactly_zero_is_proved(method, beta):
    """The first sweep, at V = 0, finds no residual and has not looked at the transitions yet."""
    rows = np.full((2, 2, 2), 0.5)
    backup = Backup(np.zeros((2, 2)), rows, 0.9, (Aggregation(AGENT, beta),))
    answer = fixed_point(backup, method=method)
    assert answer.value.tolist() == [0.0, 0.0]
    assert answer.status is Status.CONVERGED
    assert answer.error_bound < 1e-12
