"""The optimal tables as values of the optimal policies: report (28), A.3.2.

    V*(s) = Q*(s,a,b) − log π*/P_prior − log ρ*/P_prior for every (a, b), and so Q*_n = Q_n^{π*,ρ*}

with tables for each time; a stationary Q* is the limit T → ∞. Shapes as in ``_rommeo``.
"""

from __future__ import annotations

import numpy as np
import sympy

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    array,
    positive,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._rommeo import Game, laid, summed
from tabular_marl.verification.claims._rommeo_rows import (
    GAMES,
    SIZES,
    STAGE_SCOPE,
    STAGE_SIZES,
    game_fields,
    sample,
    stage_fields,
    stationary_fields,
)
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.relation import Sides

# -- A.3.2, line by line ---------------------------------------------------------------------------


def prove_agent_inverse() -> list[Proof]:
    pi, mu, t, z = positive("pi"), positive("mu"), positive("t"), positive("Z")
    log = sympy.log
    return [
        prove_zero(log(z) - (log(t) - log((mu * t / z) / mu)), "from π* to Q(s,b)"),
        prove_zero(pi - mu * t / (t / (pi / mu)), "from Q(s,b) back to π*"),
    ]


def agent_inverse(
    arithmetic: Arithmetic, q: Numbers, agent_prior: Numbers, opponent_prior: Numbers
) -> Sides:
    """Q(s,b), and Q(s,a,b) − log π*/P_prior for every a."""
    stage = Game.stage(arithmetic, q, agent_prior, opponent_prior)
    cost = stage.agent_cost(stage.agent_tilt(stage.u))
    return sides(0 * cost + stage.agent_soft(stage.u)[:, None], stage.u - cost)


def model_inverse(
    arithmetic: Arithmetic, q: Numbers, agent_prior: Numbers, opponent_prior: Numbers
) -> Sides:
    """V(s), and Q(s,b) − log ρ*/P_prior for every b."""
    stage = Game.stage(arithmetic, q, agent_prior, opponent_prior)
    soft = stage.agent_soft(stage.u)
    cost = stage.opponent_cost(stage.opponent_tilt(soft))
    return sides(0 * cost + stage.soft(stage.u)[:, None], soft - cost)


def both_inverse(
    arithmetic: Arithmetic, q: Numbers, agent_prior: Numbers, opponent_prior: Numbers
) -> Sides:
    """V(s), and Q(s,a,b) − log π*/P_prior − log ρ*/P_prior for every (a, b)."""
    stage = Game.stage(arithmetic, q, agent_prior, opponent_prior)
    (pi,), (rho,) = stage.tilts([stage.u])
    right = stage.u - stage.agent_cost(pi) - stage.opponent_cost(rho)[:, None]
    return sides(0 * right + stage.soft(stage.u)[:, None, None], right)


PRIORS = {name: stage_fields()[name] for name in ("q", "agent_prior", "opponent_prior")}
row(
    "report.A.3.2.step1.printed",
    "proved",
    "report A.3.2",
    r"\pi^* = \frac{e^{Q^*(s,a,a^{-i})} P_{\mathrm{prior}}}{e^{Q^*(s,a^{-i})}} \iff Q^*(s,a^{-i}) "
    r"= Q^*(s,a,a^{-i}) - \log\frac{\pi^*}{P_{\mathrm{prior}}}",
    "For every action in the prior's support.",
    STAGE_SCOPE,
    Symbolic(prove_agent_inverse),
    sample(agent_inverse, PRIORS, "== 0", STAGE_SIZES),
)
row(
    "report.A.3.2.step2.printed",
    "proved",
    "report A.3.2",
    r"\rho^* = \frac{e^{Q^*(s,a^{-i})} P_{\mathrm{prior}}}{e^{V^*(s)}} \iff V^*(s) = "
    r"Q^*(s,a^{-i}) - \log\frac{\rho^*}{P_{\mathrm{prior}}}",
    "The same algebra one level up.",
    STAGE_SCOPE,
    Symbolic(prove_agent_inverse),
    sample(model_inverse, PRIORS, "== 0", STAGE_SIZES),
)
row(
    "report.A.3.2.step3.printed",
    "proved",
    "report A.3.2",
    r"V^*(s) = Q^*(s,a,a^{-i}) - \log\frac{\pi^*}{P_{\mathrm{prior}}} "
    r"- \log\frac{\rho^*}{P_{\mathrm{prior}}}",
    "It holds at every (a, a^-i), so no expectation is needed for it.",
    STAGE_SCOPE,
    Deduction(
        ("report.A.3.2.step1.printed", "report.A.3.2.step2.printed"),
        "substitution of equals",
        "Q*(s,b) of the first line in the second",
    ),
    sample(both_inverse, PRIORS, "== 0", STAGE_SIZES),
)

# -- E[Q*] = Q^{π*,ρ*} -----------------------------------------------------------------------------


def averaged(arithmetic: Arithmetic, q: Numbers) -> Sides:
    """E_{π*,ρ*}[Q*(s_n, a_n, b_n)], and Q_n^{π*,ρ*}(s_n, a_n, b_n) at n = T; uniform priors."""
    stage = Game.stage(arithmetic, q)
    (pi,), (rho,) = stage.tilts([stage.u])
    return sides((pi * rho[:, None] * stage.u).sum(axis=(1, 2))[:, None, None], stage.u)


row(
    "report.028.optimal.expectation.printed",
    "refuted",
    "report (28)",
    r"E_{s_t, a_t, a^{-i}_t \sim \pi, \rho, P}[Q^*(s_n, a_n, a^{-i}_n)] = "
    r"Q_n^{\pi^*,\rho^*}(s_n, a_n, a^{-i}_n)",
    "If the expectation includes (a_n, a^-i_n), the left side is a number and the right a table. "
    "(If it is over later times only, the left side is just Q*.)",
    STAGE_SCOPE,
    Counterexample(averaged, {"q": [[0], [1]]}, "== 0"),
)


def optimal_printed(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    gamma: Numbers,
    steps: int,
) -> Sides:
    """Q*_0 of (14), and (28) as printed at (13); uniform priors."""
    game = Game.of(arithmetic, reward, beta, transition, gamma)
    table = game.optimise(steps + 1)
    return sides(table[0], summed(game, *game.tilts(table), 1))


row(
    "report.028.optimal.exponent.printed",
    "refuted",
    "report (28); report A.3.2",
    r"Q^*_n = Q_n^{\pi^*,\rho^*} \text{ with } \gamma^{t-n+1} \text{ in (28)}",
    "With the printed exponent the optimal policies do not reproduce (14): 3/2 against 5/4.",
    scope(**{k: ">= 1" for k in SIZES}, steps=">= 0", beta="(-inf, inf)", gamma="[0, 1]"),
    Counterexample(
        optimal_printed,
        {"reward": [[[1]]], "transition": [[[[1]]]], "beta": 1, "gamma": "1/2", "steps": 1},
        "== 0",
    ),
)


def constant_reward(arithmetic: Arithmetic, reward: Numbers, gamma: Numbers, steps: int) -> Sides:
    """One state, one action each: the stationary Q* = βR/(1 − γ), and Q_0 with T = steps."""
    total = reward
    for _ in range(steps):
        total = reward + gamma * total
    return sides(reward / (1 - gamma), total)


row(
    "report.028.optimal.stationary.printed",
    "refuted",
    "report (28); report A.3.2",
    r"Q^* = Q_n^{\pi^*,\rho^*} \text{ for the stationary } Q^* \text{ of (14) and } T < \infty",
    "The proof 'repeatedly lays out' (14); a finite T stops with γ^{T−n+1} E[V*(s_{T+1})] left "
    "over, which vanishes only as T → ∞ with γ < 1. R = 1, γ = 1/2, T = 1: 2 against 3/2.",
    scope(reward="(-inf, inf)", gamma="[0, 1)", steps=">= 0"),
    Counterexample(constant_reward, {"reward": 1, "gamma": "1/2", "steps": 1}, "== 0"),
)


def optimal(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    gamma: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
) -> Numbers:
    """Q_n of (13)'s policies minus Q*_n, n = 0 … 3."""
    game = Game.of(arithmetic, reward, beta, transition, gamma, agent_prior, opponent_prior)
    table = game.optimise(4)
    return np.stack(game.evaluate(*game.tilts(table))) - np.stack(table)


row(
    "report.028.optimal.corrected",
    "proved",
    "report (28); report A.3.2",
    r"Q^*_n(s, a, a^{-i}) = Q_n^{\pi^*,\rho^*}(s, a, a^{-i}) \text{ for all } n \le T",
    "With the exponent t − n and tables indexed by time, as tables and without an expectation on "
    "the left.",
    GAMES,
    Deduction(
        ("report.A.3.2.step3.printed", "report.028.corrected"),
        "backward induction over time",
        "equal at T; V*_{n+1} of A.3.2 is what the Bellman equation averages",
    ),
    sample(optimal, game_fields(), "== 0", SIZES),
)


def end_forgotten(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    gamma: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
    agent: Numbers,
    opponent: Numbers,
    value: Numbers,
) -> Numbers:
    """γ^4 ‖W‖ − |Q_0 with end value W − Q_0 with end value 0|, T = 3, stationary policies."""
    game = Game.of(arithmetic, reward, beta, transition, gamma, agent_prior, opponent_prior)
    zero, end, weight = game.u, game.backup(value), gamma
    for _ in range(3):
        zero, end = (game.backup(game.value(q, laid(agent), opponent)) for q in (zero, end))
        weight = weight * gamma
    bound = weight * arithmetic.maximum(arithmetic.absolute(value))
    return bound - arithmetic.absolute(end - zero)


row(
    "report.028.optimal.stationary.corrected",
    "proved",
    "report (28); report A.3.2",
    r"|Q^* - Q_n^{\pi^*,\rho^*}| \le \gamma^{T-n+1} \|V^*\|_\infty "
    r"\text{ for the stationary } Q^*, \pi^*, \rho^*",
    "So the printed equation holds in the limit T → ∞ for γ < 1.",
    GAMES,
    Deduction(
        ("report.A.3.2.step3.printed", "report.028.corrected", "report.A.3.1.step3.printed"),
        "backward induction over time",
        "Q* is Q_n^{π*,ρ*} with V* in place of 0 at T + 1; each step back multiplies the "
        "difference by γ and averages it",
    ),
    sample(
        end_forgotten,
        {**game_fields(), **stationary_fields(), "value": array("states")},
        ">= 0",
        SIZES,
    ),
)
