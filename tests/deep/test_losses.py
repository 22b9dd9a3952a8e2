"""Every loss against its equation, written out; and its minimiser against the tilt."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch.autograd import grad

from tabular_marl.deep.free_energy import free_energy, log_tilt
from tabular_marl.deep.losses import baselines, further, joint, soft
from tabular_marl.deep.losses._mean import mean
from tabular_marl.numerics import free_energy as exact

BETAS = [-math.inf, -3.0, -0.5, 0.0, 0.5, 3.0, math.inf]
rng = np.random.default_rng(5)


def normal(*shape):
    return torch.from_numpy(rng.normal(size=shape))


def simplex(*shape):
    return torch.from_numpy(rng.dirichlet(np.ones(shape[-1]), shape[:-1]))


@pytest.mark.parametrize("beta", BETAS)
def test_free_energy_is_the_numpy_one(beta):
    x, prior = normal(4, 3), simplex(4, 3)
    prior[0] = torch.tensor([0.0, 0.3, 0.7])  # an outcome that never counts
    wanted = exact.free_energy(x.numpy(), beta, prior.numpy(), axis=1)
    np.testing.assert_allclose(free_energy(x, prior.log(), beta, 1), wanted, rtol=1e-13)


@pytest.mark.parametrize("beta", [-3.0, 0.5])
def test_the_tilt_is_the_gradient(beta):
    x, prior = normal(3).requires_grad_(), simplex(3)
    (slope,) = grad(free_energy(x, prior.log(), beta, 0), x)
    torch.testing.assert_close(slope, log_tilt(x, prior.log(), beta, 0).exp())


def test_weights_are_probabilities():
    terms, weights = normal(4, 2), torch.tensor([0.1, 0.2, 0.3, 0.4])
    assert mean(terms, None) == pytest.approx(terms.mean().item())
    by_hand = (weights * terms.mean(1)).sum()
    assert mean(terms, weights) == pytest.approx(by_hand.item())
    assert mean(terms, 7 * weights) == pytest.approx(by_hand.item())


@pytest.mark.parametrize("beta", [-2.0, 0.7])
def test_the_solution_is_stationary_for_the_actor_critic(beta):
    """(59)-(61) at the tilt: gradients vanish, and away from it they do not."""
    q, prior = normal(5, 3), simplex(5, 3).log()
    value = soft.value(q, prior, beta).requires_grad_()
    logits = log_tilt(q, prior, beta, 1).requires_grad_()
    policy = torch.log_softmax(logits, 1)
    losses = (
        soft.value_loss(value, q, policy, prior, beta),
        soft.policy_loss(policy, q, prior, beta),
    )
    for loss, held in zip(losses, (value, logits), strict=True):
        assert grad(loss, held, retain_graph=True)[0].abs().max() < 1e-15
    moved = torch.log_softmax(logits + normal(5, 3), 1)
    assert soft.policy_loss(moved, q, prior, beta) > losses[1]
    best = -beta * soft.value(q, prior, beta).mean()
    assert losses[1].item() == pytest.approx(best.item())


def test_q_loss_holds_its_target_fixed():
    q, reward, after = normal(6).requires_grad_(), normal(6), normal(6).requires_grad_()
    loss = soft.q_loss(q, reward, after, 0.9)
    assert loss.item() == pytest.approx((0.5 * (q - reward - 0.9 * after) ** 2).mean().item())
    assert grad(loss, after, allow_unused=True)[0] is None


@pytest.mark.parametrize("beta", [-2.0, 2.0])
def test_sampled_value_is_exact_with_every_action_and_biased_one_way(beta):
    q, prior, proposal = normal(3), simplex(3), simplex(3)
    value = soft.value(q, prior.log(), beta)
    uniform = torch.full((3,), 1 / 3, dtype=q.dtype).log()
    assert soft.sampled_value(q, prior.log(), uniform, beta).item() == pytest.approx(value.item())
    expected = 0.0
    for drawn in itertools.product(range(3), repeat=4):
        at = list(drawn)
        found = soft.sampled_value(q[at], prior.log()[at], proposal.log()[at], beta)
        expected = expected + proposal[at].prod() * found
    assert (value - expected) * beta > 1e-4


def test_svgd_direction_is_stein_s():
    actions, scores, width = normal(2, 4, 3), normal(2, 4, 3), 1.3

    def kernel(x, y):
        return torch.exp(-((x - y) ** 2).sum() / width**2)

    for n, j in itertools.product(range(2), range(4)):
        total = torch.zeros(3, dtype=actions.dtype)
        for k in range(4):
            x = actions[n, k].clone().requires_grad_()
            (slope,) = grad(kernel(x, actions[n, j]), x)
            total += kernel(actions[n, k], actions[n, j]) * scores[n, k] + slope
        found = soft.svgd_direction(actions, scores, width)[n, j]
        torch.testing.assert_close(found, total / 4)
    held = actions.requires_grad_()
    (slope,) = grad(soft.svgd_loss(held, scores, width), held)
    torch.testing.assert_close(slope, -soft.svgd_direction(actions, scores, width) / 8)


def test_one_particle_climbs_to_the_mode():
    place = torch.tensor([[[2.0]]])
    for _ in range(200):
        place = place + 0.1 * soft.svgd_direction(place, 1.5 - place, 1.0)
    assert place.item() == pytest.approx(1.5, abs=1e-4)


@pytest.mark.parametrize("first", [joint.AGENT, joint.OPPONENT])
def test_joint_values_are_the_nested_sums(first):
    q, p, r = normal(2, 3, 4), simplex(3).unsqueeze(1), simplex(4).unsqueeze(0)
    x, y = 1.5, -0.7
    found = joint.value(q, p.log(), r.log(), x, y, first)
    if first == joint.AGENT:  # report (20): Q^i, then V^i/β^i
        partial = x / y * torch.log((r * torch.exp(y * q)).sum(2))
        wanted = torch.log((p[:, 0] * torch.exp(partial)).sum(1)) / x
    else:  # report (21)
        partial = y / x * torch.log((p * torch.exp(x * q)).sum(1))
        wanted = torch.log((r[0] * torch.exp(partial)).sum(1)) / y
    torch.testing.assert_close(found, wanted)


def test_sampled_joint_values_with_every_action():
    q, p, r = normal(2, 4, 3), simplex(3), simplex(4)  # (b, a): the opponent's view
    uniform = [torch.full((n,), 1 / n, dtype=q.dtype).log() for n in (3, 4)]
    found = joint.nested_sampled_value(q, p.log(), r.log(), *uniform, 1.5, -0.7)
    wanted = joint.value(
        q.transpose(1, 2), p.log()[:, None], r.log()[None], 1.5, -0.7, joint.OPPONENT
    )
    torch.testing.assert_close(found, wanted)


def test_sampled_next_value_is_v_at_every_action_of_the_tilts():
    q, p, r = normal(3, 4), simplex(3)[:, None].log(), simplex(4)[None].log()
    x, y = 1.5, -0.7
    value = joint.value(q, p, r, x, y)
    agent = log_tilt(joint.partial_q(q, r, y, joint.OPPONENT), p, x, 0)
    opponent = log_tilt(q, r, y, 1)
    found = joint.sampled_next_value(q, agent, p, opponent, r, x, y)
    torch.testing.assert_close(found, value.expand(3, 4))


def test_gaussian_divergence_of_the_elbo():
    from torch.distributions import Normal, kl_divergence

    m1, m0, v1, v0 = normal(5, 2), normal(5, 2), normal(5, 2), normal(5, 2)
    loss = further.elbo_loss(torch.zeros(5, dtype=m1.dtype), m1, v1, m0, v0, kl_weight=1.0)
    known = kl_divergence(Normal(m1, (v1 / 2).exp()), Normal(m0, (v0 / 2).exp())).sum(1).mean()
    assert loss.item() == pytest.approx(known.item())


def test_influence_is_zero_where_nobody_reacts():
    policy, action = simplex(3, 2).log(), torch.tensor([0, 1, 1])
    blind = simplex(3, 1, 4).expand(3, 2, 4)
    assert baselines.influence_reward(blind, policy, action).abs().max() < 1e-14
    seeing = simplex(3, 2, 4)
    marginal = torch.einsum("na,nab->nb", policy.exp(), seeing)
    by_hand = (seeing[2, 1] * (seeing[2, 1] / marginal[2]).log()).sum()
    found = baselines.influence_reward(seeing, policy, action)
    assert found[2].item() == pytest.approx(by_hand.item())


def test_baselines_differ_from_further_as_stated():
    q, reward, after = normal(6), normal(6), normal(6)
    lili = baselines.lili_critic_loss(q, reward, after, 0.99)
    assert lili.item() == pytest.approx(((reward + 0.99 * after - q) ** 2).mean().item())
    gain = torch.tensor(0.3, dtype=q.dtype, requires_grad=True)
    loss = further.critic_loss(q, reward, gain, after)
    assert loss.item() == pytest.approx(((reward - 0.3 + after - q) ** 2).mean().item())
    wanted = -2 * (reward - 0.3 + after - q).mean()
    assert grad(loss, gain)[0].item() == pytest.approx(wanted.item())
    log_prob = normal(6)
    masac = baselines.masac_critic_loss(q, reward, after, log_prob, 0.4, 0.99)
    same = baselines.lili_critic_loss(q, reward, after - 0.4 * log_prob, 0.99)
    assert masac.item() == pytest.approx(same.item())
    logits, taken = normal(6, 3), torch.tensor([0, 1, 2, 0, 1, 2])
    values = normal(6, 2)
    dron = baselines.dron_loss(q, reward, values, logits, taken, 0.9, prediction_weight=0.0)
    known = baselines.lili_critic_loss(q, reward, values.max(1).values, 0.9)
    assert dron.item() == pytest.approx(known.item())
