"""Options against (73)-(76) and (82)-(86), step by step in extended precision, and the ELBOs."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

import tabular_marl as tm

S, A, B, M, N = 3, 2, 3, 3, 2
INF = math.inf
LONG = np.longdouble


def game_of(seed, discount=0.7, sparse=False, columns=B):
    rng = np.random.default_rng(seed)
    transition = rng.dirichlet(np.full(S, 0.5), size=(S, A, columns))
    if sparse:
        from scipy.sparse import csr_array

        transition = csr_array(transition.reshape(-1, S))
    return tm.StochasticGame(
        transition, rng.normal(size=(S, A, columns)), discount=discount, name=str(seed)
    )


def long_rows(game):
    rows = game.transition.toarray() if game.is_sparse else game.transition
    return rows.reshape(*game.reward.shape, S).astype(LONG)


def softly(x, prior, axis, beta):
    """(log Σ p exp(βx))/β along an axis, and the Gibbs policy."""
    e = prior * np.exp(beta * x)
    total = e.sum(axis=axis, keepdims=True)
    return np.squeeze(np.log(total), axis) / beta, e / total


def priors_of(seed):
    rng = np.random.default_rng(seed)
    low = rng.dirichlet(np.ones(A * B), (S, M)).reshape(S, M, A, B).transpose(0, 2, 3, 1)
    return low, rng.dirichlet(np.ones(M), S), rng.uniform(0.1, 0.9, (S, M))


def paper_options(game, beta, low, master, ends):
    """(73)-(76) with 1/m (here P^H) inside the logarithm: every quantity at the fixed point."""
    P, R, beta = long_rows(game), game.reward.astype(LONG), LONG(beta)
    U = np.zeros((S, M), dtype=LONG)
    for _ in range(170):
        Q = R[..., None] + LONG(game.discount) * np.einsum("sabt,tz->sabz", P, U)
        flat = Q.reshape(S, -1, M)
        V, pi = softly(flat, low.reshape(S, -1, M).astype(LONG), 1, beta)
        V_H, pi_H = softly(V, master.astype(LONG), 1, beta)
        both = np.stack([V, np.broadcast_to(V_H[:, None], V.shape)], axis=-1)
        U, pi_T = softly(both, np.stack([1 - ends, ends], -1).astype(LONG), 2, beta)
    return U, Q, V, V_H, pi.reshape(Q.shape), pi_H, pi_T[..., 1]


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("beta", [2.0, -1.5, 20.0])
def test_options_against_the_equations(beta, sparse):
    game, (low, master, ends) = game_of(1, sparse=sparse), priors_of(2)
    result = tm.options(game, beta, M, low, master, ends)
    U, Q, V, V_H, pi, pi_H, pi_T = paper_options(game, beta, low, master, ends)
    assert result.error_bound < 1e-9
    assert np.abs(result.value - U).max() <= result.error_bound + 1e-14
    for found, wanted in (
        (result.q, Q), (result.low_level_value, V), (result.master_value, V_H),
        (result.low_level_policy, pi), (result.master_policy, pi_H),
        (result.termination_policy, pi_T), (result.agent_policy, pi.sum(axis=2)),
        (result.opponent_policy, pi.sum(axis=1)),
    ):  # fmt: skip
        np.testing.assert_allclose(found, wanted.astype(float), rtol=0, atol=1e-8)
    options = np.eye(M) * (1 - pi_T)[..., None] + pi_T[..., None] * pi_H[:, None]
    joint = pi[:, None] * options[:, :, None, None]
    np.testing.assert_allclose(result.joint_policy, joint.astype(float), atol=1e-8)
    enclosure = result.certify()
    assert (np.abs(enclosure.lower - result.value.ravel()) <= result.error_bound + 1e-14).all()


def elbo_options(game, beta, priors, policies):
    """U of any three policies: expected reward minus the KL terms of (72), over β."""
    (low, master, ends), (pi, pi_H, pi_T) = priors, policies
    P, U = long_rows(game).astype(float), np.zeros((S, M))
    b = np.stack([1 - pi_T, pi_T], -1)
    cost_T = (b * np.log(b / np.stack([1 - ends, ends], -1))).sum(axis=-1)
    cost_H = (pi_H * np.log(pi_H / master)).sum(axis=1)
    cost = (pi * np.log(pi / low)).sum(axis=(1, 2))
    for _ in range(170):
        Q = game.reward[..., None] + game.discount * np.einsum("sabt,tz->sabz", P, U)
        V = (pi * Q).sum(axis=(1, 2)) - cost / beta
        V_H = (pi_H * V).sum(axis=1) - cost_H / beta
        U = pi_T * V_H[:, None] + (1 - pi_T) * V - cost_T / beta
    return U


@pytest.mark.parametrize("beta", [2.0, -1.0])
def test_the_policies_maximise_the_objective_of_72(beta):
    game, priors = game_of(3), priors_of(4)
    result = tm.options(game, beta, M, *priors)
    own = (result.low_level_policy, result.master_policy, result.termination_policy)
    np.testing.assert_allclose(elbo_options(game, beta, priors, own), result.value, atol=1e-9)
    rng = np.random.default_rng(5)
    for _ in range(30):
        low, master, ends = priors_of(rng.integers(10**6))
        size = rng.uniform(0.01, 1)
        other = tuple(
            (1 - size) * x + size * y for x, y in zip(own, (low, master, ends), strict=True)
        )
        worse = np.sign(beta) * (result.value - elbo_options(game, beta, priors, other))
        assert worse.min() > 0


def test_the_printed_master_value_is_not_the_optimum():
    """1/m outside the logarithm: its termination policy is beaten by ours."""
    game, (low, _, ends) = game_of(6), priors_of(7)
    uniform = np.full((S, M), 1 / M)
    priors = (low, uniform, ends)
    result = tm.options(game, 2.0, M, low, None, ends)
    printed = np.log(np.exp(2.0 * result.low_level_value).sum(axis=1)) / M / 2.0
    both = np.stack([result.low_level_value, np.repeat(printed[:, None], M, axis=1)], -1)
    _, pi_T = softly(both, np.stack([1 - ends, ends], -1), 2, 2.0)
    policies = (result.low_level_policy, result.master_policy, pi_T[..., 1])
    assert (result.value - elbo_options(game, 2.0, priors, policies)).min() > 1e-3


def test_options_that_are_alike_are_soft_q():
    game, low = game_of(8), priors_of(9)[0][..., :1]
    result = tm.options(game, 2.0, M, np.repeat(low, M, axis=3))
    base = tm.soft_q(game, 2.0, prior=low[..., 0])
    np.testing.assert_allclose(result.value, np.repeat(base.value[:, None], M, 1), atol=1e-9)
    np.testing.assert_allclose(result.termination_policy, 0.5, atol=1e-9)


def test_never_and_always_terminating():
    game, (low, master, _) = game_of(10), priors_of(11)
    never = tm.options(game, 2.0, M, low, master, 0.0)
    for z in range(M):
        alone = tm.soft_q(game, 2.0, prior=low[..., z])
        np.testing.assert_allclose(never.value[:, z], alone.value, atol=1e-9)
    assert (never.termination_policy == 0).all()
    always = tm.options(game, 2.0, M, low, master, 1.0)
    mixture = (low * master[:, None, None, :]).sum(axis=3)
    one = tm.soft_q(game, 2.0, prior=mixture)
    np.testing.assert_allclose(always.value, np.repeat(one.value[:, None], M, 1), atol=1e-9)
    np.testing.assert_allclose(always.termination_policy, 1.0, atol=1e-14)


def test_infinite_beta_is_the_plain_optimum():
    game, (low, master, ends) = game_of(12), priors_of(13)
    result = tm.options(game, INF, M, low, master, ends)
    best = tm.soft_q(game, INF)
    np.testing.assert_allclose(result.value, np.repeat(best.value[:, None], M, 1), atol=1e-9)


def test_a_single_agents_prior_may_leave_the_opponent_out():
    game = game_of(14, columns=1)
    low = np.random.default_rng(15).dirichlet(np.ones(A), M).T
    one = tm.options(game, 2.0, M, low)
    other = tm.options(game, 2.0, M, low[:, None, :])
    np.testing.assert_array_equal(one.value, other.value)


def multi_priors(seed, m=M, n=N, states=S, a=A, b=B):
    rng = np.random.default_rng(seed)
    return {
        "agent_prior": np.moveaxis(rng.dirichlet(np.ones(a), (states, b, m, n)), -1, 1),
        "agent_master_prior": np.moveaxis(rng.dirichlet(np.ones(m), (states, b, n)), -1, 2),
        "agent_termination_prior": rng.uniform(0.1, 0.9, (states, m, b, n)),
        "opponent_prior": np.moveaxis(rng.dirichlet(np.ones(b), (states, m, n)), -1, 2),
        "opponent_master_prior": rng.dirichlet(np.ones(n), (states, m)),
        "opponent_termination_prior": rng.uniform(0.1, 0.9, (states, m, n)),
    }


def paper_multi(game, beta, beta_o, priors):
    """(82)-(86) as corrected, all six aggregations one after another."""
    P, R = long_rows(game), game.reward.astype(LONG)
    p = {name: array.astype(LONG) for name, array in priors.items()}
    beta, beta_o, gamma = LONG(beta), LONG(beta_o), LONG(game.discount)
    U = np.zeros((S, M, N), dtype=LONG)
    for _ in range(170):
        Q = R[..., None, None] + gamma * np.einsum("sabt,tzy->sabzy", P, U)
        Q_H, pi = softly(Q, p["agent_prior"], 1, beta)  # [s, b, z, y]
        again, master = softly(Q_H, p["agent_master_prior"], 2, beta)  # [s, b, y]
        keep = np.moveaxis(Q_H, 2, 1)  # [s, z_, b, y]
        both = np.stack([keep, np.broadcast_to(again[:, None], keep.shape)], -1)
        ends = p["agent_termination_prior"]
        after, pi_T = softly(both, np.stack([1 - ends, ends], -1), 4, beta)
        ahead, rho = softly(after, p["opponent_prior"], 2, beta_o)  # [s, z_, y]
        chosen, master_o = softly(ahead, p["opponent_master_prior"], 2, beta_o)  # [s, z_]
        both = np.stack([ahead, np.broadcast_to(chosen[..., None], ahead.shape)], -1)
        ends = p["opponent_termination_prior"]
        U, pi_T_o = softly(both, np.stack([1 - ends, ends], -1), 3, beta_o)
    return U, Q, pi, master, pi_T[..., 1], rho, master_o, pi_T_o[..., 1]


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("betas", [(2.0, None), (3.0, -2.0), (-0.5, None)])
def test_six_policies_against_the_equations(betas, sparse):
    game, priors = game_of(20, sparse=sparse), multi_priors(21)
    result = tm.multi_agent_options(game, betas[0], (M, N), betas[1], **priors)
    beta_o = betas[0] if betas[1] is None else betas[1]
    U, Q, pi, master, pi_T, rho, master_o, pi_T_o = paper_multi(game, betas[0], beta_o, priors)
    assert result.error_bound < 1e-9
    assert np.abs(result.value - U).max() <= result.error_bound + 1e-14
    for found, wanted in (
        (result.q, Q), (result.agent_policy, pi), (result.agent_master, master),
        (result.agent_termination, pi_T), (result.opponent_policy, rho),
        (result.opponent_master, master_o), (result.opponent_termination, pi_T_o),
    ):  # fmt: skip
        np.testing.assert_allclose(found, wanted.astype(float), rtol=0, atol=1e-8)
    np.testing.assert_allclose(result.joint_policy.sum(axis=(3, 4, 5, 6)), 1.0, atol=1e-12)
    assert result.certify().lower.shape == (S * M * N,)


def test_an_opponent_of_one_action_and_option_leaves_the_single_agent():
    game = game_of(22, columns=1)
    rng = np.random.default_rng(23)
    low, master, ends = (
        rng.dirichlet(np.ones(A), M).T,
        rng.dirichlet(np.ones(M)),
        rng.uniform(size=M),
    )
    one = tm.options(game, 2.0, M, low, master, ends)
    other = tm.multi_agent_options(
        game, 2.0, (M, 1), agent_prior=low, agent_master_prior=master, agent_termination_prior=ends
    )
    np.testing.assert_allclose(other.value[:, :, 0], one.value, atol=1e-9)
    np.testing.assert_allclose(other.agent_master[:, 0, :, 0], one.master_policy, atol=1e-9)
    np.testing.assert_allclose(
        other.agent_termination[:, :, 0, 0], one.termination_policy, atol=1e-9
    )


def test_one_option_each_is_rommeo_or_balancing_q():
    game = game_of(24)
    one = tm.multi_agent_options(game, 2.0, 1)
    rommeo = tm.rommeo(game, 2.0)
    np.testing.assert_allclose(one.value[:, 0, 0], rommeo.value, atol=1e-9)
    np.testing.assert_allclose(one.agent_policy[..., 0, 0], rommeo.agent_policy, atol=1e-9)
    np.testing.assert_allclose(one.opponent_policy[:, 0, :, 0], rommeo.opponent_policy, atol=1e-9)
    opposed = tm.multi_agent_options(game, 2.0, 1, -3.0)
    balancing = tm.balancing_q(game, 2.0, -3.0, "opponent")
    np.testing.assert_allclose(opposed.value[:, 0, 0], balancing.value, atol=1e-9)


def test_an_opponent_who_minimises_makes_it_worse():
    game, priors = game_of(25), multi_priors(26)
    helped = tm.multi_agent_options(game, 2.0, (M, N), **priors).value
    opposed = tm.multi_agent_options(game, 2.0, (M, N), -2.0, **priors).value
    assert (helped > opposed + 1e-3).all()


@pytest.mark.parametrize("beta_opponent", [None, -5.0])
def test_ten_states_and_three_values_of_everything_in_a_second(beta_opponent):
    rng = np.random.default_rng(27)
    game = tm.StochasticGame(
        rng.dirichlet(np.ones(10), size=(10, 3, 3)), rng.normal(size=(10, 3, 3)), discount=0.99
    )
    priors = multi_priors(28, 3, 3, 10, 3, 3)
    tm.multi_agent_options(game, 5.0, 3, beta_opponent, **priors)  # compile
    started = time.perf_counter()
    result = tm.multi_agent_options(game, 5.0, 3, beta_opponent, **priors)
    assert time.perf_counter() - started < 1.0
    assert result.status is tm.Status.CONVERGED


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda g: tm.options(g, 1.0, 0), "num_options must be an integer >= 1"),
        (lambda g: tm.options(g, 1.0, termination_prior=1.5), "termination_prior must hold prob"),
        (lambda g: tm.options(g, 1.0, prior=np.ones((2, 2))), "prior must have shape"),
        (lambda g: tm.options(g, 1.0, master_prior=[0.5, 0.6]), "master_prior must .* sum"),
        (lambda g: tm.options(g, 1.0, termination_prior=[0.1] * 3), "termination_prior must have"),
        (
            lambda g: tm.multi_agent_options(g, 1.0, agent_prior=np.full((A, 3), 0.5)),
            "agent_prior must have shape",
        ),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(tm.InputError, match=message):
        call(game_of(30))


def test_a_partial_result_has_the_options_shapes():
    with pytest.raises(tm.NotConverged) as caught:
        tm.options(game_of(31, 0.99), 1.0, M, method="value-iteration", max_iterations=2)
    assert caught.value.partial.value.shape == (S, M)
