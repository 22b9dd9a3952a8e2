"""Every system: changes of a game whose effect is known without solving it, and being a value."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import tabular_marl as tm

STATES, A, B = 4, 2, 3
RNG = np.random.default_rng(0)
LOW = np.moveaxis(RNG.dirichlet(np.ones(A * B), 2).reshape(2, A, B), 0, -1)
MINE, THEIRS = RNG.dirichlet(np.ones(A), 2).T, RNG.dirichlet(np.ones(B), 2).T


def game_of(seed=0, discount=0.8):
    rng = np.random.default_rng(seed)
    return tm.StochasticGame(
        rng.dirichlet(np.ones(STATES), size=(STATES, A, B)),
        rng.normal(size=(STATES, A, B)),
        rng.normal(size=(STATES, A, B)),
        discount=discount,
    )


def changed(game, reward=None, other=None, transition=None):
    return tm.StochasticGame(
        game.transition if transition is None else transition,
        game.reward if reward is None else reward,
        game.opponent_reward if other is None else other,
        discount=game.discount,
    )


def close(one, other, slack=1e-7):
    np.testing.assert_allclose(one, other, rtol=0, atol=slack)


#: name -> the solve with every β divided by k
SYSTEMS = {
    "minimax-pr2": lambda g, k=1.0: tm.minimax_pr2(g, 2.0 / k, -1.0 / k),
    "fictitious-play": lambda g, k=1.0: tm.fictitious_play(g, 2.0 / k, -1.0 / k, rounds=4),
    "fictitious-play kept": lambda g, k=1.0: tm.fictitious_play(g, 1.0 / k, 2.0 / k, "kept"),
    "fictitious-play corrected": lambda g, k=1.0: tm.fictitious_play(
        g, 2.0 / k, 1.0 / k, "replaced", "regularised", rounds=4
    ),
    "perfect-model": lambda g, k=1.0: tm.perfect_model(g, 2.0 / k, 3.0 / k, "regularised"),
    "perfect-model coupled": lambda g, k=1.0: tm.perfect_model(
        g, 1.0 / k, 1.0 / k, coupled=True, rounds=6
    ),
    "level-k": lambda g, k=1.0: tm.level_k(g, 2.0 / k, 4, beta_opponent=-1.0 / k),
    "behavioural": lambda g, k=1.0: tm.behavioural_levels(g, 2.0 / k, 4),
    "rommeo-em": lambda g, k=1.0: tm.rommeo_em(g, 1.0 / k, rounds=4),
    "rommeo-em soft": lambda g, k=1.0: tm.rommeo_em(g, 1.0 / k, "kept", "regularised", 4),
    "em": lambda g, k=1.0: tm.em(g, 1.0 / k, 2.0 / k, rounds=4),
    "options": lambda g, k=1.0: tm.options(g, 2.0 / k, prior=LOW),
    "multi-agent-options": lambda g, k=1.0: tm.multi_agent_options(
        g, 2.0 / k, 2, -1.0 / k, agent_prior=MINE, opponent_prior=THEIRS
    ),
}
TWO_REWARDS = {"perfect-model", "perfect-model coupled", "em", "behavioural"}
every = pytest.mark.parametrize("name", SYSTEMS)


@every
def test_shift_of_the_reward(name):
    game = game_of(1)
    base = SYSTEMS[name](game)
    moved = SYSTEMS[name](changed(game, game.reward + 3.0, game.opponent_reward - 2.0))
    close(moved.value, base.value + 15.0)
    close(moved.joint_policy, base.joint_policy)
    close(moved.agent_policy, base.agent_policy)


@every
def test_scale_of_the_reward_and_the_betas(name):
    game = game_of(2)
    base = SYSTEMS[name](game)
    scaled = SYSTEMS[name](changed(game, 4.0 * game.reward, 4.0 * game.opponent_reward), 4.0)
    close(scaled.value, 4.0 * base.value)
    close(scaled.joint_policy, base.joint_policy)


@pytest.mark.parametrize("name", sorted(set(SYSTEMS) - {"minimax-pr2"}))
def test_negating_rewards_and_betas_negates_values(name):
    game = game_of(3)
    base = SYSTEMS[name](game)
    mirrored = SYSTEMS[name](changed(game, -game.reward, -game.opponent_reward), -1.0)
    close(mirrored.value, -base.value)
    close(mirrored.joint_policy, base.joint_policy)


@every
def test_order_of_states_does_not_matter(name):
    game, order = game_of(4), np.array([2, 0, 3, 1])
    moved = changed(
        game,
        game.reward[order],
        game.opponent_reward[order],
        game.transition[order][..., order],
    )
    one, other = SYSTEMS[name](game), SYSTEMS[name](moved)
    close(other.value, one.value[order])
    close(other.agent_policy, one.agent_policy[order])
    close(other.opponent_policy, one.opponent_policy[order])


@every
def test_sparse_and_dense_are_one_game(name):
    from scipy.sparse import csr_array

    game = game_of(5)
    packed = changed(game, transition=csr_array(game.transition_rows))
    one, other = SYSTEMS[name](game), SYSTEMS[name](packed)
    close(one.value, other.value)
    close(one.opponent_policy, other.opponent_policy)


@every
def test_answers_are_locked_pickle_and_name_their_model(name):
    result = SYSTEMS[name](game_of(11))
    parts = [result, *getattr(result, "path", ()), getattr(result, "opponent", None)]
    arrays = [x for part in parts if part for x in vars(part).values() if isinstance(x, np.ndarray)]
    assert len(arrays) >= 5
    assert not any(array.flags.writeable for array in arrays)
    again = pickle.loads(pickle.dumps(result))
    assert type(again) is type(result)
    np.testing.assert_array_equal(again.value, result.value)
    assert result.model in name or result.model == "behavioural-levels"
    assert result.certify().width < 1e-12


@pytest.mark.parametrize("name", sorted(set(SYSTEMS) - TWO_REWARDS))
def test_the_opponents_reward_is_not_looked_at(name):
    game = game_of(6)
    alone = tm.StochasticGame(game.transition, game.reward, discount=game.discount)
    np.testing.assert_array_equal(SYSTEMS[name](game).value, SYSTEMS[name](alone).value)


@pytest.mark.parametrize("name", sorted(TWO_REWARDS))
def test_the_opponents_reward_is_looked_at(name):
    game = game_of(7)
    other = changed(game, other=-game.opponent_reward)
    one, two = SYSTEMS[name](game), SYSTEMS[name](other)
    assert np.abs(one.opponent_policy - two.opponent_policy).max() > 1e-3


def test_level_k_with_the_players_names_exchanged():
    game = game_of(8)
    swapped = tm.StochasticGame(
        game.transition.transpose(0, 2, 1, 3), game.reward.transpose(0, 2, 1), discount=0.8
    )
    one = tm.level_k(game, 2.0, 4, "agent", beta_opponent=-1.0)
    other = tm.level_k(swapped, -1.0, 4, "opponent", beta_opponent=2.0)
    for k in range(5):
        close(one.agent_marginals[k], other.opponent_marginals[k])
        close(one.opponent_marginals[k], other.agent_marginals[k])
    for left, right in zip(one.path, other.path, strict=True):
        close(left.value, right.value)


def test_duplicating_an_option_with_its_prior_split():
    game = game_of(9)
    low = LOW[..., [0, 1, 1]]
    one = tm.options(game, 2.0, 2, LOW, [0.4, 0.6], [0.3, 0.8])
    other = tm.options(game, 2.0, 3, low, [0.4, 0.25, 0.35], [0.3, 0.8, 0.8])
    close(other.value[:, :2], one.value)
    close(other.value[:, 2], one.value[:, 1])
    close(other.master_policy[:, 1:].sum(axis=1), one.master_policy[:, 1])


def test_exchanging_options_exchanges_policies():
    game = game_of(10)
    one = tm.multi_agent_options(game, 2.0, agent_prior=MINE, opponent_prior=THEIRS)
    other = tm.multi_agent_options(
        game, 2.0, agent_prior=MINE[:, ::-1], opponent_prior=THEIRS[:, ::-1]
    )
    close(other.value, one.value[:, ::-1, ::-1])
    close(other.agent_master, one.agent_master[:, :, ::-1, ::-1])
    close(other.opponent_termination, one.opponent_termination[:, ::-1, ::-1])
