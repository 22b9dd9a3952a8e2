"""Differential games: their equilibria, their grids; squashed Gaussians; crowds."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from torch.distributions import Normal, TransformedDistribution
from torch.distributions.transforms import AffineTransform, TanhTransform

from tabular_marl.deep.environments.crowd import Crowd
from tabular_marl.deep.environments.differential import (
    GAMES,
    TEN,
    RepeatedGame,
    Steady,
    differential_game,
    exact,
)
from tabular_marl.deep.losses.opponent import gaussian_prior
from tabular_marl.deep.parts.networks import SeedMLP, evaluate
from tabular_marl.deep.parts.squashed import Box, Squashed
from tabular_marl.validation import InputError

LINE = torch.linspace(-10, 10, 4001, dtype=torch.float64)


def generator():
    return torch.Generator().manual_seed(0)


def expected(game, player, own, others):
    """E of a player's payoff for each own action, against an even draw from ``others``."""
    held = [torch.full_like(own, place) for place in others]
    pairs = [(own, b) if player == 0 else (b, own) for b in held]
    return torch.stack([game.payoffs(*pair)[player] for pair in pairs]).mean(0)


@pytest.mark.parametrize("game", GAMES.values(), ids=lambda game: game.name)
def test_nobody_gains_by_leaving_an_equilibrium(game):
    for found in game.equilibria:
        for player, (own, other) in enumerate(
            [(found.agent, found.opponent), (found.opponent, found.agent)]
        ):
            at = expected(game, player, torch.tensor(own, dtype=torch.float64), other)
            assert at.max() - at.min() < 1e-9
            assert expected(game, player, LINE, other).max() <= at.max() + 1e-9


@pytest.mark.parametrize(("name", "count"), [("rotational", 0), ("two-quadratics", 2)])
def test_pure_equilibria_are_all_there(name, count):
    """On a grid that holds the ends and every listed action: no others are found."""
    game, line = GAMES[name], torch.linspace(-10, 10, 401, dtype=torch.float64)
    r = game.payoffs(line[:, None], line[None])
    best = (r[0] >= r[0].amax(0)) & (r[1] >= r[1].amax(1, keepdim=True))
    assert int(best.sum()) == count
    assert count == sum(len(e.agent) == 1 for e in game.equilibria)


@pytest.mark.parametrize("name", ["two-quadratics", "two-quadratics-code"])
def test_the_optimum_is_the_largest_common_payoff(name):
    game = GAMES[name]
    r = game.payoffs(LINE[:, None], LINE[None])
    assert torch.equal(r[0], r[1])
    assert r.max().item() == game.optimum


def test_both_scalings_of_the_two_quadratics():
    place = torch.tensor(-2.0, dtype=torch.float64)
    near = [GAMES[name].payoffs(place, place)[0].item() for name in list(GAMES)[:2]]
    assert near == pytest.approx([-1.6, -4.8])


@pytest.mark.parametrize("beta", [0.3, -0.3])
def test_the_grid_has_the_soft_values_of_the_continuous_game(beta):
    game = GAMES["trigonometric"]

    def inner(a):
        return quad(lambda b: math.exp(beta * a * math.cos(b)) / 20, -10, 10, limit=200)[0]

    wanted = math.log(quad(lambda a: inner(a) / 20, -10, 10, limit=200)[0]) / beta
    found = [float(exact(game, "pr2", n, beta=beta).exact.value[0]) for n in (40, 80, 160)]
    assert found[-1] == pytest.approx(wanted, abs=2e-3)
    gaps = np.abs(np.array(found) - wanted)
    assert gaps[0] > 3 * gaps[1] > 9 * gaps[2]  # the midpoint rule: h²


def test_a_repeated_game_pays_both_and_refuses_what_it_cannot_play():
    env = RepeatedGame(GAMES["rotational"], 2)
    paid = env.step(torch.tensor([[1.0], [2.0]]), torch.tensor([[3.0], [0.0]]))
    assert paid.tolist() == [[30.5, 2.0], [-25.5, 0.0]]
    fine = torch.zeros(2, 1)
    with pytest.raises(InputError, match=r"agent must have shape \(2, 1\); it had \(2,\)"):
        env.step(torch.zeros(2), fine)
    with pytest.raises(InputError, match=r"opponent must hold actions in \[-10, 10\]; one was nan"):
        env.step(fine, torch.tensor([[0.0], [math.nan]]))
    with pytest.raises(InputError, match=r"one was 10\.5"):
        env.step(fine + 10.5, fine)
    with pytest.raises(InputError, match="did you mean 'rotational'"):
        differential_game("rotationl")
    with pytest.raises(InputError, match="lower one first"):
        Box(1.0, -1.0)


def test_a_steady_player_draws_from_its_law():
    law = Squashed(torch.tensor([[0.5], [-0.5]]), torch.full((2, 1), -1.0), TEN)
    player = Steady(law, 2, generator())
    drawn = torch.stack([player.act(None) for _ in range(2000)])[..., 0]
    wanted = law.on(TEN.cells(400)) @ TEN.cells(400)[:, 0]
    torch.testing.assert_close(drawn.mean(0), wanted, atol=0.2, rtol=0)
    uniform = Steady(TEN, 2, generator())
    drawn = torch.stack([uniform.act(None) for _ in range(2000)])
    assert drawn.abs().max() <= 10
    assert drawn.std().item() == pytest.approx(20 / math.sqrt(12), abs=0.2)


def test_a_squashed_gaussian_is_torch_s():
    mean, log_std = torch.randn(3, 2), torch.randn(3, 2) / 2
    box = Box(-1.0, 4.0, 2)
    law = Squashed(mean, log_std, box)
    known = TransformedDistribution(
        Normal(mean, log_std.exp()), [TanhTransform(), AffineTransform(1.5, 2.5)]
    )
    action, log_prob = law.sample(generator())
    torch.testing.assert_close(log_prob, known.log_prob(action).sum(-1), atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(law.log_prob(action), log_prob, atol=1e-3, rtol=1e-3)
    assert ((action > -1) & (action < 4)).all()


def test_its_density_is_per_unit_of_action():
    law = Squashed(torch.tensor([[0.3]]), torch.tensor([[-0.5]]), TEN)
    cells = TEN.cells(2000)
    assert law.log_prob(cells).exp().sum().item() * 20 / 2000 == pytest.approx(1, abs=1e-4)
    assert math.exp(TEN.log_density) == pytest.approx(1 / 20)
    torch.testing.assert_close(law.on(cells).sum(), torch.tensor(1.0))


def test_the_squashed_gaussians_of_uniform_actions():
    """Endless ones: atanh of a uniform number has variance π²/12. And of windows of 64 and 256."""
    line = TEN.cells(4000)
    law = Squashed(torch.zeros(1), torch.tensor([math.log(math.pi / math.sqrt(12))]), TEN)
    assert (law.on(line) @ line**2).item() == pytest.approx(35.9, abs=0.05)  # uniform: 33.3
    spreads = []
    for window in (64, 256):
        drawn = Squashed.inverse(TEN.uniform((2000, window), generator()), TEN)
        mean, std = gaussian_prior(drawn)
        fits = Squashed(mean, std.log(), TEN).on(line[::20])
        b, b2 = fits @ line[::20, 0], fits @ line[::20, 0] ** 2
        error = -(b2 + 2 * b - 100 / 3) / 10 + b / 20  # of E −[y² + xy]/10, y = b + 1, E x = −½
        assert error.mean().item() == pytest.approx(-0.24, abs=0.04)
        spreads.append(error.std().item())
    assert spreads == pytest.approx([0.41, 0.21], abs=0.03)


@pytest.mark.parametrize(
    ("temperature", "share"), [(500, 0.25), (10, 0.335), (5, 0.505), (2, 0.94)]
)
def test_the_hotter_the_less_the_better_hill_is_preferred(temperature, share):
    law = exact(GAMES["two-quadratics"], "rommeo", beta=1 / temperature).exact
    pair = (law.log_agent + law.log_opponent).exp()[0]
    assert pair[40:, 40:].sum().item() == pytest.approx(share, abs=0.003)
    assert (pair[40:, 40:].sum() < pair[:40, :40].sum()) == (temperature >= 10)


def test_parts_broadcast():
    net = SeedMLP(2, (1 + 2, 4, 5), generator())
    one, two = torch.randn(2, 3, 1, 1), torch.randn(2, 1, 4, 2)
    found = evaluate(net, one, two)
    assert found.shape == (2, 3, 4, 5)
    alone = net(torch.cat([one[:, 2, 0], two[:, 0, 3]], 1)[:, None])[:, 0]
    torch.testing.assert_close(found[:, 2, 3], alone)


def test_a_crowd_is_the_mean_of_pairs():
    payoffs = torch.randn(3, 3, generator=generator())
    ring = np.roll(np.eye(4), 1, 1) + np.roll(np.eye(4), -1, 1)
    crowd = Crowd(payoffs.numpy(), 4, 2, ring)
    action = torch.tensor([[0, 1, 2, 1], [2, 2, 0, 1]])
    rewards, means = crowd.step(action)
    for n in range(2):
        for i in range(4):
            near = [action[n, (i + 1) % 4], action[n, (i - 1) % 4]]
            wanted = torch.stack([payoffs[action[n, i], b] for b in near]).mean()
            torch.testing.assert_close(rewards[n, i], wanted)
    torch.testing.assert_close(means.sum(-1), torch.ones(2, 4))
    with pytest.raises(InputError, match="neighbour for everyone"):
        Crowd(payoffs.numpy(), 2, 1, np.zeros((2, 2)))
    with pytest.raises(InputError, match="be below 3"):
        crowd.step(action + 1)
    with pytest.raises(InputError, match=r"hold choices \[2, 4\]"):
        crowd.step(action.float())
