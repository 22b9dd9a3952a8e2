"""ROMMEO's backward induction and Bellman equation: report (12)-(14).

    Q*_T = βR,   V*_t(s) = log Σ_b P_prior(b|s) Σ_a P_prior(a|s,b) exp Q*_t(s,a,b)          (14)
    Q*_t(s,a,b) = βR(s,a,b) + γ E[V*_{t+1}(s')]                                             (14)
    π*_t ∝ P_prior exp Q*_t(s,a,b),   ρ*_t ∝ P_prior exp Q*_t(s,b)                           (13)

For a finite horizon the tables depend on t. Shapes as in ``_rommeo``.
"""

from __future__ import annotations

import numpy as np

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    array,
    discount,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._rommeo import Game, laid, policies
from tabular_marl.verification.claims._rommeo_rows import (
    GAMES,
    PLAYS,
    SIZES,
    STAGE_SCOPE,
    STAGE_SIZES,
    TIMES,
    game_fields,
    play_fields,
    sample,
    stage_fields,
    stationary_fields,
)
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.relation import Sides

# -- (12) ------------------------------------------------------------------------------------------


def last_actions(
    arithmetic: Arithmetic, reward: Numbers, transition: Numbers, beta: Numbers, gamma: Numbers
) -> Sides:
    """(14) at t = T − 1 as printed, with R(s_t, a_T, b_T), against R(s_t, a_t, b_t): axes
    (s_t, a_t, b_t, a_T, b_T); uniform priors."""
    game = Game.of(arithmetic, reward, beta, transition, gamma)
    q = game.backup(game.soft(game.u))
    printed = q[:, :, :, None, None] - game.u[:, :, :, None, None] + game.u[:, None, None]
    return sides(printed, q[:, :, :, None, None])


row(
    "report.014.index.printed",
    "refuted",
    "report (12); report (14); report (26)",
    r"Q^*(s_t, a_t, a^{-i}_t) = \beta R(s_t, a_T, a^{-i}_T) + \gamma E[V^*(s_{t+1})] "
    r"\text{ is } \beta R(s_t, a_t, a^{-i}_t) + \gamma E[V^*(s_{t+1})]",
    "The actions of R (and of the policies in (12)) are printed with index T, left over from (7). "
    "Read literally, today's Q would not depend on today's reward.",
    GAMES,
    Counterexample(
        last_actions,
        {"reward": [[[0], [1]]], "transition": [[[[1]], [[1]]]], "beta": 1, "gamma": "1/2"},
        "== 0",
    ),
)


def recursion(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    gamma: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
    agent: Numbers,
    opponent: Numbers,
) -> Sides:
    """(6) from each state at t = 0, all later policies optimal, and (12)."""
    game = Game.of(arithmetic, reward, beta, transition, gamma, agent_prior, opponent_prior)
    table = game.optimise(3)
    later = game.tilts(table)
    agents, models = [laid(agent), *later[0][1:]], [opponent, *later[1][1:]]
    first = game.evaluate(agents, models)[0]
    left = game.value(first, agents[0], models[0])
    return sides(left, game.value(table[0], agents[0], models[0]))


row(
    "report.012.corrected",
    "proved",
    "report (12)",
    r"\max_{\text{policies after } t} \gamma^{-t} \sum_{k \ge t} \text{(6)} = E_q\Big["
    r"\beta R(s_t, a_t, a^{-i}_t) + \gamma E[V_{t+1}(s_{t+1})] "
    r"- \log\frac{\pi_t}{P_{\mathrm{prior}}} - \log\frac{\rho_t}{P_{\mathrm{prior}}}\Big]",
    "With every index t, and the message of (11) as corrected: γ inside, state law conditional.",
    GAMES,
    Deduction(
        ("report.028.corrected", "report.A.1.4.corrected", "report.009.joint.added"),
        "backward induction over time",
        "the optimal rest from t + 1 is worth V_{t+1}, by A.1.4 with N = Q*_{t+1}; one step of "
        "the Bellman equation carries it to t",
    ),
    sample(recursion, {**game_fields(), **stationary_fields()}, "== 0", SIZES),
)

# -- (13) ------------------------------------------------------------------------------------------


def step_optimum(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    gamma: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
    agent: Numbers,
    opponent: Numbers,
) -> Numbers:
    """(12) at (13) minus (12) at another pair, two steps before the end."""
    game = Game.of(arithmetic, reward, beta, transition, gamma, agent_prior, opponent_prior)
    q = game.optimise(3)[0]
    (pi,), (rho,) = game.tilts([q])
    return game.value(q, pi, rho) - game.value(q, laid(agent), opponent)


row(
    "report.013.printed",
    "proved",
    "report (13)",
    r"\pi^*_t \propto P_{\mathrm{prior}} \exp Q^*(s_t, a_t, a^{-i}_t),\ \rho^*_t \propto "
    r"P_{\mathrm{prior}} \exp Q^*(s_t, a^{-i}_t) \text{ maximise (12)}",
    "Well printed: (8) and (9) with N = Q*_t.",
    GAMES,
    Deduction(
        ("report.A.1.2.arbitrary.printed", "report.A.1.3.arbitrary.printed"),
        "maximisation in stages",
        "N = Q*_t(s,a,b), then f = Q*_t(s,b)",
    ),
    sample(step_optimum, {**game_fields(), **stationary_fields()}, ">= 0", SIZES),
)


def one_for_all_times(
    arithmetic: Arithmetic, reward: Numbers, transition: Numbers, beta: Numbers, gamma: Numbers
) -> Sides:
    """π*_0 and π*_1 of (13) for T = 1; uniform priors."""
    game = Game.of(arithmetic, reward, beta, transition, gamma)
    first, last = game.tilts(game.optimise(2))[0]
    return sides(first, last)


row(
    "report.013.stationary.printed",
    "refuted",
    "report (4); report (6); report (13)",
    r"\pi^*_0 = \dots = \pi^*_T, \text{ so that one } \pi_\theta, \rho_\phi \text{ for all } t "
    r"\text{ attains the maximum of (6)}",
    "(4) and (6) write one θ and one φ for all times. With a finite T the maximiser depends on t, "
    "and it is unique where play gets to, so no pair without t attains it.",
    GAMES,
    Counterexample(
        one_for_all_times,
        {
            "reward": [[[0], [0]], [[1], [1]]],
            "transition": [[[[1, 0]], [[0, 1]]], [[[0, 1]], [[0, 1]]]],
            "beta": 1,
            "gamma": "1/2",
        },
        "== 0",
    ),
    rests_on=("report.008.unique.corrected",),
)

# -- (14) ------------------------------------------------------------------------------------------


def normalised_printed(arithmetic: Arithmetic, q: Numbers) -> Numbers:
    """Σ_a π − 1 with π of (13) and (14)'s Q(s,b) = log Σ_a exp(Q P_prior); uniform prior."""
    stage = Game.stage(arithmetic, q)
    inside = arithmetic.exp(stage.u * stage.agent_prior).sum(axis=1)
    return (arithmetic.exp(stage.u) * stage.agent_prior).sum(axis=1) / inside - 1


row(
    "report.014.printed",
    "refuted",
    "report (14)",
    r"\pi^* = \frac{\exp(Q^*) P_{\mathrm{prior}}}{\exp Q^*(s, a^{-i})} \text{ sums to one for } "
    r"Q^*(s, a^{-i}) = \log \int \exp(Q^* P_{\mathrm{prior}}\,da)",
    "(14) prints the prior (and the da) inside the exponential, unlike (8), (9) and (30). With two "
    "actions and Q = 0 the policies (13) sum to 1/2.",
    STAGE_SCOPE,
    Counterexample(normalised_printed, {"q": [[0], [0]]}, "== 0"),
)


def normalised(
    arithmetic: Arithmetic, q: Numbers, agent_prior: Numbers, opponent_prior: Numbers
) -> Numbers:
    """Σ_a π − 1 and Σ_b ρ − 1 with the normalisers exp Q(s,b), exp V(s)."""
    stage = Game.stage(arithmetic, q, agent_prior, opponent_prior)
    soft, value = stage.agent_soft(stage.u), stage.soft(stage.u)
    pi = stage.agent_prior * arithmetic.exp(stage.u - soft[:, None])
    rho = stage.opponent_prior * arithmetic.exp(soft - value[:, None])
    return np.concatenate([pi.sum(axis=1) - 1, rho.sum(axis=1)[:, None] - 1], axis=1)


row(
    "report.014.normalised.corrected",
    "proved",
    "report (13); report (14)",
    r"\textstyle\sum_a \pi^*_t = \sum_b \rho^*_t = 1 \text{ for } Q^*(s, a^{-i}) = "
    r"\log\sum_a \exp(Q^*) P_{\mathrm{prior}},\ V^* = \log\sum_b \exp(Q^*(s, a^{-i})) "
    r"P_{\mathrm{prior}}",
    "With the priors outside the exponentials.",
    STAGE_SCOPE,
    Deduction(
        ("report.A.1.2.step2.corrected", "report.A.1.3.step2.printed"),
        "conjunction",
        "each of the two lines proves that its tilt sums to one",
    ),
    sample(
        normalised,
        {name: stage_fields()[name] for name in ("q", "agent_prior", "opponent_prior")},
        "== 0",
        STAGE_SIZES,
    ),
)


def optimum(
    arithmetic: Arithmetic,
    initial: Numbers,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    gamma: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
    agent: Numbers,
    opponent: Numbers,
) -> Numbers:
    """(6) at the policies (13), (14) minus (6) at other time-dependent policies."""
    game = Game.of(arithmetic, reward, beta, transition, gamma, agent_prior, opponent_prior)
    best = game.tilts(game.optimise(len(agent)))
    here = game.objective(initial, *best)
    return here - game.objective(initial, policies(agent), list(opponent))


row(
    "report.014.corrected",
    "proved",
    "report (6); report (13); report (14)",
    r"\text{(13) with } Q^*_t = \beta R + \gamma E[V^*_{t+1}],\ V^*_{T+1} = 0 \text{ maximises (6) "
    r"over time-dependent } (\pi_t, \rho_t)",
    "Index t in R, priors outside the exponentials, tables indexed by t, and an end: V_{T+1} = 0.",
    PLAYS,
    Deduction(
        ("report.012.corrected", "report.013.printed", "report.009.joint.added"),
        "backward induction over time",
        "whatever happens before t, (13) is the best reply to the optimal rest",
    ),
    sample(optimum, play_fields(), ">= 0", {**SIZES, **TIMES}),
    assumes=("π ≪ P_prior, ρ ≪ P_prior (else (6) is −∞)",),
)


def committed(
    arithmetic: Arithmetic, reward: Numbers, beta: Numbers, gamma: Numbers, agent: Numbers
) -> Numbers:
    """T = 1, first action chosen for ever: R = 0 at once, then reward [A] at every step. (6) of the
    tilt of the stationary Q* = βγR/(1 − γ), minus (6) of another first policy; uniform prior."""
    u = beta * reward
    stage = Game.stage(arithmetic, u[:, None])
    stationary = stage.agent_tilt(gamma / (1 - gamma) * stage.u)
    other = agent[None, :, None]
    return stage.agent_value(gamma * stage.u, stationary) - stage.agent_value(
        gamma * stage.u, other
    )


row(
    "report.014.stationary.printed",
    "refuted",
    "report (14)",
    r"V^*(s) = \log\sum\cdots,\ Q^* = \beta R + \gamma E[V^*] \text{ (one } V^* \text{ for all } t"
    r"\text{) maximises (6) with } T < \infty",
    "As printed the functions V*, Q* do not depend on t; their fixed point is the solution for "
    "T = ∞. For T = 1 and γ = 1/2 it weighs a reward that comes once as if it came for ever.",
    scope(actions=">= 1", beta="(0, inf)", gamma="(0, 1)"),
    Counterexample(
        committed, {"reward": [0, 1], "beta": 2, "gamma": "1/2", "agent": ["1/4", "3/4"]}
    ),
)


def limit(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    gamma: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
    value: Numbers,
) -> Numbers:
    """γ^5 ‖V − W‖ − ‖V_0 − W_0‖ for horizon 5, ended by V_{T+1} = 0 or by W = ``value``."""
    game = Game.of(arithmetic, reward, beta, transition, gamma, agent_prior, opponent_prior)
    one, two, weight = 0 * value, value, 1
    for _ in range(5):
        one, two = game.soft(game.backup(one)), game.soft(game.backup(two))
        weight = weight * gamma
    size = arithmetic.maximum(arithmetic.absolute(value))
    return weight * size - arithmetic.maximum(arithmetic.absolute(one - two))


row(
    "report.014.limit.corrected",
    "proved",
    "report (14)",
    r"\|V^{(T)}_0 - V^*\|_\infty \le \gamma^{T+1} \|V^*\|_\infty "
    r"\text{ for the stationary solution } V^* \text{ of (14)}",
    "The stationary (14) is the limit T → ∞ for γ < 1: ending by 0 instead of V* is forgotten at "
    "rate γ. (For any end W in place of V*: the distance shrinks by γ each step.)",
    scope(
        states=">= 1", actions=">= 1", opponent_actions=">= 1", beta="(-inf, inf)", gamma="[0, 1)"
    ),
    Deduction(
        ("report.027.corrected",),
        "backward induction over time",
        "each backup brings the two ends closer by the factor γ; V* reproduces itself",
    ),
    sample(limit, {**game_fields(), "gamma": discount(), "value": array("states")}, ">= 0", SIZES),
)
