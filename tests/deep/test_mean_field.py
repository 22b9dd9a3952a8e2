"""FURTHER among many: the crowd's logit equilibrium, the mean-field value, the likelihood."""

import io
import math

import pytest
import torch

from tabular_marl.deep.agents.further_mean_field import FurtherMeanField, MeanFieldConfig
from tabular_marl.deep.agents.replayed import divergence
from tabular_marl.deep.environments.crowd import Crowd
from tabular_marl.deep.losses import further
from tabular_marl.games.matrix import MatrixGame
from tabular_marl.models.solve import two_player
from tabular_marl.validation import InputError

PAYOFFS = [[0.0, 2.0], [1.0, 0.0]]  # whoever differs is paid: one logit equilibrium, within
SETTINGS = MeanFieldConfig(
    critic_rate=0.003, gain_rate=0.02, actor_rate=0.004, inference_rate=0.004,
    temperature=1.0, latent=2, window=64, batch=64, hidden=16,
)  # fmt: skip


def make(players, seeds=2, settings=SETTINGS):
    generator = torch.Generator().manual_seed(0)
    return FurtherMeanField(settings, players * seeds, 1, 2, 2, generator)


def learn(agent, crowd, steps):
    """All players of all crowds learn; the last losses."""
    obs, found = crowd.observation.flatten(0, 1), {}
    for _ in range(steps):
        action = agent.act(obs)
        rewards, means = crowd.step(action.view(crowd.seeds, crowd.players))
        found = agent.observe(obs, action, means.flatten(0, 1), rewards.flatten(), obs)
    return found


def away(agent, crowd):
    """The largest distance of a policy from the logit answer to what its neighbours play."""
    played = agent.policy(crowd.observation.flatten(0, 1)).view(crowd.seeds, crowd.players, 2)
    worth = (crowd.share @ played) @ crowd.payoffs.T
    return (played - torch.softmax(worth / agent.config.temperature, -1)).abs().max().item()


def test_everyone_comes_near_the_logit_equilibrium():
    crowd, agent = Crowd(PAYOFFS, 5, 2), make(5)
    learn(agent, crowd, 300)
    assert away(agent, crowd) < 0.1


def test_without_entropy_nobody_does(monkeypatch):
    right = further.policy_loss
    monkeypatch.setattr(
        further, "policy_loss", lambda q, log_policy, temperature: right(q, log_policy, 0.0)
    )
    crowd, agent = Crowd(PAYOFFS, 5, 2), make(5)
    learn(agent, crowd, 300)
    assert away(agent, crowd) > 0.2


@pytest.mark.deep
def test_a_steady_crowd_is_answered_exactly():
    """Against three players who draw from one law for ever; the gain is E[r] + α H too."""
    agent, law = make(1, 4), torch.tensor([[0.4, 0.6]])
    generator = torch.Generator().manual_seed(1)
    crowd = Crowd(PAYOFFS, 4, 4)
    obs = torch.ones(4, 1)
    for _ in range(2500):
        own = agent.act(obs)
        others = torch.multinomial(law.expand(4, -1), 3, True, generator=generator)
        rewards, means = crowd.step(torch.cat([own[:, None], others], 1))
        agent.observe(obs, own, means[:, 0], rewards[:, 0], obs)
    exact = agent.exact(two_player(MatrixGame(PAYOFFS)), law)
    with torch.no_grad():
        learned = agent.tables(torch.ones(4, 1, 1))
    assert divergence(learned, exact).max() < 0.02
    torch.testing.assert_close(
        learned["gain"][:, 0].double(), torch.tensor(exact["gain"]).expand(4), atol=0.15, rtol=0
    )


def test_the_exact_gain_is_reward_plus_entropy():
    law = torch.tensor([[0.4, 0.6]])
    exact = make(1, 1).exact(two_player(MatrixGame(PAYOFFS)), law)
    policy = torch.tensor(exact["policy"][0].copy())
    worth = torch.tensor(PAYOFFS).double() @ law[0].double()
    wanted = (policy * (worth - policy.log())).sum()
    assert exact["gain"][0] == pytest.approx(wanted.item(), abs=1e-6)


def test_the_value_is_13_at_the_mean_action():
    agent = make(3, 1)
    obs, latent = torch.randn(3, 4, 1), torch.randn(3, 4, 2)
    found = agent.value(obs, latent)
    both = torch.cat([obs, latent], -1)
    policy = torch.softmax(agent.actor(both), -1)
    mean = torch.softmax(agent.inference.decoder(both), -1)
    one, two = (target(torch.cat([both, mean], -1)) for target in agent.targets)
    wanted = (policy * (torch.minimum(one, two) - policy.log())).sum(-1)
    torch.testing.assert_close(found, wanted)


def test_the_likelihood_is_the_mean_of_the_neighbours():
    agent = make(1, 1)
    outputs, action = torch.randn(1, 2), torch.tensor([0, 1, 1])
    mean = torch.nn.functional.one_hot(action, 2).float().mean(0, keepdim=True)
    wanted = torch.log_softmax(outputs, -1)[0, action].mean()
    torch.testing.assert_close(agent.log_likelihood(outputs, mean)[0], wanted)


def test_it_goes_on_bit_for_bit():
    def fresh():
        return make(3), Crowd(PAYOFFS, 3, 2)

    whole, broken, again = fresh(), fresh(), fresh()
    losses = learn(*whole, 80)
    learn(*broken, 70)
    kept = io.BytesIO()
    torch.save((broken[0].state_dict(), broken[0].generator.get_state()), kept)
    kept.seek(0)
    state, stream = torch.load(kept, weights_only=True)
    again[0].load_state_dict(state)
    again[0].generator.set_state(stream)
    assert learn(*again, 10) == losses


def test_mistakes_are_told():
    agent = make(2, 1)
    fine = {"obs": torch.ones(2, 1), "action": torch.tensor([0, 1]), "other": torch.ones(2, 2) / 2,
            "reward": torch.zeros(2), "after": torch.ones(2, 1)}  # fmt: skip
    with pytest.raises(InputError, match="action must hold 2 choices"):
        agent.observe(**{**fine, "action": torch.ones(2)})
    with pytest.raises(InputError, match=r"other must have shape \(2, 2\)"):
        agent.observe(**{**fine, "other": torch.tensor([0, 1])})
    with pytest.raises(InputError, match="reward must hold finite numbers"):
        agent.observe(**{**fine, "reward": torch.tensor([0.0, math.inf])})
