"""The graphical models, trajectory by trajectory: evidence, bounds, gaps, optima, discounts."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

import tabular_marl as tm
from tabular_marl import inference
from tabular_marl.validation import InputError

S, A, B, M, N = 2, 2, 3, 2, 2
BETA = 1.3


def rows(rng, *shape):
    """Random probabilities along the last axis."""
    return rng.dirichlet(np.ones(shape[-1]), shape[:-1])


def game_of(seed, deterministic=False, columns=B, discount=0.7):
    rng = np.random.default_rng(seed)
    transition = rows(rng, S, A, columns, S)
    if deterministic:
        transition = np.eye(S)[transition.argmax(axis=3)]
    return tm.StochasticGame(transition, rng.normal(size=(S, A, columns)), discount=discount)


def table(rng, factor, graph):
    """A random policy with full axes."""
    shape = [graph.sizes[name] for name in factor.axes]
    raw = rng.dirichlet(np.ones(shape[factor.own]), shape[: factor.own] + shape[factor.own + 1 :])
    return np.moveaxis(raw, -1, factor.own)


def draw(rng, graph):
    """Random policies that differ by step; a master keeps its option when it must."""
    policies = {}
    for factor in graph.chosen:
        steps = np.stack([table(rng, factor, graph) for _ in range(graph.steps)])
        if factor.variable in ("z", "y"):  # (71): only where the option ended
            here = np.broadcast_to(factor.table, steps.shape[1:])
            steps = np.where(np.isin(here, (0.0, 1.0)), here, steps)
        policies[factor.variable] = steps
    return policies


def rommeo_graph(seed, steps=2, **kind):
    rng = np.random.default_rng(seed + 100)
    prior = rows(rng, S, B, A).transpose(0, 2, 1)
    return inference.rommeo_graph(
        game_of(seed, **kind), BETA, steps, prior, rows(rng, S, B), rows(rng, S)
    )


def options_priors(seed):
    rng = np.random.default_rng(seed + 200)
    low = rows(rng, S, M, A).transpose(0, 2, 1)
    return low, rows(rng, S, M), rng.uniform(0.1, 0.9, (S, M))


def options_graph(seed, steps=2, **kind):
    game = game_of(seed, columns=1, **kind)
    return inference.options_graph(game, BETA, steps, *options_priors(seed), [0.3, 0.7])


def two_agent_priors(seed):
    """In the order and with the axes of the models."""
    rng = np.random.default_rng(seed + 300)
    return (
        rows(rng, S, B, M, N, A).transpose(0, 4, 1, 2, 3),
        rows(rng, S, B, N, M).transpose(0, 1, 3, 2),
        rng.uniform(0.1, 0.9, (S, M, B, N)),
        rows(rng, S, M, N, B).transpose(0, 1, 3, 2),
        rows(rng, S, M, N),
        rng.uniform(0.1, 0.9, (S, M, N)),
    )


def multi_agent_options_graph(seed, steps=2, **kind):
    return inference.multi_agent_options_graph(
        game_of(seed, **kind), BETA, steps, *two_agent_priors(seed)
    )


def em_graphs(seed):
    rng = np.random.default_rng(seed)
    q, pi, rho = rng.normal(size=(S, A, B)), rows(rng, S, B, A).transpose(0, 2, 1), rows(rng, S, B)
    return (
        inference.rommeo_em_graph(q, pi, rho),
        inference.em_agent_graph(q, rho, pi),
        inference.em_opponent_graph(q, pi, rho),
    )


GRAPHS = {
    "rommeo": rommeo_graph,
    "options": options_graph,
    "multi-agent options": lambda seed: multi_agent_options_graph(seed, steps=1),
    "rommeo-em": lambda seed: em_graphs(seed)[0],
    "em, agent": lambda seed: em_graphs(seed)[1],
    "em, opponent": lambda seed: em_graphs(seed)[2],
}
EVERY = pytest.mark.parametrize("kind", GRAPHS)


def test_rommeo_against_loops_over_every_trajectory():
    """(2)-(4), one trajectory at a time, in plain Python."""
    game, graph = game_of(1), rommeo_graph(1)
    policies = draw(np.random.default_rng(2), graph)
    (first,), (_, act, _) = graph.start, graph.step
    answers = graph.step[0].table
    found = inference.enumerate_trajectories(graph, policies)
    assert found.names == ("s0", "b0", "a0", "s1", "b1", "a1")
    evidence = elbo = 0.0
    for s0, b0, a0, s1, b1, a1 in itertools.product(*map(range, found.log_q.shape)):
        move = first.table[s0] * game.transition[s0, a0, b0, s1]
        prior, q, total = move, move, 0.0
        for t, (s, b, a) in enumerate(((s0, b0, a0), (s1, b1, a1))):
            pi, rho = policies["a"][t, s, a, b], policies["b"][t, s, b]
            prior *= answers[s, b] * act.table[s, a, b]
            q *= rho * pi
            total += BETA * game.reward[s, a, b] - math.log(pi / act.table[s, a, b])
            total -= math.log(rho / answers[s, b])
        reward = BETA * (game.reward[s0, a0, b0] + game.reward[s1, a1, b1])
        evidence += prior * math.exp(reward)
        elbo += q * total
    assert found.log_evidence == pytest.approx(math.log(evidence), abs=1e-13)
    assert found.elbo == pytest.approx(elbo, abs=1e-13)


@EVERY
def test_bound_gap_and_divergence(kind):
    graph = GRAPHS[kind](3)
    rng = np.random.default_rng(4)
    best = inference.optimise(graph)
    for _ in range(10):
        policies = draw(rng, graph)
        found = inference.enumerate_trajectories(graph, policies)
        assert np.exp(found.log_q).sum() == pytest.approx(1.0)
        assert np.exp(found.log_posterior).sum() == pytest.approx(1.0)
        assert found.log_evidence == pytest.approx(inference.log_evidence(graph), abs=1e-12)
        assert found.elbo == pytest.approx(inference.evaluate(graph, policies), abs=1e-12)
        assert found.divergence == pytest.approx(found.log_evidence - found.elbo, abs=1e-12)
        assert found.elbo < best.elbo <= found.log_evidence + 1e-12
    attained = inference.enumerate_trajectories(graph, best.policies)
    assert attained.elbo == pytest.approx(best.elbo, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(sorted(GRAPHS)),
    st.integers(0, 10_000),
    st.floats(0, 1),
)
def test_no_policies_beat_backward_induction_at_any_discount(kind, seed, discount):
    graph = GRAPHS[kind](seed)
    best = inference.optimise(graph, discount)
    own = inference.evaluate(graph, best.policies, discount)
    assert own == pytest.approx(best.elbo, abs=1e-11)
    other = draw(np.random.default_rng(seed), graph)
    mixed = {x: (p + other[x]) / 2 for x, p in best.policies.items()}
    assert inference.evaluate(graph, mixed, discount) <= best.elbo + 1e-12


@pytest.mark.parametrize("kind", ["rommeo", "options"])
def test_an_optimiser_finds_no_more(kind):
    """The logits of every free probability, by BFGS from a random start."""
    graph = GRAPHS[kind](5)
    start = draw(np.random.default_rng(6), graph)
    fixed = {x: np.isin(p, (0.0, 1.0)) for x, p in start.items()}
    own = {factor.variable: factor.own + 1 for factor in graph.chosen}
    cuts = np.cumsum([p.size for p in start.values()])[:-1]

    def policies(flat):
        made = {}
        for x, part in zip(start, np.split(flat, cuts), strict=True):
            raw = np.exp(part.reshape(start[x].shape))
            made[x] = np.where(fixed[x], start[x], raw / raw.sum(axis=own[x], keepdims=True))
        return made

    x0 = np.random.default_rng(7).normal(size=sum(p.size for p in start.values()))
    found = minimize(
        lambda x: -inference.evaluate(graph, policies(x)), x0, method="BFGS", options={"gtol": 1e-7}
    )
    assert -found.fun <= inference.optimise(graph).elbo + 1e-12
    assert -found.fun == pytest.approx(inference.optimise(graph).elbo, abs=1e-6)


# -- tight or not -----------------------------------------------------------------


SURE = {
    "rommeo": lambda: inference.rommeo_graph(game_of(8, True), BETA, 3, initial=[0, 1]),
    "options": lambda: inference.options_graph(
        game_of(8, True, columns=1), BETA, 3, *options_priors(8), [0, 1], [1, 0]
    ),
    "multi-agent options": lambda: inference.multi_agent_options_graph(
        game_of(8, True), BETA, 1, *two_agent_priors(8), [0, 1], [1, 0], [1, 0]
    ),
}


@pytest.mark.parametrize("kind", SURE)
def test_sure_starts_and_deterministic_transitions_make_the_best_bound_tight(kind):
    graph = SURE[kind]()
    best = inference.optimise(graph)
    found = inference.enumerate_trajectories(graph, best.policies)
    assert found.divergence == pytest.approx(0.0, abs=1e-12)
    np.testing.assert_allclose(np.exp(found.log_q), np.exp(found.log_posterior), atol=1e-12)


@pytest.mark.parametrize("make", [rommeo_graph, options_graph])
def test_a_random_start_or_transition_leaves_a_gap_that_the_transitions_alone_make(make):
    for deterministic in (False, True):
        graph = make(9, deterministic=deterministic)
        best = inference.optimise(graph)
        assert inference.log_evidence(graph) > best.elbo + 1e-3


def test_random_transitions_are_tight_between_states_of_equal_worth():
    reward = np.array([[[1.0, 0.0], [0.0, 2.0]]] * 2)
    game = tm.StochasticGame(np.full((2, 2, 2, 2), 0.5), reward)
    graph = inference.rommeo_graph(game, 1.0, steps=4)
    gap = inference.log_evidence(graph) - inference.optimise(graph).elbo
    assert gap == pytest.approx(0.0, abs=1e-12)


def test_a_q_outside_the_prior_has_no_bound():
    graph = inference.rommeo_em_graph([[[1.0, 2.0]]], opponent_prior=[1.0, 0.0])
    even = {"a": np.ones((1, 1, 2)), "b": np.array([[0.5, 0.5]])}
    found = inference.enumerate_trajectories(graph, even)
    assert found.elbo == inference.evaluate(graph, even) == -math.inf
    assert found.divergence == math.inf


# -- the solvers -----------------------------------------------------------------


def test_long_discounted_rommeo_is_the_solver():
    graph, game = rommeo_graph(10, steps=120), game_of(10)
    best = inference.optimise(graph, discount=0.7)
    b, a, _ = graph.step
    solution = tm.rommeo(game, BETA, a.table, b.table)
    expected = BETA * (graph.start[0].table @ solution.value)
    assert best.elbo == pytest.approx(expected, abs=1e-12)
    np.testing.assert_allclose(best.policies["a"][0], solution.agent_policy, atol=1e-9)
    np.testing.assert_allclose(best.policies["b"][0], solution.opponent_policy, atol=1e-9)


def test_long_discounted_options_are_the_solver():
    best = inference.optimise(options_graph(11, steps=120), discount=0.7)
    low, choose, ends = options_priors(11)
    solution = tm.options(game_of(11, columns=1), BETA, M, low[:, :, None], choose, ends)
    expected = BETA * solution.value.mean(axis=1) @ [0.3, 0.7]
    assert best.elbo == pytest.approx(expected, abs=1e-12)
    np.testing.assert_allclose(best.policies["a"][0], solution.agent_policy, atol=1e-9)
    taken = best.policies["z"][0, :, :, 1]  # the same whatever was before
    np.testing.assert_allclose(taken, np.stack([solution.master_policy] * M, axis=1), atol=1e-9)
    np.testing.assert_allclose(best.policies["stop"][0][..., 1], solution.termination_policy)


def test_long_discounted_options_of_two_agents_are_the_solver():
    priors = two_agent_priors(12)
    best = inference.optimise(multi_agent_options_graph(12, steps=120), discount=0.7)
    act, choose, ends, answer, choose_y, ends_y = priors
    solution = tm.multi_agent_options(
        game_of(12), BETA, (M, N), None, act, choose, ends, answer, choose_y, ends_y
    )
    first = {x: policy[0] for x, policy in best.policies.items()}
    assert best.elbo == pytest.approx(BETA * solution.value.mean(), abs=1e-12)
    for found, wanted in (
        (first["a"], solution.agent_policy),
        (first["b"], solution.opponent_policy),
        (first["stop"][..., 1], solution.agent_termination),
        (first["stop_y"][..., 1], solution.opponent_termination),
        (first["z"][:, 0, 1], solution.agent_master),
        (first["y"][:, 0, 1], solution.opponent_master),
    ):
        np.testing.assert_allclose(found, wanted, atol=1e-9)


def test_bounds_of_every_round_of_em():
    game = tm.StochasticGame(
        game_of(13).transition, game_of(13).reward, game_of(14).reward, discount=0.7
    )
    beta = 0.8
    played = tm.rommeo_em(game, beta, "kept", "regularised", rounds=4)
    for k, now in enumerate(played.path):
        graph = inference.rommeo_em_graph(beta * now.q)
        own = {"a": now.agent_policy, "b": now.opponent_policy}
        before = inference.enumerate_trajectories(graph, own)
        assert before.elbo == pytest.approx(beta * played.elbo_before[k], abs=1e-9)
        best = inference.optimise(graph)
        assert best.elbo == pytest.approx(beta * played.elbo[k], abs=1e-9)
        assert before.log_evidence == pytest.approx(beta * played.evidence[k], abs=1e-9)
    general = tm.em(game, beta, beta, "kept", rounds=3)
    for k, (now, following) in enumerate(itertools.pairwise(general.path)):
        rho = following.opponent_policy
        best = inference.optimise(inference.em_agent_graph(beta * now.q, rho))
        assert best.elbo == pytest.approx(beta * general.elbo[k + 1], abs=1e-9)
        np.testing.assert_allclose(best.policies["a"][0], following.agent_policy, atol=1e-9)
        theirs = tm.em(game, beta, beta, "kept", rounds=k + 1).opponent
        graph = inference.em_opponent_graph(beta * theirs.q, following.agent_policy)
        best = inference.optimise(graph)
        assert best.elbo == pytest.approx(beta * general.opponent_elbo[k + 1], abs=1e-9)


# -- discount -----------------------------------------------------------------


@pytest.mark.parametrize("kind", ["rommeo", "options"])
@pytest.mark.parametrize("discount", [0.0, 0.6, 1.0])
def test_the_discounted_objective_is_the_bound_where_play_survives(kind, discount):
    graph = GRAPHS[kind](15)
    policies = draw(np.random.default_rng(16), graph)
    longer = inference.survival(graph, discount)
    found = inference.enumerate_trajectories(longer, inference.surviving(graph, policies))
    objective = inference.evaluate(graph, policies, discount)
    assert found.elbo == pytest.approx(objective, abs=1e-12)
    assert found.log_evidence == pytest.approx(inference.log_evidence(longer), abs=1e-12)
    assert found.divergence == pytest.approx(found.log_evidence - objective, abs=1e-12)
    best = inference.optimise(graph, discount)
    assert inference.optimise(longer).elbo == pytest.approx(best.elbo, abs=1e-12)
    for x, policy in inference.optimise(longer).policies.items():
        np.testing.assert_allclose(policy[0][1], best.policies[x][0], atol=1e-12)


def test_the_discounted_objective_can_exceed_the_evidence_of_its_graph():
    game = tm.StochasticGame([[[[1.0]]]], [[[-1.0]]])
    graph = inference.rommeo_graph(game, 1.0, steps=2)
    only = {"a": [[[1.0]]], "b": [[1.0]]}
    assert inference.log_evidence(graph) == pytest.approx(-2.0)
    assert inference.evaluate(graph, only, discount=0.5) == pytest.approx(-1.5)


# -- bad input -----------------------------------------------------------------


def test_too_many_trajectories_are_refused_with_their_number():
    graph = inference.rommeo_graph(game_of(17), BETA, steps=12)
    uniform = {"a": np.full((S, A, B), 1 / A), "b": np.full((S, B), 1 / B)}
    with pytest.raises(InputError, match=r"at most 16777216 .*it had 8\.92e\+12, 6\.64e\+04 GiB"):
        inference.enumerate_trajectories(graph, uniform)
    assert math.isfinite(inference.evaluate(graph, uniform))


def test_a_choice_that_does_not_see_is_refused():
    """(79): the agent's policy knows its option, not the opponent's action."""
    b = inference.Factor("b", ("b",), np.full(2, 0.5), chosen=True)
    a = inference.Factor("a", ("a",), np.full(2, 0.5), chosen=True)
    graph = inference.Graph((), (b, a), np.eye(2), ("a", "b"), 1)
    with pytest.raises(InputError, match="every choice see what matters after it; a did not see b"):
        inference.optimise(graph)


def test_bad_input_is_named():
    graph = inference.rommeo_graph(game_of(18), BETA, steps=2)
    good = {"a": np.full((S, A, B), 1 / A), "b": np.full((S, B), 1 / B)}
    with pytest.raises(InputError, match="policies must be for b, a; was a"):
        inference.evaluate(graph, {"a": good["a"]})
    with pytest.raises(InputError, match=r"policy of b must have axes \('s', 'b'\)"):
        inference.evaluate(graph, {**good, "b": [0.5, 0.5]})
    with pytest.raises(InputError, match="policy of b must have length 3 or 1 along b; it had 2"):
        inference.evaluate(graph, {**good, "b": np.full((S, 2), 0.5)})
    with pytest.raises(InputError, match="policy of b must have rows that sum to 1"):
        inference.evaluate(graph, {**good, "b": np.full((S, B), 0.5)})
    with pytest.raises(InputError, match="discount must be a number in"):
        inference.optimise(graph, discount=1.5)
    with pytest.raises(InputError, match="steps must be an integer of at least 1"):
        inference.rommeo_graph(game_of(18), BETA, steps=0)
    b, a, _ = graph.step
    with pytest.raises(InputError, match=r"P\(a\|·\) must come after its parents; b had not"):
        inference.Graph(graph.start, (a, b), np.zeros(S), ("s",), 1)
    with pytest.raises(InputError, match="step must have a factor for s\\+; it had none"):
        inference.Graph(graph.start, (b, a), np.zeros(S), ("s",), 2)
    with pytest.raises(InputError, match=r"P\(b\|·\) must name variables \(b\); it had s"):
        inference.Graph((), (b,), np.zeros(B), ("b",), 1)
    with pytest.raises(InputError, match="opponent of one action"):
        inference.options_graph(game_of(18), BETA, 1, *options_priors(18))
