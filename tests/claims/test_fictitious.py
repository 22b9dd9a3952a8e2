"""Probabilistic fictitious play's rows, and the orders of Balancing-Q, checked from outside."""

from __future__ import annotations

import importlib
import itertools

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import logsumexp, rel_entr

import tabular_marl as tm
from tabular_marl.equilibria.product_form import proved_order
from tabular_marl.verification import FLOAT
from tabular_marl.verification.claims._fictitious import Play
from tabular_marl.verification.ledger import LEDGER

LEDGER.load_own()  # before a file of claims is imported by name, so that each claim knows its file
CLAIMS = "tabular_marl.verification.claims"
opponent, kept, orders = (
    importlib.import_module(f"{CLAIMS}.{name}")
    for name in ("fictitious_opponent", "fictitious_kept", "balancing_orders")
)
MINE = {c.id: c for c in LEDGER if ".claims.fictitious_" in c.module or "_orders" in c.module}
SIGNS = [(2.0, 0.5), (0.7, -1.5), (-1.2, 0.4), (-0.5, -2.0)]
S, A, B, GAMMA = 3, 2, 3, 0.6
rng = np.random.default_rng(5)


def rows(*shape):
    return rng.dirichlet(np.ones(shape[-1]), shape[:-1])


def softmax(z):
    return np.exp(z - logsumexp(z, axis=-1, keepdims=True))


REWARD, TRANSITION = rng.normal(size=(S, A, B)), rows(S, A, B, S)
PRIOR, MODEL = rows(S, B, A), rows(S, B)
GAME = tm.StochasticGame(TRANSITION, REWARD, discount=GAMMA)
LAID = PRIOR.transpose(0, 2, 1)


def play(beta_agent, beta_opponent, agent_prior=PRIOR):
    given = (TRANSITION, GAMMA, agent_prior, MODEL)
    return Play.of(FLOAT, REWARD, beta_agent, beta_opponent, *given)


# -- the vocabulary against the solvers ------------------------------------------------------------


@pytest.mark.parametrize(("x", "y"), SIGNS)
@pytest.mark.parametrize("update", ["kept", "replaced"])
def test_rounds_are_the_solver_s(x, y, update):
    solved = tm.fictitious_play(
        GAME,
        x,
        y,
        update,
        rounds=4,
        agent_prior=LAID,
        opponent_prior=MODEL,
    )
    path = play(x, y).rounds(4, update == "kept")
    for (model, value, table), found in zip(path, solved.path, strict=True):
        np.testing.assert_allclose(model, found.opponent_policy, atol=1e-9)
        np.testing.assert_allclose(value, x * found.value, atol=1e-8)
        np.testing.assert_allclose(table, x * found.opponent_q, atol=1e-8)


@pytest.mark.parametrize(("x", "y"), SIGNS)
def test_the_corrected_recursion_is_balancing_q_of_the_opponent_s_view(x, y):
    prior = rows(S, A)
    laid = np.repeat(prior[:, None], B, axis=1)
    balancing = tm.balancing_q(GAME, x, y, "opponent", prior, MODEL)
    found = play(x, y, laid)
    np.testing.assert_allclose(found.solve_corrected(), x * balancing.value, atol=1e-8)
    model = found.model(found.game.agent_soft(x * balancing.q))
    np.testing.assert_allclose(model, balancing.opponent_policy, atol=1e-9)


@pytest.mark.parametrize(("x", "y"), SIGNS)
@pytest.mark.parametrize("evaluation", ["expectation", "regularised"])
def test_replaced_priors_reach_the_limit_that_the_ledger_names(x, y, evaluation):
    solved = tm.fictitious_play(
        GAME, x, y, "replaced", evaluation, agent_prior=LAID, opponent_prior=MODEL
    )
    np.testing.assert_allclose(play(x, y).best(), x * solved.value, atol=1e-8)
    assert solved.course in ("rise", "still") if y > 0 else solved.course in ("fall", "still")


# -- stay or leave ---------------------------------------------------------------------------------


def stay_or_leave(reward, gamma):
    table, go = np.zeros((2, 1, 2)), np.zeros((2, 1, 2, 2))
    table[0, 0, 0] = reward
    go[0, 0, 0, 0] = go[0, 0, 1, 1] = 1
    go[1, :, :, 1] = 1
    return tm.StochasticGame(go, table, discount=gamma)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("beta_agent", [1.0, -1.0])
def test_kept_priors_can_swap_for_ever(sign, beta_agent):
    prior = np.array([[0.95, 0.05], [0.5, 0.5]])
    found = tm.fictitious_play(
        stay_or_leave(-1.5 * sign, 0.9), beta_agent, sign, "kept", opponent_prior=prior
    )
    assert found.period == 2
    low, high = sorted(s.opponent_policy[0, 0] for s in found.cycle)
    assert low < 1 / 5 < 3 / 4 < high
    given = {"reward": -1.5 * sign, "gamma": 0.9, "prior": 0.95, "beta_opponent": sign}
    assert kept.respond(FLOAT, low, **given) == pytest.approx(high, abs=1e-8)
    assert kept.respond(FLOAT, high, **given) == pytest.approx(low, abs=1e-8)


def test_a_uniform_prior_over_copies_swaps_as_well():
    table, go = np.zeros((2, 1, 20)), np.zeros((2, 1, 20, 2))
    table[0, 0, :19] = -1.5
    go[0, 0, :19, 0] = go[0, 0, 19, 1] = go[1, :, :, 1] = 1
    game = tm.StochasticGame(go, table, discount=0.9)
    assert tm.fictitious_play(game, 1.0, 1.0, "kept").period == 2


def test_kept_priors_can_have_two_limits():
    game = stay_or_leave(0.25, 0.99)
    starts = (None, [[0.99, 0.01], [0.5, 0.5]])
    first, second = (tm.fictitious_play(game, 1.0, 1.0, "kept", start=s) for s in starts)
    assert first.period == second.period == 1
    assert first.opponent_policy[0, 0] < 0.7 < 0.9 < second.opponent_policy[0, 0]
    assert second.value[0] > 10 * first.value[0]


def test_kept_priors_need_not_rise_at_positive_temperatures():
    found = tm.fictitious_play(stay_or_leave(-1.0, 0.5), 1.0, 1.0, "kept", rounds=4)
    assert found.course == "neither"


@pytest.mark.parametrize("y", [0.05, -0.05])
def test_small_tilts_settle_in_one_limit(y):
    assert GAMMA * abs(y) * np.ptp(REWARD) < 2 * (1 - GAMMA) ** 2
    starts = (None, *rows(3, S, B))
    found = [tm.fictitious_play(GAME, 1.0, y, "kept", start=s) for s in starts]
    assert {f.period for f in found} == {1}
    for other in found[1:]:
        np.testing.assert_allclose(other.value, found[0].value, atol=1e-7)


# -- (42), A.5.1: brute force ----------------------------------------------------------------------


def test_no_policy_beats_the_tables_of_42():
    initial, times, beta = rows(S), 2, 1.3
    game = play(beta, 1.0).game
    last = game.agent_soft(game.u)
    first = game.agent_soft(game.backup((MODEL * last).sum(axis=1)))
    best = initial @ (MODEL * first).sum(axis=1)

    def negative(flat):
        agents = softmax(flat.reshape(times, S, B, A))
        return -trajectories(initial, agents, beta)

    found = minimize(negative, np.zeros(times * S * B * A), method="BFGS")
    assert -found.fun == pytest.approx(best, abs=1e-6)


def trajectories(initial, agents, beta):
    """E Σ_t γ^t (βR − log π/P_prior) over two times, path by path."""
    total = 0.0
    for s, a, b in itertools.product(range(S), range(A), range(B)):
        q = initial[s] * MODEL[s, b] * agents[0, s, b, a]
        total += q * (beta * REWARD[s, a, b] - np.log(agents[0, s, b, a] / PRIOR[s, b, a]))
        for t, c, d in itertools.product(range(S), range(A), range(B)):
            weight = q * TRANSITION[s, a, b, t] * MODEL[t, d] * agents[1, t, d, c]
            cost = np.log(agents[1, t, d, c] / PRIOR[t, d, c])
            total += GAMMA * weight * (beta * REWARD[t, c, d] - cost)
    return total


def test_158_is_soft_q_learning_on_pairs():
    beta = 1.3
    reward = REWARD.transpose(0, 2, 1).reshape(S * B, A, 1)
    rows_ = np.einsum("sabt,td->sbatd", TRANSITION, MODEL).reshape(S * B, A, 1, S * B)
    pairs = tm.StochasticGame(rows_, reward, discount=GAMMA)
    soft = tm.soft_q(pairs, beta, prior=PRIOR.reshape(S * B, A, 1))
    here = play(beta, 1.0)
    table = here.game.agent_soft(here.game.backup(here.solve(MODEL)))
    np.testing.assert_allclose(table.ravel(), beta * soft.value, atol=1e-8)


# -- (46), A.5.2 -----------------------------------------------------------------------------------


@pytest.mark.parametrize("ratio", [1.7, -0.6])
def test_46_minimises_the_divergence_that_an_optimiser_minimises(ratio):
    table, law = rng.normal(size=(S, B)), rows(S)
    joint = law[:, None] * MODEL * np.exp(ratio * table)
    joint /= joint.sum()

    def apart(flat):
        return rel_entr(law[:, None] * softmax(flat.reshape(S, B)), joint).sum()

    found = minimize(apart, np.zeros(S * B), method="BFGS", options={"gtol": 1e-9})
    best = MODEL * np.exp(ratio * table)
    best /= best.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(softmax(found.x.reshape(S, B)), best, atol=1e-5)
    step = opponent.step(FLOAT, table, law, MODEL, ratio, best)
    assert step.left == pytest.approx(found.fun, abs=1e-9)
    assert step.right == pytest.approx(found.fun, abs=1e-9)


# -- orders of Balancing-Q -------------------------------------------------------------------------


def test_matched_games_have_the_saddle_they_are_made_for():
    q, p, P, pi, rho = rng.normal(size=(A, B)), rows(A), rows(B), rows(A), rows(B)
    game = {"beta_agent": 1.5, "beta_opponent": -0.8, "agent_prior": p, "opponent_prior": P}
    stage = orders.matched(FLOAT, q, pi, rho, **game)
    found = tm.logit(tm.MatrixGame(stage.q), 1.5, -0.8, p, P)
    assert found.unique
    np.testing.assert_allclose(found.agent_policy[0], pi, atol=1e-7)
    np.testing.assert_allclose(found.opponent_policy[0], rho, atol=1e-7)
    assert found.value[0] == pytest.approx(stage.objective(pi, rho), abs=1e-9)


@pytest.mark.parametrize(
    ("x", "y"), [*SIGNS, (0.5, 2.0), (-2.0, -0.5), (1.5, 0.0), (-1.5, 0.0), (0.0, 1.5), (0.0, -1.5)]
)
def test_the_order_that_the_solver_states_is_a_row_and_holds(x, y):
    three = tm.three_values(GAME, x, y)
    value = {
        "agent first": three.agent_first.value,
        "product form": three.product_form.value,
        "opponent first": three.opponent_first.value,
    }
    assert three.order == proved_order(x, y)
    names = three.order.replace(" = ", " <= ").split(" <= ")
    for low, high in itertools.pairwise(names):
        assert (value[low] <= value[high] + 1e-9).all()
    name = {(1, -1): "minimax", (-1, 1): "maximin", (1, 1): "both-positive"}
    name[-1, -1] = "both-negative"
    row = MINE[f"report.019.order-{name.get((np.sign(x), np.sign(y)), 'zero')}.added"]
    assert row.expects == "proved"


def test_coordination_has_three_logit_equilibria():
    found = tm.all_logit_equilibria(tm.MatrixGame(np.eye(2)), 4.0)
    assert len(found) == 3
    assert orders.pull(FLOAT, np.array([0.75, 0.25]), 4.0, 4.0).max() < 0


# -- the rows themselves ---------------------------------------------------------------------------


def test_every_equation_and_proof_has_rows():
    sources = " ".join(c.source for c in MINE.values())
    wanted = [f"report ({n})" for n in (*range(39, 51), 158)]
    wanted += [f"report A.5.{n}" for n in range(1, 5)] + ["report 1.3"]
    assert not [w for w in wanted if w not in sources]
