"""Library games as environments: they follow P, pay R, start and end where the game says."""

import numpy as np
import pytest
import torch

import tabular_marl as tm
from tabular_marl.deep.environments.stochastic import (
    Stationary,
    StochasticEnvironment,
    absorbing,
    packed,
)
from tabular_marl.deep.parts.replay import Replay
from tabular_marl.validation import InputError

SEEDS = 20_000
#: Of a frequency among SEEDS draws: five standard deviations.
NOISE = 5 * 0.5 / SEEDS**0.5


def random_game():
    rng = np.random.default_rng(0)
    transition = rng.dirichlet(np.ones(4), (4, 2, 3))
    transition[0, 0, 0] = [0, 0.3, 0, 0.7]  # rows of different lengths
    rewards = rng.normal(size=(2, 4, 2, 3))
    return tm.StochasticGame(transition, *rewards, initial=[0.5, 0, 0.2, 0.3])


def sparse(game):
    from scipy.sparse import csr_array

    rows = csr_array(game.transition.reshape(-1, game.num_states))
    return tm.StochasticGame(rows, game.reward, game.opponent_reward, initial=game.initial)


def fresh(game, seeds=SEEDS, **settings):
    return StochasticEnvironment(game, seeds, torch.Generator().manual_seed(0), **settings)


@pytest.mark.parametrize("make", [lambda game: game, sparse], ids=["dense", "sparse"])
def test_it_follows_the_game(make):
    game = random_game()
    env = fresh(make(game))
    starts = env.observation.mean(0)
    assert (starts - torch.from_numpy(game.initial.copy())).abs().max() < NOISE
    for s, a, b in ((0, 0, 0), (1, 1, 2), (3, 0, 1)):
        env.state = torch.full((SEEDS,), s)
        paid = env.step(torch.full((SEEDS,), a), torch.full((SEEDS,), b))
        expected = [game.reward[s, a, b], game.opponent_reward[s, a, b]]
        np.testing.assert_allclose(paid[:, 0], expected, rtol=1e-6)
        law = torch.from_numpy(game.transition[s, a, b].copy())
        found = env.arrival.mean(0)
        assert (found - law).abs().max() < NOISE
        assert (found[law == 0] == 0).all()
        assert torch.equal(env.arrival, env.observation)


def test_an_episode_ends_and_its_last_arrival_is_still_seen():
    game = random_game()
    env = fresh(game, episode=3)
    a, b = torch.zeros(2, SEEDS, dtype=torch.int64)
    for step in range(1, 8):
        env.state = torch.full((SEEDS,), 1)
        env.step(a, b)
        begins = step % 3 == 0
        law = game.initial if begins else game.transition[1, 0, 0]
        assert (env.observation.mean(0) - torch.from_numpy(law.copy())).abs().max() < NOISE
        arrived = torch.from_numpy(game.transition[1, 0, 0].copy())
        assert (env.arrival.mean(0) - arrived).abs().max() < NOISE


def test_an_absorbing_state_is_left_after_one_step_in_it():
    game = tm.games.grid_game_1()
    end = game.states.index("end")
    assert absorbing(game).tolist() == [k == end for k in range(game.num_states)]
    env = fresh(game, 2)
    env.state = torch.tensor([end, 0])
    a = torch.zeros(2, dtype=torch.int64)
    env.step(a, a)
    assert env.arrival.argmax(1)[0] == end
    assert env.state[0] == 0
    assert env.time.tolist() == [0, 1]


def test_a_game_without_a_beginning_begins_anywhere():
    rng = np.random.default_rng(1)
    game = tm.StochasticGame(rng.dirichlet(np.ones(5), (5, 2, 2)), rng.normal(size=(5, 2, 2)))
    env = fresh(game)
    assert (env.observation.mean(0) - 0.2).abs().max() < NOISE
    paid = env.step(*torch.zeros(2, SEEDS, dtype=torch.int64))
    assert torch.equal(paid[0], paid[1])  # the agent's reward is both's


def test_a_matrix_game_is_played_again_and_again():
    env = fresh(tm.games.stag_hunt(), 3)
    paid = env.step(torch.tensor([0, 0, 1]), torch.tensor([0, 1, 1]))
    assert paid.tolist() == [[4, 1, 2], [4, 3, 2]]
    assert env.observation.tolist() == [[1]] * 3
    with pytest.raises(InputError, match="have two players"):
        fresh(tm.games.three_player_pennies())


def test_it_goes_on_from_a_checkpoint():
    def moves(env, steps):
        for _ in range(steps):
            drawn = [torch.randint(n, (50,), generator=env.generator) for n in env.actions]
            env.step(*drawn)
        return env.state_dict()

    whole = moves(fresh(random_game(), 50, episode=7), 20)
    env = fresh(random_game(), 50, episode=7)
    held, stream = moves(env, 12), env.generator.get_state()
    env = fresh(random_game(), 50, episode=7)
    env.load_state_dict(held)
    env.generator.set_state(stream)
    again = moves(env, 8)
    assert all(torch.equal(whole[name], again[name]) for name in whole)


def test_packed_rows_are_the_rows():
    game = random_game()
    rows = game.transition.reshape(-1, 4)
    successors, cumulative = packed(rows)
    found = np.zeros_like(rows)
    chances = np.diff(cumulative, axis=1, prepend=0)
    np.add.at(found, (np.arange(len(rows))[:, None], successors), chances)
    np.testing.assert_allclose(found, rows, atol=1e-15)


def test_a_stationary_player_plays_its_policy():
    table = torch.tensor([[0.2, 0.8], [0.9, 0.1]])
    player = Stationary(table, torch.Generator().manual_seed(0))
    obs = torch.eye(2)[torch.arange(SEEDS) % 2]
    played = player.act(obs).float()
    assert abs(played[::2].mean() - 0.8) < 1.5 * NOISE  # of half as many
    assert abs(played[1::2].mean() - 0.1) < 1.5 * NOISE


def test_replay_is_uniform_over_the_latest_rows():
    replay = Replay(4, 2, {"x": ((3,), torch.float32), "k": ((), torch.int64)})
    row = torch.arange(3.0)
    generator = torch.Generator().manual_seed(0)
    for k in range(7):
        replay.add(x=torch.stack([row + k, row - k]), k=torch.tensor([k, -k]))
        drawn = replay.sample(4000, generator)
        assert drawn["x"].shape == (2, 4000, 3)
        held = torch.arange(max(0, k - 3), k + 1)
        values, counts = drawn["k"][0].unique(return_counts=True)
        assert values.tolist() == held.tolist()
        assert (counts / 4000 - 1 / len(held)).abs().max() < 5 * 0.5 / 4000**0.5
        for seed, sign in ((0, 1), (1, -1)):  # fields of one row stay together
            assert torch.equal(drawn["x"][seed], row + drawn["k"][seed][:, None])
            assert (drawn["k"][seed] * sign >= 0).all()
    again = Replay(4, 2, {"x": ((3,), torch.float32), "k": ((), torch.int64)})
    again.load_state_dict(replay.state_dict())
    one, two = (r.sample(9, torch.Generator().manual_seed(3)) for r in (replay, again))
    assert torch.equal(one["x"], two["x"])
