"""The bounds' rows: the formulas behind them, checked against the enumeration of inference/."""

from __future__ import annotations

import numpy as np
import pytest

import tabular_marl as tm
from tabular_marl import inference
from tabular_marl.verification import FLOAT
from tabular_marl.verification.claims._elbo import (
    SIX,
    TWO,
    em_walk,
    options_solution,
    options_walk,
    surviving,
    two_agents_solution,
    two_agents_walk,
)

S, A, B, M, N, T = 2, 3, 2, 2, 3, 2
BETA = 1.3


def rows(rng, *shape):
    return rng.dirichlet(np.ones(shape[-1]), shape[:-1])


def same(walk, found):
    assert walk.log_evidence == pytest.approx(found.log_evidence, abs=1e-13)
    assert walk.objective() == pytest.approx(found.elbo, abs=1e-13)
    assert walk.divergence == pytest.approx(found.divergence, abs=1e-13)


@pytest.fixture(scope="module")
def one_agent():
    """(walk of given policies, graph, policies, walk of the solution)."""
    rng = np.random.default_rng(0)
    reward, transition = rng.normal(size=(S, A)), rows(rng, S, A, S)
    starts = rows(rng, S), rows(rng, M)
    priors = rows(rng, S, M, A), rows(rng, S, M), rows(rng, S, M, 2)
    low, choose, stop = rows(rng, T, S, M, A), rows(rng, T, S, M), rows(rng, T, S, M, 2)
    game = tm.StochasticGame(transition[:, :, None], reward[:, :, None])
    graph = inference.options_graph(
        game, BETA, T, priors[0].transpose(0, 2, 1), priors[1], priors[2][..., 1], *starts
    )
    policies = {
        "stop": stop,
        "z": np.stack([inference.master(policy) for policy in choose]),
        "a": low.transpose(0, 1, 3, 2),
    }
    model = (FLOAT, *starts, reward, transition, BETA, priors)
    best = options_solution(FLOAT, reward, transition, BETA, priors, T)
    own = [list(low), list(choose), list(stop)]
    return options_walk(*model, own), graph, policies, options_walk(*model, best)


def test_the_walk_of_72_is_the_enumeration(one_agent):
    walk, graph, policies, best = one_agent
    same(walk, inference.enumerate_trajectories(graph, policies))
    assert best.objective() == pytest.approx(inference.optimise(graph).elbo, abs=1e-12)


@pytest.mark.parametrize("gamma", [0.0, 0.6, 1.0])
def test_the_surviving_walk_is_the_surviving_graph(one_agent, gamma):
    walk, graph, policies, _ = one_agent
    longer = inference.survival(graph, gamma)
    lifted = inference.surviving(graph, policies)
    same(surviving(walk, gamma), inference.enumerate_trajectories(longer, lifted))
    discounted = inference.evaluate(graph, policies, gamma)
    assert walk.objective(gamma) == pytest.approx(discounted, abs=1e-12)


def two_priors(tables):
    """Tables in the order TWO, with the axes SIX, as the graph's priors."""
    by_name = dict(zip(TWO, tables, strict=True))
    return (
        by_name["a"].transpose(0, 4, 1, 2, 3),
        by_name["z"].transpose(0, 1, 3, 2),
        by_name["stop"][..., 1],
        by_name["b"].transpose(0, 1, 3, 2),
        by_name["y"],
        by_name["stop_y"][..., 1],
    )


def test_the_walk_of_80_is_the_enumeration():
    rng = np.random.default_rng(1)
    sizes = {"s": S, "z_": M, "y_": N, "stop_y": 2, "y": N, "b": B, "stop": 2, "z": M, "a": A}
    priors, own = ([rows(rng, *(sizes[x] for x in SIX[n])) for n in TWO] for _ in range(2))
    starts, reward = (rows(rng, S), rows(rng, M), rows(rng, N)), rng.normal(size=(S, A, B))
    game = tm.StochasticGame(np.full((S, A, B, S), 1 / S), reward)
    graph = inference.multi_agent_options_graph(game, BETA, 1, *two_priors(priors), *starts)
    act, choose, ends, answer, choose_y, ends_y = two_priors(own)
    policies = {
        "a": act,
        "z": inference.master(choose, own=2),
        "stop": inference.ending(ends),
        "b": answer,
        "y": inference.master(choose_y),
        "stop_y": inference.ending(ends_y),
    }
    walk = two_agents_walk(FLOAT, starts, reward, BETA, priors, own)
    same(walk, inference.enumerate_trajectories(graph, policies))
    best = two_agents_solution(FLOAT, reward, BETA, priors)
    top = two_agents_walk(FLOAT, starts, reward, BETA, priors, best)
    assert top.objective() == pytest.approx(inference.optimise(graph).elbo, abs=1e-12)


def test_the_walks_of_em_are_the_enumerations():
    rng = np.random.default_rng(2)
    q = rng.normal(size=(S, A, B))
    p, pi, r, rho = rows(rng, S, B, A), rows(rng, S, B, A), rows(rng, S, B), rows(rng, S, B)
    prior, policy = p.transpose(0, 2, 1), pi.transpose(0, 2, 1)
    graph = inference.rommeo_em_graph(q, prior, r)
    found = inference.enumerate_trajectories(graph, {"a": policy, "b": rho})
    same(em_walk(FLOAT, q, p, pi, r, rho), found)
    graph = inference.em_agent_graph(q, rho, prior)
    found = inference.enumerate_trajectories(graph, {"a": policy})
    same(em_walk(FLOAT, q, p, pi, rho, rho), found)
    graph = inference.em_opponent_graph(q, policy, r)
    found = inference.enumerate_trajectories(graph, {"b": rho})
    weight = np.log((policy * np.exp(q)).sum(axis=1))[:, None]
    same(em_walk(FLOAT, weight, pi, pi, r, rho), found)
