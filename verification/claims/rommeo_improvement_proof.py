"""The proof that (29) improves, line by line: report A.3.3.

    E_π[Q − log π/P_prior] = Q(s,b) − KL(π ‖ π̃) <= E_π̃[Q − log π̃/P_prior]

one step at a time; the expansion that follows has its models and its time indices mixed up. Shapes
as in ``rommeo_improvement``.
"""

from __future__ import annotations

from tabular_marl.verification import Counterexample, Deduction, sides
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, kl
from tabular_marl.verification.claims._rommeo import Game, laid_stage, policies
from tabular_marl.verification.claims._rommeo_rows import (
    PLAYS,
    SIZES,
    STAGE_SCOPE,
    STAGE_SIZES,
    TIMES,
    play_fields,
    sample,
    stage_fields,
)
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.relation import Sides

PLAY = {name: f for name, f in play_fields().items() if name != "initial"}
PLAY_SIZES = {**SIZES, **TIMES}
ALWAYS = [["1/2", "1/2"]]

# -- A.3.3: one step -------------------------------------------------------------------------------


def one_step(arithmetic: Arithmetic, q: Numbers, agent_prior: Numbers, agent: Numbers) -> Numbers:
    """E_π̃[Q − log π̃/P_prior] − E_π[Q − log π/P_prior]."""
    stage = Game.stage(arithmetic, q, agent_prior)
    best = stage.agent_value(stage.u, stage.agent_tilt(stage.u))
    return best - stage.agent_value(stage.u, laid_stage(agent))


AGENT = {name: stage_fields()[name] for name in ("q", "agent_prior", "agent")}
row(
    "report.A.3.3.step1.printed",
    "proved",
    "report A.3.3",
    r"E_{a \sim \pi}\Big[-\log\frac{\pi}{P_{\mathrm{prior}}} + Q^{\pi,\rho_s}\Big] \le "
    r"E_{a \sim \tilde\pi}\Big[-\log\frac{\tilde\pi}{P_{\mathrm{prior}}} + Q^{\pi,\rho_s}\Big]",
    "At each (s, a^-i), for each table Q.",
    STAGE_SCOPE,
    Deduction(("report.A.1.2.arbitrary.printed",), "special case", "N = Q^{π,ρ_s}"),
    sample(one_step, AGENT, ">= 0", STAGE_SIZES),
)


def one_step_identity(
    arithmetic: Arithmetic, q: Numbers, agent_prior: Numbers, agent: Numbers
) -> Sides:
    """E_π[Q − log π/P_prior], and Q(s,b) − KL(π ‖ π̃)."""
    stage = Game.stage(arithmetic, q, agent_prior)
    pi = laid_stage(agent)
    divergence = kl(pi, stage.agent_tilt(stage.u), 1, arithmetic)
    return sides(stage.agent_value(stage.u, pi), stage.agent_soft(stage.u) - divergence)


row(
    "report.A.3.3.step2.printed",
    "proved",
    "report (29); report (30); report A.3.3",
    r"E_{a \sim \pi}\Big[-\log\frac{\pi}{P_{\mathrm{prior}}} + Q^{\pi,\rho_s}\Big] = "
    r"-D_{KL}(\pi \| \tilde\pi) + Q^{\pi,\rho_s}(s, a^{-i})",
    "With Q(s, a^-i) the log-normaliser (30), well printed there.",
    STAGE_SCOPE,
    Deduction(("report.A.1.2.step2.corrected",), "special case", "N = Q^{π,ρ_s}"),
    sample(one_step_identity, AGENT, "== 0", STAGE_SIZES),
)

# -- A.3.3: the expansion --------------------------------------------------------------------------

ONE_STATE_THREE_TIMES = {"reward": [[[0, 0]]], "transition": [[[[1], [1]]]], "beta": 1}


def mixed_models(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    gamma: Numbers,
    agent: Numbers,
    opponent: Numbers,
    other: Numbers,
) -> Sides:
    """Q_0^{π,ρ}, and βR + γ E[−log π/… − log ρ/… + Q_1^{π,ρ_s}], ρ_s = other; uniform priors."""
    game = Game.of(arithmetic, reward, beta, transition, gamma)
    agents, models = policies(agent), list(opponent)
    later = game.evaluate(agents, list(other))[1]
    right = game.backup(game.value(later, agents[1], models[1]))
    return sides(game.evaluate(agents, models)[0], right)


row(
    "report.A.3.3.step3.printed",
    "refuted",
    "report A.3.3",
    r"Q_n^{\pi,\rho} = \beta R_n + \gamma E\Big[-\log\frac{\pi}{P_{\mathrm{prior}}} - "
    r"\log\frac{\rho}{P_{\mathrm{prior}}} + Q_{n+1}^{\pi,\rho_s}\Big]",
    "ρ and ρ_s are mixed within one line; true only where they are the same model.",
    PLAYS,
    Counterexample(
        mixed_models,
        {
            **ONE_STATE_THREE_TIMES,
            "gamma": "1/2",
            "agent": [[[[1], [1]]]] * 3,
            "opponent": [ALWAYS] * 3,
            "other": [[["1/4", "3/4"]]] * 3,
        },
        "== 0",
    ),
)


def stale_logarithm(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    gamma: Numbers,
    agent: Numbers,
    opponent: Numbers,
) -> Sides:
    """Q_1^{π,ρ_s}(s,a,b), and its expansion with log π̃(a_1|…)/P_prior in place of the mean of
    log π(a_2|…)/P_prior; uniform priors."""
    game = Game.of(arithmetic, reward, beta, transition, gamma)
    agents, models = policies(agent), list(opponent)
    table = game.evaluate(agents, models)
    plain = game.opponent_value((agents[2] * table[2]).sum(axis=1), models[2])
    stale = game.agent_cost(game.agent_tilt(table[1]))
    return sides(table[1], game.backup(plain) - gamma * stale)


row(
    "report.A.3.3.step4.printed",
    "refuted",
    "report A.3.3",
    r"Q_{n+1}^{\pi,\rho_s} = \beta R_{n+1} + \gamma E_{s_{n+2}, a_{n+2}}\Big["
    r"-\log\frac{\tilde\pi(a_{n+1}|s_{n+1}, \cdot)}{P_{\mathrm{prior}}(a_{n+1}|\cdot)} - "
    r"\log\frac{\rho(a^{-i}|s_{n+2})}{P_{\mathrm{prior}}} + Q_{n+2}^{\pi,\rho_s}\Big]",
    "The second expansion repeats the logarithm of step n + 1, already improved; it must be "
    "log π(a_{n+2}|s_{n+2}, ·)/P_prior (and ρ_s at n + 2), which the next step then improves.",
    PLAYS,
    Counterexample(
        stale_logarithm,
        {
            "reward": [[[0], [0]]],
            "transition": [[[[1]], [[1]]]],
            "beta": 1,
            "gamma": "1/2",
            "agent": [[[["1/4", "3/4"]]]] * 3,
            "opponent": [[[1]]] * 3,
        },
        "== 0",
    ),
)
