"""Continuous agents against the exact answer of the game on a grid; wrong losses do not pass."""

import dataclasses
import io
import math

import numpy as np
import pytest
import torch

import tabular_marl as tm
from tabular_marl.deep.agents.continuous.balancing_q import ContinuousBalancingQ, ContinuousPr2
from tabular_marl.deep.agents.continuous.further import ContinuousFurther
from tabular_marl.deep.agents.continuous.rommeo import ContinuousRommeo
from tabular_marl.deep.agents.continuous.sac import ContinuousSac
from tabular_marl.deep.agents.replayed import divergence
from tabular_marl.deep.agents.soft_q_svgd import SoftQSvgd
from tabular_marl.deep.environments.differential import (
    GAMES,
    TEN,
    DifferentialGame,
    Equilibrium,
    RepeatedGame,
    Steady,
)
from tabular_marl.deep.losses import further, joint, opponent, soft
from tabular_marl.deep.parts.squashed import Squashed
from tabular_marl.models.solve import two_player
from tabular_marl.validation import InputError


def hill(a, b):
    """A common payoff with one top at (2, −1), whose tilts are Gaussians but for the ends."""
    x, y = a - 2, b + 1
    r = -(x * x + y * y + x * y) / 10
    return torch.stack([r, r])


HILL = DifferentialGame("hill", hill, (Equilibrium((2.0,), (-1.0,)),), "this test", 0.0)
FAST = {"discount": 0.5, "window": 64}
TRAINED = {"critic_rate": 0.003, "actor_rate": 0.001, "inference_rate": 0.002, "gain_rate": 0.05}
AGENTS = {
    "sac": (ContinuousSac, FAST),
    "rommeo": (ContinuousRommeo, FAST),
    "pr2": (ContinuousPr2, {**FAST, "samples": 8}),
    "balancing-q": (ContinuousBalancingQ, {**FAST, "samples": 8, "beta_opponent": 0.5}),
    "soft-q-svgd": (SoftQSvgd, FAST),
    "further": (
        ContinuousFurther,
        {**TRAINED, "window": 64, "batch": 64, "temperature": 1.0, "latent": 2, "samples": 8},
    ),
}
#: KL in nats to the exact law of the action, or of both; E|q − q*|: after so short a training
STEPS, CLOSE = 500, {"sac": (0.15, 0.9), "soft-q-svgd": (0.35, 1.4), "further": (0.25, 0.0)}


def make(name, seeds=2, **settings):
    kind, own = AGENTS[name]
    generator = torch.Generator().manual_seed(1)
    return kind(kind.settings(**{**own, **settings}), seeds, 1, TEN, TEN, generator)


def play(agent, steps, game=HILL, law=TEN):
    """Rounds against an opponent who draws from ``law``; the last losses."""
    env = RepeatedGame(game, agent.seeds)
    other, found = Steady(law, agent.seeds, agent.generator), {}
    for _ in range(steps):
        seen = env.observation
        actions = agent.act(seen), other.act(seen)
        found = agent.observe(seen, *actions, env.step(*actions)[0], env.arrival)
    return found


def gaps(agent, game=HILL):
    """Seed by seed: KL(learned ‖ exact), and E|q − q*| under the exact law where it has a q."""
    uniform = torch.full((agent.seeds, 1, 80), 1 / 80)
    with torch.no_grad():
        learned = agent.tables(torch.ones(agent.seeds, 1, 1))
        if isinstance(agent, ContinuousRommeo):
            observed = agent.replay.get_buffer("other")[:, : agent.count]
            uniform = agent.prior(observed).on(TEN.cells(80))
    view, found = two_player(game.grid(80)), []
    for n in range(agent.seeds):
        exact = agent.exact(view, uniform[n])
        own = {name: table[n : n + 1] for name, table in learned.items()}
        weight = exact["policy"] * exact.get("opponent", 1.0)
        error = np.abs(own["q"].numpy() - exact["q"]) if "q" in own else 0 * weight
        found.append((divergence(own, exact).item(), (error * weight).sum()))
    return found


def passes(name, agent):
    most = CLOSE.get(name, (0.12, 0.6))
    return all(kl < most[0] and q <= most[1] for kl, q in gaps(agent))


# -- with the exact critic -------------------------------------------------------------------------


def know(agent, game=HILL):
    """Give ``agent`` the game's payoff for its critic (γ = 0)."""

    def q(critic, obs, action, *rest):
        if rest:
            return game.payoffs(action, rest[0])[0][..., 0]
        every = TEN.cells(80)[:, 0]
        return game.payoffs(action, every)[0].mean(-1)

    agent.q = q
    return agent


@pytest.mark.parametrize(("beta", "beta_opponent"), [(1.0, 0.5), (1.0, -0.5), (-0.3, 1.0)])
@pytest.mark.parametrize("game", [HILL, GAMES["trigonometric"]], ids=lambda game: game.name)
def test_sampled_values_are_those_of_the_grid(game, beta, beta_opponent):
    """(62) on (67): many samples from untrained proposals, either sign."""
    given = {"beta": beta, "beta_opponent": beta_opponent, "discount": 0.0}
    agent = know(make("balancing-q", samples=400, **given), game)
    with torch.no_grad():
        found = agent.value(agent.critic, torch.ones(2, 8, 1)).mean()
    exact = tm.balancing_q(game.grid(80), beta, beta_opponent).value[0]
    assert found.item() == pytest.approx(exact, abs=0.1 * (1 + abs(exact) / 10))


def test_s_soft_q_s_sampled_value_is_that_of_the_grid():
    agent = know(make("soft-q-svgd", samples=4000))
    exact = agent.answer(two_player(HILL.grid(80)).with_discount(0), torch.full((1, 80), 1 / 80))
    found = agent.value(torch.ones(2, 4, 1)).mean().item() + 0.5 * exact["value"][0]
    assert found == pytest.approx(exact["value"][0], abs=0.1)


POLICIES = {
    "sac": ("actor",),
    "rommeo": ("policies",),
    "pr2": ("model", "actor"),
    "balancing-q": ("model", "actor"),
    "soft-q-svgd": ("sampler",),
}


def follow_policies(name, agent, steps=400):
    """Train the policies alone on the exact critic."""
    size = (agent.seeds, 64, 1)
    for _ in range(steps):
        there = torch.ones(size)
        other = TEN.uniform(size[:2], agent.generator)
        losses = agent.losses(there, other, other, torch.zeros(size[:2]), there)
        for part in POLICIES[name]:
            agent.step(losses[part], part)
    agent.keep({"obs": there[:, 0], "action": other[:, 0], "after": there[:, 0],
                "other": other[:, 0], "reward": torch.zeros(agent.seeds)})  # fmt: skip
    return agent


def reach(name):
    """Whether the policies come near the exact ones."""
    agent = know(make(name, discount=0.0, actor_rate=0.003))
    if name == "rommeo":  # about a prior that stays
        prior = Squashed(torch.zeros(2, 1, 1), torch.full((2, 1, 1), -0.2), TEN)
        agent.prior, agent.count = lambda observed: prior, 1
    follow_policies(name, agent)
    return all(kl < (0.2 if name == "soft-q-svgd" else 0.06) for kl, _ in gaps(agent))


@pytest.mark.parametrize("name", POLICIES)
def test_policies_reach_the_exact_ones_under_the_exact_critic(name):
    assert reach(name)


def no_entropy(log_prob, q, log_prior, beta, weights=None):
    """(61), (68) to the letter: the logarithm of the action's density is not there."""
    return (-beta * q).mean()


def no_repulsion(actions, score, bandwidth, weights=None):
    """(64) without the kernel's gradient: every particle to the mode."""
    return -(score.detach() * actions).mean()


def other_sign(q, log_agent, log_agent_prior, log_opponent, log_opponent_prior, beta, weights=None):
    """ROMMEO's pair with the ratios on the wrong side."""
    return (-log_agent - log_opponent - beta * q).mean()


@pytest.mark.parametrize(
    ("name", "module", "loss", "wrong"),
    [
        ("sac", soft, "reparameterised_policy_loss", no_entropy),
        ("balancing-q", soft, "reparameterised_policy_loss", no_entropy),
        ("rommeo", opponent, "sampled_pair_loss", other_sign),
        ("soft-q-svgd", soft, "svgd_loss", no_repulsion),
    ],
)
def test_policies_of_a_wrong_loss_do_not(monkeypatch, name, module, loss, wrong):
    monkeypatch.setattr(module, loss, wrong)
    assert not reach(name)


# -- from scratch ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", AGENTS)
def test_training_comes_near_the_exact_answer(name):
    agent = make(name)
    play(agent, STEPS)
    assert passes(name, agent), gaps(agent)


right_q_loss = soft.q_loss


def wrong_target(q, reward, next_value, discount, weights=None):
    """(66) as printed: −γ V."""
    return right_q_loss(q, reward, -next_value, discount, weights)


def no_bonus(q, log_prob, temperature, weights=None):
    """(23) without its entropy."""
    return -q.mean()


def no_ratios(q, log_agent, *rest):
    """V̂ without its divergences."""
    return q + 0 * log_agent


@pytest.mark.parametrize(
    ("name", "module", "loss", "wrong"),
    [
        ("sac", soft, "q_loss", wrong_target),
        ("pr2", soft, "q_loss", wrong_target),
        ("rommeo", joint, "sampled_next_value", no_ratios),
        ("further", further, "reparameterised_policy_loss", no_bonus),
    ],
)
def test_training_with_a_wrong_loss_does_not(monkeypatch, name, module, loss, wrong):
    monkeypatch.setattr(module, loss, wrong)
    agent = make(name)
    play(agent, STEPS)
    assert not passes(name, agent), gaps(agent)


@pytest.mark.deep
@pytest.mark.parametrize("name", AGENTS)
def test_long_training_comes_nearer(name):
    agent = make(name, seeds=4, **({"samples": 24} if "samples" in AGENTS[name][1] else {}))
    play(agent, 3000)
    found = np.array(gaps(agent))
    assert found[:, 0].max() < CLOSE.get(name, (0.1,))[0]
    assert found[:, 1].max() < 0.5


# -- the learned gain ------------------------------------------------------------------------------


def gain_against(agent, decoder):
    """E[r] + α H of the exact policy against a uniform other, paid as if b were ``decoder``'s."""
    line = TEN.cells(80)
    exact = agent.exact(two_player(HILL.grid(80)), torch.full((1, 80), 1 / 80))
    policy = torch.from_numpy(exact["policy"].copy()).float()[0]
    entropy = -torch.xlogy(policy, policy * 80 / 20).sum()
    worth = policy @ HILL.payoffs(line, line.T)[0] @ decoder.on(line)[0]
    return float(worth + agent.config.temperature * entropy), float(exact["gain"][0])


@pytest.mark.parametrize(("log_std", "least", "most"), [(-0.7, 1.0, 2.0), (0.3, -2.0, -1.0)])
def test_the_gain_is_that_against_the_decoder(log_std, least, most):
    """With a decoder that stays, too narrow or too wide: (22) values the policy by it."""
    agent = make("further", inference_rate=0.0, gain_rate=0.3, target_rate=0.05)  # no creeping
    decoder = agent.inference.decoder
    with torch.no_grad():
        for layer in decoder.layers:
            layer.zero_()
        decoder.biases[-1][..., 1] = log_std
    play(agent, 750)
    law = Squashed(torch.zeros(1, 1), torch.full((1, 1), log_std), TEN)
    wanted, exact = gain_against(agent, law)
    assert least < wanted - exact < most
    assert agent.gain.tolist() == pytest.approx([wanted] * agent.seeds, abs=0.7)
    assert all(kl < 0.25 for kl, _ in gaps(agent))  # (23) is at the replayed actions


# -- annealing -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("beta", "other"), [(0.5, -0.25), (-2.0, 1.0)])
def test_the_temperature_falls_to_its_last_value(beta, other):
    """|1/β_t| = |1/β| + A exp(−η t) from the end of the warm-up on, with β's sign."""
    given = {"beta": beta, "beta_opponent": other, "anneal": 30.0, "anneal_rate": 0.01}
    agent = make("balancing-q", **given)
    window = agent.config.window
    for count, extra in ((0, 30), (window, 30), (window + 100, 30 / math.e), (window + 9999, 0)):
        agent.count = count
        wanted = (
            beta / abs(beta) * (1 / abs(beta) + extra),
            other / abs(other) * (1 / abs(other) + extra),
        )
        assert (1 / agent.beta, 1 / agent.beta_opponent) == pytest.approx(wanted)
    assert agent.last_betas == (beta, other)
    assert (
        make("pr2", beta=beta, anneal=30.0).beta_opponent
        == make("pr2", beta=beta, anneal=30.0).beta
    )


@pytest.mark.parametrize("name", ["sac", "rommeo", "pr2", "soft-q-svgd"])
def test_annealed_training_comes_near_the_exact_answer(name):
    agent = make(name, anneal=10.0, anneal_rate=0.03)
    play(agent, STEPS)
    assert passes(name, agent), gaps(agent)


@pytest.mark.parametrize("name", ["sac", "rommeo"])
def test_a_temperature_that_does_not_fall_stays_away(name):
    agent = make(name, anneal=10.0, anneal_rate=0.0)
    play(agent, STEPS)
    assert not passes(name, agent), gaps(agent)


# -- checkpoints, mistakes -------------------------------------------------------------------------


@pytest.mark.parametrize("name", AGENTS)
def test_an_agent_goes_on_bit_for_bit(name):
    whole = make(name)
    losses = play(whole, 90)
    broken = make(name)
    play(broken, 70)
    kept = io.BytesIO()
    torch.save((broken.state_dict(), broken.generator.get_state()), kept)
    kept.seek(0)
    again = make(name)
    state, stream = torch.load(kept, weights_only=True)
    again.load_state_dict(state)
    again.generator.set_state(stream)
    assert play(again, 20) == losses
    one, two = (torch.nn.utils.parameters_to_vector(
        p for k in agent.modules for p in getattr(agent, k).parameters()
    ) for agent in (whole, again))  # fmt: skip
    assert torch.equal(one, two)


def test_seeds_do_not_mix():
    """One seed's rewards reach no other seed's networks."""
    agent = make("pr2")
    play(agent, 64)
    batch = agent.replay.sample(8, agent.generator)
    own = list(agent.critic.parameters())
    batch["reward"][1] += 100
    agent.generator.manual_seed(2)
    there = torch.autograd.grad(agent.losses(**batch)["critic"], own)
    agent.generator.manual_seed(2)
    batch["reward"][1] -= 100
    here = torch.autograd.grad(agent.losses(**batch)["critic"], own)
    for one, two in zip(here, there, strict=True):
        assert torch.equal(one[0], two[0])
        assert not torch.equal(one[1], two[1])


def test_mistakes_are_told():
    agent = make("sac")
    fine = {"obs": torch.ones(2, 1), "action": torch.zeros(2, 1), "other": torch.zeros(2, 1),
            "reward": torch.zeros(2), "after": torch.ones(2, 1)}  # fmt: skip
    with pytest.raises(InputError, match=r"action must have shape \(2, 1\); it had \(2,\)"):
        agent.observe(**{**fine, "action": torch.zeros(2)})
    with pytest.raises(InputError, match="reward must hold finite numbers"):
        agent.observe(**{**fine, "reward": torch.tensor([0.0, math.nan])})
    assert agent.count == 0
    wide = dataclasses.replace(TEN, dimensions=2)
    both = ContinuousSac(ContinuousSac.settings(), 1, 3, wide, TEN, torch.Generator())
    assert both.act(torch.zeros(1, 3)).shape == (1, 2)
    with pytest.raises(InputError, match="be an interval; it had 2 dimensions"):
        both.tables(torch.zeros(1, 1, 3))
