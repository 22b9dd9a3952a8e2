"""The value of given policies: report (28).

    Q_n^{π,ρ} = βR_n + E Σ_{t>n} γ^{t−n} (βR_t − log π/P_prior − log ρ/P_prior)       (28) corrected
              = βR_n + γ E[−log π/P_prior − log ρ/P_prior + Q_{n+1}^{π,ρ}]             A.3.3

(28) prints the exponent t − n + 1, so that the first term is weighed by γ². Shapes as in
``_rommeo``.
"""

from __future__ import annotations

import sympy

from tabular_marl.verification import (
    Counterexample,
    Proof,
    Symbolic,
    prove_zero,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._rommeo import Game, policies, summed
from tabular_marl.verification.claims._rommeo_rows import (
    PLAYS,
    SIZES,
    TIMES,
    play_fields,
    sample,
)
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.relation import Sides

PLAY = {name: f for name, f in play_fields().items() if name != "initial"}
ONE_ACTION_TWICE = {
    "reward": [[[1]]],
    "transition": [[[[1]]]],
    "beta": 1,
    "gamma": "1/2",
    "agent": [[[[1]]], [[[1]]]],
    "opponent": [[[1]], [[1]]],
}

# -- (28) ------------------------------------------------------------------------------------------


def exponent_printed(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    gamma: Numbers,
    agent: Numbers,
    opponent: Numbers,
) -> Sides:
    """Q_0 of (28) as printed, and βR + γ E[… + Q_1] with Q_1 of (28); uniform priors."""
    game = Game.of(arithmetic, reward, beta, transition, gamma)
    agents, models = policies(agent), list(opponent)
    later = summed(game, agents[1:], models[1:], 1)
    right = game.backup(game.value(later, agents[1], models[1]))
    return sides(summed(game, agents, models, 1), right)


row(
    "report.028.printed",
    "refuted",
    "report (28); report A.3.3",
    r"Q_n = \beta R_n + E\sum_{t=n+1}^T \gamma^{t-n+1}(\cdots) \text{ satisfies } Q_n = \beta R_n "
    r"+ \gamma E\Big[-\log\frac{\pi}{P_{\mathrm{prior}}} - \log\frac{\rho}{P_{\mathrm{prior}}} + "
    r"Q_{n+1}\Big]",
    "The exponent at t = n + 1 must be 1, not 2: (28) contradicts the Bellman equation that A.3.3 "
    "and A.3.4 derive from it. One action, R = 1, γ = 1/2: 5/4 against 3/2.",
    PLAYS,
    Counterexample(exponent_printed, ONE_ACTION_TWICE, "== 0"),
)


def exponent_corrected(
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
    """Q_0 summed with γ^t, and by the Bellman equation."""
    game = Game.of(arithmetic, reward, beta, transition, gamma, agent_prior, opponent_prior)
    agents, models = policies(agent), list(opponent)
    return sides(summed(game, agents, models), game.evaluate(agents, models)[0])


def prove_exponent() -> Proof:
    names = "u gamma later_u cost rest"
    u, gamma, later_u, cost, rest = sympy.symbols(names)
    table = u + gamma * (later_u - cost) + gamma**2 * rest  # rest: t >= n + 2, weighed γ^{t−n−2}
    next_table = later_u + gamma * rest
    what = "Q_n = u + γ E[u' − cost] + γ² E[rest], Q_{n+1} = u' + γ E[rest], for any rest"
    return prove_zero(table - (u + gamma * (next_table - cost)), what)


row(
    "report.028.corrected",
    "proved",
    "report (28); report A.3.3; report A.3.4",
    r"Q_n = \beta R_n + E\sum_{t=n+1}^{T} \gamma^{t-n}\Big(\beta R_t - "
    r"\log\frac{\pi}{P_{\mathrm{prior}}} - \log\frac{\rho}{P_{\mathrm{prior}}}\Big) = \beta R_n + "
    r"\gamma E\Big[-\log\frac{\pi}{P_{\mathrm{prior}}} - \log\frac{\rho}{P_{\mathrm{prior}}} + "
    r"Q_{n+1}\Big]",
    "With the exponent t − n the Bellman equation of A.3.3 follows. Q_n depends on n unless T = ∞ "
    "and the policies are stationary.",
    PLAYS,
    Symbolic(prove_exponent),
    sample(exponent_corrected, PLAY, "== 0", {**SIZES, **TIMES}),
)


def objective_printed(
    arithmetic: Arithmetic,
    initial: Numbers,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    gamma: Numbers,
    agent: Numbers,
    opponent: Numbers,
) -> Sides:
    """(6), and E_{π,ρ}[Q_0^{π,ρ}]; uniform priors."""
    game = Game.of(arithmetic, reward, beta, transition, gamma)
    agents, models = policies(agent), list(opponent)
    first = (agents[0] * models[0][:, None] * game.evaluate(agents, models)[0]).sum(axis=(1, 2))
    return sides(game.objective(initial, agents, models), (initial * first).sum(axis=0))


row(
    "report.028.objective.printed",
    "refuted",
    "report (6); report (28)",
    r"\text{(6)} = E_{s_0, a_0, a^{-i}_0 \sim P, \pi, \rho}[Q_0^{\pi,\rho}(s_0, a_0, a^{-i}_0)]",
    "'After all Q_n is the objective': it leaves out the logarithms of its own first step n. Two "
    "actions, R = 0: −KL(π ‖ P_prior) against 0.",
    PLAYS,
    Counterexample(
        objective_printed,
        {
            "initial": [1],
            "reward": [[[0], [0]]],
            "transition": [[[[1]], [[1]]]],
            "beta": 1,
            "gamma": "1/2",
            "agent": [[[["1/4", "3/4"]]]],
            "opponent": [[[1]]],
        },
        "== 0",
    ),
)


def objective_corrected(
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
) -> Sides:
    """(6) summed over time along the law of play, and E[Q_0 − log π_0/… − log ρ_0/…]."""
    game = Game.of(arithmetic, reward, beta, transition, gamma, agent_prior, opponent_prior)
    agents, models = policies(agent), list(opponent)
    total, weight, law = 0 * initial.sum(axis=0), 1, initial
    for pi, rho in zip(agents, models, strict=True):
        total = total + weight * (law * game.value(game.u, pi, rho)).sum(axis=0)
        play = (pi * rho[:, None] * law[:, None, None])[:, :, :, None]
        law, weight = (play * transition).sum(axis=(0, 1, 2)), weight * gamma
    return sides(total, game.objective(initial, agents, models))


def prove_objective() -> Proof:
    first_u, cost, gamma, later = sympy.symbols("u cost gamma later")
    table = first_u + gamma * later
    return prove_zero((first_u - cost + gamma * later) - (table - cost), "at every (s_0, a_0, b_0)")


row(
    "report.028.objective.corrected",
    "proved",
    "report (6); report (28)",
    r"\text{(6)} = E\Big[Q_0^{\pi,\rho} - \log\frac{\pi_0}{P_{\mathrm{prior}}} "
    r"- \log\frac{\rho_0}{P_{\mathrm{prior}}}\Big]",
    "With the logarithms of step 0 added (and the exponent t − n).",
    PLAYS,
    Symbolic(prove_objective),
    sample(objective_corrected, play_fields(), "== 0", {**SIZES, **TIMES}),
)
