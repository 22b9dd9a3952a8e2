"""ROMMEO-EM with the prior kept: report 3.1, (92) under the first point and the usual prior.

    regularised   Q = u + γ E V,  V = E_q[Q − log q/μν]    soft policy iteration, rises to (14)
    expectation   Q = u + γ E V,  V = E_q[Q]               Boltzmann policy iteration, no guarantee

3.1 says of its Q that it "isn't usually the soft Q". Shapes as in ``_em``; u = βR, any β.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    array,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._em import (
    DUALITY,
    GAMES,
    GIBBS,
    SMALL_GAMES,
    STATES,
    bound,
    discounted_fields,
    e_step,
    joint,
    returns,
    table_fields,
    tables,
)
from tabular_marl.verification.claims._rommeo import Game, laid
from tabular_marl.verification.claims._rommeo_rows import sample, stationary_fields
from tabular_marl.verification.claims._rows import row

# -- one table -------------------------------------------------------------------------------------


def again(arithmetic: Arithmetic, q: Numbers, c: Numbers, **priors: Numbers) -> Any:
    """The E step on Q, and on Q shifted by c(s)."""
    game = tables(arithmetic, q, **priors)
    moved = q + c[:, None, None]
    return sides(joint(e_step(game, q)), joint(e_step(game, moved)))


row(
    "report.092.kept.one-table.added",
    "proved",
    "report (92)",
    r"Q \text{ fixed (up to } c(s)\text{), prior kept: } \theta_1 = \theta_2 = \cdots = "
    r"\text{(13)}",
    "With a fixed prior one E step is the end: the soft solution of ROMMEO, not the greedy one of "
    "the replaced prior. One state, or γ = 0, is such a case for every M step.",
    STATES,
    Deduction(
        ("report.092.joint.added", "free-energy.shift-equivariant"),
        "special case",
        "the E step depends on the prior and on Q(s, ·) − V(s) alone",
    ),
    sample(again, {**table_fields(), "c": array("states")}, "== 0"),
)

# -- regularised -----------------------------------------------------------------------------------


def soft_order(
    arithmetic: Arithmetic, agent: Numbers, opponent: Numbers, **given: Numbers
) -> Numbers:
    """[V(E step's log-normaliser) − V_k, V_{k+1} − it], V_k the regularised value of any pair."""
    game = Game.of(arithmetic, **given)
    pair = laid(agent), opponent
    q = game.stationary(*pair)
    new = e_step(game, q)
    soft, after = game.soft(q), game.stationary(*new)
    return np.stack([soft - game.value(q, *pair), game.value(after, *new) - soft])


def soft_bounds(
    arithmetic: Arithmetic, agent: Numbers, opponent: Numbers, **given: Numbers
) -> Numbers:
    """Rises of L in the E step and in the M step."""
    game = Game.of(arithmetic, **given)
    pair = laid(agent), opponent
    q = game.stationary(*pair)
    new = e_step(game, q)
    at = bound(game, q, new)
    return np.stack([at - bound(game, q, pair), bound(game, game.stationary(*new), new) - at])


IN_A_GAME = {**discounted_fields(), **stationary_fields()}
row(
    "report.092.kept.rise.added",
    "proved",
    "report (92)",
    r"V_k \le \mathcal{T} V_k = \log \textstyle\sum \mu\nu e^{Q_k} \le V_{k+1},\quad L(\theta_k, "
    r"\omega_k) \le L(\theta_{k+1}, \omega_k) \le L(\theta_{k+1}, \omega_{k+1})",
    "Prior kept, M step = evaluation with the divergences charged in every state: both steps "
    "raise the bound, which is E_U V_k. T is ROMMEO's backup.",
    GAMES,
    Deduction(
        ("report.092.e-step.printed", "report.092.m-rise.corrected", "recipe.monotone"),
        ("chain of inequalities", "policy-evaluation monotonicity"),
        "the E step attains T V_k = max_q E_q[Q_k − log q/μν] >= V_k, so T_{q_{k+1}} V_k >= V_k",
    ),
    sample(soft_order, IN_A_GAME, sizes=SMALL_GAMES),
    sample(soft_bounds, IN_A_GAME, sizes=SMALL_GAMES),
    assumes=("M step = evaluation of the regularised return",),
)
row(
    "report.092.kept.limit.added",
    "proved",
    "report (92); report (14)",
    r"V_k \uparrow V^*_{(14)},\quad \theta_k \to \text{ROMMEO's } (13)",
    '"It is similar to ROMMEO": with the soft value and a fixed prior EM is soft policy iteration '
    "and its only limit is ROMMEO's solution; it can neither cycle nor stop elsewhere.",
    GAMES,
    Deduction(
        ("report.092.kept.rise.added", "recipe.fixed-point", DUALITY, GIBBS),
        ("chain of inequalities", "banach fixed point", "squeeze"),
        "T^k V_0 <= V_k <= V*, and T^k V_0 → V*, the one fixed point of T; θ is continuous in V",
    ),
    assumes=("M step = evaluation of the regularised return",),
)

# -- expectation -----------------------------------------------------------------------------------


def second_m_step(
    arithmetic: Arithmetic, reward: Numbers, beta: Numbers, transition: Numbers, gamma: Numbers
) -> Numbers:
    """L(θ_2, ω_2) − L(θ_2, ω_1) from the priors; plain returns, prior kept."""
    game = Game.of(arithmetic, reward, beta, transition, gamma)
    first = e_step(game, returns(game, (game.agent_prior, game.opponent_prior)))
    q = returns(game, first)
    second = e_step(game, q)
    return bound(game, returns(game, second), second) - bound(game, q, second)


def first_m_step(arithmetic: Arithmetic, **given: Numbers) -> Numbers:
    """L(θ_1, ω_1) − L(θ_1, ω_0): ω_0 evaluates the priors."""
    game = Game.of(arithmetic, **given)
    q = returns(game, (game.agent_prior, game.opponent_prior))
    first = e_step(game, q)
    return bound(game, returns(game, first), first) - bound(game, q, first)


row(
    "report.092.kept.return.added",
    "refuted",
    "report (92)",
    r"\text{prior kept, } Q_\omega = \text{the plain return: } L(\theta_{k+1}, \omega_{k+1}) \ge "
    r"L(\theta_{k+1}, \omega_k)",
    '"Not the soft Q" with the usual prior: the M step can lower the bound, here in the second '
    "round. The E step maximises E_q Q − KL, the M step evaluates E_q Q alone.",
    GAMES,
    Counterexample(
        second_m_step,
        {
            "reward": [[[-1], [0]], [[0], [0]]],
            "beta": 1,
            "transition": [[[[1, 0]], [[0, 1]]], [[[1, 0]], [[1, 0]]]],
            "gamma": "1/2",
        },
    ),
)
row(
    "report.092.kept.first-round.added",
    "proved",
    "report (92)",
    r"\text{prior kept, } Q_\omega = \text{the plain return: } L(\theta_1, \omega_1) \ge "
    r"L(\theta_1, \omega_0)",
    "The first round from the priors is safe: there kept and replaced are the same.",
    GAMES,
    Deduction(
        ("report.092.replaced.bound.added",),
        "special case",
        "k = 0, where the last policies are the priors",
    ),
    sample(first_m_step, discounted_fields(), sizes=SMALL_GAMES),
)


def boltzmann(game: Game, value: Numbers) -> Numbers:
    """E_q[u + γ E V] with q the E step on it."""
    q = game.backup(value)
    return (joint(e_step(game, q)) * q).sum(axis=(1, 2))


def crossing(
    arithmetic: Arithmetic,
    reward: Numbers,
    beta: Numbers,
    transition: Numbers,
    gamma: Numbers,
    agent_prior: Numbers,
    low: Numbers,
    high: Numbers,
) -> Numbers:
    """high − B(high) in the first state, at V = (high, 0)."""
    game = Game.of(arithmetic, reward, beta, transition, gamma, agent_prior)
    return (high - boltzmann(game, high))[0]


def crossed(arithmetic: Arithmetic, low: Numbers, high: Numbers, **given: Numbers) -> Numbers:
    """[low − B(low) in the first state, high − low]."""
    below = crossing(arithmetic, low=low, high=low, **given)
    return np.stack([below, (high - low)[0]])


row(
    "report.092.kept.several.added",
    "refuted",
    "report (92)",
    r"\text{prior kept, plain return: } V = E_{q}[u + \gamma E V],\ q \propto \mu\nu e^{u + \gamma "
    r"E "
    r"V} \text{ has one solution: } B(v) \le v \Rightarrow B(w) \le w \text{ for } w \ge v",
    "The limits of these rounds are fixed points of the Boltzmann operator, no contraction. One "
    "state, stay for reward 1 (prior 1/50) or leave for good: B(0) > 0, B(4) < 4, B(9) > 9 and "
    "B(v) < v for "
    "large v, so there are at least three; which is reached depends on the start.",
    GAMES,
    Counterexample(
        crossing,
        {
            "reward": [[[1], [0]], [[0], [0]]],
            "beta": 1,
            "transition": [[[[1, 0]], [[0, 1]]], [[[0, 1]], [[0, 1]]]],
            "gamma": "9/10",
            "agent_prior": [[["1/50", "49/50"]], [["1/2", "1/2"]]],
            "low": [4, 0],
            "high": [9, 0],
        },
        where=crossed,
    ),
)
