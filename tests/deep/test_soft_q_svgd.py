"""Stein's sampler: with fixed noise where particles rest, with fresh noise near the exact law."""

import numpy as np
import pytest
import torch

from tabular_marl.deep.agents.soft_q_svgd import SoftQSvgd
from tabular_marl.deep.losses import soft
from tabular_marl.deep.parts.squashed import Box
from tabular_marl.models.soft_layer.svgd import ActionLine, stein_particles

LINE = Box(-4.0, 4.0)
SIGMA = 1.0


def two_hills(a):
    """Hills at −1 and 1.2, the left one larger and wider."""
    return torch.logaddexp(-((a + 1) ** 2), np.log(0.7) - (a - 1.2) ** 2 / 0.7)


def line():
    actions = np.linspace(-4, 4, 401)
    return ActionLine(actions, two_hills(torch.from_numpy(actions)).numpy())


def sampler(particles, seeds=2):
    """An agent whose critic is the hills."""
    settings = SoftQSvgd.settings(
        particles=particles, bandwidth=SIGMA, hidden=64, discount=0.0, actor_rate=0.002
    )
    agent = SoftQSvgd(settings, seeds, 1, LINE, LINE, torch.Generator().manual_seed(3))
    agent.q = lambda critic, obs, action: two_hills(action[..., 0])
    return agent


def train(agent, steps, batch, noise=None):
    shape = (agent.seeds, batch, agent.config.particles, 1)
    for k in range(steps):
        drawn = torch.randn(shape, generator=agent.generator) if noise is None else noise
        agent.step(agent.stein(torch.ones(*shape[:2], 1), drawn), "sampler")
        if k == steps // 2:  # a smaller step to come to rest
            agent.optimisers["sampler"] = agent.adam(0.0003, agent.sampler)


@pytest.mark.parametrize("particles", [1, 2, 4])
def test_fixed_noise_rests_where_particles_rest(particles):
    agent = sampler(particles)
    level = (torch.arange(particles) + 0.5) / particles
    noise = torch.special.ndtri(level).view(1, 1, -1, 1).expand(agent.seeds, 1, -1, 1)
    train(agent, 1500, 1, noise)
    placed = agent.place(torch.ones(agent.seeds, 1, 1, 1), noise).detach()[:, 0, :, 0]
    for seed in np.sort(placed.double().numpy(), 1):
        rest = stein_particles(line(), particles, SIGMA, seed)
        assert rest.stable
        np.testing.assert_allclose(np.sort(rest.positions), seed, atol=0.02)


def places(agent):
    """The sampler's quantiles, [N, 2000]."""
    level = (torch.arange(2000) + 0.5) / 2000
    obs = torch.ones(agent.seeds, 1, 1, 1)
    return agent.place(obs, torch.special.ndtri(level)[:, None]).detach()[:, 0, :, 0].double()


def test_fresh_noise_is_near_the_exact_law_on_both_hills():
    agent = sampler(24)
    train(agent, 500, 8)
    wanted = line()
    cells = LINE.cells(80)
    exact = torch.softmax(two_hills(cells[:, 0]).double(), 0)
    found = agent.tables(torch.ones(agent.seeds, 1, 1))["policy"][:, 0].double()
    above = cells[:, 0] > 0
    for n, seed in enumerate(places(agent).numpy()):
        assert wanted.distance(seed) < 0.2
        assert seed.var() < wanted.variance  # each particle's own pull to a mode
        share = found[n][above].sum().item()
        assert share == pytest.approx(exact[above].sum().item(), abs=0.12)
        assert 0.5 * (found[n] - exact).abs().sum() < 0.2
        assert found[n].sum().item() == pytest.approx(1, abs=1e-5)


def test_more_particles_come_nearer():
    few, many = sampler(2), sampler(24)
    for agent in (few, many):
        train(agent, 400, 8)
    far, near = ([line().distance(seed) for seed in places(k).numpy()] for k in (few, many))
    assert max(near) < min(far)


def test_without_repulsion_it_is_not(monkeypatch):
    def pull_alone(actions, score, bandwidth, weights=None):
        return -(score.detach() * actions).mean()

    monkeypatch.setattr(soft, "svgd_loss", pull_alone)
    agent = sampler(24)
    train(agent, 300, 8)
    assert min(line().distance(seed) for seed in places(agent).numpy()) > 0.35


def test_the_printed_sign_repels_from_the_law(monkeypatch):
    """(64) to the letter adds Δ to the loss's gradient, and descends away from the hills."""
    right = soft.svgd_loss
    monkeypatch.setattr(soft, "svgd_loss", lambda *given: -right(*given))
    agent = sampler(8)
    train(agent, 300, 8)
    assert min(line().distance(seed) for seed in places(agent).numpy()) > 1.0
