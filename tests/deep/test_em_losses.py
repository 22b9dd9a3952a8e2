"""EM on tensors: each step is the exact one, and the fixed point of the soft reading is ROMMEO."""

import numpy as np
import pytest
import torch
from torch.autograd import grad

import tabular_marl as tm
from tabular_marl.deep.losses import em, joint

S, A, B, GAMMA = 3, 3, 2, 0.8
rng = np.random.default_rng(7)


@pytest.fixture(scope="module")
def game():
    transition = rng.dirichlet(np.ones(S), (S, A, B))
    reward, other = rng.normal(size=(2, S, A, B))
    return tm.StochasticGame(transition, reward, opponent_reward=other, discount=GAMMA)


def tensor(x):
    return torch.from_numpy(np.array(x))


def uniform():
    agent = torch.full((S, A, B), 1 / A, dtype=torch.float64).log()
    return agent, torch.full((S, 1, B), 1 / B, dtype=torch.float64).log()


def evaluate(game, reward, agent, opponent, cost=0.0):
    """Q of the policies, its value the expectation of Q − cost."""
    transition, reward = tensor(game.transition), tensor(reward)
    q = torch.zeros_like(reward)
    for _ in range(200):
        q = reward + GAMMA * transition @ em.expected_value(q - cost, agent, opponent)
    return q


@pytest.mark.parametrize("replaced", [True, False])
def test_rounds_are_those_of_rommeo_em(game, replaced):
    beta, rounds = 0.7, 4
    kind = "replaced" if replaced else "kept"
    solved = tm.rommeo_em(game, beta, prior_update=kind, rounds=rounds)
    policies = priors = uniform()
    for k in range(rounds):
        q = evaluate(game, game.reward, *policies)
        bound = -em.bound_loss(q, *policies, *(policies if replaced else priors), beta) / beta
        assert bound.item() == pytest.approx(solved.elbo_before[k], abs=1e-8)
        used = policies
        policies = em.e_step(q, *(policies if replaced else priors), beta)
        bound = -em.bound_loss(q, *policies, *(used if replaced else priors), beta) / beta
        assert bound.item() == pytest.approx(solved.elbo[k], abs=1e-8)
    np.testing.assert_allclose(used[0].exp(), solved.agent_policy, atol=1e-8)
    np.testing.assert_allclose(used[1][:, 0].exp(), solved.opponent_policy, atol=1e-8)


def test_a_round_of_generalised_em(game):
    beta, other_beta = 0.9, 0.6
    solved = tm.em(game, beta, other_beta, rounds=1)
    priors = uniform()
    agent, _ = em.e_step(evaluate(game, game.reward, *priors), *priors, beta)
    theirs = evaluate(game, game.opponent_reward, *priors)
    opponent = em.opponent_e_step(theirs, agent, priors[1], other_beta)
    np.testing.assert_allclose(agent.exp(), solved.agent_policy, atol=1e-8)
    np.testing.assert_allclose(opponent[:, 0].exp(), solved.opponent.opponent_policy, atol=1e-8)


@pytest.mark.parametrize("beta", [1.2, -0.7])
def test_rommeo_is_stationary_with_the_prior_kept(game, beta):
    solved = tm.rommeo(game, beta)
    priors, q = uniform(), tensor(solved.q)
    logits = [table.clone().requires_grad_() for table in em.e_step(q, *priors, beta)]
    np.testing.assert_allclose(logits[0].detach().exp(), solved.agent_policy, atol=1e-9)

    def loss():
        held = torch.log_softmax(logits[0], 1), torch.log_softmax(logits[1], 2)
        return em.bound_loss(q, *held, *priors, beta)

    for slope in grad(loss(), logits):
        assert slope.abs().max() < 1e-9
    best = -beta * solved.value.mean()
    assert loss().item() == pytest.approx(best, abs=1e-8)
    with torch.no_grad():
        logits[1] += torch.randn(S, 1, B, generator=torch.Generator().manual_seed(0))
    assert loss() > best + 1e-3

    agent, opponent = (table.detach() for table in em.e_step(q, *priors, beta))
    costs = q - joint.sampled_next_value(q, agent, priors[0], opponent, priors[1], beta, beta)
    np.testing.assert_allclose(
        evaluate(game, game.reward, agent, opponent, costs), solved.q, atol=1e-8
    )


@pytest.mark.parametrize("kl_weight", [0.0, 0.5])
def test_the_likelihood_step_ends_between_the_tilt_and_the_last_policy(kl_weight):
    q, (last, opponent) = tensor(rng.normal(size=(S, A, B))), uniform()
    target, _ = em.e_step(q, last, opponent, 1.5)
    mixed = (target.exp() + kl_weight * last.exp()) / (1 + kl_weight)
    logits = mixed.log().requires_grad_()
    loss = em.likelihood_loss(torch.log_softmax(logits, 1), target, last, kl_weight)
    assert grad(loss, logits)[0].abs().max() < 1e-12
    moved = torch.log_softmax(logits + q, 1)
    assert em.likelihood_loss(moved, target, last, kl_weight) > loss + 1e-3


def test_the_sampled_likelihood_step_is_exact_with_every_action():
    q = tensor(rng.normal(size=(5, A)))
    logits = (1.5 * q).clone().requires_grad_()
    loss = em.sampled_likelihood_loss(torch.log_softmax(logits, 1), q, 1.5)
    assert grad(loss, logits)[0].abs().max() < 1e-14


@pytest.mark.parametrize("bound", [0.05, 0.2])
def test_the_dual_is_least_where_the_tilt_spends_the_bound(bound):
    """MPO: slope ε − KL(tilt ‖ P); the exact root found by bisection on the divergence."""
    q, weights = tensor(rng.normal(size=(S, A))), tensor(rng.dirichlet(np.ones(S)))
    prior = tensor(rng.dirichlet(np.ones(A), S)).log()

    def divergence(eta):
        tilt = torch.log_softmax(q / eta + prior, 1)
        return (weights * (tilt.exp() * (tilt - prior)).sum(1)).sum().item()

    low, high = 1e-2, 1e3
    for _ in range(200):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if divergence(middle) > bound else (low, middle)
    losses = []
    for eta in (low, low * 1.3, low / 1.3):
        held = torch.tensor(eta, dtype=q.dtype, requires_grad=True)
        loss = em.temperature_loss(q, prior, held, bound, weights, dim=1)
        slope = grad(loss, held)[0].item()
        assert slope == pytest.approx(bound - divergence(eta), abs=1e-10)
        losses.append(loss.item())
    assert abs(bound - divergence(low)) < 1e-10
    assert min(losses) == losses[0]
    few = em.temperature_loss(q[:1], torch.tensor(-np.log(A)), torch.tensor(low), bound, dim=1)
    uniform = em.temperature_loss(
        q[:1], torch.full((1, A), -np.log(A), dtype=q.dtype), torch.tensor(low), bound, dim=1
    )
    assert few.item() == pytest.approx(uniform.item())
