"""FURTHER's losses on a finite active Markov game: stationary at the exact soft optimum."""

import numpy as np
import pytest
import torch
from torch.autograd import grad

from tabular_marl.active.average_reward import average_reward
from tabular_marl.active.decision import DecisionProcess
from tabular_marl.deep.losses import further

X, A, B, ALPHA = 4, 3, 2, 0.4
rng = np.random.default_rng(2)


def rows(*shape):
    return rng.dirichlet(np.ones(shape[-1]), shape[:-1])


@pytest.fixture(scope="module")
def solved():
    """Joint states x = (s, θ): r(x, a, b), P(x'|x, a, b), the others' ρ(b|x), and the optimum."""
    reward, transition, others = rng.normal(size=(X, A, B)), rows(X, A, B, X), rows(X, B)
    averaged = np.einsum("xb,xab->xa", others, reward)
    process = DecisionProcess(averaged, np.einsum("xb,xabt->xat", others, transition))
    found = average_reward(process, beta=1 / ALPHA, tol=1e-11)
    # E[r] − α KL(π ‖ uniform) is optimised; FURTHER adds αH, which is α log A more
    gain = found.gain[0] + ALPHA * np.log(A)
    q = reward - gain + transition @ found.bias
    return [torch.from_numpy(np.array(k)) for k in (reward, transition, others, q)], gain, found


def test_the_exact_soft_optimum_is_stationary_for_all_three(solved):
    (reward, transition, others, table), rho, found = solved
    q, gain = table.clone().requires_grad_(), torch.tensor(rho, requires_grad=True)
    logits = torch.from_numpy(np.log(found.policy)).requires_grad_()
    policy = torch.log_softmax(logits, 1)
    value = further.soft_value(q, policy, others, ALPHA)
    np.testing.assert_allclose(value.detach(), found.bias, atol=1e-9)

    x, a, b, t = np.unravel_index(np.arange(X * A * B * X), (X, A, B, X))
    law = torch.from_numpy(np.full(X, 1 / X))[:, None, None] / (A * B)
    weights = (law.expand(X, A, B).unsqueeze(-1) * transition).flatten()
    loss = further.critic_loss(q[x, a, b], reward[x, a, b], gain, value[t], weights)
    for slope in grad(loss, [q, gain], retain_graph=True):
        assert slope.abs().max() < 1e-10

    replayed = torch.einsum("xab,xb->xa", q, others)  # a^-i replayed from the others' own policy
    assert grad(further.policy_loss(replayed, policy, ALPHA), logits)[0].abs().max() < 1e-10


def test_the_learned_gain_is_reward_plus_entropy(solved):
    (reward, transition, others, _), rho, found = solved
    policy = torch.from_numpy(np.array(found.policy))
    flow = torch.einsum("xa,xb,xabt->xt", policy, others, transition).numpy()
    system = np.vstack([flow.T - np.eye(X), np.ones(X)])
    law = torch.from_numpy(np.linalg.lstsq(system, np.r_[np.zeros(X), 1.0], rcond=None)[0])
    earned = torch.einsum("x,xa,xb,xab->", law, policy, others, reward)
    entropy = -(law[:, None] * policy * policy.log()).sum()
    assert rho == pytest.approx((earned + ALPHA * entropy).item(), abs=1e-9)
    assert abs(rho - earned.item()) > 0.1  # not E[r] alone


def test_q_is_known_up_to_a_constant(solved):
    (reward, transition, others, table), rho, found = solved
    policy = torch.from_numpy(np.log(found.policy))
    for shift in (0.0, 5.0):
        q = table + shift
        value = further.soft_value(q, policy, others, ALPHA)
        target = reward - rho + transition @ value
        assert (target - q).abs().max() < 1e-9


def test_replaying_another_policy_of_the_others_moves_the_optimum(solved):
    """(14) takes a^-i from the replay, (13) from the decoder: they must be the same law."""
    (_, _, others, table), _, found = solved
    logits = torch.from_numpy(np.log(found.policy)).requires_grad_()
    old = torch.flip(others, (1,))
    replayed = torch.einsum("xab,xb->xa", table, old)
    loss = further.policy_loss(replayed, torch.log_softmax(logits, 1), ALPHA)
    assert grad(loss, logits)[0].abs().max() > 1e-3
