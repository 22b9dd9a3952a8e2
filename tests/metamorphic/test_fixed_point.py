"""How the fixed point must change when the game changes in a known way."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from tabular_marl.numerics.backup import Backup
from tabular_marl.numerics.fixed_point import fixed_point
from tabular_marl.numerics.recipe import AGENT, OPPONENT, Aggregation

INF = math.inf
BETAS = [(2.0, 3.0), (5.0, -3.0), (-80.0, 60.0), (INF, -INF), (0.0, 1e-9), (1e6, -1e6)]
DISCOUNTS = [0.5, 0.99]


@pytest.fixture(params=BETAS, ids=str)
def betas(request):
    return request.param


@pytest.fixture(params=DISCOUNTS)
def discount(request):
    return request.param


@pytest.fixture(params=range(3))
def game(request):
    rng = np.random.default_rng(request.param)
    reward = rng.standard_normal((6, 3, 2))
    transition = rng.dirichlet(np.full(6, 0.3), (6, 3, 2))
    priors = (
        rng.dirichlet(np.ones(3), (6, 2)).transpose(0, 2, 1),
        rng.dirichlet(np.ones(2), 6)[:, None, :],
    )
    return reward, transition, priors


def solve(reward, transition, discount, betas, priors):
    recipe = (Aggregation(AGENT, betas[0], priors[0]), Aggregation(OPPONENT, betas[1], priors[1]))
    return fixed_point(Backup(reward, transition, discount, recipe))


def assert_same(first, second, change=lambda v: v, scale=1.0, slack=0.0):
    """Equal within the two proved errors; ``slack`` for the rounding of the changed input."""
    gap = np.max(np.abs(change(first.value) - second.value))
    assert gap <= abs(scale) * first.error_bound + second.error_bound + slack


def test_a_constant_reward_adds_its_discounted_sum(game, betas, discount):
    reward, transition, priors = game
    first = solve(reward, transition, discount, betas, priors)
    second = solve(reward + 0.75, transition, discount, betas, priors)
    excess = np.max(np.abs(transition.sum(axis=-1) - 1)) + 1e-15
    slack = (2e-15 + excess) / (1 - discount) ** 2
    assert_same(first, second, lambda v: v + 0.75 / (1 - discount), slack=slack)


@pytest.mark.parametrize("factor", [2.0**-20, 4.0, 2.0**30])
def test_units_of_reward(game, betas, discount, factor):
    # A power of two changes no rounding of the inputs.
    reward, transition, priors = game
    first = solve(reward, transition, discount, betas, priors)
    scaled = tuple(beta / factor for beta in betas)
    second = solve(factor * reward, transition, discount, scaled, priors)
    assert_same(first, second, lambda v: factor * v, scale=factor)


def test_negation_swaps_the_signs(game, betas, discount):
    reward, transition, priors = game
    first = solve(reward, transition, discount, betas, priors)
    second = solve(-reward, transition, discount, (-betas[0], -betas[1]), priors)
    assert_same(first, second, lambda v: -v)


def test_an_action_in_two_copies_that_share_its_prior(game, betas, discount):
    reward, transition, priors = game
    first = solve(reward, transition, discount, betas, priors)
    twice = [0, 1, 2, 2]
    split = priors[0][:, twice] * np.array([1, 1, 0.5, 0.5])[:, None]
    second = solve(reward[:, twice], transition[:, twice], discount, betas, (split, priors[1]))
    assert_same(first, second)


def test_new_names_for_states_and_actions(game, betas, discount):
    reward, transition, priors = game
    first = solve(reward, transition, discount, betas, priors)
    states, agent, opponent = [3, 1, 5, 0, 2, 4], [2, 0, 1], [1, 0]
    pick = np.ix_(states, agent, opponent)
    second = solve(
        reward[pick],
        transition[np.ix_(states, agent, opponent, states)],
        discount,
        betas,
        (priors[0][pick], priors[1][np.ix_(states, [0], opponent)]),
    )
    assert_same(first, second, lambda v: v[states])


def test_an_action_of_prior_zero_changes_nothing(game, betas, discount):
    reward, transition, priors = game
    first = solve(reward, transition, discount, betas, priors)
    more = [0, 1, 2, 0]
    padded = priors[0][:, more] * np.array([1, 1, 1, 0])[:, None]
    bait = reward[:, more].copy()
    bait[:, 3] += 1e3
    second = solve(bait, transition[:, more], discount, betas, (padded, priors[1]))
    assert_same(first, second)


def test_equal_temperatures_make_one_aggregation(game, discount):
    # F over a given b, then over b, at one β, is F over both under the product of the priors.
    reward, transition, priors = game
    first = solve(reward, transition, discount, (1.5, 1.5), priors)
    joint = (priors[0] * priors[1]).reshape(6, 6)
    recipe = (Aggregation(AGENT, 1.5, joint),)
    second = fixed_point(
        Backup(reward.reshape(6, 6), transition.reshape(6, 6, 6), discount, recipe)
    )
    assert_same(first, second, slack=1e-14 / (1 - discount))


def test_value_rises_with_beta(game, discount):
    reward, transition, priors = game
    ladder = [-INF, -50.0, -1.0, 0.0, 1.0, 50.0, INF]
    values = [solve(reward, transition, discount, (beta, 0.5), priors) for beta in ladder]
    for low, high in itertools.pairwise(values):
        assert np.all(low.value <= high.value + low.error_bound + high.error_bound)
