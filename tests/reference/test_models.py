"""The models against the report's equations, written out in mpmath, and against brute force.

Every reference here takes the report's formulas literally, in its own units (Q times β for ROMMEO
and PR2), iterates them to 30 digits, and only then divides by β.
"""

from __future__ import annotations

import itertools
import math

import mpmath as mp
import numpy as np
import pytest

import tabular_marl as tm

U = 2.0**-53
STATES, A, B = 3, 2, 3
INF = math.inf


@pytest.fixture(autouse=True)
def digits():
    with mp.workdps(40):
        yield


def random_game(seed, discount, sparse=False):
    rng = np.random.default_rng(seed)
    transition = rng.dirichlet(np.ones(STATES), size=(STATES, A, B))
    if sparse:
        from scipy.sparse import csr_array

        transition = csr_array(transition.reshape(-1, STATES))
    return tm.StochasticGame(transition, rng.normal(size=(STATES, A, B)), discount=discount)


def priors(kind, seed):
    """(agent_prior, opponent_prior) as arguments, and both spelt out as [s, a, b]."""
    rng = np.random.default_rng(seed + 100)
    full_a = np.full((STATES, A, B), 1 / A)
    full_b = np.full((STATES, A, B), 1 / B)
    if kind == "uniform":
        return None, None, full_a, full_b
    if kind == "one":
        p, r = rng.dirichlet(np.ones(A)), rng.dirichlet(np.ones(B))
        return p, r, full_a * 0 + p[None, :, None], full_b * 0 + r[None, None, :]
    p, r = rng.dirichlet(np.ones(A), STATES), rng.dirichlet(np.ones(B), STATES)
    if kind == "degenerate":
        p[0], r[1] = [0.0, 1.0], [0.25, 0.0, 0.75]
    return p, r, full_a * 0 + p[:, :, None], full_b * 0 + r[:, None, :]


def exact(array):
    """Nested mpf's of an array's doubles."""
    return np.vectorize(mp.mpf, otypes=[object])(array)


def log_mean_exp(x, weights):
    """log Σ p exp(x) over the last axis, outcomes with p = 0 left out."""
    weights = np.broadcast_to(weights, x.shape)
    total = np.empty(x.shape[:-1], dtype=object)
    for at in np.ndindex(total.shape):
        pairs = zip(x[at], weights[at], strict=True)
        total[at] = mp.log(mp.fsum(p * mp.exp(v) for v, p in pairs if p))
    return total


def tilt(x, weights):
    total = log_mean_exp(x, weights)
    return weights * np.vectorize(mp.exp, otypes=[object])(x - total[..., None])


def iterate(backup, start, discount):
    """The fixed point of ``backup`` to 30 digits, and a check that it is one."""
    value = exact(start)
    for _ in range(4000):
        new = backup(value)
        gap = max(abs(new - value))
        value = new
        if gap < mp.mpf(10) ** -30 * (1 - mp.mpf(discount)):
            return value
    raise AssertionError("the reference did not converge")


def game_data(game):
    rows = game.transition.toarray() if game.is_sparse else game.transition
    return exact(rows.reshape(STATES, A, B, STATES)), exact(game.reward), mp.mpf(game.discount)


def normalised(p, axis):
    p = exact(p)
    return p / p.sum(axis=axis, keepdims=True)


def rommeo_reference(game, beta, agent_prior, opponent_prior, start):
    """(13), (14), divided by β at the end: V, Q(s,a,b), Q(s,b), π(a|s,b), ρ(b|s)."""
    P, R, gamma = game_data(game)
    beta = mp.mpf(beta)
    p_a = np.moveaxis(normalised(agent_prior, 1), 1, -1)
    p_b = normalised(opponent_prior, 2)[:, 0, :]

    def q_of(V):
        return beta * R + gamma * (P * V).sum(axis=-1)

    def backup(V):
        q_b = log_mean_exp(np.moveaxis(q_of(V), 1, -1), p_a)
        return log_mean_exp(q_b, p_b)

    V = iterate(backup, np.asarray(start) * float(beta), game.discount)
    q = q_of(V)
    q_b = log_mean_exp(np.moveaxis(q, 1, -1), p_a)
    pi = np.moveaxis(tilt(np.moveaxis(q, 1, -1), p_a), -1, 1)
    return V / beta, q / beta, q_b / beta, pi, tilt(q_b, p_b)


def pr2_reference(game, beta, agent_prior, opponent_prior, start):
    """(57) with Q(s,a) = log Σ_b exp(Q(s,a,b)) P_prior(b|s,a): V, Q, Q(s,a), π(a|s), ρ(b|s,a)."""
    P, R, gamma = game_data(game)
    beta = mp.mpf(beta)
    p_b = normalised(opponent_prior, 2)
    p_a = normalised(agent_prior, 1)[:, :, 0]

    def q_of(V):
        return beta * R + gamma * (P * V).sum(axis=-1)

    V = iterate(
        lambda V: log_mean_exp(log_mean_exp(q_of(V), p_b), p_a),
        np.asarray(start) * float(beta),
        game.discount,
    )
    q = q_of(V)
    q_a = log_mean_exp(q, p_b)
    return V / beta, q / beta, q_a / beta, tilt(q_a, p_a), tilt(q, p_b)


def balancing_reference(game, beta_agent, beta_opponent, view, agent_prior, opponent_prior, start):
    """(20), (21), (24), (25): V, Q, Q^i, Q^-i, V^i, V^-i, π, ρ, and the view's conditional."""
    P, R, gamma = game_data(game)
    beta_i, beta_o = mp.mpf(beta_agent), mp.mpf(beta_opponent)
    p_a = normalised(agent_prior, 1)[:, :, 0]
    p_b = normalised(opponent_prior, 2)[:, 0, :]

    def sides(V):
        q = R + gamma * (P * V).sum(axis=-1)
        q_i = beta_i / beta_o * log_mean_exp(beta_o * q, p_b[:, None, :])
        q_o = beta_o / beta_i * log_mean_exp(beta_i * np.moveaxis(q, 1, -1), p_a[:, None, :])
        return q, q_i, q_o, log_mean_exp(q_i, p_a), log_mean_exp(q_o, p_b)

    def backup(V):
        _, _, _, v_i, v_o = sides(V)
        return v_i / beta_i if view == "agent" else v_o / beta_o

    V = iterate(backup, start, game.discount)
    q, q_i, q_o, v_i, v_o = sides(V)
    if view == "agent":
        answer = tilt(beta_o * q, np.broadcast_to(p_b[:, None, :], q.shape))
    else:
        moved = beta_i * np.moveaxis(q, 1, -1)
        answer = np.moveaxis(tilt(moved, np.broadcast_to(p_a[:, None, :], moved.shape)), -1, 1)
    return V, q, q_i, q_o, v_i, v_o, tilt(q_i, p_a), tilt(q_o, p_b), answer


def distance(computed, reference):
    gap = abs(exact(computed) - reference)
    return float(max(gap.ravel()))


def check_values(solution, game, value, q):
    """V within the proved bound; Q within γ times that and its own few roundings."""
    assert solution.error_bound is not None
    assert solution.error_bound < 1e-9
    assert distance(solution.value, value) <= solution.error_bound
    scale = np.abs(solution.q).max() + np.abs(solution.value).max()
    tolerance = game.discount * solution.error_bound * (1 + 1e-9) + 8 * STATES * U * scale
    assert distance(solution.q, q) <= tolerance
    return tolerance


def policy_tolerance(beta, tolerance, solution):
    """A tilt moves by the factor exp(±2|β|δ) when its values move by δ, and rounds."""
    spread = np.ptp(solution.q)
    return math.expm1(2 * abs(beta) * tolerance) + (60 + 8 * abs(beta) * spread) * U


RAGGED = [[0.5, 0.5], [0.5]]
KINDS = ("uniform", "one", "state", "degenerate", "conditional")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("beta", "discount"), [(2.0, 0.9), (-3.0, 0.6), (40.0, 0.5), (1e-7, 0.6)])
def test_rommeo(kind, beta, discount):
    game = random_game(1, discount, sparse=kind == "state")
    p, r, full_p, full_r = priors(kind, 1)
    if kind == "conditional":
        p = full_p = np.random.default_rng(5).dirichlet(np.ones(A), (STATES, B)).transpose(0, 2, 1)
    solution = tm.rommeo(game, beta, agent_prior=p, opponent_prior=r)
    value, q, q_b, pi, rho = rommeo_reference(game, beta, full_p, full_r, solution.value)
    tolerance = check_values(solution, game, value, q)
    assert distance(solution.opponent_q, q_b) <= tolerance + 100 * U * np.abs(solution.q).max()
    allowed = policy_tolerance(beta, 2 * tolerance, solution)
    assert distance(solution.agent_policy, pi) <= allowed
    assert distance(solution.opponent_policy, rho) <= allowed
    assert distance(solution.joint_policy, pi * rho[:, None, :]) <= 2 * allowed
    assert solution.agent_q is None
    assert solution.conditional_policy is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("beta", "discount"), [(2.0, 0.9), (-3.0, 0.6), (40.0, 0.5), (1e-7, 0.6)])
def test_pr2(kind, beta, discount):
    game = random_game(2, discount, sparse=kind == "one")
    p, r, full_p, full_r = priors(kind, 2)
    if kind == "conditional":
        r = full_r = np.random.default_rng(6).dirichlet(np.ones(B), (STATES, A))
    solution = tm.pr2(game, beta, agent_prior=p, opponent_prior=r)
    value, q, q_a, pi, rho = pr2_reference(game, beta, full_p, full_r, solution.value)
    tolerance = check_values(solution, game, value, q)
    assert distance(solution.agent_q, q_a) <= tolerance + 100 * U * np.abs(solution.q).max()
    allowed = policy_tolerance(beta, 2 * tolerance, solution)
    assert distance(solution.agent_policy, pi) <= allowed
    assert distance(solution.opponent_policy, rho) <= allowed
    assert distance(solution.joint_policy, pi[:, :, None] * rho) <= 2 * allowed
    assert solution.opponent_q is None


@pytest.mark.parametrize("view", ["agent", "opponent"])
@pytest.mark.parametrize("kind", KINDS[:4])
@pytest.mark.parametrize(
    "betas", [(2.0, 3.0), (5.0, -3.0), (-2.0, 4.0), (-1.0, -1.5), (1e-6, 30.0)]
)
def test_balancing_q(view, kind, betas):
    game = random_game(3, 0.7, sparse=kind == "degenerate")
    p, r, full_p, full_r = priors(kind, 3)
    solution = tm.balancing_q(game, *betas, view=view, agent_prior=p, opponent_prior=r)
    value, q, q_i, q_o, v_i, v_o, pi, rho, answer = balancing_reference(
        game, *betas, view, full_p, full_r, solution.value
    )
    tolerance = check_values(solution, game, value, q)
    near = tolerance + 100 * U * np.abs(solution.q).max()
    assert distance(solution.agent_q, q_i / mp.mpf(betas[0])) <= near
    assert distance(solution.opponent_q, q_o / mp.mpf(betas[1])) <= near
    allowed = policy_tolerance(max(map(abs, betas)), 2 * near, solution)
    assert distance(solution.agent_policy, pi) <= allowed
    assert distance(solution.opponent_policy, rho) <= allowed
    assert distance(solution.conditional_policy, answer) <= allowed
    first = pi[:, :, None] if view == "agent" else rho[:, None, :]
    assert distance(solution.joint_policy, first * answer) <= 2 * allowed
    own = v_i / mp.mpf(betas[0]) if view == "agent" else v_o / mp.mpf(betas[1])
    assert distance(solution.value, own) <= solution.error_bound


@pytest.mark.parametrize("beta", [3.0, -1.5])
def test_soft_q_with_one_opponent_action(beta):
    game = random_game(4, 0.8)
    single = tm.StochasticGame(game.transition[:, :, :1], game.reward[:, :, :1], discount=0.8)
    prior = np.random.default_rng(4).dirichlet(np.ones(A), (STATES, 1)).transpose(0, 2, 1)
    solution = tm.soft_q(single, beta, prior=prior)
    P, R = exact(single.transition[:, :, 0]), exact(single.reward[:, :, 0])
    p, b, gamma = normalised(prior[:, :, 0], 1), mp.mpf(beta), mp.mpf(0.8)
    V = iterate(
        lambda V: log_mean_exp(b * R + gamma * (P * V).sum(axis=-1), p), solution.value * beta, 0.8
    )
    assert distance(solution.value, V / b) <= solution.error_bound
    pi = tilt(b * R + gamma * (P * V).sum(axis=-1), p)
    assert distance(solution.agent_policy, pi) < 1e-9
    np.testing.assert_allclose(solution.opponent_policy, np.ones((STATES, 1)), atol=4 * U)


def test_one_shot_closed_forms():
    payoff = np.array([[1.0, -2.0, 0.5], [0.0, 3.0, 1.0]])
    game, beta = tm.MatrixGame(payoff), 1.5
    joint = np.exp(beta * payoff) / np.exp(beta * payoff).sum()
    value = math.log(np.exp(beta * payoff).mean()) / beta
    for solution in (
        tm.rommeo(game, beta),
        tm.pr2(game, beta),
        tm.soft_q(game, beta),
        tm.balancing_q(game, beta, beta),
        tm.balancing_q(game, beta, beta, view="opponent"),
    ):
        assert solution.value == pytest.approx([value], abs=1e-14)
        np.testing.assert_allclose(solution.joint_policy[0], joint, rtol=0, atol=1e-14)
        np.testing.assert_array_equal(solution.q[0], payoff)
    repeated = tm.rommeo(game, beta, discount=0.75)
    assert repeated.value == pytest.approx([4 * value], abs=repeated.error_bound + 1e-13)


def policy_value(game, joint):
    """The discounted reward of a joint policy [s, a, b]."""
    P = np.einsum("sab,sabt->st", joint, game.transition)
    r = np.einsum("sab,sab->s", joint, game.reward)
    return np.linalg.solve(np.eye(len(r)) - game.discount * P, r)


def deterministic(first, second):
    """All (first mover's policy, answer to each of its moves) in a game of two states."""
    for lead in itertools.product(range(first), repeat=2):
        for reply in itertools.product(range(second), repeat=2 * first):
            yield lead, np.reshape(reply, (2, first))


def brute_force(game, lead_sign, reply_sign, lead_is_agent):
    """opt over leaders of opt over replies, over all stationary deterministic policies."""
    counts = game.action_counts if lead_is_agent else game.action_counts[::-1]
    best: dict[tuple[int, ...], np.ndarray] = {}
    for lead, reply in deterministic(*counts):
        joint = np.zeros((2, *counts))
        for s in range(2):
            joint[s, lead[s], reply[s, lead[s]]] = 1.0
        value = policy_value(game, joint if lead_is_agent else joint.transpose(0, 2, 1))
        choose = np.maximum if reply_sign > 0 else np.minimum
        best[lead] = choose(best.get(lead, value), value)
    choose = np.maximum if lead_sign > 0 else np.minimum
    return choose.reduce(list(best.values()))


SIGNS = list(itertools.product((1, -1), repeat=2))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("sign_agent", "sign_opponent"), SIGNS)
def test_infinite_beta_is_dynamic_programming(seed, sign_agent, sign_opponent):
    rng = np.random.default_rng(seed)
    transition = rng.dirichlet(np.ones(2), size=(2, 2, 2))
    game = tm.StochasticGame(transition, rng.normal(size=(2, 2, 2)), discount=0.9)
    betas = (sign_agent * INF, sign_opponent * INF)
    signs_of = {"agent": (sign_agent, sign_opponent), "opponent": (sign_opponent, sign_agent)}
    for view, signs in signs_of.items():
        solution = tm.balancing_q(game, *betas, view=view)
        expected = brute_force(game, *signs, view == "agent")
        np.testing.assert_allclose(solution.value, expected, rtol=0, atol=1e-12)
        near = tm.balancing_q(game, sign_agent * 1e3, sign_opponent * 1e3, view=view)
        slack = 2 * math.log(2) / 1e3 / (1 - game.discount) + 1e-12
        np.testing.assert_allclose(near.value, expected, rtol=0, atol=slack)
    if sign_agent == sign_opponent:
        for model in (tm.rommeo, tm.pr2, tm.soft_q):
            value = model(game, betas[0]).value
            np.testing.assert_allclose(value, expected, rtol=0, atol=1e-12)


def test_zero_beta_is_the_value_of_the_priors():
    game = random_game(7, 0.9)
    p, r, full_p, full_r = priors("state", 7)
    expected = policy_value(game, full_p * full_r)
    for solution in (
        tm.rommeo(game, 0.0, p, r),
        tm.pr2(game, 0.0, p, r),
        tm.balancing_q(game, 0, 0, "agent", p, r),
        tm.soft_q(game, 0.0, full_p * full_r),
    ):
        np.testing.assert_allclose(solution.value, expected, rtol=0, atol=1e-12)
        np.testing.assert_allclose(solution.joint_policy, full_p * full_r, rtol=0, atol=1e-14)


def test_one_infinite_side():
    """β^-i = −inf against a soft agent: the minimum over the support of the opponent's prior."""
    game = tm.MatrixGame([[1.0, 0.0, -9.0], [0.25, 2.0, -9.0]])
    solution = tm.balancing_q(game, 2.0, -INF, opponent_prior=[0.5, 0.5, 0.0])
    assert solution.agent_q.tolist() == [[0.0, 0.25]]
    weights = np.exp(2.0 * np.array([0.0, 0.25]))
    assert solution.value == pytest.approx([math.log(weights.mean()) / 2], abs=1e-15)
    np.testing.assert_allclose(solution.agent_policy[0], weights / weights.sum(), atol=1e-15)
    assert solution.conditional_policy[0].tolist() == [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]


class TestBadInput:
    game = tm.MatrixGame(np.eye(2))

    @pytest.mark.parametrize(
        ("call", "message"),
        [
            (lambda g: tm.rommeo(g, math.nan), "beta must be a number in .* nan"),
            (lambda g: tm.balancing_q(g, 1.0, math.nan), "beta_opponent must be"),
            (lambda g: tm.balancing_q(g, 1.0, 1.0, view="agents"), "did you mean 'agent'"),
            (lambda g: tm.rommeo(g, 1.0, discount=1.0), r"discount must be a number in \[0, 1\)"),
            (lambda g: tm.rommeo(g, 1.0, agent_prior=[0.5, 0.6]), "agent_prior must .* sum"),
            (lambda g: tm.pr2(g, 1.0, opponent_prior=[1.0]), "opponent_prior must have shape"),
            (lambda g: tm.rommeo(g, 1.0, method="newtn"), "did you mean 'newton'"),
            (lambda g: tm.rommeo(g, 1.0, method=[]), "method must be one of"),
            (lambda g: tm.rommeo(g, 10**400), "beta must be a number"),
            (lambda g: tm.rommeo(g, 1.0, tol="fine"), "tol must be a number > 0; it was 'fine'"),
            (lambda g: tm.rommeo(g, 1.0, tol=float("inf")), "tol must be a number > 0; it was inf"),
            (lambda g: tm.rommeo(g, 1.0, max_iterations=1.5), "max_iterations must be an integer"),
            (lambda g: tm.rommeo(g, 1.0, agent_prior=RAGGED), "agent_prior must be an array of"),
            (lambda g: tm.soft_q(g, 1.0, prior=RAGGED), "prior must be an array of numbers"),
            (lambda g: tm.options(g, 1.0, prior=RAGGED), "prior must be an array of numbers"),
            (
                lambda g: tm.balancing_q(g, 1.0, 1.0, opponent_prior=RAGGED),
                "opponent_prior must be",
            ),
            (lambda g: tm.level_k(g, 1.0, agent_prior=RAGGED), "agent_prior must be an array of"),
            (lambda g: tm.multi_agent_options(g, 1.0, (1, 2, 3)), "num_options must be one number"),
            (lambda g: tm.rommeo(g.payoffs, 1.0), "game must be a MatrixGame"),
            (
                lambda g: tm.balancing_q(
                    g, 1.0, 1.0, view="opponent", opponent_prior=np.full((1, 2, 2), 0.5)
                ),
                "opponent_prior must have shape",
            ),
        ],
    )
    def test_message(self, call, message):
        with pytest.raises(tm.InputError, match=message):
            call(self.game)

    def test_three_players_need_a_view(self):
        game = tm.MatrixGame(np.random.default_rng(0).normal(size=(3, 2, 2, 2)))
        with pytest.raises(tm.InputError, match=r"game.against\(i\)"):
            tm.rommeo(game, 1.0)
        assert tm.rommeo(game.against(1), 1.0).q.shape == (1, 2, 4)


def test_not_converged_carries_a_solution():
    game = random_game(8, 0.99)
    with pytest.raises(tm.NotConverged) as caught:
        tm.rommeo(game, 1.0, method="value-iteration", max_iterations=2)
    partial = caught.value.partial
    assert isinstance(partial, tm.Solution)
    assert partial.status is tm.Status.ITERATION_LIMIT
    full = tm.rommeo(game, 1.0)
    assert np.abs(partial.value - full.value).max() <= partial.error_bound + full.error_bound


@pytest.mark.parametrize("method", ["auto", "newton", "value-iteration", "anderson"])
def test_methods_agree_and_certify(method):
    game = random_game(9, 0.95)
    solution = tm.balancing_q(game, 4.0, -6.0, method=method)
    enclosure = solution.certify()
    assert enclosure.width < 1e-13
    assert (solution.value - enclosure.upper <= solution.error_bound).all()
    assert (enclosure.lower - solution.value <= solution.error_bound).all()


def test_arrays_are_read_only_and_pickle():
    import pickle

    solution = tm.balancing_q(tm.MatrixGame(np.eye(2)), 1.0, 2.0)
    for name in ("value", "q", "agent_policy", "opponent_policy", "joint_policy", "agent_q"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(solution, name)[...] = 0
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(solution)).value, solution.value)


def test_registry():
    from tabular_marl.citations import bibtex, keys_for
    from tabular_marl.models.registry import MODELS

    assert {"soft-q", "rommeo", "pr2", "balancing-q", "minimax-pr2"} <= set(MODELS)
    for name, model in MODELS.items():
        solution = model.function(tm.MatrixGame(np.eye(2)), **dict.fromkeys(model.required, 1.0))
        assert solution.model == name
        entries = bibtex(keys_for(name, solution.method, certified=True))
        assert all(f"{{{key}," in entries for key in model.citations)
