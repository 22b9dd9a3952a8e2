"""The rows on options, one agent's and two agents': the formulas behind them, from outside."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax

import tabular_marl as tm
from tabular_marl.verification import FLOAT
from tabular_marl.verification.claims import _multi_options as multi
from tabular_marl.verification.claims import _options as single
from tabular_marl.verification.ledger import LEDGER

LEDGER.load_own()
MINE = [c.id for c in LEDGER if "options_" in c.module.rsplit(".", 1)[-1]]
S, Z, A, T = 2, 2, 3, 1
GAMMA, BETA = 0.8, 1.5
rng = np.random.default_rng(5)


def rows(*shape):
    return rng.dirichlet(np.ones(shape[-1]), shape[:-1])


REWARD, TRANSITION, INITIAL = rng.normal(size=(S, A)), rows(S, A, S), rows(S * Z).reshape(S, Z)
PRIORS = (rows(S, Z, A), rows(S, Z), rows(S, Z, 2))


def play(gamma=GAMMA):
    options = single.Options(FLOAT, *PRIORS)
    return single.Play(options, BETA * REWARD, TRANSITION, gamma)


@pytest.fixture(scope="module")
def policies():
    return tuple([rows(*shape) for _ in range(T + 1)] for shape in ((S, Z, A), (S, Z), (S, Z, 2)))


def trajectories(policies, gamma):
    """(q(τ), P(τ, O=1), Σ_t γ^t (…)) of every trajectory, one at a time."""
    low_prior, master_prior, stop_prior = PRIORS
    step = [range(2), range(Z), range(A), range(S)]
    for s0, z0, *rest in itertools.product(range(S), range(Z), *(step * (T + 1))):
        s, kept, total = s0, z0, 0.0
        q = joint = INITIAL[s0, z0]
        for t in range(T + 1):
            low, master, stop = (p[t] for p in policies)
            b, z, a, after = rest[4 * t : 4 * t + 4]
            choice = (master[s, z], master_prior[s, z]) if b else (float(z == kept),) * 2
            q *= stop[s, kept, b] * choice[0] * low[s, z, a] * TRANSITION[s, a, after]
            prior = stop_prior[s, kept, b] * choice[1] * low_prior[s, z, a]
            joint *= prior * TRANSITION[s, a, after] * np.exp(BETA * REWARD[s, a])
            if q:
                spent = np.log(stop[s, kept, b] * choice[0] * low[s, z, a] / prior)
                total += gamma**t * (BETA * REWARD[s, a] - spent)
            s, kept = after, z
        yield q, joint, total


def test_objective_is_the_sum_over_trajectories(policies):
    expected = sum(q * total for q, _, total in trajectories(policies, GAMMA))
    assert play().objective(INITIAL, *policies) == pytest.approx(expected, abs=1e-12)


def test_divergence_is_the_sum_over_trajectories(policies):
    every = list(trajectories(policies, 1.0))
    evidence = sum(joint for _, joint, _ in every)
    expected = sum(q * np.log(q * evidence / joint) for q, joint, _ in every if q)
    found, log_evidence = play(1.0).divergence(INITIAL, *policies)
    assert log_evidence == pytest.approx(np.log(evidence), abs=1e-12)
    assert found == pytest.approx(expected, abs=1e-12)
    bound = sum(q * total for q, _, total in every)
    assert found == pytest.approx(np.log(evidence) - bound, abs=1e-12)


def searched(objective, shapes):
    """The largest value of ``objective(*laws)`` that a numerical search finds."""
    sizes = np.cumsum([np.prod(shape) for shape in shapes])

    def negative(flat):
        parts = np.split(flat, sizes[:-1])
        laws = zip(parts, shapes, strict=True)
        return -objective(*(softmax(x.reshape(shape), axis=-1) for x, shape in laws))

    start = np.random.default_rng(1).normal(size=sizes[-1])
    return -minimize(negative, start, method="L-BFGS-B", options={"maxiter": 400}).fun


def test_no_search_beats_backward_induction():
    here = play()
    best = here.objective(INITIAL, *here.best(T + 1, np.zeros((S, Z))))
    shapes = [(T + 1, S, Z, A), (T + 1, S, Z), (T + 1, S, Z, 2)]
    found = searched(lambda *laws: here.objective(INITIAL, *map(list, laws)), shapes)
    assert found <= best + 1e-12
    assert found == pytest.approx(best, abs=1e-6)


def test_printed_readings_are_worse_and_mutually_different():
    options = single.Options.of(FLOAT, np.zeros((S, Z, A)), low_prior=PRIORS[0])
    q = rng.normal(size=(S, Z, A))
    value, low = options.low_soft(q), options.low_tilt(q)
    np.testing.assert_allclose(value, logsumexp(q, b=PRIORS[0], axis=2), rtol=1e-12)
    printed = logsumexp(value, axis=1) / Z
    np.testing.assert_allclose(single.outside(FLOAT, value), printed, rtol=1e-12)
    average = (low * q).sum(axis=2)
    assert (average > value).all()
    optimum = options.soft(q)
    masters = {
        "(74)": (options.master_tilt(average), logsumexp(average, axis=1) / Z),
        "(173)": (options.master_tilt(value), printed),
    }
    for master, chosen in masters.values():
        stop = options.stop_tilt(value, chosen)
        assert (options.value(q, low, master, stop) < optimum - 1e-9).any()
        assert (options.value(q, low, master, stop) <= optimum + 1e-12).all()
    master, stop = options.tilts(q)[1:]
    np.testing.assert_allclose(options.value(q, low, master, stop), optimum, rtol=1e-12)


def test_the_long_horizon_is_the_solver():
    here = play()
    table = here.optimise(200, np.zeros((S, Z)))[0]
    low, master, stop = here.options.tilts(table)
    game = tm.StochasticGame(TRANSITION[:, :, None], REWARD[:, :, None], discount=GAMMA)
    found = tm.options(
        game,
        BETA,
        Z,
        prior=PRIORS[0].transpose(0, 2, 1)[:, :, None],
        master_prior=PRIORS[1],
        termination_prior=PRIORS[2][:, :, 1],
    )
    np.testing.assert_allclose(here.options.soft(table), BETA * found.value, atol=1e-8)
    np.testing.assert_allclose(low.transpose(0, 2, 1), found.low_level_policy[:, :, 0], atol=1e-8)
    np.testing.assert_allclose(master, found.master_policy, atol=1e-8)
    np.testing.assert_allclose(stop[:, :, 1], found.termination_policy, atol=1e-8)


# -- two agents ------------------------------------------------------------------------------------

B, Y = 2, 3
SIZES = {
    "states": S,
    "actions": A,
    "opponent_actions": B,
    "options": Z,
    "opponent_options": Y,
}
REWARD_2, TRANSITION_2 = rng.normal(size=(S, A, B)), rows(S, A, B, S)


def laws(sizes=SIZES):
    return [rows(*field.shape(sizes)) for field in multi.LAWS.values()]


TEAM = multi.Team(FLOAT, tuple(laws()))


def by_hand(q, team):
    """U(s,z_,y_): the six steps in loops, as (82)-(85) should read."""
    agent, master, stop, opponent, opponent_master, opponent_stop = team.priors
    out = np.zeros((S, Z, Y))
    for s, before, opponent_before in itertools.product(range(S), range(Z), range(Y)):
        seen = np.zeros(Y)
        for y in range(Y):
            ended = np.zeros(B)
            for b in range(B):
                met = logsumexp(q[s, b, :, y], b=agent[s, b, :, y], axis=-1)
                chosen = logsumexp(met, b=master[s, b, y])
                ended[b] = logsumexp([met[before], chosen], b=stop[s, before, b, y])
            seen[y] = logsumexp(ended, b=opponent[s, before, y])
        drawn = logsumexp(seen, b=opponent_master[s, before])
        pair = [seen[opponent_before], drawn]
        out[s, before, opponent_before] = logsumexp(
            pair, b=opponent_stop[s, before, opponent_before]
        )
    return out


def test_six_aggregations_are_those_of_the_printed_order():
    q = rng.normal(size=(S, B, Z, Y, A))
    np.testing.assert_allclose(TEAM.soft(q), by_hand(q, TEAM), rtol=1e-12)
    for policy in TEAM.tilts(q):
        np.testing.assert_allclose(policy.sum(axis=-1), 1, rtol=1e-12)
    np.testing.assert_allclose(TEAM.value(q, *TEAM.tilts(q)), TEAM.soft(q), rtol=1e-12)


def test_a_step_of_two_agents_is_drawn_in_the_order_of_play():
    match = multi.Match(TEAM, BETA * REWARD_2, TRANSITION_2, GAMMA)
    policies = laws()
    agent, master, stop, opponent, opponent_master, opponent_stop = policies
    step = match.step(*policies)
    for index in itertools.islice(np.ndindex(step.shape), 0, None, 7):
        s, before, opponent_before, d, b, c, a, after, z, y = index
        law = opponent_stop[s, before, opponent_before, d] * opponent[s, before, y, b]
        law *= opponent_master[s, before, y] if d else float(y == opponent_before)
        law *= stop[s, before, b, y, c] * (master[s, b, y, z] if c else float(z == before))
        law *= agent[s, b, z, y, a] * TRANSITION_2[s, a, b, after]
        assert step[index] == pytest.approx(law, abs=1e-15)


def test_no_search_beats_the_six_policies():
    sizes = dict.fromkeys(SIZES, 2) | {"states": 1}
    team = multi.Team(FLOAT, tuple(laws(sizes)))
    q, weights = rng.normal(size=(1, 2, 2, 2, 2)), rows(4).reshape(1, 2, 2)
    best = (weights * team.soft(q)).sum()
    shapes = [field.shape(sizes) for field in multi.LAWS.values()]
    found = searched(lambda *given: (weights * team.value(q, *given)).sum(), shapes)
    assert found <= best + 1e-12
    assert found == pytest.approx(best, abs=1e-5)


def test_the_long_horizon_of_two_agents_is_the_solver():
    match = multi.Match(TEAM, BETA * REWARD_2, TRANSITION_2, GAMMA)
    table = match.optimise(200, np.zeros((S, Z, Y)))[0]
    agent, master, stop, opponent, opponent_master, opponent_stop = TEAM.priors
    found = tm.multi_agent_options(
        tm.StochasticGame(TRANSITION_2, REWARD_2, discount=GAMMA),
        BETA,
        (Z, Y),
        agent_prior=np.moveaxis(agent, 4, 1),
        agent_master_prior=np.swapaxes(master, 2, 3),
        agent_termination_prior=stop[..., 1],
        opponent_prior=np.swapaxes(opponent, 2, 3),
        opponent_master_prior=opponent_master,
        opponent_termination_prior=opponent_stop[..., 1],
    )
    policies = match.options.tilts(table)
    np.testing.assert_allclose(TEAM.soft(table), BETA * found.value, atol=1e-8)
    np.testing.assert_allclose(np.moveaxis(policies[0], 4, 1), found.agent_policy, atol=1e-8)
    np.testing.assert_allclose(np.swapaxes(policies[1], 2, 3), found.agent_master, atol=1e-8)
    np.testing.assert_allclose(policies[2][..., 1], found.agent_termination, atol=1e-8)
    np.testing.assert_allclose(np.swapaxes(policies[3], 2, 3), found.opponent_policy, atol=1e-8)
    np.testing.assert_allclose(policies[4], found.opponent_master, atol=1e-8)
    np.testing.assert_allclose(policies[5][..., 1], found.opponent_termination, atol=1e-8)


# -- the rows --------------------------------------------------------------------------------------


def test_every_equation_has_a_row():
    sources = " ".join(LEDGER[name].source for name in MINE)
    wanted = [f"report ({n})" for n in (*range(69, 87), *range(159, 191))]
    wanted += [f"report {part}" for part in ("2.1", "2.2", "B.1.1", "B.1.2", "B.2")]
    assert not [w for w in wanted if w not in sources]
