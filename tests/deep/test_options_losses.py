"""Soft options: every loss is stationary at the exact solution, and as printed it is not."""

import numpy as np
import pytest
import torch
from torch.autograd import grad

import tabular_marl as tm
from tabular_marl.deep.losses import options, soft

S, A, Z, GAMMA = 4, 3, 2, 0.9


@pytest.fixture(params=[1.5, -0.8], scope="module")
def solved(request):
    rng = np.random.default_rng(4)
    beta = request.param
    transition = rng.dirichlet(np.ones(S), (S, A, 1))
    game = tm.StochasticGame(transition, rng.normal(size=(S, A, 1)), discount=GAMMA)
    prior = rng.dirichlet(np.ones(A), Z).T  # [a, z]
    master, ends = rng.dirichlet(np.ones(Z)), rng.uniform(0.2, 0.8, Z)
    found = tm.options(game, beta, Z, prior, master, ends)
    priors = (prior, master, np.stack([1 - ends, ends], -1))
    return game, found, [torch.from_numpy(p).log() for p in priors], beta


def exact(found):
    q = torch.from_numpy(found.q[:, :, 0].copy())
    termination = torch.from_numpy(found.termination_policy.copy())
    policies = (
        torch.from_numpy(found.low_level_policy[:, :, 0].copy()),
        torch.from_numpy(found.master_policy.copy()),
        torch.stack([1 - termination, termination], -1),
    )
    return q, [p.log() for p in policies]


def values(q, priors, beta):
    value = options.low_level_value(q, priors[0], beta)
    chosen = options.master_value(value, priors[1], beta)
    arriving = options.choices(value, chosen)
    return value, chosen, arriving, options.arrival_value(arriving, priors[2], beta)


def backup(game, arrival):
    """R + γ E[U(s', z)], [S, A, Z]."""
    after = np.einsum("sat,tz->saz", game.transition[:, :, 0], arrival)
    return game.reward + GAMMA * after


def test_values_and_target_are_the_exact_ones(solved):
    game, found, priors, beta = solved
    q, _ = exact(found)
    value, chosen, _, arrival = values(q, priors, beta)
    np.testing.assert_allclose(value, found.low_level_value, atol=1e-9)
    np.testing.assert_allclose(chosen, found.master_value, atol=1e-9)
    np.testing.assert_allclose(arrival, found.value, atol=1e-9)
    np.testing.assert_allclose(backup(game, arrival.numpy()), q, atol=1e-9)


def test_the_exact_solution_is_stationary_and_another_is_not(solved):
    game, found, priors, beta = solved
    table, policies = exact(found)
    value, _, arriving, arrival = values(table, priors, beta)
    losses = (options.low_level_loss, options.master_loss, options.termination_loss)
    worths = (table, value, arriving)
    weights = torch.tensor([0.4, 0.3, 0.2, 0.1], dtype=table.dtype)
    noise = torch.Generator().manual_seed(0)
    for loss, logits, worth, prior, dim in zip(
        losses, policies, worths, priors, (1, 1, 2), strict=True
    ):
        held = logits.clone().requires_grad_()
        least = loss(torch.log_softmax(held, dim), worth, prior, beta, weights)
        assert grad(least, held)[0].abs().max() < 1e-9
        moved = logits + torch.randn(logits.shape, generator=noise, dtype=logits.dtype)
        assert loss(torch.log_softmax(moved, dim), worth, prior, beta, weights) > least + 1e-3

    s, a, z, after = np.unravel_index(np.arange(S * A * Z * S), (S, A, Z, S))
    chance = torch.from_numpy(game.transition[s, a, 0, after].copy())
    held = table.clone().requires_grad_()
    reward = torch.from_numpy(game.reward[s, a, 0].copy())
    loss = soft.q_loss(held[s, a, z], reward, arrival[after, z], GAMMA, chance)
    assert grad(loss, held)[0].abs().max() < 1e-9


def test_a_sample_is_worth_u_whatever_was_drawn(solved):
    _, found, priors, beta = solved
    q, policies = exact(found)
    ratios = [policy - prior for policy, prior in zip(policies, priors, strict=True)]
    for s, z_, b, a in np.ndindex(S, Z, 2, A):
        for z in range(Z) if b else (z_,):
            drawn = (q[s, a, z], ratios[0][s, a, z], ratios[1][s, z], ratios[2][s, z_, b])
            found_u = options.regularised(*drawn, torch.tensor(b), beta)
            assert found_u.item() == pytest.approx(found.value[s, z_], abs=1e-9)


def test_the_bound_of_the_exact_policies_is_the_exact_value(solved):
    """(72) summed over time, discounted, by a linear solve over (s, z_)."""
    game, found, priors, beta = solved
    _, policies = exact(found)
    ratios = [policy - prior for policy, prior in zip(policies, priors, strict=True)]
    low, master, ends = (policy.exp() for policy in policies)
    flow, stage = np.zeros((S, Z, S, Z)), np.zeros((S, Z))
    for s, z_, b, z, a in np.ndindex(S, Z, 2, Z, A):
        chance = float(ends[s, z_, b] * (master[s, z] if b else z == z_) * low[s, a, z])
        cost = (ratios[0][s, a, z], ratios[1][s, z], ratios[2][s, z_, b])
        reward = torch.tensor(game.reward[s, a, 0])
        stage[s, z_] += chance * options.regularised(reward, *cost, torch.tensor(b), beta).item()
        flow[s, z_, :, z] += chance * game.transition[s, a, 0]
    matrix = np.eye(S * Z) - GAMMA * flow.reshape(S * Z, S * Z)
    value = np.linalg.solve(matrix, stage.ravel()).reshape(S, Z)
    np.testing.assert_allclose(value, found.value, atol=1e-9)


def test_as_printed_it_is_no_fixed_point(solved):
    game, found, priors, beta = solved
    q, policies = exact(found)
    value = options.low_level_value(q, priors[0], beta)
    mean_q = (policies[0].exp() * q).sum(1)  # (74): E_π[Q], which loses −log π/P
    outside = torch.logsumexp(beta * value, 1) / Z / beta  # (74): 1/m outside the logarithm
    for chosen in (options.master_value(mean_q, priors[1], beta), outside):
        arrival = options.arrival_value(options.choices(value, chosen), priors[2], beta)
        assert np.abs(backup(game, arrival.numpy()) - q.numpy()).max() > 1e-3
