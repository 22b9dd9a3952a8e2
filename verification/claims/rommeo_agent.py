"""ROMMEO's agent at the last step: report (8), A.1.2.

    E_{π,ρ}[N(a,b) − log π(a|b)/P_prior(a|b) − log ρ(b)/P_prior(b)]              (7), N = βR
    π*(a|b) = P_prior(a|b) exp(N(a,b)) / exp Q(b),   Q(b) = log Σ_a P_prior(a|b) exp N(a,b)   (8)
    E_π[N − log π/P_prior] = Q(b) − KL(π(·|b) ‖ π*(·|b))                          A.1.2

One state is enough: P(s_T) only averages. Shapes: q (the N above) [A, B], agent and agent_prior
[B, A], opponent and opponent_prior [B].
"""

from __future__ import annotations

import sympy

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    positive,
    prove_zero,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, kl
from tabular_marl.verification.claims._rommeo import Game, laid_stage
from tabular_marl.verification.claims._rommeo_rows import (
    GIBBS,
    STAGE_SCOPE,
    STAGE_SIZES,
    sample,
    stage_fields,
)
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.relation import Sides

STAGE = stage_fields()
AGENT = {name: STAGE[name] for name in ("q", "agent_prior", "agent")}
AGENT_PLAY = {name: STAGE[name] for name in ("q", "agent_prior", "agent", "opponent")}


# -- A.1.2, line by line ---------------------------------------------------------------------------


def separation_printed(
    arithmetic: Arithmetic,
    q: Numbers,
    opponent_prior: Numbers,
    agent: Numbers,
    opponent: Numbers,
) -> Sides:
    """First equality with log ρ(b)/P_prior(b|s,b), and P(b|b) = 1."""
    stage = Game.stage(arithmetic, q, None, opponent_prior)
    pi, rho = laid_stage(agent), opponent[None]
    soft = stage.agent_soft(stage.u)
    inner = stage.agent_value(stage.u, pi) - soft
    right = (rho * (inner - arithmetic.log(rho) + soft)).sum(axis=1)
    return sides(stage.value(stage.u, pi, rho), right)


row(
    "report.A.1.2.step1.printed",
    "refuted",
    "report A.1.2",
    r"\cdots = E_{q(s,a^{-i})}\Big[E_\pi[\cdots - Q] - \log\frac{\rho(a^{-i}|s)}"
    r"{P_{\mathrm{prior}}(a^{-i}|s, a^{-i})} + Q\Big]",
    "The prior of a^-i is printed given a^-i, where it is 1. Must be P_prior(a^-i|s).",
    STAGE_SCOPE,
    Counterexample(
        separation_printed,
        {
            "q": [[0, 0]],
            "opponent_prior": ["1/2", "1/2"],
            "agent": [[1], [1]],
            "opponent": ["1/2", "1/2"],
        },
        "== 0",
    ),
)


def separation(
    arithmetic: Arithmetic,
    q: Numbers,
    agent_prior: Numbers,
    opponent_prior: Numbers,
    agent: Numbers,
    opponent: Numbers,
) -> Sides:
    """(7), and E_ρ[(E_π[N − log π/P_prior] − Q) − log ρ/P_prior + Q]."""
    stage = Game.stage(arithmetic, q, agent_prior, opponent_prior)
    pi, rho = laid_stage(agent), opponent[None]
    soft = stage.agent_soft(stage.u)
    inner = (pi * (stage.u - stage.agent_cost(pi) - soft[:, None])).sum(axis=1)
    return sides(stage.value(stage.u, pi, rho), stage.opponent_value(inner + soft, rho))


def prove_separation() -> Proof:
    n, agent_cost, opponent_cost, soft = sympy.symbols("N agent_cost opponent_cost Q")
    left = n - agent_cost - opponent_cost
    right = (n - agent_cost - soft) - opponent_cost + soft
    return prove_zero(left - right, "for every (a, b); Q(b) is constant under π(·|b)")


row(
    "report.A.1.2.step1.corrected",
    "proved",
    "report A.1.2",
    r"E_q[\beta R - \log\frac{\pi}{P} - \log\frac{\rho}{P}] = E_{q(s,a^{-i})}\Big["
    r"E_\pi[\beta R - \log\frac{\pi}{P} - Q] - \log\frac{\rho(a^{-i}|s)}{P(a^{-i}|s)} + Q\Big]",
    "Adding and subtracting Q(s, a^-i).",
    STAGE_SCOPE,
    Symbolic(prove_separation),
    sample(separation, STAGE, "== 0", STAGE_SIZES),
)


def inside_exponential(
    arithmetic: Arithmetic, q: Numbers, agent_prior: Numbers, agent: Numbers
) -> Sides:
    """E_π[N − log π/P_prior − Q], and −KL(π ‖ exp(N P_prior)/exp Q), the prior inside exp."""
    stage = Game.stage(arithmetic, q, agent_prior)
    pi, soft = laid_stage(agent), stage.agent_soft(stage.u)
    return sides(stage.agent_value(stage.u, pi) - soft, -printed_divergence(stage, pi))


def printed_divergence(stage: Game, agent: Numbers) -> Numbers:
    """ "KL"(π ‖ exp(N P_prior)/exp Q) as printed: Σ_a π (log π − N P_prior + Q)."""
    soft = stage.agent_soft(stage.u)[:, None]
    terms = stage.arithmetic.log(agent) - stage.u * stage.agent_prior + soft
    return (agent * terms).sum(axis=1)


UNIFORM_PAIR = {"q": [[0], [0]], "agent_prior": [["1/2", "1/2"]], "agent": [["1/2", "1/2"]]}
row(
    "report.A.1.2.step2.printed",
    "refuted",
    "report A.1.2",
    r"E_\pi\Big[\beta R - \log\frac{\pi}{P_{\mathrm{prior}}} - Q\Big] = -D_{KL}\Big(\pi \Big\| "
    r"\frac{\exp(\beta R\,P_{\mathrm{prior}})}{\exp Q}\Big)",
    "The prior stands inside the exponential. Two actions, R = 0, uniform prior and policy: 0 "
    "against log 2.",
    STAGE_SCOPE,
    Counterexample(inside_exponential, UNIFORM_PAIR, "== 0"),
)


def divergence_printed(
    arithmetic: Arithmetic, q: Numbers, agent_prior: Numbers, agent: Numbers
) -> Numbers:
    """The "KL" of the printed line, which Gibbs' inequality is applied to."""
    return printed_divergence(Game.stage(arithmetic, q, agent_prior), laid_stage(agent))


row(
    "report.A.1.2.gibbs.printed",
    "refuted",
    "report A.1.2",
    r"D_{KL}\big(\pi \,\big\|\, \exp(\beta R\,P_{\mathrm{prior}})/\exp Q\big) \ge 0",
    "exp(βR P_prior)/exp Q does not sum to one, so Gibbs' inequality says nothing about it: here "
    "it is −log 2.",
    STAGE_SCOPE,
    Counterexample(divergence_printed, UNIFORM_PAIR),
)


def agent_divergence(
    arithmetic: Arithmetic, q: Numbers, agent_prior: Numbers, agent: Numbers
) -> Sides:
    """E_π[N − log π/P_prior] − Q, and −KL(π ‖ π*)."""
    stage = Game.stage(arithmetic, q, agent_prior)
    pi, soft = laid_stage(agent), stage.agent_soft(stage.u)
    left = stage.agent_value(stage.u, pi) - soft
    return sides(left, -kl(pi, stage.agent_tilt(stage.u), 1, arithmetic))


def prove_agent_divergence() -> list[Proof]:
    """For each action, t = e^N and Z = e^Q opaque; and π* sums to one."""
    pi, mu, t, z, rest = (positive(n) for n in ("pi", "mu", "t", "Z", "rest"))
    log = sympy.log
    left = log(t) - log(pi / mu) - log(z)
    return [
        prove_zero(left + log(pi / (mu * t / z)), "each term, Z one symbol: any number of actions"),
        prove_zero(mu * t / (mu * t + rest) + rest / (mu * t + rest) - 1, "Σ_a π* = 1"),
    ]


row(
    "report.A.1.2.step2.corrected",
    "proved",
    "report A.1.2",
    r"E_\pi\Big[N - \log\frac{\pi}{P_{\mathrm{prior}}} - Q\Big] = -D_{KL}\Big(\pi \Big\| "
    r"\frac{\exp(N)\,P_{\mathrm{prior}}}{\exp Q}\Big),\ Q = \log \sum_a e^N P_{\mathrm{prior}}",
    "With the prior outside, and Q the normaliser, so that the second argument is a policy. N is "
    "any function of (s, a, b): βR here, Q*(s,a,b) in (12).",
    STAGE_SCOPE,
    Symbolic(prove_agent_divergence),
    sample(agent_divergence, AGENT, "== 0", STAGE_SIZES),
    assumes=("π ≪ P_prior",),
)

# -- (8) -------------------------------------------------------------------------------------------


def agent_optimum(
    arithmetic: Arithmetic, q: Numbers, agent_prior: Numbers, agent: Numbers, opponent: Numbers
) -> Numbers:
    """(7) at π* minus (7) at another π, the same ρ."""
    stage = Game.stage(arithmetic, q, agent_prior)
    best, rho = stage.agent_tilt(stage.u), opponent[None]
    return stage.value(stage.u, best, rho) - stage.value(stage.u, laid_stage(agent), rho)


row(
    "report.A.1.2.arbitrary.printed",
    "proved",
    "report A.1.2",
    r"\text{for any } N(s, a, a^{-i}):\ \max_\pi E_\pi\Big[N - \log\frac{\pi}{P_{\mathrm{prior}}}"
    r"\Big] = Q \text{ at } \pi \propto P_{\mathrm{prior}}\, e^{N}",
    "Finite sums: for every real N. With densities N must leave ∫ P_prior e^N finite.",
    STAGE_SCOPE,
    Deduction(("report.A.1.2.step2.corrected", GIBBS), "chain of inequalities", "E = Q − KL <= Q"),
    sample(agent_optimum, AGENT_PLAY, ">= 0", STAGE_SIZES),
    assumes=("π ≪ P_prior (else (7) is −∞)",),
)
row(
    "report.008.printed",
    "proved",
    "report (8)",
    r"\pi(a_T|s_T, a^{-i}_T) = \frac{\exp(\beta R) P_{\mathrm{prior}}(a_T|s_T, a^{-i}_T)}"
    r"{\exp Q^*(s_T, a^{-i}_T)} \text{ maximises (7) for every } \rho",
    "Well printed. It does not depend on ρ, so optimising π first loses nothing.",
    STAGE_SCOPE,
    Deduction(
        ("report.A.1.2.step1.corrected", "report.A.1.2.arbitrary.printed"),
        "special case",
        "N = βR, for every b that ρ reaches",
    ),
    sample(agent_optimum, AGENT_PLAY, ">= 0", STAGE_SIZES),
    assumes=("π ≪ P_prior (else (7) is −∞)",),
)


def part_one(
    arithmetic: Arithmetic, q: Numbers, agent_prior: Numbers, agent: Numbers, opponent: Numbers
) -> Numbers:
    """The same difference from A.1.2's part (1) alone, where the terms in ρ have cancelled."""
    stage = Game.stage(arithmetic, q, agent_prior)
    best, pi = stage.agent_tilt(stage.u), laid_stage(agent)
    gain = stage.agent_value(stage.u, best) - stage.agent_value(stage.u, pi)
    return (opponent[None] * gain).sum(axis=1)


row(
    "report.008.unique.printed",
    "refuted",
    "report (8)",
    r"\pi \ne \text{(8)} \Rightarrow \pi \text{ is not optimal in (7)}",
    "'The optimal policy is equal to' (8) only where ρ(a^-i|s) P(s) > 0: elsewhere π is free.",
    STAGE_SCOPE,
    Counterexample(
        part_one,
        {
            "q": [[0, 0], [0, 0]],
            "agent_prior": [["1/2", "1/2"], ["1/2", "1/2"]],
            "agent": [["1/2", "1/2"], ["1/4", "3/4"]],
            "opponent": [1, 0],
        },
        "> 0",
    ),
)


def agent_loss(
    arithmetic: Arithmetic, q: Numbers, agent_prior: Numbers, agent: Numbers, opponent: Numbers
) -> Sides:
    """What (7) loses at π, and E_ρ KL(π ‖ π*)."""
    stage = Game.stage(arithmetic, q, agent_prior)
    pi, best, rho = laid_stage(agent), stage.agent_tilt(stage.u), opponent[None]
    loss = stage.value(stage.u, best, rho) - stage.value(stage.u, pi, rho)
    return sides(loss, (rho * kl(pi, best, 1, arithmetic)).sum(axis=1))


row(
    "report.008.unique.corrected",
    "proved",
    "report (8)",
    r"\text{(7) at (8)} - \text{(7) at } \pi = E_{P(s)\rho}\, D_{KL}(\pi \| \text{(8)})",
    "So the optimum is unique exactly where ρ(a^-i|s) P(s) > 0.",
    STAGE_SCOPE,
    Deduction(
        ("report.A.1.2.step2.corrected", "report.A.1.2.step1.corrected"),
        "substitution of equals",
        "the line of A.1.2 at π and at (8), under E_ρ",
    ),
    sample(agent_loss, AGENT_PLAY, "== 0", STAGE_SIZES),
)
