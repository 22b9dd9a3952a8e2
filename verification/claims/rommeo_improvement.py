"""Improving the agent against a fixed opponent model: report (29), (30), (156), A.3.3.

    π̃_t ∝ P_prior exp Q_t^{π,ρ_s}(s,a,b)     implies     Q_n^{π,ρ_s} <= Q_n^{π̃,ρ_s} for every n

because E_π[Q_t − log π/P_prior] = Q_t(s,b) − KL(π ‖ π̃_t), step by step from the end. Shapes as in
``_rommeo``: agent [T+1, S, B, A], opponent [T+1, S, B].
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tabular_marl.verification import Counterexample, Deduction, discount, scope, sides
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._rommeo import Game, laid, policies, summed
from tabular_marl.verification.claims._rommeo_rows import (
    PLAYS,
    SIZES,
    TIMES,
    game_fields,
    play_fields,
    sample,
    stationary_fields,
)
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.relation import Sides

PLAY = {name: f for name, f in play_fields().items() if name != "initial"}
PLAY_SIZES = {**SIZES, **TIMES}
ALWAYS = [["1/2", "1/2"]]

# -- (29), (156) -----------------------------------------------------------------------------------


def improvement(
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
    """Q_n^{π̃,ρ_s} − Q_n^{π,ρ_s} for every n."""
    game = Game.of(arithmetic, reward, beta, transition, gamma, agent_prior, opponent_prior)
    models = list(opponent)
    table = game.evaluate(policies(agent), models)
    better = [game.agent_tilt(q) for q in table]
    return np.stack(game.evaluate(better, models)) - np.stack(table)


row(
    "report.029.printed",
    "proved",
    "report (29); report (30); report A.3.3",
    r"Q_n^{\pi,\rho_s} \le Q_n^{\tilde\pi,\rho_s},\ \tilde\pi(a_t|s_t, a^{-i}_t) \propto "
    r"P_{\mathrm{prior}} \exp Q^{\pi,\rho_s}(s_t, a_t, a^{-i}_t)",
    "True when Q^{π,ρ_s}(s_t, ·) is read as the table of time t, and by A.3.3's Bellman equation "
    "rather than (28)'s exponent. A.3.3's chain of inequalities, its indices set right, proves it.",
    PLAYS,
    Deduction(
        ("report.A.3.3.step1.printed", "report.028.corrected"),
        "backward induction over time",
        "equal at T; at n replace Q_{n+1}^{π} by the larger Q_{n+1}^{π̃}, then π by π̃",
    ),
    sample(improvement, PLAY, ">= 0", PLAY_SIZES),
    assumes=("π ≪ P_prior", "the exponent t − n in (28)", "a table for each time"),
)


def stationary_improvement(
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
    """Q^{π̃,ρ_s} and Q^{π,ρ_s}, stationary, T = ∞."""
    game = Game.of(arithmetic, reward, beta, transition, gamma, agent_prior, opponent_prior)
    before = game.stationary(laid(agent), opponent)
    return sides(game.stationary(game.agent_tilt(before), opponent), before)


row(
    "report.029.stationary.corrected",
    "proved",
    "report (29)",
    r"T = \infty,\ \gamma < 1,\ \pi, \rho_s \text{ stationary: } Q^{\pi,\rho_s} \le "
    r"Q^{\tilde\pi,\rho_s}",
    "The reading of (29) without a time index that is true.",
    scope(
        states=">= 1", actions=">= 1", opponent_actions=">= 1", beta="(-inf, inf)", gamma="[0, 1)"
    ),
    Deduction(
        ("report.A.3.3.step1.printed",),
        "policy-evaluation monotonicity",
        "the backup of π̃ raises Q^{π,ρ_s} by the one-step inequality",
    ),
    sample(
        stationary_improvement,
        {**game_fields(), "gamma": discount(), **stationary_fields()},
        ">= 0",
        SIZES,
    ),
)


def one_table(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    gamma: Numbers,
    agent: Numbers,
    opponent: Numbers,
) -> Numbers:
    """Q_0 with π̃ from Q_0 used at all times, minus Q_0; uniform priors."""
    game = Game.of(arithmetic, reward, beta, transition, gamma)
    models = list(opponent)
    table = game.evaluate(policies(agent), models)[0]
    return game.evaluate([game.agent_tilt(table)] * len(models), models)[0] - table


row(
    "report.029.one-table.printed",
    "refuted",
    "report (29)",
    r"T < \infty,\ \tilde\pi(a|s, a^{-i}) \propto P_{\mathrm{prior}} \exp Q_n^{\pi,\rho_s} \text{ "
    r"at every } t:\ Q_n^{\pi,\rho_s} \le Q_n^{\tilde\pi,\rho_s}",
    "Q^{π,ρ} is 'short-handed' without its n. One policy from Q_n for all times looks ahead even "
    "at the last step, where there is nothing ahead.",
    PLAYS,
    Counterexample(
        one_table,
        {
            "reward": [[[0], [0]], [[1], [1]]],
            "transition": [[[[1, 0]], [[0, 1]]], [[[0, 1]], [[0, 1]]]],
            "beta": 1,
            "gamma": "1/2",
            "agent": [[ALWAYS, ALWAYS]] * 2,
            "opponent": [[[1], [1]]] * 2,
        },
    ),
)


def exponent_improvement(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    gamma: Numbers,
    agent: Numbers,
    opponent: Numbers,
) -> Numbers:
    """The same claim for (28) as printed, tables of every time: Q_0^{π̃} − Q_0^{π}."""
    game = Game.of(arithmetic, reward, beta, transition, gamma)
    agents, models = policies(agent), list(opponent)

    def printed(chosen: Sequence[Numbers], start: int) -> Numbers:
        return summed(game, chosen[start:], models[start:], 1)

    better = [game.agent_tilt(printed(agents, t)) for t in range(len(agents))]
    return printed(better, 0) - printed(agents, 0)


CHOICE = [["1/4", "3/4"]]
row(
    "report.029.exponent.printed",
    "refuted",
    "report (28); report (29)",
    r"Q_n^{\pi,\rho_s} \le Q_n^{\tilde\pi,\rho_s} \text{ with } \gamma^{t-n+1} \text{ in (28)}",
    "With the printed exponent the values of different times are inconsistent: π̃ at n + 1 weighs "
    "what follows by γ², Q_n weighs it by γ, and a policy that was right for γ gets worse.",
    PLAYS,
    Counterexample(
        exponent_improvement,
        {
            "reward": [[[0], [0]], [[0], [0]], [[2], [2]]],
            "transition": [
                [[[0, 1, 0]], [[0, 0, 1]]],
                [[[1, 0, 0]], [[1, 0, 0]]],
                [[[1, 0, 0]], [[1, 0, 0]]],
            ],
            "beta": 1,
            "gamma": "1/2",
            "agent": [[CHOICE, ALWAYS, ALWAYS]] * 3,
            "opponent": [[[1], [1], [1]]] * 3,
        },
    ),
)


def marginal_improvement(
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
    """Q_n(s,b) after minus before: by (30), and as E_π[Q − log π/P_prior]."""
    game = Game.of(arithmetic, reward, beta, transition, gamma, agent_prior, opponent_prior)
    agents, models = policies(agent), list(opponent)
    table = game.evaluate(agents, models)
    better = [game.agent_tilt(q) for q in table]
    after = game.evaluate(better, models)
    soft = [game.agent_soft(x) - game.agent_soft(y) for x, y in zip(after, table, strict=True)]
    value = [
        game.agent_value(x, new) - game.agent_value(y, old)
        for x, y, new, old in zip(after, table, better, agents, strict=True)
    ]
    return np.stack([*soft, *value])


row(
    "report.029.marginal.added",
    "proved",
    "report (29); report (30)",
    r"Q_n^{\pi,\rho_s}(s, a^{-i}) \le Q_n^{\tilde\pi,\rho_s}(s, a^{-i})",
    "For Q(s, a^-i) by (30), which is monotone in Q(s, a, a^-i), and for the policy's own value "
    "E_π[Q − log π/P_prior], which (30) of the old table separates.",
    PLAYS,
    Deduction(
        ("report.029.printed", "report.A.3.3.step1.printed", "free-energy.monotone"),
        "chain of inequalities",
        "E_π[Q^π − …] <= (30) of Q^π = E_π̃[Q^π − …] <= E_π̃[Q^π̃ − …]",
    ),
    sample(marginal_improvement, PLAY, ">= 0", PLAY_SIZES),
)


def other_model(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    gamma: Numbers,
    agent: Numbers,
    opponent: Numbers,
    other: Numbers,
) -> Numbers:
    """Q_0^{π̃,ρ_s} − Q_0^{π,ρ}, ρ = opponent, ρ_s = other; uniform priors."""
    game = Game.of(arithmetic, reward, beta, transition, gamma)
    agents = policies(agent)
    better = [game.agent_tilt(q) for q in game.evaluate(agents, list(other))]
    return game.evaluate(better, list(other))[0] - game.evaluate(agents, list(opponent))[0]


row(
    "report.156.printed",
    "refuted",
    "report (156)",
    r"Q_n^{\pi,\rho}(s_n, a_n, a^{-i}_n) \le Q^{\tilde\pi,\rho_s}(s_n, a_n, a^{-i}_n)",
    "ρ on the left, ρ_s on the right: an improved agent against a worse model may well have less. "
    "Must be ρ_s on both sides, as in the text after (30).",
    PLAYS,
    Counterexample(
        other_model,
        {
            "reward": [[[0, 0]]],
            "transition": [[[[1], [1]]]],
            "beta": 1,
            "gamma": "1/2",
            "agent": [[[[1], [1]]]] * 2,
            "opponent": [ALWAYS] * 2,
            "other": [[["1/4", "3/4"]]] * 2,
        },
    ),
)
row(
    "report.156.corrected",
    "proved",
    "report (156); report A.3.3",
    r"Q_n^{\pi,\rho_s}(s_n, a_n, a^{-i}_n) \le Q_n^{\tilde\pi,\rho_s}(s_n, a_n, a^{-i}_n)",
    "With ρ_s throughout A.3.3, the logarithms of step n + 2 in its second expansion.",
    PLAYS,
    Deduction(("report.029.printed",), "special case", "the same statement"),
    sample(improvement, PLAY, ">= 0", PLAY_SIZES),
)
