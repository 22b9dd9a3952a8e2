"""Level-k against (104)-(109) in extended precision, its EM theorem, its comparisons."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tabular_marl as tm

S, A, B = 3, 2, 3
INF = math.inf
LONG = np.longdouble


def game_of(seed, discount=0.7):
    rng = np.random.default_rng(seed)
    return tm.StochasticGame(
        rng.dirichlet(np.full(S, 0.5), size=(S, A, B)),
        rng.normal(size=(S, A, B)),
        rng.normal(size=(S, A, B)),
        discount=discount,
    )


def normalised(x, axis):
    return x / x.sum(axis=axis, keepdims=True)


def paper_levels(game, beta, beta_o, chain, level_two, count, p, r):
    """[(V_k, conditional policy, π_k, ρ_k)] for k = 1 … count, by the formulas of (108), (109)."""
    P, R = game.transition.astype(LONG), game.reward.astype(LONG)
    gamma, beta, beta_o = LONG(game.discount), LONG(beta), LONG(beta_o)
    first_pi, first_rho = p.astype(LONG), r.astype(LONG)
    pi, rho, levels = first_pi, first_rho, []
    for k in range(1, count + 1):
        use_pi, use_rho = pi, rho
        if k == 2 and level_two == "initial":
            use_pi, use_rho = (pi, first_rho) if chain == "agent" else (first_pi, rho)
        agent_answers = (k % 2 == 1) == (chain == "agent")
        V = np.zeros(S, dtype=LONG)
        for _ in range(150):
            Q = R + gamma * P @ V
            if agent_answers:
                e = use_pi[:, :, None] * np.exp(beta * Q)
                Q_b = np.log(e.sum(axis=1)) / beta
                f = use_rho * np.exp(beta_o * Q_b)
                V = np.log(f.sum(axis=1)) / beta_o
            else:
                e = use_rho[:, None, :] * np.exp(beta_o * Q)
                Q_a = np.log(e.sum(axis=2)) / beta_o
                f = use_pi * np.exp(beta * Q_a)
                V = np.log(f.sum(axis=1)) / beta
        first = normalised(f, 1)
        if agent_answers:
            answer, rho = normalised(e, 1), first
            pi = (answer * first[:, None, :]).sum(axis=2)
        else:
            answer, pi = normalised(e, 2), first
            rho = (answer * first[:, :, None]).sum(axis=1)
        levels.append((V, answer, pi, rho))
    return levels


@pytest.mark.parametrize("level_two", ["previous", "initial"])
@pytest.mark.parametrize("chain", ["agent", "opponent"])
@pytest.mark.parametrize(
    "betas",
    [(2.0, None), (1.5, -2.5), (-1.0, None), (800.0, None), (-800.0, 600.0), (900.0, -700.0)],
)
def test_every_level_against_the_equations(chain, level_two, betas):
    game, rng = game_of(1), np.random.default_rng(2)
    p, r = rng.dirichlet(np.ones(A), S), rng.dirichlet(np.ones(B), S)
    result = tm.level_k(
        game, betas[0], 5, chain, level_two, betas[1], agent_prior=p, opponent_prior=r
    )
    beta_o = betas[0] if betas[1] is None else betas[1]
    reference = paper_levels(game, betas[0], beta_o, chain, level_two, 5, p, r)
    assert len(result.path) == 5
    for k, (value, answer, pi, rho) in enumerate(reference, start=1):
        level = result.path[k - 1]
        slack = 1e-14 if k == 1 else 1e-9
        assert np.abs(level.value - value).max() <= level.error_bound + slack
        agent_answers = (k % 2 == 1) == (chain == "agent")
        conditional = level.agent_policy if agent_answers else level.opponent_policy
        np.testing.assert_allclose(conditional, answer.astype(float), atol=1e-8)
        np.testing.assert_allclose(result.agent_marginals[k], pi.astype(float), atol=1e-8)
        np.testing.assert_allclose(result.opponent_marginals[k], rho.astype(float), atol=1e-8)
    np.testing.assert_allclose(result.agent_marginals[0], p, atol=1e-15)


def test_level_one_is_rommeo_or_pr2():
    game = game_of(3)
    for chain, model in (("agent", tm.rommeo), ("opponent", tm.pr2)):
        one, other = tm.level_k(game, 2.0, 1, chain), model(game, 2.0)
        assert np.abs(one.value - other.value).max() <= one.error_bound + other.error_bound
        np.testing.assert_allclose(one.agent_policy, other.agent_policy, atol=1e-9)


def test_with_one_beta_both_chains_have_the_same_levels():
    game = game_of(4)
    one, other = (tm.level_k(game, 2.0, 6, chain) for chain in ("agent", "opponent"))
    for left, right in zip(one.path, other.path, strict=True):
        np.testing.assert_allclose(left.value, right.value, atol=1e-9)
        np.testing.assert_allclose(left.joint_policy, right.joint_policy, atol=1e-8)


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("seed", range(4))
def test_values_never_fall_and_settle_at_a_mutual_optimum(seed, sign):
    game = game_of(seed)
    result = tm.level_k(game, 3.0 * sign)
    assert result.period == 1
    steps = np.diff([level.value for level in result.path], axis=0) * sign
    assert steps.min() >= -1e-9
    reached = result.joint_policy.reshape(S, -1).max(axis=1)
    np.testing.assert_allclose(reached, 1.0, atol=1e-6)  # one joint action a state, no cost left
    P = np.einsum("sab,sabt->st", result.joint_policy, game.transition)
    r = np.einsum("sab,sab->s", result.joint_policy, game.reward)
    value = np.linalg.solve(np.eye(S) - game.discount * P, r)
    np.testing.assert_allclose(result.value, value, atol=1e-6)
    best = tm.soft_q(game, sign * INF).value
    assert (sign * (best - result.value) >= -1e-9).all()


def long_tilt(x, beta, prior, axis):
    """(F_β[prior](x), its tilt) in extended precision, β = ±inf included."""
    inside = np.where(prior > 0, x, -np.sign(beta) * LONG(INF))
    if math.isinf(beta):
        best = (np.max if beta > 0 else np.min)(inside, axis=axis, keepdims=True)
        return best, normalised(np.where(inside == best, prior, LONG(0)), axis)
    with np.errstate(divide="ignore"):
        logs = beta * x + np.log(prior + 0 * x)
    top = logs.max(axis=axis, keepdims=True)
    total = np.exp(logs - top).sum(axis=axis, keepdims=True)
    return (top + np.log(total)) / beta, np.exp(logs - top) / total


@pytest.mark.parametrize("betas", [(1000.0, -1000.0), (-900.0, 400.0), (INF, 900.0), (INF, -900.0)])
@pytest.mark.parametrize("seed", range(4))
def test_probabilities_that_underflow_are_not_lost(betas, seed):
    """Marginals down to 1e-4000 decide later levels, where only their actions are left."""
    game = tm.MatrixGame(np.random.default_rng(seed).uniform(-5, 5, size=(3, 4)))
    result = tm.level_k(game, betas[0], 6, beta_opponent=betas[1])
    x, rows = game.payoffs[0].astype(LONG), (np.ones((3, 1), LONG) / 3, np.ones((1, 4), LONG) / 4)
    for k, level in enumerate(result.path, start=1):
        inner = (k + 1) % 2
        worth, answer = long_tilt(x, LONG(betas[inner]), rows[inner], inner)
        value, first = long_tilt(worth, LONG(betas[1 - inner]), rows[1 - inner], 1 - inner)
        joint = answer * first
        rows = joint.sum(1, keepdims=True), joint.sum(0, keepdims=True)
        np.testing.assert_allclose(level.value[0], float(value[0, 0]), atol=1e-9)
        np.testing.assert_allclose(level.joint_policy[0], joint.astype(float), atol=1e-8)
        np.testing.assert_allclose(level.q[0], game.payoffs[0], atol=1e-11)
        name, size = (("opponent_q", 4), ("agent_q", 3))[inner]
        np.testing.assert_allclose(
            getattr(level, name)[0], worth.astype(float).reshape(size), atol=1e-9
        )


@pytest.mark.parametrize("beta", [1e-12, -1e-9, 0.0])
def test_a_small_beta_is_the_mean(beta):
    payoffs = np.random.default_rng(5).normal(size=(3, 4)) * 100
    result = tm.level_k(tm.MatrixGame(payoffs), beta, 5)
    for level in result.path:
        np.testing.assert_allclose(level.value, payoffs.mean(), atol=1e5 * abs(beta) + 1e-10)


def test_the_limit_depends_on_level_zero():
    game = tm.MatrixGame([[2.0, 0.0], [0.0, 1.0]])
    high, low = (tm.level_k(game, 1.0, agent_prior=[p, 1 - p]) for p in (0.6, 0.01))
    np.testing.assert_allclose(high.value, [2.0], atol=1e-6)
    np.testing.assert_allclose(low.value, [1.0], atol=1e-6)


def test_opposed_betas_can_cycle():
    pennies = tm.MatrixGame([[1.0, -1.0], [-1.0, 1.0]])
    start = {"agent_prior": [0.6, 0.4], "opponent_prior": [0.45, 0.55]}
    result = tm.level_k(pennies, 1.0, beta_opponent=-1.0, **start)
    assert result.status is tm.Status.CYCLE
    assert result.period == 4
    again = tm.level_k(pennies, 1.0, len(result.path) + 40, beta_opponent=-1.0, **start)
    np.testing.assert_allclose(again.agent_marginals[-1], again.agent_marginals[-41], atol=1e-7)
    swing = [marginal[0, 0] for marginal in again.agent_marginals[-8:]]
    assert np.ptp(swing) > 0.1


def paper_behaviour(game, beta, count, tau):
    """Logit answers to level k − 1, or to Poisson(τ) shares of the levels below k."""
    P, gamma = game.transition, game.discount
    levels = [(np.full((S, A), 1 / A), np.full((S, B), 1 / B))]
    for k in range(1, count + 1):
        if tau is None:
            shares = [0.0] * (k - 1) + [1.0]
        else:
            shares = [math.exp(-tau) * tau**j / math.factorial(j) for j in range(k)]
        shares = np.array(shares) / sum(shares)
        pi, rho = (sum(w * lv[i] for w, lv in zip(shares, levels, strict=True)) for i in (0, 1))
        V, W = np.zeros(S), np.zeros(S)
        for _ in range(150):
            q = np.einsum("sab,sb->sa", game.reward + gamma * P @ V, rho)
            V = np.log(np.exp(beta * q).mean(axis=1)) / beta
            x = np.einsum("sab,sa->sb", game.opponent_reward + gamma * P @ W, pi)
            W = np.log(np.exp(beta * x).mean(axis=1)) / beta
        levels.append((normalised(np.exp(beta * q), 1), normalised(np.exp(beta * x), 1)))
    return levels, V


@pytest.mark.parametrize("tau", [None, 1.5])
def test_behavioural_levels_against_the_definition(tau):
    game = game_of(5)
    result = tm.behavioural_levels(game, 2.0, 4, tau)
    levels, value = paper_behaviour(game, 2.0, 4, tau)
    for k, (pi, rho) in enumerate(levels):
        np.testing.assert_allclose(result.agent_marginals[k], pi, atol=1e-9)
        np.testing.assert_allclose(result.opponent_marginals[k], rho, atol=1e-9)
    np.testing.assert_allclose(result.value, value, atol=1e-9)


def test_best_answers_cycle_in_pennies_and_the_hierarchy_does_not():
    pennies = tm.MatrixGame([[[1, -1], [-1, 1]], [[-1, 1], [1, -1]]])
    start = {"agent_prior": [0.6, 0.4], "opponent_prior": [0.4, 0.6]}
    best = tm.behavioural_levels(pennies, 8.0, **start)
    assert best.status is tm.Status.CYCLE
    assert best.period == 4
    assert len(best.cycle) == 4
    assert tm.behavioural_levels(pennies, 8.0, poisson_mean=1.5, **start).period == 1


def test_the_reports_levels_differ_from_behavioural_ones():
    """The report's level 1 expects an opponent who helps, Nagel's one who stays at level 0."""
    hunt = tm.games.stag_hunt()
    ours, nagel = tm.level_k(hunt, 1.0, 1), tm.behavioural_levels(hunt, 1.0, 1)
    assert ours.value[0] > nagel.value[0] + 0.1
    assert np.ptp(ours.opponent_marginals[1]) > 0.1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda g: tm.level_k(g, 1.0, chain="both"), "chain must be one of"),
        (lambda g: tm.level_k(g, 1.0, levels=0), "levels must be an integer >= 1"),
        (lambda g: tm.level_k(g, 1.0, agent_prior=np.full((S, A, B), 0.5)), "agent_prior must"),
        (lambda g: tm.behavioural_levels(g, 1.0, poisson_mean=-1.0), "poisson_mean must be"),
        (lambda g: tm.level_k(g, 1.0, beta_opponent=math.nan), "beta_opponent must be a number"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(tm.InputError, match=message):
        call(game_of(6))
